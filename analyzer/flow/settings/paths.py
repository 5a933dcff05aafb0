"""Which files a path expression may name: literals, joins, f-strings, and what settings say."""

from __future__ import annotations

import ast
import fnmatch
import posixpath
import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from ...source.scopes import key_of, last_name

if TYPE_CHECKING:
    from ..values.flow import Flow
    from ..values.frames import Operand

ANYTHING = "*"
_KEEPING = {"Path", "open", "str", "expanduser", "abspath", "realpath", "normpath", "resolve", "absolute", "read"}
_KEEPING |= {"read_text", "read_bytes", "fspath", "PurePath", "joinpath", "as_posix", "to_absolute_path", "File"}
_WILD = re.compile(r"[*?\[\]]")
_DEEPEST = 14
_MOST = 40


class Patterns:
    """Shell patterns of the paths that an expression may be; ``*`` for a part that is not known. One a question.

    Args:
        flow: the project's value flow.
        settings: gives the texts that a value is configured to be; None for one that a user may give instead.
        known: the files that may be meant. The folders of a path are not asked for where its end is that of no file.
        here: whether ``__file__`` is looked through; such a path begins with ``/``, the project's root.

    Attributes:
        is_cut: whether some folders were not asked for.
        is_guess: whether a part is not known for another reason than that a user may choose it.
    """

    def __init__(
        self,
        flow: Flow,
        settings: Callable[[Operand], Iterable[str | None]],
        known: Iterable[str] | None = None,
        here: bool = False,
    ) -> None:
        self.flow = flow
        self.settings = settings
        self.known = None if known is None else tuple(known)
        self.here = here
        self.is_cut = False
        self.is_guess = False

    def of(self, op: Operand, is_end: bool = True, depth: int = 0) -> set[str]:
        """The patterns of a path, of a file that was opened from one, or of a part of one (``is_end``: its last)."""
        node = op.node
        if depth > _DEEPEST:
            return self._guess()
        if isinstance(node, ast.Constant):
            return {node.value} if isinstance(node.value, str) else {ANYTHING}
        if self.here:
            found = self._from_here(op, depth)
            if found is not None:
                return found
        if isinstance(node, ast.JoinedStr):
            parts = [p.value if isinstance(p, ast.Constant) else ANYTHING for p in node.values]
            return {"".join(str(p) for p in parts)}
        if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Div, ast.Add)):
            middle = "/" if isinstance(node.op, ast.Div) else ""
            return self._joined([op.sub(node.left), op.sub(node.right)], middle, is_end, depth)
        if isinstance(node, (ast.IfExp, ast.BoolOp)):
            choices = node.values if isinstance(node, ast.BoolOp) else [node.body, node.orelse]
            return {p for c in choices for p in self.of(op.sub(c), is_end, depth + 1)}
        if isinstance(node, ast.Call):
            return self._of_call(op, node, is_end, depth)
        if key_of(node) is not None:
            return self._of_name(op, is_end, depth)
        return self._guess()

    def _guess(self) -> set[str]:
        self.is_guess = True
        return {ANYTHING}

    def _from_here(self, op: Operand, depth: int) -> set[str] | None:
        """``__file__``, and the folder of a path; None for what is neither."""
        node = op.node
        if isinstance(node, ast.Name) and node.id == "__file__":
            return {"/" + op.module.path}
        if isinstance(node, ast.Call) and last_name(node.func) == "dirname" and node.args:
            inner, steps = node.args[0], 1
        elif isinstance(node, ast.Attribute) and node.attr == "parent":
            inner, steps = node.value, 1
        elif isinstance(node, ast.Subscript) and last_name(node.value) == "parents":
            at = node.slice.value if isinstance(node.slice, ast.Constant) else None
            if not isinstance(node.value, ast.Attribute) or not isinstance(at, int) or not 0 <= at < _DEEPEST:
                return self._guess()
            inner, steps = node.value.value, at + 1
        else:
            return None
        found = self.of(op.sub(inner), False, depth + 1)
        for _ in range(steps):
            found = {posixpath.dirname(posixpath.normpath(p)) for p in found}
        return found

    def _of_name(self, op: Operand, is_end: bool, depth: int) -> set[str]:
        found: set[str] = set()
        for text in self.settings(op):
            found.add(ANYTHING if text is None else text)
        if found:
            return found
        sources = [
            s.operand for s in self.flow.sources(op) if s.operand is not None and not s.index and not s.is_element
        ]
        for source in sources[:_MOST]:
            found |= self.of(source, is_end, depth + 1)
        return found or self._guess()

    def _of_call(self, op: Operand, node: ast.Call, is_end: bool, depth: int) -> set[str]:
        name = last_name(node.func)
        if name == "join" and isinstance(node.func, ast.Attribute) and node.args:
            return self._joined([op.sub(a) for a in node.args], "/", is_end, depth)
        if name in _KEEPING:
            # `path.open()`, and not `os.path.abspath(path)`
            if isinstance(node.func, ast.Attribute) and self.flow.project.external(op.module, node.func) is None:
                parts = [node.func.value, *(node.args if name == "joinpath" else [])]
                return self._joined([op.sub(p) for p in parts], "/", is_end, depth)
            if node.args:
                return self.of(op.sub(node.args[0]), is_end, depth + 1)
        if name == "format" and isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Constant):
            return {re.sub(r"\{[^{}]*\}", ANYTHING, str(node.func.value.value))}
        return self._guess()

    def _joined(self, parts: list[Operand], middle: str, is_end: bool, depth: int) -> set[str]:
        """The patterns of several parts one after the other."""
        last = self.of(parts[-1], is_end, depth + 1)
        if is_end and len(parts) > 1 and self.known is not None and not any(map(self._may_end, last)):
            self.is_cut = True
            return {f"{ANYTHING}/{end}" for end in last}
        found: set[str] | None = None
        for part in parts[:-1]:
            inner = self.of(part, False, depth + 1)
            found = inner if found is None else _products(found, inner, middle)
        return last if found is None else _products(found, last, middle)

    def _may_end(self, pattern: str) -> bool:
        """Whether the name of a known file may end as a pattern does."""
        name = pattern.replace("\\", "/").rpartition("/")[2]
        if _WILD.search(pattern) or not name.strip("."):
            return True
        return any(path.endswith(name) for path in self.known or ())


def _products(left: set[str], right: set[str], middle: str) -> set[str]:
    return set(sorted(a + middle + b for a in left for b in right)[:_MOST])


def matching(pattern: str, known: Iterable[str]) -> list[str]:
    """The files that a pattern names, seen from any folder: the shortest match of a plain path, all of a wild one."""
    clean = posixpath.normpath(re.sub(r"\*+", "*", pattern.replace("\\", "/"))).lstrip("/")
    while clean.startswith("../"):
        clean = clean[3:]
    if not clean.strip("*/."):
        return list(known)
    head, _, rest = clean.partition("/")
    if not head.strip("*") and rest:
        clean = rest  # an unknown folder
    if "*" not in clean:
        exact = [p for p in known if p == clean or p.endswith("/" + clean)]
        nearest = min((p.count("/") for p in exact), default=0)
        return [p for p in exact if p.count("/") == nearest]
    return [p for p in known if fnmatch.fnmatchcase(p, clean) or fnmatch.fnmatchcase(p, "*/" + clean)]
