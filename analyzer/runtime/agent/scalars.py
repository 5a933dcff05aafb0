"""Numbers that the program computed on the way to its loss: what each was, where, and out of what."""

from __future__ import annotations

import linecache
import os
import re
import weakref
from types import FrameType
from typing import Any, Dict, Iterable, Iterator, List, Optional, Tuple

from . import graph

MOST = 4096
_FACTORIES = frozenset(
    {"tensor", "zeros", "zeros_like", "new_zeros", "new_tensor", "full", "as_tensor", "scalar_tensor"}
)
_PASSING = frozenset(
    {"add", "add_", "mul", "mul_", "div", "div_", "true_divide", "neg", "sum", "mean", "to", "float", "__radd__",
     "__rmul__", "clone", "squeeze", "reshape", "view", "detach", "rsub", "sub"}
)  # fmt: skip
_ARITHMETIC = _PASSING | {"sum", "mean", "iadd", "isub", "imul", "rsub", "rmul", "radd", "sub_", "negative", "multiply"}
_SUMS = frozenset({"add", "radd", "iadd", "sub", "rsub", "isub"})
_ASSIGNED = re.compile(r"^\s*(?:self\.)?([A-Za-z_]\w*)\s*(?::[^=]+)?[-+]?=[^=]")
_ENTRY = re.compile(r"""^\s*["']([\w./-]+)["']\s*:\s""")


class Scalar:
    """One number.

    Args:
        name: the torch function that gave it.
        site: where, in the user's code.
        value: a copy of it.
        parents: the numbers without a graph that it was computed from.
        is_detached: it comes from something with a graph, and has none itself.
        sources: keys of the nodes that a detached one was cut from.
    """

    def __init__(
        self, name: str, site: str, value: Any, parents: List[Scalar], is_detached: bool, sources: Tuple[Any, ...]
    ) -> None:
        self.name = name
        self.site = site
        self.value = value
        self.parents = parents
        self.is_detached = is_detached
        self.sources = sources
        self.is_off = False  # a factor of it is the program's number 0

    def base(self) -> Scalar:
        """The number before it was scaled or added to others."""
        return list(self._way())[-1]

    def is_switched_off(self) -> bool:
        """Whether a weight of 0 took it out of the sum."""
        return any(number.is_off for number in self._way())

    def _way(self) -> Iterator[Scalar]:
        number = self
        yield number
        while number.name in _PASSING and len(number.parents) == 1 and not number.is_detached:
            number = number.parents[0]
            yield number

    @property
    def is_made(self) -> bool:
        """Whether it was written down (``torch.tensor(0.0)``) rather than computed."""
        return self.name in _FACTORIES


