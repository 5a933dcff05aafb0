"""Whether code runs only where the installed release was asked first: try/except, version checks, hasattr, flags."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence

from ..graph.project import Project
from ..graph.symbols import Symbol
from ..source.module import Module
from ..source.scopes import Binding

_LOOKS_FOR = {"ImportError", "ModuleNotFoundError", "AttributeError"}
_BROAD = {"Exception", "BaseException"}
_SHORT_BODY = 3
_MAKERS = {"__init__", "__new__", "__post_init__"}
_PACKAGES = ("torch", "torchvision", "torchaudio")
_ASKING = {"inspect.signature", "importlib.util.find_spec", "importlib.metadata.version", "pkg_resources.parse_version"}
# Helpers of other packages, whose code is not here to be read, are known by their names alone.
_FOREIGN_CHECK = re.compile(r"(?i)version|pytorch_after|is_torch|torch_(?:ge|gt|lt|le|after|at_least|greater|\d)")
_DEEPEST = 3


class Guards:
    """Answers which code stands behind a check of the installed release; remembers what each name means.

    Args:
        project: resolves helper flags and functions of other files.
    """

    def __init__(self, project: Project) -> None:
        self.project = project
        self.known: dict[tuple[str, str, str], bool] = {}

    def guards(self, module: Module, node: ast.AST) -> bool:
        """Whether a node runs only after a check that the installed packages have what it needs.

        Args:
            module: the node's file.
            node: an import, a name or a call.

        Returns:
            True under ``try`` with a handler for missing names, in either branch of a version check, behind an early
            exit or an assertion that checks the version, and in functions that a decorator skips by version.
        """
        child = node
        for parent in module.ancestors(node):
            if self._inside(module, parent, child) or self._before(module, parent, child):
                return True
            child = parent
        return self._taken_with_care(module, node)

    def checks_release(self, module: Module, test: ast.AST, depth: int = 0) -> bool:
        """Whether an expression depends on the installed release: a version, ``hasattr(torch, ...)``, a flag of it."""
        return any(self._asks(module, node, depth) for node in ast.walk(test))

    def _inside(self, module: Module, parent: ast.AST, child: ast.AST) -> bool:
        if isinstance(parent, ast.Try):
            return _is_attempt(parent, child)
        if isinstance(parent, (ast.If, ast.IfExp, ast.While)):
            if child is not parent.test and self.checks_release(module, parent.test):
                return True
            return isinstance(parent, ast.If) and _is_choice_of_import(parent, child)
        if isinstance(parent, ast.BoolOp):
            earlier = parent.values[: next(n for n, value in enumerate(parent.values) if value is child)]
            return any(self.checks_release(module, value) for value in earlier)
        if isinstance(parent, (ast.With, ast.AsyncWith)):
            return any(_suppresses(item.context_expr) for item in parent.items)
        if isinstance(parent, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            if any(d is child for d in parent.decorator_list):
                return False
            if any(self.checks_release(module, d) for d in parent.decorator_list):
                return True
            return isinstance(parent, ast.ClassDef) and self._cannot_be_made(module, parent)
        return False

    def _cannot_be_made(self, module: Module, klass: ast.ClassDef) -> bool:
        """Whether a class's constructor refuses a wrong release, so that its methods never run there."""
        makers = [s for s in klass.body if isinstance(s, ast.FunctionDef) and s.name in _MAKERS]
        return any(self._refuses(module, statement) for maker in makers for statement in maker.body)

    def _taken_with_care(self, module: Module, node: ast.AST) -> bool:
        """Whether the function or class around a node is imported by other files, and only behind checks."""
        chain = [node, *module.ancestors(node)]
        top = chain[-2] if len(chain) > 1 else None
        if not isinstance(top, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)) or chain[-1] is not module.tree:
            return False
        key = (module.path, "taken", top.name)
        return self._remembered(key, lambda: self._only_behind_checks(module, top))

    def _only_behind_checks(self, module: Module, top: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> bool:
        own = {id(n) for n in ast.walk(top)}
        loads = (n for n in ast.walk(module.tree) if isinstance(n, ast.Name) and n.id == top.name)
        if any(id(n) not in own for n in loads):
            return False
        statements = list(self._imports_of(module.path, top.name))
        return bool(statements) and all(self.guards(other, statement) for other, statement in statements)

    def _imports_of(self, path: str, name: str) -> Iterator[tuple[Module, ast.ImportFrom]]:
        """The imports of a top-level name in other files."""
        for other, facts in self.project.files.items():
            lines = {
                item.line
                for item in facts.imports
                if item.target.rpartition(".")[2] == name
                and self.project.symbols.resolve(other, item.target) == Symbol(path, name)
            }
            taker = self.project.try_module(other) if lines and other != path else None
            for node in ast.walk(taker.tree) if taker is not None else ():
                if isinstance(node, ast.ImportFrom) and node.lineno in lines and taker is not None:
                    yield taker, node

    def _before(self, module: Module, parent: ast.AST, child: ast.AST) -> bool:
        """Whether a statement of the same block, before the child, leaves or fails on a wrong release."""
        for field in ("body", "orelse", "finalbody"):
            block = getattr(parent, field, None)
            if isinstance(block, list) and child in block:
                return any(self._refuses(module, earlier) for earlier in block[: block.index(child)])
        return False

    def _refuses(self, module: Module, statement: ast.stmt) -> bool:
        if isinstance(statement, ast.If):
            leaves = _leaves(statement.body) or _leaves(statement.orelse)
            return leaves and self.checks_release(module, statement.test)
        if isinstance(statement, ast.Assert):
            return self.checks_release(module, statement.test)
        if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
            return self._is_foreign_check(module, statement.value.func)
        return False

    def _asks(self, module: Module, node: ast.AST, depth: int) -> bool:
        """Whether one node of a test looks at the installed release."""
        if isinstance(node, ast.Call):
            if getattr(node.func, "id", "") in ("hasattr", "getattr") and node.args:
                return self._is_of_package(module, node.args[0])
            return self.project.external(module, node.func) in _ASKING
        if isinstance(node, ast.Attribute) and node.attr == "__version__":
            return True
        return isinstance(node, (ast.Name, ast.Attribute)) and self._is_flag(module, node, depth)

    def _is_of_package(self, module: Module, node: ast.expr) -> bool:
        name = self.project.external(module, node)
        return name is not None and name.partition(".")[0] in _PACKAGES

    def _is_foreign_check(self, module: Module, node: ast.expr) -> bool:
        name = self.project.external(module, node)
        if name is None or "." not in name:
            return False
        return name.partition(".")[0] not in _PACKAGES and _FOREIGN_CHECK.search(name.rpartition(".")[2]) is not None

    def _is_flag(self, module: Module, node: ast.Name | ast.Attribute, depth: int) -> bool:
        """A name that holds the answer: bound by a check or in an attempt, or a function that makes one."""
        if depth >= _DEEPEST:
            return False
        if self._is_foreign_check(module, node):
            return True
        found = self.project.resolve(module, node)
        if isinstance(found, Symbol):
            return self._remembered((found.path, "", found.qualname), lambda: self._symbol_checks(found, depth))
        if isinstance(node, ast.Attribute):
            return self._is_own_flag(module, node, depth)
        scope = module.scope_of(node).lookup(node.id)
        if scope is None:
            return False
        key = (module.path, f"{scope.qualname}:{id(scope.node)}", node.id)
        return self._remembered(key, lambda: self._bindings_check(module, scope.bindings[node.id], depth))

    def _is_own_flag(self, module: Module, node: ast.Attribute, depth: int) -> bool:
        """``self.fused``, by what the class's methods put into it."""
        method = module.scope_of(node).method
        klass = method.enclosing_class if method is not None else None
        if klass is None or not isinstance(node.value, ast.Name) or node.value.id != "self":
            return False
        name = f"self.{node.attr}"
        bindings = [b for scope in klass.children for b in scope.bindings.get(name, ())]
        key = (module.path, f"{klass.qualname}:{id(klass.node)}", name)
        return self._remembered(key, lambda: self._bindings_check(module, bindings, depth))

    def _remembered(self, key: tuple[str, str, str], answer) -> bool:  # noqa: ANN001 - a thunk, right here
        if key not in self.known:
            self.known[key] = False  # while the question is open: a name that depends on itself
            self.known[key] = answer()
        return self.known[key]

    def _symbol_checks(self, symbol: Symbol, depth: int) -> bool:
        module = self.project.try_module(symbol.path) if symbol.path in self.project.files else None
        if module is None:
            return False
        scope = module.scope_named(symbol.qualname)
        if scope is None:
            return self._bindings_check(module, module.root_scope.bindings.get(symbol.qualname, []), depth)
        if not scope.is_function or isinstance(scope.node, (ast.Lambda, ast.Module, ast.ClassDef)):
            return False
        answers = [n.value for n in ast.walk(scope.node) if isinstance(n, ast.Return) and n.value is not None]
        tests = [n.test for n in ast.walk(scope.node) if isinstance(n, ast.If)]
        return any(self.checks_release(module, part, depth + 1) for part in (*answers, *tests))

    def _bindings_check(self, module: Module, bindings: Sequence[Binding], depth: int) -> bool:
        return any(self._binding_checks(module, binding, depth) for binding in bindings)

    def _binding_checks(self, module: Module, binding: Binding, depth: int) -> bool:
        if binding.value is not None and self.checks_release(module, binding.value, depth + 1):
            return True
        if isinstance(binding.node, ast.arg):
            default = _default_of(module, binding.node)
            return default is not None and self.checks_release(module, default, depth + 1)
        if not isinstance(binding.node, ast.stmt):
            return False
        child: ast.AST = binding.node
        for parent in module.ancestors(binding.node):
            if isinstance(parent, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)):
                return False
            if isinstance(parent, ast.Try) and _looks_for_names(parent):
                return True
            is_branch = isinstance(parent, ast.If) and child is not parent.test
            if isinstance(parent, ast.If) and is_branch and self.checks_release(module, parent.test, depth + 1):
                return True
            child = parent
        return False


