"""A look at the syntax alone: could a file hold the product of a set with itself at all?

Following values costs time; most files with a cross entropy hold nothing of the kind. What is asked here may say yes
too often, and never no where :mod:`.identity` could say yes.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from weakref import WeakKeyDictionary

from ...graph.project import Project
from ...graph.symbols import Symbol
from ...source.links import first_line
from ...source.module import Module
from ...source.nodes import walk

_TRANSPOSING = frozenset({"t", "T", "mT", "H", "transpose", "permute", "swapaxes", "unsqueeze", "adjoint"})
_PRODUCTS = frozenset(
    {
        *("mm", "matmul", "bmm", "mv", "inner", "linear", "einsum", "cdist", "cosine_similarity", "pairwise_distance"),
        *("cos_sim", "pytorch_cos_sim", "dot_score"),
    }
)
_ALIAS_STEPS = 4
_BUILTINS = frozenset({"isinstance", "getattr", "setattr", "print", "zip", "range", "max", "min", "super"})
_LIBRARIES = frozenset({"torch", "F", "nn", "th", "functional", "np", "T"})
_KNOWN: WeakKeyDictionary[Project, dict[str, bool]] = WeakKeyDictionary()


def may_hold(module: Module, project: Project, tokens: frozenset[bytes]) -> bool:
    """Whether a file, or a file whose functions it calls, may compare a set with itself.

    Args:
        module: the file with the loss.
        project: its project.
        tokens: trigger bytes without which a file makes no such product.
    """
    known = _KNOWN.setdefault(project, {})
    if _holds(module, known):
        return True
    return any(
        _holds(other, known)
        for path in _called_files(module, project, tokens)
        if known.get(path) is not False and (other := project.try_module(path)) is not None
    )


def _holds(module: Module, known: dict[str, bool]) -> bool:
    found = known.get(module.path)
    if found is None:
        found = known[module.path] = _look(module)
    return found


def _called_files(module: Module, project: Project, tokens: frozenset[bytes]) -> Iterator[str]:
    seen = {module.path}
    for call in module.facts.calls:
        target = project.called(module.path, call)
        if isinstance(target, Symbol) and target.path not in seen:
            seen.add(target.path)
            if not project.files[target.path].tokens.isdisjoint(tokens):
                project.consulted.add(target.path)
                yield target.path


def _look(module: Module) -> bool:
    """Each outermost function on its own, then the code around them: names mean something else in each."""
    nodes = (*module.syntax.calls, *module.syntax.operations)
    products = [(n.lineno, sides) for n in nodes if (sides := _sides(n)) is not None]
    around: list[ast.stmt] = []
    stack: list[ast.stmt] = list(module.tree.body) if products else []
    while stack:
        node = stack.pop()
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            if _compares([node], products):
                return True
        elif isinstance(node, ast.ClassDef):
            stack.extend(node.body)
        else:
            around.append(node)
    return _compares(around, products)


def _compares(statements: list[ast.stmt], products: list[tuple[int, tuple[ast.expr, ast.expr]]]) -> bool:
    """Whether one of a file's products, those on the lines of some statements, may be of a set with itself."""
    spans = [(first_line(s), s.end_lineno or s.lineno) for s in statements]
    pairs = [sides for line, sides in products if any(first <= line <= last for first, last in spans)]
    aliases = _aliases([n for s in statements for n in walk(s)]) if pairs else {}
    return any(_meet(_bases(a), _bases(b), aliases) for a, b in pairs)


def _sides(node: ast.BinOp | ast.Call) -> tuple[ast.expr, ast.expr] | None:
    """The two tensors that a product or difference of all pairs may be made of."""
    if isinstance(node, ast.Call):
        return _compared(node)
    crossed = isinstance(node.op, (ast.Mult, ast.Sub)) and _crosses(node.left) and _crosses(node.right)
    return (node.left, node.right) if crossed or isinstance(node.op, ast.MatMult) else None


