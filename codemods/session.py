"""Fixes applied in memory to a fixed point: scan, apply what fits together, scan again, take back what does harm."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ..analyzer.engine import Report, Request, read_project, scan
from ..analyzer.findings import Applicability, Edit, Finding
from ..analyzer.source.quiet import without_warnings
from ..analyzer.source.reader import Sources, Text, Unreadable, decode
from .edits import apply_edits, choose
from .imports import taken_elsewhere
from .unused_imports import PYTHON_ENDINGS, clearing, opened

MOST_ROUNDS = 100
Consent = Callable[[Finding, Mapping[str, bytes]], bool]
"""Whether the user agrees to a finding's fix, given the files that earlier fixes changed; asked once for each."""


@dataclass(frozen=True)
class Change:
    """A file before and after; ``is_new`` where there was none, with the access rights of the file ``like``."""

    before: bytes
    after: bytes
    is_new: bool = False
    like: str = ""


@dataclass
class Mended:
    """What applying did, all of it in memory still.

    ``refused`` are fixes that were taken back, each with the reason. ``report`` is the scan after the last round.
    """

    report: Report
    applied: list[Finding] = field(default_factory=list)
    refused: list[tuple[Finding, str]] = field(default_factory=list)
    changes: dict[str, Change] = field(default_factory=dict)


@dataclass(frozen=True)
class _Step:
    """Files after some fixes, and the scan of them."""

    overlay: dict[str, bytes]
    report: Report
    taken: Sequence[Finding]


def consented(finding: Finding, named: Iterable[str], unsafe: bool) -> bool:
    """Whether a fix may be applied: a safe one always, an unsafe one where asked for or its rule was named."""
    if finding.fix is None or finding.fix.applicability is Applicability.ADVICE:
        return False
    return finding.fix.applicability is Applicability.SAFE or unsafe or finding.rule in named or finding.code in named


def mend(request: Request, consent: Consent) -> Mended:
    """Apply every fix that is agreed to until none is left.

    Args:
        request: the scan to start from; all its rules watch for new findings.
        consent: decides on each fix.

    Returns:
        The changes, not yet written anywhere.
    """
    session = _Session(request, consent)
    session.run()
    return session.mended()


class _Session:
    def __init__(self, request: Request, consent: Consent) -> None:
        self.request = request
        self.consent = consent
        self.overlay: dict[str, bytes] = dict(request.overlay)
        self.report = scan(request)
        self.applied: list[Finding] = []
        self.refused: dict[str, tuple[Finding, str]] = {}
        self.answers: dict[str, bool] = {}

    def run(self) -> None:
        """Round after round, each with all fixes that do not overlap; one by one where a round does harm."""
        for _ in range(MOST_ROUNDS):
            wanted = self._wanted()
            if not wanted:
                return
            taken = choose(wanted).taken
            if self._try(taken) is None:
                continue
            for finding in taken:
                reason = self._try([finding])
                if reason is not None:
                    self.refused[finding.fingerprint] = (finding, reason)
                else:
                    break  # places have moved: look again before the next one
        for finding in self._wanted():
            self.refused[finding.fingerprint] = (finding, f"no end after {MOST_ROUNDS} rounds")

    def mended(self) -> Mended:
        """The outcome, with each changed file's bytes before and after."""
        disk = Sources(self.request.root, self.request.overlay)
        changes = {p: Change(disk.read(p), after) for p, after in sorted(self.overlay.items())}
        real = {p: c for p, c in changes.items() if c.before != c.after}
        return Mended(self.report, self.applied, list(self.refused.values()), real)

    def _wanted(self) -> list[Finding]:
        return [
            f
            for f in self.report.findings
            if f.fix is not None and f.fingerprint not in self.refused and self._agreed(f)
        ]

    def _agreed(self, finding: Finding) -> bool:
        if finding.fingerprint not in self.answers:
            self.answers[finding.fingerprint] = self.consent(finding, self.overlay)
        return self.answers[finding.fingerprint]

    def _try(self, findings: Iterable[Finding]) -> str | None:
        """Apply some fixes and look again; None if all is well, else the reason for which they were taken back."""
        step = self._step(self.overlay, findings)
        if isinstance(step, str):
            return step
        worse = _new_findings(self.report.findings, step.report.findings, step.taken)
        taken = step.taken
        if worse is not None:
            step = self._mended_in_turn(step)
            if step is None:
                return worse
        self._follow(_moved(self.report.findings, taken, step.report.findings))
        self.overlay, self.report = step.overlay, step.report
        self.applied += step.taken
        return None

    def _step(self, overlay: Mapping[str, bytes], findings: Iterable[Finding]) -> _Step | str:
        """The files with some fixes and what a scan says of them, or the reason why they cannot be applied."""
        chosen = choose(findings)
        changed = dict(overlay)
        for path, edits in chosen.edits.items():
            try:
                text = decode(path, Sources(self.request.root, overlay).read(path))
                new = apply_edits(text.text, [*edits, *self._clearing(text, edits, chosen.taken, overlay)])
                changed[path] = text.encode(new)
                broken = _broken(path, new)
            except (Unreadable, ValueError) as error:
                return str(error)
            if broken is not None:
                return broken
        return _Step(changed, scan(replace(self.request, overlay=changed)), chosen.taken)

    def _clearing(
        self, text: Text, edits: Sequence[Edit], taken: Iterable[Finding], overlay: Mapping[str, bytes]
    ) -> list[Edit]:
        """The removal of the imports of one file that all its edits together leave without a use."""
        if not text.path.endswith(PYTHON_ENDINGS):
            return []
        module = opened(text)
        found = clearing(module, edits, lambda _: False)
        alone = {e for f in taken if f.fix is not None for e in f.fix.edits if e.clears}
        if set(found) <= alone:
            return found
        # Only now is it worth reading all other files: which names they take was asked for each fix alone, not for all.
        project = read_project(self.request.root, self.request.settings, overlay)
        return clearing(module, edits, lambda name: taken_elsewhere(project, text.path, name))

    def _mended_in_turn(self, step: _Step) -> _Step | None:
        """Both fixes, where what a fix newly brought up has one itself (a pin was raised, and the code follows it)."""
        old = _counts(self.report.findings)
        new = _counts(step.report.findings)
        brought = [
            f
            for f in step.report.findings
            if new[key := (f.rule, f.location.path)] > old[key] and f.fix is not None and self._agreed(f)
        ]
        after = self._step(step.overlay, brought) if brought else None
        if after is None or isinstance(after, str):
            return None
        if _new_findings(self.report.findings, after.report.findings, step.taken) is not None:
            return None
        return replace(after, taken=[*step.taken, *after.taken])

    def _follow(self, moved: Mapping[str, str]) -> None:
        """Keep answers and refusals with their findings; what cannot be followed is asked about and tried again."""
        self.answers = {moved[f]: answer for f, answer in self.answers.items() if f in moved}
        self.refused = {moved[f]: row for f, row in self.refused.items() if f in moved}


