"""A loop over rows written as one computation over all rows: each expression lifted by one leading dimension.

A value that the loop makes for each row has, lifted, the rows as its first dimension. What the loop does not change
stays as it is. Anything else ends in :class:`Unlifted`, with the reason: no code is made that is not sure to be equal.
"""

from __future__ import annotations

import ast
from typing import NamedTuple

from ...analyzer.flow.values.tensors import constant, is_scalar, operation
from ...analyzer.graph.project import Project
from ...analyzer.source.module import Module
from ...analyzer.source.scopes import Kind, key_of
from ._ranks import rank_by_use, rank_of
from ._row_loops import RowLoop

_ELEMENTWISE = frozenset(
    {
        *("exp", "log", "log1p", "log2", "relu", "sigmoid", "abs", "sqrt", "square", "tanh", "neg", "float", "double"),
        *("softplus", "logsigmoid", "detach", "clamp", "clamp_min", "clamp_max", "pow", "masked_fill"),
    }
)
_REDUCING = frozenset({"sum", "mean", "logsumexp", "amax", "amin"})
_SIGNS: dict[type[ast.operator], str] = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.Pow: "**"}
_TESTS: dict[type[ast.cmpop], str] = {ast.Eq: "==", ast.NotEq: "!="}
_FILLS = {"sum": "0", "logsumexp": 'float("-inf")', "amax": 'float("-inf")'}


class Unlifted(Exception):
    """A loop that cannot be written as one computation; the message says why."""


class Lifted(NamedTuple):
    """Code over all rows.

    Attributes:
        code: the code; an atom or a call, or in brackets where it is put into another expression.
        rank: the dimensions that one row's value has; None for what the loop does not change.
        is_atom: whether the code needs no brackets.
        without_own: whether the row's own column is left out, and still to be masked.
    """

    code: str
    rank: int | None = None
    is_atom: bool = True
    without_own: bool = False

    @property
    def inner(self) -> str:
        """The code as a part of another expression."""
        return self.code if self.is_atom else f"({self.code})"


