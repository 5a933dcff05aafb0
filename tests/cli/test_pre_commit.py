"""The hooks, run by the real ``pre-commit`` in a git repository: it builds their environment from this project."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from mlfix.analyzer.project.dependencies import is_dependency_file

pytest.importorskip("pre_commit")
HOUSE = Path(__file__).resolve().parents[2]
INSTALLED = ("analyzer", "cli", "codemods", "rules", "templates", "pyproject.toml", "README.md", "LICENSE",
             ".pre-commit-hooks.yaml")  # fmt: skip
PINNED = "torch==1.9\n"
BAD = "import torch\nfrom torch.amp import autocast\n\nwith autocast('cuda'):\n    x = torch.ones(1)\n"
GOOD = "import torch\nfrom torch.cuda.amp import autocast\n\nwith autocast():\n    x = torch.ones(1)\n"

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform == "win32", reason="POSIX shell and paths")]


def run(command: list[str], folder: Path, code: int | None = 0, **variables: str) -> str:
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, **variables}, capture_output=True, text=True, check=False
    )
    assert code in (None, done.returncode), done.stdout + done.stderr
    return done.stdout + done.stderr


def git(folder: Path, *arguments: str, code: int | None = 0) -> str:
    return run(["git", "-c", "user.name=A", "-c", "user.email=a@example.org", *arguments], folder, code)


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder for pre-commit's environments and mlfix's caches; git and Python see nothing of the outside."""
    folder = tmp_path_factory.mktemp("outside")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PRE_COMMIT_HOME", str(folder / "pre-commit"))
        patch.setenv("MLFIX_CACHE_DIR", str(folder / "cache"))
        patch.setenv("MLFIX_STATE_DIR", str(folder / "state"))
        patch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
        patch.setenv("GIT_CONFIG_SYSTEM", os.devnull)
        for name in ("GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE", "PYTHONPATH", "SKIP"):
            patch.delenv(name, raising=False)
        yield folder


@pytest.fixture(scope="module")
def hooks(environment: Path) -> tuple[Path, str]:
    """This project as a hook repository, and its revision."""
    folder = environment / "mlfix"
    folder.mkdir()
    for name in INSTALLED:
        if (HOUSE / name).is_dir():
            shutil.copytree(HOUSE / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(HOUSE / name, folder / name)
    git(folder, "init", "--quiet")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "-m", "as it is")
    return folder, git(folder, "rev-parse", "HEAD").strip()


def guarded(folder: Path, hooks: tuple[Path, str], hook: str, files: dict[str, str]) -> Path:
    """A repository with a hook installed and some files committed before it was."""
    folder.mkdir()
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    source, revision = hooks
    config = {"repos": [{"repo": str(source), "rev": revision, "hooks": [{"id": hook}]}]}
    (folder / ".pre-commit-config.yaml").write_text(yaml.safe_dump(config))
    git(folder, "init", "--quiet")
    git(folder, "config", "user.name", "A")
    git(folder, "config", "user.email", "a@example.org")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "-m", "start")
    done = subprocess.run(
        [sys.executable, "-m", "pre_commit", "install", "--install-hooks"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    said = done.stdout + done.stderr
    if done.returncode and re.search(r"Could not find a version|Connection|Temporary failure|No matching distr", said):
        pytest.skip("pip cannot reach a package index to build the hook's environment")
    assert done.returncode == 0, said
    return folder


def commit(folder: Path, *paths: str, code: int) -> str:
    git(folder, "add", *paths)
    return git(folder, "commit", "-m", "change", code=code)


def count(folder: Path) -> int:
    return int(git(folder, "rev-list", "--count", "HEAD"))


def test_a_bad_commit_is_refused_and_the_mended_one_passes(tmp_path: Path, hooks: tuple[Path, str]) -> None:
    folder = guarded(tmp_path / "p", hooks, "mlfix-scan", {"requirements.txt": PINNED})
    (folder / "train.py").write_text(BAD)
    said = commit(folder, "train.py", code=1)
    assert "train.py:2:1: MLF101 amp-import" in said
    assert count(folder) == 1
    (folder / "train.py").write_text(GOOD)
    assert "Passed" in commit(folder, "train.py", code=0)
    assert count(folder) == 2


def test_the_whole_repository_is_read_and_only_the_changed_file_reported(
    tmp_path: Path, hooks: tuple[Path, str]
) -> None:
    files = {"requirements.txt": PINNED, "old/legacy.py": BAD, "old/broken.py": "def f(:\n", "new/__init__.py": ""}
    folder = guarded(tmp_path / "p", hooks, "mlfix-scan", files)
    (folder / "new/train.py").write_text(BAD)
    said = commit(folder, "new/train.py", code=1)
    assert "requirements.txt:1 pins 1.9" in said, "the cause lies in a file that is not part of the commit"
    assert "new/train.py:2:1:" in said
    assert "old/" not in said
    (folder / "new/train.py").write_text(GOOD)
    commit(folder, "new/train.py", code=0)


def test_nothing_to_look_at(tmp_path: Path, hooks: tuple[Path, str]) -> None:
    folder = guarded(tmp_path / "p", hooks, "mlfix-scan", {"requirements.txt": PINNED, "old.py": BAD})
    (folder / "notes.md").write_text("x\n")
    assert "no files to check" in commit(folder, "notes.md", code=0)
    assert "no files to check" in run([sys.executable, "-m", "pre_commit", "run"], folder)


def test_all_files(tmp_path: Path, hooks: tuple[Path, str]) -> None:
    folder = guarded(tmp_path / "p", hooks, "mlfix-scan", {"requirements.txt": PINNED, "a.py": BAD, "b.py": GOOD})
    said = run([sys.executable, "-m", "pre_commit", "run", "--all-files"], folder, code=1)
    assert said.count("MLF101") == 1


def test_apply_mends_and_the_second_commit_passes(tmp_path: Path, hooks: tuple[Path, str]) -> None:
    folder = guarded(tmp_path / "p", hooks, "mlfix-apply", {"requirements.txt": PINNED, "old.py": BAD})
    (folder / "train.py").write_text(BAD)
    (folder / "notes.txt").write_text("not staged\n")
    said = commit(folder, "train.py", code=1)
    assert "fixed train.py:2: amp-import" in said
    assert "files were modified by this hook" in said
    assert (folder / "train.py").read_text() == GOOD
    assert (folder / "old.py").read_text() == BAD, "not part of the commit"
    assert count(folder) == 1
    commit(folder, "train.py", code=0)
    assert count(folder) == 2


@pytest.mark.parametrize("hook", [0, 1])
def test_the_hooks_run_for_every_kind_of_file_that_a_finding_may_lie_in(hook: int) -> None:
    pattern = re.compile(yaml.safe_load((HOUSE / ".pre-commit-hooks.yaml").read_text())[hook]["files"])
    for path in (
        "train.py", "a/b.pyw", "requirements.txt", "reqs/base.in", "deps.pip", "pyproject.toml", "setup.cfg", "tox.ini",
        "Pipfile", "Pipfile.lock", "poetry.lock", "environment.yml", "conda.yaml", "docker/Dockerfile", "Dockerfile.gpu",
        "gpu.dockerfile", "conf/train.yaml",
    ):  # fmt: skip
        assert pattern.search(path), path
        assert is_dependency_file(path) or path.endswith((".py", ".pyw", ".pip", "train.yaml", "base.in")), path
    for path in ("README.md", "data.csv", "weights.pt", "my_pipfile_notes.md", "train.ipynb"):
        assert not pattern.search(path), path
