"""The JSON contract of verify and probe, version 1; `docs/verify.schema.json` states it. ASCII only."""

from __future__ import annotations

import json
import math
from typing import Any

from ...analyzer.runtime.results import Explained, ProbeReading, Run, Symptom, Verdict, VerifyResult
from .json import SCHEMA


def render(result: VerifyResult) -> str:
    """The result as one JSON object; probe has no verdicts, verify no symptoms."""
    data: dict[str, Any] = {"schema": SCHEMA, "command": list(result.command)}
    if result.kind == "verify":
        data["verdicts"] = [_verdict(v) for v in result.verdicts]
    else:
        data["symptoms"] = [_symptom(s) for s in result.symptoms]
    data["runs"] = [_run(r) for r in result.runs]
    data["notes"] = list(result.notes)
    return json.dumps(data, indent=1, allow_nan=False) + "\n"


def _number(value: float | str | None) -> float | str | None:
    """A number that JSON knows; NaN and infinities are text."""
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _verdict(verdict: Verdict) -> dict[str, Any]:
    place = verdict.finding.location
    return {
        "rule": verdict.finding.rule,
        "fingerprint": verdict.finding.fingerprint,
        "path": place.path,
        "line": place.line,
        "label": verdict.label.value,
        "sentence": verdict.sentence,
        "quantity": verdict.quantity,
        "before": [_number(v) for v in verdict.before],
        "after": [_number(v) for v in verdict.after],
        "seeds": list(verdict.seeds),
    }


def _run(run: Run) -> dict[str, Any]:
    folder = run.trace.folder
    return {
        "tree": run.tree,
        "rule": run.rule,
        "seed": run.seed,
        "repeat": run.repeat,
        "device": run.device,
        "steps": run.steps,
        "seconds": round(run.seconds, 3),
        "exit": run.exit,
        "cause": run.cause,
        "phase": run.phase,
        "frame": run.frame,
        "trace": folder.as_posix() if folder is not None else None,
        "readings": [_reading(r) for r in run.readings],
    }


def _reading(reading: ProbeReading) -> dict[str, Any]:
    return {
        "probe": reading.probe,
        "status": reading.status,
        "value": _number(reading.value),
        "why": reading.why,
        "rules": list(reading.rules),
    }


def _symptom(symptom: Symptom) -> dict[str, Any]:
    return {
        "probe": symptom.reading.probe,
        "why": symptom.reading.why,
        "findings": [_explained(e) for e in symptom.findings],
        "look_next": symptom.reading.look_next,
    }


def _explained(explained: Explained) -> dict[str, Any]:
    finding = explained.finding
    return {
        "rule": finding.rule,
        "fingerprint": finding.fingerprint,
        "path": finding.location.path,
        "line": finding.location.line,
        "confidence": explained.confidence.value,
        "raised": explained.raised,
    }