class Lifter:
    """Lifts the expressions of one loop's body."""

    def __init__(self, found: RowLoop, module: Module, project: Project, rows: str, torch: str) -> None:
        self.found = found
        self.module = module
        self.project = project
        self.rows = rows
        self.torch = torch
        self.needs_rows = False
        self.made: dict[str, Lifted] = {}
        """What names of the body hold by now."""
        self.own = {n.id for n in ast.walk(found.loop) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}

    def lift(self, node: ast.expr) -> Lifted:
        """One expression.

        Raises:
            Unlifted: it has no form over all rows that is sure to be equal.
        """
        if self._is_constant(node):
            return Lifted(
                self.module.segment(node), None, isinstance(node, (ast.Constant, ast.Name, ast.Attribute, ast.Call))
            )
        if isinstance(node, ast.Name):
            return self._name(node)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            inner = self.lift(node.operand)
            return Lifted(f"-{inner.inner}", inner.rank, False, inner.without_own)
        if isinstance(node, ast.BinOp):
            return self._arithmetic(node)
        if isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in _TESTS:
            sides = (self.lift(node.left), self.lift(node.comparators[0]))
            return self._joined(*sides, _TESTS[type(node.ops[0])], node)
        if isinstance(node, ast.Subscript):
            return self._subscript(node)
        if isinstance(node, ast.Call):
            return self._call(node)
        raise Unlifted(f"`{self.module.snippet(node)}` has no form over all rows that is sure to be equal")

    def _is_constant(self, node: ast.expr) -> bool:
        """Whether an expression is the same for each row."""
        names = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
        return not names & self.own

    def _name(self, node: ast.Name) -> Lifted:
        if node.id == self.found.index:
            self.needs_rows = True
            return Lifted(self.rows, 0)
        if node.id in self.found.rows:
            source = self.found.rows[node.id]
            used = rank_by_use(node, self.module, self.project)
            return Lifted(self.module.segment(source), used if used is not None else self._rank(source) - 1)
        if node.id in self.made:
            return self.made[node.id]
        raise Unlifted(f"`{node.id}` depends on the rows before it")

    def _rank(self, node: ast.expr) -> int:
        """The dimensions of a tensor outside of the loop, where its making shows them."""
        rank = rank_of(node, self.module, self.project)
        if rank is None:
            raise Unlifted(f"how many dimensions `{self.module.snippet(node)}` has cannot be told")
        return rank

    # Arithmetic.

    def _arithmetic(self, node: ast.BinOp) -> Lifted:
        left, right = self.lift(node.left), self.lift(node.right)
        if isinstance(node.op, ast.MatMult):
            return self._product(left, right, node.left, node.right)
        if type(node.op) not in _SIGNS:
            raise Unlifted(f"`{self.module.snippet(node)}` has no form over all rows that is sure to be equal")
        return self._joined(left, right, _SIGNS[type(node.op)], node)

    def _joined(self, left: Lifted, right: Lifted, sign: str, node: ast.BinOp | ast.Compare) -> Lifted:
        """Arithmetic by elements: a number a row beside a vector a row gets a dimension of its own."""
        sides = [node.left, node.right if isinstance(node, ast.BinOp) else node.comparators[0]]
        ranks = []
        for lifted, side in zip((left, right), sides, strict=True):
            ranks.append(lifted.rank if lifted.rank is not None else self._fixed_rank(side))
        rank = max(ranks)
        code = [x.inner for x in (left, right)]
        for place, (lifted, own) in enumerate(zip((left, right), ranks, strict=True)):
            if lifted.rank == 0 and rank == 1:
                code[place] = f"{lifted.inner}[:, None]"
            elif lifted.rank is None and own > 0 and own < rank:
                raise Unlifted(f"`{self.module.snippet(node)}` joins tensors of several shapes")
        if rank > 1:
            raise Unlifted(f"`{self.module.snippet(node)}` makes a matrix for each row")
        return Lifted(f"{code[0]} {sign} {code[1]}", rank, False, left.without_own or right.without_own)

    def _fixed_rank(self, node: ast.expr) -> int:
        """The dimensions of what the loop does not change: none of a number."""
        if is_scalar(self.project.flow.operand(self.module, node), self.project):
            return 0
        rank = rank_of(node, self.module, self.project)
        if rank is None and self._is_setting(node):
            return 0
        if rank is None:
            raise Unlifted(f"whether `{self.module.snippet(node)}` is one number cannot be told")
        return rank

    def _is_setting(self, node: ast.expr) -> bool:
        """A parameter or attribute of which the function does nothing but arithmetic: a temperature, a margin."""
        key = key_of(node)
        is_own = isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self"
        scope = self.module.scope_of(node)
        bindings = self.project.flow.reaching(scope).at(node) or frozenset()
        is_given = isinstance(node, ast.Name) and bool(bindings) and all(b.kind is Kind.PARAMETER for b in bindings)
        if not is_own and not is_given:
            return False
        uses = [n for n in ast.walk(scope.node) if isinstance(n, (ast.Name, ast.Attribute)) and key_of(n) == key]
        return all(
            isinstance(self.module.parent(n), (ast.BinOp, ast.Call, ast.keyword, ast.UnaryOp))
            for n in uses
            if n is not node
        )

    def _product(self, left: Lifted, right: Lifted, first: ast.expr, second: ast.expr) -> Lifted:
        """``z @ anchor``, ``anchor @ z.t()`` and ``a_i @ b_i``."""
        if left.rank is None and right.rank == 1 and self._rank(first) == 2:
            return Lifted(f"{right.inner} @ {left.inner}.t()", 1, False)
        if right.rank is None and left.rank == 1 and self._rank(second) == 2:
            return Lifted(f"{left.inner} @ {right.inner}", 1, False)
        if left.rank == 1 and right.rank == 1:
            return Lifted(f"({left.inner} * {right.inner}).sum(dim=1)", 0)
        raise Unlifted(f"the product of `{self.module.snippet(first)}` and `{self.module.snippet(second)}`")

    # Parts.

    def _subscript(self, node: ast.Subscript) -> Lifted:
        index, base = node.slice, node.value
        parts = index.elts if isinstance(index, ast.Tuple) else [index]
        parts = [p for n, p in enumerate(parts) if not (n and isinstance(p, ast.Slice) and _is_all(p))]
        if self._is_constant(base) and self._is_index(parts[0]):
            whole = Lifted(self.module.segment(base), self._rank(base) - 1)
            return whole if len(parts) == 1 else self._at(whole, parts[1], node)
        value = self.lift(base)
        if len(parts) != 1:
            raise Unlifted(f"`{self.module.snippet(node)}` takes a part that differs from row to row")
        return self._at(value, parts[0], node)

    def _at(self, value: Lifted, index: ast.expr, node: ast.expr) -> Lifted:
        """The entry of each row's vector at a number of each row."""
        if value.rank != 1 or value.without_own:
            raise Unlifted(f"`{self.module.snippet(node)}` takes a part that differs from row to row")
        if self._is_index(index):
            return Lifted(f"{value.inner}.diagonal()", 0)
        place = self.lift(index)
        if place.rank != 0:
            raise Unlifted(f"`{self.module.snippet(node)}` takes a part that differs from row to row")
        self.needs_rows = True
        return Lifted(f"{value.inner}[{self.rows}, {place.code}]", 0)

    def _is_index(self, node: ast.expr) -> bool:
        return isinstance(node, ast.Name) and node.id == self.found.index

    # Calls.

    def _call(self, node: ast.Call) -> Lifted:
        called = operation(self.project.flow.operand(self.module, node), self.project)
        if called is None:
            raise Unlifted(f"`{self.module.snippet(node)}` calls code that works row by row")
        name, tensor, rest = called.name, called.tensor.node, called.rest
        if name in ("mv", "matmul", "mm", "dot", "inner") and len(rest) == 1:
            return self._product(self.lift(tensor), self.lift(rest[0]), tensor, rest[0])
        if name in ("cat", "concat", "concatenate"):
            return self._others(node, tensor)
        if name == "cosine_similarity" and len(rest) == 1:
            return self._cosine(node, tensor, rest[0], called.keywords)
        if name in ("size", "numel"):
            return self._size(node, tensor, rest)
        if name == "cross_entropy":
            return self._cross_entropy(node, tensor, rest, called.keywords)
        if name in _REDUCING:
            return self._reduced(node, name, self.lift(tensor), rest, called.keywords)
        if name in _ELEMENTWISE:
            return self._by_element(node, name, tensor, called.is_method)
        if name == "arange" and all(self._is_length(a) for a in node.args):
            return Lifted(self._with_lengths(node), None)
        raise Unlifted(f"`{self.module.snippet(node)}` has no form over all rows that is sure to be equal")

    def _cosine(self, node: ast.Call, first: ast.expr, second: ast.expr, keywords: dict[str, ast.expr]) -> Lifted:
        """``F.cosine_similarity(anchor.unsqueeze(0), z)`` of one row with all."""
        for one, other in ((first, second), (second, first)):
            if _one_row(one) is one or not self._is_constant(other) or self._rank(other) != 2:
                continue
            row = self.lift(_one_row(one))
            dim = constant(keywords["dim"]) if "dim" in keywords else 1
            if row.rank == 1 and dim in (1, -1) and not set(keywords) - {"dim"}:
                function, others = self.module.segment(node.func), self.module.segment(other)
                return Lifted(f"{function}({row.inner}[:, None], {others}[None], dim=-1)", 1)
        raise Unlifted(f"`{self.module.snippet(node)}` has no form over all rows that is sure to be equal")

    def _size(self, node: ast.Call, tensor: ast.expr, rest: tuple[ast.expr, ...]) -> Lifted:
        value = self.lift(tensor)
        place = constant(rest[0]) if len(rest) == 1 else None
        if value.rank != 1 or place not in (0, -1):
            raise Unlifted(f"`{self.module.snippet(node)}` asks for the shape of one row's value")
        return Lifted(f"{value.inner}.size(-1)", None)

    def _is_length(self, node: ast.expr) -> bool:
        if self._is_constant(node):
            return True
        return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "size"

    def _with_lengths(self, node: ast.Call) -> str:
        given = [self.lift(a).code for a in node.args]
        for keyword in node.keywords:
            if keyword.arg not in ("device", "dtype"):
                raise Unlifted(f"`{self.module.snippet(node)}` has no form over all rows that is sure to be equal")
            given.append(f"{keyword.arg}={self.module.segment(keyword.value)}")
        return f"{self.module.segment(node.func)}({', '.join(given)})"

    def _by_element(self, node: ast.Call, name: str, tensor: ast.expr, is_method: bool) -> Lifted:
        value = self.lift(tensor)
        rest: list[str] = []
        for argument in node.args[0 if is_method else 1 :]:
            lifted = self.lift(argument)
            if lifted.rank is not None and (name != "masked_fill" or lifted.rank != value.rank):
                raise Unlifted(f"`{self.module.snippet(node)}` has no form over all rows that is sure to be equal")
            rest.append(lifted.code)
        for keyword in node.keywords:
            if not self._is_constant(keyword.value) or keyword.arg == "inplace":
                raise Unlifted(f"`{self.module.snippet(node)}` has no form over all rows that is sure to be equal")
            rest.append(f"{keyword.arg}={self.module.segment(keyword.value)}")
        if is_method:
            return Lifted(f"{value.inner}.{name}({', '.join(rest)})", value.rank, True, value.without_own)
        function = self.module.segment(node.func)
        return Lifted(f"{function}({', '.join([value.code, *rest])})", value.rank, True, value.without_own)

    def _reduced(
        self, node: ast.Call, name: str, value: Lifted, rest: tuple[ast.expr, ...], keywords: dict[str, ast.expr]
    ) -> Lifted:
        """A sum or another reduction of each row's vector."""
        dim = rest[0] if rest else keywords.get("dim", keywords.get("axis"))
        place = constant(dim) if dim is not None else None
        if (
            value.rank != 1
            or len(rest) > 1
            or set(keywords) - {"dim", "axis"}
            or (dim is not None and place not in (0, -1))
        ):
            raise Unlifted(f"`{self.module.snippet(node)}` has no form over all rows that is sure to be equal")
        code = value.inner
        if value.without_own:
            if name not in _FILLS:
                raise Unlifted(f"`{self.module.snippet(node)}` counts the others of each row")
            mask = f"{self.torch}.eye(len({self.rows}), dtype={self.torch}.bool, device={self.rows}.device)"
            code = f"{code}.masked_fill({mask}, {_FILLS[name]})"
            self.needs_rows = True
        function = node.func
        is_method = isinstance(function, ast.Attribute) and self.project.resolve(self.module, function) is None
        if is_method or not isinstance(function, ast.Attribute):
            return Lifted(f"{code}.{name}(dim=1)", 0)
        argument = value.code if code == value.inner else code
        return Lifted(f"{self.module.segment(function)}({argument}, dim=1)", 0)

    def _cross_entropy(
        self, node: ast.Call, tensor: ast.expr, rest: tuple[ast.expr, ...], keywords: dict[str, ast.expr]
    ) -> Lifted:
        """``F.cross_entropy(logits[None], target[i][None])`` of one row."""
        if keywords or len(rest) != 1:
            raise Unlifted(f"`{self.module.snippet(node)}` has options that may not be by row")
        logits, target = self.lift(_one_row(tensor)), self.lift(_one_row(rest[0]))
        if logits.rank != 1 or target.rank != 0 or logits.without_own:
            raise Unlifted(f"`{self.module.snippet(node)}` has no form over all rows that is sure to be equal")
        function = self.module.segment(node.func)
        return Lifted(f'{function}({logits.code}, {target.code}, reduction="none")', 0)

    def _others(self, node: ast.Call, parts: ast.expr) -> Lifted:
        """``cat([sim[i, :i], sim[i, i + 1:]])``: a row of a matrix without its own column."""
        if isinstance(parts, (ast.List, ast.Tuple)) and len(parts.elts) == 2:
            halves = [_half(e, self.found.index) for e in parts.elts]
            first, second = halves
            if first is not None and second is not None and first[1] == "before":
                is_pair = first[0] == second[0] and second[1] == "after" and first[2] == second[2]
                base = parts.elts[0]
                if is_pair and isinstance(base, ast.Subscript) and self._is_constant(base.value):
                    code = self.module.segment(base.value)
                    if self._rank(base.value) == 2:
                        return Lifted(code if first[2] == "row" else f"{code}.t()", 1, True, True)
        raise Unlifted(f"`{self.module.snippet(node)}` puts together a part that differs from row to row")


