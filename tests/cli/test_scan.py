"""``mlfix scan``: what it is asked about, what it says, and with which code it ends."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from .conftest import BAD, CONFIG, GOOD, Place


def reported(place: Place, *arguments: str) -> list[tuple[str, int]]:
    data = json.loads(place.mlfix("scan", "--format", "json", *arguments).stdout)
    return [(f["path"], f["line"]) for f in data["findings"]]


def test_findings_end_with_1_and_none_with_0(place: Place) -> None:
    assert place.mlfix("scan").exit_code == 1
    place.write({"train.py": GOOD})
    assert place.mlfix("scan").exit_code == 0


def test_exit_zero(place: Place) -> None:
    result = place.mlfix("scan", "--exit-zero")
    assert result.exit_code == 0
    assert "old-call" in result.stdout


def test_nothing_to_scan_is_0(empty: Place) -> None:
    (empty.root / "mlfix.toml").unlink()
    result = empty.mlfix("scan")
    assert result.exit_code == 0
    assert result.stdout.startswith("0 findings; 0 files")


def test_a_finding_with_evidence_and_diff(place: Place) -> None:
    lines = place.mlfix("scan").stdout.splitlines()
    assert lines[0] == "train.py:5:12  TOY101 old-call  breaks, high confidence"
    assert "  `torch.old` is of yesterday" in lines
    assert "  > 5 |     return torch.old(x)" in lines
    assert "      |            ^^^^^^^^^" in lines
    assert "  you see: It is old." in lines
    assert "    train.py:5  called here" in lines
    assert "  safe fix: use `torch.new`" in lines
    assert "    -    return torch.old(x)" in lines
    assert "    +    return torch.new(x)" in lines
    assert lines[-1].startswith(
        "1 finding; 1 with a safe fix (`mlfix apply`), 0 with an unsafe one (`--unsafe`); 1 file"
    )


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], ["a.py", "sub/b.py", "sub/deep/c.py"]),
        (["."], ["a.py", "sub/b.py", "sub/deep/c.py"]),
        (["a.py"], ["a.py"]),
        (["sub"], ["sub/b.py", "sub/deep/c.py"]),
        (["sub/deep/", "a.py"], ["a.py", "sub/deep/c.py"]),
        (["sub/b.py", "sub/b.py"], ["sub/b.py"]),
        (["./sub/../a.py"], ["a.py"]),
    ],
)
def test_paths_say_what_the_report_is_about(empty: Place, arguments: list[str], expected: list[str]) -> None:
    empty.write(dict.fromkeys(["a.py", "sub/b.py", "sub/deep/c.py"], BAD))
    assert [path for path, _ in reported(empty, *arguments)] == expected


def test_paths_are_relative_to_the_root_from_wherever_it_runs(empty: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    empty.write({"sub/deep/c.py": BAD})
    monkeypatch.chdir(empty.root / "sub" / "deep")
    data = json.loads(empty.mlfix("scan", "c.py", "--format", "json").stdout)
    assert Path(data["root"]) == empty.root
    assert [f["path"] for f in data["findings"]] == ["sub/deep/c.py"]
    assert empty.mlfix("scan", "c.py").stdout.startswith("c.py:5:12  "), "text shows what can be opened from here"


def test_a_file_outside_of_any_repository(tmp_path: Path, empty: Place) -> None:
    loose = tmp_path / "loose"
    loose.mkdir()
    (loose / "notes.py").write_text(BAD)
    result = empty.mlfix("scan", str(loose / "notes.py"), "--config", str(empty.root / "mlfix.toml"))
    assert result.exit_code == 1
    assert "notes.py:5:12" in result.stdout


@pytest.mark.parametrize("path", ["nowhere", "-", "train.py/x"])
def test_a_path_that_is_not_there(place: Place, path: str) -> None:
    result = place.mlfix("scan", path)
    assert result.exit_code == 2
    assert result.stderr == f"mlfix: error: {path}: no such file or folder\n"


def test_a_finding_whose_cause_lies_in_a_file_not_asked_about(empty: Place) -> None:
    empty.write({"lib.py": "def helper(x):\n    return x\n", "main.py": "from lib import helper\nhelper(1)\n"})
    result = empty.mlfix("scan", "lib.py", "--format", "concise")
    assert result.stdout == "lib.py:1:1: TOY104 called-elsewhere [degrades] `helper` is called at main.py:2\n"
    assert empty.mlfix("scan", "main.py").exit_code == 0


def test_a_rule_alone_by_name_or_code_and_all_but_one(empty: Place) -> None:
    empty.write({"a.py": "import torch\ntorch.old(1)\ntorch.slow(1)\ntorch.odd(1)\n"})
    assert reported(empty, "--rule", "slow-call") == [("a.py", 3)]
    assert reported(empty, "--rule", "TOY103", "--rule", "old-call") == [("a.py", 2), ("a.py", 4)]
    assert reported(empty, "--ignore", "old-call", "--ignore", "TOY102") == [("a.py", 4)]
    assert reported(empty, "--level", "degrades") == [("a.py", 2), ("a.py", 4)]


def test_exclude(empty: Place) -> None:
    empty.write({"a.py": BAD, "vendor/b.py": BAD, "vendor/own/c.py": BAD})
    assert reported(empty, "--exclude", "vendor/") == [("a.py", 5)]


@pytest.mark.parametrize(
    ("name", "hint"),
    [("old-cal", "did you mean old-call?"), ("TOY1022", "did you mean TOY102?"), ("zzz", "`mlfix rules` lists them")],
)
def test_an_unknown_rule(place: Place, name: str, hint: str) -> None:
    for option in ("--rule", "--ignore"):
        result = place.mlfix("scan", option, name)
        assert result.exit_code == 2
        assert result.stderr.startswith(f"mlfix: error: no rule '{name}': ")
    assert hint in place.mlfix("scan", "--rule", name).stderr


def test_suppressed_lines_and_unused_suppressions(place: Place) -> None:
    place.write({"train.py": BAD.replace("(x)\n", "(x)  # mlfix: ignore[old-call]\n"), "b.py": GOOD})
    result = place.mlfix("scan")
    assert result.exit_code == 0
    assert "1 suppressed" in result.stdout
    place.write({"b.py": "x = 1  # mlfix: ignore[old-call]\n"})
    assert place.mlfix("scan", "--format", "concise").stdout.startswith("b.py:1:8: MLF001 unused-suppression [wastes]")
    assert place.mlfix("scan", "--ignore", "unused-suppression").exit_code == 0
    result = place.mlfix("scan", "--rule", "unused-suppression")
    assert result.exit_code == 2
    assert "cannot be asked for alone" in result.stderr


def test_a_file_that_cannot_be_read_is_told_and_the_rest_is_scanned(place: Place) -> None:
    place.write({"broken.py": "def f(:\n"})
    result = place.mlfix("scan")
    assert result.exit_code == 1
    assert "error broken.py:1: is no valid Python" in result.stdout
    assert "1 not read or not checked in full" in result.stdout
    place.write({"train.py": GOOD})
    assert place.mlfix("scan").exit_code == 0


def test_nothing_that_was_asked_about_can_be_read(place: Place) -> None:
    place.write({"broken.py": "def f(:\n"})
    assert place.mlfix("scan", "broken.py").exit_code == 2
    assert place.mlfix("scan", "broken.py", "train.py").exit_code == 1
    (place.root / "train.py").unlink()
    assert place.mlfix("scan").exit_code == 2


def test_another_files_fault_is_no_news_for_the_files_asked_about(place: Place) -> None:
    place.write({"broken.py": "def f(:\n", "good.py": GOOD})
    result = place.mlfix("scan", "good.py")
    assert result.exit_code == 0
    assert "broken" not in result.output


def test_output_goes_into_a_file(place: Place) -> None:
    result = place.mlfix("scan", "--output", "report.txt")
    assert result.exit_code == 1
    assert result.stdout == ""
    assert "old-call" in place.read("report.txt").decode()
    result = place.mlfix("scan", "--output", "no/such/folder/report.txt")
    assert result.exit_code == 2
    assert result.stderr.startswith("mlfix: error: no/such/folder/report.txt: cannot be written: No such file")


def test_diff_is_what_apply_does_then(place: Place) -> None:
    place.write({"b.py": "import torch\ntorch.slow(1)\n"})
    for options in ([], ["--unsafe"], ["--rule", "slow-call"]):
        scanned, applied = place.mlfix("scan", "--diff", *options), place.mlfix("apply", "--diff", *options)
        assert scanned.stdout == applied.stdout != ""
        assert scanned.exit_code == 1
    assert place.contents()["train.py"] == BAD.encode(), "nothing is written"


@pytest.mark.parametrize(
    "options", [["--diff", "--format", "json"], ["--statistics", "--format", "json"], ["--statistics", "--diff"]]
)
def test_options_that_contradict_each_other_are_refused(place: Place, options: list[str]) -> None:
    assert place.mlfix("scan", *options).exit_code == 2


def test_statistics(place: Place) -> None:
    place.write({"b.py": "import torch\ntorch.old(1)\ntorch.old(2)\ntorch.odd(1)\n"})
    assert place.mlfix("scan", "--statistics").stdout.splitlines() == [
        "     3  TOY101  old-call  (3 with a fix)",
        "     1  TOY103  odd-call  (1 with a fix)",
        "     4  in all, in 2 files of 9 lines",
    ]


def test_a_baseline_makes_old_findings_known_and_new_ones_count(place: Place) -> None:
    result = place.mlfix("scan", "--write-baseline", "known.json")
    assert result.exit_code == 0
    assert 'set baseline = "known.json"' in result.stderr
    place.write({"mlfix.toml": CONFIG + 'baseline = "known.json"\n'})
    result = place.mlfix("scan")
    assert result.exit_code == 0
    assert "1 in the baseline" in result.stdout
    place.write({"train.py": "# moved down\n" + BAD, "new.py": BAD})
    assert reported(place) == [("new.py", 5)]
    assert place.mlfix("scan", "--write-baseline", "known.json").stderr == "2 findings accepted in known.json\n"
    assert place.mlfix("scan").exit_code == 0


def test_the_first_baseline_can_be_written_where_the_settings_name_it_already(place: Place) -> None:
    place.write({"mlfix.toml": CONFIG + 'baseline = "known.json"\n'})
    result = place.mlfix("scan")
    assert result.exit_code == 2
    assert "known.json: baseline cannot be read (No such file or directory): write one with --write-baseline" in (
        result.stderr
    )
    assert place.mlfix("scan", "--write-baseline", "known.json").exit_code == 0
    assert place.mlfix("scan").exit_code == 0


@pytest.mark.parametrize("text", ["", "[]", "{", '{"version": 99, "findings": {}}', "\udcff"])
def test_a_bad_baseline(place: Place, text: str) -> None:
    place.write(
        {"mlfix.toml": CONFIG + 'baseline = "known.json"\n', "known.json": text.encode("utf-8", "surrogateescape")}
    )
    result = place.mlfix("scan")
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1
    assert "known.json: is" in result.stderr
    assert "--write-baseline" in result.stderr


def test_a_baseline_that_cannot_be_written(place: Place) -> None:
    result = place.mlfix("scan", "--write-baseline", "no/folder.json")
    assert result.exit_code == 2
    assert "no/folder.json: baseline cannot be written: No such file" in result.stderr


def test_a_cache_only_saves_time(place: Place, tmp_path: Path) -> None:
    first = place.mlfix("scan", "--format", "concise").stdout
    assert list((tmp_path / "cache").rglob("*.json"))
    assert place.mlfix("scan", "--format", "concise").stdout == first
    place.write({"mlfix.toml": CONFIG + 'cache-dir = ".mlfix"\n'})
    place.mlfix("scan")
    assert list((place.root / ".mlfix").rglob("*.json"))


def test_no_cache_leaves_none(place: Place, tmp_path: Path) -> None:
    assert place.mlfix("scan", "--no-cache").exit_code == 1
    assert not (tmp_path / "cache").exists()


def test_more_processes_find_the_same(empty: Place) -> None:
    empty.write({f"m{n}.py": BAD for n in range(60)})
    one, two = empty.process("scan", "--no-cache", "-j1"), empty.process("scan", "--no-cache", "-j2")
    assert one.stdout.rpartition(b" in ")[0] == two.stdout.rpartition(b" in ")[0]
    assert one.returncode == two.returncode == 1


def test_an_ignored_folder_that_is_named_is_scanned(place: Place) -> None:
    place.write({".gitignore": "old/\n", "old/copy/a.py": BAD, "build/b.py": BAD, "train.py": GOOD})
    assert reported(place) == []
    assert reported(place, "--config", "mlfix.toml", "old/copy") == [("a.py", 5)]
    assert reported(place, "--config", "mlfix.toml", "build") == [("b.py", 5)]