def is_for_type_checkers(module: Module, node: ast.AST) -> bool:
    """Whether a node stands under ``if TYPE_CHECKING:``, which never runs."""
    child = node
    for parent in module.ancestors(node):
        if isinstance(parent, ast.If) and child in parent.body and "TYPE_CHECKING" in _words(parent.test):
            return True
        child = parent
    return False


def _is_attempt(attempt: ast.Try, child: ast.AST) -> bool:
    """Whether a try statement is about missing names, and the child stands in its body or in such a handler."""
    looking = [h for h in attempt.handlers if _caught(h) & _LOOKS_FOR]
    if child in attempt.body or child in attempt.orelse:
        broad = [h for h in attempt.handlers if not _caught(h) or _caught(h) & _BROAD]
        imports = isinstance(child, (ast.Import, ast.ImportFrom))
        return bool(looking) or (bool(broad) and (imports or len(attempt.body) <= _SHORT_BODY))
    tries_import = any(isinstance(s, (ast.Import, ast.ImportFrom)) for s in attempt.body)
    return child in looking or (isinstance(child, ast.ExceptHandler) and tries_import)


def _looks_for_names(attempt: ast.Try) -> bool:
    """Whether a try statement tells where a name is missing: by what it catches, or as the attempt of an import."""
    if any(_caught(h) & _LOOKS_FOR for h in attempt.handlers):
        return True
    is_broad = any(not _caught(h) or _caught(h) & _BROAD for h in attempt.handlers)
    return is_broad and any(isinstance(s, (ast.Import, ast.ImportFrom)) for s in attempt.body)


