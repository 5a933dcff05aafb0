"""What a user's machine and repository may hold: each ends in one clear line and an exit code of mlfix's own."""

import json
import os
import sys
from pathlib import Path

import pytest

from .conftest import BAD, CONFIG, Place

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="as Linux has it")


def told(place: Place, *arguments: str) -> tuple[int, str]:
    """The exit code and what was said, which holds no traceback."""
    result = place.mlfix(*arguments)
    assert "Traceback" not in result.output
    return result.exit_code, result.output


# --- settings

SETTINGS = {
    "tool is no table": ("tool = 3\n# [tool.mlfix]\n", "[tool.mlfix] must be a table"),
    "mlfix is no table": ("[tool]\nmlfix = 3\n# [tool.mlfix\n", "[tool.mlfix] must be a table"),
    "endless nesting": ("[tool.mlfix]\nx = " + "[" * 3000 + "]" * 3000, "it nests too deeply"),
    "a bad exclude": ('[tool.mlfix]\nexclude = ["a", "!"]\n', "exclude: '!' is no pattern in .gitignore syntax"),
    "a bad pattern": (
        '[tool.mlfix.per-file-ignores]\n"!" = ["amp-import"]\n',
        "'!' is no pattern in .gitignore syntax",
    ),
}


@pytest.mark.parametrize("kind", SETTINGS)
def test_settings_that_cannot_be_used(empty: Place, kind: str) -> None:
    text, words = SETTINGS[kind]
    (empty.root / "mlfix.toml").unlink()
    empty.write({"pyproject.toml": text})
    code, said = told(empty, "scan")
    assert (code, said.count("\n")) == (2, 1)
    assert "pyproject.toml: " in said and words in said


def test_settings_with_a_byte_order_mark(place: Place) -> None:
    place.write({"mlfix.toml": b"\xef\xbb\xbf" + CONFIG.encode()})
    assert told(place, "scan", "--format", "concise")[0] == 1


def test_settings_that_are_a_link_to_nowhere(place: Place) -> None:
    (place.root / "mlfix.toml").unlink()
    (place.root / "mlfix.toml").symlink_to("gone.toml")
    code, said = told(place, "scan")
    assert code == 2 and "mlfix.toml: cannot be read: No such file" in said


def test_an_exclude_that_is_no_pattern(place: Place) -> None:
    code, said = told(place, "scan", "--exclude", "!")
    assert (code, said) == (
        2,
        "mlfix: error: --exclude: '!' is no pattern in .gitignore syntax: correct or remove it\n",
    )


def test_a_baseline_that_nests_endlessly(place: Place) -> None:
    place.write({"mlfix.toml": f'baseline = "b.json"\n{CONFIG}', "b.json": "[" * 100_000})
    code, said = told(place, "scan")
    assert code == 2 and "b.json: is no baseline: write it anew with --write-baseline" in said


# --- paths


@LINUX
def test_a_path_that_is_neither_file_nor_folder(place: Place) -> None:
    os.mkfifo(place.root / "pipe.py")
    assert told(place, "scan", "pipe.py") == (2, "mlfix: error: pipe.py: is neither a file nor a folder\n")
    assert told(place, "scan", "--format", "concise")[0] == 1


def test_a_path_that_the_system_does_not_take(place: Place) -> None:
    code, said = told(place, "scan", "a" * 5000)
    assert code == 2 and said.startswith("mlfix: error: aaa") and len(said) < 300


