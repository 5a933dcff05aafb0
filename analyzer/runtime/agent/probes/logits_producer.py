"""What computes the logits."""

from __future__ import annotations

from typing import Any, ClassVar, Dict, List, Mapping, Optional, Tuple

from .. import graph
from ..probe import Probe, Reading, healthy, not_seen, unhealthy
from ..session import Session
from ._arguments import argument
from ._reading import place, value_of

KIND = "logits-producer"
LOSSES = ("cross_entropy", "nll_loss", "binary_cross_entropy_with_logits")
_MOST_LOOKS = 3
_LINEAR = {"Addmm": 1, "Mm": 0, "Convolution": 0, "Linear": 0, "Bmm": 0, "MkldnnConvolution": 0, "Addbmm": 1}
_PASSED = (*graph.VIEWS, "LogSoftmax", "NativeDropout", "FusedDropout", "Mul", "Div", "Add", "Sub", "Softmax", "Select")
_BEFORE = (*graph.VIEWS, "NativeDropout", "FusedDropout", "Mul", "Div")
_MOST_DEEP = 12
_ACTIVATIONS = frozenset(
    {"Relu", "Gelu", "LeakyRelu", "Silu", "Elu", "Hardswish", "Hardtanh", "Tanh", "Sigmoid", "Softplus", "Mish",
     "HardswishInplace", "Selu", "PreluKernel", "Prelu", "Threshold", "Clamp", "Hardsigmoid", "RreluWithNoise"}
)  # fmt: skip


class LogitsProducer(Probe):
    """Which operation a classification loss gets its logits from.

    What it measures
    ----------------
    The node of autograd's graph below the input of a cross entropy, and what stands right before a linear layer there.

    Healthy
    -------
    A linear layer or convolution, on features that are not normalised over the batch right before it. A norm behind an
    activation is one of a hidden layer.

    When it is not
    --------------
    A batch norm at the logits makes each prediction depend on who else is in the batch; with small batches or many
    classes validation, which uses running averages, disagrees with training.
    """

    name: ClassVar[str] = KIND
    rules: ClassVar[Tuple[str, ...]] = ("batchnorm-head",)
    unit: ClassVar[str] = "losses with a batch norm at their logits"
    look_next: ClassVar[str] = "Compare the loss of one batch in training and in evaluation mode: they should be close."

    def __init__(self) -> None:
        super().__init__()
        self.looks: Dict[str, int] = {}

    def on_loss(
        self, session: Session, name: str, args: Tuple[Any, ...], kwargs: Mapping[str, Any], value: Any, site: str
    ) -> None:
        """Look below the loss's input."""
        logits = argument(args, kwargs, 0, "input")
        if name not in LOSSES or getattr(logits, "grad_fn", None) is None or logits.dim() < 1:
            return
        self.looks[site] = self.looks.get(site, 0) + 1
        if self.looks[site] > _MOST_LOOKS:
            return
        producers = _producers(logits.grad_fn)
        befores = [before for node in producers for before in _befores(node)]
        hidden = [before for node in producers for before in _befores(node, any_source=True)]
        norms = [n for n in producers if _is_norm(n)]
        session.emit(
            KIND,
            at=site,
            fn=name,
            producer=graph.kind(norms[0] if norms else producers[0]) if producers else None,
            before=befores[0] if befores else None,
            norm=bool(norms or hidden),
            batch=logits.shape[0],
            classes=logits.shape[1] if logits.dim() > 1 else 1,
            std=logits.detach().float().std() if logits.numel() > 1 else 0.0,
        )

    def conclude(self, trace: Any, healthy: Mapping[str, Any]) -> Reading:
        """Losses whose logits a batch norm gives, or a linear layer right behind one."""
        return _conclude(trace.events(KIND))


def has_norm(event: Mapping[str, Any]) -> bool:
    """Whether an event shows a batch norm at the logits."""
    return "BatchNorm" in str(event.get("producer")) or bool(event.get("before"))


def _conclude(events: List[Mapping[str, Any]]) -> Reading:
    if not events:
        return not_seen("no cross entropy was computed in training")
    last: Dict[str, Mapping[str, Any]] = {}
    for event in events:
        last[str(event.get("at"))] = event
    bad = []
    for site, event in last.items():
        if not has_norm(event):
            continue
        where = "a batch norm" if "BatchNorm" in str(event.get("producer")) else "a linear layer behind a batch norm"
        batch, classes = (int(value_of(event.get(k)) or 0) for k in ("batch", "classes"))
        bad.append(
            "the %d logits of %s (%s) come from %s, which normalises over a batch of %d"
            % (classes, event.get("fn"), place(site), where, batch)
        )
    if bad:
        return unhealthy(len(bad), "; ".join(bad))
    names = ", ".join(sorted({str(e.get("producer")) for e in last.values()}))
    return healthy(0, "the logits come from %s" % names)


def _producers(node: Any) -> List[Any]:
    """The operations behind scalings, dropout and averages of several heads."""
    found, waiting, seen = [], [(node, 0)], set()
    while waiting:
        current, depth = waiting.pop(0)
        if current is None or current in seen or depth > _MOST_DEEP:
            continue
        seen.add(current)
        if graph.kind(current) in _PASSED:
            waiting += [(child, depth + 1) for child, _ in graph.edges(current)]
        elif getattr(current, "variable", None) is None:
            found.append(current)
    return sorted(found, key=lambda n: not (_is_norm(n) or graph.kind(n) in _LINEAR))


def _befores(node: Any, any_source: bool = False) -> List[str]:
    """The batch norm right before a linear layer, on features that learn and that no activation gave."""
    position = _LINEAR.get(graph.kind(node))
    if position is None:
        return []
    inputs = graph.edges(node)
    if position >= len(inputs):
        return []
    before, _ = graph.behind_views(inputs[position][0], names=_BEFORE)
    if before is None or not _is_norm(before):
        return []
    if any_source:
        return [graph.kind(before)]
    source, _ = graph.behind_views(graph.edges(before)[0][0], names=_BEFORE)
    if source is None or graph.kind(source) in _ACTIVATIONS or getattr(source, "variable", None) is not None:
        return []
    return [graph.kind(before)]


def _is_norm(node: Optional[Any]) -> bool:
    return node is not None and "BatchNorm" in graph.kind(node)
