"""Forward passes of root modules: those that no other module calls."""

from __future__ import annotations

import sys
import threading
import weakref
from typing import TYPE_CHECKING, Any, Dict

if TYPE_CHECKING:
    from ..session import Session

PASSES_AT_START = 2  # forward passes looked at after each start of a loader
_MOST_FRAMES = 12  # from a probe to torch's own frame around the hooks


def install(session: Session) -> None:
    """Prepare the global forward hooks; they are on only while something is to be seen."""
    session.forwards = Forwards(session)
    session.forwards.look()


class Forwards:
    """Tells of root modules' forward passes, in sampled steps and at the start of each pass over a loader.

    Args:
        session: the instrumented program.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self.torch = session.torch
        self.pending: Any = None  # the pass over a loader whose role is not known yet
        self.left = 0
        self.called: Any = weakref.WeakSet()  # modules that ran with gradients on inside a root in training mode
        self._handles: Any = None
        self._local = threading.local()

    def look(self, passes: int = PASSES_AT_START) -> None:
        """Look at the next passes whatever the pace."""
        self.left = max(self.left, passes)
        self.update()

    def update(self) -> None:
        """Switch the hooks on or off."""
        wanted = (self.session.sampling or self.left > 0) and not self.session.is_finished
        module = self.torch.nn.modules.module
        if wanted and self._handles is None:
            self._local = threading.local()
            self._handles = (
                module.register_module_forward_pre_hook(self._before),
                module.register_module_forward_hook(self._after),
            )
        elif not wanted and self._handles is not None:
            for handle in self._handles:
                handle.remove()
            self._handles = None

    def reset(self) -> None:
        """A backward pass or step came: whatever a forward pass left behind by an exception does not count."""
        self._local.stack = []

    def _is_compiling(self) -> bool:
        compiler = getattr(self.torch, "compiler", None)
        return compiler is not None and getattr(compiler, "is_compiling", bool)()

    def _before(self, module: Any, inputs: Any) -> None:
        if self._is_compiling() or self.session.is_dead or self.session.is_finished:
            return
        stack = self._local.__dict__.setdefault("stack", [])
        stack.append(module)
        if stack[0].training and self.torch.is_grad_enabled():
            self.called.add(module)
        if len(stack) == 1 and not _is_loss(module):
            self._root_begins(module)
            self.session.tell("on_forward_begins", module, inputs)

    def _root_begins(self, module: Any) -> None:
        session = self.session
        if session.phase in ("setup", "first-batch"):
            session.phase = "first-step"
        if self.pending is not None:
            pending, self.pending = self.pending, None
            pending.vote(module.training and self.torch.is_grad_enabled())
        if session.remember(session.roots, module):
            session.guarded("agent", _describe, session, module)
            session.guarded("agent", session.watched.find, module)
            session.tell("on_model", module)

    def keywords(self) -> Dict[str, Any]:
        """The keyword arguments of the root module that is being called, for use inside of the hooks.

        Global hooks are not handed them, and hooks on the instance would be pickled with it: they are read from the
        frame of ``Module._call_impl``.
        """
        frame = sys._getframe(1)
        for _ in range(_MOST_FRAMES):
            if frame is None:
                break
            if frame.f_code.co_name == "_call_impl" and frame.f_globals.get("__name__") == "torch.nn.modules.module":
                return dict(frame.f_locals.get("kwargs") or {})
            frame = frame.f_back
        return {}

    def _after(self, module: Any, inputs: Any, output: Any) -> None:
        if self._is_compiling() or self.session.is_dead or self.session.is_finished:
            return
        stack = self._local.__dict__.setdefault("stack", [])
        while stack and stack.pop() is not module:
            pass
        self.session.watched.ran(module, output)
        if stack or _is_loss(module):
            return
        if self.left > 0:
            self.left -= 1
        self.session.tell("on_forward", module, inputs, output)
        self.update()


def _is_loss(module: Any) -> bool:
    """Criteria of ``torch.nn`` are called like models and are none."""
    return type(module).__module__ == "torch.nn.modules.loss"


def _describe(session: Session, root: Any) -> None:
    classes: Dict[str, int] = {}
    for module in root.modules():
        name = type(module).__module__ + "." + type(module).__qualname__
        classes[name] = classes.get(name, 0) + sum(p.numel() for p in module.parameters(recurse=False) if _is_real(p))
    parameters = [p for p in root.parameters() if _is_real(p)]
    session.emit(
        "model",
        root=session.number_of(root),
        cls=type(root).__module__ + "." + type(root).__qualname__,
        params=sum(p.numel() for p in parameters),
        trainable=sum(p.numel() for p in parameters if p.requires_grad),
        buffers=sum(b.numel() for b in root.buffers()),
        hash=_hash(session.torch, parameters),
        classes=classes,
    )


def _is_real(parameter: Any) -> bool:
    """Lazy modules' parameters have no size before the first forward pass."""
    return "Uninitialized" not in type(parameter).__name__


def _hash(torch: Any, parameters: Any) -> str:
    """A digest of the weights, from up to 256 values of each tensor."""
    import hashlib

    digest = hashlib.sha256()
    for parameter in parameters:
        local = parameter.detach()
        local = local.to_local() if hasattr(local, "to_local") else local
        flat = local.reshape(-1)
        picked = flat[:: max(1, flat.numel() // 256)][:256]
        digest.update(repr(picked.float().cpu().tolist()).encode())
    return digest.hexdigest()[:16]