def _one_row(node: ast.expr) -> ast.expr:
    """A row's value without the dimension of a batch of one: ``x.unsqueeze(0)``, ``x[None]``, ``x.view(1, -1)``."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        given = [constant(a) for a in node.args]
        if (node.func.attr == "unsqueeze" and given == [0]) or (
            node.func.attr in ("view", "reshape") and given in ([1, -1], [1])
        ):
            return node.func.value
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant) and node.slice.value is None:
        return node.value
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Slice) and _is_one(node.slice):
        return ast.copy_location(ast.Subscript(node.value, node.slice.lower, ast.Load()), node)  # pyright: ignore[reportArgumentType]
    return node


def _is_one(part: ast.Slice) -> bool:
    """``i:i + 1``."""
    low, high = part.lower, part.upper
    return (
        part.step is None
        and isinstance(low, ast.Name)
        and isinstance(high, ast.BinOp)
        and isinstance(high.op, ast.Add)
        and isinstance(high.left, ast.Name)
        and high.left.id == low.id
        and constant(high.right) == 1
    )


def _is_all(part: ast.Slice) -> bool:
    return part.lower is None and part.upper is None and part.step is None


def _half(node: ast.expr, index: str | None) -> tuple[str, str, str] | None:
    """The matrix, which side of the row's own place a part lies on, and whether it is of a row or a column."""
    if index is None or not isinstance(node, ast.Subscript) or key_of(node.value) is None:
        return None
    if not isinstance(node.slice, ast.Tuple) or len(node.slice.elts) != 2:
        return None
    for line, (own, part) in (("row", node.slice.elts), ("column", node.slice.elts[::-1])):
        if isinstance(own, ast.Name) and own.id == index and isinstance(part, ast.Slice) and part.step is None:
            low, high = part.lower, part.upper
            if low is None and isinstance(high, ast.Name) and high.id == index:
                return str(key_of(node.value)), "before", line
            if high is None and isinstance(low, ast.BinOp) and isinstance(low.op, ast.Add):
                is_next = isinstance(low.left, ast.Name) and low.left.id == index and constant(low.right) == 1
                return (str(key_of(node.value)), "after", line) if is_next else None
    return None
