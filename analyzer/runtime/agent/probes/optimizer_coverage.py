"""Whether the optimizers hold what is to be trained."""

from __future__ import annotations

from types import FrameType
from typing import TYPE_CHECKING, Any, Dict, List, Mapping, Optional, Tuple

from ..probe import Probe, Reading, healthy, not_seen, unhealthy
from ._paths import Paths
from ._words import counted, listed

if TYPE_CHECKING:
    from ..session import Session


class OptimizerCoverage(Probe):
    """Every parameter that gets a gradient is in an optimizer, and an optimizer's parameters are the model's.

    What it measures
    ----------------
    The share of a model's trainable parameters that get a gradient and are in no optimizer; parameters that the loss
    reaches and no module or optimizer holds; parameters of an optimizer that belong to no model that ran.

    Healthy
    -------
    None. A model that is left out of training as a whole while in evaluation mode (a loss network), or by more than
    half while the rest is trained (a backbone without its head), is taken as meant, and noted.

    When it is not
    --------------
    The named parameters keep their first values: the optimizer was built before they were, or from another module, or
    they sit in a plain list that ``parameters()`` does not see.
    """

    name = "optimizer-coverage"
    rules = ("parameters-not-optimized", "optimizer-built-too-early", "unregistered-modules", "module-built-in-forward")
    unit = "share of trainable parameters"
    look_next = "Compare what the optimizer is built from with model.named_parameters() at the first step."

    def on_backward(self, session: Session, roots: Tuple[Any, ...], frame: Optional[FrameType]) -> None:
        """Walk the graph."""
        Paths.of(session).backward(roots)

    def on_step(self, session: Session, optimizer: Any, skipped: bool) -> None:
        """Note the gradients."""
        if not skipped:
            Paths.of(session).step(optimizer)

    def on_stop(self, session: Session) -> None:
        """Write what was seen."""
        Paths.of(session).write()

    def conclude(self, trace: Any, limits: Mapping[str, Any]) -> Reading:
        """What is missing in the optimizers, and what is too much."""
        event = trace.last("paths")
        if event is None or event["steps"] < int(limits.get("minimum_steps", 3)):
            return not_seen("too few optimizer steps on a model's gradients were seen")
        if event["unowned"]:
            shapes = listed([str(shape) for shape in event["unowned"]])
            what = counted(len(event["unowned"]), "parameter")
            return unhealthy(1.0, f"the loss reaches {what} that no module and no optimizer holds, of shape {shapes}")
        missing = event["unoptimized"]
        total = event["trainable"] + sum(m["params"] for m in missing)
        meant, forgotten = _split(event, missing, float(limits.get("meant", 0.5)))
        share = sum(m["params"] for m in forgotten) / total if total else 0.0
        if forgotten:
            names = listed([f"`{m['name']}`" for m in forgotten])
            lost = " while the optimizer holds parameters of no model that ran" if event["stale"] else ""
            return unhealthy(share, f"{names} get a gradient and are in no optimizer{lost}")
        if event["stale"] and missing:
            shapes = listed([str(shape) for shape in event["stale"]])
            return unhealthy(share, f"the optimizer holds parameters of no model that ran, of shape {shapes}")
        note = f"; left out as a whole: {listed(sorted({m['head'] for m in meant}))}" if meant else ""
        frozen = trace.last("opt") or {}
        if frozen.get("frozen"):
            note += f"; {counted(len(frozen['frozen']), 'frozen parameter')} in the optimizer"
        return healthy(share, f"the optimizers hold {event['trainable']:,} trainable parameters of the model{note}")


def _split(
    event: Dict[str, Any], missing: List[Dict[str, Any]], meant_share: float
) -> Tuple[List[Dict[str, Any]], List[Dict[str, Any]]]:
    """What is left out on purpose, and what is forgotten."""
    heads = {h["name"]: h for h in event["heads"]}
    sizes: Dict[str, List[int]] = {}
    for head in event["heads"]:
        size = sizes.setdefault(head["root"], [0, 0])
        size[0] += head["params"]
        size[1] += head["optimized"]
    meant, forgotten = [], []
    for entry in missing:
        head = heads.get(entry["head"], {})
        total, optimized = sizes.get(head.get("root", ""), [0, 0])
        is_frozen_net = not optimized and not head.get("training", True)
        is_probe = 0 < optimized <= (1 - meant_share) * total
        (meant if is_frozen_net or is_probe else forgotten).append(entry)
    return meant, forgotten
