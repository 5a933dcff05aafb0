"""``mlfix apply``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import click

from ..analyzer.engine import Request
from ..analyzer.findings import Applicability, Finding, Problem
from ..analyzer.source.reader import Sources
from ..codemods.copies import Copies, as_copies
from ..codemods.session import Consent, Mended, consented, mend, texts_of
from ..codemods.writing import write_changes
from . import exits
from .formats.diff import unified
from .options import Asked, find_rule, progress_bar, request_of, scan_options
from .places import journal_folder, verdicts_file
from .terminal import one_line, put, stdout_is_colored
from .verdicts import verdict_lines


@dataclass
class Outcome:
    """What one apply did, over all its rules. ``failure`` is what ended it early, ``unwritten`` are findings with a fix
    that could not be put on disk.

    ``copied`` are configurations whose mended text was written beside them, ``silent`` the copies without reasons.
    """

    fixed: list[Finding] = field(default_factory=list)
    unwritten: list[Finding] = field(default_factory=list)
    refused: list[tuple[Finding, str]] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    paths: set[str] = field(default_factory=set)
    copied: dict[str, str] = field(default_factory=dict)
    silent: tuple[str, ...] = ()
    commits: int = 0
    failure: str = ""


@click.command("apply")
@scan_options
@click.option("--all", "all_rules", is_flag=True, help="Every rule's safe fixes: the default without --rule.")
@click.option("--unsafe", is_flag=True, help="Unsafe fixes too: they change what is trained.")
@click.option("--style", metavar="NAME", help="Mend in this way, where a rule has several; `mlfix explain` lists them.")
@click.option("--write-copy", is_flag=True, help="Write NAME_fixed.yaml beside a configuration instead of editing it.")
@click.option("--diff", is_flag=True, help="Show the changes and write nothing.")
@click.option("--interactive", is_flag=True, help="Ask about each fix, safe or unsafe.")
@click.option("--commit", is_flag=True, help="Make one git commit for each rule.")
@click.option("--allow-dirty", is_flag=True, help="Go on although the git tree has uncommitted changes.")
@click.option("--exit-zero", is_flag=True, help="Exit 0 even if findings remain.")
@click.option("--exit-non-zero-on-fix", is_flag=True, help="Exit 1 if anything was changed.")
def command(
    asked: Asked,
    all_rules: bool,
    unsafe: bool,
    style: str | None,
    write_copy: bool,
    diff: bool,
    interactive: bool,
    commit: bool,
    allow_dirty: bool,
    exit_zero: bool,
    exit_non_zero_on_fix: bool,
) -> None:
    """Mend what `mlfix scan` finds.

    Safe fixes are applied. Unsafe ones (they change what is trained) need --unsafe, or their rule named with --rule.
    Every apply can be taken back with `mlfix undo`.

    \b
    Exit codes:
      0  nothing is left
      1  findings are left (with --diff: there is something to change)
      2  something could not be done
    """
    if all_rules and asked.rules:
        raise click.UsageError("--all and --rule do not go together")
    if diff and commit:
        raise click.UsageError("--diff writes nothing, so there is nothing to --commit")
    if write_copy and commit:
        raise click.UsageError("--write-copy and --commit do not go together: a copy is no change of yours to keep")
    request = request_of(asked, progress_bar())
    request = request if style is None else _in_style(request, asked, style)
    consent = _consent(request, asked, unsafe, interactive)
    if diff:
        _show(request, mend(request, consent), write_copy, exit_zero)
    _check_git(request, commit, allow_dirty)
    outcome, last = _apply_and_commit(request, consent) if commit else _apply(request, consent, write_copy)
    # Asked for already, what is left of them was refused.
    _tell(outcome, last, offer_unsafe=not (interactive or unsafe or asked.rules))
    sys.exit(_exit_code(outcome, last, exit_zero, exit_non_zero_on_fix))


def _in_style(request: Request, asked: Asked, style: str) -> Request:
    """The request with a style's codemods in place of the default ones; every rule that is named must have it."""
    from ..codemods.styles import styles_of

    named = [find_rule(request.rules, name).name for name in asked.rules]
    styles = {name: styles_of(name) for name in named or [rule.name for rule in request.rules]}
    for name in named:
        if style not in styles[name]:
            known = f"has {', '.join(styles[name])}" if styles[name] else "has none"
            exits.fail(f"{name} has no style {style!r}; it {known}: leave --style out, or name another rule")
    chosen = {name: of[style] for name, of in styles.items() if style in of}
    if not chosen:
        known = sorted({s for of in styles.values() for s in of})
        exits.fail(f"no rule has a style {style!r}: " + (f"there is {', '.join(known)}" if known else "there is none"))
    return replace(request, codemods={**request.codemods, **chosen})


