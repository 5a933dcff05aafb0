"""From everything the rules said to what counts: suppressions, ignores, paths, thresholds, baseline."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from pathspec import GitIgnoreSpec

from .findings import Confidence, Finding, Level
from .project.settings import Settings
from .rule import Rule
from .source.reader import Sources, Unreadable, decode
from .suppressions import CODE as UNUSED_CODE
from .suppressions import NAME as UNUSED_NAME
from .suppressions import read_suppressions, suppress, unused


@dataclass(frozen=True)
class Selected:
    """``findings`` count; ``suppressed`` were silenced by comments; the numbers say how many others there were."""

    findings: tuple[Finding, ...]
    suppressed: tuple[Finding, ...]
    hidden: int
    known: int


def select(
    findings: Iterable[Finding],
    settings: Settings,
    rules: Sequence[Rule],
    only: Collection[str] | None,
    baseline: frozenset[str],
    sources: Sources,
    marked: Iterable[str],
) -> Selected:
    """Sort out which findings count.

    Args:
        findings: all of them, numbered.
        settings: thresholds and per-file ignores.
        rules: the rules that ran.
        only: paths that the report is about; None is all.
        baseline: accepted fingerprints.
        sources: where files are read from, for their suppression comments.
        marked: files that hold suppression comments.
    """
    ignores = [(GitIgnoreSpec.from_lines([pattern]), names) for pattern, names in settings.per_file_ignores.items()]
    every = _with_suppressions(list(findings), settings, rules, sources, marked)
    here = [f for f in every if is_in(f.location.path, only) and not _is_ignored(f, ignores)]
    active = [f for f in here if not f.suppressed]
    shown = [f for f in active if is_strong_enough(f, settings.level, settings.confidence)]
    new = sorted((f for f in shown if f.fingerprint not in baseline), key=lambda f: f.sort_key)
    silenced = tuple(f for f in here if f.suppressed)
    return Selected(tuple(new), silenced, len(active) - len(shown), len(shown) - len(new))


def is_strong_enough(finding: Finding, level: Level, confidence: Confidence) -> bool:
    """Whether a finding reaches both thresholds."""
    return finding.level.rank <= level.rank and finding.confidence.rank <= confidence.rank


def is_in(path: str, only: Collection[str] | None) -> bool:
    """Whether a file is one of some paths (files or folders) or lies below one; None is all."""
    return only is None or any(path == o or o in ("", ".") or path.startswith(o.rstrip("/") + "/") for o in only)


def _with_suppressions(
    findings: list[Finding], settings: Settings, rules: Sequence[Rule], sources: Sources, marked: Iterable[str]
) -> list[Finding]:
    active = {name for rule in rules for name in (rule.name, rule.code)}
    tells_unused = {UNUSED_NAME, UNUSED_CODE}.isdisjoint(settings.ignore)
    result: list[Finding] = []
    commented = set(marked)
    for path in sorted(commented):
        try:
            text = decode(path, sources.read(path))
        except Unreadable:
            commented.discard(path)
            continue
        comments = read_suppressions(text)
        result += suppress((f for f in findings if f.location.path == path), comments)
        if tells_unused:
            result += unused(path, text, comments, active)
    return result + [f for f in findings if f.location.path not in commented]


def _is_ignored(finding: Finding, ignores: Sequence[tuple[GitIgnoreSpec, tuple[str, ...]]]) -> bool:
    path = finding.location.path
    return any((finding.rule in names or finding.code in names) and spec.match_file(path) for spec, names in ignores)
