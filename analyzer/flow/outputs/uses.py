"""What a project does with a part of a module: the calls of it, and reads that may use it in other ways."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from ...graph.project import Project
from ...graph.symbols import Symbol
from ...source.module import Module
from ...source.scopes import last_name
from .lookups import is_lookup, looks_up
from .parts import Part

_HANDLING = frozenset(
    {
        *("parameters", "named_parameters", "state_dict", "load_state_dict", "train", "eval", "to", "cuda", "cpu"),
        *("apply", "in_features", "out_features", "in_channels", "out_channels", "half", "float", "init_weights"),
        *("reset_parameters", "requires_grad_", "embedding_dim", "num_embeddings", "num_features"),
    }
)


@dataclass(frozen=True)
class Use:
    """A call of a part."""

    module: Module
    call: ast.Call


def uses_in(part: Part, module: Module, project: Project) -> list[Use] | None:
    """The calls of a part in a file, in order; None where it is replaced, looked up by its name, or handed on."""
    attributes, lookups = _named_and_looked_up(module)
    if any(looks_up(module, call, part.name, module is part.module) for call in lookups):
        return None
    found: dict[int, Use] = {}
    # Of ``self`` the class is known; those of other objects may lie some files away.
    for place, node in sorted(enumerate(attributes.get(part.name, ())), key=lambda a: not _is_of_self(a[1])):
        if _is_of_other_class(part, module, node, project):
            continue
        if not isinstance(node.ctx, ast.Load):
            if module is part.module and _is_in_constructor(part, module, node):
                continue
            return None
        if _is_harmless(module, node, project):
            continue
        call = _call_of(module, node)
        if call is None:
            return None
        found[place] = Use(module, call)
    return [found[place] for place in sorted(found)]


def uses_elsewhere(part: Part, paths: Iterable[str], project: Project) -> list[Use] | None:
    """The same of some files but the part's own, as one."""
    found: list[Use] = []
    for path in paths:
        module = project.try_module(path) if path != part.module.path else None
        uses = uses_in(part, module, project) if module is not None else []
        if uses is None:
            return None
        found += uses
    return found


@lru_cache(maxsize=16)
def _named_and_looked_up(module: Module) -> tuple[dict[str, list[ast.Attribute]], list[ast.Call]]:
    """A file's attributes by name, and its calls that look attributes up by a text."""
    attributes: dict[str, list[ast.Attribute]] = {}
    for node in module.nodes:
        if isinstance(node, ast.Attribute):
            attributes.setdefault(node.attr, []).append(node)
    return attributes, [call for call in module.calls() if is_lookup(call)]


def _is_of_self(node: ast.Attribute) -> bool:
    return isinstance(node.value, ast.Name) and node.value.id == "self"


def _is_of_other_class(part: Part, module: Module, node: ast.Attribute, project: Project) -> bool:
    """``self.fc`` in the methods of a class that has nothing to do with the part's."""
    if not isinstance(node.value, ast.Name) or node.value.id != "self":
        known = (
            project.flow.classes.of(project.flow.operand(module, node.value))
            if not (module.local_name(node) is not None)
            else []
        )
        return (module.local_name(node) is not None) or (
            bool(known) and not any(_is_kin(part, k, project) for k in known)
        )
    method = module.scope_of(node).method
    owner = method.parent if method is not None else None
    return owner is not None and not _is_kin(part, Symbol(module.path, owner.qualname), project)


def _is_kin(part: Part, klass: Symbol, project: Project) -> bool:
    return klass in project.symbols.ancestry(part.owner) or part.owner in project.symbols.ancestry(klass)


def _is_in_constructor(part: Part, module: Module, node: ast.Attribute) -> bool:
    return module.qualname(node) == f"{part.owner.qualname}.__init__"


def _call_of(module: Module, node: ast.Attribute) -> ast.Call | None:
    """The call of a part that is read: ``self.fc(x)``, ``self.layers[0](x)``, ``self.fc.forward(x)``."""
    called, parent = _with_its_item(module, node)
    if isinstance(parent, ast.Attribute) and parent.attr == "forward":
        call = module.parent(parent)
        return call if isinstance(call, ast.Call) else None
    return parent if isinstance(parent, ast.Call) and parent.func is called else None


def _is_harmless(module: Module, node: ast.Attribute, project: Project) -> bool:
    """Whether a read of a part can neither run it nor train its weights."""
    called, parent = _with_its_item(module, node)
    if isinstance(parent, ast.Attribute):
        is_weight = parent.attr in ("weight", "bias")
        return parent.attr in _HANDLING or (is_weight and _is_set_up(module, parent, project))
    if isinstance(parent, ast.Call):
        return parent.func is not called and _is_initialisation(module, parent, project)
    return isinstance(parent, (ast.Compare, ast.If, ast.IfExp)) and getattr(parent, "test", parent) in (node, parent)


def _with_its_item(module: Module, node: ast.Attribute) -> tuple[ast.expr, ast.AST | None]:
    """A part or the item that is taken of it (``self.layers[0]``), and what stands around that."""
    above = module.parent(node)
    if isinstance(above, ast.Subscript) and above.value is node:
        return above, module.parent(above)
    return node, above


def _is_set_up(module: Module, weight: ast.Attribute, project: Project) -> bool:
    """``nn.init.normal_(self.fc.weight)``, ``self.fc.bias.data.fill_(0)``, ``self.fc.weight.shape``."""
    parent = module.parent(weight)
    if isinstance(parent, ast.Attribute):
        return parent.attr in ("data", "shape", "size", "device", "dtype", "requires_grad", "fill_", "zero_", "normal_")
    return isinstance(parent, ast.Call) and _is_initialisation(module, parent, project)


def _is_initialisation(module: Module, call: ast.Call, project: Project) -> bool:
    name = project.external(module, call.func) or last_name(call.func)
    return (
        name.startswith("torch.nn.init.")
        or bool(re.search(r"(?i)init", name.rpartition(".")[2]))
        or name
        in (
            "isinstance",
            "print",
            "hasattr",
        )
    )
