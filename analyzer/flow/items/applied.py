"""Whether random draws change data that was loaded or passed in, or make the sample itself.

Two marks are spread forward through the functions that make an item: *content* (what the item was before any draw:
read from a file, taken out of what the dataset was given) and *random* (a generator and all that is drawn from it).
Where both meet in one operation, the draw is applied to the content.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from typing import NamedTuple

from ...source.scopes import Kind, key_of, last_name
from ..values.flow import Flow
from ..values.frames import Operand
from ..values.functions import own_nodes
from .array_uses import ArrayUses
from .making import Item, Visit
from .marks import PLAIN, READS, Marks, touches
from .seeds import DRAWS, Part, Seeding, SeedParts

_LOOK_UPS = {
    "get",
    "index",
    "encode",
    "decode",
    "append",
    "items",
    "keys",
    "values",
    "update",
    "add",
    "pop",
    "tokenize",
}
_LIBRARY_HOMES = {"random": "random", "numpy.random": "numpy", "torch": "torch", "torch.nn.functional": "torch"}
_TURNS = 4


class Applied(NamedTuple):
    """A place where a draw meets content. ``is_opaque``: in a callable whose code is not part of the project."""

    op: Operand
    note: str
    is_opaque: bool = False


class Application:
    """How the draws of one seeded generator are used while an item is made."""

    def __init__(self, flow: Flow, item: Item, visit: Visit, seeding: Seeding) -> None:
        self.flow = flow
        self.item = item
        self.seeding = seeding
        self.home = visit
        self.content = {id(v.scope): Marks() for v in item.order}
        self.random = {id(v.scope): Marks() for v in item.order}
        self.opaque: set[int] = set()
        self.region = _region(item, visit, seeding)
        for member in item.order:
            self.content[id(member.scope)].nodes |= {id(n) for n in self._loaded(member)}
            self.random[id(member.scope)].nodes |= {id(n) for n in self._drawn(member)}
        if seeding.libraries and not any(marks.nodes for marks in self.random.values()):
            for member in item.order:
                self.opaque |= {id(n) for n in self._given_transforms(member)}
                self.random[id(member.scope)].nodes |= self.opaque
        for _ in range(_TURNS):
            for member in reversed(item.order):
                self._spread(member, self.content, is_content=True)
                self._spread(member, self.random, is_content=False)
        self.arrays = ArrayUses(flow, item, self.content)

    def places(self) -> list[Applied]:
        """Every operation in which a draw meets content."""
        return [place for visit in self.item.order for place in self._meetings(visit)]

    # Where each mark begins.

    def _loaded(self, visit: Visit) -> Iterator[ast.AST]:
        for node in own_nodes(visit.scope):
            if isinstance(node, ast.Call):
                name = last_name(node.func)
                is_getter = name == "__getitem__" and isinstance(node.func, ast.Attribute)
                if is_getter or (name in READS and id(node) not in self.item.entered):
                    yield node
            elif isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load) and self._is_taken_out(visit, node):
                yield node

    def _is_taken_out(self, visit: Visit, node: ast.Subscript) -> bool:
        """``self.images[index]``: an entry, chosen by the item, of what the dataset holds."""
        base = node.value
        while isinstance(base, ast.Attribute) and base.attr in ("iloc", "loc", "at", "iat", "values"):
            base = base.value
        if not isinstance(base, ast.Attribute) or isinstance(node.slice, ast.Constant):
            return False
        parts = SeedParts(self.flow, self.item.getter.scope, self.item.calls)
        op = Operand(node.slice, visit.frame)
        return Part.ITEM in parts.parts(op) and not self._is_made_up(Operand(base, visit.frame))

    def _is_made_up(self, op: Operand) -> bool:
        """Whether all that a container holds was drawn or counted when the dataset was made."""
        sources = self.flow.sources(op)
        values = [_unpacked(s.operand.node, s.index) for s in sources if s.operand is not None]
        return bool(values) and all(_draws(v) or isinstance(v, (ast.Constant, ast.List, ast.Tuple)) for v in values)

    def _drawn(self, visit: Visit) -> Iterator[ast.AST]:
        if not self.seeding.libraries:
            if visit is self.home:
                yield self.seeding.call
            return
        for node in own_nodes(visit.scope):
            if isinstance(node, ast.Call) and self._is_seeded(visit, node) and self._is_draw(visit, node):
                yield node

    def _is_draw(self, visit: Visit, call: ast.Call) -> bool:
        """Whether a call draws from a global generator that was seeded."""
        home, _, last = (self.flow.project.external(visit.module, call.func) or "").rpartition(".")
        return last in DRAWS and _LIBRARY_HOMES.get(home) in self.seeding.libraries

    def _is_seeded(self, visit: Visit, call: ast.Call) -> bool:
        """Whether a call runs while the seed holds: a ``with`` block that seeds ends with its body."""
        if self.region is None:
            return True
        place, inside = self.region
        chain = [*(op.node for op in visit.chain), call]
        return any(id(node) in inside for node in chain) or (visit is not place and not visit.chain)

    def _given_transforms(self, visit: Visit) -> Iterator[ast.Call]:
        """Calls of what the dataset was given, where none of its own code draws anything."""
        for node in own_nodes(visit.scope):
            if isinstance(node, ast.Call) and self._is_seeded(visit, node) and self._is_opaque(visit, node):
                yield node

    def _is_opaque(self, visit: Visit, call: ast.Call) -> bool:
        """``self.transform(image)``, ``self.noiser.noise(x)``: something given to the dataset, that may draw."""
        method = visit.scope.method
        first = next(iter(getattr(getattr(method and method.node, "args", None), "args", ())), None)
        if not isinstance(call.func, ast.Attribute) or first is None or id(call) in self.item.entered:
            return False
        name = key_of(call.func) or ""
        base = call.func
        while isinstance(base.value, ast.Attribute):
            base = base.value
        is_own = name.startswith(f"{first.arg}.") and bool(self.flow.sources(Operand(base, visit.frame)))
        return is_own and call.func.attr not in READS | _LOOK_UPS

    # How the marks spread.

    def _spread(self, visit: Visit, marks: dict[int, Marks], *, is_content: bool) -> None:
        own = marks[id(visit.scope)]
        if not is_content and visit is self.home and isinstance(self.seeding.call.func, ast.Attribute):
            receiver = key_of(self.seeding.call.func.value)
            if receiver is not None and not self.seeding.libraries and self._has_own_state():
                own.keys.add(receiver)
        for node in own_nodes(visit.scope):
            if isinstance(node, ast.Call):
                self._enter(visit, node, marks, is_content=is_content)
        for _ in range(_TURNS):
            before = len(own.keys)
            for bindings in visit.scope.bindings.values():
                for binding in bindings:
                    value = binding.value
                    if value is not None and binding.kind is not Kind.PARAMETER and touches(value, own, is_content):
                        own.keys.add(binding.key)
            if len(own.keys) == before:
                break
        values = [n.value for n in own_nodes(visit.scope) if isinstance(n, (ast.Return, ast.Yield)) and n.value]
        own.returns = own.returns or any(touches(v, own, is_content) for v in values)

    def _has_own_state(self) -> bool:
        """``g.manual_seed(...)`` and ``rng.seed(...)`` seed their receiver; ``random.Random(...)`` makes a new one."""
        return last_name(self.seeding.call.func) in ("manual_seed", "seed")

    def _enter(self, visit: Visit, call: ast.Call, marks: dict[int, Marks], *, is_content: bool) -> None:
        own = marks[id(visit.scope)]
        for inner in self.item.entered.get(id(call), ()):
            theirs = marks[id(inner.scope)]
            for name, given in self.flow.calls.bind(call, visit.frame, inner.scope).items():
                if touches(given.node, own, is_content):
                    theirs.keys.add(name)
            if theirs.returns:
                own.nodes.add(id(call))
            for key in theirs.keys:
                if key.startswith("self."):
                    own.keys.add(key)
            for key in own.keys:
                if key.startswith("self."):
                    theirs.keys.add(key)

    # Where they meet.

    def _meetings(self, visit: Visit) -> Iterator[Applied]:
        for node in own_nodes(visit.scope):
            met = self._meets(visit, node)
            if met is not None and isinstance(node, (ast.expr, ast.stmt)):
                at = node if isinstance(node, ast.expr) else getattr(node, "test", None) or getattr(node, "value", None)
                if isinstance(at, ast.expr):
                    yield Applied(Operand(at, visit.frame), met, id(node) in self.opaque)

    def _meets(self, visit: Visit, node: ast.AST) -> str | None:
        content, random = self._tests(visit)
        text = visit.module.snippet
        if isinstance(node, ast.BinOp):
            if (content(node.left) and random(node.right)) or (random(node.left) and content(node.right)):
                return f"`{text(node)}` mixes the data with a draw"
        elif isinstance(node, ast.AugAssign):
            if content(node.target) and random(node.value):
                return f"`{text(node)}` changes the data by a draw"
        elif isinstance(node, ast.Subscript):
            if content(node.value) and random(node.slice):
                return f"`{text(node)}` cuts the data at a draw"
        elif isinstance(node, (ast.If, ast.IfExp)):
            inside = node.body if isinstance(node, ast.If) else [node.body]
            of_data = (n for b in inside for n in ast.walk(b) if isinstance(n, (ast.Name, ast.Subscript)))
            if random(node.test) and any(content(n) for n in of_data):
                return f"`{text(node.test)}` decides by a draw what happens to the data"
        elif isinstance(node, ast.Call) and node is not self.seeding.call:
            return self._call_meets(visit, node)
        return None

    def _call_meets(self, visit: Visit, node: ast.Call) -> str | None:
        content, random = self._tests(visit)
        if last_name(node.func) in PLAIN:
            return None
        given = [a.value if isinstance(a, ast.Starred) else a for a in node.args] + [k.value for k in node.keywords]
        receiver = node.func.value if isinstance(node.func, ast.Attribute) else None
        taking = [a for a in given if content(a)]
        text = visit.module.snippet
        if id(node) in self.opaque:
            return f"`{text(node)}` transforms the data" if taking else None
        if isinstance(node.func, ast.Name) and random(node.func):
            return f"`{text(node)}` applies to the data what a draw chose" if taking else None
        if last_name(node.func) in READS and id(node) not in self.item.entered and any(random(a) for a in given):
            return f"`{text(node)}` reads what a draw chose"
        if receiver is not None and random(receiver) and not content(receiver):
            # A draw from the data itself; sizes and probabilities are not the data.
            drawn = {"choice", "choices", "sample", "shuffle", "permutation", "permuted"}
            return f"`{text(node)}` draws from the data" if taking and last_name(node.func) in drawn else None
        if receiver is not None and content(receiver) and any(random(a) for a in given):
            return f"`{text(node)}` changes the data by a draw"
        if taking and any(random(a) and not content(a) for a in given):
            return f"`{text(node)}` takes the data and a draw"
        return None

    def _tests(self, visit: Visit) -> tuple[Callable[[ast.expr], bool], Callable[[ast.expr], bool]]:
        own, drawn = self.content[id(visit.scope)], self.random[id(visit.scope)]

        def is_content(node: ast.expr) -> bool:
            return touches(node, own, True) and self.arrays.holds(visit, node)

        return is_content, lambda node: touches(node, drawn, False)


def _region(item: Item, visit: Visit, seeding: Seeding) -> tuple[Visit, set[int]] | None:
    """The function and the nodes under a ``with`` block that seeds on entry; None where the seed simply stays."""
    place, call = visit, seeding.call
    while True:
        for node in own_nodes(place.scope):
            if isinstance(node, (ast.With, ast.AsyncWith)) and any(i.context_expr is call for i in node.items):
                return place, {id(n) for s in node.body for n in ast.walk(s)}
        if not place.chain:
            return None
        outer = place.chain[-1]
        assert isinstance(outer.node, ast.Call)
        caller = next((v for v in item.order if v.frame is outer.frame), None)
        if caller is None:
            return None
        place, call = caller, outer.node


def _draws(node: ast.AST) -> bool:
    return any(isinstance(n, ast.Call) and last_name(n.func) in DRAWS for n in ast.walk(node))


def _unpacked(node: ast.expr, index: tuple[int, ...]) -> ast.expr:
    """The part of a written tuple that an unpacking gives: ``b`` of ``x, y = a, b`` at (1,)."""
    for position in index:
        if not isinstance(node, (ast.Tuple, ast.List)) or position >= len(node.elts):
            return node
        node = node.elts[position]
    return node
