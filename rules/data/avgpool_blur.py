"""MLF210: average pooling where a Gaussian blur is said to be."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Any, ClassVar

from ...analyzer.findings import Confidence, Evidence, Finding, Level
from ...analyzer.flow.values.frames import Operand
from ...analyzer.flow.values.tensors import constant
from ...analyzer.graph.project import Project
from ...analyzer.rule import Proof, Rule
from ...analyzer.source.facts import FileFacts
from ...analyzer.source.module import Module
from ...analyzer.source.nodes import walk
from ...analyzer.source.scopes import Kind, Scope, key_of
from ._avgpool_blur_cases import INVALID, VALID

POOLS = {f"torch.nn.functional.avg_pool{n}d": n for n in (1, 2, 3)} | {f"torch.nn.AvgPool{n}d": n for n in (1, 2, 3)}
_CALLED = frozenset(name.rpartition(".")[2] for name in POOLS)
_SAID = b"auss"
_SIZE = re.compile(r"(?i)kernel|size|window|width|radius|^k$")
_CLAIM = re.compile(r"(?i)gauss")
_NO_CLAIM = re.compile(
    r"(?i)approximat|instead of|box[ -]?(?:blur|filter)|not (?:a )?gauss|unsharp|similar to|cheap|faster"
)
_ROUNDING = frozenset({"ceil", "round", "int", "floor"})


class AvgpoolBlur(Rule):
    """What it does
    ------------
    Finds average pooling with a stride of 1 that stands where the code says there is a Gaussian blur: in a function
    that is called or documented so, or that such a function gives the size of its window to. It is certain where that
    size is made from a width (``2 * ceil(sigma) + 1``), as a Gaussian's window is.

    Why it is bad
    -------------
    A box of ``2 * ceil(sigma) + 1`` pixels is another filter: its width jumps from one odd number to the next, so that
    most values of sigma give the same blur; its frequency response has side lobes, which turn fine structure into its
    negative. What the configuration calls sigma is not what the images get.

    What you see
    ------------
    Blocky artefacts in augmented images, and an augmentation whose strength does not follow its parameter.

    Example
    -------
    Bad::

        def gaussian_blur(x, sigma):
            size = 2 * math.ceil(sigma) + 1
            return F.avg_pool2d(x, size, stride=1, padding=size // 2)

    Good::

        def gaussian_blur(x, sigma):
            for axis in (-2, -1):
                x = convolve(x, normal_weights(sigma), axis)
            return x

    Fix safety
    ----------
    Unsafe: the images change. The fix writes a separable Gaussian (four sigma to each side, edges repeated) and keeps
    sigma. It is offered where sigma can be handed to the place of the pooling in one file.

    References
    ----------
    - https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.avg_pool2d.html
    - https://docs.scipy.org/doc/scipy/reference/generated/scipy.ndimage.gaussian_filter.html (``truncate=4``)
    """

    name: ClassVar[str] = "avgpool-blur"
    code: ClassVar[str] = "MLF210"
    level: ClassVar[Level] = Level.DEGRADES
    symptom: ClassVar[str] = "Blurred images look blocky, and the blur does not follow its sigma."
    proof: ClassVar[Proof] = Proof("data-contract", "impulse response of the blur against a Gaussian: no run shows it")
    triggers: ClassVar[tuple[bytes, ...]] = (b"avg_pool1d", b"avg_pool2d", b"avg_pool3d", b"AvgPool", _SAID)
    VALID = VALID
    INVALID = INVALID

    def wants(self, facts: FileFacts) -> bool:
        """An average pooling in a file that speaks of Gaussians, or whose window another file may choose."""
        pools = [call for call in facts.calls if call.callee in POOLS]
        if not pools or _SAID in facts.tokens:
            return bool(pools)
        homes = {call.scope for call in pools}
        return any(f.qualname in homes and any(_SIZE.search(p) for p in f.parameters) for f in facts.functions)

    def check(self, module: Module, project: Project) -> Iterator[Finding]:
        """One finding a pooling."""
        for call in module.calls():
            if not _holds_one(call) or not module.may_be(call.func, _CALLED):
                continue
            name = project.external(module, call.func)
            if name not in POOLS or not _keeps_size(call, name):
                continue
            window = _argument(call, 0 if "AvgPool" in name else 1, "kernel_size")
            if window is None:
                continue
            width = _width(project.flow.operand(module, window), project)
            claim = _claim(module, module.scope_of(call))
            if claim is None and width is not None and width.formula.frame.scope is not module.scope_of(call):
                claim = _claim(width.formula.module, width.formula.frame.scope)
            if claim is None:
                continue
            planned = _plan(module, call, name, window, width)
            yield self.finding(
                module,
                call,
                "average pooling stands in for a Gaussian blur"
                + (f" of width `{width.sigma.text()}`" if width is not None else ""),
                evidence=_evidence(module, call, claim, width),
                # A name or a docstring alone says what was meant, and shows nothing.
                confidence=Confidence.HIGH if width is not None else Confidence.LOW,
                repair=None if isinstance(planned, str) else planned,
                no_fix=planned if isinstance(planned, str) else "",
            )


class _Width:
    """The width from which a window's size is made: ``sigma`` of ``2 * ceil(sigma) + 1``, and how it got here."""

    def __init__(self, formula: Operand, sigma: Operand, given: list[tuple[ast.Call, Operand]]) -> None:
        self.formula = formula
        self.sigma = sigma
        self.given = given


def _holds_one(call: ast.Call) -> bool:
    """Whether a call is given a 1 at all, as a stride must be."""
    return any(constant(value) == 1 for value in (*call.args, *(k.value for k in call.keywords)))


def _keeps_size(call: ast.Call, name: str) -> bool:
    """Whether the stride is 1, so that the result is as large as the image."""
    return constant(_argument(call, 1 if "AvgPool" in name else 2, "stride")) == 1


def _argument(call: ast.Call, position: int, keyword: str) -> ast.expr | None:
    if len(call.args) > position and not any(isinstance(a, ast.Starred) for a in call.args):
        return call.args[position]
    return next((k.value for k in call.keywords if k.arg == keyword), None)


def _width(op: Operand, project: Project, depth: int = 0) -> _Width | None:
    """The width behind a window's size, through one name and the callers of one function."""
    sigma = _of_formula(op)
    if sigma is not None:
        return _Width(op, sigma, [])
    if not isinstance(op.node, ast.Name) or depth > 3:
        return None
    bindings = project.flow.reaching(op.frame.scope).at(op.node) or frozenset()
    if len(bindings) != 1:
        return None
    binding = next(iter(bindings))
    if binding.kind is Kind.ASSIGN and binding.value is not None and not binding.index:
        return _width(op.sub(binding.value), project, depth + 1)
    if binding.kind is not Kind.PARAMETER:
        return None
    found: list[_Width] = []
    for arguments, call, _ in project.flow.calls.callers(op.frame):
        given = arguments.get(op.node.id)
        width = _width(given, project, depth + 1) if given is not None else None
        if given is None or width is None:
            return None
        width.given.append((call, given))
        found.append(width)
    if not found:
        return None
    found[0].given += [g for other in found[1:] for g in other.given]
    return found[0]


def _of_formula(op: Operand) -> Operand | None:
    """``sigma`` of ``2 * ceil(3 * sigma) + 1``, ``int(6 * sigma) | 1``: the one variable in a rounded odd number."""
    node = op.node
    if not isinstance(node, ast.BinOp) or constant(node.right) != 1 or not isinstance(node.op, (ast.Add, ast.BitOr)):
        return None
    rounded = [n for n in walk(node.left) if isinstance(n, ast.Call) and _last(n.func) in _ROUNDING and n.args]
    if len(rounded) != 1:
        return None
    leaves = [
        n
        for n in walk(rounded[0].args[0])
        if key_of(n) is not None and not isinstance(op.module.parent(n), ast.Attribute)
    ]
    return op.sub(leaves[0]) if len(leaves) == 1 and isinstance(leaves[0], ast.expr) else None


def _last(node: ast.expr) -> str:
    return (key_of(node) or "").rpartition(".")[2]


def _claim(module: Module, scope: Scope) -> Evidence | None:
    """Where a function, or the class around it, says that it is a Gaussian blur."""
    for home in (scope, scope.parent):
        node = home.node if home is not None else None
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            continue
        said = ast.get_docstring(node) or ""
        if _NO_CLAIM.search(said) or _NO_CLAIM.search(node.name):
            return None
        if _CLAIM.search(node.name):
            return module.evidence(node, f"`{node.name}` is called a Gaussian")
        if _CLAIM.search(said.partition("\n\n")[0]) and not isinstance(node, ast.ClassDef):
            return module.evidence(node, f"`{node.name}` is documented as a Gaussian")
    return None


def _evidence(module: Module, call: ast.Call, claim: Evidence, width: _Width | None) -> tuple[Evidence, ...]:
    found = [claim]
    if width is not None:
        place, text = width.formula.module, width.formula.text()
        found.append(
            place.evidence(width.formula.node, f"the window is made from the width `{width.sigma.text()}`: `{text}`")
        )
    found.append(module.evidence(call, "a mean over the window, with a stride of 1"))
    return tuple(found)


def _plan(module: Module, call: ast.Call, name: str, window: ast.expr, width: _Width | None) -> dict[str, Any] | str:
    """What the codemod needs to know, or why there is no fix."""
    if width is None:
        return "no width is at hand: write the Gaussian with the sigma that is meant"
    if "AvgPool" in name or not call.args:
        return "the pooling is a layer: call a Gaussian where the layer is called"
    if _argument(call, 3, "padding") is None:
        return "the pooling shrinks the image: pad it first"
    plan: dict[str, Any] = {
        "call": module.span(call),
        "image": module.segment(call.args[0]),
        "dims": POOLS[name],
        "sigma": module.segment(width.sigma.node) if width.sigma.module is module else "",
        "parameter": None,
        "argument": None,
        "docstring": None,
        "unused": _only_for(module, window, call),
    }
    scope = module.scope_of(call)
    if width.formula.frame.scope is scope:
        return plan
    if len(width.given) != 1 or width.formula.module is not module or not isinstance(window, ast.Name):
        return "sigma is known in another place than the pooling: hand it over, and write the Gaussian there"
    passed, given = width.given[0]
    if any(k.value is given.node for k in passed.keywords):
        return "the window's size is passed by name: hand sigma over instead, and write the Gaussian there"
    if module.scope_of(passed) is not width.formula.frame.scope:
        return "sigma is known in another place than the pooling: hand it over, and write the Gaussian there"
    inside = {id(n) for n in walk(call)}
    reads = [n for n in walk(scope.node) if isinstance(n, ast.Name) and n.id == window.id and id(n) not in inside]
    parameter = next((b.node for b in scope.bindings.get(window.id, ()) if b.kind is Kind.PARAMETER), None)
    if reads or not isinstance(parameter, ast.arg) or "sigma" in scope.bindings:
        return "the window's size is used for more than the pooling: hand sigma over beside it"
    return {
        **plan,
        "parameter": [*module.span(parameter), "sigma: float" if parameter.annotation is not None else "sigma"],
        "argument": [*module.span(given.node), plan["sigma"]],
        "docstring": _mention(module, scope, window.id),
        "unused": _only_for(module, given.node, passed),
        "sigma": "sigma",
    }


def _only_for(module: Module, size: ast.expr, call: ast.Call) -> tuple[int, int] | None:
    """The assignment of a window's size that nothing but this call reads."""
    if not isinstance(size, ast.Name):
        return None
    scope = module.scope_of(call)
    bindings = scope.bindings.get(size.id, [])
    inside = {id(n) for n in walk(call)}
    loads = [n for n in walk(scope.node) if isinstance(n, ast.Name) and n.id == size.id and isinstance(n.ctx, ast.Load)]
    if len(bindings) != 1 or not isinstance(bindings[0].node, ast.Assign) or any(id(n) not in inside for n in loads):
        return None
    return module.span(bindings[0].node) if len(bindings[0].node.targets) == 1 else None


def _mention(module: Module, scope: Scope, name: str) -> tuple[int, int, str] | None:
    """A function's docstring with its parameter's new name in it."""
    node = scope.node
    first = node.body[0] if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) else None
    if not isinstance(first, ast.Expr) or not isinstance(first.value, ast.Constant):
        return None
    text = module.segment(first.value)
    changed = re.sub(rf"\b{re.escape(name)}\b", "sigma", text)
    return (*module.span(first.value), changed) if changed != text else None
