"""``mlfix apply`` and ``mlfix undo``: what is written, what is asked, what is refused, and that all comes back."""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path

import pytest

from .conftest import BAD, CONFIG, GOOD, Place

THREE: dict[str, str | bytes] = {
    "a.py": BAD,
    "b.py": "import torch\ntorch.slow(1)\ntorch.old(2)\n",
    "c.py": "import torch\ntorch.odd(1)\n",
}


def test_safe_fixes_are_applied_and_the_rest_is_told(empty: Place) -> None:
    empty.write(THREE)
    result = empty.mlfix("apply")
    assert result.exit_code == 1
    assert empty.read("a.py") == GOOD.encode()
    assert empty.read("b.py") == b"import torch\ntorch.slow(1)\ntorch.new(2)\n"
    assert empty.read("c.py") == THREE["c.py"].encode()  # pyright: ignore[reportAttributeAccessIssue]
    assert result.stdout == "fixed a.py:5: old-call: use `torch.new`\nfixed b.py:3: old-call: use `torch.new`\n"
    assert result.stderr.splitlines() == [
        "2 fixed in 2 files, 2 left",
        "1 of those left has an unsafe fix, which changes what is trained: --unsafe or --rule",
        "`mlfix undo` takes this back",
    ]


@pytest.mark.parametrize("options", [["--unsafe"], ["--rule", "slow-call"], ["--rule", "TOY102"]])
def test_unsafe_fixes_need_consent(empty: Place, options: list[str]) -> None:
    empty.write(THREE)
    empty.mlfix("apply", *options)
    assert b"torch.fast" in empty.read("b.py")
    assert (b"torch.new" in empty.read("b.py")) == ("--unsafe" in options)
    assert b"torch.odd" in empty.read("c.py"), "advice is never written"


