"""What a probe is: it watches a run inside the user's process, and reads the trace outside of it."""

from __future__ import annotations

from types import FrameType
from typing import TYPE_CHECKING, Any, ClassVar, Dict, FrozenSet, Mapping, Optional, Tuple

if TYPE_CHECKING:
    from .session import Session

HEALTHY = "healthy"
UNHEALTHY = "unhealthy"
NOT_SEEN = "not seen"


class Reading:
    """What a probe says of a run.

    Args:
        status: ``healthy``, ``unhealthy`` or ``not seen``.
        value: the measured value: a number, or plain data; None where nothing was seen.
        why: one sentence with the program's own names and numbers.
    """

    def __init__(self, status: str, value: Any, why: str) -> None:
        self.status = status
        self.value = value
        self.why = why

    def __repr__(self) -> str:
        return "Reading(%r, %r, %r)" % (self.status, self.value, self.why)


def healthy(value: Any, why: str) -> Reading:
    """A reading within its range."""
    return Reading(HEALTHY, value, why)


def unhealthy(value: Any, why: str) -> Reading:
    """A reading outside of its range."""
    return Reading(UNHEALTHY, value, why)


def not_seen(why: str) -> Reading:
    """No reading, with the reason."""
    return Reading(NOT_SEEN, None, why)


class Probe:
    """One thing that a run must show. Subclass it in a file of its own under ``probes/``.

    Inside the user's process the session calls the hooks that a class overrides, under ``no_grad``, without function
    modes, with the random state untouched; an error switches the probe off and becomes an event. A probe that feeds the
    model anything of its own puts back what that changes (buffers, training mode).

    ``conclude`` runs in mlfix's own Python, where torch may be missing. A probe never guesses: what it cannot see is
    ``not seen``, with the reason. The class's docstring is its documentation.
    """

    name: ClassVar[str]
    rules: ClassVar[Tuple[str, ...]] = ()
    """Rules whose bug explains an unhealthy reading, the likeliest first."""
    default: ClassVar[bool] = True
    unit: ClassVar[str] = ""
    look_next: ClassVar[str]
    """One sentence: what to look at when no finding explains an unhealthy reading."""
    functions: ClassVar[FrozenSet[str]] = frozenset()
    """Names of torch functions that :meth:`on_function` is told of, in the first steps, and later where it wants."""

    def __init__(self) -> None:
        self.memory: Dict[Any, Any] = {}

    def on_start(self, session: Session) -> None:
        """Torch has just been imported."""

    def on_model(self, session: Session, root: Any) -> None:
        """A root module is about to run for the first time."""

    def on_forward_begins(self, session: Session, root: Any, inputs: Tuple[Any, ...]) -> None:
        """A root module is about to run; as often as :meth:`on_forward`. Keywords: ``session.forwards.keywords()``."""

    def on_forward(self, session: Session, root: Any, inputs: Tuple[Any, ...], output: Any) -> None:
        """A root module has run; in sampled steps, and at the start of each pass over a loader."""

    def on_batch(self, session: Session, loader: Any, batch: Any, role: str) -> None:
        """A loader handed out a batch."""

    def on_epoch(self, session: Session, loader: Any, role: str, index: int, batches: int) -> None:
        """A pass over a loader has ended."""

    def on_backward(self, session: Session, roots: Tuple[Any, ...], frame: Optional[FrameType]) -> None:
        """``backward`` is about to run from these tensors; ``frame`` is the user's; in sampled steps."""

    def on_backward_done(self, session: Session) -> None:
        """``backward`` has run; in sampled steps."""

    def on_step(self, session: Session, optimizer: Any, skipped: bool) -> None:
        """An optimizer has stepped, or AMP skipped its step; every time. Ask ``session.sampling`` for costly things."""

    def on_zero_grad(self, session: Session, optimizer: Any) -> None:
        """An optimizer or module has cleared its gradients."""

    def on_function(
        self, session: Session, name: str, args: Tuple[Any, ...], kwargs: Mapping[str, Any], result: Any, site: str
    ) -> None:
        """A torch function of :attr:`functions` has run in the user's code, at ``site``."""

    def wants_later_functions(self) -> bool:
        """Asked once the first steps were watched: whether :meth:`on_function` is of use in later ones too."""
        return False

    def on_call(self, session: Session, name: str, frame: FrameType) -> None:
        """Any torch function was called, in the first steps; at once, so it must be quick and raise nothing."""

    def on_scalar(self, session: Session, name: str, args: Tuple[Any, ...], result: Any, site: str) -> None:
        """A torch function gave a tensor of one number in the user's code, in the first steps."""

    def on_loss(
        self, session: Session, name: str, args: Tuple[Any, ...], kwargs: Mapping[str, Any], value: Any, site: str
    ) -> None:
        """A loss of ``torch.nn.functional`` was computed that can be trained on; in sampled steps."""

    def on_evaluation(
        self, session: Session, name: str, args: Tuple[Any, ...], kwargs: Mapping[str, Any], value: Any, site: str
    ) -> None:
        """A loss of ``torch.nn.functional`` was computed that has no graph, or on validation batches."""

    def on_watched(self, session: Session, name: str, value: Any) -> None:
        """Something that the user named under ``[tool.mlfix.watch]`` has a value; in sampled steps."""

    def on_stop(self, session: Session) -> None:
        """The run ends; the program's objects are there after a bounded run, and may be gone after a whole one."""

    def conclude(self, trace: Any, healthy: Mapping[str, Any], /) -> Reading:
        """Read the trace.

        Args:
            trace: a ``runtime.trace.Trace``.
            healthy: this probe's row of the healthy ranges.
        """
        raise NotImplementedError
