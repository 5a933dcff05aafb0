"""Reading autograd's graph: which node is which, and what lies behind views and casts."""

from __future__ import annotations

from typing import Any, Iterator, List, Optional, Tuple

VIEWS = (
    "View", "UnsafeView", "ReshapeAlias", "Alias", "Squeeze", "Unsqueeze", "Expand", "Transpose", "T", "Permute",
    "Clone", "ToCopy", "Detach", "Contiguous", "Identity", "Slice", "Movedim", "Flatten", "Unflatten",
)  # fmt: skip
_MOST_STEPS = 16
_numbers: List[int] = [0]


def kind(node: Any) -> str:
    """The operation of a node: ``Addmm`` of ``AddmmBackward0``."""
    return node.name().rpartition("::")[2].partition("Backward")[0]


def key(node: Any) -> Any:
    """Tells a node from all others of its thread without keeping it alive."""
    variable = getattr(node, "variable", None)
    if variable is not None:
        return ("leaf", id(variable))
    number = getattr(node, "_sequence_nr", None)
    if number is not None:
        return (number(), node.name())
    # torch 2.0: the dictionary belongs to the node itself, whatever becomes of its Python object.
    metadata = node.metadata
    if "mlfix" not in metadata:
        _numbers[0] += 1
        metadata["mlfix"] = _numbers[0]
    return metadata["mlfix"]


def edges(node: Any) -> Tuple[Tuple[Any, int], ...]:
    """The nodes that a node's gradient goes to, each with the number of its output; None for what needs none."""
    return tuple(node.next_functions)


def behind_views(node: Any, index: int = 0, names: Tuple[str, ...] = VIEWS) -> Tuple[Any, int]:
    """The node below operations that only look at their input in another way, and the number of its output."""
    for _ in range(_MOST_STEPS):
        if node is None or kind(node) not in names:
            break
        inputs = edges(node)
        if not inputs:
            break
        node, index = inputs[0]
    return node, index


def every_node(root: Any, most: int = 20000) -> Iterator[Any]:
    """All nodes below one, each once, up to a number."""
    seen = set()
    waiting = [root]
    while waiting and len(seen) < most:
        node = waiting.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        yield node
        waiting.extend(following for following, _ in edges(node))


def saved(node: Any, name: str) -> Optional[Any]:
    """A value that a node saved, or None."""
    try:
        return getattr(node, "_saved_" + name, None)
    except RuntimeError:  # freed, or changed in place since
        return None
