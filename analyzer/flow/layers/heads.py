"""Batch norm at the logits: the places that build such a head, and what shows that it is the classifier."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from weakref import WeakKeyDictionary

from ...findings import Confidence, Evidence
from ...graph.project import Project
from ...graph.symbols import Symbol
from ...source.facts import FileFacts
from ...source.module import Module
from ...source.scopes import key_of
from ..similarity.denominators import cross_entropy_calls
from ..values.construction import Constructions, Made
from ..values.evaluate import Evaluator
from ..values.flow import Flow
from ..values.frames import Frame, Known, Operand
from ..values.functions import returned
from ..values.uses import uses
from .order import Layer, is_sequential, last_applied, layer_of, layers_of, sequence

NORMS = frozenset({"BatchNorm1d", "SyncBatchNorm", "LazyBatchNorm1d"})
_LINEAR = frozenset({"Linear", "LazyLinear"})
_PASSIVE = frozenset({"Dropout", "Identity", "Flatten"})
_FINAL = frozenset({"Softmax", "LogSoftmax"})
_CLASSES = re.compile(
    r"^_?(n|num|nb|number|no|count)_?(of_?)?(train_?)?(class|classes|cls|label|labels|categories|speakers|ids?)$"
    r"|^(class|classes|label|labels|cls)_?(n|num|nb|number|count)$|^(n|num)?_?(classes|labels)$|^out_?classes$",
    re.IGNORECASE,
)
_FEATURES = re.compile(r"feat|embed|bottleneck", re.IGNORECASE)
_MOST_CALLS = 24
_UNITS: WeakKeyDictionary[Project, dict[Symbol, Unit | None]] = WeakKeyDictionary()
_SITES: WeakKeyDictionary[Project, dict[str, dict[int, set[Symbol]]]] = WeakKeyDictionary()


@dataclass(frozen=True)
class Unit:
    """A batch norm and a linear layer that form one head. ``comes_first``: the norm stands before the linear layer."""

    norm: Layer
    linear: Layer
    comes_first: bool
    has_dropout: bool
    layers: tuple[Layer, ...]


@dataclass(frozen=True)
class Head:
    """A classifier with a batch norm at its logits.

    ``call`` builds it; ``klass`` is its class where it is one of the project's, ``frame`` the constructor's frame.
    ``outputs`` is the expression of its number of outputs, ``attribute`` the attribute of ``self`` that holds it.
    """

    call: ast.Call
    unit: Unit
    klass: Symbol | None
    outputs: Operand
    attribute: str | None
    confidence: Confidence
    evidence: tuple[Evidence, ...]


def heads(module: Module, project: Project) -> Iterator[Head]:
    """The classifiers of one file that have a batch norm at their logits."""
    sites = _sites(project).get(module.path, {})
    for call in module.calls():
        unit, klass, outputs = None, None, None
        if call.lineno in sites:
            klass = project.resolve(module, call.func)
            unit = _unit_of(klass, project) if isinstance(klass, Symbol) and klass in sites[call.lineno] else None
            outputs = _given(unit, project.flow.operand(module, call), project)
        elif _may_be_inline(call) and is_sequential(call, module, project):
            frame = project.flow.frame(module, call)
            unit, klass = _unit(sequence(call, frame, project) or []), None
            outputs = _width(unit)
        if unit is None or outputs is None:
            continue
        symbol = klass if isinstance(klass, Symbol) else None
        shown = _assessed(
            Head(call, unit, symbol, outputs, _attribute(module, call), Confidence.LOW, ()), module, project
        )
        if shown is not None:
            yield shown
    yield from _split(module, project)


def has_norm(facts: FileFacts) -> bool:
    """Whether a file uses a batch norm of vectors itself."""
    return any(name.rpartition(".")[2] in NORMS for name in facts.names)


def distant_files(project: Project) -> list[str]:
    """Files that build a head whose class another file defines, and use no batch norm themselves."""
    return sorted(path for path in _sites(project) if not has_norm(project.files[path]))


def _sites(project: Project) -> dict[str, dict[int, set[Symbol]]]:
    """Lines that build a class of a norm and a linear layer, by file: from the facts alone, worked out once."""
    found = _SITES.get(project)
    if found is None:
        found = _SITES[project] = {}
        for path, facts in project.files.items():
            for klass in _candidates(facts) if has_norm(facts) else ():
                for site in project.call_sites(Symbol(path, klass)):
                    found.setdefault(site.path, {}).setdefault(site.line, set()).add(Symbol(path, klass))
    return found


def _candidates(facts: FileFacts) -> Iterator[str]:
    """Classes whose constructor makes a batch norm and a linear layer and little else."""
    made: dict[str, list[str]] = {}
    for call in facts.calls:
        owner, _, method = call.scope.rpartition(".")
        if method == "__init__" and owner:
            made.setdefault(owner, []).append(call.callee.rpartition(".")[2])
    for owner, names in made.items():
        if len(names) <= _MOST_CALLS and not NORMS.isdisjoint(names) and not _LINEAR.isdisjoint(names):
            yield owner


def _may_be_inline(call: ast.Call) -> bool:
    """``Sequential(..)`` that starts or ends with something that could be a norm."""
    if _last(call.func) != "Sequential" or len(call.args) < 2:
        return False
    edges = (call.args[0], *call.args[-2:])
    return any(isinstance(e, ast.Name) or (isinstance(e, ast.Call) and _last(e.func) in NORMS) for e in edges)


def _last(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _unit_of(klass: Symbol, project: Project) -> Unit | None:
    known = _UNITS.setdefault(project, {})
    project.consulted.add(klass.path)
    if klass not in known:
        found = layers_of(klass, project)
        known[klass] = _unit(found[0]) if found is not None else None
    return known[klass]


def _given(unit: Unit | None, call: Operand, project: Project) -> Operand | None:
    """The number of outputs that a call of a head's class asks for."""
    width = _width(unit)
    return argument(width, call, project) if width is not None else None


