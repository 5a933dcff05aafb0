"""Applying to a fixed point, writing atomically, undoing: nothing is lost, whatever happens in the middle."""

import errno
import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mlfix.analyzer.findings import Applicability, Edit, Fix
from mlfix.codemods import writing
from mlfix.codemods.edits import apply_edits, choose
from mlfix.codemods.session import Change, consented, mend
from mlfix.codemods.writing import NothingToUndo, undo_last, write_changes

from ..engine.toy import rename, request, write

OLD = "import torch\r\n\r\ndef f(x):\r\n\treturn torch.old(x)  # keep\x0c me é"


def always(finding, changed):
    return True


def test_fixes_are_applied_until_none_is_left(tmp_path: Path) -> None:
    write(tmp_path, {"a.py": "import torch\ntorch.old(torch.old(torch.old(1)))\n"})
    mended = mend(request(tmp_path), always)
    assert mended.changes["a.py"].after == b"import torch\ntorch.new(torch.new(torch.new(1)))\n"
    assert len(mended.applied) == 3
    assert not mended.report.findings
    assert (tmp_path / "a.py").read_bytes().count(b"old") == 3, "nothing is written yet"


def test_every_other_byte_stays(tmp_path: Path) -> None:
    for encoding, head in (("utf-8", ""), ("latin-1", "# coding: latin-1\r\n"), ("utf-8-sig", "")):
        data = (head + OLD).encode(encoding)
        root = write(tmp_path / encoding, {"a.py": data})
        assert mend(request(root), always).changes["a.py"].after == data.replace(b"torch.old", b"torch.new")


def test_nested_fixes_that_overlap_wait_and_are_counted_once(tmp_path: Path) -> None:
    def rename_whole_call(finding, project):
        fix = rename(finding, project)
        module = project.module(finding.location.path)
        call = next(c for c in module.calls() if module.location(c.func) == finding.location)
        start, end = module.span(call)
        text = "torch.new" + module.segment(call).removeprefix("torch.old")
        return Fix(
            fix.applicability, fix.title, (Edit(module.path, module.position(start), module.position(end), text),)
        )

    write(tmp_path, {"a.py": "import torch\ntorch.old(torch.old(1))\n"})
    mended = mend(request(tmp_path, codemods={"old-call": rename_whole_call}), always)
    assert mended.changes["a.py"].after == b"import torch\ntorch.new(torch.new(1))\n"
    assert len(mended.applied) == 2


def test_a_fix_that_breaks_the_file_is_taken_back_and_told(tmp_path: Path) -> None:
    def spoil(finding, project):
        edit = rename(finding, project).edits[0]
        text = "torch.new(" if finding.location.line == 2 else "torch.new"
        return Fix(Applicability.SAFE, "spoil", (Edit(edit.path, edit.start, edit.end, text),))

    write(tmp_path, {"a.py": "import torch\ntorch.old(1)\ntorch.old(2)\n"})
    mended = mend(request(tmp_path, codemods={"old-call": spoil}), always)
    assert mended.changes["a.py"].after == b"import torch\ntorch.old(1)\ntorch.new(2)\n"
    [(finding, reason)] = mended.refused
    assert finding.location.line == 2
    assert "no longer compile" in reason


def test_a_fix_that_mends_nothing_is_taken_back(tmp_path: Path) -> None:
    def idle(finding, project):
        edit = rename(finding, project).edits[0]
        return Fix(Applicability.SAFE, "idle", (Edit(edit.path, edit.start, edit.end, "torch.old"),))

    write(tmp_path, {"a.py": "import torch\ntorch.old(1)\n"})
    mended = mend(request(tmp_path, codemods={"old-call": idle}), always)
    assert not mended.changes
    assert "still found" in mended.refused[0][1]


def test_a_fix_that_makes_a_new_finding_is_taken_back(tmp_path: Path) -> None:
    def double(finding, project):
        edit = rename(finding, project).edits[0]
        return Fix(
            Applicability.SAFE,
            "double",
            (Edit(edit.path, edit.start, edit.end, "torch.old(torch.old(0)) or torch.old"),),
        )

    write(tmp_path, {"a.py": "import torch\ntorch.old(1)\n"})
    mended = mend(request(tmp_path, codemods={"old-call": double}), always)
    assert not mended.changes
    assert "new finding" in mended.refused[0][1]


