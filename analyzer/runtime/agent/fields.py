"""What batches, items and outputs are made of: their tensors by path, and copies of them."""

from __future__ import annotations

import sys
from typing import Any, Callable, Dict, Iterator, List, Mapping, Tuple

MOST_FIELDS = 64
MOST_DEPTH = 5
MOST_BY_NUMBER = 8  # longer lists are one field: their elements are samples, not kinds of data


def fields(value: Any, path: str = "", depth: int = 0) -> Iterator[Tuple[str, Any]]:
    """The leaves of nested tuples, lists, mappings and dataclasses, with their paths: ``0``, ``1.boxes``, ``2.*``.

    Args:
        value: a batch, an item, or what a model returned.
        path: of the value itself; empty for the outermost.
        depth: how far down it is.
    """
    inner = _inner(value) if depth < MOST_DEPTH else None
    if inner is None:
        yield path or ".", value
        return
    for key, part in inner[:MOST_FIELDS]:
        yield from fields(part, (path + "." if path else "") + key, depth + 1)


def _inner(value: Any) -> Any:
    if isinstance(value, Mapping):
        return [(str(key), part) for key, part in value.items()]
    if isinstance(value, (tuple, list)):
        names = getattr(value, "_fields", None)
        if names is not None:
            return [(str(n), part) for n, part in zip(names, value)]
        return [("*" if len(value) > MOST_BY_NUMBER else str(i), part) for i, part in enumerate(value)]
    if hasattr(value, "__dataclass_fields__") and not isinstance(value, type):
        return [(name, getattr(value, name, None)) for name in value.__dataclass_fields__]
    return None


def tensors(torch: Any, value: Any) -> List[Tuple[str, Any]]:
    """The tensors of a value by path, arrays of NumPy and numbers among them as tensors."""
    found = []
    for path, leaf in fields(value):
        tensor = as_tensor(torch, leaf)
        if tensor is not None:
            found.append((path, tensor))
    return found


def as_tensor(torch: Any, leaf: Any) -> Any:
    """A leaf as a tensor that shares its memory where it can; None for what is no number."""
    if isinstance(leaf, torch.Tensor):
        return leaf.detach() if leaf.layout is torch.strided and not leaf.is_quantized else None
    if isinstance(leaf, (bool, int, float)):
        return torch.tensor(leaf)
    numpy = sys.modules.get("numpy")
    if numpy is not None and isinstance(leaf, (numpy.ndarray, numpy.generic)) and leaf.dtype.kind in "biuf":
        try:
            return torch.as_tensor(numpy.ascontiguousarray(leaf))
        except TypeError:  # a dtype that torch lacks
            return None
    return None


def mapped(value: Any, change: Callable[[Any], Any], depth: int = 0) -> Any:
    """A copy of a nested value with each leaf changed; containers of other kinds than fields go through are leaves."""
    if depth < MOST_DEPTH:
        if isinstance(value, dict):
            copy: Dict[Any, Any] = type(value).__new__(type(value)) if type(value) is not dict else {}
            copy.update({key: mapped(part, change, depth + 1) for key, part in value.items()})
            return copy
        if isinstance(value, tuple):
            parts = [mapped(part, change, depth + 1) for part in value]
            return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
        if isinstance(value, list):
            return [mapped(part, change, depth + 1) for part in value]
    return change(value)
