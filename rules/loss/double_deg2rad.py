"""Angles turned into radians twice."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence

from ...analyzer.findings import Confidence, Evidence, Finding, Level
from ...analyzer.flow.angles.units import (
    TRIGONOMETRY,
    Angle,
    Angles,
    Conversion,
    Origin,
    Unit,
    conversions_in,
    converted_parameter,
    function_name,
)
from ...analyzer.flow.values.frames import Known, Operand
from ...analyzer.graph.project import Project
from ...analyzer.rule import Rule
from ...analyzer.source.collect import dotted
from ...analyzer.source.facts import FileFacts
from ...analyzer.source.module import Module
from ._double_deg2rad_cases import INVALID, VALID
from ._double_deg2rad_proof import PROOF

_WORDS = ("deg2rad", "radians", "rad2deg", "degrees", "pi")
_AREA = re.compile(r"steradian|solid.?angle|\bsr\b|sr2|2sr|_sr\b|square|sq_?deg|\barea|deg\^2|deg\*\*2|deg2\b", re.I)
_NAMED_DEGREES = re.compile(r"(?:^|_)deg(?:s|rees?)?(?:_|$)", re.I)
_NAMED_RADIANS = re.compile(r"_rads?$|_radians?$|^rads?_|^radians?_", re.I)


class DoubleDeg2Rad(Rule):
    """A degrees-to-radians conversion of a value that is in radians already.

    What it does
    ------------
    Follows angles from where their unit is stated (``deg2rad``, ``radians``, ``atan2``, ``* pi / 180``,
    ``uniform(-pi, pi)``, a docstring) through variables, attributes, dictionary items, tensor operations, calls and
    from a dataset's ``__getitem__`` through the DataLoader into the loss. Reports a conversion to radians of what is
    in radians on every path that leads there, and sine, cosine or tangent of what the code itself turned into degrees.

    Why it is bad
    -------------
    A second conversion divides every angle by 57.3. Directions that fill a sector shrink to a sliver around zero, so
    steering vectors, rotations and positional encodings become nearly the same for all samples: the loss terms built
    on them carry no signal, and no error is raised.

    What you see
    ------------
    One or more loss terms that stay at zero or at a constant from the first step, while the others go on falling.

    Example
    -------
    Bad::

        azimuth = torch.deg2rad(batch["azimuth_degrees"])
        steering = torch.exp(1j * torch.sin(torch.deg2rad(azimuth)) * positions)

    Good::

        azimuth = torch.deg2rad(batch["azimuth_degrees"])
        steering = torch.exp(1j * torch.sin(azimuth) * positions)

    Fix safety
    ----------
    Safe where the code itself made the value radians by a conversion, or where the result goes straight into a
    trigonometric function. Unsafe where the unit is known from a docstring or comment alone, or where the result of an
    inverse function may have been meant in degrees; advice where it is used as degrees later on.

    References
    ----------
    - https://docs.pytorch.org/docs/stable/generated/torch.deg2rad.html
    - https://numpy.org/doc/stable/reference/generated/numpy.arctan2.html
    """

    name = "double-deg2rad"
    code = "MLF402"
    level = Level.BREAKS
    symptom = "Loss terms built on these angles stay near zero or constant from the first step."
    proof = PROOF
    triggers = (b"deg2rad", b"radians", b"rad2deg", b"degrees(", b"180", b"0.01745", b"57.29")
    VALID = VALID
    INVALID = INVALID

    def wants(self, facts: FileFacts) -> bool:
        """Whether a conversion can stand in the file: a function of that name, or arithmetic with pi."""
        return any(n.rpartition(".")[2] in _WORDS for n in facts.names) or not facts.called.isdisjoint(_WORDS)

    def check(self, module: Module, project: Project) -> Iterator[Finding]:
        """The double conversions of a file, then its trigonometry on degrees."""
        every = list(conversions_in(project.flow, module))
        doubled: dict[int, list[Known[Angle]]] = {}
        for place in every:
            known = self._already_radians(place, module, project) if place.to is Unit.RADIANS else []
            if known:
                doubled[id(place.node)] = known
        for place in every:
            known = doubled.get(id(place.node))
            # What a wrong conversion gave is no second bug where it is converted back to what was meant.
            if known and not all(k.what.node in doubled for k in known):
                yield self._report(place, known, every, module, project)
        if any(place.to is Unit.DEGREES for place in every):
            yield from self._trigonometry(module, project)

    def _already_radians(self, place: Conversion, module: Module, project: Project) -> list[Known[Angle]]:
        """Why each path to a conversion brings radians; [] where one does not."""
        if self._is_helper(place, module, project) or self._is_area(place, module):
            return []
        for operand in (place.operand, *place.others):
            known = [k for k in Angles(project.flow).unit(operand) if k.what.node != id(place.node)]
            if known and all(k.what.unit is Unit.RADIANS for k in known):
                return [] if self._is_chosen_by_flag(place, known, module) else known
            if known and all(k.what.unit is Unit.UNKNOWN for k in known) and _is_named_radians(place, module):
                note = f"`{operand.text()}` is called radians"
                return [Known(Angle(Unit.RADIANS, Origin.NONE), (module.evidence(operand.node, note),))]
        return []

    def _is_helper(self, place: Conversion, module: Module, project: Project) -> bool:
        """A function that only converts its parameter: its callers are looked at instead."""
        scope = module.scope_of(place.node)
        return scope.is_function and converted_parameter(project.flow, module, scope) is not None

    def _is_area(self, place: Conversion, module: Module) -> bool:
        """Square degrees are converted twice on purpose."""
        scope = module.scope_of(place.node)
        told = [scope.qualname, module.segment(module.statement(place.node))]
        if isinstance(scope.node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            told.append(ast.get_docstring(scope.node, clean=False) or "")
        return any(_AREA.search(text) for text in told)

    def _is_chosen_by_flag(self, place: Conversion, known: Sequence[Known[Angle]], module: Module) -> bool:
        """``if degrees: x = deg2rad(x)``: whether it runs is the caller's choice, as is the unit it hands over."""
        scope = module.scope_of(place.node)
        first = getattr(scope.node, "lineno", 1)
        last = getattr(scope.node, "end_lineno", 1 << 30)
        inside = all(e.path == module.path and first <= e.line <= last for k in known for e in k.trail)
        if inside:
            return False
        for above in module.ancestors(place.node):
            if above is scope.node:
                return False
            if isinstance(above, (ast.If, ast.IfExp)):
                return True
        return False

    def _report(
        self,
        place: Conversion,
        known: list[Known[Angle]],
        every: Sequence[Conversion],
        module: Module,
        project: Project,
    ) -> Finding:
        origins = {k.what.origin for k in known}
        shortest = min(known, key=lambda k: len(k.trail))
        operand = place.operand.text()
        evidence = [*shortest.trail, module.evidence(place.node, f"`{operand}` is converted to radians again")]
        return self.finding(
            module,
            place.node,
            f"`{operand}` is in radians already and is converted from degrees to radians once more",
            evidence=evidence,
            confidence=_confidence(origins, place, module),
            repair={
                "place": _form(place),
                "applicability": self._applicability(origins, place, every, module, project),
            },
        )

    def _applicability(
        self,
        origins: set[Origin],
        place: Conversion,
        every: Sequence[Conversion],
        module: Module,
        project: Project,
    ) -> str:
        """``degrees``: degrees were meant here; else how surely the conversion can go."""
        if Origin.DOCUMENTED in origins or Origin.NONE in origins:
            return "unsafe"
        if origins == {Origin.CONVERSION} or _feeds_trigonometry(place, module, project):
            return "safe"
        for other in every:
            if other is not place and other.to is Unit.RADIANS:
                later = Angles(project.flow).unit(other.operand)
                if any(k.what.node == id(place.node) for k in later):
                    return "degrees"
        return "unsafe"

    def _trigonometry(self, module: Module, project: Project) -> Iterator[Finding]:
        for call in module.calls():
            op = project.flow.operand(module, call)
            if _last(call) not in TRIGONOMETRY or function_name(project.flow, op) not in TRIGONOMETRY:
                continue
            resolved = project.resolve(module, call.func)
            given = call.args[0] if resolved is not None and call.args else getattr(call.func, "value", None)
            if not isinstance(given, ast.expr) or isinstance(given, ast.Starred):
                continue
            known = Angles(project.flow).unit(op.sub(given))
            if (
                known
                and all(k.what.unit is Unit.DEGREES and k.what.origin is Origin.CONVERSION for k in known)
                and not self._is_chosen_by_flag(Conversion(call, Unit.DEGREES, op.sub(given)), known, module)
            ):
                trail: tuple[Evidence, ...] = min((k.trail for k in known), key=len)
                yield self.finding(
                    module,
                    call,
                    f"`{module.snippet(given)}` is in degrees, and `{_last(call)}` takes radians",
                    evidence=[*trail, module.evidence(call, f"`{_last(call)}` reads it as radians")],
                    repair={"place": "trigonometry", "applicability": "unsafe"},
                )


