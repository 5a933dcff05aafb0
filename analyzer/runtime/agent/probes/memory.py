"""How much memory training takes, what holds it, and whether it grows."""

from __future__ import annotations

import re
import weakref
from typing import TYPE_CHECKING, Any, Dict, List, Mapping, Optional, Tuple

from ..probe import Probe, Reading, not_seen, unhealthy
from ..probe import healthy as well
from ..saved import SavedTensors

if TYPE_CHECKING:
    from types import FrameType

    from ..session import Session

MEASURED_STEP = 2  # its first forward pass: gradients and the optimizer's state are there
MOST_GRAPHS = 100
OLD = 3  # backward passes after which a loss's graph should be gone
_OUT_OF_MEMORY = re.compile(r"out of memory|can't allocate memory|not enough memory", re.IGNORECASE)
_MIB = 2.0**20


class _Alive:
    """Lives as long as the graph's node that holds it."""


class Memory(Probe):
    """How much memory training takes, what holds it, and whether graphs of past losses are left behind.

    What it measures
    ----------------
    The peak of the run (of the GPU where there is one, else of the process), and what holds it: parameters, gradients,
    the optimizer's state, and what one forward pass saves for its backward pass, with the lines that save most. Also,
    how many graphs of past losses are still held when the run ends. The value is the peak in MiB.

    Healthy
    -------
    A peak below 95 % of the GPU, no more memory than that which training needs, and graphs that go with their loss.

    When it is not
    --------------
    Memory ran out; or something keeps the graph of each loss (``total += loss`` without ``.item()``, a list of losses),
    so that every step leaves more behind.
    """

    name = "memory"
    rules = ("loss-graph-retained", "no-checkpointing", "slice-loop-op", "loop-contrastive-loss")
    unit = "MiB"
    look_next = "Look at the lines that save most, and record a snapshot with torch.cuda.memory._record_memory_history."

    def on_start(self, session: Session) -> None:
        """Nothing is measured yet."""
        self.saved: Optional[SavedTensors] = None
        self.is_measured = False
        self.graphs: List[Any] = []
        self.on_device: List[Tuple[int, int]] = []  # step and bytes on the GPU after it
        self.held: Dict[str, int] = {}

    def on_forward_begins(self, session: Session, root: Any, inputs: Tuple[Any, ...]) -> None:
        """Count what is saved, in the chosen step."""
        wanted = session.step == MEASURED_STEP and not self.is_measured and root.training
        if wanted and not session.settings.keep_compile:
            self.saved = self.saved or SavedTensors(session)
            self.saved.begin(root)

    def on_forward(self, session: Session, root: Any, inputs: Tuple[Any, ...], output: Any) -> None:
        """The module has run."""
        if self.saved is not None:
            self.saved.end()

    def on_backward(self, session: Session, roots: Tuple[Any, ...], frame: Optional[FrameType]) -> None:
        """Mark the graph, and write what the forward pass saved."""
        for root in roots[:1]:
            if root.grad_fn is not None:
                alive = _Alive()
                root.grad_fn.metadata["mlfix"] = alive
                self.graphs.append(weakref.ref(alive))
        if self.saved is not None and not self.is_measured:
            self.is_measured = True
            self.saved.end()
            top = sorted(self.saved.by_site.items(), key=lambda row: -row[1])[:5]
            session.emit(self.name, saved=self.saved.total, sites=[[site, size] for site, size in top])
            session.dismiss(self, "on_forward_begins", "on_forward")
        if len(self.graphs) >= MOST_GRAPHS:
            session.dismiss(self, "on_backward")

    def on_step(self, session: Session, optimizer: Any, skipped: bool) -> None:
        """What holds memory, and what is on the GPU between two steps."""
        if not self.held and session.step + 1 >= MEASURED_STEP:
            self.held = _holders(session)
        cuda = session.torch.cuda
        if session.sampling and cuda.is_available() and cuda.is_initialized():
            self.on_device.append((session.step, cuda.memory_allocated()))
        elif self.held and not cuda.is_available():
            session.dismiss(self, "on_step")

    def on_stop(self, session: Session) -> None:
        """Write the peak and what holds it."""
        old = self.graphs[:-OLD]
        session.emit(
            self.name,
            **(self.held or _holders(session)),
            graphs=len(old),
            held=sum(1 for graph in old if graph() is not None),
            resident=_resident(),
            device=_device(session.torch),
            on_device=self.on_device[-64:],
        )

    def conclude(self, trace: Any, healthy: Mapping[str, Any]) -> Reading:
        """Unhealthy where memory ran out, is nearly full, or grows."""
        error = trace.last("exc")
        if error is not None and ("OutOfMemory" in str(error.get("type")) or _is_out_of_memory(error)):
            place = " at %s" % error["at"] if error.get("at") else ""
            return unhealthy(None, "memory ran out%s: %s" % (place, str(error.get("message"))[:200]))
        ends = [e for e in trace.events(self.name) if "resident" in e]
        if not ends:
            return not_seen("the run ended before its memory could be read")
        end = ends[-1]
        saved = next((e for e in trace.events(self.name) if "saved" in e), {})
        device = end.get("device") or {}
        peak = float(device["peak"] if device else end["resident"]) / _MIB
        told = "%.4g MiB at most%s: %s" % (peak, " on the GPU" if device else "", _held(end, saved))
        graphs, held = int(end.get("graphs") or 0), int(end.get("held") or 0)
        if graphs >= int(healthy.get("graphs", 8)) and held > float(healthy.get("held", 0.8)) * graphs:
            return unhealthy(
                round(peak, 1), "the graphs of %d of %d past losses are still held; %s" % (held, graphs, told)
            )
        growth = _growth(end.get("on_device") or [])
        if growth > float(healthy.get("growth", 0.02)):
            return unhealthy(
                round(peak, 1), "what is on the GPU after a step grows by %.1f %% with each; %s" % (100 * growth, told)
            )
        if device and float(device["reserved"]) > float(healthy.get("max", 0.95)) * float(device["total"]):
            share = 100 * float(device["reserved"]) / float(device["total"])
            return unhealthy(round(peak, 1), "%d %% of the GPU's memory is taken; %s" % (share, told))
        return well(round(peak, 1), told)


