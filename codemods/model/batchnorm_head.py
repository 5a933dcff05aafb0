"""Makes a classifier with batch norm at its logits a plain linear layer, initialised as the old one was."""

from __future__ import annotations

import ast
import re

from ...analyzer.checking import NoFix
from ...analyzer.findings import Applicability, Edit, Finding, Fix
from ...analyzer.flow.layers.heads import Head, argument, heads
from ...analyzer.flow.layers.order import is_sequential
from ...analyzer.flow.values.frames import Operand
from ...analyzer.graph.project import Project
from ...analyzer.source.module import Module
from ...analyzer.source.scopes import key_of
from ..names import nn_name
from ..surgery import insert_after, replace_node, replace_span
from ._initialisation import initialisation


def fix(finding: Finding, project: Project) -> Fix:
    """The edits of one head.

    Raises:
        NoFix: other code reads into the old head, or the head does more than the two layers.
    """
    module = project.module(finding.location.path)
    head = next((h for h in heads(module, project) if module.location(h.call) == finding.location), None)
    if head is None:
        raise NoFix("the file changed since it was scanned: scan again")
    if not head.unit.comes_first and head.klass is None and not is_sequential(head.call, module, project):
        nn, imports = nn_name(module)
        edits = [*imports, replace_node(module, head.call, f"{nn}.Identity()")]
        return _fix("take the batch norm off the logits; its keys in old checkpoints are left over", edits)
    _refuse_readers(head, module, project)
    name = head.attribute or "head"
    if head.klass is None and not head.unit.comes_first:
        return _fix(f"take the batch norm off the logits of {name}", [_without_last(head.call, module)])
    child = head.unit.linear.name
    title = (
        f"make {name} a plain linear layer; keys of old checkpoints change "
        f"({name}.{child}.weight -> {name}.weight, none for the norm)"
    )
    if head.klass is None:
        return _fix(title, _inlined(head, module))
    return _fix(title, _of_class(head, module, project))


def _fix(title: str, edits: list[Edit]) -> Fix:
    return Fix(Applicability.UNSAFE, title, tuple(edits))


def _refuse_readers(head: Head, module: Module, project: Project) -> None:
    """Code that reads ``head.l``, calls ``head.fuse()`` or names ``head.l.weight`` needs the old head."""
    if head.attribute is None:
        return
    names = {layer.name for layer in head.unit.layers} | {"fuse"}
    children = "|".join(re.escape(n) for n in names if n.isidentifier())
    attribute = re.escape(head.attribute)
    reader = re.compile(rf"\.{attribute}(\.({children})\b|\[)|[\"'.]{attribute}\.({children})\.(weight|bias)\b")
    for path in sorted({module.path, *project.graphs.importers_of(module.path)}):
        other = module if path == module.path else None
        text = other.text if other is not None else project.sources.read(path).decode(errors="replace")
        found = reader.search(text)
        if found is not None:
            line = text.count("\n", 0, found.start()) + 1
            raise NoFix(f"{path}:{line} reads into the old head (`{found.group().strip('.')}`): change that first")


def _without_last(call: ast.Call, module: Module) -> Edit:
    """An ``nn.Sequential`` without its last batch norm; what comes after it stays."""
    position = max(i for i, a in enumerate(call.args) if "BatchNorm" in ast.unparse(a))
    start = module.span(call.args[position - 1])[1]
    return replace_span(module, start, module.span(call.args[position])[1], "")


def _inlined(head: Head, module: Module) -> list[Edit]:
    made = head.unit.linear.made
    if made is None or made.call.module is not module or head.unit.has_dropout:
        raise NoFix("the head holds more than its two layers: take the batch norm out by hand")
    return [replace_node(module, head.call, module.segment(made.call.node))]


def _of_class(head: Head, module: Module, project: Project) -> list[Edit]:
    if head.unit.has_dropout:
        raise NoFix("the head's class holds dropout as well: take the batch norm out by hand")
    nn, imports = nn_name(module)
    made = head.unit.linear.made
    linear = made.call.node if made is not None else None
    if made is None or not isinstance(linear, ast.Call):
        raise NoFix("how the head builds its linear layer is not known")
    call = Operand(head.call, project.flow.frame(module, head.call))
    arguments = _arguments(made.call, linear, call, project)
    plain = [a for a in arguments if "=" not in a]
    if [module.segment(a) for a in head.call.args] == plain == arguments and not head.call.keywords:
        replaced = replace_node(module, head.call.func, f"{nn}.Linear")
    else:
        replaced = replace_node(module, head.call, f"{nn}.Linear({', '.join(arguments)})")
    return [*imports, replaced, *_initialised(head, module, project, call, nn)]


def _arguments(made: Operand, linear: ast.Call, call: Operand, project: Project) -> list[str]:
    """The arguments of the new layer: those of the old one's, as they are at this call."""
    found: list[str] = []
    if any(isinstance(a, ast.Starred) for a in linear.args) or any(k.arg is None for k in linear.keywords):
        given = [k.arg for k in call.node.keywords] if isinstance(call.node, ast.Call) else []
        if any(k not in ("in_features", "out_features", "bias", "std") for k in given):
            raise NoFix("the head's class takes further arguments for its layers: replace it by hand")
    named = [(k.arg, k.value) for k in linear.keywords if k.arg is not None]
    for name, value in [*((None, a) for a in linear.args if not isinstance(a, ast.Starred)), *named]:
        here = text_at(made.sub(value), call, project)
        if name == "bias" and here == "True":
            continue
        found.append(here if name in (None, "in_features", "out_features") else f"{name}={here}")
    return found


def text_at(value: Operand, call: Operand, project: Project) -> str:
    """The code of a constructor's expression, as it reads at one call of the constructor.

    Raises:
        NoFix: it is computed from something that the call does not show.
    """
    here = argument(value, call, project)
    if here is None and isinstance(value.node, ast.Name):
        here = project.flow.calls.default_of(value.node.id, value.frame)
        if here is not None and not isinstance(here.node, ast.Constant):
            here = None
    if here is None:
        raise NoFix(f"what `{value.text()}` is here is not plain to see: replace the head by hand")
    return here.module.segment(here.node)


def _initialised(head: Head, module: Module, project: Project, call: Operand, nn: str) -> list[Edit]:
    """The statements that give the new layer the old one's initial values, after it is built."""
    statement = module.statement(head.call)
    target = statement.targets[0] if isinstance(statement, ast.Assign) and len(statement.targets) == 1 else None
    lines = initialisation(head, project, call, key_of(target) if target is not None else None, nn)
    if not lines:
        return []
    alone = module.line_text(statement)[: statement.col_offset].strip() == ""
    if not alone or module.text[module.span(statement)[1] :].split("\n", 1)[0].strip().startswith(";"):
        raise NoFix("the statement shares its line with another one: give it a line of its own first")
    if any(isinstance(a, (ast.IfExp, ast.BoolOp)) for a in _above(module, head.call)):
        lines = [f"if isinstance({key_of(target) if target else ''}, {nn}.Linear):", *("    " + x for x in lines)]
    return [insert_after(module, statement, *lines)]


def _above(module: Module, node: ast.expr) -> list[ast.AST]:
    found: list[ast.AST] = []
    for above in module.ancestors(node):
        if isinstance(above, ast.stmt):
            break
        found.append(above)
    return found