def _consent(request: Request, asked: Asked, unsafe: bool, interactive: bool) -> Consent:
    if interactive:
        from .asking import Asking

        return Asking(request.root)
    named = {find_rule(request.rules, name).name for name in asked.rules}
    return lambda finding, _: consented(finding, named, unsafe)


def _show(request: Request, mended: Mended, write_copy: bool, exit_zero: bool) -> None:
    changes = _copies(request, mended).changes if write_copy else mended.changes
    put(unified(texts_of(changes), color=stdout_is_colored(None)), None)
    _tell_refused(mended.refused)
    sys.exit(exits.FINDINGS if changes and not exit_zero else exits.CLEAN)


def _copies(request: Request, mended: Mended) -> Copies:
    return as_copies(Sources(request.root), mended.changes, mended.applied)


def _check_git(request: Request, commit: bool, allow_dirty: bool) -> None:
    """Refuse to mix mlfix's changes with others that could not be told apart afterwards."""
    from . import git

    if not git.is_repository(request.root):
        if commit:
            exits.fail(f"--commit needs a git repository, and {request.root} lies in none")
        return
    changed = [] if allow_dirty else git.changed_files(request.root)
    if changed:
        some = ", ".join(changed[:3]) + (" ..." if len(changed) > 3 else "")
        exits.fail(f"the git tree has uncommitted changes ({some}): commit or stash them, or use --allow-dirty")


def _apply(request: Request, consent: Consent, write_copy: bool) -> tuple[Outcome, Mended]:
    outcome = Outcome()
    mended = mend(request, consent)
    if write_copy:
        copies = _copies(request, mended)
        outcome.copied, outcome.silent = dict(copies.copied), copies.silent
        mended.changes = dict(copies.changes)
    _write(request, mended, outcome)
    return outcome, mended


def _apply_and_commit(request: Request, consent: Consent) -> tuple[Outcome, Mended]:
    """One commit for each rule that changed something."""
    from . import git

    outcome = Outcome()
    last = mend(request, lambda *_: False)
    for rule in request.rules:
        if not any(f.rule == rule.name for f in last.report.findings):
            continue
        mended = mend(request, lambda f, changed, name=rule.name: f.rule == name and consent(f, changed))
        outcome.failure = _reason_not_to_commit(request, mended)
        if outcome.failure:
            return outcome, last
        last, before = mended, len(outcome.fixed)
        paths = sorted(_write(request, mended, outcome))
        if not paths:
            continue
        said = git.commit_files(request.root, paths, _commit_message(request, outcome.fixed[before:]))
        if said is not None:
            click.echo(said, err=True)
            files = ", ".join(paths)
            outcome.failure = f"git commit failed (its output is above): {files} stay changed, and uncommitted"
            return outcome, last
        outcome.commits += 1
    return outcome, last


def _reason_not_to_commit(request: Request, mended: Mended) -> str:
    """A commit holds mlfix's changes alone: none of the user's to the same files, no file that git does not know."""
    from . import git

    if not mended.changes:
        return ""
    mixed = git.changed_files(request.root, sorted(mended.changes), untracked=True)
    return (
        f"{mixed[0]} has changes that are not committed: commit them first, or apply without --commit" if mixed else ""
    )