def test_suppressed_lines_are_not_touched(tmp_path: Path) -> None:
    write(tmp_path, {"a.py": "import torch\ntorch.old(1)  # mlfix: ignore[old-call]\ntorch.old(2)\n"})
    assert mend(request(tmp_path), always).changes["a.py"].after.count(b"torch.new") == 1


def test_consent() -> None:
    from mlfix.analyzer.findings import Confidence, Finding, Level, Location

    def finding(kind: Applicability) -> Finding:
        place = Location("a.py", 1, 1, 1, 2)
        return Finding("r", "MLF990", Level.BREAKS, Confidence.HIGH, place, "m", "s", fix=Fix(kind, "t", ()))

    safe, unsafe, advice = (finding(kind) for kind in Applicability)
    assert consented(safe, [], False)
    assert not consented(unsafe, [], False)
    assert consented(unsafe, ["r"], False)
    assert consented(unsafe, [], True)
    assert not consented(advice, ["r"], True)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return write(tmp_path / "p", {"a.py": "one\n", "sub/b.py": "two\r\n"})


CHANGES = {"a.py": Change(b"one\n", b"uno\n"), "sub/b.py": Change(b"two\r\n", b"due\r\n")}


def contents(root: Path) -> dict[str, bytes]:
    return {p.relative_to(root).as_posix(): p.read_bytes() for p in root.rglob("*") if p.is_file()}


def test_writing_and_undoing_restore_every_byte_and_mode(tree: Path, tmp_path: Path) -> None:
    (tree / "a.py").chmod(0o755)
    before = contents(tree)
    assert write_changes(tree, CHANGES, tmp_path / "j").paths == ("a.py", "sub/b.py")
    assert contents(tree) == {"a.py": b"uno\n", "sub/b.py": b"due\r\n"}
    assert stat.S_IMODE((tree / "a.py").stat().st_mode) == 0o755
    assert undo_last(tree, tmp_path / "j").paths == ("a.py", "sub/b.py")
    assert contents(tree) == before
    with pytest.raises(NothingToUndo):
        undo_last(tree, tmp_path / "j")


def test_undo_goes_back_step_by_step(tree: Path, tmp_path: Path) -> None:
    write_changes(tree, {"a.py": Change(b"one\n", b"1\n")}, tmp_path / "j")
    write_changes(tree, {"a.py": Change(b"1\n", b"I\n")}, tmp_path / "j")
    undo_last(tree, tmp_path / "j")
    assert (tree / "a.py").read_bytes() == b"1\n"
    undo_last(tree, tmp_path / "j")
    assert (tree / "a.py").read_bytes() == b"one\n"


def test_undo_leaves_alone_what_was_changed_since(tree: Path, tmp_path: Path) -> None:
    write_changes(tree, CHANGES, tmp_path / "j")
    (tree / "a.py").write_text("mine\n")
    written = undo_last(tree, tmp_path / "j")
    assert written.paths == ("sub/b.py",)
    assert "changed since" in written.problems[0].message
    assert (tree / "a.py").read_text() == "mine\n"


def test_a_read_only_target_is_told_and_the_rest_written(tree: Path, tmp_path: Path) -> None:
    (tree / "a.py").chmod(0o444)
    written = write_changes(tree, CHANGES, tmp_path / "j")
    assert written.paths == ("sub/b.py",)
    assert "read-only" in written.problems[0].message


def test_a_link_out_of_the_root_is_not_followed(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "outside.py").write_bytes(b"one\n")
    (tree / "a.py").unlink()
    (tree / "a.py").symlink_to(tmp_path / "outside.py")
    written = write_changes(tree, CHANGES, tmp_path / "j")
    assert written.paths == ("sub/b.py",)
    assert (tmp_path / "outside.py").read_bytes() == b"one\n"


def test_a_file_changed_meanwhile_is_left_alone(tree: Path, tmp_path: Path) -> None:
    (tree / "a.py").write_bytes(b"edited\n")
    assert write_changes(tree, CHANGES, tmp_path / "j").paths == ("sub/b.py",)
    assert (tree / "a.py").read_bytes() == b"edited\n"


def full_disk(after: int):
    calls = 0
    real = os.fsync

    def fsync(handle: int) -> None:
        nonlocal calls
        calls += 1
        if calls > after:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(handle)

    return fsync


