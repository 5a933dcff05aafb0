"""Similarities of one set of vectors with itself, recognised in autograd's graph."""

from __future__ import annotations

from typing import Any, FrozenSet, Optional, Tuple

from . import graph

_PRODUCTS = frozenset(
    {"Mm", "Bmm", "Mv", "Dot", "Cdist", "EuclideanDist", "CosineSimilarity", "Mul", "Sub", "Linear", "PairwiseDistance"}
)
_SIDE = (*graph.VIEWS, "Select", "Unbind", "Repeat", "Div")
_CUTTING = frozenset(
    {"Index", "MaskedSelect", "Gather", "IndexSelect", "Tril", "Triu", "Slice", "AsStrided", "Diagonal"}
)
_MOST_DEEP = 24


class Similarity:
    """How a tensor comes from a set's similarities with itself.

    Args:
        anchor: for one row of them, which vector of the set it belongs to.
        kinds: the operations between the similarities and the tensor.
    """

    def __init__(self, anchor: Optional[int], kinds: FrozenSet[str]) -> None:
        self.anchor = anchor
        self.kinds = kinds

    @property
    def is_cut(self) -> bool:
        """Whether only some of the similarities are in the tensor: which, the graph does not say."""
        return not _CUTTING.isdisjoint(self.kinds)


def of_itself(tensor: Any) -> Optional[Similarity]:
    """How a tensor comes from the similarities of one set with itself; None where it does not."""
    if tensor.grad_fn is None:
        return None
    found = _search(tensor.grad_fn, 0, frozenset(), None, 0)
    return Similarity(*found) if found is not None else None


def _search(
    node: Any, index: int, kinds: FrozenSet[str], anchor: Optional[int], depth: int
) -> Optional[Tuple[Optional[int], FrozenSet[str]]]:
    if node is None or depth > _MOST_DEEP:
        return None
    kind = graph.kind(node)
    inputs = [edge for edge in graph.edges(node) if edge[0] is not None]
    if kind in _PRODUCTS and len(inputs) == 2:
        same, of = _is_same(inputs)
        if same:
            return (of if of is not None else anchor), kinds
    if kind in _PRODUCTS and kind not in ("Mul", "Sub"):
        return None
    if kind == "Select":
        anchor = _selected(node)
    if kind == "Unbind":
        anchor = index
    if len(inputs) > 2:
        return None
    for child, number in inputs:
        found = _search(child, number, kinds | {kind}, anchor, depth + 1)
        if found is not None:
            return found
    return None


def _is_same(inputs: Any) -> Tuple[bool, Optional[int]]:
    """Whether both factors are one set of vectors, and which of its vectors one factor is, where it is one."""
    (left, of_left), (right, of_right) = (_side(*edge) for edge in inputs)
    return left is not None and left == right, of_right if of_right is not None else of_left


def _side(node: Any, index: int) -> Tuple[Any, Optional[int]]:
    anchor = None
    for _ in range(_MOST_DEEP):
        if node is None:
            return None, anchor
        kind = graph.kind(node)
        if kind not in _SIDE:
            break
        if kind == "Unbind":
            anchor = index
        elif kind == "Select":
            anchor = _selected(node)
        inputs = graph.edges(node)
        if not inputs:
            break
        node, index = inputs[0]
    return (None if node is None else (graph.key(node), index)), anchor


def _selected(node: Any) -> Optional[int]:
    index = graph.saved(node, "index")
    return int(index) if index is not None and graph.saved(node, "dim") in (0, None) else None