@LINUX
@pytest.mark.parametrize("command", ["scan", "undo", "apply"])
def test_a_working_folder_that_is_gone(place: Place, command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = place.root / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    code, said = told(place, command)
    assert code == 2 and "cannot be looked at: No such file or directory" in said
    assert told(place, "scan", str(place.root))[0] == 1


@LINUX
@pytest.mark.parametrize("closed", [(2,), (1, 2), (0,)])
def test_streams_that_are_closed(place: Place, closed: tuple[int, ...]) -> None:
    ends = " ".join(f"{n}{'<' if n == 0 else '>'}&-" for n in closed)
    for arguments, code in (("scan", 1), ("scan gone", 2), ("apply --interactive", 2 if 0 in closed else None)):
        line = f"{sys.executable} -m mlfix.cli {arguments} {ends}; echo $? >&3"
        (place.root / "code").unlink(missing_ok=True)
        os.system(f"cd {place.root} && exec 3>code && ({line}) >out 2>err </dev/null")
        if code is not None:
            assert place.read("code").strip() == str(code).encode()
        assert b"Traceback" not in place.read("out") + place.read("err")


# --- names


@LINUX
@pytest.mark.parametrize("format_", ["text", "concise"])
def test_a_name_neither_breaks_a_line_nor_steers_the_terminal(empty: Place, format_: str) -> None:
    names = ("new\nline.py", "esc\x1b[31m.py", "sur\udcff.py", "bad\n\x1b[2J.py")
    for name in names:
        (empty.root / name).write_text("def f(:\n" if name.startswith("bad") else BAD)
    code, said = told(empty, "scan", "--format", format_)
    assert code == 1
    assert "new\\nline.py:5" in said and "esc\\x1b[31m.py:5" in said and "sur\\udcff.py:5" in said
    assert "bad\\n\\x1b[2J.py:1" in said and "\x1b" not in said
    done = empty.mlfix("apply")
    assert "fixed new\\nline.py:5: " in done.output and "\x1b" not in done.output
    assert "put back new\\nline.py\n" in empty.mlfix("undo").output


@LINUX
def test_a_diff_with_such_names_is_taken_by_git(empty: Place) -> None:
    names = ("new\nline.py", "es\x1bc.py", "sur\udcff.py", "a b.py", 'q"\t\\\n.py')
    for name in names:
        (empty.root / name).write_text(BAD)
    empty.git("init", "--quiet")
    done = empty.process("scan", "--diff")
    (empty.root.parent / "patch").write_bytes(done.stdout)
    empty.git("apply", str(empty.root.parent / "patch"))
    assert [(empty.root / name).read_text() for name in names] == [BAD.replace("old", "new")] * len(names)


def test_code_does_not_steer_the_terminal(empty: Place) -> None:
    empty.write({"train.py": 'import torch\n\nx = "\x1b[2J"\ny = torch.old(x, "\x1b[1A")\n'})
    assert "\x1b" not in told(empty, "scan")[1]


# --- what is written


def refuse_after(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """A disk that is full when a file of some name is written."""
    from mlfix.analyzer import writing

    class Full:
        def __init__(self, handle: int, *_: object) -> None:
            self.handle = handle

        def __enter__(self) -> "Full":
            return self

        def __exit__(self, *_: object) -> None:
            os.close(self.handle)

        def write(self, data: bytes) -> None:
            os.write(self.handle, data[:3])
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(writing.os, name, Full)


@pytest.mark.parametrize("arguments", [["--output", "report.txt"], ["--write-baseline", "report.txt"]])
def test_a_full_disk_leaves_the_last_report(
    place: Place, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    place.write({"report.txt": "the last one"})
    with monkeypatch.context() as patch:
        refuse_after(patch, "fdopen")
        code, said = told(place, "scan", "--no-cache", *arguments)
    assert code == 2 and "No space left on device" in said
    assert place.read("report.txt") == b"the last one"
    assert sorted(p.name for p in place.root.iterdir()) == ["mlfix.toml", "report.txt", "train.py"]
    assert told(place, "scan", *arguments)[0] in (0, 1)
    assert place.read("report.txt") != b"the last one"


@LINUX
def test_a_report_into_what_is_no_file(place: Place) -> None:
    (place.root / "link.txt").symlink_to("report.txt")
    assert told(place, "scan", "--output", "link.txt")[0] == 1
    assert (place.root / "link.txt").is_symlink() and b"old-call" in place.read("report.txt")
    assert told(place, "scan", "--output", "/dev/null")[0] == 1


def test_what_could_not_be_written_is_left(place: Place) -> None:
    (place.root / "train.py").chmod(0o444)
    code, said = told(place, "apply")
    assert code == 2
    assert "train.py: is read-only: make it writable" in said and "0 fixed in 0 files, 1 left" in said


def test_a_cache_of_other_types_is_none(place: Place, tmp_path: Path) -> None:
    first = told(place, "scan", "--format", "concise")
    for file in (tmp_path / "cache").rglob("results.json"):
        data = json.loads(file.read_text())
        for row in data["checked"].values():
            for finding in row["findings"]:
                finding["location"] = [str(x) for x in finding["location"]]
        file.write_text(json.dumps(data))
    assert told(place, "scan", "--format", "concise") == first
    for file in (tmp_path / "cache").rglob("results.json"):
        data = json.loads(file.read_text())
        file.write_text(json.dumps({**data, "lines": dict.fromkeys(data["lines"], "6")}))
    assert told(place, "scan")[0] == 1


@LINUX
def test_a_cache_of_pipes_is_none(place: Place, tmp_path: Path) -> None:
    assert told(place, "scan")[0] == 1
    for file in [*(tmp_path / "cache").rglob("*.json")]:
        file.unlink()
        os.mkfifo(file)
    assert told(place, "scan")[0] == 1
