"""``mlfix verify``."""

from __future__ import annotations

import sys
import time

import click

from ..analyzer.findings import Finding
from ..analyzer.runtime.experiment import Experiment
from ..analyzer.runtime.results import Label, Run, VerifyResult
from ..analyzer.runtime.trees import TreeError
from ..analyzer.runtime.trials import FixGroup, Trial
from ..analyzer.runtime.verdict import is_repeatable, judge
from . import exits
from .options import find_rule
from .places import verdicts_file
from .run_options import RunAsked, announce, command_of, experiment_of, run_options, scan_request, watched
from .run_output import environment_of, never_started, put_result, reproduce
from .trying import fix_groups
from .verdicts import store_verdicts


@click.command("verify", context_settings={"allow_interspersed_args": False})
@run_options
@click.option("--joint", is_flag=True, help="Try all fixes together instead of one rule at a time.")
def command(asked: RunAsked, joint: bool) -> None:
    """Prove the fixes on your own command: run it as is and mended, and compare.

    COMMAND is run as you would run it, several times, each time in a tree of its own: your files are not written. The
    verdict on each fix says whether the command shows the defect as is, and no longer with the fix; the loss is shown,
    and decides nothing.

    \b
    mlfix verify -- python train.py --epochs 3
    mlfix verify --rule scheduler-accumulation --report report.html -- python train.py

    \b
    Exit codes:
      0  every fix is verified (or there is none)
      1  a fix is not
      2  nothing could be run
    """
    started = time.monotonic()
    request = scan_request(asked)
    for name in asked.rules:
        find_rule(request.rules, name)
    words = command_of(asked, request)
    experiment = experiment_of(asked, request, words)
    groups, findings, refused = fix_groups(request, joint)
    if groups:
        announce(experiment, _how_many(groups, experiment))
    try:
        trials = watched(experiment).verify(groups) if groups else []
    except TreeError as error:
        exits.fail(str(error))
    result = VerifyResult(
        kind="verify",
        command=words,
        root=request.root,
        verdicts=tuple(v for trial in trials for v in judge(trial)),
        runs=_runs(trials),
        findings=tuple(findings),
        deterministic=next((d for t in trials if (d := is_repeatable(t)) is not None), None),
        environment=environment_of(experiment, _runs(trials)),
        reproduce=reproduce("verify", asked, words, ["--joint"] if joint else []),
        notes=tuple(_notes(trials, findings, refused, joint)),
        seconds=time.monotonic() - started,
    )
    if result.verdicts:
        try:
            store_verdicts(verdicts_file(request.root), result)
        except OSError as error:
            click.echo(f"mlfix: warning: the verdicts are not kept for `apply --commit`: {error.strerror}", err=True)
    put_result(result, asked)
    sys.exit(_exit_code(result))


def _how_many(groups: list[FixGroup], experiment: Experiment) -> str:
    seeds, count = len(experiment.seeds), len(groups)
    what = f"{seeds} seed{'s' * (seeds > 1)}, as is and with {count} set{'s' * (count > 1)} of fixes"
    return f"about {seeds + 1 + seeds * count} times ({what})"


def _runs(trials: list[Trial]) -> tuple[Run, ...]:
    """Every run once: as is first."""
    as_is = [r for t in trials for r in (*t.as_is, *((t.repeat,) if t.repeat is not None else ()))]
    fixed = [r for t in trials for r in t.fixed]
    return tuple({id(r): r for r in (*as_is, *fixed)}.values())


def _notes(trials: list[Trial], findings: list[Finding], refused: list[tuple[Finding, str]], joint: bool) -> list[str]:
    notes = []
    if joint and len(trials) == 1 and len({s.finding.rule for s in trials[0].group.subjects}) > 1:
        notes.append("all fixes were tried together: what they do alone is not known")
    tried = {s.finding.fingerprint for t in trials for s in t.group.subjects}
    without = [f for f in findings if f.fingerprint not in tried and f.fix is None]
    if without:
        names = ", ".join(dict.fromkeys(f.rule for f in without))
        notes.append(f"{len(without)} finding{'s' * (len(without) > 1)} without a fix cannot be tried ({names})")
    notes += [f"{f.location.path}:{f.location.line}: {f.rule} was not tried: {reason}" for f, reason in refused]
    if not trials:
        notes.append("nothing to verify: no finding has a fix")
    return notes


def _exit_code(result: VerifyResult) -> int:
    if result.runs and never_started(result):
        return exits.FAILED
    return exits.CLEAN if all(v.label is Label.VERIFIED for v in result.verdicts) else exits.FINDINGS
