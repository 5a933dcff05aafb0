"""The loops over epochs in which a dataset is trained on, and what its loader is called there."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import NamedTuple

from ...graph.graphs import is_test
from ...graph.symbols import Symbol
from ...source.collect import dotted
from ...source.module import Module
from ...source.scopes import Kind, key_of, last_name
from ..steps.turns import Path, Worker, increment, paths_to
from ..values.flow import Flow
from ..values.frames import Frame, Operand
from ..values.loaders import dataset_of, loaders_of, wrapped_in

_WRAPPERS = frozenset({"enumerate", "tqdm", "track", "trange"})
_COUNTS = frozenset({"range", "trange", "count"})


class Unclear(Exception):
    """It cannot be said where the epochs of a dataset pass; the message says why."""


class EpochLoop(NamedTuple):
    """A loop over epochs: the variable that counts them, and the loader as it is written in the loop's function."""

    module: Module
    node: ast.For | ast.While
    counter: str
    loader: str


def epoch_loops(flow: Flow, klass: Symbol) -> list[EpochLoop]:
    """Every loop over epochs that trains on a dataset's loader.

    Args:
        flow: the project's value flow.
        klass: the dataset's class.

    Returns:
        The loops, each with each loader once; never empty.

    Raises:
        Unclear: there is none, or one of them cannot be followed, or its workers would not see a change.
    """
    found: dict[tuple[str, int, str], EpochLoop] = {}
    for module, batches, loader in _training_loops(flow, klass):
        paths = [p for p in paths_to(flow, module, batches) if p.loops]
        if not paths:
            raise Unclear(f"the training loop at {module.path}:{batches.lineno} stands in no loop over epochs")
        for path in paths:
            loop = _epoch_loop(flow, module, batches, loader, path)
            found[(loop.module.path, loop.node.lineno, loop.loader)] = loop
    if not found:
        raise Unclear(f"no loop that trains on a DataLoader of `{klass.qualname}` is found")
    return list(found.values())


def _training_loops(flow: Flow, klass: Symbol) -> Iterator[tuple[Module, ast.For | ast.AsyncFor, ast.expr]]:
    """Loops over the batches of the dataset that come to a backward pass, each with the loader's expression."""
    worker = Worker(flow)
    for path in flow.project.files:
        module = flow.project.try_module(path) if not is_test(path) else None
        for node in module.nodes if module is not None else ():
            if module is None or not isinstance(node, (ast.For, ast.AsyncFor)):
                continue
            for candidate in _iterated(module, node.iter):
                made = loaders_of(flow, flow.operand(module, candidate))
                if not any(_is_loaded(flow, m, klass) for m in made):
                    continue
                if any(w.kind == "backward" for w in worker.work(module, node)):
                    for loader in made:
                        _check_loader(flow, loader, klass)
                    yield module, node, candidate


def _iterated(module: Module, node: ast.expr, depth: int = 0) -> list[ast.expr]:
    """What a loop runs over, without ``enumerate``, ``zip``, a progress bar, or a local name for one of them."""
    if isinstance(node, ast.Call) and node.args and depth < 8:
        name = last_name(node.func)
        if name in _WRAPPERS:
            return _iterated(module, node.args[0], depth + 1)
        if name == "zip":
            return [e for a in node.args for e in _iterated(module, a, depth + 1)]
    if isinstance(node, ast.Name) and depth < 8:
        bindings = module.scope_of(node).bindings.get(node.id, [])
        value = bindings[0].value if len(bindings) == 1 and bindings[0].kind is Kind.ASSIGN else None
        if isinstance(value, ast.Call) and not bindings[0].index and last_name(value.func) in _WRAPPERS:
            return _iterated(module, value, depth + 1)
    return [node]


def _is_loaded(flow: Flow, loader: Operand, klass: Symbol) -> bool:
    dataset = dataset_of(loader)
    given = [*flow.classes.of(dataset), *wrapped_in(flow, dataset)] if dataset is not None else []
    return any(klass in flow.project.symbols.ancestry(k) for k in given)


