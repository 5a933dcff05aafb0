"""A choice among values that may be NaN."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ...analyzer.findings import Finding, Level
from ...analyzer.flow.empty.arrays import ArrayCall, array_call
from ...analyzer.flow.empty.handled import is_handled
from ...analyzer.flow.empty.nans import Nan, Nans
from ...analyzer.flow.values.frames import Known, Operand
from ...analyzer.graph.project import Project
from ...analyzer.rule import Rule
from ...analyzer.source.facts import FileFacts
from ...analyzer.source.module import Module
from ._nan_argmin_cases import INVALID, VALID
from ._nan_argmin_proof import PROOF

_CHOICES = {"argmin", "argmax"}
_LIBRARIES = {"numpy": "numpy", "scipy": "numpy", "torch": "torch"}


class NanArgmin(Rule):
    """``argmin`` or ``argmax`` over values of which some may be NaN.

    What it does
    ------------
    Follows what ``argmin`` and ``argmax`` (NumPy's, torch's, and the methods) are given back to where it comes from,
    through distances, lists, helpers and files, to a mean over entries that a condition selects: the centroid
    ``np.argwhere(labels == k).mean(axis=0)`` of a component that need not lie in the crop, the centre
    ``x[assigned == k].mean(0)`` of a cluster that may lose its points. It says nothing where the code asks for the
    empty case (``if mask.any()``, ``len(points) == 0``), for NaN (``isnan``, ``nanargmin``), or where the numbers
    come from ``unique`` of the same array, so that each of them is there.

    Why it is bad
    -------------
    Every comparison with NaN is false, and ``argmin`` and ``argmax`` return the place of the first NaN: the one
    candidate of which nothing is known always wins, without an error.

    What you see
    ------------
    A warning ``Mean of empty slice`` at most. Masks that are empty although the object is in the crop; in clustering,
    all points in one cluster.

    Example
    -------
    Bad::

        centroids = np.stack([np.argwhere(crop == k).mean(axis=0) for k in candidates])
        return crop == candidates[np.argmin(np.linalg.norm(centroids - point, axis=1))]

    Good::

        distances = np.linalg.norm(centroids - point, axis=1)
        if np.isnan(distances).all():
            return np.zeros(crop.shape, dtype=bool)
        return crop == candidates[np.nanargmin(distances)]

    Fix safety
    ----------
    Unsafe: other candidates are chosen, which is the point. NaN is left out of the choice; where all are NaN the
    function returns what it returns when it has no candidates at all, if it has such a return, and else NumPy raises
    an error. torch has no ``nanargmin``: NaN is replaced by infinity.

    References
    ----------
    - https://numpy.org/doc/stable/reference/generated/numpy.argmin.html
    - https://numpy.org/doc/stable/reference/generated/numpy.nanargmin.html
    """

    name = "nan-argmin"
    code = "MLF204"
    level = Level.BREAKS
    symptom = "An empty candidate is chosen, silently: masks are empty, or one cluster takes all points."
    proof = PROOF
    triggers = (b"argmin", b"argmax")
    VALID = VALID
    INVALID = INVALID

    def wants(self, facts: FileFacts) -> bool:
        """Whether the file chooses something."""
        return not facts.called.isdisjoint(_CHOICES)

    def check(self, module: Module, project: Project) -> Iterator[Finding]:
        """Each choice of the file."""
        for call in module.calls():
            name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
            if name not in _CHOICES:
                continue
            op = project.flow.operand(module, call)
            choice = array_call(op, project)
            if choice is None or choice.name not in _CHOICES or choice.library not in ("", "numpy", "torch"):
                continue
            known = [k for k in Nans(project.flow).evaluate(choice.array) if not is_handled(k.what, op)]
            if known:
                yield self._report(op, choice, min(known, key=lambda k: (k.what.confidence.rank, len(k.trail))))

    def _report(self, op: Operand, choice: ArrayCall, known: Known[Nan]) -> Finding:
        module, found = op.module, known.what
        last = module.evidence(op.node, f"`{choice.name}` gives the place of the first NaN")
        trail = [e for e in known.trail if (e.path, e.line) != (last.path, last.line)]
        repair = _repair(op, choice, found)
        return self.finding(
            module,
            op.node,
            f"`{op.text()}` picks NaN: `{found.place.text()}` is NaN where `{found.condition.text()}` holds nowhere",
            evidence=[*trail, last],
            confidence=found.confidence,
            repair=repair,
            no_fix="" if repair else "what is chosen from is neither clearly NumPy's nor torch's",
        )


def _repair(op: Operand, choice: ArrayCall, found: Nan) -> Mapping[str, Any] | None:
    """Where the call stands and which library its values belong to; None where nothing says so."""
    library = choice.library or _library((choice.array, found.place, found.condition))
    return {"call": op.module.span(op.node), "library": library} if library else None


def _library(made_by: Sequence[Operand]) -> str:
    """NumPy or torch, by the functions that make the values, else by the only one that the file imports."""
    for op in made_by:
        for node in ast.walk(op.node):
            target = op.frame.scope.import_target(node.id) if isinstance(node, ast.Name) else None
            package = (target or "").partition(".")[0]
            if package in _LIBRARIES:
                return _LIBRARIES[package]
    imported = {i.target.partition(".")[0] for i in made_by[0].module.facts.imports}
    libraries = {_LIBRARIES[package] for package in imported & _LIBRARIES.keys()}
    return libraries.pop() if len(libraries) == 1 else ""