def _last(call: ast.Call) -> str:
    return (dotted(call.func) or getattr(call.func, "attr", "")).rpartition(".")[2]


def _form(place: Conversion) -> str:
    if isinstance(place.node, ast.AugAssign):
        return "in-place"
    if isinstance(place.node, ast.Call):
        return "call"
    return "arithmetic" if abs(place.scale) == 1.0 and not place.others else "scaled"


def _confidence(origins: set[Origin], place: Conversion, module: Module) -> Confidence:
    if Origin.NONE in origins:
        return Confidence.LOW
    contradicted = any(_NAMED_DEGREES.search(n) for n in _names_in(place.operand))
    if Origin.DOCUMENTED in origins:
        return Confidence.LOW if contradicted else Confidence.MEDIUM
    return Confidence.MEDIUM if contradicted else Confidence.HIGH


def _names_in(op: Operand) -> list[str]:
    """The names that an expression itself is called by."""
    node = op.node
    while isinstance(node, (ast.Subscript, ast.Call)):
        if (
            isinstance(node, ast.Subscript)
            and isinstance(node.slice, ast.Constant)
            and isinstance(node.slice.value, str)
        ):
            return [node.slice.value]
        node = node.value if isinstance(node, ast.Subscript) else node.func
    return [node.id] if isinstance(node, ast.Name) else [node.attr] if isinstance(node, ast.Attribute) else []


def _is_named_radians(place: Conversion, module: Module) -> bool:
    """Called radians, and not merely a name that is reused for the result (``x_rad = radians(x_rad)``)."""
    names = _names_in(place.operand)
    statement = module.statement(place.node)
    targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
    kept = {module.segment(t) for t in targets if t is not None}
    return any(_NAMED_RADIANS.search(n) for n in names) and module.segment(place.operand.node) not in kept


def _feeds_trigonometry(place: Conversion, module: Module, project: Project) -> bool:
    """Whether the result is at once the argument of a sine, cosine or tangent."""
    above = module.parent(place.node)
    return isinstance(above, ast.Call) and place.node in above.args and _last(above) in TRIGONOMETRY