def _unit(layers: Sequence[Layer]) -> Unit | None:
    """The head that a row of layers is, None for anything with more to it than a norm and a linear layer."""
    kinds = [layer.kind for layer in layers]
    while kinds and kinds[-1] in _FINAL | _PASSIVE:
        kinds, layers = kinds[:-1], layers[:-1]
    if len(kinds) < 2 or "" in kinds[-2:]:
        return None
    core = [layer for layer in layers if layer.kind not in _PASSIVE]
    dropout = any(layer.kind == "Dropout" for layer in layers)
    if len(core) == 2 and core[0].kind in NORMS and core[1].kind in _LINEAR:
        unit = Unit(core[0], core[1], True, dropout, tuple(layers))
        return unit if _is_trained(core[0]) and _has_bias(core[1]) else None
    if len(core) >= 2 and core[-1].kind in NORMS and core[-2].kind in _LINEAR and _is_trained(core[-1]):
        return Unit(core[-1], core[-2], False, dropout, tuple(layers))
    return None


def _is_trained(norm: Layer) -> bool:
    """Not a norm without gain and bias, which linear probes put before a frozen trunk's classifier on purpose."""
    call = norm.made.call.node if norm.made is not None else None
    return isinstance(call, ast.Call) and all(k.arg != "affine" for k in call.keywords)


def _has_bias(linear: Layer) -> bool:
    """Not the bias-free classifier of a BNNeck, whose norm stands between a metric loss and the classifier."""
    call = linear.made.call.node if linear.made is not None else None
    given = [k.value for k in call.keywords if k.arg == "bias"] if isinstance(call, ast.Call) else []
    return not any(isinstance(v, ast.Constant) and v.value is False for v in given)


def _width(unit: Unit | None) -> Operand | None:
    """The number of outputs of a head's linear layer."""
    made = unit.linear.made if unit is not None else None
    call = made.call.node if made is not None else None
    if made is None or not isinstance(call, ast.Call):
        return None
    lazy = made.name.startswith("Lazy")
    value = next((k.value for k in call.keywords if k.arg == "out_features"), None)
    position = 0 if lazy else 1
    if value is None and len(call.args) > position:
        value = call.args[position]
    return made.call.sub(value) if value is not None else None


def argument(value: Operand, call: Operand, project: Project) -> Operand | None:
    """What a constructor's expression is at one call: the argument where it is a parameter, else the expression."""
    node = value.node
    if not isinstance(node, ast.Name) or not isinstance(call.node, ast.Call):
        return value if isinstance(node, ast.Constant) else None
    return project.flow.calls.bind(call.node, call.frame, value.frame.scope).get(node.id)


def _split(module: Module, project: Project) -> Iterator[Head]:
    """``return self.bn(self.fc(x))``: the norm after the last linear layer, each an attribute of its own."""
    both = set(_candidates(module.facts))
    for klass in module.facts.classes:
        symbol = Symbol(module.path, klass.qualname)
        if klass.qualname not in both or "forward" not in klass.methods or not project.flow.calls.is_module(symbol):
            continue
        forward = module.scope_named(f"{klass.qualname}.forward")
        init = module.scope_named(f"{klass.qualname}.__init__")
        if forward is None or init is None:
            continue
        for result in returned(forward):
            names = last_applied(Operand(result, Frame(module, forward)), project)
            if len(names) < 2:
                continue
            frame = Frame(module, init)
            layers = [
                layer_of(name, Operand(b.value, frame), project)
                for name in names
                for b in init.bindings.get(f"self.{name}", [])
                if b.value is not None
            ]
            unit = _unit(layers)
            width = _width(unit)
            if len(layers) != len(names) or unit is None or unit.comes_first or width is None:
                continue
            call = unit.norm.made.call.node if unit.norm.made is not None else None
            if isinstance(call, ast.Call):
                head = Head(call, unit, None, width, unit.norm.name, Confidence.LOW, ())
                shown = _assessed(head, module, project, is_returned=True)
                if shown is not None:
                    yield shown


