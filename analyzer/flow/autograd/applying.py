"""Which operations a call may apply, by a file's syntax alone: what its imports, definitions and assignments name."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from functools import cached_property

from ...source.collect import dotted
from ...source.facts import FileFacts
from ...source.scopes import key_of, last_name
from .saved import VIEWS, WEIGHTED, Table

_FOREIGN = frozenset({"numpy", "math", "random", "copy", "itertools", "functools", "collections", "os", "re", "typing"})
_BUILTINS = frozenset(
    {"int", "float", "len", "list", "dict", "set", "range", "str", "print", "isinstance", "enumerate", "max", "min"}
)
_OWN = ("self", "cls")
_Assignment = ast.Assign | ast.AnnAssign
_Made = tuple[_Assignment, list[ast.Call]]
_Renamed = tuple[_Assignment, ast.expr]


class Applying:
    """What the calls of one file may apply: a function of torch's, a layer, the project's own code.

    Says yes wherever the value flow might: layers are looked up by name, as :func:`.saved.given` does. A method of
    anything but the own object, as ``model.encode(x)``, leads into no code that is looked at.
    """

    def __init__(self, assignments: Iterable[_Assignment], facts: FileFacts, table: Table) -> None:
        self.table = table
        self._imported = {**dict(facts.aliases), **{i.local: i.target for i in facts.imports}}
        self._defined = {f.qualname.rpartition(".")[2] for f in (*facts.functions, *facts.classes)}
        self._assignments = assignments
        self._inputs = table.inputs | {WEIGHTED}
        self._results = table.results | VIEWS

    @cached_property
    def _by_value(self) -> tuple[list[_Made], list[_Renamed]]:
        """The assignments that give names what calls give, and those that give names other names."""
        made: list[_Made] = []
        renamed: list[_Renamed] = []
        for node in self._assignments:
            value = node.value
            if isinstance(value, ast.Call):
                made.append((node, [value]))
            elif isinstance(value, (ast.Name, ast.Attribute)):
                renamed.append((node, value))
            elif isinstance(value, (ast.Tuple, ast.List)):
                made.append((node, [v for v in value.elts if isinstance(v, ast.Call)]))
        return made, renamed

    @cached_property
    def _made(self) -> dict[str, list[ast.Call]]:
        """By name, the calls that may give it its value; ``self.a, self.b = nn.Linear(2, 2), nn.ReLU()``: each both."""
        found: dict[str, list[ast.Call]] = {}
        for node, calls in self._by_value[0]:
            for target in _targets(node) if calls else ():
                for part in target.elts if isinstance(target, (ast.Tuple, ast.List)) else [target]:
                    key = key_of(part)
                    if key is not None:
                        found.setdefault(key, []).extend(calls)
        return found

    @cached_property
    def _renamed(self) -> dict[str, list[str]]:
        """By name, the imports' targets behind it: ``exp = torch.exp``, in whatever function that stands."""
        found: dict[str, list[str]] = {}
        for node, value in self._by_value[1]:
            head, _, rest = (dotted(value) or "").partition(".")
            target = self._imported.get(head)
            for name in _targets(node) if target is not None else ():
                if isinstance(name, ast.Name):
                    found.setdefault(name.id, []).append(f"{target}.{rest}" if rest else str(target))
        return found

    def may_save(self, func: ast.expr) -> bool:
        """Whether a call's first argument may go into an operation that saves it; the project's code is not entered."""
        return self.may_apply(func, self._inputs, enters=False)

    def may_give_saved(self, func: ast.expr) -> bool:
        """Whether a call may give a saved result of its first argument or receiver, or a view of one."""
        return (isinstance(func, ast.Attribute) and func.attr in self._results) or self.may_apply(func, self._results)

    def may_apply(self, func: ast.expr, names: frozenset[str], enters: bool = True) -> bool:
        """Whether a call's first argument may go into one of some operations.

        Args:
            func: what is called.
            names: the operations' names.
            enters: whether the project's own functions and classes count too, whatever they are called.
        """
        root = func
        while isinstance(root, ast.Attribute):
            root = root.value
        if not isinstance(root, ast.Name):
            return not isinstance(func, ast.Attribute)
        if any(self._leads(renamed, func, names, enters) for renamed in self._renamed.get(root.id, ())):
            return True
        target = self._imported.get(root.id)
        if target is None:
            if root.id in _BUILTINS or (isinstance(func, ast.Attribute) and root.id not in _OWN):
                return False
            return (enters and last_name(func) in self._defined) or self._is_made(func, names, enters)
        return self._leads(target, func, names, enters)

    def _leads(self, target: str, func: ast.expr, names: frozenset[str], enters: bool) -> bool:
        """Whether what an import stands for may be such an operation, or leads into the project's code."""
        last = func.attr if isinstance(func, ast.Attribute) else target.rpartition(".")[2]
        top = target.partition(".")[0]
        return last in names or (enters and top != "torch" and top not in _FOREIGN)

    def _is_made(self, name: ast.expr, names: frozenset[str], enters: bool) -> bool:
        """Whether some assignment gives a name a layer that applies one of the operations, or the project's code."""
        return any(
            self.table.layers.get(maker.rpartition(".")[2], "") in names or (enters and not maker.startswith("torch."))
            for maker in self.makers(name)
        )

    def calls(self, name: ast.expr) -> list[ast.Call]:
        """The calls that may give a name its value in this file, wherever that is."""
        return self._made.get(key_of(name) or "", [])

    def makers(self, name: ast.expr) -> list[str]:
        """What is called to make a name's values in this file, wherever that is: ``torch.nn.Linear``, ``Block``.

        Left out is what cannot be the project's: parameters, and other packages that know no tensors.
        """
        makers = [maker for value in self._made.get(key_of(name) or "", ()) if (maker := self._maker(value))]
        if "torch.nn.Sequential" in makers:
            calls = [v for v in self._made[key_of(name) or ""] if self._maker(v) == "torch.nn.Sequential"]
            makers += [self._maker(v) for c in calls for v in c.args[:1] + c.args[-1:] if isinstance(v, ast.Call)]
        return makers

    def _maker(self, value: ast.Call) -> str:
        chain = dotted(value.func)
        if chain is None:
            return ""
        head, _, rest = chain.partition(".")
        target = self._imported.get(head)
        if target is None:
            return chain if head in self._defined or head in _OWN else ""
        target = f"{target}.{rest}" if rest else target
        return "" if target.partition(".")[0] in _FOREIGN else target


def _targets(node: _Assignment) -> list[ast.expr]:
    return node.targets if isinstance(node, ast.Assign) else [node.target]
