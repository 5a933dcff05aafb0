"""Which bindings reach each use of a name inside one scope: one structured pass, branches joined, loops run twice."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from ...source.nodes import children
from ...source.scopes import Binding, Kind, Scope, bindings_of, key_of

Environment = dict[str, frozenset[Binding]]
_Comprehension = ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp
_SIMPLE = frozenset({ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Expr})
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.GeneratorExp, ast.DictComp)


class Reaching:
    """The reaching definitions of one scope.

    ``at(node)`` gives the bindings whose value a load of a name, attribute chain or constant subscript may see, or
    None where this scope binds the key nowhere before (an enclosing scope, or a class, has it).
    """

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self._uses: dict[int, frozenset[Binding]] = {}
        self._made: dict[int, list[Binding]] = {}
        self._breaks: list[list[Environment]] = []
        self._holders = {holder for key in scope.bindings if "." in key or "[" in key for holder in _holders(key)}
        self.final: Environment = {}
        node = scope.node
        start: Environment = {}
        for bindings in scope.bindings.values():
            for binding in bindings:
                if binding.kind is Kind.PARAMETER:
                    start[binding.key] = frozenset([binding])
        self.final = dict(start)
        if isinstance(node, ast.Lambda):
            self._expression(node.body, start)
        else:
            self.final = self._block(node.body, start) or self.final

    def at(self, node: ast.AST) -> frozenset[Binding] | None:
        """Bindings that reach a use; None where no binding of this scope does."""
        return self._uses.get(id(node))

    def changed_from(self, node: ast.AST, key: str) -> frozenset[Binding]:
        """What a key was before a statement that changes it: ``x += y``, ``x[0] = y``, ``x.fill_(0)``."""
        return frozenset(b for made in self._made.get(id(node), ()) if made.key == key for b in made.previous)

    # Statements: each takes the environment before it and gives the one after, None where control does not pass.

    def _block(self, body: Iterable[ast.stmt], env: Environment | None) -> Environment | None:
        for statement in body:
            if env is None:
                # Unreachable code is still code that somebody reads: give it what is known at the scope's end.
                env = dict(self.final)
            env = self._statement(statement, env)
        return env

    def _statement(self, node: ast.stmt, env: Environment) -> Environment | None:
        if type(node) in _SIMPLE:  # most are; all that they hold are expressions
            self._expression(node, env)
            self._bind(node, env)
            return env
        if isinstance(node, (ast.Return, ast.Raise)):
            self._expressions(node, env)
            return None
        if isinstance(node, (ast.Break, ast.Continue)):
            if self._breaks:
                self._breaks[-1].append(env)
            return None
        if isinstance(node, ast.If):
            self._expression(node.test, env)
            return _merge(self._block(node.body, dict(env)), self._block(node.orelse, dict(env)))
        if isinstance(node, (ast.For, ast.AsyncFor, ast.While)):
            return self._loop(node, env)
        if isinstance(node, (ast.With, ast.AsyncWith)):
            for item in node.items:
                self._expression(item.context_expr, env)
            self._bind(node, env)
            return self._block(node.body, env)
        if isinstance(node, ast.Try) or type(node).__name__ == "TryStar":
            return self._try(node, env)  # pyright: ignore[reportArgumentType]
        if isinstance(node, ast.Match):
            return self._match(node, env)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            for decorator in node.decorator_list:
                self._expression(decorator, env)
            env[node.name] = frozenset(b for b in self.scope.bindings[node.name] if b.node is node)
            self.final[node.name] = self.final.get(node.name, frozenset()) | env[node.name]
            return env
        self._expressions(node, env)
        self._bind(node, env)
        return env

    def _loop(self, node: ast.For | ast.AsyncFor | ast.While, env: Environment) -> Environment | None:
        entry = dict(env)
        after: Environment | None = None
        for _ in range(2):
            self._breaks.append([])
            start = dict(entry)
            if isinstance(node, ast.While):
                self._expression(node.test, start)
            else:
                self._expression(node.iter, start)
                self._bind(node, start)
            after = self._block(node.body, start)
            for left in self._breaks.pop():
                after = _merge(after, left)
            again = _merge(entry, after) or entry
            if again == entry:
                break  # nothing that the loop binds is new to its start
            entry = again
        return self._block(node.orelse, entry)

    def _try(self, node: ast.Try, env: Environment) -> Environment | None:
        before = dict(env)
        after = self._block(node.body, env)
        # An exception may come anywhere in the body.
        raised = _join(before, self._bound_in(node.body)) if after is None else _join(before, after)
        result = self._block(node.orelse, dict(after)) if after is not None else None
        for handler in node.handlers:
            inside = dict(raised)
            self._bind(handler, inside)
            result = _merge(result, self._block(handler.body, inside))
        if node.finalbody:
            return self._block(node.finalbody, result if result is not None else dict(raised)) if result else None
        return result

    def _match(self, node: ast.Match, env: Environment) -> Environment | None:
        self._expression(node.subject, env)
        result: Environment | None = dict(env)
        for case in node.cases:
            inside = dict(env)
            for below in ast.walk(case.pattern):
                self._bind(below, inside)
            result = _merge(result, self._block(case.body, inside))
        return result

    def _bound_in(self, body: list[ast.stmt]) -> Environment:
        found: Environment = {}
        for statement in body:
            for node in ast.walk(statement):
                for made in self._made.get(id(node), ()):
                    found[made.key] = found.get(made.key, frozenset()) | {made}
        return found

    def _bind(self, node: ast.AST, env: Environment) -> None:
        if id(node) not in self._made:
            found: dict[tuple[str, tuple[int, ...]], Binding] = {}
            made_here = [found.setdefault((b.key, b.index), b) for b in bindings_of(node, self.scope)]
            self._made[id(node)] = made_here
        for made in self._made[id(node)]:
            previous = env.get(made.key)
            if made.kind in (Kind.UPDATE, Kind.AUGMENT):
                made.previous = made.previous.union(previous or ()) - {made}
            elif made.key in self._holders:
                for key in [k for k in env if k.startswith((f"{made.key}.", f"{made.key}["))]:
                    del env[key]
            env[made.key] = frozenset([made])
            if not isinstance(node, ast.comprehension):
                self.final[made.key] = self.final.get(made.key, frozenset()) | env[made.key]

    # Expressions: every load is noted with the environment in which it happens.

    def _expressions(self, node: ast.AST, env: Environment) -> None:
        for child in children(node):
            if isinstance(child, ast.expr):
                self._expression(child, env)

    def _expression(self, node: ast.AST, env: Environment) -> None:
        waiting = [node]
        while waiting:
            node = waiting.pop()
            kind = type(node)  # by identity, for speed
            if kind is ast.Name:
                if node.id in env and type(node.ctx) is ast.Load:  # pyright: ignore[reportAttributeAccessIssue]
                    self._uses[id(node)] = env[node.id]  # pyright: ignore[reportAttributeAccessIssue]
            elif isinstance(node, _COMPREHENSIONS):
                self._comprehension(node, env)
            elif isinstance(node, ast.NamedExpr):
                self._expression(node.value, env)
                self._bind(node, env)
            elif kind is not ast.Constant and kind is not ast.Lambda:
                # A lambda's free names are looked up in the scope around it, as a nested function's are.
                if isinstance(node, (ast.Attribute, ast.Subscript)) and isinstance(node.ctx, ast.Load):
                    key = key_of(node)
                    if key is not None and key in env:
                        self._uses[id(node)] = env[key]
                waiting += children(node)[::-1]

    def _comprehension(self, node: _Comprehension, env: Environment) -> None:
        inner = dict(env)
        for generator in node.generators:
            self._expression(generator.iter, inner)
            self._bind(generator, inner)
            for test in generator.ifs:
                self._expression(test, inner)
        for part in [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]:
            self._expression(part, inner)


def _holders(key: str) -> Iterator[str]:
    """``a`` and ``a.b`` of ``a.b[0]``: what holds a key's value, and takes it along when it is bound anew."""
    for place, sign in enumerate(key):
        if sign in ".[":
            yield key[:place]


def _join(first: Environment, second: Environment) -> Environment:
    joined = dict(first)
    for key, bindings in second.items():
        joined[key] = joined.get(key, frozenset()) | bindings
    return joined


def _merge(first: Environment | None, second: Environment | None) -> Environment | None:
    """Environments of two paths that meet; a path that does not arrive adds nothing."""
    if first is None:
        return second
    return first if second is None else _join(first, second)


def ordered(bindings: frozenset[Binding] | set[Binding]) -> list[Binding]:
    """Bindings as they stand in the file."""
    if len(bindings) == 1:
        return [*bindings]
    return sorted(bindings, key=lambda b: (getattr(b.node, "lineno", 0), getattr(b.node, "col_offset", 0), b.key))


def before_updates(binding: Binding) -> set[Binding]:
    """The bindings from which a chain of in-place changes started."""
    found, waiting = {binding}, [binding]
    while waiting:
        new = waiting.pop().previous - found
        found |= new
        waiting += new
    return {b for b in found if b.kind is not Kind.UPDATE}
