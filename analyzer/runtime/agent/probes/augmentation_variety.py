"""Whether an item looks different in each epoch."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Dict, List, Mapping, Optional, Set, Tuple

from ..generators import SeedWatch, States
from ..items import digests, make
from ..probe import Probe, Reading, not_seen, unhealthy
from ..probe import healthy as well
from ..reseeding import Reseeding

if TYPE_CHECKING:
    from ..session import Session

EPOCHS = 4
ITEMS = 4
MOST_SECONDS = 3.0  # for the first views; a slower dataset is looked at in fewer items and epochs


class AugmentationVariety(Probe):
    """Whether an item is seen in a new view in each epoch, where it is meant to be.

    What it measures
    ----------------
    When the run ends, up to four items of each training dataset are made again, in four epochs: before each of them the
    generators of torch, Python and NumPy get a state that they have not had, and ``set_epoch`` is called where the
    program calls it. The value is the share of later epochs that show an item as it was not seen before: 1 for random
    augmentation, 0 for none.

    Healthy
    -------
    Any value, as long as nothing is meant to be random. An item may be the same each time.

    When it is not
    --------------
    Items are the same in each epoch although they use a generator, since each item seeds it itself, with constants and
    its own number. That this is augmentation, and not how a synthetic sample is made, is shown by giving the generator
    other seeds: labels stay, inputs change, items that share label and seed still differ, and an item's views are
    nearer to one another than to other items. The same is said of a ``set_epoch`` that is never called, or that
    persistent workers never hear of.
    """

    name = "augmentation-variety"
    rules = ("fixed-seed-augmentation",)
    look_next = "Print the random numbers that __getitem__ draws for one index in two epochs, in a worker."

    def on_start(self, session: Session) -> None:
        """Nothing is known of any dataset yet."""
        self.loaders: Dict[int, Dict[str, Any]] = {}
        self.begun: Set[int] = set()  # datasets whose present pass was noted
        self.marks: Dict[int, List[Dict[str, Any]]] = {}  # what set_epoch may change, at the start of passes

    def on_batch(self, session: Session, loader: Any, batch: Any, role: str) -> None:
        """Note how the loader works, and the state of what ``set_epoch`` may change."""
        dataset = getattr(loader, "dataset", None)
        if id(dataset) in self.begun:
            return
        self.begun.add(id(dataset))
        workers = getattr(loader, "num_workers", 0)
        persistent = bool(workers and getattr(loader, "persistent_workers", False))
        known = self.loaders.setdefault(id(dataset), {"passes": 0})
        known.update(workers=workers, persistent=persistent)
        owner = _with_set_epoch(dataset)
        if owner is not None:
            marks = self.marks.setdefault(id(dataset), [])
            mark = _plain(owner)
            if mark not in marks[-1:]:
                marks.append(mark)

    def on_epoch(self, session: Session, loader: Any, role: str, index: int, batches: int) -> None:
        """Count the training passes over each dataset."""
        self.begun.discard(id(getattr(loader, "dataset", None)))
        known = self.loaders.get(id(getattr(loader, "dataset", None)))
        if known is not None and role == "train":
            known["passes"] += 1

    def on_stop(self, session: Session) -> None:
        """Make items again."""
        if not session.kept:
            return
        states, watch = States(session.torch), SeedWatch(session)
        before = states.get()
        try:
            for dataset in session.kept:
                event = self._look(states, watch, dataset)
                bases = [cls for one in _chain(dataset) for cls in type(one).__mro__ if session.sites.is_users(cls)]
                event["classes"] = [session.sites.class_place(cls) for cls in bases]
                session.emit(self.name, **event)
        finally:
            states.set(before)

    def _look(self, states: States, watch: SeedWatch, dataset: Any) -> Dict[str, Any]:
        event: Dict[str, Any] = {"dataset": type(dataset).__name__, **self.loaders.get(id(dataset), {})}
        try:
            size = len(dataset)
            if not hasattr(type(dataset), "__getitem__") or size == 0:
                raise TypeError("it has no items by number")
            self._fill(states, watch, dataset, size, event)
        except Exception as error:  # an item that cannot be made here says nothing of the program
            event["error"] = "%s: %s" % (type(error).__name__, str(error)[:200])
        return event

    def _fill(self, states: States, watch: SeedWatch, dataset: Any, size: int, event: Dict[str, Any]) -> None:
        owner = _with_set_epoch(dataset)
        passes = event.get("passes", 0)
        set_epoch = _epoch_setting(owner, self.marks.get(id(dataset), []), passes) if owner is not None else ""
        indices = sorted({i * size // ITEMS for i in range(ITEMS)})
        distinct, seeds, epochs = _views(states, watch, dataset, indices, None if set_epoch == "never" else owner)
        event.update(size=size, items=len(distinct), epochs=epochs, distinct=distinct, seeds=seeds[:3])
        event["set_epoch"] = set_epoch
        if max(distinct) > 1:
            if set_epoch == "plain" and event.get("persistent"):
                without, _, _ = _views(states, watch, dataset, indices, None)
                event["unheard"] = max(without) == 1
        elif set_epoch == "never":
            with_epoch, _, _ = _views(states, watch, dataset, indices, owner)
            event["varies_with_set_epoch"] = max(with_epoch) > 1
        elif seeds:
            event["reseeding"] = Reseeding(watch, dataset, size).verdict(len(seeds))

    def conclude(self, trace: Any, healthy: Mapping[str, Any]) -> Reading:
        """Unhealthy where a generator is used and its work is the same in each epoch."""
        events = trace.events(self.name)
        seen = [e for e in events if e.get("distinct")]
        if not seen:
            reasons = ["%s: %s" % (e.get("dataset"), e["error"]) for e in events if e.get("error")]
            return not_seen("; ".join(reasons) or "no training loader with a dataset of items was seen")
        for event in seen:
            trouble = _trouble(event)
            if trouble is not None:
                return unhealthy(variety(event), trouble)
        worst = min(seen, key=variety)
        share = variety(worst)
        told = "items of %s showed a new view in %d %% of later epochs" % (worst["dataset"], round(100 * share))
        if share == 0:
            told = "items of %s are the same in each of %d epochs" % (worst["dataset"], worst["epochs"])
            reason = (worst.get("reseeding") or {}).get("why")
            told += ", as samples that they draw: %s" % reason if reason else ", and use no generator of their own"
        return well(share, told)


def variety(event: Mapping[str, Any]) -> float:
    """The share of later epochs that show an item in a view of its own: 0 to 1."""
    later = max(int(event.get("epochs") or 1) - 1, 1)
    distinct = event["distinct"]
    return sum(count - 1 for count in distinct) / float(later * len(distinct))


def _trouble(event: Mapping[str, Any]) -> Optional[str]:
    what = "%d items of %s" % (event["items"], event["dataset"])
    reseeding = event.get("reseeding") or {}
    if reseeding.get("augments"):
        seeds = ", ".join(event.get("seeds") or [])
        changed = ", ".join("`%s`" % path for path in reseeding["changed"])
        told = "%s are the same in each of %d epochs: each seeds its own generator (%s)"
        told += "; with other seeds %s changes, and %s"
        return told % (what, event["epochs"], seeds, changed, reseeding["why"])
    if event.get("unheard"):
        return "%s differ by set_epoch alone, which the %d persistent workers never hear of" % (what, event["workers"])
    if event.get("varies_with_set_epoch"):
        told = "%s are the same in each epoch: set_epoch, which would change them, was not called in %d passes"
        return told % (what, event["passes"])
    return None


def _views(
    states: States, watch: SeedWatch, dataset: Any, indices: List[int], owner: Any
) -> Tuple[List[int], List[str], int]:
    """Different views of each item over some epochs, the seeds that items use in every epoch alike, and the epochs."""
    views: Dict[int, Set[Any]] = {i: set() for i in indices}
    seeds: Dict[int, List[List[str]]] = {i: [] for i in indices}
    end = time.perf_counter() + MOST_SECONDS
    epochs = 0
    for epoch in range(EPOCHS):
        if epoch >= 2 and time.perf_counter() > end:
            break
        states.seed(90_001 + epoch)
        if owner is not None:
            owner.set_epoch(1000 + epoch)
        for index in list(views):
            if epoch == 0 and time.perf_counter() > end:  # slow items: those that were made are enough
                views = {i: v for i, v in views.items() if v}
                break
            with watch.watching():
                item = make(watch.torch, dataset, index)
            views[index].add(digests(item))
            seeds[index].append(watch.seeds)
        epochs += 1
    steady = [s[0] for i, s in seeds.items() if i in views and all(other == s[0] for other in s)]
    first = next((s for s in steady if s), [])
    return [len(v) for v in views.values()], first if len(steady) == len(views) else [], epochs


def _chain(dataset: Any) -> List[Any]:
    """A dataset and those that it wraps."""
    found: List[Any] = []
    pending = [dataset]
    while pending and len(found) < 16:
        one = pending.pop(0)
        if one is None or any(one is known for known in found):
            continue
        found.append(one)
        inner = getattr(one, "__dict__", {})
        pending.append(inner.get("dataset"))
        pending += list(inner.get("datasets") or [])[:4] if isinstance(inner.get("datasets"), (list, tuple)) else []
    return found


def _with_set_epoch(dataset: Any) -> Any:
    return next((one for one in _chain(dataset) if callable(getattr(type(one), "set_epoch", None))), None)


def _plain(owner: Any) -> Dict[str, Any]:
    """The plain values among an object's attributes."""
    return {key: value for key, value in vars(owner).items() if isinstance(value, (int, float, str))}


def _epoch_setting(owner: Any, marks: List[Dict[str, Any]], passes: int) -> str:
    """How the program sets the epoch of a dataset, by the plain attributes that ``set_epoch`` changes.

    Args:
        owner: what has ``set_epoch``.
        marks: its plain attributes at the start of the passes.
        passes: how many there were.

    Returns:
        ``never``: they were the same at the start of each pass; ``plain``: they were not; ``hidden``: it changes none
        of them; ``unknown``: there were no two passes.
    """
    owner.set_epoch(1)
    first = _plain(owner)
    owner.set_epoch(2)
    changed = [key for key, value in _plain(owner).items() if first.get(key) != value]
    if not changed:
        return "hidden"
    if passes < 2 or not marks:
        return "unknown"
    return "plain" if any(m.get(key) != marks[0].get(key) for m in marks for key in changed) else "never"
