"""The report of verify and probe: one HTML file that needs nothing else, made from the result alone."""

from __future__ import annotations

import math
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..analyzer.findings import Finding
from ..analyzer.runtime.results import AS_IS, FIXED, Label, Outcome, Run, Verdict, VerifyResult
from ..analyzer.runtime.trials import JOINT
from ..analyzer.version import __version__
from . import fill
from .charts import NAMES, Chart, Strip, chart, strip
from .curves import Curve, Group, curves
from .probe_table import Row, probe_rows
from .text import center_and_range, counted, middle, shown, spread

TONES = {
    Label.VERIFIED: "good",
    Label.NOT_FIXED: "bad",
    Label.HARM: "bad",
    Label.NOT_REPRODUCED: "unsure",
    Label.NOT_REACHED: "unsure",
    Label.INCONCLUSIVE: "unsure",
    Label.NOT_RUN: "none",
}
"""What a label's colour says: it holds, it does not, it was not shown, nothing was seen."""
MEANINGS = {
    Label.VERIFIED: "As is the run shows the defect, with the fix it is gone, and nothing else got worse.",
    Label.NOT_FIXED: "The defect is still there with the fix.",
    Label.NOT_REPRODUCED: "The run as is does not show the defect, so the fix could not be tried on it.",
    Label.NOT_REACHED: "The command never ran the changed lines.",
    Label.HARM: "With the fix something is worse that was healthy before.",
    Label.INCONCLUSIVE: "The runs do not show enough to say.",
    Label.NOT_RUN: "The command did not come as far as training.",
}
_MOST_CURVES = 12


@dataclass(frozen=True)
class Card:
    """The verdict on one rule's fixes in places that were measured alike, mostly one.

    ``before`` and ``after``: median and range of the quantity. ``stopped``: a run that did not come as far as training.
    ``curves``: the anchor of the comparison with this fix, empty without one.
    """

    anchor: str
    verdicts: tuple[Verdict, ...]
    tone: str
    meaning: str
    before: tuple[str, str]
    after: tuple[str, str]
    strip: Strip | None
    outcomes: tuple[tuple[Outcome, str, str, str, str], ...]
    stopped: Run | None
    curves: str = ""

    @property
    def verdict(self) -> Verdict:
        """What holds for all of them."""
        return self.verdicts[0]

    @property
    def finding(self) -> Finding:
        """The first that was to be mended."""
        return self.verdict.finding

    @property
    def is_measured(self) -> bool:
        """Whether any run shows the quantity."""
        return any(v is not None for v in (*self.verdict.before, *self.verdict.after))


@dataclass(frozen=True)
class Bar:
    """A part of a step: median milliseconds and percent of the longest, by tree."""

    name: str
    values: tuple[tuple[str, str, float], ...]


@dataclass(frozen=True)
class Panel:
    """A group of curves, drawn. ``left_out`` counts those of which there are too many to look at."""

    group: Group
    charts: tuple[Chart, ...]
    left_out: int = 0
    bars: tuple[Bar, ...] = ()


@dataclass(frozen=True)
class Comparison:
    """The runs as is against those with one fix (or all of them). ``rule``: as the runs have it."""

    anchor: str
    rule: str
    name: str
    panels: tuple[Panel, ...]
    trees: tuple[str, ...]


def render(result: VerifyResult) -> str:
    """The report as the text of one HTML file: no network, light and dark, for screens of any width and for paper.

    Args:
        result: what verify or probe found.
    """
    rows = probe_rows(result)
    comparisons = _comparisons(result)
    anchors = {c.rule: c.anchor for c in comparisons}
    cards = [_card(result, alike, place) for place, alike in enumerate(measured_alike(result), 1)]
    return fill(
        "report.html.j2",
        result=result,
        root=str(result.root),
        version=__version__,
        headline=headline(result),
        stopped_run=None if any(r.ran for r in result.runs) else next(iter(result.runs), None),
        command=shlex.join(result.command),
        reproduce=shlex.join(result.reproduce),
        facts=facts(result),
        cards=[replace(c, curves=anchors.get(c.finding.rule, anchors.get(JOINT, ""))) for c in cards],
        untried=_untried(result),
        tally=_tally(result),
        comparisons=comparisons,
        rows=rows,
        statuses=_statuses(rows),
        runs=result.runs,
        names=NAMES,
        apply_commands=_apply_commands(result),
    )