class Scalars:
    """Remembers the numbers since the last backward pass, holding no graph and no tensor of the program's alive."""

    def __init__(self) -> None:
        self.by_node: Dict[Any, Scalar] = {}
        self.operands: Dict[Any, Tuple[Any, ...]] = {}
        self._by_tensor: Dict[int, Tuple[Any, Scalar]] = {}
        self._order: List[int] = []

    def clear(self) -> None:
        """Forget what belongs to the graph of a backward pass that is over; loose numbers may be used again."""
        self.by_node.clear()
        self.operands.clear()

    def add(self, torch: Any, name: str, args: Tuple[Any, ...], result: Any, site: str) -> None:
        """Note a tensor of one number that a torch function gave."""
        if not result.is_floating_point() or len(self.by_node) > MOST:
            return
        tensors = list(_tensors(torch, args))
        node = result.grad_fn
        parents = [found for found in (self.of(t) for t in tensors if t.grad_fn is None) if found is not None]
        with_graph = [t for t in tensors if t.requires_grad]
        is_detached = node is None and not result.requires_grad and (bool(with_graph) or name == "detach_")
        sources = tuple(graph.key(t.grad_fn) for t in with_graph if t.grad_fn is not None) if is_detached else ()
        scalar = Scalar(name, site, result.detach().clone(), parents, is_detached, sources)
        scalar.is_off = "mul" in name and any(isinstance(a, (int, float)) and a == 0 for a in args)
        is_sum = name.strip("_") in _SUMS
        if node is not None:
            self.by_node[graph.key(node)] = scalar
            if is_sum:
                self.note(torch, args, node)
            return
        if len(self._order) > MOST:
            self._by_tensor.pop(self._order.pop(0), None)
        self._by_tensor[id(result)] = (weakref.ref(result), scalar)
        self._order.append(id(result))

    def is_whole(self, node_key: Any) -> bool:
        """Whether one function gave the number of a node, and no arithmetic."""
        scalar = self.by_node.get(node_key)
        return scalar is not None and scalar.name.strip("_") not in _ARITHMETIC and scalar.name not in _ARITHMETIC

    def note(self, torch: Any, args: Tuple[Any, ...], node: Any) -> None:
        """Remember what an addition, or a stack of numbers, was given."""
        self.operands[graph.key(node)] = tuple(self._operand(torch, a) for a in _flat(args))

    def _operand(self, torch: Any, value: Any) -> Any:
        """What an addition was given: a number of the program, a record of a tensor, or None for one with a graph."""
        if not isinstance(value, torch.Tensor):
            return value
        if value.grad_fn is not None or value.requires_grad:
            return None
        return self.of(value) or Scalar("?", "", value.detach().clone(), [], False, ())

    def of(self, tensor: Any) -> Optional[Scalar]:
        """What is known of a tensor without a graph."""
        reference, scalar = self._by_tensor.get(id(tensor), (None, None))
        return scalar if reference is not None and reference() is tensor else None


def _flat(args: Iterable[Any]) -> Iterable[Any]:
    for value in args:
        if isinstance(value, (list, tuple)):
            yield from value
        else:
            yield value


def _tensors(torch: Any, args: Iterable[Any]) -> Iterable[Any]:
    return (value for value in _flat(args) if isinstance(value, torch.Tensor))


class Names:
    """What the user calls the tensors that are alive in the frames around a backward call.

    Args:
        torch: the module.
        frames: the user's frames, the innermost first.
    """

    def __init__(self, torch: Any, frames: Iterable[FrameType]) -> None:
        self.torch = torch
        self.by_node: Dict[Any, str] = {}
        self.loose: List[Tuple[Any, str]] = []  # tensors without a graph, with their names
        self.tensors: Dict[Any, Any] = {}
        for frame in frames:
            for name, value in list(frame.f_locals.items()):
                self._add(name, value, 2)

    def _add(self, name: str, value: Any, depth: int) -> None:
        if isinstance(value, self.torch.Tensor):
            if value.numel() != 1:
                return
            node = value.grad_fn
            if node is None:
                self.loose.append((value, name))
            else:
                self.by_node.setdefault(graph.key(node), name)
                self.tensors.setdefault(graph.key(node), value.detach())
        elif depth and isinstance(value, dict) and len(value) < 200:
            for inner, item in list(value.items()):
                self._add(str(inner), item, depth - 1)
        elif depth and isinstance(value, (list, tuple)) and len(value) < 200:
            for index, item in enumerate(value):
                self._add("%s[%d]" % (name, index), item, depth - 1)

    def of_scalars(self, scalars: Scalars) -> Dict[int, str]:
        """Names by the identity of the records of tensors without a graph."""
        found: Dict[int, str] = {}
        for tensor, name in self.loose:
            scalar = scalars.of(tensor)
            if scalar is not None:
                found.setdefault(id(scalar), name)
        return found


def written_name(root: str, site: str) -> str:
    """What the code calls the value that a place computes: the variable or entry it goes to, else the function."""
    place, _, function = site.partition(" ")
    path, _, line = place.rpartition(":")
    text = linecache.getline(os.path.join(root, path), int(line)) if line.isdigit() else ""
    found = _ASSIGNED.match(text) or _ENTRY.match(text)
    return found.group(1) if found else function.rpartition(".")[2]
