"""What all probes say of a run, against the healthy ranges."""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from .agent.probe import NOT_SEEN, Probe
from .agent.probes import all_probes
from .results import ProbeReading
from .trace import Trace

Healthy = Mapping[str, Mapping[str, Any]]
"""A row of limits for each probe, by its name."""


class BadHealthy(Exception):
    """Healthy ranges that cannot be used; the message says why."""


@cache
def probes() -> tuple[Probe, ...]:
    """Every probe, in the order of their names."""
    return tuple(all_probes())


def healthy_ranges(known: Healthy, overrides: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The ranges to judge by: mlfix's rows, with the user's values over them.

    Args:
        known: mlfix's rows.
        overrides: ``[tool.mlfix.healthy]``: a table for each probe.

    Raises:
        BadHealthy: a probe or limit that does not exist, or a value of another kind.
    """
    rows = {probe: dict(row) for probe, row in known.items()}
    names = {*rows, *(p.name for p in probes())}
    for probe, table in overrides.items():
        if probe not in names:
            raise BadHealthy(f"healthy: no probe {probe!r}: known are {', '.join(sorted(names))}")
        row = rows.setdefault(probe, {})
        for key, value in table.items():
            limits = sorted(k for k in row if k not in ("source", "note"))
            if key not in limits:
                has = f"its limits are {', '.join(limits)}" if limits else "it has no limits"
                raise BadHealthy(f"healthy.{probe}: no limit {key!r}: {has}")
            if isinstance(row[key], bool) != isinstance(value, bool) or isinstance(row[key], str) != isinstance(
                value, str
            ):
                raise BadHealthy(f"healthy.{probe}.{key}: must be of the kind of {row[key]!r}, and is {value!r}")
            row[key] = value
    return rows


def collect(trace: Trace, healthy: Healthy, only: Sequence[str] | None = None) -> tuple[ProbeReading, ...]:
    """Each probe's conclusion on a run.

    Args:
        trace: the run.
        healthy: from :func:`healthy_ranges`.
        only: the probes that were on; None is every default one.
    """
    wanted = [p for p in probes() if (p.name in only if only is not None else p.default)]
    return tuple(_concluded(probe, trace, healthy.get(probe.name, {})) for probe in wanted)


def _concluded(probe: Probe, trace: Trace, row: Mapping[str, Any]) -> ProbeReading:
    error = trace.probe_errors.get(probe.name)
    if error is not None:
        return _reading(probe, NOT_SEEN, None, f"the probe failed and was switched off: {_last_line(error)}")
    try:
        reading = probe.conclude(trace, row)
    except Exception as failure:  # one probe's fault must not cost the others' readings
        return _reading(probe, NOT_SEEN, None, f"the probe's conclusion failed: {type(failure).__name__}: {failure}")
    return _reading(probe, reading.status, reading.value, reading.why)


def _reading(probe: Probe, status: str, value: object, why: str) -> ProbeReading:
    return ProbeReading(
        probe=probe.name,
        status=status,
        value=_plain(value),
        why=why,
        unit=probe.unit,
        rules=tuple(probe.rules),
        look_next=getattr(probe, "look_next", ""),
    )


def _plain(value: object) -> float | str | None:
    """A value as results carry it: whole numbers stay whole, plain data becomes text."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float)):
        return value if not isinstance(value, float) or math.isfinite(value) else str(value)
    return str(value)


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1] if lines else "no reason given"


def documentation(probe: str) -> str:
    """A probe's docstring; empty for a name that is none."""
    found = next((p for p in probes() if p.name == probe), None)
    return inspect.getdoc(type(found)) or "" if found is not None else ""
