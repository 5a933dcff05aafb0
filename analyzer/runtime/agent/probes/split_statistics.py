"""By which statistics each split is normalised."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Dict, List, Mapping, Optional, Set, Tuple

from ..fields import as_tensor
from ..items import digest
from ..probe import Probe, Reading, healthy, not_seen

if TYPE_CHECKING:
    from ..session import Session

KIND = "split-statistics"
_STATISTICS = frozenset(
    (
        *("mean", "std", "mean_", "scale_", "var_", "data_min_", "data_max_", "center_", "min_", "mu", "sigma"),
        *("mean_std", "x_mean", "x_std", "means", "stds", "data_mean", "data_std", "norm_mean", "norm_std"),
    )
)
_MOST_VALUES = 100_000
_DEEPEST = 3  # datasets inside one another


class SplitStatistics(Probe):
    """Whether the datasets of all loaders are normalised by the same statistics.

    What it measures
    ----------------
    The means, deviations and bounds that a loader's dataset keeps: as attributes of its own (``mean``, ``std``), or in
    an object with ``transform`` (a scaler). The value is the number of different sets among those datasets.

    Healthy
    -------
    1. More are told, and stay healthy: two data sources may have statistics of their own.

    When it is not
    --------------
    Nothing is told. More than one says that the same input becomes another number in each split: fit on the training
    data alone, and hand these statistics on.
    """

    name: ClassVar[str] = KIND
    rules: ClassVar[Tuple[str, ...]] = ("split-normalization",)
    unit: ClassVar[str] = "sets"
    look_next: ClassVar[str] = "Look at what the normaliser of each split is fitted on."

    def on_start(self, session: Session) -> None:
        """No dataset is known yet."""
        self.rows: Dict[int, Dict[str, Any]] = {}

    def on_batch(self, session: Session, loader: Any, batch: Any, role: str) -> None:
        """Look at a loader's dataset once."""
        number = session.number_of(loader)
        if number in self.rows:
            return
        dataset = _innermost(getattr(loader, "dataset", None))
        found = statistics(session.torch, dataset) if dataset is not None else {}
        bases = [cls for cls in type(dataset).__mro__ if session.sites.is_users(cls)]
        self.rows[number] = {
            "dataset": type(dataset).__name__,
            "classes": [session.sites.class_place(cls) for cls in bases],
            "role": role,
            "statistics": {name: digest(value) for name, value in sorted(found.items())},
            "shown": {name: float(value.reshape(-1)[0]) for name, value in sorted(found.items())[:4]},
        }
        session.emit(KIND, loaders=[row for row in self.rows.values() if row["statistics"]])

    def conclude(self, trace: Any, healthy_range: Mapping[str, Any], /) -> Reading:
        """How many sets of statistics there are."""
        event = trace.last(KIND)
        rows: List[Mapping[str, Any]] = event["loaders"] if event is not None else []
        if not rows:
            return not_seen("no dataset keeps the statistics that it is normalised by")
        sets = different(rows)
        told = "; ".join("%s: %s" % (row["dataset"], _shown(row["shown"])) for row in rows[:4])
        return healthy(sets, "%d set%s of statistics for %d loaders: %s" % (sets, "s" * (sets > 1), len(rows), told))


def different(rows: List[Mapping[str, Any]]) -> int:
    """The number of different sets among datasets that keep the same kinds of statistics; the most of any kind."""
    kinds: Dict[Tuple[str, ...], Set[str]] = {}
    for row in rows:
        values = row["statistics"]
        kinds.setdefault(tuple(sorted(values)), set()).add(str(sorted(values.items())))
    return max((len(found) for found in kinds.values()), default=0)


def statistics(torch: Any, dataset: Any) -> Dict[str, Any]:
    """What a dataset is normalised by, by the attributes that lead to it."""
    found: Dict[str, Any] = {}
    for name, value in getattr(dataset, "__dict__", {}).items():
        if name in _STATISTICS:
            tensor = _numbers(torch, value)
            if tensor is not None:
                found[name] = tensor
        elif callable(getattr(value, "transform", None)) and hasattr(value, "__dict__"):
            for inner, part in vars(value).items():
                tensor = _numbers(torch, part) if inner in _STATISTICS else None
                if tensor is not None:
                    found["%s.%s" % (name, inner)] = tensor
    return found


def _numbers(torch: Any, value: Any) -> Any:
    """A statistic as float64; None for what is none. The last digits are left out: sums come in any order."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        tensor = torch.tensor(float(value), dtype=torch.float64)
    else:
        tensor = as_tensor(torch, value)
        if tensor is None and isinstance(value, (list, tuple)) and all(isinstance(v, (int, float)) for v in value):
            tensor = torch.tensor([float(v) for v in value], dtype=torch.float64)
    if tensor is None or tensor.is_complex() or not 0 < tensor.numel() <= _MOST_VALUES:
        return None
    numbers = tensor.detach().cpu().double()
    return torch.tensor([float("%.6g" % n) for n in numbers.reshape(-1).tolist()], dtype=torch.float64)


def _innermost(dataset: Any) -> Optional[Any]:
    """The dataset inside of subsets."""
    for _ in range(_DEEPEST):
        inner = getattr(dataset, "__dict__", {}).get("dataset")
        if inner is None:
            return dataset
        dataset = inner
    return dataset


def _shown(values: Mapping[str, Any]) -> str:
    return ", ".join("%s %.4g" % (name, value) for name, value in values.items())
