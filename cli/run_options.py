"""Options of the commands that run the user's program, and how they become an experiment."""

from __future__ import annotations

import functools
import os
import shlex
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click

from ..analyzer.engine import Request
from ..analyzer.runtime.experiment import Experiment
from ..analyzer.runtime.readings import BadHealthy, healthy_ranges, probes
from ..analyzer.runtime.settings import RunSettings
from ..rules import knowledge
from .exits import fail
from .options import Asked, progress_bar, request_of

FORMATS = ("text", "json", "html", "github-markdown")
STEPS, EPOCHS_CUT, SEEDS, TIMEOUT = 30, 12, 3, 300


@dataclass(frozen=True)
class RunAsked:
    """What the command line said about the runs."""

    command: tuple[str, ...]
    rules: tuple[str, ...]
    steps: int
    epochs_cut: int
    overfit: int
    seeds: int
    timeout: float
    device: str
    keep: Path | None
    jobs: int
    format: str
    output: Path | None
    report: Path | None
    tensorboard: Path | None
    keep_compile: bool
    config: Path | None
    also: tuple[str, ...] = ()


def run_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of every command that runs; the command gets them as one ``asked``."""
    file = click.Path(path_type=Path, dir_okay=False)
    folder = click.Path(path_type=Path, file_okay=False)

    @click.argument("command", metavar="-- COMMAND...", nargs=-1, type=click.UNPROCESSED)
    @click.option("--rule", "rules", multiple=True, metavar="RULE", help="Only this rule (name or code); repeatable.")
    @click.option("--steps", type=click.IntRange(1), default=STEPS, show_default=True, help="Optimizer steps a run.")
    @click.option(
        "--epochs-cut",
        type=click.IntRange(0),
        default=EPOCHS_CUT,
        show_default=True,
        metavar="N",
        help="End each pass over a loader after N batches; 0: never. Take a multiple of the accumulation.",
    )
    @click.option("--overfit", type=click.IntRange(0), default=0, metavar="K", help="Replay the first K batches.")
    @click.option("--seeds", type=click.IntRange(1), default=SEEDS, show_default=True, help="How many seeds.")
    @click.option(
        "--timeout", type=click.FloatRange(1), default=TIMEOUT, show_default=True, help="Seconds that a run may take."
    )
    @click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", help="Where to train.")
    @click.option("--keep", type=folder, metavar="DIR", help="Keep traces, outputs and changed trees there.")
    @click.option(
        "--jobs", "-j", type=click.IntRange(1), default=1, show_default=True, help="Runs at the same time; times blur."
    )
    @click.option(
        "--format", "format_", type=click.Choice(FORMATS), default="text", help="How to print; default: text."
    )
    @click.option("--output", type=file, help="Print into this file.")
    @click.option("--report", type=file, metavar="FILE", help="Write the HTML report too.")
    @click.option("--tensorboard", type=folder, metavar="DIR", help="Write the curves for TensorBoard too.")
    @click.option(
        "--with", "also", multiple=True, metavar="PROBE", help="A probe that runs only when asked; repeatable."
    )
    @click.option("--keep-compile", is_flag=True, help="Leave torch.compile on; some probes then see less.")
    @click.option("--config", type=file, metavar="FILE", help="Use this configuration file instead of the project's.")
    @functools.wraps(command)
    def wrapped(
        command: tuple[str, ...],
        rules: tuple[str, ...],
        steps: int,
        epochs_cut: int,
        overfit: int,
        seeds: int,
        timeout: float,
        device: str,
        keep: Path | None,
        jobs: int,
        format_: str,
        output: Path | None,
        report: Path | None,
        tensorboard: Path | None,
        keep_compile: bool,
        config: Path | None,
        also: tuple[str, ...],
        **others: Any,  # noqa: ANN401 - the command's own options
    ) -> Any:  # noqa: ANN401
        asked = RunAsked(
            command, rules, steps, epochs_cut, overfit, seeds, timeout, device, keep, jobs, format_, output, report,
            tensorboard, keep_compile, config, also,
        )  # fmt: skip
        return inner(asked=asked, **others)

    inner = command
    return wrapped


def scan_request(asked: RunAsked, confidence: str | None = None) -> Request:
    """The scan that finds what is on trial, over the project around the current folder.

    Raises:
        Failure: a rule or setting cannot be used.
    """
    scan = Asked((), asked.rules, (), None, confidence, asked.config, (), False, 0)
    return request_of(scan, progress_bar())


def command_of(asked: RunAsked, request: Request) -> tuple[str, ...]:
    """The command given, or the configuration's.

    Raises:
        UsageError: there is none.
    """
    entry = request.settings.entry
    command = asked.command or tuple(shlex.split(entry) if entry else ())
    if not command:
        raise click.UsageError(
            'say what to run: `mlfix verify -- python train.py`, or entry = "python train.py" in the configuration'
        )
    return command


def experiment_of(asked: RunAsked, request: Request, command: Sequence[str]) -> Experiment:
    """The experiment that a command line asks for.

    Raises:
        Failure: the healthy ranges of the configuration cannot be used.
    """
    try:
        healthy = healthy_ranges(knowledge.healthy_ranges(), request.settings.healthy)
    except BadHealthy as error:
        fail(f"{request.settings.path}: {error}")
    cut = asked.epochs_cut or None
    settings = RunSettings(
        steps=asked.steps,
        train_batches=cut,
        validation_batches=cut,
        overfit=asked.overfit,
        device=asked.device,
        watch=dict(request.settings.watch),
        keep_compile=asked.keep_compile,
        probes=_probes(asked.also),
    )
    return Experiment(
        root=request.root,
        cwd=Path(os.path.realpath(Path.cwd())),
        command=tuple(command),
        settings=settings,
        seeds=tuple(range(asked.seeds)),
        timeout=asked.timeout,
        jobs=asked.jobs,
        healthy=healthy,
        keep=asked.keep.absolute() if asked.keep is not None else None,
    )


def _probes(also: Sequence[str]) -> tuple[str, ...] | None:
    """The default probes and those that are asked for; None where none is."""
    known = {probe.name: probe.default for probe in probes()}
    for name in also:
        if name not in known:
            raise click.UsageError(f"--with: no probe {name!r}: known are {', '.join(known)}")
    return tuple(name for name, default in known.items() if default or name in also) if also else None


def watched(experiment: Experiment) -> Experiment:
    """The experiment with its progress shown, where standard error is a terminal."""
    if not sys.stderr.isatty():
        return experiment
    from .live import Live

    return replace(experiment, watch=Live())


def announce(experiment: Experiment, runs: str) -> None:
    """Say what will be run, before it is."""
    click.echo(
        f"mlfix runs your command as you, {runs}, each up to {experiment.settings.steps} optimizer steps and "
        f"{experiment.timeout:g} s; your files are not written: {shlex.join(experiment.command)}",
        err=True,
    )
