"""``mlfix apply``."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field

import click

from ..analyzer.engine import Request
from ..analyzer.findings import Applicability, Finding, Problem
from ..codemods.session import Mended, consented, mend, texts_of
from ..codemods.writing import write_changes
from . import exits
from .formats.diff import finding_diff, unified
from .options import Asked, find_rule, progress_bar, request_of, scan_options
from .places import journal_folder


@dataclass
class Outcome:
    """What one apply did, over all its rules."""

    fixed: list[Finding] = field(default_factory=list)
    refused: list[tuple[Finding, str]] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    paths: set[str] = field(default_factory=set)


@click.command("apply")
@scan_options
@click.option("--all", "all_rules", is_flag=True, help="Every rule's safe fixes (the default without --rule).")
@click.option("--unsafe", is_flag=True, help="Unsafe fixes too: they change what is trained.")
@click.option("--diff", is_flag=True, help="Show the changes; write nothing.")
@click.option("--interactive", is_flag=True, help="Ask about each fix.")
@click.option("--commit", is_flag=True, help="Make one git commit a rule.")
@click.option("--allow-dirty", is_flag=True, help="Go on although the git tree has uncommitted changes.")
@click.option("--exit-zero", is_flag=True, help="Exit 0 even if findings remain.")
@click.option("--exit-non-zero-on-fix", is_flag=True, help="Exit 1 if anything was changed.")
def command(
    asked: Asked,
    all_rules: bool,
    unsafe: bool,
    diff: bool,
    interactive: bool,
    commit: bool,
    allow_dirty: bool,
    exit_zero: bool,
    exit_non_zero_on_fix: bool,
) -> None:
    """Mend what `mlfix scan` finds.

    Safe fixes are applied; unsafe ones (they change what is trained) need --unsafe or their rule named with --rule.
    Every apply can be taken back with `mlfix undo`.
    """
    if all_rules and asked.rules:
        raise click.UsageError("--all and --rule do not go together")
    request = request_of(asked, progress_bar())
    named = {find_rule(request.rules, name).name for name in asked.rules}
    consent = _asking(named, unsafe) if interactive else lambda f: consented(f, named, unsafe)
    if diff:
        mended = mend(request, consent)
        click.echo(unified(texts_of(mended.changes), color=sys.stdout.isatty()), nl=False)
        sys.exit(exits.FINDINGS if mended.changes and not exit_zero else exits.CLEAN)
    if not allow_dirty or commit:
        _refuse_dirty(request, allow_dirty)
    outcome, last = _apply_and_commit(request, consent) if commit else _apply(request, consent)
    _tell(outcome, last)
    sys.exit(_exit_code(outcome, last, exit_zero, exit_non_zero_on_fix))


def _apply(request: Request, consent: Callable[[Finding], bool]) -> tuple[Outcome, Mended]:
    outcome = Outcome()
    mended = mend(request, consent)
    _write(request, mended, outcome)
    return outcome, mended


def _apply_and_commit(request: Request, consent: Callable[[Finding], bool]) -> tuple[Outcome, Mended]:
    """One commit for each rule that changed something."""
    from .git import commit_files

    outcome = Outcome()
    mended = mend(request, lambda _: False)
    for rule in request.rules:
        if not any(f.rule == rule.name for f in mended.report.findings):
            continue
        mended = mend(request, lambda f, name=rule.name: f.rule == name and consent(f))
        before = len(outcome.fixed)
        paths = _write(request, mended, outcome)
        if paths:
            fixed = outcome.fixed[before:]
            commit_files(request.root, sorted(paths), _commit_message(fixed))
    return outcome, mended


def _commit_message(fixed: list[Finding]) -> str:
    rule = fixed[0]
    places = [f"- {f.location.path}:{f.location.line}: {f.message}" for f in fixed]
    title = f"Fix {rule.rule} in {len({f.location.path for f in fixed})} file(s)"
    return "\n".join([title, "", *places, "", f"mlfix rule {rule.code}. {rule.symptom}"])


def _write(request: Request, mended: Mended, outcome: Outcome) -> set[str]:
    """Put a round's changes on disk; a fix counts as applied only if all of its files were written."""
    outcome.refused += mended.refused
    if not mended.changes:
        return set()
    try:
        written = write_changes(request.root, mended.changes, journal_folder(request.root))
    except OSError as error:
        exits.fail(f"nothing was changed: the record for `mlfix undo` cannot be written: {error.strerror}")
    outcome.problems += written.problems
    outcome.paths |= set(written.paths)
    for finding in mended.applied:
        assert finding.fix is not None
        if {e.path for e in finding.fix.edits} <= set(written.paths):
            outcome.fixed.append(finding)
    return set(written.paths)


def _asking(named: set[str], unsafe: bool) -> Callable[[Finding], bool]:
    """Consent by asking: y, n, a (yes to this rule's all), q (no more)."""
    always: set[str] = set()
    stopped = False

    def ask(finding: Finding) -> bool:
        nonlocal stopped
        if stopped or finding.fix is None or finding.fix.applicability is Applicability.ADVICE:
            return False
        if finding.rule in always:
            return True
        place = finding.location
        click.echo(f"\n{place.path}:{place.line}: {finding.rule}: {finding.message}")
        click.echo(f"{finding.fix.applicability} fix: {finding.fix.title}")
        click.echo(finding_diff(finding), nl=False)
        answer = click.prompt("apply? (y)es, (n)o, (a)ll of this rule, (q)uit", type=click.Choice(list("ynaq")))
        if answer == "a":
            always.add(finding.rule)
        stopped = answer == "q"
        return answer in "ya"

    return ask


def _refuse_dirty(request: Request, allow_dirty: bool) -> None:
    from .git import changed_files, is_repository

    if not is_repository(request.root):
        return
    changed = changed_files(request.root)
    if changed and not allow_dirty:
        some = ", ".join(changed[:3]) + (" ..." if len(changed) > 3 else "")
        exits.fail(f"the git tree has uncommitted changes ({some}): commit or stash them, or use --allow-dirty")


def _tell(outcome: Outcome, last: Mended) -> None:
    for finding in outcome.fixed:
        assert finding.fix is not None
        place = finding.location
        click.echo(f"fixed {place.path}:{place.line}: {finding.rule}: {finding.fix.title}")
    for finding, reason in outcome.refused:
        click.echo(f"not fixed {finding.location.path}:{finding.location.line}: {finding.rule}: {reason}", err=True)
    for problem in [*outcome.problems, *last.report.problems]:
        line = f":{problem.line}" if problem.line else ""
        click.echo(f"mlfix: error: {problem.path}{line}: {problem.message}", err=True)
    waiting = [f for f in last.report.findings if f.fix is not None and f.fix.applicability is Applicability.UNSAFE]
    files = f"{len(outcome.paths)} file{'s' if len(outcome.paths) != 1 else ''}"
    click.echo(f"{len(outcome.fixed)} fixed in {files}, {len(last.report.findings)} left", err=True)
    if waiting:
        click.echo(
            f"{len(waiting)} of them have an unsafe fix (it changes what is trained): --unsafe or --rule", err=True
        )
    if outcome.fixed:
        click.echo("`mlfix undo` takes this back", err=True)


def _exit_code(outcome: Outcome, last: Mended, exit_zero: bool, exit_non_zero_on_fix: bool) -> int:
    if outcome.problems:
        return exits.FAILED
    if outcome.fixed and exit_non_zero_on_fix:
        return exits.FINDINGS
    return exits.FINDINGS if last.report.findings and not exit_zero else exits.CLEAN
