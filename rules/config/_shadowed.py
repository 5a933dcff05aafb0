"""Defaults of options that overwrite what a configuration file says, whether the user gave the option or not."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from ...analyzer.flow.settings import Configured, Form, Options, Setting
from ...analyzer.flow.settings.options import declared
from ...analyzer.graph.project import Project
from ...analyzer.project.configs import Entry
from ...analyzer.source.module import Module
from ._unread_keys import Loaded


@dataclass(frozen=True, eq=False)
class Shadowed:
    """An entry of a file, the option whose default comes in its place, and where that happens."""

    entry: Entry
    default: Setting
    module: Module
    node: ast.AST


def shadowed(project: Project, every: list[Loaded]) -> Iterator[Shadowed]:
    """The entries of loaded files that an option's default always overwrites."""
    # What another program loads as well counts there.
    calls: dict[str, set[int]] = {}
    for loaded in every:
        for path in loaded.files.paths:
            calls.setdefault(path, set()).add(id(loaded.call))
    shared = frozenset(path for path, by in calls.items() if len(by) > 1)
    for loaded in every:
        for key, (module, node) in loaded.read.stored.items():
            for default in _assigned(project, module, node):
                yield from _against(project, loaded, shared, key, default, module, node)
        for module, call in loaded.read.merged:
            if _is_conditional(module, call):
                continue
            for options in _laid_over(project, module, call):
                for key in [k for k in loaded.read.reads if len(k) == 1 and isinstance(k[0], str)]:
                    for option in declared(project, options.path, str(key[0])):
                        if option.setting is not None:
                            yield from _against(project, loaded, shared, key, option.setting, module, call)


def _against(
    project: Project,
    loaded: Loaded,
    shared: frozenset[str],
    key: tuple[str | int, ...],
    default: Setting,
    module: Module,
    node: ast.AST,
) -> Iterator[Shadowed]:
    if default.value is None:
        return
    for path in loaded.files.paths:
        if path in shared:
            continue
        for entry in project.configs.find(path, key)[:1]:
            if entry.kind == "scalar" and entry.value is not None and entry.value != default.value:
                yield Shadowed(entry, default, module, node)
                return


def _assigned(project: Project, module: Module, target: ast.AST) -> Iterator[Setting]:
    """``cfg["lr"] = args.lr``, always: the defaults of the option."""
    statement = module.parent(target)
    if not isinstance(statement, ast.Assign) or not isinstance(statement.value, ast.Attribute):
        return
    if _is_conditional(module, statement):
        return
    op = project.flow.operand(module, statement.value)
    holder = Configured(project).evaluate(op.sub(statement.value.value))
    if not holder or not all(isinstance(k.what, Options) for k in holder):
        return
    found = [k.what for k in Configured(project).evaluate(op)]
    if len(found) == 1 and isinstance(found[0], Setting) and found[0].form is Form.OPTION:
        yield found[0]


def _laid_over(project: Project, module: Module, call: ast.Call) -> Iterator[Options]:
    """``cfg.update(vars(args))``: the namespaces that are laid over it."""
    for argument in [*call.args, *(k.value for k in call.keywords if k.arg is None)]:
        for known in Configured(project).evaluate(project.flow.operand(module, argument)):
            if isinstance(known.what, Options):
                yield known.what


def _is_conditional(module: Module, node: ast.AST) -> bool:
    """Whether a statement runs only under some condition."""
    for above in module.ancestors(node):
        if isinstance(above, (ast.If, ast.IfExp, ast.For, ast.While, ast.Try)) and not _is_main(above):
            return True
        if isinstance(above, (ast.FunctionDef, ast.AsyncFunctionDef)):
            return False
    return False


def _is_main(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Compare) and ast.unparse(node.test.left) == "__name__"
