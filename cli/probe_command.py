"""``mlfix probe``."""

from __future__ import annotations

import sys
import time
from dataclasses import replace

import click

from ..analyzer.engine import scan
from ..analyzer.findings import Finding
from ..analyzer.runtime.results import VerifyResult
from ..analyzer.runtime.symptoms import explain
from ..analyzer.runtime.trees import TreeError
from . import exits
from .run_options import RunAsked, announce, command_of, experiment_of, run_options, scan_request, watched
from .run_output import environment_of, never_started, put_result, reproduce
from .trying import proofs_of


@click.command("probe", context_settings={"allow_interspersed_args": False})
@run_options
@click.option("--scan/--no-scan", "with_scan", default=True, help="Look for the causes in the code too; default: yes.")
def command(asked: RunAsked, with_scan: bool) -> None:
    """Run your command once, instrumented: what is unhealthy, and which finding explains it.

    COMMAND is run as you would run it, in a tree of its own: your files are not written.

    \b
    mlfix probe -- python train.py

    \b
    Exit codes:
      0  everything that was seen is healthy
      1  something is not, or the command did not train
      2  nothing could be run
    """
    started = time.monotonic()
    # A finding too unsure to be shown may be the very cause of a symptom.
    request = scan_request(asked, confidence="low")
    words = command_of(asked, request)
    experiment = replace(experiment_of(asked, request, words), seeds=(0,))
    findings: tuple[Finding, ...] = scan(request).findings if with_scan else ()
    announce(experiment, "once")
    try:
        run = watched(experiment).probe()
    except TreeError as error:
        exits.fail(str(error))
    symptoms = explain(run, findings, proofs_of(request))
    result = VerifyResult(
        kind="probe",
        command=words,
        root=request.root,
        runs=(run,),
        findings=findings,
        symptoms=symptoms,
        environment=environment_of(experiment, (run,)),
        reproduce=reproduce("probe", asked, words, [] if with_scan else ["--no-scan"]),
        seconds=time.monotonic() - started,
    )
    put_result(result, asked)
    if never_started(result):
        sys.exit(exits.FAILED)
    sys.exit(exits.FINDINGS if symptoms or not run.ran else exits.CLEAN)
