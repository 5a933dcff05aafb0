"""Verify and probe for people: the verdicts or symptoms, the numbers, and what the probes read."""

from __future__ import annotations

import io
from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from ...analyzer.runtime.harm import cause_of
from ...analyzer.runtime.results import (
    AS_IS,
    HEALTHY,
    UNHEALTHY,
    Label,
    Outcome,
    ProbeReading,
    Run,
    Symptom,
    Verdict,
    VerifyResult,
)
from ...analyzer.runtime.verdict import numbers
from ..run_output import shown_path

_STYLES = {
    Label.VERIFIED: "bold green",
    Label.NOT_FIXED: "bold red",
    Label.HARM: "bold red",
    Label.NOT_REPRODUCED: "bold yellow",
    Label.NOT_REACHED: "bold yellow",
    Label.INCONCLUSIVE: "bold yellow",
    Label.NOT_RUN: "bold magenta",
}
_STATUS_STYLES = {HEALTHY: "green", UNHEALTHY: "bold red"}
_NARROWEST = 60


def render(result: VerifyResult, color: bool = False) -> str:
    """The result; coloured for a terminal, and wrapped to its width."""
    stream = io.StringIO()
    console = Console(
        file=stream,
        force_terminal=color,
        color_system="auto" if color else None,
        no_color=not color,
        width=max(_NARROWEST, Console().width) if color else None,
        highlight=False,
        markup=False,
        emoji=False,
        soft_wrap=True,
    )
    for alike in _alike(result.verdicts):
        _verdicts(console, alike, result)
    if result.runs:
        _failures(console, result)
        _readings(console, result)
    for symptom in result.symptoms:
        _symptom(console, symptom, result)
    _summary(console, result)
    return stream.getvalue()


def _alike(verdicts: Sequence[Verdict]) -> list[list[Verdict]]:
    """Verdicts of one rule that say the same, told once: its fixes were run together."""
    groups: dict[object, list[Verdict]] = {}
    for verdict in verdicts:
        same = (verdict.finding.rule, verdict.label, verdict.sentence, verdict.outcomes, verdict.notes)
        groups.setdefault(same, []).append(verdict)
    return list(groups.values())


def _verdicts(console: Console, alike: Sequence[Verdict], result: VerifyResult) -> None:
    verdict = alike[0]
    places = (v.finding.location for v in alike)
    where = ", ".join(f"{shown_path(result.root, p.path)}:{p.line}" for p in places)
    console.print(
        Text.assemble((verdict.label.value, _STYLES[verdict.label]), "  ", (where, "bold"), f"  {verdict.finding.rule}")
    )
    console.print(Text(f"  {verdict.sentence}"))
    for outcome in verdict.outcomes:
        console.print(Text(f"  {_outcome(outcome)}", style="dim"))
    for note in verdict.notes:
        console.print(Text.assemble(("  note: ", "bold"), note))
    console.print()


def _outcome(outcome: Outcome) -> str:
    unit = f" {outcome.unit}" if outcome.unit else ""
    said = f"{outcome.name}: {numbers(outcome.before)}{unit} as is, {numbers(outcome.after)}{unit} with the fix"
    return f"{said} (better on every seed)" if outcome.improves else f"{said} (shown; it decides nothing)"


def _failures(console: Console, result: VerifyResult) -> None:
    failed = [r for r in result.runs if not r.ran]
    for run in failed[:1] if not any(r.ran for r in result.runs) else failed:
        name = "as is" if run.tree == AS_IS else f"with the fix of {run.rule}"
        console.print(Text.assemble(("not run", "bold magenta"), f" {name}, seed {run.seed}: {cause_of(run)}"))
        for line in run.output[-5:]:
            console.print(Text(f"    | {line}", style="dim"))
        console.print()


def _readings(console: Console, result: VerifyResult) -> None:
    """A table: each probe as is and, where fixes were run, with each of them; of the first seed."""
    columns = _columns(result.runs)
    names = list(dict.fromkeys(r.probe for _, run in columns for r in run.readings))
    if not names:
        return
    head = [name for name, _ in columns]
    cells = {n: [_status(run.reading(n)) for _, run in columns] for n in names}
    width = max(map(len, (*names, "probe")))
    widths = [max(len(h), *(len(cells[n][i]) for n in names)) for i, h in enumerate(head)]
    titles = "  ".join(h.ljust(w) for h, w in zip(head, widths, strict=True))
    console.print(Text(f"{'probe'.ljust(width)}  {titles}  reading".rstrip(), style="bold"))
    for name in names:
        row = Text(f"{name.ljust(width)}")
        for cell, size in zip(cells[name], widths, strict=True):
            row.append("  ")
            row.append(cell.ljust(size), style=_STATUS_STYLES.get(cell, "dim"))
        reading = next(r for _, run in columns if (r := run.reading(name)) is not None)
        row.append(f"  {reading.why}")
        console.print(row)
    console.print()


def _columns(runs: Sequence[Run]) -> list[tuple[str, Run]]:
    ran = [r for r in runs if r.ran and not r.repeat]
    found: dict[str, Run] = {}
    for run in ran:
        found.setdefault("as is" if run.tree == AS_IS else run.rule, run)
    return list(found.items())


def _status(reading: ProbeReading | None) -> str:
    return reading.status if reading is not None else "-"


def _symptom(console: Console, symptom: Symptom, result: VerifyResult) -> None:
    reading = symptom.reading
    console.print(Text.assemble(("unhealthy", "bold red"), "  ", (reading.probe, "bold"), f"  {reading.why}"))
    for explained in symptom.findings:
        finding = explained.finding
        where = f"{shown_path(result.root, finding.location.path)}:{finding.location.line}"
        raised = f" (raised from {finding.confidence} by this run)" if explained.raised else ""
        said = f"  {finding.label}: {finding.message}; {explained.confidence} confidence{raised}"
        console.print(Text.assemble("  explained by ", (where, "cyan"), said))
    console.print(Text(f"  `mlfix explain {reading.probe}` tells what it measures", style="dim"))
    if not symptom.findings:
        console.print(
            Text.assemble(("  look next: ", "bold"), reading.look_next or "no finding of the scan explains it")
        )
    console.print()


def _summary(console: Console, result: VerifyResult) -> None:
    for note in result.notes:
        console.print(Text.assemble(("note: ", "bold"), note))
    for deviation in dict.fromkeys(d for r in result.runs for d in r.deviations):
        console.print(Text.assemble(("run differs from yours: ", "bold"), deviation))
    if result.kind == "verify":
        labels = [v.label for v in result.verdicts]
        counts = [f"{labels.count(label)} {label}" for label in Label if label in labels]
        parts = [", ".join(counts) or "nothing was tried"]
    else:
        readings = [r for run in result.runs for r in run.readings]
        counts = {s: sum(r.status == s for r in readings) for s in (HEALTHY, UNHEALTHY)}
        unseen = len(readings) - sum(counts.values())
        parts = [f"{counts[UNHEALTHY]} unhealthy, {counts[HEALTHY]} healthy, {unseen} not seen"]
    if result.deterministic is not None:
        parts.append("two runs as is were equal bit for bit" if result.deterministic else "two runs as is differed")
    ran = sum(r.ran for r in result.runs)
    parts.append(f"{ran} of {len(result.runs)} runs trained in {result.seconds:.0f} s")
    console.print(Text("; ".join(parts), style="bold"))