def _commit_message(request: Request, fixed: Sequence[Finding]) -> str:
    rule = fixed[0]
    places = [f"- {f.location.path}:{f.location.line}: {f.message}" for f in fixed]
    title = f"Fix {rule.rule} in {_files({f.location.path for f in fixed})}"
    verdicts = verdict_lines(verdicts_file(request.root), fixed)
    proven = ["", "By `mlfix verify`:", *(f"- {line}" for line in verdicts)] if verdicts else []
    return "\n".join([title, "", *places, *proven, "", f"mlfix rule {rule.code}. {rule.symptom}"])


def _write(request: Request, mended: Mended, outcome: Outcome) -> set[str]:
    """Put a round's changes on disk; a fix counts as applied only if all of its files were written."""
    outcome.refused += mended.refused
    if not mended.changes:
        return set()
    try:
        written = write_changes(request.root, mended.changes, journal_folder(request.root))
    except OSError as error:
        remedy = "set MLFIX_STATE_DIR to a folder that takes it"
        exits.fail(f"nothing was changed: the record for `mlfix undo` cannot be written: {error.strerror}: {remedy}")
    outcome.problems += written.problems
    outcome.paths |= set(written.paths)
    for finding in mended.applied:
        assert finding.fix is not None
        if {outcome.copied.get(e.path, e.path) for e in finding.fix.edits} <= set(written.paths):
            outcome.fixed.append(finding)
        else:
            outcome.unwritten.append(finding)
    return set(written.paths)


def _tell(outcome: Outcome, last: Mended, offer_unsafe: bool) -> None:
    for finding in outcome.fixed:
        assert finding.fix is not None
        place = finding.location
        click.echo(one_line(f"fixed {place.path}:{place.line}: {finding.rule}: {finding.fix.title}"))
    for path, copy in outcome.copied.items():
        if copy in outcome.paths:
            why = ", without the reasons: its format has no place for comments" if copy in outcome.silent else ""
            click.echo(one_line(f"wrote {copy} beside {path}, which stays as it is{why}"))
        elif not any(p.path == copy for p in outcome.problems):
            click.echo(f"{copy} is there already, as it would be written")
    _tell_refused(outcome.refused)
    for problem in [*outcome.problems, *last.report.problems]:
        line = f":{problem.line}" if problem.line else ""
        click.echo(one_line(f"mlfix: error: {problem.path}{line}: {problem.message}"), err=True)
    left = [*last.report.findings, *outcome.unwritten]
    click.echo(f"{len(outcome.fixed)} fixed in {_files(outcome.paths)}, {len(left)} left", err=True)
    waiting = sum(f.fix is not None and f.fix.applicability is Applicability.UNSAFE for f in left)
    if waiting and offer_unsafe:
        have = "has an unsafe fix, which changes" if waiting == 1 else "have unsafe fixes, which change"
        click.echo(f"{waiting} of those left {have} what is trained: --unsafe or --rule", err=True)
    if outcome.commits:
        click.echo(f"{outcome.commits} commit{_s(outcome.commits)} made; `git revert` takes one back", err=True)
    elif outcome.fixed:
        click.echo("`mlfix undo` takes this back", err=True)
    if outcome.failure:
        click.echo(f"mlfix: error: {outcome.failure}", err=True)


def _tell_refused(refused: Sequence[tuple[Finding, str]]) -> None:
    for finding, reason in refused:
        place = finding.location
        click.echo(one_line(f"not fixed {place.path}:{place.line}: {finding.rule}: {reason}"), err=True)


def _files(paths: set[str]) -> str:
    return f"{len(paths)} file{_s(len(paths))}"


def _s(count: int) -> str:
    return "" if count == 1 else "s"


def _exit_code(outcome: Outcome, last: Mended, exit_zero: bool, exit_non_zero_on_fix: bool) -> int:
    if outcome.problems or outcome.failure:
        return exits.FAILED
    if outcome.fixed and exit_non_zero_on_fix:
        return exits.FINDINGS
    return exits.FINDINGS if last.report.findings and not exit_zero else exits.CLEAN