def _is_choice_of_import(choice: ast.If, child: ast.AST) -> bool:
    """Whether a branch imports from a package of which the other branch imports something else instead."""
    if not isinstance(child, ast.ImportFrom) or not child.module:
        return False
    other = choice.orelse if child in choice.body else choice.body
    package = child.module.partition(".")[0]
    return any(isinstance(s, ast.ImportFrom) and (s.module or "").partition(".")[0] == package for s in other)


def _default_of(module: Module, parameter: ast.arg) -> ast.expr | None:
    """The default value of a parameter."""
    arguments = module.parent(parameter)
    if not isinstance(arguments, ast.arguments):
        return None
    positional = [*arguments.posonlyargs, *arguments.args]
    with_default = positional[len(positional) - len(arguments.defaults) :]
    pairs = [
        *zip(with_default, arguments.defaults, strict=True),
        *zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True),
    ]
    return next((default for one, default in pairs if one is parameter), None)


def _caught(handler: ast.ExceptHandler) -> set[str]:
    return _words(handler.type) if handler.type is not None else set()


def _words(node: ast.AST) -> set[str]:
    return {n.id if isinstance(n, ast.Name) else n.attr for n in _named(node)}


def _named(node: ast.AST) -> Iterator[ast.Name | ast.Attribute]:
    for below in ast.walk(node):
        if isinstance(below, (ast.Name, ast.Attribute)):
            yield below


def _suppresses(context: ast.expr) -> bool:
    if not isinstance(context, ast.Call):
        return False
    name = context.func.attr if isinstance(context.func, ast.Attribute) else getattr(context.func, "id", "")
    return name == "suppress" and any(_words(argument) & (_LOOKS_FOR | _BROAD) for argument in context.args)


def _leaves(block: Sequence[ast.stmt]) -> bool:
    """Whether a block always ends what is around it."""
    if not block:
        return False
    last = block[-1]
    if isinstance(last, ast.Expr) and isinstance(last.value, ast.Call):
        func = last.value.func
        return (func.attr if isinstance(func, ast.Attribute) else getattr(func, "id", "")) in {"exit", "_exit", "skip"}
    return isinstance(last, (ast.Return, ast.Raise, ast.Continue, ast.Break))
