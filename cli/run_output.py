"""Where the result of a verify or probe goes: printed, and into the files that were asked for."""

from __future__ import annotations

import importlib
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from ..analyzer.runtime.experiment import Experiment
from ..analyzer.runtime.results import Run, VerifyResult
from ..analyzer.version import __version__
from . import exits, run_options
from .run_options import RunAsked
from .terminal import put, stdout_is_colored

_TEMPLATES = __package__.rpartition(".")[0] + ".templates" if __package__ else "mlfix.templates"


def put_result(result: VerifyResult, asked: RunAsked) -> None:
    """Print a result and write what else was asked for.

    Raises:
        Failure: a file cannot be written.
    """
    if asked.report is not None:
        put(_template("report").render(result), asked.report)
    if asked.tensorboard is not None:
        try:
            _template("curves").write_tensorboard(result, asked.tensorboard)
        except (OSError, ImportError) as error:
            exits.fail(f"{asked.tensorboard}: the curves cannot be written: {error}")
    if asked.output is not None and asked.format == "text":
        click.echo(f"the result is in {asked.output}", err=True)
    put(_rendered(result, asked), asked.output)
    if asked.report is not None:
        click.echo(f"report: {asked.report}", err=True)


def _rendered(result: VerifyResult, asked: RunAsked) -> str:
    if asked.format == "html":
        return _template("report").render(result)
    if asked.format == "github-markdown":
        return _template("pull_request").render(result)
    if asked.format == "json":
        from .formats.runs_json import render

        return render(result)
    from .formats.runs_text import render as render_text

    return render_text(result, color=stdout_is_colored(asked.output))


def _template(name: str) -> Any:  # noqa: ANN401 - a module, imported when its output is asked for
    return importlib.import_module(f"{_TEMPLATES}.{name}")


def environment_of(experiment: Experiment, runs: Sequence[Run]) -> dict[str, str]:
    """What a reader needs to know to get the same numbers."""
    run = next((r for r in runs if r.trace.header), None)
    header = run.trace.header if run is not None else {}
    settings = experiment.settings
    rows = {
        "mlfix": __version__,
        "python": str(header.get("python") or ""),
        "torch": str(header.get("torch") or ""),
        "device": run.device if run is not None else "",
        "threads": str(header.get("threads") or ""),
        "system": _system(),
        "steps": str(settings.steps),
        "batches in a pass": f"at most {settings.train_batches}" if settings.train_batches else "all",
        "overfit": f"the first {settings.overfit} batches" if settings.overfit else "",
        "seeds": ", ".join(map(str, experiment.seeds)),
    }
    return {name: value for name, value in rows.items() if value}


def _system() -> str:
    """The system without its build, which names a machine and changes no number."""
    release, libc = platform.release().partition("-")[0], " ".join(platform.libc_ver())
    return f"{platform.system()} {release} {platform.machine()}" + (f", {libc}" if libc.strip() else "")


def reproduce(name: str, asked: RunAsked, command: Sequence[str], more: Sequence[str]) -> tuple[str, ...]:
    """The command line that makes a result again."""
    words = ["mlfix", name, *(w for rule in asked.rules for w in ("--rule", rule)), *more]
    for option, value, default in (
        ("--steps", asked.steps, run_options.STEPS),
        ("--epochs-cut", asked.epochs_cut, run_options.EPOCHS_CUT),
        ("--overfit", asked.overfit, 0),
        ("--seeds", asked.seeds, run_options.SEEDS),
        ("--device", asked.device, "auto"),
    ):
        if value != default:
            words += [option, str(value)]
    words += [word for probe in asked.also for word in ("--with", probe)]
    return (*words, *(["--keep-compile"] if asked.keep_compile else []), "--", *command)


def never_started(result: VerifyResult) -> bool:
    """Whether no run came as far as a process of the user's program."""
    return all(r.exit is None and not r.ran for r in result.runs)


def shown_path(root: Path, path: str) -> str:
    """A path as the user can open it: from the current folder where it lies below, else from the root."""
    try:
        return (root / path).relative_to(Path.cwd()).as_posix()
    except ValueError:
        return path
