"""What verify and probe found out: plain data, from which every printed form is made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from ..findings import Confidence, Finding
from .trace import Trace

AS_IS = "as-is"
FIXED = "fixed"
HEALTHY, UNHEALTHY, NOT_SEEN = "healthy", "unhealthy", "not seen"
LEAST_SEEDS = 3
"""Complete separation of fewer seeds could be chance (1 in 20 at 3 + 3): for noisy quantities, and runs that differ."""


class Label(Enum):
    """The verdict on one fix."""

    VERIFIED = "verified"
    NOT_FIXED = "not fixed"
    NOT_REPRODUCED = "not reproduced"
    NOT_REACHED = "not reached"
    HARM = "harm"
    INCONCLUSIVE = "inconclusive"
    NOT_RUN = "not run"

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True)
class ProbeReading:
    """What one probe concluded of one run. ``status``: :data:`HEALTHY`, :data:`UNHEALTHY` or :data:`NOT_SEEN`."""

    probe: str
    status: str
    value: float | str | None
    why: str
    unit: str = ""
    rules: tuple[str, ...] = ()
    """Rules whose bug an unhealthy reading is a symptom of."""
    look_next: str = ""
    """What to look at where no finding explains it."""


@dataclass(frozen=True)
class Run:
    """One run of the command.

    Attributes:
        tree: :data:`AS_IS` or :data:`FIXED`.
        rule: whose fixes are in the tree: a rule's name, or ``joint`` for several. Empty as is, but where the
            proof of a rule needs runs of its own.
        seed: what it was seeded with.
        repeat: whether it repeats the first run (A/A), to learn what differs without any change.
        device: on which it trained: ``cpu``, ``cuda``, or empty where that was not seen.
        steps: optimizer steps (backward calls where there is no optimizer) that were taken.
        seconds: wall clock of the whole run.
        exit: exit code of the command; negative is a signal, None where it never started.
        cause: why it counts as not run; empty where it ran.
        phase: how far it came: ``start``, ``setup``, ``first-batch``, ``first-step``, ``train``; empty where it ran.
        frame: the deepest frame in the user's code, ``path:line function``, where the cause has one.
        trace: everything that was recorded.
        readings: what the probes conclude.
        deviations: what the run did differently from the user's own.
        output: the last lines that the command printed, standard error last.
    """

    tree: str
    rule: str
    seed: int
    trace: Trace
    repeat: bool = False
    device: str = ""
    steps: int = 0
    seconds: float = 0.0
    exit: int | None = None
    cause: str = ""
    phase: str = ""
    frame: str = ""
    readings: tuple[ProbeReading, ...] = ()
    deviations: tuple[str, ...] = ()
    output: tuple[str, ...] = ()

    @property
    def ran(self) -> bool:
        """Whether it trained and can be compared."""
        return not self.cause

    def reading(self, probe: str) -> ProbeReading | None:
        """A probe's reading by name."""
        return next((r for r in self.readings if r.probe == probe), None)


@dataclass(frozen=True)
class Outcome:
    """A loss, metric or cost by seed, before and after. It is shown, and judges nothing.

    ``better`` says the wanted direction: ``lower``, ``higher``, or empty where neither is.
    """

    name: str
    before: tuple[float, ...]
    after: tuple[float, ...]
    better: str = ""
    unit: str = ""

    @property
    def improves(self) -> bool:
        """Whether the ranges are disjoint in the wanted direction, over seeds enough for that not to be chance."""
        if min(len(self.before), len(self.after)) < LEAST_SEEDS or not self.better:
            return False
        if self.better == "lower":
            return max(self.after) < min(self.before)
        return min(self.after) > max(self.before)


@dataclass(frozen=True)
class Verdict:
    """What the runs say of one finding's fix.

    Attributes:
        finding: the finding, with its fix.
        label: the verdict.
        sentence: what was measured, in the repository's own names and numbers.
        quantity: the measured quantity in words; empty where the rule has no measurable proof.
        before: its value as is, one for each of ``seeds``; None where it was not seen.
        after: the same with the fix.
        seeds: the seeds that were run in both trees.
        diff: the fix as a unified diff.
        outcomes: losses, metrics and costs, as they were.
        notes: what a reader should know beside it (harm that was looked for, differing initial weights ...).
    """

    finding: Finding
    label: Label
    sentence: str
    quantity: str = ""
    before: tuple[float | None, ...] = ()
    after: tuple[float | None, ...] = ()
    seeds: tuple[int, ...] = ()
    diff: str = ""
    outcomes: tuple[Outcome, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Explained:
    """A finding of the scan that explains an unhealthy reading. ``raised`` says that the run made it surer."""

    finding: Finding
    confidence: Confidence
    raised: bool = False


@dataclass(frozen=True)
class Symptom:
    """An unhealthy reading with the findings that explain it, the likeliest first."""

    reading: ProbeReading
    findings: tuple[Explained, ...] = ()


@dataclass(frozen=True)
class VerifyResult:
    """Everything that one ``mlfix verify`` or ``mlfix probe`` found out.

    Attributes:
        kind: ``verify`` or ``probe``.
        command: the user's command.
        root: the project's folder.
        verdicts: one for each finding with a fix; none for probe.
        runs: as is first, then fixed, in the order of rules and seeds.
        findings: what the scan found, for probe the explanations' source.
        symptoms: unhealthy readings of the as-is run with their findings.
        deterministic: whether A/A was bit-equal; None where it was not tried.
        environment: name to value: versions, device, threads, options; for the reader who wants to reproduce.
        reproduce: the mlfix command line that makes this again.
        notes: what the result as a whole needs to have said.
        seconds: wall clock of it all.
    """

    kind: str
    command: tuple[str, ...]
    root: Path
    verdicts: tuple[Verdict, ...] = ()
    runs: tuple[Run, ...] = ()
    findings: tuple[Finding, ...] = ()
    symptoms: tuple[Symptom, ...] = ()
    deterministic: bool | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    reproduce: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    seconds: float = 0.0

    def as_is(self, rule: str = "") -> list[Run]:
        """The runs without any fix that can be compared, without the repetition; a rule's own where it has some."""
        runs = [r for r in self.runs if r.tree == AS_IS and r.ran and not r.repeat]
        return [r for r in runs if rule and r.rule == rule] or [r for r in runs if not r.rule] or runs

    def fixed(self, rule: str) -> list[Run]:
        """The runs with a rule's fixes (or with all of them, where they were run jointly) that can be compared."""
        return [r for r in self.runs if r.tree == FIXED and r.ran and r.rule in (rule, "joint")]
