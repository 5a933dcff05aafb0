"""The mode in which the model is evaluated."""

from __future__ import annotations

from typing import Any, ClassVar, Dict, List, Mapping, Tuple

from ..probe import Probe, Reading, healthy, not_seen, unhealthy
from ..session import Session

KIND = "evaluation-mode"
_MOST_NAMES = 4
_MOST_LOOKS = 4


class EvaluationMode(Probe):
    """Whether dropout and batch norm are in evaluation mode where the model is evaluated.

    What it measures
    ----------------
    At the start of each pass over a validation loader: modules with dropout or batch norm that
    are in training mode.

    Healthy
    -------
    None.

    When it is not
    --------------
    ``model.eval()`` is missing, or undone: dropout makes validation noisy and too low, and batch norm normalises by,
    and learns from, the validation batches.
    """

    name: ClassVar[str] = KIND
    rules: ClassVar[Tuple[str, ...]] = ("missing-eval-mode", "train-mode-not-restored")
    unit: ClassVar[str] = "modules in training mode"
    look_next: ClassVar[str] = "Call `model.eval()` before the validation loop and `model.train()` after it."

    def __init__(self) -> None:
        super().__init__()
        self.looks: Dict[int, int] = {}

    def on_forward(self, session: Session, root: Any, inputs: Tuple[Any, ...], output: Any) -> None:
        """A root module ran on a validation batch."""
        if session.role != "validation":
            return
        number = session.number_of(root)
        self.looks[number] = self.looks.get(number, 0) + 1
        if self.looks[number] > _MOST_LOOKS:
            return
        nn = session.torch.nn
        norms = nn.modules.batchnorm._BatchNorm
        drops = nn.modules.dropout._DropoutNd
        noisy: List[str] = []
        count = 0
        for name, module in root.named_modules():
            is_norm = isinstance(module, norms) and module.track_running_stats
            is_drop = isinstance(module, drops) and module.p > 0
            count += is_norm or is_drop
            if module.training and (is_norm or is_drop):
                noisy.append("%s (%s)" % (name or "it", type(module).__name__))
        session.emit(KIND, root=number, cls=type(root).__name__, of=count, n=len(noisy), modules=noisy[:_MOST_NAMES])

    def conclude(self, trace: Any, healthy: Mapping[str, Any]) -> Reading:
        """Modules in training mode at the last look at each root."""
        return _conclude(trace.events(KIND))


def _conclude(events: List[Mapping[str, Any]]) -> Reading:
    last: Dict[Any, Mapping[str, Any]] = {}
    for event in events:
        if event.get("of"):
            last[event.get("root")] = event
    if not last:
        why = "no model with dropout or batch norm ran" if events else "no model ran"
        return not_seen("%s on validation batches" % why)
    bad = [e for e in last.values() if e.get("n")]
    if not bad:
        names = ", ".join(sorted({"`%s`" % e.get("cls") for e in last.values()}))
        return healthy(0, "%s is in evaluation mode on validation batches" % names)
    said = ["%d of %d in `%s`: %s" % (e["n"], e["of"], e["cls"], ", ".join(e["modules"])) for e in bad]
    return unhealthy(sum(int(e["n"]) for e in bad), "in training mode on validation batches: %s" % "; ".join(said))
