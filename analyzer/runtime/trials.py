"""What is on trial: findings with their proofs and fixes, and the runs that were made of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..findings import Finding
from ..rule import Proof
from .edited_lines import EditedFile
from .results import AS_IS, Run

JOINT = "joint"


@dataclass(frozen=True)
class Subject:
    """One finding whose fix is on trial.

    ``counted``: the findings of its rule that a scan finds in the tree as is and in the mended one, those that are not
    on trial left out; for proofs that no run can show.
    """

    finding: Finding
    proof: Proof
    diff: str = ""
    edited: tuple[EditedFile, ...] = ()
    counted: tuple[int, int] | None = None


@dataclass(frozen=True)
class FixGroup:
    """Fixes that are tried together: those of one rule, or all. ``files``: what they make of the files they change."""

    name: str
    subjects: tuple[Subject, ...]
    files: Mapping[str, bytes]

    @property
    def extra(self) -> dict[str, Any]:
        """Run settings that the proofs ask for beyond the usual ones."""
        found: dict[str, Any] = {}
        for subject in self.subjects:
            if subject.proof.settings is not None:
                found.update(subject.proof.settings(subject.finding) or {})
        return found


@dataclass(frozen=True)
class Trial:
    """A group's runs. ``as_is`` are shared with other groups where they need no settings of their own."""

    group: FixGroup
    as_is: tuple[Run, ...]
    repeat: Run | None
    fixed: tuple[Run, ...]


def shows_defect(subject: Subject, run: Run) -> bool:
    """Whether a run, even one that failed, shows the defect by the rule's own quantity."""
    value, _ = measured(subject, run)
    proof = subject.proof
    return value is not None and proof.violated is not None and bool(proof.violated(value))


def measured(subject: Subject, run: Run) -> tuple[float | None, str]:
    """The rule's quantity in a run; None where it is not seen, with the reason where the rule itself failed."""
    if subject.proof.from_scan:
        seen = subject.counted if run.ran else None
        return (None, "") if seen is None else (float(seen[run.tree != AS_IS]), "")
    if subject.proof.measure is None:
        return None, ""
    try:
        value = subject.proof.measure(run.trace, subject.finding)
    except Exception as error:  # a rule's fault (a user's too) is no verdict
        return None, f"the proof of {subject.finding.rule} failed: {type(error).__name__}: {error}"
    return (None, "") if value is None else (float(value), "")
