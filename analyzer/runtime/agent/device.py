"""Where a run takes place, and a program that insists on CUDA on a machine without it."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, Callable

if TYPE_CHECKING:
    from .session import Session
    from .settings import Settings


def name_of(torch: Any, settings: Settings) -> str:
    """The device that programs will find: the GPU's name, or ``cpu``."""
    if settings.device == "cpu" or not torch.cuda.is_available():
        return "cpu"
    return torch.cuda.get_device_name(0)


def redirect(session: Session) -> None:
    """With ``--device cpu`` send what asks for CUDA to the CPU, and say so."""
    torch = session.torch
    if session.settings.device != "cpu":
        return
    session.deviation("everything that asks for CUDA is run on the CPU")
    torch.cuda.is_available = lambda: False
    torch.Tensor.cuda = lambda self, *args, **kwargs: self
    torch.nn.Module.cuda = lambda self, *args, **kwargs: self
    torch.Tensor.to = _to_cpu(torch.Tensor.to)
    torch.nn.Module.to = _to_cpu(torch.nn.Module.to)
    torch.Tensor.pin_memory = lambda self, *args, **kwargs: self
    _Redirect = _mode(torch)
    session.redirecting = _Redirect()
    session.redirecting.__enter__()


def _on_cpu(value: Any) -> Any:
    """``cpu`` for anything that names a CUDA device, else the value."""
    is_cuda = getattr(value, "type", None) == "cuda" or (isinstance(value, str) and value.split(":")[0] == "cuda")
    return "cpu" if is_cuda else value


def _to_cpu(to: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(to)
    def wrapped(self: Any, *args: Any, **kwargs: Any) -> Any:
        return to(self, *[_on_cpu(a) for a in args], **{k: _on_cpu(v) for k, v in kwargs.items()})

    return wrapped


def _mode(torch: Any) -> Any:
    from torch.overrides import TorchFunctionMode

    class Redirect(TorchFunctionMode):
        """Factories (``torch.zeros(..., device="cuda")``) and loads end on the CPU."""

        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            kwargs = dict(kwargs or {})
            if "device" in kwargs:
                kwargs["device"] = _on_cpu(kwargs["device"])
            if "map_location" in kwargs:
                kwargs["map_location"] = _on_cpu(kwargs["map_location"])
            return func(*args, **kwargs)

    return Redirect