def _is_out_of_memory(error: Mapping[str, Any]) -> bool:
    return error.get("type") in ("RuntimeError", "MemoryError") and bool(
        _OUT_OF_MEMORY.search(str(error.get("message")))
    )


def _held(end: Mapping[str, Any], saved: Mapping[str, Any]) -> str:
    parts = ["%s %.3g" % (n, float(end.get(n) or 0) / _MIB) for n in ("parameters", "gradients", "optimizer")]
    if saved:
        parts.append("saved by a forward pass %.3g" % (float(saved["saved"]) / _MIB))
        if saved.get("sites"):
            site, size = saved["sites"][0]
            parts[-1] += " (most at %s: %.3g)" % (site, float(size) / _MIB)
    return ", ".join(parts)


def _growth(rows: List[Any]) -> float:
    """By what share the memory after a step grows each step, where it did so in every one of the later half; else 0."""
    later = rows[len(rows) // 2 :]
    if len(later) < 8:
        return 0.0
    pairs = [(later[i], later[i + 1]) for i in range(len(later) - 1)]
    gains = [(b[1] - a[1]) / float(max(b[0] - a[0], 1)) for a, b in pairs]
    return min(gains) / float(max(later[0][1], 1)) if min(gains) > 0 else 0.0


def _holders(session: Session) -> Dict[str, int]:
    parameters = [p for _, p in session.named_parameters()]
    return {
        "parameters": sum(_size(p) for p in parameters),
        "gradients": sum(_size(p.grad) for p in parameters if p.grad is not None),
        "optimizer": sum(_size(v) for v in _optimizer_tensors(session)),
    }


def _size(tensor: Any) -> int:
    return int(tensor.numel() * tensor.element_size())


def _optimizer_tensors(session: Session) -> List[Any]:
    found = []
    for optimizer in session.live(session.optimizers):
        for state in list(optimizer.state.values()):
            found += [v for v in (state.values() if isinstance(state, dict) else ()) if hasattr(v, "element_size")]
    return found


def _resident() -> int:
    """Peak bytes of the process; 0 where the system does not tell."""
    try:
        import resource
    except ImportError:  # Windows
        return 0
    import sys

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _device(torch: Any) -> Optional[Dict[str, int]]:
    if not (torch.cuda.is_available() and torch.cuda.is_initialized()):
        return None
    return {
        "peak": torch.cuda.max_memory_allocated(),
        "reserved": torch.cuda.max_memory_reserved(),
        "total": torch.cuda.get_device_properties(torch.cuda.current_device()).total_memory,
    }
