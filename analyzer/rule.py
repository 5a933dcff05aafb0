"""The rule object: one class a bug, that documents and tests itself."""

from __future__ import annotations

import ast
import inspect
from abc import ABC
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from .findings import Confidence, Evidence, Finding, Level, Location
from .source.written import written

if TYPE_CHECKING:
    from .graph.project import Project
    from .runtime.trace import Trace
    from .source.facts import FileFacts
    from .source.module import Module
    from .source.syntax import Syntax

Files = str | Mapping[str, str]
"""A case's source: the text of one file (``train.py``), or several files by relative path."""


@dataclass(frozen=True)
class Valid:
    """Correct code that the rule must leave alone."""

    source: Files
    why: str


@dataclass(frozen=True)
class Invalid:
    """Code with the bug.

    ``at``: the expected ``(path, line)`` of each finding. ``fixed``: the expected files after ``apply`` of the rule
    with consent to unsafe fixes; ``None`` where the rule has no fix for the case. ``confidence``: the expected one.
    """

    source: Files
    at: Sequence[tuple[str, int]]
    fixed: Files | None = None
    confidence: Confidence = Confidence.HIGH
    why: str = ""


@dataclass(frozen=True)
class Proof:
    """What a run shows before and after the mending.

    Attributes:
        probe: the probe whose events hold the quantity.
        quantity: the quantity in words.
        measure: reads the quantity from a run's trace for one finding; None where the trace does not show it.
        violated: whether a value shows the defect.
        satisfied: whether a value shows that the defect is gone.
        exact: whether the value is without noise, so that one seed is enough where runs repeat bit for bit.
        minimum_steps: optimizer steps that both runs must have taken.
        same_loss: whether the loss is the same function as is and fixed; only then is a lower one a better one.
        settings: further fields of ``RunSettings`` that a run must have to show the quantity, or None.
        unseen: where a run shows the quantity and where it cannot, for the verdict on a run that did not.
        from_scan: no run can show it, since the run has the user's own installation: the quantity is the number of the
            rule's findings in a scan of the tree, and a run only shows that the command still starts.
    """

    probe: str
    quantity: str
    measure: Callable[[Trace, Finding], float | None] | None = None
    violated: Callable[[float], bool] | None = None
    satisfied: Callable[[float], bool] | None = None
    exact: bool = True
    minimum_steps: int = 1
    same_loss: bool = True
    settings: Callable[[Finding], Mapping[str, Any] | None] | None = None
    unseen: str = ""
    from_scan: bool = False

    @property
    def measurable(self) -> bool:
        """Whether a run or a scan can show it; without, a verdict stays inconclusive."""
        return (self.measure is not None or self.from_scan) and self.violated is not None and self.satisfied is not None


class Rule(ABC):
    """One bug. Subclass it in a file of its own under ``rules/`` and give it a docstring with the sections

    *What it does*, *Why it is bad*, *What you see*, *Example*, *Fix safety*, *References*. ``mlfix explain``, the
    documentation and the tests are all made from the class; see CONTRIBUTING for a walk-through.
    """

    name: ClassVar[str]
    code: ClassVar[str]
    level: ClassVar[Level]
    symptom: ClassVar[str]
    """What a person sees in the training run, one sentence; part of every finding."""
    proof: ClassVar[Proof]
    triggers: ClassVar[tuple[bytes, ...]] = ()
    """A file that holds none of these byte strings cannot hold the bug, and is not looked at. Empty: every file."""
    VALID: ClassVar[Sequence[Valid]] = ()
    INVALID: ClassVar[Sequence[Invalid]] = ()

    @property
    def identity(self) -> str:
        """Names the rule, and whatever it decides by that is not in its file: results are cached under it."""
        return f"{self.code}{self.name}"

    @property
    def origin(self) -> str:
        """Where the rule is written, for messages."""
        return type(self).__module__

    def documentation(self) -> str:
        """What ``mlfix explain`` prints: the docstring, dedented."""
        return inspect.getdoc(type(self)) or ""

    def wants(self, facts: FileFacts) -> bool:
        """Whether a file's facts alone leave the bug possible; cheap, and never wrong in saying no."""
        return True

    def screen(self, syntax: Syntax, facts: FileFacts) -> bool:
        """Whether a file's own syntax leaves the bug possible; never wrong in saying no.

        Asked of the files that :meth:`wants` says yes to, while their trees are at hand: what passes is parsed again.
        """
        return True

    def check(self, module: Module, project: Project) -> Iterator[Finding]:
        """The bug's occurrences that are reported in one file. Called for each file with a trigger that is wanted."""
        return iter(())

    def check_project(self, project: Project) -> Iterator[Finding]:
        """Occurrences that belong to the repository rather than to a Python file (pins, unused files)."""
        return iter(())

    def finding(
        self,
        module: Module,
        node: ast.AST,
        message: str,
        *,
        evidence: Sequence[Evidence] = (),
        confidence: Confidence = Confidence.HIGH,
        repair: Mapping[str, Any] | None = None,
        no_fix: str = "",
        level: Level | None = None,
    ) -> Finding:
        """A finding of this rule at a node of a module.

        Args:
            module: the file.
            node: the syntax node that a reader should look at first.
            message: one sentence: what is wrong here, with the repository's own names and numbers.
            evidence: the lines that led to it, in the order in which they convince.
            confidence: how sure.
            repair: plain data for the codemod of the same name, or None.
            no_fix: why there is no fix, where there is none.
            level: overrides the rule's level for this place.
        """
        is_short = isinstance(node, (ast.expr, ast.arg))
        return self.finding_at(
            module.location(node),
            message,
            subject=written(node) if is_short else module.line_text(node).strip(),
            scope=module.qualname(node),
            evidence=evidence,
            confidence=confidence,
            repair=repair,
            no_fix=no_fix,
            level=level,
        )

    def finding_at(
        self,
        location: Location,
        message: str,
        *,
        subject: str,
        scope: str = "",
        evidence: Sequence[Evidence] = (),
        confidence: Confidence = Confidence.HIGH,
        repair: Mapping[str, Any] | None = None,
        no_fix: str = "",
        level: Level | None = None,
    ) -> Finding:
        """A finding outside Python code (a requirement file, a config): ``subject`` is the normalised text there."""
        return Finding(
            rule=self.name,
            code=self.code,
            level=level or self.level,
            confidence=confidence,
            location=location,
            message=message,
            symptom=self.symptom,
            evidence=tuple(evidence),
            scope=scope,
            subject=subject,
            repair=repair,
            no_fix=no_fix,
        )
