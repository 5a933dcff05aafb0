"""Embeddings: do they collapse, and do positive pairs meet?"""

from __future__ import annotations

from types import FrameType
from typing import Any, ClassVar, Dict, FrozenSet, List, Mapping, Optional, Tuple

from ..probe import Probe, Reading, healthy, not_seen, unhealthy
from ..session import Session
from ..similarity import of_itself
from ._arguments import argument
from ._reading import finite, mean, place

KIND = "embedding"
_PRODUCTS = frozenset({"mm", "matmul", "einsum", "cdist", "cosine_similarity", "linear", "mv"})
_FEWEST = 4
_MOST = 512


class Embedding(Probe):
    """Whether embeddings of different samples differ.

    What it measures
    ----------------
    The vectors that a loss compares with themselves (both sides of a square similarity), or the output that
    ``[tool.mlfix.watch] embedding = "model.proj"`` names: the spread of the normalised vectors (1 for independent
    ones, 0 for equal ones), alignment and mean cosine of positive pairs where the loss's targets tell them, uniformity,
    and the silhouette of the labels where a batch has some.

    Healthy
    -------
    A spread that is not near 0, or that grows.

    When it is not
    --------------
    The vectors have collapsed to one: nothing pushes different samples apart (no negatives, no stop-gradient, a
    similarity with itself that outweighs all others).
    """

    name: ClassVar[str] = KIND
    rules: ClassVar[Tuple[str, ...]] = ("missing-diagonal-mask", "untrained-head", "no-crop-jitter")
    unit: ClassVar[str] = "spread of normalised vectors"
    look_next: ClassVar[str] = "Print the mean cosine of different samples' embeddings: what pushes them apart?"
    functions: ClassVar[FrozenSet[str]] = frozenset({*_PRODUCTS, "cross_entropy"})

    def __init__(self) -> None:
        super().__init__()
        self.found: Dict[str, Any] = {}
        self.partners: Any = None
        self.is_found = False
        self.labels: Any = None
        self.named: Any = None

    def on_batch(self, session: Session, loader: Any, batch: Any, role: str) -> None:
        """Remember a batch's labels."""
        self.labels = None
        fields = list(batch.values()) if isinstance(batch, dict) else batch
        for value in fields if isinstance(fields, (list, tuple)) else ():
            if isinstance(value, session.torch.Tensor) and value.dim() == 1 and not value.is_floating_point():
                self.labels = value

    def on_function(
        self, session: Session, name: str, args: Tuple[Any, ...], kwargs: Mapping[str, Any], result: Any, site: str
    ) -> None:
        """Find the vectors of a product of one set with itself, and the pairs that a loss wants together."""
        torch = session.torch
        if name == "cross_entropy":
            given, target = argument(args, kwargs, 0, "input"), argument(args, kwargs, 1, "target")
            if _is_square(torch, given) and isinstance(target, torch.Tensor) and target.dim() == 1:
                found = of_itself(given) if not target.is_floating_point() else None
                self.partners = target.detach() if found is not None else self.partners
            return
        tensors = [a for a in args if isinstance(a, torch.Tensor)]
        if len(tensors) == 2 and result.requires_grad and tensors[0].data_ptr() == tensors[1].data_ptr():
            vectors = _vectors(tensors[0])
            if vectors is not None:
                self.found[site] = vectors.detach()
                self.is_found = True

    def wants_later_functions(self) -> bool:
        """Whether there are vectors to follow."""
        return self.is_found

    def on_watched(self, session: Session, name: str, value: Any) -> None:
        """Vectors that the user named."""
        if name == KIND and isinstance(value, session.torch.Tensor) and value.requires_grad:
            vectors = _vectors(value.flatten(1) if value.dim() > 2 else value)
            if vectors is not None:
                self.named = vectors.detach()

    def on_backward(self, session: Session, roots: Tuple[Any, ...], frame: Optional[FrameType]) -> None:
        """Write what these vectors are like."""
        if self.named is not None:
            self._write(session, "[tool.mlfix.watch] embedding", self.named)
        else:
            for site, vectors in self.found.items():
                self._write(session, site, vectors)
        self.found.clear()
        self.partners = self.named = None

    def _write(self, session: Session, site: str, vectors: Any) -> None:
        torch = session.torch
        unit = torch.nn.functional.normalize(vectors[:_MOST].float(), dim=1)
        n, width = unit.shape
        cosines = unit @ unit.t()
        others = ~torch.eye(n, dtype=torch.bool, device=unit.device)
        row = {
            "at": site,
            "n": n,
            "dims": width,
            "spread": unit.std(0).square().sum().sqrt(),
            "uniformity": ((2 * cosines - 2) * 2)[others].exp().mean().log(),
            "cosine": cosines[others].mean(),
        }
        partners = self.partners
        if partners is not None and len(partners) == n and len(vectors) == n:
            together = cosines[torch.arange(n, device=unit.device), partners.to(unit.device)]
            row["positive"] = together.mean()
            row["alignment"] = (2 - 2 * together).mean()
        labels = self.labels
        if labels is not None and len(vectors) == n and n % len(labels) == 0 and n // len(labels) in (1, 2):
            repeated = labels.to(unit.device).repeat(n // len(labels))
            row["silhouette"] = _silhouette(torch, 1 - cosines, repeated)
        session.emit(KIND, **row)

    def conclude(self, trace: Any, healthy: Mapping[str, Any]) -> Reading:
        """The vectors that spread least."""
        by_site: Dict[str, List[Mapping[str, Any]]] = {}
        for event in trace.events(KIND):
            by_site.setdefault(str(event.get("at")), []).append(event)
        if not by_site:
            return not_seen(
                "no vectors are compared with themselves; name an output under [tool.mlfix.watch] embedding"
            )
        readings = [_of_site(site, rows, trace.steps, healthy) for site, rows in by_site.items()]
        return min(readings, key=lambda r: (r.status != "unhealthy", r.status == "not seen", r.value or 0.0))


def _is_square(torch: Any, tensor: Any) -> bool:
    return isinstance(tensor, torch.Tensor) and tensor.dim() == 2 and tensor.shape[0] == tensor.shape[1]


def _vectors(tensor: Any) -> Any:
    """A tensor as rows of vectors; None where it is none, or has too few of them."""
    shape = [size for size in tensor.shape if size != 1]
    if len(shape) != 2 or shape[0] < _FEWEST or shape[1] < 2 or not tensor.is_floating_point():
        return None
    return tensor.reshape(shape)


def _silhouette(torch: Any, distances: Any, labels: Any) -> Any:
    """Mean silhouette of the labels' clusters (Rousseeuw 1987); None for one cluster, or clusters of one."""
    classes = labels.unique()
    if not 2 <= len(classes) <= len(labels) // 2:
        return None
    members = (labels[:, None] == classes[None]).float()
    counts = members.sum(0)
    sums = distances @ members
    own = members.argmax(1)
    rows = torch.arange(len(labels), device=distances.device)
    inner = sums[rows, own] / (counts[own] - 1).clamp_min(1)
    means = sums / counts
    means[rows, own] = float("inf")
    outer = means.min(1).values
    values = (outer - inner) / torch.maximum(outer, inner).clamp_min(1e-12)
    return values[counts[own] > 1].mean()


def _of_site(site: str, events: List[Mapping[str, Any]], steps: int, row: Mapping[str, Any]) -> Reading:
    spreads = finite(e.get("spread") for e in events)
    if not spreads:
        return not_seen("the vectors at %s are not finite" % place(site))
    first, last = spreads[0], spreads[-1]
    parts = ["the vectors at %s have a spread of %.3g, at the start %.3g" % (place(site), last, first)]
    for key, word in (
        ("positive", "cosine of positive pairs"),
        ("uniformity", "uniformity"),
        ("silhouette", "silhouette"),
    ):
        values = finite(e.get(key) for e in events)
        if values:
            parts.append("%s %.3g -> %.3g" % (word, values[0], values[-1]))
    why = ", ".join(parts)
    if mean(spreads[-2:]) >= row["min_spread"] or last > 1.1 * first:
        return healthy(last, why)
    if steps < row["minimum_steps"]:
        return not_seen("%s; too few steps to judge" % why)
    return unhealthy(last, why + ": different samples have the same vector")
