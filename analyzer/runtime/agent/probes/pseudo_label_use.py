"""How many pseudo-labels are used."""

from __future__ import annotations

import weakref
from typing import Any, ClassVar, Dict, FrozenSet, Iterable, List, Mapping, Optional, Tuple

from ..probe import Probe, Reading, healthy, not_seen, unhealthy
from ..session import Session
from ._arguments import argument
from ._reading import finite, mean, place, value_of

KIND = "pseudo-label-use"
WATCHED = "pseudo-label"
_ABOVE = frozenset({"ge", "gt", "greater", "greater_equal"})
_BELOW = frozenset({"le", "lt", "less", "less_equal"})
_LOOKING = frozenset(
    {
        "detach",
        "float",
        "squeeze",
        "view",
        "reshape",
        "to",
        "cpu",
        "clone",
        "__getitem__",
        "chunk",
        "split",
        "contiguous",
    }
)
_RISING = 0.02
_MOST = 256


class PseudoLabelUse(Probe):
    """How many unlabelled samples pass the threshold of their pseudo-label.

    What it measures
    ----------------
    Where the largest probability of a softmax is compared with a threshold, the share of samples that pass, in the
    first steps and a few later ones. ``[tool.mlfix.watch] pseudo-label = "file.py:function:mask"`` names the mask
    instead.

    Healthy
    -------
    More than a fifth, once the model has had steps to become sure of anything. A confidence that still rises is
    given time.

    When it is not
    --------------
    The unlabelled data hardly takes part: the threshold is higher than the model's confidence ever gets (a weak model,
    label smoothing, many classes).
    """

    name: ClassVar[str] = KIND
    rules: ClassVar[Tuple[str, ...]] = ("pseudo-label-threshold",)
    unit: ClassVar[str] = "share of samples"
    look_next: ClassVar[str] = "Lower the threshold, or let it follow the model's confidence (FlexMatch, FreeMatch)."
    functions: ClassVar[FrozenSet[str]] = frozenset({"softmax", "max", "amax", *_ABOVE, *_BELOW, *_LOOKING})

    def __init__(self) -> None:
        super().__init__()
        self.marks: Dict[int, Tuple[Any, str]] = {}
        self.is_found = False

    def on_function(
        self, session: Session, name: str, args: Tuple[Any, ...], kwargs: Mapping[str, Any], result: Any, site: str
    ) -> None:
        """Follow probabilities to their comparison with a threshold."""
        first = argument(args, kwargs, 0, "input")
        if session.role == "validation":
            return
        tensor = session.torch.Tensor
        if name == "softmax":
            if isinstance(result, tensor) and result.dim() >= 2 and result.shape[-1] > 1:
                self._mark(result, "probabilities")
            return
        mark = self._mark_of(first)
        if mark is None:
            return
        if name in ("max", "amax"):
            values = getattr(result, "values", result)
            if mark == "probabilities" and isinstance(values, tensor) and values.dim() == first.dim() - 1:
                self._mark(values, "confidence")
        elif name in _LOOKING:
            for part in result if isinstance(result, (tuple, list)) else (result,):
                if isinstance(part, tensor):
                    self._mark(part, mark)
        elif mark == "confidence" and isinstance(result, tensor) and result.dim():
            self.is_found = True
            share = result.float().mean()
            limit = argument(args, kwargs, 1, "other")
            session.emit(
                KIND,
                at=site,
                share=share if name in _ABOVE else 1.0 - share,
                confidence=first.detach().float().mean(),
                threshold=limit.detach().float().mean() if isinstance(limit, tensor) else limit,
                n=result.numel(),
            )

    def wants_later_functions(self) -> bool:
        """Whether there are pseudo-labels to follow."""
        return self.is_found

    def on_watched(self, session: Session, name: str, value: Any) -> None:
        """A mask that the user named."""
        if name == WATCHED and isinstance(value, session.torch.Tensor) and value.numel():
            share = (value.detach() != 0).float().mean()
            session.emit(KIND, at=WATCHED, share=share, confidence=None, threshold=None, n=value.numel())

    def _mark(self, tensor: Any, what: str) -> None:
        if len(self.marks) > _MOST:
            self.marks = {k: row for k, row in self.marks.items() if row[0]() is not None}
        self.marks[id(tensor)] = (weakref.ref(tensor), what)

    def _mark_of(self, tensor: Any) -> Optional[str]:
        reference, what = self.marks.get(id(tensor), (None, None))
        return what if reference is not None and reference() is tensor else None

    def conclude(self, trace: Any, healthy: Mapping[str, Any]) -> Reading:
        """The share over all watched steps, and whether it is still too early."""
        return _conclude(trace.events(KIND), trace.steps, healthy)


def _conclude(events: List[Mapping[str, Any]], steps: int, row: Mapping[str, Any]) -> Reading:
    named = [e for e in events if e.get("at") == WATCHED]
    events = named or events
    shares = finite(e.get("share") for e in events)
    if not shares:
        return not_seen(
            "no softmax's maximum was compared with a threshold; name the mask under [tool.mlfix.watch] pseudo-label"
        )
    later = [e for e in events if (value_of(e.get("s")) or 0) >= row["minimum_steps"]]
    share = mean(finite(e.get("share") for e in (later or events)) or shares)
    limits = finite(e.get("threshold") for e in events)
    over = " over the threshold %.3g" % limits[-1] if limits else ""
    why = "%.0f %% of the pseudo-labels are used (%s)%s" % (100 * share, place(events[-1].get("at")), over)
    if share > row["min"]:
        return healthy(share, why)
    sure = finite(e.get("confidence") for e in events)
    if not later:
        return not_seen("%s after %d steps, too few for the model to be sure of anything" % (why, steps))
    if _is_rising(sure):
        return not_seen("%s, and the confidence still rises (%.2f -> %.2f)" % (why, sure[0], sure[-1]))
    return unhealthy(share, why + (": the mean confidence is %.2f" % mean(sure[-3:]) if sure else ""))


def _is_rising(values: Iterable[float]) -> bool:
    numbers = list(values)
    third = len(numbers) // 3
    return third > 0 and mean(numbers[-third:]) - mean(numbers[-2 * third : -third]) > _RISING
