"""Whether two expressions are the same set of rows: one value under two names, normalised, transposed or cast."""

from __future__ import annotations

import ast
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...source.scopes import Binding, Kind, key_of
from ..values.frames import Operand
from ..values.tensors import UNCHANGED, is_open_parameter, is_scalar, operation

if TYPE_CHECKING:
    from ...graph.project import Project

_SAME_ROWS = UNCHANGED | {"normalize", "transpose", "permute", "unsqueeze", "squeeze", "adjoint", "expand", "swapaxes"}
_SAME_ATTRIBUTES = frozenset({"T", "mT", "H", "data"})
_PURE = frozenset({"cat", "concat", "concatenate", "stack", "vstack"})
_DEEPEST = 16


@dataclass(frozen=True)
class Sameness:
    """How two sets of rows are one. ``is_certain``: on every path. ``row``: one side is only this row of the other."""

    is_certain: bool = True
    shares_roots: bool = True
    is_row: bool = False
    row: str | None = None


class Identity:
    """Compares the rows of two tensors by where they come from."""

    def __init__(self, project: Project) -> None:
        self.project = project

    def compare(self, left: Operand, right: Operand) -> Sameness | None:
        """How two operands are the same set, None where they are not shown to be."""
        first, second = list(self._forms(left)), list(self._forms(right))
        if not set(first).isdisjoint(second):
            return Sameness()
        for one, others in ((left, second), (right, first)):
            element = self._element(one)
            if element is not None and not set(self._forms(element[0])).isdisjoint(others):
                return Sameness(is_row=True, row=element[1])
        return self._on_some_path(left, right)

    def _on_some_path(self, left: Operand, right: Operand) -> Sameness | None:
        """Where a branch makes one side the other (``anchors = features`` under an ``if``)."""
        ways = list(self._alternatives(left)), list(self._alternatives(right))
        if max(map(len, ways)) < 2:
            return None
        forms = [[(set(self._forms(w)), self._roots(w, 0)) for w in side] for side in ways]
        if not any(not a.isdisjoint(b) for a, _ in forms[0] for b, _ in forms[1]):
            return None
        roots = {r for side in forms for _, r in side}
        return Sameness(is_certain=False, shares_roots=len(roots) == 1)

    def strip(self, op: Operand) -> Operand:
        """The operand without what keeps its rows: casts, transposes, normalisation, new axes."""
        for _ in range(_DEEPEST):
            inner = self._stripped(op)
            if inner is None:
                return op
            op = inner
        return op

    def _stripped(self, op: Operand) -> Operand | None:
        node = op.node
        if isinstance(node, ast.NamedExpr):
            return op.sub(node.value)
        if isinstance(node, ast.Attribute) and node.attr in _SAME_ATTRIBUTES:
            return op.sub(node.value)
        if isinstance(node, ast.Subscript) and adds_axes(node.slice):
            return op.sub(node.value)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
            return op.sub(node.left)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
            if is_scalar(op.sub(node.right), self.project):
                return op.sub(node.left)
            if is_scalar(op.sub(node.left), self.project):
                return op.sub(node.right)
        if isinstance(node, ast.Call):
            called = operation(op, self.project)
            if called is not None and called.name in _SAME_ROWS:
                return called.tensor
        return None

    def _forms(self, op: Operand) -> Iterator[Hashable]:
        """The value under each of its names, from here back to where it comes from."""
        for _ in range(_DEEPEST):
            op = self.strip(op)
            yield self._form(op)
            before = self._single_source(op)
            if before is None:
                return
            op = before

    def _form(self, op: Operand) -> Hashable:
        node, frame = op.node, op.frame
        run = id(frame) if frame.arguments is not None else 0
        key = key_of(node)
        if key is not None:
            reaching = self.project.flow.reaching(frame.scope).at(node)
            if reaching:
                return ("bound", frozenset(map(id, reaching)), run)
            home = frame.scope.lookup(key.partition(".")[0].partition("[")[0])
            # An attribute that this scope does not set is the same at both places.
            return ("free", key, id(home) if home is not None else id(frame.module), run)
        called = operation(op, self.project) if isinstance(node, ast.Call) else None
        if called is not None and called.name in _PURE and isinstance(called.tensor.node, (ast.List, ast.Tuple)):
            parts = [list(self._forms(called.tensor.sub(e)))[-1] for e in called.tensor.node.elts]
            return ("joined", called.name, tuple(parts))
        return ("made", id(node), run)

    def _single_source(self, op: Operand) -> Operand | None:
        # Past a parameter of unknown calls two names may be anything.
        if key_of(op.node) is None or is_open_parameter(op, self.project):
            return None
        sources = self.project.flow.sources(op)
        if len(sources) != 1:
            return None
        source = sources[0]
        if source.index or source.is_element or (source.binding is not None and not _is_plain(source.binding)):
            return None
        return source.operand

    def _alternatives(self, op: Operand) -> Iterator[Operand]:
        op = self.strip(op)
        if is_open_parameter(op, self.project):
            yield op
            return
        sources = self.project.flow.sources(op) if key_of(op.node) is not None else []
        values = [s.operand for s in sources if s.operand is not None and s.binding is not None]
        plain = all(s.binding is not None and s.binding.kind is Kind.ASSIGN and not s.index for s in sources)
        if len(values) > 1 and plain and len(values) == len(sources):
            yield from values
        else:
            yield op

    def _roots(self, op: Operand, depth: int) -> frozenset[Hashable]:
        """The unexplained names (parameters, mostly) from which a value is computed."""
        found: set[Hashable] = set()
        for node in ast.walk(op.node):
            if not isinstance(node, ast.Name) or self.project.resolve(op.module, node) is not None:
                continue
            inner = op.sub(node)
            if is_open_parameter(inner, self.project):
                found.add((id(op.frame.scope), node.id))
                continue
            sources = [s for s in self.project.flow.sources(inner) if s.operand is not None]
            if not sources or depth >= 6 or all(s.binding and s.binding.kind is Kind.PARAMETER for s in sources):
                found.add((id(op.frame.scope), node.id))
                continue
            for source in sources:
                if source.operand is not None:
                    found |= self._roots(source.operand, depth + 1)
        return frozenset(found - {(id(op.frame.scope), "self")})

    def row_of(self, op: Operand) -> tuple[Operand, str] | None:
        """The matrix and the row's number of ``s[i]`` and ``s[i, :]`` in a loop that counts rows, else None."""
        node = op.node
        if not isinstance(node, ast.Subscript):
            return None
        number = node.slice
        if isinstance(number, ast.Tuple) and len(number.elts) == 2 and _is_all(number.elts[1]):
            number = number.elts[0]
        row = key_of(number)
        return (op.sub(node.value), row) if row is not None and self._is_counter(op.sub(number)) else None

    def _element(self, op: Operand) -> tuple[Operand, str | None] | None:
        """The tensor of which a value is one row, with the row's name: ``z[i]``, or ``a`` in ``for a in z``."""
        for _ in range(_DEEPEST):
            op = self.strip(op)
            node = op.node
            if isinstance(node, ast.Subscript):
                return (op.sub(node.value), key_of(node.slice)) if self._is_counter(op.sub(node.slice)) else None
            if is_open_parameter(op, self.project):
                return None
            sources = self.project.flow.sources(op) if key_of(node) is not None else []
            if len(sources) != 1 or sources[0].operand is None or sources[0].binding is None:
                return None
            source, binding = sources[0], sources[0].binding
            if source.is_element:
                return _iterated(sources[0].operand, binding, source.index)
            before = self._single_source(op)
            if before is None:
                return None
            op = before
        return None

    def _is_counter(self, op: Operand) -> bool:
        """Whether a name counts rows: bound by a loop over ``range`` or by ``enumerate``."""
        if not isinstance(op.node, ast.Name):
            return False
        for source in self.project.flow.sources(op):
            called = source.operand.node if source.operand is not None and source.is_element else None
            if not isinstance(called, ast.Call) or not isinstance(called.func, ast.Name):
                return False
            if called.func.id != "range" and not (called.func.id == "enumerate" and source.index == (0,)):
                return False
        return bool(self.project.flow.sources(op))


def _iterated(over: Operand, binding: Binding, index: tuple[int, ...]) -> tuple[Operand, str | None] | None:
    node = over.node
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "enumerate":
        target = getattr(binding.node, "target", None)
        if index != (1,) or len(node.args) != 1 or not isinstance(target, (ast.Tuple, ast.List)):
            return None
        return over.sub(node.args[0]), key_of(target.elts[0])
    return (over, None) if not index and not isinstance(node, ast.Call) else None


def adds_axes(index: ast.expr) -> bool:
    """Whether a subscript takes the whole tensor: ``[:, None]``, ``[None, :, :]``, ``[...]``."""
    parts = index.elts if isinstance(index, ast.Tuple) else [index]
    return all(_is_all(p) or (isinstance(p, ast.Constant) and p.value in (None, ...)) for p in parts)


def _is_all(node: ast.expr) -> bool:
    return isinstance(node, ast.Slice) and node.lower is None and node.upper is None and node.step is None


def _is_plain(binding: Binding) -> bool:
    return binding.kind in (Kind.ASSIGN, Kind.PARAMETER) and not binding.index
