"""Whether masks and points are mirrored with their image."""

from __future__ import annotations

import time
from itertools import combinations
from typing import TYPE_CHECKING, Any, ClassVar, Dict, List, Mapping, Optional, Tuple

from ..generators import States
from ..items import Item, make
from ..probe import Probe, Reading, healthy, not_seen, unhealthy

if TYPE_CHECKING:
    from ..session import Session

KIND = "view-alignment"
ITEMS = 4
VIEWS = 6
MOST_SECONDS = 2.0  # for all views of one dataset
_CHANNELS = (1, 3, 4)
_LEAST_SIDE = 8
_GRID = (16, 24)  # what images and maps are averaged to: coarse enough that a small turn or shift does not count
_LEAST_POINTS = 3
_CLEAR = 0.1  # by which one orientation must fit better than the other
_FITS = 0.3
_POINTS_FIT = 0.9
_LEAST_PAIRS = 2


class ViewAlignment(Probe):
    """Whether what belongs to an image is mirrored when the image is.

    What it measures
    ----------------
    When the run ends, up to four items of each training dataset are made again, six times each, with other states of
    the generators. Two views of one item tell whether the image was mirrored between them (left against right, or top
    against bottom), by which way round they fit each other; so do its maps (fields of the image's aspect) and its
    points (fields whose last dimension is 2). The value is the share of the mirrored pairs in which a map or a set of
    points says something else than its image.

    Healthy
    -------
    0. Items without an image of three dimensions, without maps or points, or never mirrored, are not judged.

    When it is not
    --------------
    The image is mirrored and its target stays, or each has a draw of its own: in these views the target marks places
    where its object is not.
    """

    name: ClassVar[str] = KIND
    rules: ClassVar[Tuple[str, ...]] = ("unaligned-transform",)
    unit: ClassVar[str] = "share of mirrored views"
    look_next: ClassVar[str] = "Draw an item's target over its image, for several views of one item."

    def on_stop(self, session: Session) -> None:
        """Make items again, and compare their views."""
        if not session.kept:
            return
        states = States(session.torch)
        before = states.get()
        try:
            for dataset in session.kept:
                counts = self._look(session.torch, states, dataset)
                if counts:
                    session.emit(KIND, dataset=type(dataset).__name__, fields=counts)
        finally:
            states.set(before)

    def _look(self, torch: Any, states: States, dataset: Any) -> List[Dict[str, Any]]:
        end = time.perf_counter() + MOST_SECONDS
        counts: Dict[str, Dict[str, Any]] = {}
        try:
            size = len(dataset)
            for index in sorted({i * size // ITEMS for i in range(ITEMS)}) if size else []:
                views: List[Item] = []
                for number in range(VIEWS):
                    if time.perf_counter() > end:
                        break
                    states.seed(70_001 + number)
                    views.append(make(torch, dataset, index))
                for one, other in combinations(views, 2):
                    _compare(torch, one, other, counts)
        except Exception:  # an item that cannot be made here says nothing of the program
            return []
        return list(counts.values())

    def conclude(self, trace: Any, healthy_range: Mapping[str, Any], /) -> Reading:
        """The field that disagrees with its image most often."""
        rows = [dict(row, dataset=e["dataset"]) for e in trace.events(KIND) for row in e["fields"] if row["mirrored"]]
        if not rows:
            return not_seen("no item has an image that is mirrored, with a map or points beside it")
        worst = max(rows, key=lambda row: row["apart"] / row["mirrored"])
        share = worst["apart"] / worst["mirrored"]
        told = "%d of %d mirrored views of %s have their %s as in the other view" % (
            worst["apart"], worst["mirrored"], worst["dataset"], worst["field"],
        )  # fmt: skip
        if worst["apart"] >= _LEAST_PAIRS and share > float(healthy_range.get("max", 0.2)):
            return unhealthy(share, told)
        return healthy(share, told)


def _compare(torch: Any, one: Item, other: Item, counts: Dict[str, Dict[str, Any]]) -> None:
    """Count, for each map and set of points, the mirrored pairs, and those in which it is not as its image is."""
    image = next((path for path, value in one.items() if _sides(value) is not None), None)
    if image is None or image not in other or _sides(other[image]) is None:
        return
    for axis in (-1, -2):
        turned = _of_maps(torch, _flat(torch, one[image]), _flat(torch, other[image]), axis)
        for path, value in one.items():
            found = other.get(path)
            if path == image or found is None or not hasattr(value, "dim") or not hasattr(found, "dim"):
                continue
            if _is_map(value, one[image]) and _is_map(found, other[image]):
                same = _of_maps(torch, _flat(torch, value), _flat(torch, found), axis)
            elif _are_points(value) and _are_points(found) and value.shape == found.shape:
                same = _of_points(torch, value, found, axis)
            else:
                continue
            if turned is None or same is None or not (turned or same):
                continue
            row = counts.setdefault(path, {"field": path, "mirrored": 0, "apart": 0})
            row["mirrored"] += 1
            row["apart"] += turned != same


def _sides(value: Any) -> Optional[Tuple[int, int]]:
    """Height and width of an image of three dimensions; None for anything else."""
    if not hasattr(value, "dim") or value.dim() != 3 or value.is_complex():
        return None
    shape = tuple(value.shape)
    if shape[0] in _CHANNELS and min(shape[1:]) >= _LEAST_SIDE:
        return shape[1], shape[2]
    return (shape[0], shape[1]) if shape[2] in _CHANNELS[1:] and min(shape[:2]) >= _LEAST_SIDE else None


def _is_map(value: Any, image: Any) -> bool:
    """A field of the image's aspect that is no second image: one of fewer channels, or of whole numbers."""
    sides = _sides(image)
    if sides is None or value.dim() not in (2, 3) or value.is_complex():
        return False
    shape = tuple(value.shape[-2:])
    if min(shape) < _LEAST_SIDE or (value.shape == image.shape and value.dtype == image.dtype):
        return False
    return abs(shape[0] * sides[1] - shape[1] * sides[0]) <= 0.05 * shape[0] * sides[1]


def _are_points(value: Any) -> bool:
    return value.dim() >= 2 and value.shape[-1] == 2 and value.numel() >= 2 * _LEAST_POINTS and not value.is_complex()


def _flat(torch: Any, value: Any) -> Any:
    """One coarse channel (rows, columns), without its mean."""
    if value.dim() == 3:
        is_last = value.shape[2] in _CHANNELS[1:] and value.shape[0] not in _CHANNELS
        value = value.float().mean(dim=2 if is_last else 0)
    coarse = torch.nn.functional.adaptive_avg_pool2d(value.float()[None, None], _GRID)[0, 0]
    return coarse - coarse.mean()


def _of_maps(torch: Any, one: Any, other: Any, axis: int) -> Optional[bool]:
    """Whether one map fits the other only mirrored; None where neither way is clear.

    Either way round the other axis may be mirrored as well: a page that is mirrored left against right may fit better
    upside down than as it is.
    """
    both = (other, torch.flip(other, dims=[-3 - axis]))
    fits = [_correlation(one, way) for way in both]
    turned = [_correlation(one, torch.flip(way, dims=[axis])) for way in both]
    straight = max((fit for fit in fits if fit is not None), default=None)
    mirrored = max((fit for fit in turned if fit is not None), default=None)
    if straight is None or mirrored is None or max(straight, mirrored) < _FITS:
        return None
    return mirrored > straight if abs(mirrored - straight) > _CLEAR else None


def _of_points(torch: Any, one: Any, other: Any, axis: int) -> Optional[bool]:
    column = 0 if axis == -1 else 1
    first, second = (v[..., column].double().reshape(-1) for v in (one, other))
    fit = _correlation(first - first.mean(), second - second.mean())
    return fit < 0 if fit is not None and abs(fit) > _POINTS_FIT else None


def _correlation(one: Any, other: Any) -> Optional[float]:
    scale = float(one.square().sum().sqrt() * other.square().sum().sqrt())
    return float((one * other).sum()) / scale if scale > 0 else None
