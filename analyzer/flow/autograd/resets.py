"""Which assignment surely gave a name its value before a line, by the blocks of a function alone."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from ...source.scopes import key_of

Span = tuple[int, int]
_LATER = ("orelse", "finalbody")


class Resets:
    """For each line of a body, the last assignments that ran before it on every way there."""

    def __init__(self, body: Iterable[ast.stmt]) -> None:
        self._before: dict[int, dict[str, Span]] = {}
        self._loops: list[Span] = []
        self._block(body, {})

    def before(self, line: int, key: str) -> Span:
        """The first and last line of the assignment after which nothing of a key's older values is left.

        Args:
            line: where the key is used.
            key: the name, as :func:`key_of` gives it.

        Returns:
            (0, 0) where there is no such assignment.
        """
        return self._before.get(line, {}).get(key, (0, 0))

    def returns_past(self, reset: Span, first: int, second: int) -> bool:
        """Whether a loop around two lines leads from one to the other without the assignment, which stands outside."""
        low, high = min(first, second), max(first, second)
        return any(reset[0] < start and start <= low and high <= end for start, end in self._loops)

    def _block(self, body: Iterable[ast.stmt], known: dict[str, Span]) -> dict[str, Span]:
        for statement in body:
            known = self._statement(statement, known)
        return known

    def _statement(self, node: ast.stmt, known: dict[str, Span]) -> dict[str, Span]:
        """What is known after a statement: what is set inside of a branch or loop counts there alone."""
        inner: list[ast.stmt] | None = getattr(node, "body", None)
        if not isinstance(inner, list) or isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            self._note(range(node.lineno, (node.end_lineno or node.lineno) + 1), known)
            return {**known, **dict.fromkeys(_set_by(node), (node.lineno, node.end_lineno or node.lineno))}
        self._note(range(node.lineno, inner[0].lineno), known)
        if isinstance(node, (ast.With, ast.AsyncWith)):
            return self._block(inner, known)
        if isinstance(node, (ast.For, ast.AsyncFor, ast.While)):
            self._loops.append((node.lineno, node.end_lineno or node.lineno))
        turned = {**known, **dict.fromkeys(_set_by(node), (node.lineno, node.lineno))}
        self._block(inner, turned)
        for block in (*(getattr(node, name, ()) for name in _LATER), *(h.body for h in getattr(node, "handlers", ()))):
            self._block(block, known)
        return known

    def _note(self, lines: Iterable[int], known: dict[str, Span]) -> None:
        for line in lines:
            # Statements that share a line: only what holds for all of them.
            self._before[line] = {} if line in self._before else known


def _set_by(node: ast.stmt) -> list[str]:
    """The keys to which a statement gives a new value."""
    if isinstance(node, ast.Assign):
        targets = node.targets
    elif isinstance(node, (ast.For, ast.AsyncFor)) or (isinstance(node, ast.AnnAssign) and node.value is not None):
        targets = [node.target]
    else:
        return []
    keys = (key_of(target) for target in targets if isinstance(target, (ast.Name, ast.Attribute)))
    return [key for key in keys if key is not None]
