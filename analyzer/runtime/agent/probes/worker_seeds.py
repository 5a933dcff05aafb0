"""Whether loader workers start with the same random state."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict, List, Mapping, Optional

from ..generators import Held, States, held_generators, state_digest
from ..items import make
from ..probe import Probe, Reading, not_seen, unhealthy
from ..probe import healthy as well

if TYPE_CHECKING:
    from ..session import Session

TRIED = 3  # items, to see which generators are drawn from


class WorkerSeeds(Probe):
    """Whether loader workers draw random numbers of their own.

    What it measures
    ----------------
    The random states in the workers of each training loader, right after they were set up: of torch, Python and NumPy,
    and of generators that the dataset keeps for itself. When the run ends, some items are made from different states,
    to see which of the generators they draw from. The value is the largest number of workers with one and the same
    state of a generator that is drawn from.

    Healthy
    -------
    1: each worker has random numbers of its own.

    When it is not
    --------------
    All workers draw the same numbers: a generator was copied into each of them with the dataset, or ``worker_init_fn``
    seeds them all alike. The batches of a round, one from each worker, are augmented or sampled alike.
    """

    name = "worker-seeds"
    rules = ("fixed-seed-augmentation",)
    unit = "workers"
    look_next = (
        "Seed what __getitem__ draws from in worker_init_fn, from torch.initial_seed(), or draw from torch itself."
    )

    def on_start(self, session: Session) -> None:
        """Ask the workers to tell."""
        session.workers.is_wanted = True
        self.loaders: Dict[int, Dict[str, Any]] = {}  # by number

    def on_batch(self, session: Session, loader: Any, batch: Any, role: str) -> None:
        """Note the loaders with workers."""
        self._note(session, loader, role)

    def on_epoch(self, session: Session, loader: Any, role: str, index: int, batches: int) -> None:
        """The role is known for certain now."""
        self._note(session, loader, role)

    def _note(self, session: Session, loader: Any, role: str) -> None:
        workers = getattr(loader, "num_workers", 0)
        if workers:
            dataset = getattr(loader, "dataset", None)
            about = {"dataset": type(dataset).__name__, "id": id(dataset), "role": role, "workers": workers}
            self.loaders[session.number_of(loader)] = about

    def on_stop(self, session: Session) -> None:
        """See which generators items draw from, and write it all."""
        for number, known in self.loaders.items():
            starts = [start for start in session.workers.read(number) if start] if known["role"] == "train" else []
            if not starts:
                continue
            dataset = next((d for d in session.kept if id(d) == known["id"]), None)
            drawn: Optional[List[str]] = None
            try:
                drawn = _drawn(session, dataset) if dataset is not None else None
            except Exception:  # a stream, or items that cannot be made here: they say nothing of the program
                drawn = None
            session.emit(
                self.name,
                loader=number,
                dataset=known["dataset"],
                workers=known["workers"],
                drawn=drawn,
                starts=[[report["states"] for report in start] for start in starts],
            )

    def conclude(self, trace: Any, healthy: Mapping[str, Any]) -> Reading:
        """Unhealthy where workers share the state of a generator that is drawn from."""
        events = trace.events(self.name)
        if not events:
            return not_seen("no training loader with workers was seen")
        events = [event for event in events if event.get("drawn") is not None]
        if not events:
            return not_seen("the items of the loaders with workers cannot be asked for one by one")
        most = 1
        for event in events:
            for states in event["starts"]:
                for generator in event["drawn"]:
                    values = [worker.get(generator) for worker in states]
                    alike = max((values.count(v) for v in values if v is not None), default=1)
                    if alike > int(healthy.get("max", 1)):
                        told = "%d of %d workers start with the same state of %s, which the items of %s draw from"
                        return unhealthy(alike, told % (alike, len(values), _named(generator), event["dataset"]))
                    most = max(most, alike)
        event = events[0]
        names = ", ".join(_named(name) for name in event["drawn"])
        told = "the items of %s draw from %s" % (event["dataset"], names or "no generator that could be shared")
        return well(most, "%s; each of %d workers has its own" % (told, event["workers"]) if names else told)


def _named(generator: str) -> str:
    known = {"torch": "torch's generator", "random": "Python's generator", "numpy": "NumPy's global generator"}
    return known.get(generator, "`%s`" % generator)


def _drawn(session: Session, dataset: Any) -> List[str]:
    """The generators whose states an item moves on from wherever they are, by name."""
    states = States(session.torch)
    before = states.get()
    held = list(held_generators(session.torch, dataset, session.sites.is_users, type(dataset).__name__))
    kept = [one.get() for one in held]
    found = []
    try:
        size = len(dataset)
        for index in sorted({i * size // TRIED for i in range(TRIED)}):
            ends = []
            for start in (1, 2):
                states.seed(start)
                for one, state in zip(held, kept):
                    one.set(state)
                    if start == 2:
                        one.advance()
                started = _all(states, held)
                make(session.torch, dataset, index)
                ends.append((started, _all(states, held)))
            found += [name for name in ends[0][0] if _moves(name, ends) and name not in found]
    finally:
        states.set(before)
        for one, state in zip(held, kept):
            one.set(state)
    return found


def _all(states: States, held: List[Held]) -> Dict[str, str]:
    return {**states.digests(), **{one.name: state_digest(one.get()) for one in held}}


def _moves(name: str, ends: List[Any]) -> Optional[bool]:
    """Whether it moved both times, and not to one and the same place: an item may seed what it draws from."""
    return all(end[name] != start[name] for start, end in ends) and ends[0][1][name] != ends[1][1][name]
