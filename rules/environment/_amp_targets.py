"""Which spelling of a mixed-precision name a range of torch releases has, and what its parameters are there."""

from __future__ import annotations

from typing import Any, NamedTuple

from packaging.version import Version

from .. import knowledge
from ._amp_uses import name_parts
from ._stated import Stated

_HOMES = {
    "autocast": ("torch.amp", "torch", "torch.cuda.amp"),
    "GradScaler": ("torch.amp", "torch.cuda.amp"),
    "custom_fwd": ("torch.amp", "torch.cuda.amp"),
    "custom_bwd": ("torch.amp", "torch.cuda.amp"),
    "is_autocast_available": ("torch.amp",),
}


class Target(NamedTuple):
    """Where a name is to come from.

    Attributes:
        module: the module that has it.
        also: a newer module to try first, where the range has releases with and without it; else empty.
        since: the first release of ``also``.
        source: the parameters of the spelling in the code.
        parameters: the parameters of the new spelling, one list for each signature that the range meets; ``**`` last
            where it takes others by name.
        device: the device that the old spelling stands for.
    """

    module: str
    also: str
    since: str
    source: tuple[str, ...]
    parameters: tuple[tuple[str, ...], ...]
    keyword_only: tuple[str, ...]
    device: str

    def data(self) -> dict[str, Any]:
        """Plain data for the codemod."""
        return {
            "module": self.module,
            "also": self.also,
            "since": self.since,
            "source": self.source,
            "parameters": self.parameters,
            "keyword_only": self.keyword_only,
            "device": self.device,
        }


def target_of(name: str, view: Stated) -> Target | str:
    """The spelling to use instead of a name under a range of torch; the reason where there is none."""
    module, symbol = name_parts(name)
    device = "cpu" if module == "torch.cpu.amp" else "cuda"
    oldest, newest = _ends(view)
    for home in _HOMES[symbol]:
        fact = knowledge.api(f"{home}.{symbol}")
        if fact is None or fact.first > oldest or (device == "cpu" and home == "torch.cuda.amp"):
            continue
        both = symbol == "GradScaler" and fact.deprecated is not None and (newest is None or newest >= fact.deprecated)
        also = (module if module in ("torch", "torch.amp") else "torch.amp") if both else ""
        return _target(name, home, symbol, also, device, oldest, newest)
    firsts = [fact.first for home in _HOMES[symbol] if (fact := knowledge.api(f"{home}.{symbol}")) is not None]
    return f"torch {oldest} has no `{symbol}` under any name: raise {view.place} to {min(firsts)} or newer"


def _target(
    name: str, home: str, symbol: str, also: str, device: str, oldest: Version, newest: Version | None
) -> Target:
    met = list(_met(f"{home}.{symbol}", oldest, newest))
    newer = knowledge.api(f"{also}.{symbol}") if also else None
    if newer is not None:
        met += knowledge.signatures(newer.name)
    source = knowledge.signatures(name) or knowledge.signatures(".".join(name_parts(name)))
    return Target(
        module=home,
        also=also,
        since=str(newer.first) if newer is not None else "",
        source=tuple(p.name for p in source[-1].parameters) if source else (),
        parameters=tuple((*(p.name for p in one.parameters), *(["**"] if one.takes_kwargs else [])) for one in met),
        keyword_only=tuple({p.name for one in met for p in one.parameters if p.keyword_only}),
        device=device,
    )


def _met(name: str, oldest: Version, newest: Version | None) -> list[knowledge.Signature]:
    """The signatures of a callable that some admitted release has."""
    known = knowledge.signatures(name)
    ends = [*(one.first for one in known[1:]), None]
    return [
        one
        for one, end in zip(known, ends, strict=True)
        if (end is None or end > oldest) and (newest is None or one.first <= newest)
    ]


def _ends(view: Stated) -> tuple[Version, Version | None]:
    oldest = view.lowest if view.lowest is not None else view.highest
    assert oldest is not None  # a range with no bound at all is no view
    return oldest, view.highest