def headline(result: VerifyResult) -> str:
    """The outcome in one line."""
    if result.kind == "probe":
        if not any(r.ran for r in result.runs):
            return "The command did not come as far as training"
        count = len(result.symptoms)
        return f"{counted(count, 'unhealthy reading')}" if count else "Nothing unhealthy was seen"
    total = len(result.verdicts)
    good = sum(v.label is Label.VERIFIED for v in result.verdicts)
    if not total:
        return "There was no fix to verify"
    if good == total:
        return {1: "The fix is verified", 2: "Both fixes are verified"}.get(total, f"All {total} fixes are verified")
    if good:
        return f"{good} of {total} fixes {'is' if good == 1 else 'are'} verified"
    return "The fix is not verified" if total == 1 else f"None of {total} fixes is verified"


def _tally(result: VerifyResult) -> list[tuple[Label, int, str]]:
    counts = {label: sum(v.label is label for v in result.verdicts) for label in Label}
    order = list(dict.fromkeys(TONES.values()))
    found = [(label, count, TONES[label]) for label, count in counts.items() if count]
    return sorted(found, key=lambda row: order.index(row[2]))


def facts(result: VerifyResult) -> list[tuple[str, str]]:
    """What a reader asks first of how it was measured."""
    ran = [r for r in result.runs if r.ran]
    found = []
    if ran:
        rest = len(result.runs) - len(ran)
        found.append(("runs", f"{len(ran)}" + (f", and {rest} that did not train" if rest else "")))
        steps = sorted({r.steps for r in ran})
        found.append(("steps", f"{steps[0]} in each" if len(steps) == 1 else f"{steps[0]} to {steps[-1]}"))
        seeds = sorted({r.seed for r in ran})
        found.append(("seeds", ", ".join(map(str, seeds))))
        devices = sorted({r.device for r in ran if r.device})
        if devices:
            found.append(("device", ", ".join(devices)))
    if result.deterministic is not None:
        found.append(
            ("repeats", "bit for bit" if result.deterministic else "not exactly: only clear differences count")
        )
    return found


def measured_alike(result: VerifyResult) -> list[tuple[Verdict, ...]]:
    """The verdicts in order, with those of one rule together that say the same of several places."""
    found: dict[str, list[Verdict]] = {}
    for verdict in result.verdicts:
        said = (verdict.finding.rule, verdict.label, verdict.sentence, verdict.quantity, verdict.before, verdict.after)
        found.setdefault(repr((*said, verdict.outcomes, verdict.notes)), []).append(verdict)
    return [tuple(verdicts) for verdicts in found.values()]


def _card(result: VerifyResult, verdicts: tuple[Verdict, ...], place: int) -> Card:
    verdict = verdicts[0]
    stopped = None
    if verdict.label in (Label.NOT_RUN, Label.HARM) and any(r.ran for r in result.runs):
        concerned = [r for r in result.runs if r.rule in ("", verdict.finding.rule, JOINT)]
        stopped = next((r for r in concerned if not r.ran), None)
    return Card(
        f"fix-{place}",
        verdicts,
        TONES[verdict.label],
        MEANINGS[verdict.label],
        center_and_range(verdict.before),
        center_and_range(verdict.after),
        strip(verdict.before, verdict.after, verdict.seeds),
        tuple((o, spread(o.before), spread(o.after), *reading_of(o)) for o in verdict.outcomes),
        stopped,
    )


def _untried(result: VerifyResult) -> list[Finding]:
    """What was found and has no mended tree of its own."""
    tried = {v.finding.fingerprint for v in result.verdicts}
    return [f for f in result.findings if result.kind == "verify" and f.fingerprint not in tried]


def reading_of(outcome: Outcome) -> tuple[str, str]:
    """What the ranges of an outcome allow to be said, and its tone: only disjoint ranges say anything."""
    if outcome.improves:
        return "better in every seed", "good"
    turned = {"lower": "higher", "higher": "lower"}.get(outcome.better, "")
    if Outcome(outcome.name, outcome.before, outcome.after, turned).improves:
        return "worse in every seed", "unsure"
    if not outcome.before or not outcome.after:
        return "not seen in both", "none"
    return ("the ranges overlap" if outcome.better else "shown for comparison"), "none"