def _aliases(nodes: list[ast.AST]) -> dict[str, set[str]]:
    """For each name, those of which its value may be made."""
    aliases: dict[str, set[str]] = {}
    for node in nodes:
        if isinstance(node, ast.Assign):
            for target in node.targets:
                aliases.setdefault(ast.unparse(target), set()).update(_bases(node.value))
        elif isinstance(node, (ast.For, ast.comprehension)):
            for name in ast.walk(node.target):
                if isinstance(name, ast.Name):
                    aliases.setdefault(name.id, set()).update(_mentioned(node.iter))
    return aliases


def _compared(call: ast.Call) -> tuple[ast.expr, ast.expr] | None:
    """The two tensors of a product, or of any other call that is given a set both ways (``sim(z[:, None], z)``)."""
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    if name in _PRODUCTS:
        arguments = [*call.args, *[k.value for k in call.keywords]]
        if arguments and isinstance(arguments[0], ast.Constant):
            arguments = arguments[1:]
        if len(arguments) > 1:
            return arguments[0], arguments[1]
        return (call.func.value, arguments[0]) if arguments and isinstance(call.func, ast.Attribute) else None
    if len(call.args) < 2 or name in _BUILTINS or name[:1].isupper():
        return None
    first, second = call.args[:2]
    is_one = isinstance(first, ast.Name) and isinstance(second, ast.Name) and first.id == second.id
    return (first, second) if is_one or _turns(first) or _turns(second) else None


def _turns(node: ast.expr) -> bool:
    """``z.t()``, ``z.T``, ``z[None]``, ``z.unsqueeze(0)``."""
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Attribute) and node.func.attr in _TRANSPOSING
    if isinstance(node, ast.Subscript):
        return any(isinstance(n, ast.Constant) and n.value is None for n in ast.walk(node.slice))
    return isinstance(node, ast.Attribute) and node.attr in _TRANSPOSING


def _meet(first: set[str], second: set[str], aliases: dict[str, set[str]]) -> bool:
    return not _reached(first, aliases).isdisjoint(_reached(second, aliases))


def _reached(names: set[str], aliases: dict[str, set[str]]) -> set[str]:
    found = set(names)
    for _ in range(_ALIAS_STEPS):
        found |= {other for known in tuple(found) for other in aliases.get(known, ())}
    return found


def _crosses(node: ast.expr) -> bool:
    return isinstance(node, ast.Subscript) or (
        isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "unsqueeze"
    )


def _bases(node: ast.expr | None) -> set[str]:
    """The names at the bottom of calls, subscripts and arithmetic: of what the rows are."""
    while node is not None:
        if isinstance(node, ast.BinOp):
            return _bases(node.left) | _bases(node.right)
        if isinstance(node, ast.IfExp):
            return _bases(node.body) | _bases(node.orelse)
        inner = _inner(node)
        if inner is node:
            return {ast.unparse(node)} if isinstance(node, (ast.Name, ast.Attribute)) else set()
        node = inner
    return set()


def _inner(node: ast.expr) -> ast.expr | None:
    """One layer further in; the node itself at the bottom, None where there is no name."""
    if isinstance(node, ast.Call):
        func = node.func
        if isinstance(func, ast.Attribute):
            root = _root(func)
            if root == "self" and not isinstance(func.value, ast.Attribute):
                return None  # a layer or a method: what it returns is no longer the same rows
            if root not in _LIBRARIES:
                return func.value
        return node.args[0] if node.args else None
    if isinstance(node, ast.Attribute) and node.attr in _TRANSPOSING:
        return node.value
    if isinstance(node, (ast.Subscript, ast.NamedExpr, ast.Starred)):
        return node.value
    if isinstance(node, ast.UnaryOp):
        return node.operand
    if isinstance(node, (ast.List, ast.Tuple)):
        return node.elts[0] if node.elts else None
    return node


def _root(node: ast.expr) -> str:
    while isinstance(node, ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def _mentioned(node: ast.expr) -> Iterator[str]:
    return (n.id for n in ast.walk(node) if isinstance(n, ast.Name))
