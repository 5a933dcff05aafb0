"""The sum that a loss is: its terms, each with its factor, read from autograd's graph."""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Optional, Tuple

from . import graph

MOST_TERMS = 64
_ONE_ELEMENT = frozenset(
    {"View", "UnsafeView", "ReshapeAlias", "Alias", "Squeeze", "Unsqueeze", "Clone", "ToCopy", "Identity", "Expand"}
)
_REDUCTIONS = frozenset({"Sum", "Mean"})


class Term:
    """One summand of a loss.

    Args:
        node: the node that computed it; None for a summand without a graph: a number, or a tensor that needs none.
        coefficient: what it is multiplied with on the way to the loss: a number or a tensor of one.
        chain: keys of the nodes from the last addition down to the summand; each is the summand, scaled.
        place: for a summand without a graph, the key of the addition or stack and which operand it is.
    """

    def __init__(
        self, node: Any, coefficient: Any, chain: Tuple[Any, ...], place: Optional[Tuple[Any, int]] = None
    ) -> None:
        self.node = node
        self.coefficient = coefficient
        self.chain = chain
        self.place = place


def terms_of(root: Any, is_whole: Callable[[Any], bool] = lambda key: False) -> List[Term]:
    """The terms of a tensor of one number; one term where nothing is added.

    Args:
        root: the tensor.
        is_whole: whether the node of a key is what one function gave that is no arithmetic: a loss with label smoothing
            is a sum inside, and one term all the same.
    """
    found: List[Term] = []
    waiting: List[Tuple[Any, int, Any, Tuple[Any, ...]]] = [(root.grad_fn, 0, 1.0, ())]
    while waiting and len(found) < MOST_TERMS:
        node, _, coefficient, chain = waiting.pop(0)
        chain = (*chain, graph.key(node))
        parts = None if is_whole(chain[-1]) else _parts(node)
        if parts is None:
            found.append(Term(node, coefficient, chain))
            continue
        is_sum = len(parts) > 1
        owner = graph.edges(node)[0][0] if is_sum and graph.kind(node) in _REDUCTIONS else node
        following = []
        for position, (child, index, factor) in enumerate(parts):
            scaled = coefficient * factor
            if child is None:
                found.append(Term(None, scaled, (), (graph.key(owner), position)))
            else:
                following.append((child, index, scaled, () if is_sum else chain))
        waiting = following + waiting
    return _merged(found)


def _merged(found: List[Term]) -> List[Term]:
    """Terms that are one node are one term."""
    by_node: Dict[Any, Term] = {}
    kept: List[Term] = []
    for term in found:
        known = by_node.get(graph.key(term.node)) if term.node is not None else None
        if known is not None:
            known.coefficient = known.coefficient + term.coefficient
            continue
        if term.node is not None:
            by_node[graph.key(term.node)] = term
        kept.append(term)
    return kept


def _parts(node: Any) -> Optional[List[Tuple[Any, int, Any]]]:
    """What a node adds up, each with its factor; None where the node is a term itself.

    One part means that the node scales, or looks at, its only input.
    """
    kind, edges = graph.kind(node), list(graph.edges(node))
    if kind == "Add" and len(edges) == 2:
        return [(*edges[0], 1.0), (*edges[1], _or_one(graph.saved(node, "alpha")))]
    if kind == "Sub" and len(edges) == 2:
        return [(*edges[0], 1.0), (*edges[1], -_or_one(graph.saved(node, "alpha")))]
    if kind == "Rsub":
        alpha = _or_one(graph.saved(node, "alpha"))
        rest = [(*edges[1], 1.0)] if len(edges) > 1 else [(None, 0, 1.0)]
        return [(*edges[0], -alpha), *rest]
    if kind == "Neg":
        return [(*edges[0], -1.0)]
    if kind in ("Mul", "Div"):
        return _scaled(node, kind, edges)
    if kind in _REDUCTIONS:
        return _reduced(node, kind, edges)
    if kind in _ONE_ELEMENT and edges and edges[0][0] is not None:
        return [(*edges[0], 1.0)]
    return None


def _or_one(alpha: Any) -> Any:
    return 1.0 if alpha is None else alpha


def _scaled(node: Any, kind: str, edges: List[Tuple[Any, int]]) -> Optional[List[Tuple[Any, int, Any]]]:
    """A product or quotient with something that has no graph."""
    others = [child for child, _ in edges[1:]]
    if edges[0][0] is not None and all(child is None for child in others):
        factor = _number(graph.saved(node, "other"))
        if factor is None:
            return None
        return [(*edges[0], 1.0 / factor if kind == "Div" else factor)]
    if kind == "Mul" and edges[0][0] is None and len(edges) == 2 and edges[1][0] is not None:
        factor = _number(graph.saved(node, "self"))
        return None if factor is None else [(*edges[1], factor)]
    return None


def _number(value: Any) -> Any:
    """A factor: a number, or a tensor of one element as one without dimensions."""
    if value is None or isinstance(value, (int, float)):
        return value
    return value.detach().reshape(()) if getattr(value, "numel", lambda: 0)() == 1 else None


def _reduced(node: Any, kind: str, edges: List[Tuple[Any, int]]) -> Optional[List[Tuple[Any, int, Any]]]:
    """A sum or mean of one number, or of numbers that were stacked; of anything else it is a term."""
    sizes = graph.saved(node, "self_sym_sizes")
    if sizes is None or not edges or edges[0][0] is None:
        return None
    count = 1
    for size in sizes:
        count *= int(size)
    child, index = edges[0]
    if count == 1:
        return [(child, index, 1.0)]
    stack = graph.edges(child) if graph.kind(child) in ("Stack", "Cat") else ()
    if len(stack) != count:
        return None
    factor = 1.0 / count if kind == "Mean" else 1.0
    return [(inner, number, factor) for inner, number in stack]
