"""A run sees the project with its fix; what it writes there never reaches the user's files."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from mlfix.analyzer.runtime import copying
from mlfix.analyzer.runtime.trees import TreeError, make_tree, remove_folder

from .projects import Lab

TRAINS = "import torch\nfor _ in range(9):\n    torch.step()\n"


def said(run: object) -> str:
    return "\n".join(run.output)  # pyright: ignore


def test_the_program_sees_the_fix_and_its_writes_stay_in_the_tree(lab: Lab) -> None:
    lab.write({"pkg/__init__.py": "", "pkg/value.py": "VALUE = 1\n", "data/x.txt": "old", "gone.txt": "here"})
    program = (
        """
import os, pathlib, shutil
from pkg.value import VALUE
print("value", VALUE, pathlib.Path("data/x.txt").read_text())
pathlib.Path("data/x.txt").write_text("new")
pathlib.Path("data/more.txt").write_text("more")
pathlib.Path("gone.txt").unlink()
os.makedirs("runs/1"); pathlib.Path("runs/1/weights").write_bytes(b"w" * 1000)
pathlib.Path("pkg/value.py").write_text("VALUE = 3")
shutil.rmtree("data")
"""
        + TRAINS
    )
    run = lab.run(program, files={"pkg/value.py": b"VALUE = 2\n"})
    assert run.ran, run
    assert "value 2 old" in said(run)
    assert run.steps == 5


def test_byte_code_of_the_file_as_is_is_not_taken_for_the_fixed_one(lab: Lab) -> None:
    lab.write({"value.py": "VALUE = 1\n"})
    import py_compile

    py_compile.compile(str(lab.root / "value.py"))
    assert (lab.root / "__pycache__").is_dir()
    run = lab.run("from value import VALUE\nprint('value', VALUE)\n" + TRAINS, files={"value.py": b"VALUE = 2\n"})
    assert "value 2" in said(run)


def test_what_is_written_through_links_stays_in_the_tree(lab: Lab) -> None:
    (lab.outside / "data").mkdir()
    (lab.outside / "data" / "x.txt").write_text("mine")
    lab.write({"inner/y.txt": "y"})
    (lab.root / "data").symlink_to(lab.outside / "data")
    (lab.root / "alias").symlink_to("inner")
    (lab.root / "nowhere").symlink_to("missing")
    program = (
        """
from pathlib import Path
print("read", Path("data/x.txt").read_text(), Path("alias/y.txt").read_text())
Path("alias/y.txt").write_text("changed")
print("inner", Path("inner/y.txt").read_text())
try:
    Path("data/x.txt").write_text("changed"); Path("data/new.txt").write_text("new")
except OSError as error:
    print(error)
"""
        + TRAINS
    )
    run = lab.run(program)
    assert "read mine y" in said(run)
    assert "inner changed" in said(run)
    assert {p.name: p.read_text() for p in (lab.outside / "data").iterdir()} == {"x.txt": "mine"}


def test_absolute_paths_of_the_project_are_alike_in_an_overlay(lab: Lab) -> None:
    if lab.way == "copy":
        pytest.skip("a copy lies elsewhere")
    program = f"from pathlib import Path\nPath({str(lab.root)!r}, 'made').write_text('x')\nprint(__file__)\n" + TRAINS
    run = lab.run(program)
    assert run.ran
    assert run.deviations == ("torch.compile is off (--keep-compile leaves it on)",)


def test_a_write_by_absolute_path_past_a_copy_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lab = Lab(tmp_path, monkeypatch, "copy")
    made = lab.root / "made.txt"
    with pytest.raises(AssertionError):  # the lab's own check: the copy cannot hold it back
        lab.run(f"from pathlib import Path\nPath({str(made)!r}).write_text('x')\n" + TRAINS)
    made.unlink()
    seen = []
    monkeypatch.setattr("tests.runtime.harness.projects.digest", lambda folder: seen.append(folder) or "")
    (tmp_path / "tmp").mkdir(exist_ok=True)
    run = lab.run(f"from pathlib import Path\nPath({str(made)!r}).write_text('x')\n" + TRAINS)
    assert any("made.txt of your own folder" in d for d in run.deviations)


def test_a_folder_below_the_project_is_the_place_to_start(lab: Lab) -> None:
    lab.write({"sub/train.py": "import os\nprint('in', os.path.basename(os.getcwd()))\n" + TRAINS})
    import sys

    run = lab.run("", "bash", "-c", f"cd sub && {sys.executable} train.py")
    assert "in sub" in said(run)


def test_what_a_run_changed_is_kept_where_asked(lab: Lab, tmp_path: Path) -> None:
    keep = tmp_path / "kept"
    run = lab.run("open('made.txt', 'w').write('x')\n" + TRAINS, keep=keep)
    (place,) = keep.iterdir()
    assert (place / "tree" / "made.txt").read_text() == "x"
    assert run.trace.folder == place / "trace"
    assert list((place / "trace").glob("*.jsonl"))
    assert (place / "output.txt").exists()


def test_a_copy_leaves_out_what_no_training_needs_and_shares_nothing(tmp_path: Path) -> None:
    root = tmp_path / "root"
    for path in ("a/x.py", ".git/config", "env/pyvenv.cfg", "env/big", "a/__pycache__/x.pyc", "node_modules/m.js"):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text("x")
    (root / "a" / "link.py").symlink_to(root / "a" / "x.py")
    (root / "up").symlink_to(root)  # a loop
    copying.copy_tree(root, tmp_path / "copy")
    found = sorted(p.relative_to(tmp_path / "copy").as_posix() for p in (tmp_path / "copy").rglob("*"))
    assert found == ["a", "a/link.py", "a/x.py", "up"]
    (tmp_path / "copy" / "a" / "link.py").write_text("changed")
    assert (root / "a" / "x.py").read_text() == "x"
    assert (tmp_path / "copy" / "a" / "x.py").read_text() == "changed"
    assert (root / "a" / "x.py").stat().st_nlink == 1


def test_a_project_that_does_not_fit_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (root / "x").write_text("x")
    (tmp_path / "tree").mkdir()
    usage = shutil.disk_usage(tmp_path)._replace(free=10)
    monkeypatch.setattr(copying.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(TreeError, match="set TMPDIR to a larger disk"):
        make_tree((), root, tmp_path / "tree", {}, root)


def test_a_folder_that_nobody_may_enter_is_removed(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    (folder / "work" / "work").mkdir(parents=True)
    (folder / "work" / "work" / "x").write_text("x")
    (folder / "work" / "work").chmod(0)
    remove_folder(folder)
    assert not folder.exists()