def _moved(before: Iterable[Finding], taken: Iterable[Finding], after: Iterable[Finding]) -> dict[str, str]:
    """Fingerprints before and after some fixes: twins are told apart by order, which a fix among them shifts."""
    done = {f.fingerprint for f in taken}
    left = _twins(f for f in before if f.fingerprint not in done)
    now = _twins(after)
    pairs = (zip(left[k], now[k], strict=True) for k in left if len(left[k]) == len(now.get(k, ())))
    return {old.fingerprint: new.fingerprint for pair in pairs for old, new in pair}


def _twins(findings: Iterable[Finding]) -> dict[tuple[str, str, str, str], list[Finding]]:
    groups: dict[tuple[str, str, str, str], list[Finding]] = {}
    for finding in sorted(findings, key=lambda f: f.occurrence):
        key = (finding.rule, finding.location.path, finding.scope, finding.subject)
        groups.setdefault(key, []).append(finding)
    return groups


def _broken(path: str, text: str) -> str | None:
    """Why a changed file is no longer sound, None if it is."""
    if not path.endswith(PYTHON_ENDINGS):
        return None
    try:
        with without_warnings():
            compile(text, path, "exec", dont_inherit=True, flags=ast.PyCF_ONLY_AST)
            compile(text, path, "exec", dont_inherit=True)
    except (SyntaxError, ValueError) as error:
        return f"the file would no longer compile: {error}"
    return None


def _new_findings(before: Iterable[Finding], after: Iterable[Finding], applied: Iterable[Finding]) -> str | None:
    """The reason to take fixes back: a finding more of some rule in some file, or as many as before of a mended one."""
    old, new = _counts(before), _counts(after)
    for key, count in new.items():
        if count > old[key]:
            return f"the fix would make a new finding of {key[0]} in {key[1]}"
    for key, count in _counts(applied).items():
        if new[key] > old[key] - count:
            return f"{key[0]} is still found in {key[1]} after the fix"
    return None


def _counts(findings: Iterable[Finding]) -> Counter[tuple[str, str]]:
    return Counter((f.rule, f.location.path) for f in findings)


def texts_of(changes: Mapping[str, Change]) -> dict[str, tuple[str, str]]:
    """Decoded texts before and after, for diffs: with the byte-order mark, which a patch must match."""
    return {p: (_whole(p, c.before), _whole(p, c.after)) for p, c in changes.items()}


def _whole(path: str, data: bytes) -> str:
    text = decode(path, data)
    return "\ufeff" * text.has_bom + text.text
