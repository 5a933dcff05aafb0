"""Where objects lie in the crops that are trained on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Dict, List, Mapping, Tuple

from ..fields import tensors
from ..probe import Probe, Reading, healthy, not_seen
from ._reading import finite

if TYPE_CHECKING:
    from ..session import Session

KIND = "object-position"
_BATCHES = 24  # looked at of each run
_LEAST_SIDE = 8  # voxels, of each axis of an image
_MOST_CHANNELS = 16
_MOST_VALUES = 4_000_000  # of a field that is looked at


class ObjectPosition(Probe):
    """How far the masks of a batch lie from the middle of their image.

    What it measures
    ----------------
    In the first training batches, for each channel of 0 and 1 alone: the distance of the mask's centre from that of the
    image, on each axis, in voxels. The value is the median over samples and axes, of the channel that is centred best.

    Healthy
    -------
    Any value: it informs. Objects may be meant to be in the middle.

    When it is not
    --------------
    Nothing is told. Below 1 every crop has its object exactly in the middle, and a network may learn to look there
    alone; a random shift of the crop cures that.
    """

    name: ClassVar[str] = KIND
    rules: ClassVar[Tuple[str, ...]] = ("no-crop-jitter",)
    unit: ClassVar[str] = "voxels"
    look_next: ClassVar[str] = "Look at where the crop's start is computed: is anything random added to the centre?"

    def on_start(self, session: Session) -> None:
        """Nothing was handed out yet."""
        self.found: Dict[str, List[float]] = {}
        self.samples: Dict[str, int] = {}
        self.batches = 0

    def on_batch(self, session: Session, loader: Any, batch: Any, role: str) -> None:
        """Measure the masks of one batch."""
        if role == "validation":
            return
        self.batches += 1
        if self.batches > _BATCHES:
            session.dismiss(self, "on_batch")
            return
        for path, tensor in tensors(session.torch, batch):
            sides = list(tensor.shape[2:]) if tensor.dim() >= 4 else list(tensor.shape[1:])
            if tensor.dim() < 3 or min(sides) < _LEAST_SIDE or tensor.numel() > _MOST_VALUES or tensor.is_complex():
                continue
            channels = tensor.unsqueeze(1) if tensor.dim() == 3 else tensor
            for number in range(min(channels.shape[1], _MOST_CHANNELS)):
                self._look(session.torch, "%s channel %d" % (path, number), channels[:, number])
        if self.batches in (1, 4, _BATCHES):
            self._write(session)

    def _look(self, torch: Any, name: str, masks: Any) -> None:
        """The offsets of each sample's mask; a channel with other values than 0 and 1 has none."""
        marked = masks != 0
        if not bool(((masks == 1) == marked).all()):
            return
        total = marked.flatten(1).sum(1).double()
        there = (total > 0) & (total < marked[0].numel())
        if not bool(there.any()):
            return
        offsets: List[float] = []
        for axis in range(1, marked.dim()):
            others = [a for a in range(1, marked.dim()) if a != axis]
            profile = marked.sum(others).double() if others else marked.double()
            side = profile.shape[1]
            places = torch.arange(side, device=profile.device, dtype=torch.double) - (side - 1) / 2.0
            offsets += ((profile * places).sum(1)[there] / total[there]).abs().tolist()
        self.found.setdefault(name, []).extend(offsets)
        self.samples[name] = self.samples.get(name, 0) + int(there.sum())

    def on_stop(self, session: Session) -> None:
        """Write what was seen."""
        self._write(session)

    def _write(self, session: Session) -> None:
        rows = [
            {"field": name, "median": sorted(values)[len(values) // 2], "count": self.samples[name]}
            for name, values in self.found.items()
        ]
        if rows:
            session.emit(KIND, masks=rows)

    def conclude(self, trace: Any, healthy_range: Mapping[str, Any], /) -> Reading:
        """The channel that is centred best."""
        event = trace.last(KIND)
        rows = [row for row in (event["masks"] if event is not None else []) if finite([row.get("median")])]
        if not rows:
            return not_seen("no batch holds a mask of 0 and 1 for an image")
        row = min(rows, key=lambda r: r["median"])
        told = "the mask in field %s usually lies %.2g voxels from the middle (%d samples)"
        return healthy(row["median"], told % (row["field"], row["median"], row["count"]))
