"""How much of a contrastive softmax goes to each sample itself."""

from __future__ import annotations

from types import FrameType
from typing import Any, ClassVar, Dict, FrozenSet, List, Mapping, Optional, Tuple

from .. import graph
from ..probe import Probe, Reading, healthy, not_seen, unhealthy
from ..session import Session
from ..similarity import Similarity, of_itself
from ._arguments import argument, dimension
from ._reading import finite, mean, place, value_of

KIND = "self-similarity"
_SOFTMAX = frozenset({"cross_entropy", "log_softmax", "softmax", "logsumexp"})
_ON_THE_WAY = frozenset({"Div", "Mul", "Add", "Clamp", "ClampMin", "Neg", "Pow", "Log", *graph.VIEWS})
_FEWEST = 3
_MOST_DEEP = 10


class SelfSimilarity(Probe):
    """Whether a contrastive loss compares samples with themselves.

    What it measures
    ----------------
    Where the similarities of one set with itself become logits (cross entropy, log-softmax, softmax, logsumexp, or
    exponentials summed by hand under a logarithm), the share of each row's softmax that falls on the sample itself.
    That both sides are one set is read from autograd's graph.

    Healthy
    -------
    None: the diagonal is masked.

    When it is not
    --------------
    Each sample's similarity with itself is the largest of its row. It makes a floor that the loss cannot pass, and the
    gradient that should part different samples drowns in it, the more the lower the temperature.
    """

    name: ClassVar[str] = KIND
    rules: ClassVar[Tuple[str, ...]] = ("missing-diagonal-mask",)
    unit: ClassVar[str] = "share of the softmax"
    look_next: ClassVar[str] = "Mask the diagonal of the similarities before the softmax at the line named here."
    functions: ClassVar[FrozenSet[str]] = frozenset({*_SOFTMAX, "sum", "log", "kl_div"})

    def __init__(self) -> None:
        super().__init__()
        self.rows: Dict[str, Dict[str, Any]] = {}
        self.sums: Dict[Any, Tuple[str, Dict[str, Any]]] = {}  # by the node of the sum, until a logarithm takes it
        self.softmaxes: Dict[Any, str] = {}

    def on_function(
        self, session: Session, name: str, args: Tuple[Any, ...], kwargs: Mapping[str, Any], result: Any, site: str
    ) -> None:
        """Look at what may be a softmax over similarities."""
        given = argument(args, kwargs, 0, "input")
        if not isinstance(given, session.torch.Tensor) or given.grad_fn is None or not given.is_floating_point():
            return
        if name == "kl_div":
            self._forget(given)
        elif name == "log":
            self._confirm(given)
        elif name == "sum":
            self._sum(session.torch, given, args, kwargs, result, site)
        else:
            self._softmax(session.torch, name, given, args, kwargs, result, site)

    def _softmax(
        self, torch: Any, name: str, given: Any, args: Any, kwargs: Mapping[str, Any], result: Any, site: str
    ) -> None:
        found = _similarity(given)
        if found is None:
            return
        dim = 1 if name == "cross_entropy" else dimension(args, kwargs)
        if dim is None:
            return
        logits = given.detach().float()
        if given.dim() == 1:
            assert found.anchor is not None
            share = torch.softmax(logits, 0)[found.anchor]
            largest = (logits[found.anchor] >= logits.max()).float()
        else:
            share = torch.softmax(logits, dim).diagonal().mean()
            largest = (logits.diagonal() >= logits.max(dim).values).float().mean()
        target = argument(args, kwargs, 1, "target")
        is_own = name == "cross_entropy" and _is_own_number(torch, target)
        row = self._row(site, name, len(given), share, largest)
        row["own"] = row["own"] or is_own
        row["is_loss"] = name != "softmax"
        if name == "log_softmax":
            self.softmaxes[graph.key(result.grad_fn)] = site

    def _sum(self, torch: Any, given: Any, args: Any, kwargs: Mapping[str, Any], result: Any, site: str) -> None:
        found = _similarity(given)
        if found is None or "Exp" not in found.kinds or result.grad_fn is None:
            return
        values = given.detach().float()
        if given.dim() == 1:
            assert found.anchor is not None
            share = values[found.anchor] / values.sum()
            largest = (values[found.anchor] >= values.max()).float()
        else:
            dim = dimension(args, kwargs)
            if dim is None:
                return
            share = (values.diagonal() / values.sum(dim)).mean()
            largest = (values.diagonal() >= values.max(dim).values).float().mean()
        row = {"name": "sum", "n": len(given), "share": share, "largest": largest}
        self.sums[graph.key(result.grad_fn)] = (site, row)

    def _row(self, site: str, name: str, n: int, share: Any, largest: Any) -> Dict[str, Any]:
        row = self.rows.setdefault(
            site, {"fn": name, "n": n, "share": 0.0, "largest": 0.0, "count": 0, "own": False, "is_loss": True}
        )
        row["share"] = row["share"] + share
        row["largest"] = row["largest"] + largest
        row["count"] += 1
        return row

    def _confirm(self, given: Any) -> None:
        """The logarithm of a sum of exponentials, or of a quotient by it: a softmax by hand."""
        for key in _sums_below(given.grad_fn, self.sums):
            site, row = self.sums.pop(key)
            self._row(site, row["name"], row["n"], row["share"], row["largest"])

    def _forget(self, given: Any) -> None:
        """Two matrices of similarities are compared: distillation, in which the diagonal belongs."""
        site = self.softmaxes.get(graph.key(given.grad_fn))
        if site is not None:
            self.rows.pop(site, None)

    def on_backward(self, session: Session, roots: Tuple[Any, ...], frame: Optional[FrameType]) -> None:
        """Write what led to this loss."""
        for site, row in self.rows.items():
            count = row["count"]
            session.emit(
                KIND,
                at=site,
                fn=row["fn"],
                n=row["n"],
                share=row["share"] / count,
                largest=row["largest"] / count,
                rows=count,
                own=row["own"],
                is_loss=row["is_loss"],
            )
        self.rows.clear()
        self.sums.clear()
        self.softmaxes.clear()

    def conclude(self, trace: Any, healthy: Mapping[str, Any]) -> Reading:
        """The largest share among the places that are part of a loss."""
        return _conclude(trace.events(KIND), healthy)


