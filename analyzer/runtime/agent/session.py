"""The instrumented program: counts steps, tells the probes, writes the trace."""

from __future__ import annotations

import sys
import time
import traceback
import weakref
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Any, Callable, Dict, Iterator, List, Optional, Tuple

from .probe import Probe

if TYPE_CHECKING:
    from .process import Process
    from .stopping import Stopping

HOOKS = tuple(name for name in vars(Probe) if name.startswith("on_"))
FULLY_SAMPLED = 8
MOST_SHARE = 0.02  # of the time after those steps that probes may take; beyond it steps are left out
MOST_APART = 64  # steps, whatever they cost


class Session:
    """What hooks and probes share.

    ``step`` counts finished optimizer steps (of the optimizer that made most), ``micro`` finished backward calls.
    ``phase`` is ``setup``, ``first-batch``, ``first-step`` or ``train``. ``sampling`` says whether the present step is
    looked at closely.

    Args:
        torch: the module.
        process: the process around it.
    """

    def __init__(self, torch: Any, process: Process) -> None:
        self.torch = torch
        self.process = process
        self.settings = process.settings
        self.sites = process.sites
        self.writer = process.writer
        self.step = 0
        self.micro = 0
        self.phase = "setup"
        self.sampling = True
        self.is_dead = False
        self.is_finished = False
        self.is_fetching = False  # a loader without workers makes a batch
        self.roots: List[Any] = []  # weak references to root modules, in the order in which they first ran
        self.optimizers: List[Any] = []  # weak references; those that have stepped
        self.built: List[Any] = []  # weak references; all optimizers that were made
        self.loaders: List[Any] = []
        self.kept: List[
            Any
        ] = []  # datasets of training loaders: looked at when the run ends, also after main() returned
        self.backward_sites: Dict[str, int] = {}  # how often backward was called, by place, in sampled steps
        self.current: Any = None  # the pass over a loader that handed out the last batch
        self.has_saved_hooks = False  # checkpoints and offloading: a second backward would do their work twice
        self.saved_hooks = 0  # how many of these hooks are on at the moment
        self.probe_seconds: Dict[str, float] = {}
        self.listeners: Dict[str, List[Probe]] = {name: [] for name in HOOKS}
        self.shared: Dict[str, Any] = {}  # what several probes need and one computes
        self.finishers: List[Callable[[], None]] = []  # what hooks still have to write when the run ends
        self.seconds = {"data": 0.0, "backward": 0.0}  # spent since the last step
        self._numbers: Any = weakref.WeakKeyDictionary()
        self.paced_since = (0.0, 0.0)  # when the pace began to count, and what probes had taken by then

    # What the hooks keep here for each other.
    stopping: Stopping
    steps: Any  # hooks.optimizers.Steps
    schedulers: Any  # hooks.schedulers.Calls
    forwards: Any  # hooks.modules.Forwards
    roles: Any  # replay.Roles
    training_pass: Any  # of hooks.loaders: the training loader that handed out a batch last, with its pass
    watched: Any  # hooks.watched.Watched
    workers: Any  # workers.Reports
    watching: Any = None  # the function mode of hooks.functions, while it is entered
    redirecting: Any = None  # the function mode of device

    # --- life

    def start(self) -> None:
        """Seed, choose the probes, install the hooks."""
        from . import device, hooks, seeding
        from .probes import all_probes
        from .stopping import Stopping

        torch = self.torch
        self.process.header.update(
            torch=torch.__version__,
            cuda=torch.version.cuda,
            device=device.name_of(torch, self.settings),
            threads=torch.get_num_threads(),
            start="child" if _is_child() else "main",
        )
        seeding.seed_torch(torch, self.settings)
        device.redirect(self)
        self.stopping = Stopping(self)
        chosen = self.settings.probes
        for probe in all_probes():
            if probe.name in chosen if chosen is not None else probe.default:
                self._listen(probe)
        hooks.install(self)
        self.tell("on_start")

    def _listen(self, probe: Probe) -> None:
        for name in HOOKS:
            if getattr(type(probe), name) is not getattr(Probe, name):
                self.listeners[name].append(probe)

    def finish(self) -> None:
        """Tell the probes that the run ends and write the last lines; once."""
        if self.is_finished or self.is_dead:
            return
        self.is_finished = True
        if not self.stopping.why and self.micro:
            is_broken_off = isinstance(getattr(sys, "last_value", None), KeyboardInterrupt)
            self.emit("stop", why="interrupted" if is_broken_off else "finished", hard=False)
        for finisher in self.finishers:
            self.guarded("agent", finisher)
        self.tell("on_stop")
        self.emit(
            "end",
            steps=self.step,
            backwards=self.micro,
            seconds=time.perf_counter() - self.writer.started,
            probe_seconds={name: round(s, 6) for name, s in self.probe_seconds.items()},
        )
        self.writer.flush()

    # --- the trace

    def emit(self, kind: str, **fields: Any) -> None:
        """Write an event; tensors among the values are turned into numbers when the trace is flushed."""
        self.writer.write({"k": kind, "s": self.step, "m": self.micro, **fields})

    def deviation(self, what: str) -> None:
        """Note what this run does differently from the user's."""
        self.emit("deviation", what=what)

    # --- the probes

    def tell(self, hook: str, *arguments: Any) -> None:
        """Call one hook of every probe that listens to it."""
        listeners = self.listeners[hook]
        if listeners:
            with self.aside():  # once for all of them: in most steps it costs more than what they do
                for probe in list(listeners):
                    self._timed(probe.name, getattr(probe, hook), self, *arguments)

    def dismiss(self, probe: Probe, *hooks: str) -> None:
        """Tell a probe no longer by some hooks: it has seen what it wanted, and each call costs."""
        for hook in hooks:
            if probe in self.listeners[hook]:
                self.listeners[hook].remove(probe)

    def guarded(self, name: str, call: Callable[..., Any], *arguments: Any) -> None:
        """Run agent code so that the program cannot notice: no gradients, modes or random numbers, no error."""
        with self.aside():
            self._timed(name, call, *arguments)

    def _timed(self, name: str, call: Callable[..., Any], *arguments: Any) -> None:
        started = time.perf_counter()
        try:
            call(*arguments)
        except Exception:  # the probe is switched off, the run goes on
            self.emit("probe_err", probe=name, error=traceback.format_exc(limit=-3))
            for listeners in self.listeners.values():
                listeners[:] = [p for p in listeners if p.name != name]
        self.probe_seconds[name] = self.probe_seconds.get(name, 0.0) + time.perf_counter() - started

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Outside of the program's autograd and function modes."""
        torch = self.torch
        with torch._C.DisableTorchFunction(), torch.no_grad():
            yield

    # --- names

    def number_of(self, thing: Any) -> int:
        """A small number for an object, the same as long as it lives."""
        return self._numbers.setdefault(thing, len(self._numbers))

    def user_site(self, frame: Optional[FrameType] = None) -> Optional[str]:
        """``path:line function`` of the nearest of the user's frames, from here or from a frame outwards."""
        import sys

        return self.sites.site(frame or sys._getframe(1))

    def live(self, references: List[Any]) -> List[Any]:
        """The objects behind weak references that are still there."""
        return [thing for thing in (reference() for reference in references) if thing is not None]

    def named_parameters(self) -> Iterator[Tuple[str, Any]]:
        """Names and parameters of all root modules seen so far, each parameter once."""
        seen = set()
        roots = self.live(self.roots)
        for root in roots:
            prefix = type(root).__name__ + "." if len(roots) > 1 else ""
            for name, parameter in root.named_parameters():
                if id(parameter) not in seen:
                    seen.add(id(parameter))
                    yield prefix + name, parameter

    def parameter_name(self, parameter: Any) -> str:
        """The name of a parameter in its root module, or its shape."""
        for name, candidate in self.named_parameters():
            if candidate is parameter:
                return name
        return "parameter of shape %s" % (tuple(parameter.shape),)

    def remember(self, references: List[Any], thing: Any) -> bool:
        """Add a weak reference; False where the object is known already."""
        if any(reference() is thing for reference in references):
            return False
        references.append(weakref.ref(thing))
        return True

    @property
    def role(self) -> str:
        """What the loader that handed out the last batch is for: ``train``, ``validation`` or ``unknown``."""
        return self.current.role if self.current is not None else "unknown"

    # --- the pace

    def step_taken(self) -> None:
        """An optimizer step is over: decide whether the next one is looked at closely."""
        now, spent = time.perf_counter(), sum(self.probe_seconds.values())
        if self.step <= FULLY_SAMPLED:
            self.paced_since = (now, spent)
        began, before = self.paced_since
        self.sampling = spent - before <= MOST_SHARE * (now - began) or self.step % MOST_APART == 0


def _is_child() -> bool:
    import multiprocessing

    # A spawned process imports the program before it knows its parent, and says so in this way (multiprocessing.spawn).
    inherits = getattr(multiprocessing.current_process(), "_inheriting", False)
    return multiprocessing.parent_process() is not None or inherits or _is_fork_server()


def _is_fork_server() -> bool:
    """The process that loads the program once so that workers can be forked from it: nobody's child by its own word."""
    frame: Optional[FrameType] = sys._getframe()
    while frame is not None:
        if frame.f_code.co_name == "main" and frame.f_globals.get("__name__") == "multiprocessing.forkserver":
            return True
        frame = frame.f_back
    return False
