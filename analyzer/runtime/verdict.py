"""The verdict on each fix: reach, harm, mechanism. The loss is shown, and never judges."""

from __future__ import annotations

import math
from collections.abc import Sequence

from .edited_lines import Statement
from .harm import cause_of, harms, outcomes
from .results import LEAST_SEEDS, NOT_SEEN, Label, Run, Verdict
from .trace import number
from .trials import Subject, Trial, measured, shows_defect


def judge(trial: Trial) -> list[Verdict]:
    """A verdict for each finding of a group."""
    return [_Case(trial, subject).verdict() for subject in trial.group.subjects]


def is_repeatable(trial: Trial) -> bool | None:
    """Whether A/A was bit-equal: losses and initial weights of two runs as is; None where it was not tried."""
    if not trial.as_is or trial.repeat is None or not trial.as_is[0].ran or not trial.repeat.ran:
        return None
    first, second = _losses(trial.as_is[0]), _losses(trial.repeat)
    # The agent looks at more or fewer steps as time allows: only backward passes that both runs recorded compare.
    pairs = [(first[place], second[place]) for place in first.keys() & second.keys()]
    same_losses = all(a == b or (math.isnan(a) and math.isnan(b)) for a, b in pairs)
    return same_losses and _weights(trial.as_is[:1]) == _weights([trial.repeat])


def _losses(run: Run) -> dict[int, float]:
    """Losses by the number of their backward pass."""
    rows = ((int(e.get("m") or 0), number(e.get("v"))) for e in run.trace.events("loss"))
    return {place: value for place, value in rows if value is not None}


def _weights(runs: Sequence[Run]) -> set[object]:
    return {(e.get("cls"), e.get("hash")) for r in runs for e in r.trace.events("model")}


def numbers(values: Sequence[float | None]) -> str:
    """Values by seed in words: one number, or their range."""
    seen = [v for v in values if v is not None]
    if not seen:
        return "not seen"
    low, high = min(seen), max(seen)
    return _digits(low) if low == high else f"{_digits(low)} to {_digits(high)}"


def _digits(value: float) -> str:
    """A count in full, another number in four digits."""
    is_count = math.isfinite(value) and value == int(value) and abs(value) < 1_000_000
    return f"{value:.0f}" if is_count else f"{value:.4g}"


