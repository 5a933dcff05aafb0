"""Pool, cache, suppressions, baseline, thresholds: the engine's promises."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from mlfix.analyzer import team, worker
from mlfix.analyzer.baseline import BadBaseline, read_baseline, write_baseline
from mlfix.analyzer.engine import scan
from mlfix.analyzer.findings import Confidence, Level, Location
from mlfix.analyzer.project.settings import Settings

from .toy import CalledFromElsewhere, OldCall, request, write

GOOD = "import torch\n\ndef f(x):\n    return torch.old(x)\n"


def places(root: Path, **options: object) -> list[tuple[str, int]]:
    return [(f.location.path, f.location.line) for f in scan(request(root, **options)).findings]


def test_processes_give_the_same_as_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(team, "BYTES_WORTH_A_POOL", 1)
    monkeypatch.setattr(team, "FILES_WORTH_A_POOL", 1)
    write(tmp_path, {f"m{n}.py": "x = 1\n" * n + GOOD for n in range(40)})
    assert places(tmp_path, jobs=3) == places(tmp_path, jobs=1) != []


def test_another_executor_can_take_the_place_of_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(team, "BYTES_WORTH_A_POOL", 1)
    monkeypatch.setattr(team, "FILES_WORTH_A_POOL", 1)
    monkeypatch.setattr(worker, "SECONDS_A_FILE", 5)
    write(tmp_path, {f"m{n}.py": GOOD for n in range(5)})

    def threads(workers, initializer, arguments):
        return ThreadPoolExecutor(1, initializer=initializer, initargs=arguments)

    assert len(places(tmp_path, jobs=2, executor=threads)) == 5


def test_a_dead_worker_costs_its_files_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    class Deadly(OldCall):
        def check(self, module, project):
            if module.path == "m0.py":
                os._exit(1)
            return super().check(module, project)

    monkeypatch.setattr(team, "FILES_WORTH_A_POOL", 1)
    write(tmp_path, {f"m{n}.py": GOOD for n in range(4)})
    report = scan(request(tmp_path, rules=[Deadly()], jobs=2))
    assert any(p.path == "m0.py" and "died" in p.message for p in report.problems)
    assert {f.location.path for f in report.findings} == {"m1.py", "m2.py", "m3.py"}


class Counting(OldCall):
    seen: list[str] = []

    def check(self, module, project):
        self.seen.append(module.path)
        return super().check(module, project)


def test_the_cache_is_used_and_only_what_changed_is_checked(tmp_path: Path) -> None:
    write(tmp_path / "p", {"a.py": GOOD, "b.py": GOOD, "c.py": "x = 1\n"})
    options = {"rules": [Counting()], "cache_folder": tmp_path / "cache"}
    Counting.seen.clear()
    first = places(tmp_path / "p", **options)
    assert Counting.seen == ["a.py", "b.py"]
    assert places(tmp_path / "p", **options) == first
    assert Counting.seen == ["a.py", "b.py"]
    (tmp_path / "p/b.py").write_text("# moved\n" + GOOD)
    assert places(tmp_path / "p", **options) == [("a.py", 4), ("b.py", 5)]
    assert Counting.seen == ["a.py", "b.py", "b.py"]


def test_a_finding_follows_the_other_file_it_came_from(tmp_path: Path) -> None:
    root = write(
        tmp_path / "p", {"lib.py": "def helper(x):\n    return x\n", "main.py": "from lib import helper\nhelper(1)\n"}
    )
    options = {"rules": [CalledFromElsewhere()], "cache_folder": tmp_path / "cache"}

    def message() -> list[str]:
        return [f.message for f in scan(request(root, **options)).findings]

    assert message() == ["called at main.py:2"]
    (root / "main.py").write_text("from lib import helper\n\n\nhelper(1)\n")
    assert message() == ["called at main.py:4"]
    (root / "main.py").write_text("x = 1\n")
    assert message() == []
    write(root, {"other.py": "import lib\nlib.helper(2)\n"})
    assert message() == ["called at other.py:2"]


def test_a_changed_config_and_a_changed_include_count(tmp_path: Path) -> None:
    class ReadsConfig(OldCall):
        def check_project(self, project):
            text = project.read_other("run.yaml").decode().strip()
            pin = project.dependencies.range_of("torch", near="a.py")
            place = Location("run.yaml", 1, 1, 1, 2)
            yield self.finding_at(place, f"{text} {pin and pin.specifier}", subject=text)

    files: dict[str, str | bytes] = {
        "a.py": "x = 1\n",
        "run.yaml": "lr: 1\n",
        "requirements.txt": "-r deps.lst\n",
        "deps.lst": "torch==1.9\n",
    }
    root = write(tmp_path / "p", files)
    options = {"rules": [ReadsConfig()], "cache_folder": tmp_path / "cache"}

    def message() -> str:
        return scan(request(root, **options)).findings[0].message

    assert message() == message() == "lr: 1 ==1.9"
    write(root, {"run.yaml": "lr: 2\n"})
    assert message() == "lr: 2 ==1.9"
    write(root, {"deps.lst": "torch==2.0\n"})
    assert message() == message() == "lr: 2 ==2.0"


@pytest.mark.parametrize("damage", [b"", b"[]", b"{", b'{"digests": 3}', b"\x80\x04K\x01.", b"[" * 100000])
def test_a_damaged_cache_only_costs_time(damage: bytes, tmp_path: Path) -> None:
    root = write(tmp_path / "p", {"a.py": GOOD})
    cache = tmp_path / "cache"
    first = places(root, cache_folder=cache)
    for file in cache.rglob("*.json"):
        file.write_bytes(damage)
    assert places(root, cache_folder=cache) == first


def test_a_cached_report_equals_the_first(tmp_path: Path) -> None:
    root = write(tmp_path / "p", {"a.py": GOOD, "bad.py": "def f(:\n", "s.py": GOOD + "# mlfix: ignore[old-call]\n"})
    options = {"cache_folder": tmp_path / "cache"}
    first, second = scan(request(root, **options)), scan(request(root, **options))
    assert any(f.repair for f in first.findings)  # the proof of a rule reads it
    assert replace(first, seconds=0) == replace(second, seconds=0)


def test_suppressions_and_the_unused_ones(tmp_path: Path) -> None:
    text = (
        "import torch\n"
        "torch.old(1)  # mlfix: ignore[old-call]\n"
        "torch.old(2)  # noqa\n"
        "torch.old(3)  # mlfix: ignore\n"
        "x = 1  # mlfix: ignore[old-call]\n"
        "y = '# mlfix: ignore[old-call]'\n"
    )
    report = scan(request(write(tmp_path, {"a.py": text})))
    assert [(f.rule, f.location.line) for f in report.findings] == [("old-call", 3), ("unused-suppression", 5)]
    assert [f.location.line for f in report.suppressed] == [2, 4]
    report = scan(request(tmp_path, settings=Settings(ignore=("unused-suppression",))))
    assert [f.location.line for f in report.findings] == [3]


def test_a_suppression_of_a_rule_that_did_not_run_is_not_unused(tmp_path: Path) -> None:
    write(tmp_path, {"a.py": "x = 1  # mlfix: ignore[some-other-rule]\n"})
    assert not scan(request(tmp_path)).findings


def test_a_whole_file_is_suppressed(tmp_path: Path) -> None:
    report = scan(request(write(tmp_path, {"a.py": "# mlfix: ignore-file[old-call]\n" + GOOD})))
    assert not report.findings
    assert len(report.suppressed) == 1


def test_fingerprints_survive_moved_lines_and_tell_twins_apart(tmp_path: Path) -> None:
    root = write(tmp_path, {"a.py": "import torch\n\ndef f(x):\n    torch.old(x)\n    torch.old(x)\n"})
    before = [f.fingerprint for f in scan(request(root)).findings]
    write(root, {"a.py": "import torch\n# a comment\n\n\ndef f(x):\n    torch.old(x)\n\n    torch.old(x)\n"})
    assert [f.fingerprint for f in scan(request(root)).findings] == before
    assert len(set(before)) == 2


def test_a_baseline_hides_what_it_holds(tmp_path: Path) -> None:
    root = write(tmp_path / "p", {"a.py": GOOD})
    write_baseline(tmp_path / "base.json", scan(request(root)).findings)
    write(root, {"a.py": "# moved\n" + GOOD, "new.py": GOOD})
    report = scan(request(root, baseline=read_baseline(tmp_path / "base.json")))
    assert [f.location.path for f in report.findings] == ["new.py"]
    assert report.known == 1


@pytest.mark.parametrize("text", ["", "[]", '{"version": 99, "findings": {}}', '{"version": 1}'])
def test_a_bad_baseline_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "base.json").write_text(text)
    with pytest.raises(BadBaseline, match=r"base\.json"):
        read_baseline(tmp_path / "base.json")


def test_thresholds_and_per_file_ignores(tmp_path: Path) -> None:
    class Unsure(OldCall):
        level = Level.WASTES

        def check(self, module, project):
            return (replace(f, confidence=Confidence.LOW) for f in super().check(module, project))

    root = write(tmp_path, {"a.py": GOOD, "vendored/b.py": GOOD})
    assert scan(request(root, rules=[Unsure()])).hidden == 2
    low = Settings(confidence=Confidence.LOW)
    assert len(places(root, rules=[Unsure()], settings=low)) == 2
    assert places(root, rules=[Unsure()], settings=replace(low, level=Level.BREAKS)) == []
    ignored = replace(low, per_file_ignores={"vendored/": ("old-call",)})
    assert places(root, rules=[Unsure()], settings=ignored) == [("a.py", 4)]


def test_paths_filter_the_report_but_all_is_read(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        "lib/x.py": "def helper(x):\n    return x\n",
        "main.py": "from lib.x import helper\nhelper(1)\n",
    }
    write(tmp_path, files)
    report = scan(request(tmp_path, rules=[CalledFromElsewhere()], only=("lib",)))
    assert [f.location.path for f in report.findings] == ["lib/x.py"]
    assert not scan(request(tmp_path, rules=[CalledFromElsewhere()], only=("main.py",))).findings
    assert report.files == 2


def test_the_cache_holds_no_pickle(tmp_path: Path) -> None:
    scan(request(write(tmp_path / "p", {"a.py": GOOD}), cache_folder=tmp_path / "cache"))
    kept = [f for f in (tmp_path / "cache").rglob("*") if f.is_file()]
    assert kept
    for file in kept:
        json.loads(file.read_text())
