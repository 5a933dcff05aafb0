"""Whether ``argmin`` and ``argmax`` choose NaN."""

from __future__ import annotations

import functools
import sys
import time
from typing import TYPE_CHECKING, Any, ClassVar, Dict, FrozenSet, List, Mapping, Tuple

from ..generators import States
from ..items import make
from ..probe import Probe, Reading, healthy, not_seen, unhealthy
from ._arguments import argument
from ._reading import place

if TYPE_CHECKING:
    from ..session import Session

KIND = "nan-choice"
_OF_NUMPY = ("argmin", "argmax", "nanargmin", "nanargmax")
_MOST_CALLS = 4000  # looked at of each place
_MOST_VALUES = 1_000_000  # of an array that is looked at
_ITEMS = 8
_MOST_SECONDS = 0.5  # for items that are made once more


class NanChoice(Probe):
    """How often ``argmin`` and ``argmax`` choose an entry that is NaN.

    What it measures
    ----------------
    The share of choices that fall on NaN, by line: of ``numpy.argmin`` and its like in the whole run, of torch's in the
    first steps. Where loader workers make the items, a few are made once more when the run ends.

    Healthy
    -------
    0: NaN is nothing that can be nearest or largest.

    When it is not
    --------------
    ``argmin`` returns the place of the first NaN, so the candidate of which nothing is known wins: an empty mask, a
    cluster without points.
    """

    name: ClassVar[str] = KIND
    rules: ClassVar[Tuple[str, ...]] = ("nan-argmin",)
    unit: ClassVar[str] = "share"
    look_next: ClassVar[str] = "Follow the NaN back from the named line: which mean or quotient had nothing to count?"
    functions: ClassVar[FrozenSet[str]] = frozenset({"argmin", "argmax"})

    def on_start(self, session: Session) -> None:
        """Stand before NumPy's functions; its methods cannot be seen."""
        self.seen: Dict[str, List[Any]] = {}  # by place: choices, those on NaN, calls
        self.has_workers = False
        numpy = sys.modules.get("numpy")
        for name in _OF_NUMPY if numpy is not None else ():
            setattr(numpy, name, self._watched(session, numpy, getattr(numpy, name)))

    def _watched(self, session: Session, numpy: Any, real: Any) -> Any:
        @functools.wraps(real)
        def choose(*args: Any, **kwargs: Any) -> Any:
            result = real(*args, **kwargs)
            if not (session.is_dead or session.is_finished):
                site = session.user_site()
                if site is not None:
                    session.guarded(self.name, self._note_array, numpy, site, args, kwargs, result)
            return result

        return choose

    def _note_array(self, numpy: Any, site: str, args: Tuple[Any, ...], kwargs: Mapping[str, Any], result: Any) -> None:
        values = numpy.asarray(argument(args, kwargs, 0, "a"))
        axis = argument(args, kwargs, 1, "axis")
        row = self._row(site)
        if row is None or values.dtype.kind != "f" or values.size > _MOST_VALUES:
            return
        places = numpy.asarray(result)
        missing = numpy.isnan(values)
        chosen = 0
        if missing.any():
            if axis is None:
                chosen = int(missing.reshape(-1)[places.reshape(-1)].sum())
            else:
                at = places if places.ndim == values.ndim else numpy.expand_dims(places, axis)
                chosen = int(numpy.take_along_axis(missing, at, axis).sum())
        row[0] += int(places.size)
        row[1] += chosen

    def on_batch(self, session: Session, loader: Any, batch: Any, role: str) -> None:
        """Note whether items are made out of sight."""
        self.has_workers = self.has_workers or getattr(loader, "num_workers", 0) > 0

    def on_function(
        self, session: Session, name: str, args: Tuple[Any, ...], kwargs: Mapping[str, Any], result: Any, site: str
    ) -> None:
        """A choice of torch's."""
        values = argument(args, kwargs, 0, "input")
        dim = argument(args, kwargs, 1, "dim")
        row = self._row(site)
        if row is None or not isinstance(values, session.torch.Tensor) or not values.is_floating_point():
            return
        missing = values.isnan()
        row[0] += result.numel()
        if dim is None:
            row[1] += int(missing.reshape(-1)[result.reshape(-1)].sum())
        elif missing.dim():
            at = result if result.dim() == values.dim() else result.unsqueeze(dim)
            row[1] += int(missing.gather(dim, at).sum())

    def _row(self, site: str) -> Any:
        row = self.seen.setdefault(site, [0, 0, 0])
        row[2] += 1
        return row if row[2] <= _MOST_CALLS else None

    def on_stop(self, session: Session) -> None:
        """Write what was chosen."""
        if self.has_workers and session.kept:
            self._make_items(session)
        rows = [[site, chosen, missing] for site, (chosen, missing, _) in self.seen.items() if chosen]
        if rows:
            session.emit(KIND, sites=rows)

    def _make_items(self, session: Session) -> None:
        """Some items once more, where they can be seen."""
        states = States(session.torch)
        before = states.get()
        end = time.perf_counter() + _MOST_SECONDS
        session.is_finished = False
        try:
            for dataset in session.kept:
                size = len(dataset) if hasattr(dataset, "__len__") else 0
                for index in sorted({(i * size // _ITEMS + i) % size for i in range(_ITEMS)} if size else ()):
                    if time.perf_counter() > end:
                        return
                    make(session.torch, dataset, index)
        except Exception:  # an item that cannot be made here says nothing of the program
            return
        finally:
            session.is_finished = True
            states.set(before)

    def conclude(self, trace: Any, healthy_range: Mapping[str, Any], /) -> Reading:
        """The line that chose NaN most often."""
        event = trace.last(KIND)
        rows = event["sites"] if event is not None else []
        if not rows:
            return not_seen("no argmin or argmax of floating-point numbers was seen")
        site, chosen, missing = max(rows, key=lambda row: row[2] / float(row[1]))
        told = "%d of %d choices at %s fall on NaN" % (missing, chosen, place(site))
        share = missing / float(chosen)
        return unhealthy(share, told) if missing else healthy(share, told)