def _conclude(events: List[Mapping[str, Any]], row: Mapping[str, Any]) -> Reading:
    by_site: Dict[str, List[Mapping[str, Any]]] = {}
    for event in events:
        if event.get("is_loss") and not event.get("own"):
            by_site.setdefault(str(event.get("at")), []).append(event)
    if not by_site:
        return not_seen("no loss was made of the similarities of one set with itself")
    bad, most = [], 0.0
    for site, rows in by_site.items():
        share = mean(finite(e.get("share") for e in rows) or [0.0])
        largest = mean(finite(e.get("largest") for e in rows) or [0.0])
        most = max(most, share)
        if share > row["max"] and largest >= row["min_largest"]:
            words = "%s of %d similarities (%s): %.3g of the softmax falls on the sample itself, the largest of its row"
            count = int(value_of(rows[-1].get("n")) or 0)
            bad.append(words % (rows[-1].get("fn"), count, place(site), share))
    if bad:
        return unhealthy(most, "; ".join(bad))
    places = ", ".join(place(site) for site in by_site)
    return healthy(most, "%.3g of the softmax falls on the sample itself (%s)" % (most, places))


def _similarity(tensor: Any) -> Optional[Similarity]:
    """The similarities of one set with itself that a square matrix, or one of its rows, holds whole."""
    is_row = tensor.dim() == 1 and len(tensor) >= _FEWEST
    is_square = tensor.dim() == 2 and tensor.shape[0] == tensor.shape[1] >= _FEWEST
    if not is_row and not is_square:
        return None
    found = of_itself(tensor)
    if found is None or found.is_cut:
        return None
    if is_row and (found.anchor is None or found.anchor >= len(tensor)):
        return None
    return found


def _is_own_number(torch: Any, target: Any) -> Any:
    """Whether each row's target is the row itself: then the diagonal is the class that is meant."""
    if not isinstance(target, torch.Tensor) or target.is_floating_point() or target.dim() != 1:
        return False
    return bool((target == torch.arange(len(target), device=target.device)).all())


def _sums_below(node: Any, known: Mapping[Any, Any]) -> List[Any]:
    """The known sums of which a value is a quotient or product; a difference may have taken the diagonal out."""
    found: List[Any] = []
    waiting = [(node, 0)]
    while waiting:
        current, depth = waiting.pop()
        if current is None or depth > _MOST_DEEP:
            continue
        key = graph.key(current)
        if key in known:
            found.append(key)
        elif graph.kind(current) in _ON_THE_WAY:
            waiting += [(child, depth + 1) for child, _ in graph.edges(current)]
    return found