def test_a_full_disk_leaves_every_file_old_or_new(tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing.os, "fsync", full_disk(after=1))
    written = write_changes(tree, CHANGES, tmp_path / "j")
    assert written.paths == ("a.py",)
    assert "No space left" in written.problems[0].message
    assert contents(tree) == {"a.py": b"uno\n", "sub/b.py": b"two\r\n"}, "no temporary file is left"


def test_no_record_no_change(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "j").write_text("a file where the folder should be")
    before = contents(tree)
    with pytest.raises(OSError):
        write_changes(tree, CHANGES, tmp_path / "j")
    assert contents(tree) == before


@pytest.mark.parametrize("at", [0, 1])
def test_an_interrupt_leaves_every_file_old_or_new(
    at: int, tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Path.replace
    calls = 0

    def replace(self: Path, target: Path) -> Path:
        nonlocal calls
        if calls == at:
            raise KeyboardInterrupt
        calls += 1
        return real(self, target)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Path, "replace", replace)
        write_changes(tree, CHANGES, tmp_path / "j")
    new = {p: c.after for p, c in list(CHANGES.items())[:at]}
    assert contents(tree) == {p: new.get(p, c.before) for p, c in CHANGES.items()}


def test_an_interrupted_apply_can_be_undone(tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Path.replace
    calls = 0

    def replace(self: Path, target: Path) -> Path:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise KeyboardInterrupt
        return real(self, target)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Path, "replace", replace)
        write_changes(tree, CHANGES, tmp_path / "j")
    undo_last(tree, tmp_path / "j")
    assert contents(tree) == {p: c.before for p, c in CHANGES.items()}


def test_an_apply_that_was_killed_is_taken_back_without_a_rest(tree: Path, tmp_path: Path) -> None:
    class Killed(BaseException):
        pass

    real_replace, real_unlink = Path.replace, Path.unlink
    calls = 0

    def replace(self: Path, target: Path) -> Path:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise Killed
        return real_replace(self, target)

    def unlink(self: Path, missing_ok: bool = False) -> None:
        if not calls:  # what is killed tidies nothing up
            real_unlink(self, missing_ok=missing_ok)

    with pytest.MonkeyPatch.context() as patch, pytest.raises(Killed):
        patch.setattr(Path, "replace", replace)
        patch.setattr(Path, "unlink", unlink)
        write_changes(tree, CHANGES, tmp_path / "j")
    assert [p for p in contents(tree) if p.endswith(".mlfix")]
    written = undo_last(tree, tmp_path / "j")
    assert len(written.paths) == 1 and not written.problems
    assert contents(tree) == {p: c.before for p, c in CHANGES.items()}


def test_two_applies_at_once_write_one_after_the_other(tree: Path, tmp_path: Path) -> None:
    pytest.importorskip("fcntl")
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda _: write_changes(tree, CHANGES, tmp_path / "j"), range(2))
    assert {len(first.paths), len(second.paths)} == {len(CHANGES), 0}
    assert not undo_last(tree, tmp_path / "j").problems
    assert contents(tree) == {p: c.before for p, c in CHANGES.items()}


@given(st.text(alphabet="ab\n\r\x0c\u2028é", max_size=30), st.data())
def test_edits_replace_exactly_their_spans(text: str, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), min_size=2, max_size=6)))
    spans = [(a, b) for a, b in zip(cuts[::2], cuts[1::2], strict=False) if a < b]
    from mlfix.analyzer.source.reader import LINE_END

    starts = [0, *(m.end() for m in LINE_END.finditer(text))]

    def position(offset: int) -> tuple[int, int]:
        line = max(n for n, s in enumerate(starts) if s <= offset)
        return line + 1, offset - starts[line] + 1

    edits = [Edit("a.py", position(a), position(b), "X") for a, b in spans]
    expected, at = "", 0
    for a, b in spans:
        expected += text[at:a] + "X"
        at = b
    assert apply_edits(text, edits) == expected + text[at:]


def test_fixes_that_share_an_edit_go_together(tmp_path: Path) -> None:
    from dataclasses import replace

    from mlfix.analyzer.engine import scan

    write(tmp_path, {"a.py": "import torch\ntorch.old(1)\ntorch.old(2)\n"})
    shared = Edit("a.py", (1, 1), (1, 1), "# new\n")
    findings = [
        replace(f, fix=replace(f.fix, edits=(*f.fix.edits, shared))) for f in scan(request(tmp_path)).findings if f.fix
    ]
    chosen = choose(findings)
    assert len(chosen.taken) == 2
    assert chosen.edits["a.py"].count(shared) == 1
