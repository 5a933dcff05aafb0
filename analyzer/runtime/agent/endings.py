"""Whether a training ended by itself before the epochs that its loop asks for were over."""

from __future__ import annotations

from typing import Any, List, Mapping, Optional

from .plans import loader_loop

AS_GOOD_AS_ENDLESS = 1000  # so many epochs are asked for by programs that count their steps


class Ending:
    """A training that went to its own end.

    Attributes:
        asked: the turns of the loop around the passes over the training loader.
        begun: the passes over it.
        length: batches in a pass.
        batches: batches of the last pass.
        is_left: whether the program left the last pass before its end.
        is_sampled: whether it left an earlier one after as many batches: the passes are meant to be short.
        at: where the loop stands.
    """

    def __init__(
        self, asked: int, begun: int, length: int, batches: int, is_left: bool, is_sampled: bool, at: str
    ) -> None:
        self.asked = asked
        self.begun = begun
        self.length = length
        self.batches = batches
        self.is_left = is_left
        self.is_sampled = is_sampled
        self.at = at

    @property
    def is_early(self) -> bool:
        """Whether it ended in the middle of a pass, with passes to come. Early stopping ends where a pass does."""
        return self.is_left and not self.is_sampled and self.begun < self.asked

    @property
    def share(self) -> float:
        """How much of the passes asked for there was."""
        last = self.batches / self.length if self.is_left and not self.is_sampled else 1.0
        return (self.begun - 1 + last) / self.asked


def ending(trace: Any) -> Optional[Ending]:
    """How the training ended; None where the trace does not show it.

    Not shown: a run that mlfix, an error or the user ended, passes that were cut or replayed, several training loaders,
    loaders without a length, and loops whose turns are not known, or are as good as endless.
    """
    if (trace.last("stop") or {}).get("why") != "finished" or trace.events("exc") or trace.events("replay"):
        return None
    passes = [e for e in trace.events("epoch") if e.get("role") == "train" and e.get("batches")]
    if not passes or len({e.get("loader") for e in passes}) > 1 or any(e.get("cut") for e in passes):
        return None
    loop = _epochs(trace.events("opt"))
    lengths = {e.get("length") for e in passes}
    length = lengths.pop() if len(lengths) == 1 else None
    if loop is None or not length or not 1 < loop["count"] <= AS_GOOD_AS_ENDLESS or len(passes) > loop["count"]:
        return None
    *earlier, last = passes
    is_left = bool(last.get("left"))
    is_sampled = is_left and any(e.get("left") and e["batches"] == last["batches"] for e in earlier)
    at = "%s:%d" % (loop["path"], loop["first"])
    return Ending(loop["count"], len(passes), length, last["batches"], is_left, is_sampled, at)


def _epochs(optimizers: List[Mapping[str, Any]]) -> Optional[Mapping[str, Any]]:
    """The one loop around the training loader's in which all optimizers step; None where it is not known."""
    found = []
    for event in optimizers:
        loops = event.get("loops") or []
        place = loader_loop(loops, True)
        if place is None or len(loops) < place + 2:
            return None
        around = loops[place + 1]
        if around["kind"] != "range" or not around["count"]:
            return None
        found.append(around)
    loops = {(loop["path"], loop["first"], loop["count"]) for loop in found}
    return found[0] if len(loops) == 1 else None
