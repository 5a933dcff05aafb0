"""One report: its bugs as rows, and what mlfix says and does on the example that holds them."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from ..examples.programs import copy_example

MEASURES = Path(__file__).with_name("measures")


@dataclass(frozen=True)
class Verified:
    """Proved where ``mlfix verify`` says so; ``options`` are those of the program that reach the bug."""

    options: tuple[str, ...] = ()


@dataclass(frozen=True)
class Moved:
    """Proved where the report's own measure moves: ``holds(as_is, mended)`` of what the measuring script gives."""

    measure: str
    holds: Callable[[float, float], bool]


@dataclass(frozen=True)
class Probed:
    """For what no line of code shows: found and proved by a probe of whole runs.

    ``options`` are the program's as is; ``advised`` is the change that the probe's advice comes to, as a file, its text
    and the new one, with the program's options for the run that shows it.
    """

    probe: str
    unit: str
    options: tuple[str, ...]
    advised: tuple[str, str, str]
    advised_options: tuple[str, ...]


@dataclass(frozen=True)
class Unshown:
    """For advice on what no short run on a CPU can show; ``why`` stands in the table."""

    why: str


@dataclass(frozen=True)
class Bug:
    """A row of a report: its number there, in its words, the rule, and the place that a scan must name.

    ``scope`` is the function or class at the finding's line; empty outside of all. ``is_advised``: no single right
    edit exists, so nothing is changed.
    """

    number: str
    what: str
    rule: str
    path: str
    scope: str
    proof: Verified | Moved | Probed | Unshown
    is_advised: bool = False

    def __str__(self) -> str:
        return f"{self.number}-{self.rule}"


@dataclass
class Report:
    """An example repository as is and mended, and the answers of mlfix on it, each asked for once."""

    example: str
    bugs: tuple[Bug, ...]
    folder: Path
    command: tuple[str, ...] = ("train.py", "--epochs", "2")
    limits: tuple[str, ...] = ()
    _verdicts: dict[tuple[str, ...], list[dict[str, Any]]] = field(default_factory=dict)

    @cached_property
    def as_is(self) -> Path:
        """The example as its author left it."""
        return copy_example(self.example, self.folder / "as-is")

    @cached_property
    def mended(self) -> Path:
        """The example with every fix applied."""
        root = copy_example(self.example, self.folder / "mended")
        self._mlfix("apply", ".", "--all", "--unsafe", "--exit-zero", at=root)
        return root

    @cached_property
    def findings(self) -> list[dict[str, Any]]:
        """What a scan says of the example as is."""
        return self._scan(self.as_is)

    @cached_property
    def left(self) -> list[dict[str, Any]]:
        """What a scan says of the mended example."""
        return self._scan(self.mended)

    @cached_property
    def measured(self) -> dict[str, tuple[float, float]]:
        """Every measure of the report's own: as is, and mended."""
        before, after = (self._measure(root) for root in (self.as_is, self.mended))
        return {name: (before[name], after[name]) for name in before}

    def verdicts(self, options: tuple[str, ...]) -> list[dict[str, Any]]:
        """What ``mlfix verify`` says of the bugs that are proved with these options of the program."""
        if options not in self._verdicts:
            rules = {b.rule for b in self.bugs if b.proof == Verified(options)}
            chosen = [word for rule in sorted(rules) for word in ("--rule", rule)]
            program, *rest = self.command
            done = self._mlfix(
                "verify", *chosen, *self.limits, "--seeds", "1", "--jobs", "2", "--format", "json",
                "--", sys.executable, program, *rest, *options,
            )  # fmt: skip
            self._verdicts[options] = json.loads(done)["verdicts"]
        return self._verdicts[options]

    def probed(self, proof: Probed, is_advised: bool) -> dict[str, Any]:
        """What a probe says of a whole run, as is or with what it advises."""
        root, options = self.as_is, proof.options
        if is_advised:
            root, options = copy_example(self.example, self.folder / f"advised-{proof.probe}"), proof.advised_options
            path, old, new = proof.advised
            text = (root / path).read_text()
            assert text.count(old) == 1
            (root / path).write_text(text.replace(old, new))
        done = self._mlfix(
            "probe", "--steps", "2000", "--epochs-cut", "0", "--format", "json", "--", sys.executable,
            self.command[0], *options, at=root,
        )  # fmt: skip
        return next(r for r in json.loads(done)["runs"][0]["readings"] if r["probe"] == proof.probe)

    def unlisted(self) -> list[str]:
        """Findings that are no row of the report."""
        listed = {(b.rule, b.path, b.scope) for b in self.bugs}
        rows = [(f["rule"], f["path"], scope_at(self.as_is / f["path"], f["line"])) for f in self.findings]
        return [" ".join(row) for row in rows if row not in listed]

    def at(self, findings: list[dict[str, Any]], bug: Bug, root: Path) -> list[dict[str, Any]]:
        """The findings of a bug's rule at its place."""
        rows = [f for f in findings if (f["rule"], f["path"]) == (bug.rule, bug.path)]
        return [f for f in rows if scope_at(root / bug.path, f["line"]) == bug.scope]

    def _scan(self, root: Path) -> list[dict[str, Any]]:
        done = json.loads(self._mlfix("scan", ".", "--format", "json", "--exit-zero", at=root))
        assert done["errors"] == []
        return done["findings"]

    def _measure(self, root: Path) -> dict[str, float]:
        script = MEASURES / f"{self.example}.py"
        env = _environment(self.folder) | {"PYTHONPATH": str(root)}
        done = subprocess.run(
            [sys.executable, str(script)], cwd=root, env=env, capture_output=True, text=True, timeout=600
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    def _mlfix(self, *arguments: str, at: Path | None = None) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "mlfix.cli", *arguments],
            cwd=at or self.as_is, env=_environment(self.folder), capture_output=True, text=True, timeout=900,
        )  # fmt: skip
        assert done.returncode in (0, 1), done.stderr
        return done.stdout