def test_an_unsafe_fix_that_was_refused_is_not_offered_again(empty: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    stubborn = """from mlfix.analyzer.findings import Applicability, Edit, Fix
from toy_rules import OldCall as Base

class Stubborn(Base):
    name, code = "stubborn", "TOY301"

def fix(finding, project):
    module = project.module(finding.location.path)
    return Fix(Applicability.UNSAFE, "add a comment", (Edit(module.path, (1, 1), (1, 1), "# mended\\n"),))
"""
    monkeypatch.syspath_prepend(str(empty.root))
    empty.write({"stubborn.py": stubborn, "mlfix.toml": 'rules = ["stubborn"]\nexclude = ["stubborn.py"]\n'})
    empty.write({"a.py": "import torch\ntorch.old(1)\n"})
    result = empty.mlfix("apply", "--unsafe")
    assert result.stderr.splitlines() == [
        "not fixed a.py:2: stubborn: stubborn is still found in a.py after the fix",
        "0 fixed in 0 files, 1 left",
    ]
    assert empty.read("a.py") == b"import torch\ntorch.old(1)\n"


def test_all_fixed_ends_with_0_and_a_second_time_nothing_is_left_to_do(place: Place) -> None:
    assert place.mlfix("apply", "--all").exit_code == 0
    before = place.contents()
    result = place.mlfix("apply")
    assert result.exit_code == 0
    assert result.stderr == "0 fixed in 0 files, 0 left\n"
    assert place.contents() == before


def test_exit_codes(empty: Place) -> None:
    empty.write(THREE)
    assert empty.mlfix("apply", "--diff", "--exit-zero").exit_code == 0
    assert empty.mlfix("apply", "--exit-zero").exit_code == 0
    assert empty.mlfix("apply", "--ignore", "odd-call", "--unsafe", "--exit-non-zero-on-fix").exit_code == 1
    assert empty.mlfix("apply", "--ignore", "odd-call", "--exit-non-zero-on-fix").exit_code == 0
    assert empty.mlfix("apply", "--diff", "--ignore", "odd-call").exit_code == 0, "nothing to change"
    assert empty.mlfix("apply").exit_code == 1, "the advice is left"


@pytest.mark.parametrize("options", [["--all", "--rule", "old-call"], ["--diff", "--commit"]])
def test_options_that_contradict_each_other_are_refused(place: Place, options: list[str]) -> None:
    assert place.mlfix("apply", *options).exit_code == 2
    assert place.read("train.py") == BAD.encode()


def test_suppressed_lines_are_not_touched(empty: Place) -> None:
    text = "import torch\ntorch.old(1)  # mlfix: ignore[old-call]\ntorch.old(2)\n"
    empty.write({"a.py": text})
    assert empty.mlfix("apply").exit_code == 0
    assert empty.read("a.py") == text.replace("old(2)", "new(2)").encode()


def test_a_refused_fix_is_told(empty: Place) -> None:
    empty.write({"a.py": BAD, "ro.py": BAD})
    (empty.root / "ro.py").chmod(0o444)
    result = empty.mlfix("apply")
    assert result.exit_code == 2
    assert "mlfix: error: ro.py: is read-only: make it writable (chmod u+w), then apply again" in result.stderr
    assert "1 fixed in 1 file" in result.stderr
    assert empty.read("a.py") == GOOD.encode()


ODD: dict[str, str | bytes] = {
    "crlf.py": BAD.replace("\n", "\r\n"),
    "no_end.py": BAD.rstrip("\n"),
    "crlf_no_end.py": BAD.replace("\n", "\r\n").rstrip(),
    "bom.py": "\ufeff" + BAD,
    "feeds.py": "import torch\n\x0c\nx = '\x0c \u2028'\ny = torch.old(x)\n\x0c",
    "mixed.py": "import torch\r\nx = 1\ny = torch.old(x)\r\n",
    "a folder/with space.py": BAD,
    "é.py": "import torch\ns = '日本語'; torch.old(s)\n",
}


def test_the_diff_is_what_apply_writes(empty: Place) -> None:
    empty.write(ODD).committed()
    before = empty.contents()
    diff = empty.process("apply", "--diff")
    assert diff.returncode == 1
    assert empty.contents() == before
    subprocess.run(["git", "apply", "--check", "-"], cwd=empty.root, input=diff.stdout, check=True)
    subprocess.run(["git", "apply", "-"], cwd=empty.root, input=diff.stdout, check=True)
    patched = empty.contents()
    assert patched == {p: t.replace(b"torch.old", b"torch.new") for p, t in before.items()}
    empty.git("checkout", "--", ".")
    assert empty.mlfix("apply").exit_code == 0
    assert empty.contents() == patched


def test_undo_restores_every_byte_and_mode(empty: Place) -> None:
    empty.write({**THREE, **ODD, "latin.py": "# coding: latin-1\nimport torch\ntorch.old('é')\n".encode("latin-1")})
    (empty.root / "a.py").chmod(0o755)
    before = empty.contents()
    assert empty.mlfix("apply", "--unsafe").exit_code == 1
    assert sum(before[p] != text for p, text in empty.contents().items()) == 2 + len(ODD) + 1
    result = empty.mlfix("undo")
    assert result.exit_code == 0
    assert "put back a.py\n" in result.stdout
    assert empty.contents() == before
    assert stat.S_IMODE((empty.root / "a.py").stat().st_mode) == 0o755


def test_undo_goes_back_step_by_step_and_ends_with_a_clear_line(empty: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    empty.write({**THREE, "sub/x.txt": ""})
    before = empty.contents()
    empty.mlfix("apply")
    empty.mlfix("apply", "--unsafe")
    monkeypatch.chdir(empty.root / "sub")
    assert empty.mlfix("undo").exit_code == empty.mlfix("undo", "..").exit_code == 0
    assert empty.contents() == before
    result = empty.mlfix("undo")
    assert result.exit_code == 2
    assert result.stderr == f"mlfix: error: no apply in {empty.root} is left to take back\n"


def test_undo_leaves_alone_what_was_changed_since(empty: Place) -> None:
    empty.write({"a.py": BAD, "b.py": BAD})
    empty.mlfix("apply")
    empty.write({"a.py": "mine = 1\n"})
    result = empty.mlfix("undo")
    assert result.exit_code == 2
    assert "a.py: was changed since the apply: left as it is" in result.stderr
    assert empty.read("a.py") == b"mine = 1\n"
    assert empty.read("b.py") == BAD.encode()


def test_a_record_that_cannot_be_kept_stops_the_apply(place: Place, tmp_path: Path) -> None:
    (tmp_path / "state").write_text("no folder")
    result = place.mlfix("apply")
    assert result.exit_code == 2
    assert result.stderr.startswith("mlfix: error: nothing was changed: the record for `mlfix undo` cannot be written")
    assert place.read("train.py") == BAD.encode()


# --- asking ---------------------------------------------------------------------------------------------------------

ASKED: dict[str, str | bytes] = {"a.py": "import torch\ntorch.old(1)\ntorch.slow(2)\ntorch.old(3)\ntorch.old(4)\n"}


@pytest.mark.parametrize(
    ("answers", "applied"),
    [
        ("ynyn", "1 3"),
        ("nnnn", ""),
        ("yyyy", "1 2 3 4"),
        ("an", "1 3 4"),
        ("nyq", "2"),
        ("q", ""),
        ("n?nnn", ""),
    ],
)
def test_answers(empty: Place, answers: str, applied: str) -> None:
    empty.write(ASKED)
    result = empty.mlfix("apply", "--interactive", answers="\n".join(answers) + "\n")
    text = empty.read("a.py").decode()
    changed = [line for line in text.splitlines() if "new" in line or "fast" in line]
    assert [line[line.index("(") + 1] for line in changed] == applied.split()
    assert result.exit_code == (0 if applied == "1 2 3 4" else 1)
    assert (
        "a.py:2: TOY101 old-call: `torch.old` is of yesterday\nsafe fix: use `torch.new`\n--- a/a.py" in result.stderr
    )


def test_nobody_to_answer(empty: Place) -> None:
    empty.write(ASKED)
    result = empty.mlfix("apply", "--interactive", answers="y\n")
    assert result.exit_code == 2
    assert result.stderr.splitlines()[-1].startswith("mlfix: error: no answer: the fixes asked about are not applied")
    assert empty.contents() == {**empty.contents(), "a.py": ASKED["a.py"].encode()}  # pyright: ignore
    assert empty.mlfix("undo").exit_code == 2


def test_asking_works_from_another_folder(empty: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    empty.write({"sub/a.py": BAD})
    monkeypatch.chdir(empty.root / "sub")
    result = empty.mlfix("apply", "--interactive", answers="y\n")
    assert "+    return torch.new(x)" in result.stderr
    assert empty.read("sub/a.py") == GOOD.encode()


def test_a_question_shows_the_file_as_the_fixes_before_left_it(empty: Place) -> None:
    # The inner call's fix waits for the outer one's, whose edit covers it.
    empty.write({"a.py": "import torch\nx = torch.old(\n    torch.old(1))\n"})
    result = empty.mlfix("apply", "--interactive", answers="y\ny\n")
    assert result.exit_code == 0
    assert empty.read("a.py") == b"import torch\nx = torch.new(\n    torch.new(1))\n"


def test_a_diff_of_what_was_agreed_to(empty: Place) -> None:
    empty.write(ASKED)
    result = empty.mlfix("apply", "--interactive", "--diff", answers="y\nn\nn\nn\n")
    assert result.stdout.splitlines()[:2] == ["--- a/a.py", "+++ b/a.py"]
    assert result.stdout.count("\n+") == 2, "the header and one line"


# --- git ------------------------------------------------------------------------------------------------------------


def test_a_dirty_tree_is_refused_without_consent(place: Place) -> None:
    place.write({"notes.txt": "a\n"}).committed()
    place.write({"notes.txt": "b\n"})
    result = place.mlfix("apply")
    assert result.exit_code == 2
    assert (
        "the git tree has uncommitted changes (notes.txt): commit or stash them, or use --allow-dirty" in result.stderr
    )
    assert place.read("train.py") == BAD.encode()
    assert place.mlfix("apply", "--diff").exit_code == 1, "showing writes nothing"
    assert place.mlfix("apply", "--allow-dirty").exit_code == 0
    assert place.read("train.py") == GOOD.encode()


def test_untracked_files_make_no_tree_dirty(place: Place) -> None:
    place.committed().write({"new.txt": "x"})
    assert place.mlfix("apply").exit_code == 0


def test_a_renamed_file_is_told_by_its_new_name(place: Place) -> None:
    place.write({"notes.txt": "a\n"}).committed()
    place.git("mv", "notes.txt", "other.txt")
    assert "(notes.txt, other.txt)" in place.mlfix("apply").stderr


def test_one_commit_a_rule_with_the_changed_files_alone(empty: Place) -> None:
    empty.write(THREE).committed().write({"untracked.txt": "x"})
    result = empty.mlfix("apply", "--commit", "--unsafe")
    assert result.exit_code == 1, "the advice is left"
    assert "2 commits made; `git revert` takes one back" in result.stderr
    log = empty.git("log", "--format=%s", "--name-only", "-2").split("\n")
    assert log == ["Fix slow-call in 1 file", "", "b.py", "Fix old-call in 2 files", "", "a.py", "b.py", ""]
    body = empty.git("log", "--format=%b", "-1")
    assert body.rstrip().splitlines() == ["- b.py:2: `torch.slow` is of yesterday", "", "mlfix rule TOY102. It is old."]
    assert empty.git("status", "--porcelain").splitlines() == ["?? untracked.txt"]


def test_a_project_below_the_repositorys_top(empty: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    empty.write({"sub/mlfix.toml": CONFIG, "sub/a.py": BAD, "other.txt": "a\n"}).committed()
    monkeypatch.chdir(empty.root / "sub")
    empty.write({"other.txt": "b\n"})
    result = empty.mlfix("apply", "--commit")
    assert result.exit_code == 0, result.stderr
    assert empty.git("log", "--format=", "--name-only", "-1").split() == ["sub/a.py"]
    empty.write({"sub/a.py": BAD})
    assert "(a.py)" in empty.mlfix("apply").stderr


@pytest.mark.parametrize("kind", ["changed", "untracked"])
def test_a_commit_takes_in_nothing_of_the_users(empty: Place, kind: str) -> None:
    empty.write({"a.py": "x = 1\n", "b.txt": ""} if kind == "changed" else {"b.txt": ""}).committed()
    empty.write({"a.py": BAD})
    result = empty.mlfix("apply", "--commit", "--allow-dirty")
    assert result.exit_code == 2
    assert "mlfix: error: a.py has changes that are not committed: commit them first" in result.stderr
    assert empty.read("a.py") == BAD.encode()
    assert empty.git("rev-list", "--count", "HEAD").strip() == "1"


def test_a_failing_hook_is_told(place: Place) -> None:
    place.committed()
    hook = place.root / ".git" / "hooks" / "pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho 'the house rule says no' >&2\nexit 1\n")
    hook.chmod(0o755)
    result = place.mlfix("apply", "--commit")
    assert result.exit_code == 2
    assert "the house rule says no" in result.stderr
    last = "mlfix: error: git commit failed (its output is above): train.py stay changed, and uncommitted"
    assert result.stderr.splitlines()[-1] == last
    assert place.read("train.py") == GOOD.encode()
    assert place.git("rev-list", "--count", "HEAD").strip() == "1"
    assert place.mlfix("undo").exit_code == 0
    assert place.git("status", "--porcelain") == ""


def test_commit_needs_a_repository(place: Place) -> None:
    result = place.mlfix("apply", "--commit")
    assert result.exit_code == 2
    assert result.stderr == f"mlfix: error: --commit needs a git repository, and {place.root} lies in none\n"
    assert place.read("train.py") == BAD.encode()


def test_commit_and_ask(empty: Place) -> None:
    empty.write(THREE).committed()
    result = empty.mlfix("apply", "--commit", "--interactive", answers="n\ny\nn\n")
    assert result.exit_code == 1
    assert empty.git("log", "--format=%s", "--name-only", "-1").split("\n") == [
        "Fix old-call in 1 file",
        "",
        "b.py",
        "",
    ]


def test_a_scanned_repositorys_git_settings_run_nothing(place: Place) -> None:
    place.committed()
    place.git("config", "core.fsmonitor", f"touch {place.root}/executed; false")
    place.write({"train.py": BAD + "\n"})
    assert place.mlfix("apply").exit_code == 2
    assert not (place.root / "executed").exists()


def test_git_is_not_needed(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", os.devnull)
    assert place.mlfix("apply").exit_code == 0