# What shows that it is the classifier.


def _assessed(head: Head, module: Module, project: Project, is_returned: bool = False) -> Head | None:
    """The head with how sure it is that this is the classifier, None where nothing shows it."""
    named = _counts_classes(head.outputs, project)
    guard = _guard(module, head.call, head.outputs)
    if not named and guard is None and not is_returned and head.attribute is None:
        return None
    evidence = [*_makeup(head)]
    if guard is not None:
        evidence.append(module.evidence(guard, "without classes there is no head: it is the classifier"))
    if named:
        evidence.append(module.evidence(head.call, f"its number of outputs is `{head.outputs.text()}`"))
    sure = guard is not None and named
    loss = None if sure else _loss(head, project)
    if loss is not None:
        evidence.append(loss)
    sure = sure or loss is not None
    if not sure and not (named and (is_returned or _is_returned(module, head, project))):
        return None
    how = Confidence.HIGH if sure else Confidence.LOW if _FEATURES.search(head.attribute or "") else Confidence.MEDIUM
    return replace(head, confidence=how, evidence=tuple(dict.fromkeys(evidence)))


def _makeup(head: Head) -> Iterator[Evidence]:
    for layer in (head.unit.norm, head.unit.linear):
        made = layer.made
        if made is not None:
            yield made.call.module.evidence(made.call.node, f"`{made.call.text()}`")


def _counts_classes(outputs: Operand, project: Project) -> bool:
    """Whether the number of outputs is a number of classes: by its name, or as the length of a list of them."""
    node = outputs.node
    last = (key_of(node) or "").rpartition(".")[2]
    if _CLASSES.match(last.strip("']\"")):
        return True
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "len" and node.args:
        listed = (key_of(node.args[0]) or "").rpartition(".")[2]
        return bool(_CLASSES.match(listed) or re.match(r"(?i).*(classes|labels|categories)$", listed))
    if isinstance(node, ast.Name):
        sources = project.flow.sources(outputs)
        return len(sources) == 1 and sources[0].operand is not None and _counts_classes(sources[0].operand, project)
    return False


def _guard(module: Module, call: ast.Call, outputs: Operand) -> ast.AST | None:
    """``X(..) if n > 0 else Identity()``, as an expression or as a statement."""
    if outputs.module is not module:
        return None
    wanted = ast.unparse(outputs.node)
    for above in module.ancestors(call):
        if isinstance(above, (ast.IfExp, ast.If)):
            test = above.test
            asked = test.left if isinstance(test, ast.Compare) else test
            if ast.unparse(asked) == wanted and "Identity" in "".join(map(ast.dump, _other(above))):
                return above
        if isinstance(above, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            return None
    return None


def _other(branch: ast.If | ast.IfExp) -> Sequence[ast.AST]:
    return branch.orelse if isinstance(branch, ast.If) else [branch.orelse]


def _attribute(module: Module, call: ast.Call) -> str | None:
    """``x`` of ``self.x = <the call>``."""
    statement = module.statement(call)
    targets = statement.targets if isinstance(statement, ast.Assign) else []
    for target in targets:
        if isinstance(target, ast.Attribute) and key_of(target.value) == "self":
            return target.attr
    return None


def _is_returned(module: Module, head: Head, project: Project) -> bool:
    """Whether what the head makes of its input is what a method returns."""
    owner = module.scope_of(head.call).enclosing_class
    if owner is None or head.attribute is None:
        return False
    own = [c for c in module.calls() if key_of(c.func) == f"self.{head.attribute}"]
    return any(
        module.scope_of(call).enclosing_class is owner and _reaches_return(module, call, project, 0) for call in own
    )


def _reaches_return(module: Module, node: ast.expr, project: Project, depth: int) -> bool:
    for parent, _ in uses(project.flow, module, node):
        if isinstance(parent, ast.Return):
            return True
        passing = isinstance(parent, (ast.Tuple, ast.IfExp, ast.Dict, ast.List))
        if passing and depth < 4 and _reaches_return(module, parent, project, depth + 1):
            return True
    return False


def _loss(head: Head, project: Project) -> Evidence | None:
    """A cross entropy that takes this head's output."""
    finder = _Outputs(project.flow, head.call)
    for module, call, logits in cross_entropy_calls(project):
        if finder.evaluate(project.flow.operand(module, logits)):
            return module.evidence(call, f"cross entropy takes its output as `{module.snippet(logits)}`")
    return None


class _Outputs(Evaluator[bool]):
    """Whether a value is what an instance built by one call returns."""

    def __init__(self, flow: Flow, head: ast.Call) -> None:
        super().__init__(flow)
        self.head = head

    def expression(self, op: Operand) -> Sequence[Known[bool]] | None:
        node = op.node
        if not isinstance(node, ast.Call) or self.project.resolve(op.module, node.func) is not None:
            return None
        made: list[Known[Made]] = Constructions(self.flow).evaluate(op.sub(node.func))
        return [Known(True)] if any(k.what.call.node is self.head for k in made) else None
