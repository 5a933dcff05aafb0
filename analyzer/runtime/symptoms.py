"""From symptom to cause: which findings explain what is unhealthy in a run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ..findings import Confidence, Finding
from ..rule import Proof
from .results import UNHEALTHY, Explained, ProbeReading, Run, Symptom
from .trials import Subject, shows_defect


def explain(run: Run, findings: Iterable[Finding], proofs: Mapping[str, Proof]) -> tuple[Symptom, ...]:
    """Every unhealthy reading with the findings that explain it, the likeliest first.

    A finding whose own quantity the run violates is as good as certain; one that only agrees with the symptom is raised
    from low to medium confidence.

    Args:
        run: the run as is.
        findings: what the scan found, whatever its confidence.
        proofs: each rule's proof by its name.
    """
    known = list(findings)
    return tuple(Symptom(r, _explanations(r, run, known, proofs)) for r in run.readings if r.status == UNHEALTHY)


def _explanations(
    reading: ProbeReading, run: Run, findings: list[Finding], proofs: Mapping[str, Proof]
) -> tuple[Explained, ...]:
    rows = []
    for finding in findings:
        if finding.rule not in reading.rules:
            continue
        proof = proofs.get(finding.rule)
        is_measured = proof is not None and shows_defect(Subject(finding, proof), run)
        lowest = Confidence.HIGH if is_measured else Confidence.MEDIUM
        confidence = min(finding.confidence, lowest, key=lambda c: c.rank)
        rank = (not is_measured, reading.rules.index(finding.rule), confidence.rank, finding.sort_key)
        rows.append((rank, Explained(finding, confidence, confidence is not finding.confidence)))
    return tuple(explained for _, explained in sorted(rows, key=lambda row: row[0]))
