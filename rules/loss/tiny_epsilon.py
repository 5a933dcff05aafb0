"""MLF405: a floor under a logarithm, root or quotient that does not hold in the type of the values."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any, ClassVar

from ...analyzer.findings import Confidence, Finding, Level
from ...analyzer.flow.floors.places import Danger, Floor
from ...analyzer.flow.floors.screen import may_have_weak_floor
from ...analyzer.flow.floors.weak import Kind, Weak, typed_name, weak_floors
from ...analyzer.flow.precision.precision import Number
from ...analyzer.graph.project import Project
from ...analyzer.rule import Proof, Rule
from ...analyzer.source.facts import FileFacts
from ...analyzer.source.module import Module
from ...analyzer.source.scopes import Kind as Bound
from ...analyzer.source.scopes import key_of
from ...analyzer.source.syntax import Syntax
from ..knowledge import autocast
from ..knowledge.saved_values import saved_values
from ._tiny_epsilon_cases import INVALID, VALID
from ._tiny_epsilon_proof import PROOF

_TRIGGERS = (b"log(", b"log2(", b"log10(", b"sqrt(", b"1e-", b"acos(", b"** 0.5", b"**0.5", b"EPS", b"eps")
_TEST_FOLDERS = {"test", "tests", "testing"}


class TinyEpsilon(Rule):
    """What it does
    ------------
    Finds values under a logarithm, a root or a fraction line that can be 0 there all the same:

    - a floor that is 0 in the type of the value: ``x + 1e-8`` or ``clamp(min=1e-8)`` of a float16 value, whose smallest
      number is 6e-8. The type is shown by the autocast region (through calls and files), ``.half()``, and the list of
      operations that autocast runs in float32, after which a small floor is right;
    - an upper bound that is 1: ``clamp(p, 1e-8, 1 - 1e-8)`` in float32, then ``log(1 - p)`` or ``acos``;
    - a floor far below the rounding of a cancellation: an eigenvalue, or ``a² + b² - 2ab``, plus 1e-12 in float32;
    - no floor: the logarithm of a softmax or sigmoid, and the root of ``clamp(min=0)``, whose slope at 0 is infinite.

    Why it is bad
    -------------
    ``log(0)`` is -inf, ``0 * inf`` is NaN, and one NaN in a gradient makes every weight NaN at the next step. Under a
    gradient scaler the steps are skipped instead, one after the other.

    What you see
    ------------
    The loss is NaN or Inf from one step to the next after hours of training, at first only in mixed precision, or the
    scaler's scale falls step by step.

    Example
    -------
    Bad::

        with torch.autocast("cuda", dtype=torch.float16):
            p = torch.sigmoid(head(x))
            loss = -(1 - p + 1e-8).log().mean()      # 1e-8 is 0 in float16

    Good::

        with torch.autocast("cuda", dtype=torch.float16):
            p = torch.sigmoid(head(x))
            loss = -(1 - p + max(1e-8, torch.finfo(p.dtype).tiny)).log().mean()

    Fix safety
    ----------
    Unsafe: the number changes where the value is close to 0, which is the point. The floor follows the value's type,
    and stays what it was where it was large enough; under a cancellation it becomes a clamp, since what is added to a
    number below 0 may leave it there. The logarithm of a softmax becomes ``log_softmax``, the same function without the
    underflow.

    References
    ----------
    - https://docs.pytorch.org/docs/stable/amp.html#cuda-op-specific-behavior
    - https://docs.pytorch.org/docs/stable/type_info.html
    """

    name: ClassVar[str] = "tiny-epsilon"
    code: ClassVar[str] = "MLF405"
    level: ClassVar[Level] = Level.DEGRADES
    symptom: ClassVar[str] = "The loss or the gradient becomes NaN or Inf at some step, above all in mixed precision."
    proof: ClassVar[Proof] = PROOF
    triggers: ClassVar[tuple[bytes, ...]] = _TRIGGERS
    VALID = VALID
    INVALID = INVALID

    def wants(self, facts: FileFacts) -> bool:
        """A file that uses torch."""
        return any(item.target.partition(".")[0] == "torch" for item in facts.imports)

    def screen(self, syntax: Syntax, facts: FileFacts) -> bool:
        """A logarithm, a root of what is clamped, or a number that is small enough to be lost."""
        return may_have_weak_floor(syntax, facts)

    def check(self, module: Module, project: Project) -> Iterator[Finding]:
        """One finding a floor."""
        for found in weak_floors(module, project, autocast(), saved_values()):
            node = found.floor.node.node if found.floor is not None else found.place.node
            home = found.floor.node.module if found.floor is not None else module
            if home is not module:
                continue
            planned = _plan(found, module, project)
            shown = module.evidence(found.place.node, f"{found.place.danger.value} is taken here")
            yield self.finding(
                module,
                node,
                _message(found, module),
                evidence=[*found.trail, shown],
                confidence=_confidence(found, module),
                repair=planned if isinstance(planned, dict) else None,
                no_fix=planned if isinstance(planned, str) else "",
            )


def _confidence(found: Weak, module: Module) -> Confidence:
    if _TEST_FOLDERS & set(module.path.split("/")[:-1]) or found.is_doubtful:
        return Confidence.LOW
    if found.kind is Kind.SATURATES:
        return Confidence.HIGH
    if found.kind is Kind.ROUNDING:
        return Confidence.MEDIUM
    return Confidence.HIGH if found.is_sure else Confidence.MEDIUM


def _message(found: Weak, module: Module) -> str:
    floor, danger = found.floor, found.place.danger.value
    if floor is None:
        what = module.snippet(found.place.given.node)
        return f"{danger} of `{what}`, which can be 0: it has no floor"
    base = module.snippet(floor.base.node)
    number = module.snippet(floor.low_node) if floor.low_node is not None else ""
    if found.kind is Kind.VANISHES:
        return f"the floor `{number}` under `{base}` is 0 in float16, and {danger} of 0 follows"
    if found.kind is Kind.SATURATES and floor.high_node is not None:
        return f"the bound `{module.snippet(floor.high_node)}` of `{base}` is 1 in float32: {danger} can be infinite"
    if found.kind is Kind.ROUNDING:
        return f"the floor `{number}` is far below the rounding of `{base}` in float32, which may come out below 0"
    return f"the root of `{base}`, which is clamped to 0, has an infinite slope there: its gradient is NaN"


def _plan(found: Weak, module: Module, project: Project) -> dict[str, Any] | str:
    """What the codemod needs, or why there is no fix."""
    if found.floor is None:
        return _unfloored(found, module)
    floor = found.floor
    wanted = Number.LOWER if found.kind is Kind.VANISHES else None
    name = typed_name(floor.base, project, autocast(), wanted)
    if name is None:
        return "no name holds the value, whose type the floor should follow: give it one"
    like = module.segment(name)
    if found.kind is Kind.SATURATES:
        return _bounds(floor, like, module)
    if floor.low_node is None:
        return "the floor is not written here"
    spans = {"low": module.span(floor.low_node), "base": module.span(floor.base.node)}
    if found.kind is Kind.ROUNDING:
        return {"kind": "rounding", **spans, "sum": module.span(floor.node.node), "like": like}
    return {"kind": "floor", **spans, "like": like, "zero": floor.low == 0}


def _bounds(floor: Floor, like: str, module: Module) -> dict[str, Any] | str:
    if floor.high_node is None:
        return "the bound is not written here"
    low = floor.low_node if floor.low is not None and floor.low < 0 else None
    return {
        "kind": "bounds",
        "high": module.span(floor.high_node),
        "low": module.span(low) if low is not None else None,
        "like": like,
    }


def _unfloored(found: Weak, module: Module) -> dict[str, Any] | str:
    """``log(softmax(x))`` becomes ``log_softmax(x)``; of a name, the logarithm gets a floor of the name's type."""
    place, made = found.place, found.made
    call = place.node
    assert isinstance(call, ast.Call)
    if place.danger is not Danger.LOGARITHM or not found.is_sure or made is None:
        return "the probabilities come from elsewhere: return log-probabilities there (log_softmax, logsigmoid)"
    given = place.given.node
    is_log = isinstance(call.func, ast.Attribute) and call.func.attr == "log"
    if is_log and given is made.node and _is_function(made.node, module):
        return {"kind": "log_softmax" if found.kind is Kind.SOFTMAX else "logsigmoid", "call": module.span(call)}
    if key_of(given) is not None:
        return {"kind": "clamp", "given": module.span(given)}
    names = [n for n in ast.walk(given) if isinstance(n, ast.Name) and _is_local(n, module)]
    if names and len({n.id for n in names}) == 1:
        return {"kind": "clamp_of", "given": module.span(given), "like": names[0].id}
    return "give the probabilities a name, and put a floor of its type under it (torch.finfo(probs.dtype).tiny)"


def _is_function(node: ast.expr, module: Module) -> bool:
    """A softmax that is a function or a method, with arguments that ``log_softmax`` takes as well."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return False
    return node.func.attr in ("softmax", "sigmoid") and not any(k.arg == "dtype" for k in node.keywords)


def _is_local(node: ast.Name, module: Module) -> bool:
    scope = module.scope_of(node).lookup(node.id)
    return scope is not None and all(b.kind is not Bound.IMPORT for b in scope.bindings[node.id])