def check(report: Report, bug: Bug, record: Callable[[str, object], None]) -> None:
    """Whether a report's bug is found, mended (or advised upon) and proved; records the row of the table.

    Raises:
        AssertionError: it is not.
    """
    record("report", report.example)
    record("bug", f"{bug.number} {bug.what}")
    if isinstance(bug.proof, Probed):
        _check_probed(report, bug.proof, record)
        return
    found = report.at(report.findings, bug, report.as_is)
    assert found, f"not found; the scan says {[(f['rule'], f['path'], f['line']) for f in report.findings]}"
    record("found", f"{bug.rule} {bug.path}:{found[0]['line']}")
    assert all(f["evidence"] for f in found)

    left = [f for f in report.at(report.left, bug, report.mended) if f["fix"] and f["fix"]["applicability"] != "advice"]
    assert not left, "a fix is left after all were applied"
    assert bug.is_advised == bool(report.at(report.left, bug, report.mended)), "advice alone stays"
    record("mended", "advice" if bug.is_advised else found[0]["fix"]["applicability"])
    record("proved", "".join(proofs(report, bug, found)))


def _check_probed(report: Report, proof: Probed, record: Callable[[str, object], None]) -> None:
    before = report.probed(proof, is_advised=False)
    assert before["status"] == "unhealthy", before["why"]
    record("found", f"probe {proof.probe}")
    after = report.probed(proof, is_advised=True)
    record("mended", "advice")
    assert after["status"] == "healthy", after["why"]
    record("proved", f"{proof.unit} {_short(before['value'])} -> {_short(after['value'])}")


def proofs(report: Report, bug: Bug, found: list[dict[str, Any]]) -> Iterator[str]:
    """What was measured, in words.

    Raises:
        AssertionError: it does not prove the mending.
    """
    proof = bug.proof
    assert not isinstance(proof, Probed)
    if isinstance(proof, Verified):
        marks = {f["fingerprint"] for f in found}
        verdicts = [v for v in report.verdicts(proof.options) if v["fingerprint"] in marks]
        assert verdicts
        assert {v["label"] for v in verdicts} == {"verified"}, [v["sentence"] for v in verdicts]
        first = verdicts[0]
        yield f"verified: {first['quantity']} {_short(first['before'][0])} -> {_short(first['after'][0])}"
    elif isinstance(proof, Moved):
        before, after = report.measured[proof.measure]
        assert proof.holds(before, after), f"{proof.measure}: {before} -> {after}"
        is_left = bug.is_advised and before == after  # advice moves nothing by itself
        yield (
            f"{proof.measure} {_short(before)} as is"
            if is_left
            else f"{proof.measure} {_short(before)} -> {_short(after)}"
        )
    else:
        assert bug.is_advised
        yield f"not shown: {proof.why}"


def scope_at(path: Path, line: int) -> str:
    """The qualified name of the function or class at a line of a Python file; empty outside of all."""
    if path.suffix != ".py":
        return ""
    names: list[str] = []
    body: list[ast.stmt] = ast.parse(path.read_text()).body
    while True:
        inside = [
            s for s in body
            if isinstance(s, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)) and s.lineno <= line <= (s.end_lineno or 0)
        ]  # fmt: skip
        if not inside:
            return ".".join(names)
        names.append(inside[0].name)
        body = inside[0].body


def rows_of(bugs: tuple[Bug, ...]) -> pytest.MarkDecorator:
    """A test for each bug."""
    return pytest.mark.parametrize("bug", bugs, ids=str)


def _environment(folder: Path) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("MLFIX_", "TORCH_", "PYTHON"))}
    own = {"MLFIX_CACHE_DIR": str(folder / "cache"), "MLFIX_STATE_DIR": str(folder / "state")}
    return kept | own | {"PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}


def _short(value: float | str | None) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