def _check_loader(flow: Flow, loader: Operand, klass: Symbol) -> None:
    call, dataset = loader.node, dataset_of(loader)
    assert isinstance(call, ast.Call)
    where = f"{loader.module.path}:{call.lineno}"
    direct = flow.classes.of(dataset) if dataset is not None else []
    if not direct or not all(klass in flow.project.symbols.ancestry(k) for k in direct):
        raise Unclear(f"the DataLoader at {where} holds `{klass.qualname}` inside of, or beside, another dataset")
    for keyword in call.keywords:
        is_off = isinstance(keyword.value, ast.Constant) and not keyword.value.value
        if keyword.arg == "persistent_workers" and not is_off:
            raise Unclear(
                f"the DataLoader at {where} has persistent workers, whose copies of the dataset would see no epoch"
            )
        if keyword.arg is None:
            raise Unclear(f"the options of the DataLoader at {where} are not written there: workers may be persistent")


def _epoch_loop(flow: Flow, module: Module, batches: ast.AST, loader: ast.expr, path: Path) -> EpochLoop:
    loop = path.loops[0]
    node = loop.node
    at = f"{loop.module.path}:{getattr(node, 'lineno', 0)}"
    home = loop.module.scope_of(node)
    here, scope, chain = module, module.scope_of(batches), dotted(loader)
    for caller, call in path.calls:
        if scope is home:
            break
        if chain is not None:
            chain = _passed(flow, Operand(call, flow.frame(caller, call)), here, scope, chain)
        here, scope = caller, caller.scope_of(call)
    if chain is None or scope is not home:
        raise Unclear(f"the loader of `{module.snippet(batches.iter)}` has no name at the loop over epochs ({at})")  # pyright: ignore
    counter = _counter(node)
    if counter is None or not isinstance(node, (ast.For, ast.While)):
        raise Unclear(f"the loop around the training loop ({at}) does not count epochs")
    if node.body[0].lineno == node.lineno:
        raise Unclear(f"the loop over epochs ({at}) is written on one line")
    if any(key_of(n) in _parts(chain) for n in ast.walk(node) if isinstance(getattr(n, "ctx", None), ast.Store)):  # pyright: ignore
        raise Unclear(f"`{chain}` is made anew inside of the loop over epochs ({at})")
    return EpochLoop(loop.module, node, counter, chain)


def _passed(flow: Flow, call: Operand, module: Module, scope: object, chain: str) -> str | None:
    """What a name inside a function is called where the function is; None where it has no name there."""
    from ...source.scopes import Scope

    assert isinstance(scope, Scope) and isinstance(call.node, ast.Call)
    head, dot, rest = chain.partition(".")
    method = scope.method
    arguments = getattr(scope.node, "args", None)
    first = next(iter((*arguments.posonlyargs, *arguments.args)), None) if arguments is not None else None
    if method is scope and first is not None and first.arg == head:
        owner = dotted(call.node.func.value) if isinstance(call.node.func, ast.Attribute) else None
        return f"{owner}{dot}{rest}" if owner is not None else None
    if head not in scope.bindings:
        return chain if call.module is module else None  # a name of the file
    given = flow.calls.bind(call.node, Frame(call.module, call.frame.scope), scope).get(head)
    outer = dotted(given.node) if given is not None else None
    return f"{outer}{dot}{rest}" if outer is not None else None


def _parts(chain: str) -> set[str]:
    words = chain.split(".")
    return {".".join(words[: n + 1]) for n in range(len(words))}


def _counter(loop: ast.AST) -> str | None:
    """The variable that a loop counts with."""
    if isinstance(loop, ast.While) and isinstance(loop.test, ast.Compare):
        name = key_of(loop.test.left)
        return name if increment(loop, name) is not None else None
    if not isinstance(loop, ast.For):
        return None
    over, target = loop.iter, loop.target
    if isinstance(over, ast.Call) and last_name(over.func) == "enumerate" and isinstance(target, ast.Tuple):
        target = target.elts[0]
    else:
        while isinstance(over, ast.Call) and last_name(over.func) == "tqdm" and over.args:
            over = over.args[0]
        if not isinstance(over, ast.Call) or last_name(over.func) not in _COUNTS:
            return None
    return target.id if isinstance(target, ast.Name) else None
