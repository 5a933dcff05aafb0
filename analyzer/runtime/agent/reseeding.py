"""Items that are the same each time since they seed a generator themselves: is it augmentation, or the sample?"""

from __future__ import annotations

import time
from typing import Any, Dict, List, Tuple

from .generators import SeedWatch
from .items import Item, digest, is_label, make, nearness

SEARCH_SECONDS = 1.5
MOST_SEARCHED = 192
ANCHORS, PARTNERS, SEEDS, ORDINALS = 4, 4, 3, 4
LEAST_VALUES = 64  # of a tensor that can be an input; what is smaller may be a target
LEAST_NEARNESS = 0.6


class Reseeding:
    """Makes items with other seeds in place of their own.

    A generator changes data that the item was given (it augments) where all of this holds; else it makes the sample:

    - other seeds change nothing but large tensors: no label;
    - the dataset stores something for each item;
    - items of the same label differ also where they get the same seed: they have something of their own;
    - an item's views are nearer to one another than to other items of its label.

    Args:
        watch: replaces the seeds.
        dataset: with items by number.
        size: how many it has.
    """

    def __init__(self, watch: SeedWatch, dataset: Any, size: int) -> None:
        self.watch = watch
        self.torch = watch.torch
        self.dataset = dataset
        self.size = size

    def verdict(self, seeds: int) -> Dict[str, Any]:
        """Whether one of the item's seeds is for augmentation.

        Args:
            seeds: how many different ones an item uses.

        Returns:
            ``augments`` with a reason ``why``, and where it does ``changed``, the fields.
        """
        if not has_store(self.dataset, self.size):
            return {"augments": False, "why": "the dataset stores nothing for each item"}
        groups = self._groups()
        if not groups:
            return {"augments": False, "why": "no two items have the same label"}
        why = "no generator of the item changes what it returns"
        for chosen in range(min(seeds, ORDINALS)):
            changed, reason = self._augments(groups, chosen)
            if changed:
                return {"augments": True, "changed": changed, "why": reason}
            why = reason or why
        return {"augments": False, "why": why}

    def _groups(self) -> List[List[Tuple[int, Item]]]:
        """Items of equal labels, the first of each an anchor."""
        items: List[Tuple[int, Item]] = []
        end = time.perf_counter() + SEARCH_SECONDS
        half = min(self.size, MOST_SEARCHED) // 2
        near = range(min(self.size, half))
        apart = [i * self.size // max(half, 1) for i in range(half)]
        for index in dict.fromkeys(i for pair in zip(near, apart) for i in pair):
            items.append((index, make(self.torch, self.dataset, index)))
            if time.perf_counter() > end:
                break
        labels = [path for path, value in items[0][1].items() if is_label(value)]
        values = {path: [digest(item.get(path)) for _, item in items] for path in labels}
        repeated = [path for path in labels if len(set(values[path])) <= len(items) // 2 or len(set(values[path])) == 1]
        by_label: Dict[Tuple[str, ...], List[Tuple[int, Item]]] = {}
        for number, one in enumerate(items):
            by_label.setdefault(tuple(values[path][number] for path in repeated), []).append(one)
        groups = [g[: 1 + PARTNERS] for g in by_label.values() if len(g) >= 1 + PARTNERS // 2]
        if len(groups) == 1:  # no labels: several anchors, the rest are partners to all
            only = next(g for g in by_label.values() if len(g) >= 1 + PARTNERS // 2)
            groups = [only[i :: max(1, len(only) // (1 + PARTNERS))][: 1 + PARTNERS] for i in range(ANCHORS)]
        return [g for g in groups if len(g) >= 2][:ANCHORS]

    def _augments(self, groups: List[List[Tuple[int, Item]]], chosen: int) -> Tuple[List[str], str]:
        views = {i: self._views(i, chosen, SEEDS) for i in {g[0][0] for g in groups}}
        partners = {i: self._views(i, chosen, 1) for g in groups for i, _ in g[1:]}
        changed = {
            path
            for group in groups
            for view in views[group[0][0]]
            for path in group[0][1]
            if digest(view.get(path)) != digest(group[0][1][path])
        }
        first = groups[0][0][1]
        if not changed:
            return [], ""
        if any(not _is_large(first.get(path)) for path in changed):
            return [], "the item's generator decides %s too" % _named(p for p in changed if not _is_large(first.get(p)))
        for path in sorted(changed):
            same = sum(
                digest(views[g[0][0]][0].get(path)) == digest(partners[i][0].get(path))
                for g in groups
                for i, _ in g[1:]
            )
            if same:
                return [], "items of the same label and seed are equal: the generator makes the sample"
        return self._nearest(groups, views, sorted(changed))

    def _nearest(
        self, groups: List[List[Tuple[int, Item]]], views: Dict[int, List[Item]], changed: List[str]
    ) -> Tuple[List[str], str]:
        best = 0.0
        for path in changed:
            own = [[g[0][1][path], *(v[path] for v in views[g[0][0]])] for g in groups]
            others = [[item[path] for _, item in g[1:]] for g in groups]
            for share, _ in nearness(self.torch, own, others).values():
                best = max(best, share)
        if best < LEAST_NEARNESS:
            return [], "its views are no nearer to one another than to other items"
        return changed, "views are nearer to one another than to other items (%d %%)" % round(100 * best)

    def _views(self, index: int, chosen: int, count: int) -> List[Item]:
        found = []
        for number in range(1, count + 1):
            with self.watch.watching(other=7919 * number, chosen=chosen):
                found.append(make(self.torch, self.dataset, index))
        return found


def _is_large(value: Any) -> bool:
    return hasattr(value, "numel") and value.numel() >= LEAST_VALUES


def _named(paths: Any) -> str:
    return ", ".join(sorted("`%s`" % path for path in paths))


def has_store(owner: Any, size: int, depth: int = 0) -> bool:
    """Whether something among an object's attributes is about as long as the dataset: pictures, paths, rows."""
    least = max(4, size // 16)
    for value in list(getattr(owner, "__dict__", {}).values()):
        try:
            is_store = not isinstance(value, (str, bytes, range)) and len(value) >= least
        except (TypeError, NotImplementedError):
            is_store = False
        inner = value[:8] if isinstance(value, (list, tuple)) else [value] if not isinstance(value, type) else []
        if is_store or (depth < 2 and any(has_store(one, size, depth + 1) for one in inner)):
            return True
    return False
