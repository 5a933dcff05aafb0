"""From findings to what is tried: each rule's fixes, applied in memory, with the lines that they change."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from ..analyzer.engine import Request
from ..analyzer.findings import Applicability, Finding
from ..analyzer.rule import Proof
from ..analyzer.runtime.edited_lines import EditedFile, edited_statements
from ..analyzer.runtime.trials import JOINT, FixGroup, Subject
from ..analyzer.source.reader import decode
from ..codemods.session import Change, Mended, mend, texts_of
from .formats.diff import finding_diff, unified

_CONTEXT = 2  # lines of a diff around each change


def proofs_of(request: Request) -> dict[str, Proof]:
    """Each rule's proof, by the rule's name."""
    return {rule.name: rule.proof for rule in request.rules}


def fix_groups(request: Request, joint: bool) -> tuple[list[FixGroup], list[Finding], list[tuple[Finding, str]]]:
    """Everything that can be tried.

    Unsafe fixes are among it: nothing of the user's is written.

    Args:
        request: the scan.
        joint: whether all fixes are tried together.

    Returns:
        The groups; all findings; fixes that could not be applied, each with the reason.
    """
    untouched = mend(request, lambda *_: False)
    findings = list(untouched.report.findings)
    names = list(dict.fromkeys(f.rule for f in findings if _can_be_tried(f)))
    wanted = [(JOINT, set(names))] if joint and names else [(name, {name}) for name in names]
    groups: list[FixGroup] = []
    refused: list[tuple[Finding, str]] = []
    for name, rules in wanted:
        mended = mend(request, lambda f, _, rules=rules: f.rule in rules and _can_be_tried(f))
        refused += mended.refused
        if mended.applied:
            groups.append(_group(name, mended, findings, request))
    return groups, findings, refused


def _can_be_tried(finding: Finding) -> bool:
    return finding.fix is not None and finding.fix.applicability is not Applicability.ADVICE


def _group(name: str, mended: Mended, found: Sequence[Finding], request: Request) -> FixGroup:
    proofs = proofs_of(request)
    first = {f.fingerprint for f in found}
    counts = _counts(mended, found)
    subjects = []
    for finding in mended.applied:
        # Places of a fix that became possible only after another one are no places of the file as is.
        is_first = finding.fingerprint in first
        paths = dict.fromkeys(e.path for e in finding.fix.edits) if finding.fix is not None else {}
        changes = {p: mended.changes[p] for p in paths if p in mended.changes}
        diff = finding_diff(finding, request.root, context=_CONTEXT) if is_first else unified(texts_of(changes))
        edited = _edited(finding, changes, is_first)
        subjects.append(Subject(finding, proofs[finding.rule], diff, edited, counts[finding.rule]))
    return FixGroup(name, tuple(subjects), {p: c.after for p, c in mended.changes.items()})


def _counts(mended: Mended, found: Sequence[Finding]) -> dict[str, tuple[int, int]]:
    """Findings of each rule on trial, as is and mended, without those that are not tried."""
    tried = {f.fingerprint for f in mended.applied}
    left_out = {f.fingerprint for f in found} - tried
    rules = {f.rule for f in mended.applied}
    before = Counter(f.rule for f in found if f.fingerprint in tried)
    after = Counter(f.rule for f in mended.report.findings if f.fingerprint not in left_out)
    return {rule: (before[rule], after[rule]) for rule in rules}


def _edited(finding: Finding, changes: Mapping[str, Change], is_first: bool) -> tuple[EditedFile, ...]:
    """The statements that a fix changes. None where it changes files that are not Python: whether those are used is
    not a question of lines.
    """
    edits = finding.fix.edits if finding.fix is not None and is_first else ()
    if any(not path.endswith((".py", ".pyw")) for path in changes):
        return ()
    found = (edited_statements(p, decode(p, c.before).text, decode(p, c.after).text, edits) for p, c in changes.items())
    return tuple(e for e in found if e.before or e.after)
