"""Whether random draws change data that was loaded or passed in, or make the sample itself.

Two marks are spread forward through the functions that make an item: *content* (what the item was before any draw:
read from a file, taken out of what the dataset was given) and *random* (a generator and all that is drawn from it).
Where both meet in one operation, the draw is applied to the content.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from ..source.scopes import Kind, key_of, last_name
from .frames import Operand
from .functions import own_nodes
from .items import Item, Visit
from .randomness import DRAWS, Part, Seeding, SeedParts
from .values import Flow

_READS = {
    *(
        "imread",
        "read_image",
        "loadtxt",
        "genfromtxt",
        "read_csv",
        "read_parquet",
        "load_audio",
        "read_file",
        "fromfile",
    ),
    *("get_fdata", "memmap", "decode_image", "decode_jpeg", "imdecode", "open_image", "pil_loader", "default_loader"),
    *("load", "open", "read", "loader", "load_image", "read_text", "read_bytes", "decode", "load_sound", "imiter"),
    *("_load", "_read", "load_item", "load_sample", "get_image", "load_data", "safe_open", "File", "read_sample"),
}
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
_PLAIN = {"len", "isinstance", "type", "range", "hash", "id", "print", "hasattr"}
_MEASURES = {"shape", "size", "dtype", "device", "ndim", "width", "height", "numel", "dim", "mode"}
_ARRAY_USES = {
    *("shape", "clone", "copy", "flip", "float", "numpy", "to", "permute", "transpose", "unsqueeze", "squeeze", "mean"),
    *(
        "astype",
        "crop",
        "resize",
        "rotate",
        "convert",
        "reshape",
        "view",
        "clamp",
        "clip",
        "size",
        "dtype",
        "std",
        "roll",
    ),
    *(
        "T",
        "max",
        "min",
        "sum",
        "contiguous",
        "ndim",
        "width",
        "height",
        "new_zeros",
        "narrow",
        "pad",
        "expand",
        "numel",
    ),
}
_ARRAY_LIBRARIES = {
    "torch",
    "numpy",
    "torchvision",
    "cv2",
    "PIL",
    "scipy",
    "skimage",
    "torchaudio",
    "librosa",
    "kornia",
}
_ARRAY_TYPES = re.compile(r"Tensor|ndarray|Image|NDArray|ArrayLike")
_LIBRARY_HOMES = {"random": "random", "numpy.random": "numpy", "torch": "torch", "torch.nn.functional": "torch"}
_TURNS = 4


@dataclass
class _Marks:
    """What carries a mark in one function: keys of names, nodes, and whether the function returns it."""

    keys: set[str] = field(default_factory=set)
    nodes: set[int] = field(default_factory=set)
    returns: bool = False


@dataclass(frozen=True)
class Applied:
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
        self.content = {id(v.scope): _Marks() for v in item.order}
        self.random = {id(v.scope): _Marks() for v in item.order}
        self.opaque: set[int] = set()
        self.region = _region(item, visit, seeding)
        self.arrays: set[str] = set()
        self._uses: dict[int, frozenset[str]] = {}
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
        for member in item.order:
            self.arrays |= self._used_as_arrays(member)

    def places(self) -> list[Applied]:
        """Every operation in which a draw meets content."""
        return [place for visit in self.item.order for place in self._meetings(visit)]

    # Where each mark begins.

    def _loaded(self, visit: Visit) -> Iterator[ast.AST]:
        for node in own_nodes(visit.scope):
            if isinstance(node, ast.Call):
                name = last_name(node.func)
                is_getter = name == "__getitem__" and isinstance(node.func, ast.Attribute)
                if is_getter or (name in _READS and id(node) not in self.item.entered):
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
        return is_own and call.func.attr not in _READS | _LOOK_UPS

    # How the marks spread.

    def _spread(self, visit: Visit, marks: dict[int, _Marks], *, is_content: bool) -> None:
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
                    if value is not None and binding.kind is not Kind.PARAMETER and _touches(value, own, is_content):
                        own.keys.add(binding.key)
            if len(own.keys) == before:
                break
        values = [n.value for n in own_nodes(visit.scope) if isinstance(n, (ast.Return, ast.Yield)) and n.value]
        own.returns = own.returns or any(_touches(v, own, is_content) for v in values)

    def _has_own_state(self) -> bool:
        """``g.manual_seed(...)`` and ``rng.seed(...)`` seed their receiver; ``random.Random(...)`` makes a new one."""
        return last_name(self.seeding.call.func) in ("manual_seed", "seed")

    def _enter(self, visit: Visit, call: ast.Call, marks: dict[int, _Marks], *, is_content: bool) -> None:
        own = marks[id(visit.scope)]
        for inner in self.item.entered.get(id(call), ()):
            theirs = marks[id(inner.scope)]
            for name, given in self.flow.calls.bind(call, visit.frame, inner.scope).items():
                if _touches(given.node, own, is_content):
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
        if last_name(node.func) in _PLAIN:
            return None
        given = [a.value if isinstance(a, ast.Starred) else a for a in node.args] + [k.value for k in node.keywords]
        receiver = node.func.value if isinstance(node.func, ast.Attribute) else None
        taking = [a for a in given if content(a)]
        text = visit.module.snippet
        if id(node) in self.opaque:
            return f"`{text(node)}` transforms the data" if taking else None
        if isinstance(node.func, ast.Name) and random(node.func):
            return f"`{text(node)}` applies to the data what a draw chose" if taking else None
        if last_name(node.func) in _READS and id(node) not in self.item.entered and any(random(a) for a in given):
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
            return _touches(node, own, True) and self._is_array(visit, node)

        return is_content, lambda node: _touches(node, drawn, False)

    def _is_array(self, visit: Visit, node: ast.expr) -> bool:
        """Whether content is used like an array, image or sequence anywhere; a label or a row of settings is not."""
        for below in ast.walk(node):
            key = key_of(below) if isinstance(below, (ast.Name, ast.Attribute)) else None
            if key is not None and f"{id(visit.scope)}:{key}" in self.arrays:
                return True
            if isinstance(below, ast.Call) and last_name(below.func) in _READS:
                return True
            if isinstance(below, ast.Subscript) and f"entry:{key_of(below.value)}" in self.arrays:
                return True
        return False

    def _used_as_arrays(self, visit: Visit) -> frozenset[str]:
        """Names of content that are used as arrays, each with the function that it stands in."""
        if id(visit) not in self._uses:
            self._uses[id(visit)] = frozenset()  # functions that call each other
            self._uses[id(visit)] = frozenset(self._find_array_uses(visit))
        return self._uses[id(visit)]

    def _find_array_uses(self, visit: Visit) -> Iterator[str]:
        own = self.content[id(visit.scope)]
        here = id(visit.scope)
        arguments = getattr(visit.scope.node, "args", None)
        for argument in [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs] if arguments else []:
            written = ast.unparse(argument.annotation) if argument.annotation is not None else ""
            if argument.arg in own.keys and _ARRAY_TYPES.search(written):
                yield f"{here}:{argument.arg}"
        for node in own_nodes(visit.scope):
            used: list[ast.expr] = []
            if (isinstance(node, ast.Attribute) and node.attr in _ARRAY_USES) or (
                isinstance(node, ast.Subscript) and (_is_written_at(node) or _is_cut(node))
            ):
                used = [node.value]
            elif isinstance(node, ast.Call):
                used = self._given_as_arrays(visit, node)
            for value in used:
                while isinstance(value, ast.UnaryOp):
                    value = value.operand
                key = key_of(value)
                if key in own.keys:
                    yield f"{here}:{key}"
                elif isinstance(value, ast.Subscript) and id(value) in own.nodes:
                    yield f"entry:{key_of(value.value)}"
        for key, bindings in visit.scope.bindings.items():
            if key in own.keys and any(
                b.value is not None and self._comes_from_array(visit, b.value) for b in bindings
            ):
                yield f"{here}:{key}"

    def _given_as_arrays(self, visit: Visit, call: ast.Call) -> list[ast.expr]:
        """Arguments that a library of arrays takes, or that a function of the project uses as an array."""
        name = self.flow.project.external(visit.module, call.func) or ""
        if name.partition(".")[0] in _ARRAY_LIBRARIES:
            return [a for a in call.args if not isinstance(a, ast.Starred)]
        found: list[ast.expr] = []
        for inner in self.item.entered.get(id(call), ()):
            uses = {u.partition(":")[2] for u in self._used_as_arrays(inner)} if inner is not visit else set()
            bound = self.flow.calls.bind(call, visit.frame, inner.scope)
            found += [given.node for parameter, given in bound.items() if parameter in uses]
        return found

    def _comes_from_array(self, visit: Visit, value: ast.expr) -> bool:
        """Read from a file, or made by a library of arrays out of content."""
        own = self.content[id(visit.scope)]
        for node in ast.walk(value):
            if isinstance(node, ast.Attribute) and node.attr in _ARRAY_USES and _touches(node.value, own, True):
                return True
            if not isinstance(node, ast.Call):
                continue
            if id(node) in own.nodes and last_name(node.func) in (_READS | {"__getitem__"}):
                return True
            name = self.flow.project.external(visit.module, node.func) or ""
            if name.partition(".")[0] in _ARRAY_LIBRARIES and any(_touches(a, own, True) for a in node.args):
                return True
            if id(node) in own.nodes:
                return any(self._returns_array(v) for v in self.item.entered.get(id(node), ()) if v is not visit)
        return False

    def _returns_array(self, visit: Visit) -> bool:
        own = self.content[id(visit.scope)]
        values = [n.value for n in own_nodes(visit.scope) if isinstance(n, ast.Return) and n.value is not None]
        keys = {u.partition(":")[2] for u in self._used_as_arrays(visit)}
        return any((key_of(v) in keys) or (_touches(v, own, True) and self._comes_from_array(visit, v)) for v in values)


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


def _touches(node: ast.AST, marks: _Marks, is_content: bool) -> bool:
    """Whether an expression carries a mark; measuring content (its length, its shape) does not carry it on."""
    if id(node) in marks.nodes:
        return True
    key = key_of(node)
    if key is not None and key in marks.keys:
        return True
    if is_content:
        if isinstance(node, ast.Attribute) and node.attr in _MEASURES:
            return False
        if isinstance(node, ast.Call) and (last_name(node.func) in _PLAIN or last_name(node.func) in _MEASURES):
            return False
        if isinstance(node, ast.Subscript):
            return _touches(node.value, marks, True)
        if isinstance(node, (ast.Compare, ast.Lambda)):
            return False
    if isinstance(node, ast.Lambda):
        return False
    return any(_touches(child, marks, is_content) for child in ast.iter_child_nodes(node))


def _draws(node: ast.AST) -> bool:
    return any(isinstance(n, ast.Call) and last_name(n.func) in DRAWS for n in ast.walk(node))


def _unpacked(node: ast.expr, index: tuple[int, ...]) -> ast.expr:
    """The part of a written tuple that an unpacking gives: ``b`` of ``x, y = a, b`` at (1,)."""
    for position in index:
        if not isinstance(node, (ast.Tuple, ast.List)) or position >= len(node.elts):
            return node
        node = node.elts[position]
    return node


def _is_cut(node: ast.Subscript) -> bool:
    return any(isinstance(n, ast.Slice) for n in ast.walk(node.slice))


def _is_written_at(node: ast.Subscript) -> bool:
    """``tokens[i] = mask``: an entry of a sequence is replaced; a fixed entry (``row["x"] = ...``) is a record's."""
    return isinstance(node.ctx, ast.Store) and not isinstance(node.slice, ast.Constant)
