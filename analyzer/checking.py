"""Facts to findings: the second pass, over the files that a rule wants."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from .findings import Finding, Fix, Problem
from .graph.project import Project
from .rule import Rule
from .source.reader import Unreadable

Codemod = Callable[[Finding, Project], Fix]
"""Turns a finding's repair into edits. Raises :class:`NoFix` with the reason where this place cannot be mended."""


class NoFix(Exception):
    """A codemod's refusal: why this place gets no fix. The message is shown to the user."""


@dataclass(frozen=True)
class Checked:
    """What the rules said of one file, and the other files they looked into."""

    path: str
    findings: tuple[Finding, ...] = ()
    problems: tuple[Problem, ...] = ()
    consulted: frozenset[str] = field(default_factory=frozenset)


def check_file(project: Project, path: str, rules: Sequence[Rule], codemods: Mapping[str, Codemod]) -> Checked:
    """Run the rules that want a file on it and prepare each finding's fix.

    A rule that fails on one file is one problem that names both; it never ends the scan.
    """
    facts = project.files[path]
    wanting = [rule for rule in rules if rule.name in facts.wanted_by]
    if not wanting:
        return Checked(path)
    project.consulted.clear()
    project.problems.clear()
    findings: list[Finding] = []
    problems: list[Problem] = []
    try:
        module = project.module(path)
    except Unreadable as error:
        return Checked(path, problems=(error.problem,))
    for rule in wanting:
        try:
            findings += rule.check(module, project)
        except RecursionError:
            problems.append(Problem(path, f"nests too deeply for {rule.name}: its findings here are not known"))
        except Exception as error:  # one rule's fault must not cost the user the other findings
            problems.append(_internal(path, f"rule {rule.name}", error))
    fixed = _with_fixes(findings, project, codemods, problems)
    return Checked(path, fixed, (*problems, *project.problems), frozenset(project.consulted))


def check_project(project: Project, rules: Iterable[Rule], codemods: Mapping[str, Codemod]) -> Checked:
    """Run the rules' checks of the repository as a whole."""
    findings: list[Finding] = []
    problems: list[Problem] = []
    project.consulted.clear()
    project.problems.clear()
    for rule in rules:
        try:
            findings += rule.check_project(project)
        except Exception as error:  # as above
            problems.append(_internal(".", f"rule {rule.name}", error))
    fixed = _with_fixes(findings, project, codemods, problems)
    return Checked("", fixed, (*problems, *project.problems), frozenset(project.consulted))


def with_fix(finding: Finding, project: Project, codemods: Mapping[str, Codemod]) -> Finding:
    """The finding with its fix, or with the reason why it has none."""
    if finding.repair is None:
        return finding
    codemod = codemods.get(finding.rule)
    if codemod is None:
        return finding
    try:
        return finding.with_fix(codemod(finding, project))
    except NoFix as reason:
        return finding.with_fix(None, str(reason))


def _with_fixes(
    findings: Iterable[Finding], project: Project, codemods: Mapping[str, Codemod], problems: list[Problem]
) -> tuple[Finding, ...]:
    """The findings with their fixes; a codemod that fails costs its finding the fix, and is a problem."""
    fixed: list[Finding] = []
    for finding in findings:
        try:
            fixed.append(with_fix(finding, project, codemods))
        except Exception as error:  # as for rules
            problems.append(_internal(finding.location.path, f"the fix of {finding.rule}", error))
            fixed.append(finding.with_fix(None, "its codemod failed: please report it"))
    return tuple(fixed)


def number_occurrences(findings: Iterable[Finding]) -> list[Finding]:
    """Findings in output order; equal ones of one scope are told apart by their order."""
    seen: Counter[tuple[str, str, str, str]] = Counter()
    numbered: list[Finding] = []
    for finding in sorted(findings, key=lambda f: f.sort_key):
        same = (finding.rule, finding.location.path, finding.scope, finding.subject)
        numbered.append(replace(finding, occurrence=seen[same]))
        seen[same] += 1
    return numbered


def _internal(path: str, where: str, error: Exception) -> Problem:
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    place = f"{frame.tb_frame.f_code.co_name}:{frame.tb_lineno}" if frame is not None else "unknown"
    detail = f"{type(error).__name__}: {error} (in {place})"
    return Problem(path, f"internal error in {where}: {detail}: please report it; everything else went on")