def _comparisons(result: VerifyResult) -> list[Comparison]:
    """Each fix against as is; without fixed runs as is alone."""
    as_is = result.as_is()
    rules = list(dict.fromkeys(r.rule for r in result.runs if r.tree == FIXED and r.ran))
    sets = [
        (rule, [*as_is, *(r for r in result.runs if r.tree == FIXED and r.ran and r.rule == rule)]) for rule in rules
    ]
    made: list[Comparison] = []
    for rule, runs in sets or [("", as_is)]:
        panels = tuple(_panel(group) for group in curves(runs))
        if panels:
            trees = tuple(t for t in (AS_IS, FIXED) if any(r.tree == t for r in runs))
            name = "all fixes together" if rule == JOINT else rule
            made.append(Comparison(f"comparison-{len(made) + 1}", rule, name, panels, trees))
    return made


def _panel(group: Group) -> Panel:
    if group.key == "throughput":
        whole = [c for c in group.curves if c.key == "throughput/step"]
        parts = [c for c in group.curves if c not in whole]
        settled = [_settled(c) for c in whole]
        about = group.about + "".join(note for _, note in settled)
        return Panel(replace(group, about=about), tuple(chart(c) for c, _ in settled), bars=_bars(parts))
    kept = sorted(group.curves, key=_change, reverse=True)[:_MOST_CURVES]
    drawn = [c for c in group.curves if c in kept]
    return Panel(group, tuple(chart(c) for c in drawn), left_out=len(group.curves) - len(drawn))


def _settled(curve: Curve) -> tuple[Curve, str]:
    """A curve of times without its first step where that, which pays for start-up, would flatten all others."""
    first = middle(p.value for line in curve.lines for p in line.points if p.step == 1)
    rest = middle(p.value for line in curve.lines for p in line.points if p.step > 1)
    if not first > 3 * rest:  # also where there is no other
        return curve, ""
    lines = tuple(replace(line, points=tuple(p for p in line.points if p.step > 1)) for line in curve.lines)
    note = f" The first step, {shown(first)} {curve.unit}, is not drawn."
    return replace(curve, lines=tuple(line for line in lines if line.points)), note


def _change(curve: Curve) -> float:
    """How far the trees lie apart, as the ratio of their medians, to choose what is worth looking at."""
    medians = [
        middle(p.value for line in curve.lines if line.tree == tree for p in line.points if math.isfinite(p.value))
        for tree in (AS_IS, FIXED)
    ]
    low, high = sorted(abs(m) for m in medians) if not any(map(math.isnan, medians)) else (1.0, 1.0)
    return high / low if low > 0 else math.inf if high > 0 else 0.0


def _bars(parts: Sequence[Curve]) -> tuple[Bar, ...]:
    found: list[tuple[str, list[tuple[str, float]]]] = []
    for curve in parts:
        by_tree = [
            (
                tree,
                middle(
                    p.value for line in curve.lines if line.tree == tree for p in line.points if math.isfinite(p.value)
                ),
            )
            for tree in (AS_IS, FIXED)
        ]
        found.append((curve.title, [(tree, value) for tree, value in by_tree if not math.isnan(value)]))
    longest = max((value for _, values in found for _, value in values), default=0.0)
    if longest <= 0:
        return ()
    return tuple(
        Bar(name, tuple((tree, f"{shown(value)} ms", round(100 * value / longest, 1)) for tree, value in values))
        for name, values in found
    )


def _statuses(rows: Sequence[Row]) -> list[tuple[str, int]]:
    counts = {
        status: sum(row.as_is.status == status for row in rows) for status in ("unhealthy", "healthy", "not seen")
    }
    return [(status, count) for status, count in counts.items() if count]


def _apply_commands(result: VerifyResult) -> list[str]:
    """How to keep what was verified."""
    rules = dict.fromkeys(v.finding.rule for v in result.verdicts if v.label is Label.VERIFIED)
    bad = {v.finding.rule for v in result.verdicts if v.label is not Label.VERIFIED}
    return [shlex.join(["mlfix", "apply", "--rule", rule]) for rule in rules if rule not in bad]
