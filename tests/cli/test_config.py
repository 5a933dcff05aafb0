"""Settings: where they are found, what they do, and that a bad one is one clear line."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from .conftest import BAD, CONFIG, Place

TWO: dict[str, str | bytes] = {"a.py": BAD, "vendor/b.py": "import torch\ntorch.slow(1)\n"}


def reported(place: Place, *arguments: str) -> list[str]:
    data = json.loads(place.mlfix("scan", "--format", "json", *arguments).stdout)
    return [f["path"] for f in data["findings"]]


RULES = 'rules = ["toy_rules"]\n'


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ('select = ["old-call"]', ["a.py"]),
        ('select = ["TOY102"]', ["vendor/b.py"]),
        ('ignore = ["TOY101"]', ["vendor/b.py"]),
        ('exclude = ["vendor/"]', ["a.py"]),
        ('per-file-ignores = { "vendor/**" = ["slow-call"] }', ["a.py"]),
        ('[per-file-ignores]\n"vendor/" = ["TOY102"]', ["a.py"]),
        ('level = "breaks"', ["a.py"]),
        ('confidence = "high"', ["a.py", "vendor/b.py"]),
        ('torch = ">=2.1"', ["a.py", "vendor/b.py"]),
        ('entry = "python train.py"', ["a.py", "vendor/b.py"]),
        ("respect-gitignore = false", ["a.py", "ignored.py", "vendor/b.py"]),
    ],
)
def test_settings(empty: Place, settings: str, expected: list[str]) -> None:
    empty.write({**TWO, "ignored.py": BAD, ".gitignore": "ignored.py\n", "mlfix.toml": RULES + settings + "\n"})
    assert reported(empty) == expected


@pytest.mark.parametrize("name", ["mlfix.toml", ".mlfix.toml", "pyproject.toml"])
def test_where_settings_lie(empty: Place, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (empty.root / "mlfix.toml").unlink()
    table = "[tool.mlfix]\n" if name == "pyproject.toml" else ""
    empty.write({**TWO, name: table + CONFIG + 'exclude = ["vendor/"]\n'})
    assert reported(empty) == ["a.py"]
    monkeypatch.chdir(empty.root / "vendor")
    assert reported(empty, "../a.py") == ["a.py"]


def test_a_pyproject_without_a_table_is_no_configuration(empty: Place) -> None:
    (empty.root / "mlfix.toml").unlink()
    empty.write({**TWO, "pyproject.toml": "[project]\nname = 'x'\n"})
    assert reported(empty) == []


def test_the_command_line_comes_before_the_settings(empty: Place, tmp_path: Path) -> None:
    empty.write({**TWO, "mlfix.toml": CONFIG + 'level = "breaks"\nexclude = ["nothing"]\n'})
    assert reported(empty) == ["a.py"]
    assert reported(empty, "--level", "wastes", "--exclude", "a.py") == ["vendor/b.py"]
    (tmp_path / "other.toml").write_text(RULES + 'select = ["slow-call"]\n')
    assert reported(empty, "--config", str(tmp_path / "other.toml")) == ["vendor/b.py"]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ("select = [", "is no valid TOML"),
        (b"x = '\xff'", "is no valid TOML"),
        ('colour = "red"', "unknown key 'colour': known are "),
        ('select = "old-call"', "'select' must be a list of strings, and is 'old-call'"),
        ("exclude = [1]", "'exclude' must be a list of strings"),
        ('level = "bad"', "'level' must be one of breaks, degrades, wastes, and is 'bad'"),
        ("confidence = 3", "'confidence' must be one of high, medium, low"),
        ("baseline = 1", "'baseline' must be a string"),
        ('torch = "two"', "'torch' must be a version range such as"),
        ("healthy = 1", "'healthy' must be a table"),
        ('respect-gitignore = "no"', "'respect-gitignore' must be true or false"),
        ('per-file-ignores = ["a"]', "'per-file-ignores' must be a table of pattern to list of rules"),
        ('rules = ["no_such_module"]', "no_such_module cannot be imported (No module named 'no_such_module')"),
        ('rules = ["json"]', "json holds no mlfix rule"),
        (RULES + 'select = ["old-cal"]', "select: no rule 'old-cal': did you mean old-call?"),
        (RULES + 'ignore = ["old-cal"]', "ignore: no rule 'old-cal': did you mean old-call?"),
        (
            RULES + 'per-file-ignores = { "*.py" = ["slow"] }',
            "per-file-ignores: no rule 'slow': did you mean slow-call?",
        ),
        ('select = ["unused-suppression"]', "unused-suppression comes with every scan"),
    ],
)
def test_a_bad_setting_is_one_clear_line(place: Place, settings: str | bytes, words: str) -> None:
    place.write({"mlfix.toml": settings})
    for command in ("scan", "apply"):
        result = place.mlfix(command)
        assert result.exit_code == 2
        assert result.stdout == ""
        [line] = result.stderr.splitlines()
        assert line.startswith("mlfix: error: ")
        assert "mlfix.toml: " in line
        assert words in line
    assert place.read("train.py") == BAD.encode()


@pytest.mark.parametrize(
    ("given", "words"), [("nowhere.toml", "nowhere.toml: cannot be read: No such file"), (".", "is a directory")]
)
def test_a_configuration_that_is_not_there(place: Place, given: str, words: str) -> None:
    result = place.mlfix("scan", "--config", given)
    assert result.exit_code == 2
    assert words in result.stderr


def test_a_module_that_fails_is_told(place: Place) -> None:
    place.write({"angry.py": "raise ValueError('not today')\n", "mlfix.toml": 'rules = ["angry"]\n'})
    path = os.pathsep.join([os.environ["PYTHONPATH"], str(place.root)])
    done = place.process("scan", env={**os.environ, "PYTHONPATH": path})
    assert done.returncode == 2
    assert b"rules: angry cannot be imported (not today): install it beside mlfix\n" in done.stderr


def test_a_scanned_repositorys_own_modules_are_not_importable_as_rules(place: Place) -> None:
    place.write(
        {"angry.py": "from pathlib import Path\nPath('executed').touch()\n", "mlfix.toml": 'rules = ["angry"]\n'}
    )
    command = Path(os.sys.executable).with_name("mlfix")  # pyright: ignore[reportAttributeAccessIssue]
    import subprocess

    done = subprocess.run([command, "scan"], cwd=place.root, capture_output=True, check=False)
    assert done.returncode == 2
    assert not (place.root / "executed").exists()


def test_a_users_rule_that_changes_is_read_anew(empty: Place) -> None:
    module = "from toy_rules import OldCall as Base, fix\nclass Own(Base):\n    name, code = 'own', 'TOY300'\n    target = {!r}\n"
    empty.write({"a.py": "import torch\ntorch.old(1)\ntorch.slow(1)\n", "mlfix.toml": 'rules = ["own"]\n'})
    found = []
    for target in ("torch.old", "torch.none"):
        empty.write({"own.py": module.format(target), ".gitignore": "own.py\n"})
        path = os.pathsep.join([os.environ["PYTHONPATH"], str(empty.root)])
        done = empty.process("scan", env={**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"})
        found.append(done.returncode)
    assert found == [1, 0]
