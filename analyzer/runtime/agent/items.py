"""Items of a dataset, made again at the end of a run: how they differ, and from what."""

from __future__ import annotations

import hashlib
from typing import Any, Dict, Iterator, List, Tuple

from .fields import as_tensor, fields

Item = Dict[str, Any]  # tensors, and other values, by path
_MOST_VALUES = 200_000


def make(torch: Any, dataset: Any, index: int) -> Item:
    """One item's fields by path; pictures as tensors."""
    found: Item = {}
    for path, leaf in fields(dataset[index]):
        tensor = as_tensor(torch, leaf)
        if tensor is None and hasattr(leaf, "tobytes") and hasattr(leaf, "size"):  # a picture of PIL
            data = bytearray(leaf.tobytes())
            tensor = torch.frombuffer(data, dtype=torch.uint8) if data else None
        found[path] = tensor.clone() if tensor is not None else leaf
    return found


def digest(value: Any) -> str:
    """Equal for equal values, to the last bit."""
    if hasattr(value, "detach"):
        flat = value.detach().cpu().contiguous().reshape(-1)
        try:
            data = flat.numpy().tobytes()
        except (TypeError, RuntimeError):  # bfloat16 and others that NumPy lacks
            data = repr(flat.tolist()).encode()
        return hashlib.md5(data + str((value.dtype, tuple(value.shape))).encode()).hexdigest()
    return value if isinstance(value, str) else type(value).__name__


def digests(item: Item) -> Tuple[Tuple[str, str], ...]:
    """An item's fields as digests, to be compared at once."""
    return tuple((path, digest(value)) for path, value in item.items())


def is_label(value: Any) -> bool:
    """Whether a field may be a class: text, or a single whole number or truth value."""
    if isinstance(value, str):
        return True
    return hasattr(value, "dtype") and value.numel() == 1 and not value.is_floating_point() and not value.is_complex()


def descriptors(torch: Any, value: Any) -> Iterator[Tuple[str, Any]]:
    """Ways to look at a tensor under which one kind of change or another does not count.

    Its values in place, and standardised, which no gain changes; its values in order of size, which no flip, turn or
    shift changes; its spectrum's magnitude, which no shift changes. All of at most 200 000 values, as float64.
    """
    flat = value.detach().cpu().to(torch.float64)
    if flat.numel() > _MOST_VALUES and flat.dim():
        flat = flat.reshape(-1)[:: -(-flat.numel() // _MOST_VALUES)]
    yield "values", flat.reshape(-1)
    standard = (flat - flat.mean()) / flat.std(unbiased=False).clamp(min=1e-12)
    yield "standardised values", standard.reshape(-1)
    yield "sorted values", flat.reshape(-1).sort().values
    if flat.dim() >= 2:
        spectrum = torch.fft.fftn(flat, dim=tuple(range(max(0, flat.dim() - 3), flat.dim()))).abs()
        yield "spectrum", spectrum.reshape(-1).log1p()


def nearness(torch: Any, own: List[List[Any]], others: List[List[Any]]) -> Dict[str, Tuple[float, float]]:
    """How much nearer an item's views are to one another than to other items of its kind, by descriptor.

    Were the views samples of their own, they would lie as far from one another as from others of their kind, and every
    order of the distances would be as likely as any other.

    Args:
        own: for each of several items its first view and further ones.
        others: for each of them views of other items of its kind.

    Returns:
        The share of comparisons in which the own view is nearer (0.5 where it is no nearer than others), and by how
        many standard deviations the sum of ranks exceeds what an arbitrary order gives.
    """
    wins: Dict[str, float] = {}
    pairs: Dict[str, int] = {}
    spread: Dict[str, float] = {}
    for views, rest in zip(own, others):
        looked = [dict(descriptors(torch, view)) for view in views[1:]]
        rested = [dict(descriptors(torch, view)) for view in rest]
        for name, first in descriptors(torch, views[0]):
            near = [_distance(first, other.get(name)) for other in looked]
            far = [_distance(first, other.get(name)) for other in rested]
            won = sum((a < b) + 0.5 * (a == b) for a in near for b in far)
            wins[name] = wins.get(name, 0.0) + won
            pairs[name] = pairs.get(name, 0) + len(near) * len(far)
            spread[name] = spread.get(name, 0.0) + len(near) * len(far) * (len(near) + len(far) + 1) / 12.0
    return {
        name: (wins[name] / pairs[name], (wins[name] - pairs[name] / 2) / max(spread[name], 1e-9) ** 0.5)
        for name in wins
        if pairs[name]
    }


def _distance(one: Any, other: Any) -> float:
    if other is None or one.shape != other.shape:
        return float("inf")
    return float((one - other).norm())