class _Case:
    """One finding's fix before the judge."""

    def __init__(self, trial: Trial, subject: Subject) -> None:
        self.trial = trial
        self.subject = subject
        self.proof = subject.proof
        self.as_is = [r for r in trial.as_is if r.ran or shows_defect(subject, r)]
        self.fixed = [r for r in trial.fixed if r.ran]
        self.before = [measured(subject, r)[0] for r in self.as_is]
        self.after = [measured(subject, r)[0] for r in self.fixed]

    def verdict(self) -> Verdict:
        """The first of the questions that has an answer gives the label."""
        for question in (self._not_run, self._not_reached, self._harm, self._no_proof, self._mechanism):
            answer = question()
            if answer is not None:
                return self._verdict(*answer)
        return self._verdict(Label.VERIFIED, self._said("the defect is gone"))

    def _verdict(self, label: Label, sentence: str) -> Verdict:
        both = {r.seed for r in self.as_is} & {r.seed for r in self.fixed}
        # What was measured while the changed code never ran belongs to some other place.
        is_own = label is not Label.NOT_REACHED
        return Verdict(
            finding=self.subject.finding,
            label=label,
            sentence=sentence,
            quantity=self.proof.quantity if self.proof.measurable else "",
            before=tuple(self.before) if is_own else (),
            after=tuple(self.after) if is_own else (),
            seeds=tuple(sorted(both)),
            diff=self.subject.diff,
            outcomes=outcomes(self.trial.as_is, self.trial.fixed, self._same_loss()),
            notes=tuple(self._notes()),
        )

    def _same_loss(self) -> bool:
        return all(s.proof.same_loss for s in self.trial.group.subjects)  # joint fixes share the runs

    def _notes(self) -> list[str]:
        found = []
        if is_repeatable(self.trial) is False:
            found.append("two runs as is with one seed differ: the seeds decide by complete separation")
        first = [r for r in self.fixed if self.as_is and r.seed == self.as_is[0].seed]
        if first and self.as_is[0].ran and _weights(self.as_is[:1]) != _weights(first):
            found.append("the fix changes the initial weights: seeds are replicates, not pairs")
        fix = self.subject.finding.fix
        edits = fix.edits if fix is not None else ()
        if any(e.path.endswith((".py", ".pyw")) for e in edits) and not self.subject.edited:
            found.append("which lines the fix changes could not be told, so reach was not asked")
        return found

    # --- the questions

    def _not_run(self) -> tuple[Label, str] | None:
        if not self.trial.as_is:
            return Label.NOT_RUN, "no run was made"
        if not self.as_is:
            return Label.NOT_RUN, f"as is, the command does not train: {cause_of(self.trial.as_is[0])}"
        if self.fixed:
            return None
        if not self.trial.fixed:
            return Label.NOT_RUN, "no run was made with the fix"
        failed = self.trial.fixed[0]
        if shows_defect(self.subject, failed):
            return Label.NOT_FIXED, f"with the fix the command still fails: {cause_of(failed)}"
        if failed.phase == "start" or not any(r.ran for r in self.as_is):
            return Label.NOT_RUN, f"with the fix the command does not train: {cause_of(failed)}"
        return Label.HARM, f"with the fix the command fails: {cause_of(failed)}"

    def _not_reached(self) -> tuple[Label, str] | None:
        ran = [r for r in self.as_is if r.ran]
        place = self.subject.finding.location
        before = [(e.path, s) for e in self.subject.edited for s in e.before]
        after = [(e.path, s) for e in self.subject.edited for s in e.after]
        # A command that fails as is may fail before the line; that it runs with the fix is asked all the same.
        for runs, wanted, tree in ((ran, before, "as is"), (self.fixed, after, "with the fix")):
            if runs and wanted and not any(_reached(run, *row) for run in runs for row in wanted):
                return (
                    Label.NOT_REACHED,
                    f"the changed code at {place.path}:{place.line} never ran {tree}, within {runs[0].steps} steps",
                )
        return None

    def _harm(self) -> tuple[Label, str] | None:
        found = harms([r for r in self.as_is if r.ran], self.trial.fixed)
        return (Label.HARM, "; ".join(found)) if found else None

    def _no_proof(self) -> tuple[Label, str] | None:
        rule = self.subject.finding.rule
        if not self.proof.measurable:
            said = f"{rule} has no measurable proof ({self.proof.quantity})"
            return Label.INCONCLUSIVE, f"{said}: the fix ran and did no harm that was looked for"
        for run in (*self.as_is, *self.fixed):
            error = run.trace.probe_errors.get(self.proof.probe)
            if error is not None:
                return Label.INCONCLUSIVE, f"the probe {self.proof.probe} failed: {error.strip().splitlines()[-1]}"
        short = [r for r in (*self.as_is, *self.fixed) if r.ran and r.steps < self.proof.minimum_steps]
        if short:
            need = self.proof.minimum_steps
            return Label.INCONCLUSIVE, f"{need} steps are needed to see it, and a run took {short[0].steps}"
        return None

    def _mechanism(self) -> tuple[Label, str] | None:
        violated, satisfied = self.proof.violated, self.proof.satisfied
        assert violated is not None
        assert satisfied is not None
        before = [v for v in self.before if v is not None]
        after = [v for v in self.after if v is not None]
        if not before:
            return Label.INCONCLUSIVE, self._unseen(self.as_is, "as is")
        bad = [v for v in before if violated(v)]
        if not bad:
            return Label.NOT_REPRODUCED, self._said("as is the command does not show the defect")
        if not after:
            return Label.INCONCLUSIVE, self._unseen(self.fixed, "with the fix")
        good = [v for v in after if satisfied(v)]
        if not good:
            return Label.NOT_FIXED, self._said("the defect is still there")
        if len(bad) < len(before) or len(good) < len(after):
            return Label.INCONCLUSIVE, self._said("the seeds disagree")
        if self.proof.from_scan or (self.proof.exact and is_repeatable(self.trial) is not False):
            return None
        enough = len(before) >= LEAST_SEEDS and len(after) >= LEAST_SEEDS
        apart = max(before) < min(after) or max(after) < min(before)
        if not enough:
            why = "it has noise" if not self.proof.exact else "two runs as is differ"
            return Label.INCONCLUSIVE, self._said(f"{why}, so at least {LEAST_SEEDS} seeds are needed")
        return None if apart else (Label.INCONCLUSIVE, self._said("the seeds of both trees overlap"))

    # --- words

    def _said(self, conclusion: str) -> str:
        before, after = numbers(self.before), numbers(self.after)
        count = len({r.seed for r in self.as_is})
        seeds = f"{count} seed{'' if count == 1 else 's'}"
        if self.proof.from_scan:
            seeds = "judged by the table of releases, which no run can show; the command starts with the fix"
        return f"{self.proof.quantity}: {before} as is, {after} with the fix ({seeds}): {conclusion}"

    def _unseen(self, runs: Sequence[Run], tree: str) -> str:
        for run in runs:
            failure = measured(self.subject, run)[1]
            if failure:
                return failure
            reading = run.reading(self.proof.probe)
            if reading is not None and reading.status == NOT_SEEN:
                return f"{self.proof.quantity} was not seen {tree}: {reading.why}"
        why = f": {self.proof.unseen}" if self.proof.unseen else ""
        return f"{self.proof.quantity} was not seen {tree}{why}"


def _reached(run: Run, path: str, statement: Statement) -> bool:
    return any((path, line) in run.trace.reached for line in statement)
