"""Options that commands share, and how they become a request to the engine."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click

from ..analyzer import suppressions
from ..analyzer.baseline import BadBaseline, read_baseline
from ..analyzer.checking import Codemod
from ..analyzer.engine import Progress, Request
from ..analyzer.findings import Confidence, Level
from ..analyzer.project.files import is_pattern
from ..analyzer.project.settings import BadSettings, Settings, load_settings
from ..analyzer.rule import Rule
from ..codemods import Tidy, all_codemods, pattern_codemod
from ..rules import BadUserRules, all_rules, mended_by_pattern, user_codemods, user_rules
from .exits import fail
from .places import Target, cache_folder, target_of


@dataclass(frozen=True)
class Asked:
    """What the command line said about which findings are wanted."""

    paths: tuple[Path, ...]
    rules: tuple[str, ...]
    ignore: tuple[str, ...]
    level: str | None
    confidence: str | None
    config: Path | None
    exclude: tuple[str, ...]
    no_cache: bool
    jobs: int


def scan_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of every command that scans; the command gets them as one ``asked``."""

    @click.argument("paths", metavar="[PATH]...", nargs=-1, type=click.Path(path_type=Path))
    @click.option("--rule", "rules", multiple=True, metavar="RULE", help="Only this rule (name or code); repeatable.")
    @click.option("--ignore", multiple=True, metavar="RULE", help="Not this rule; repeatable.")
    @click.option("--level", type=click.Choice([m.value for m in Level]), help="Hide what costs less; default: wastes.")
    @click.option(
        "--confidence",
        type=click.Choice([m.value for m in Confidence]),
        help="Hide what is less sure; default: medium.",
    )
    @click.option(
        "--config",
        metavar="FILE",
        type=click.Path(path_type=Path, dir_okay=False),
        help="Use this configuration file instead of the project's.",
    )
    @click.option(
        "--exclude", multiple=True, metavar="PATTERN", help="Leave files out, in .gitignore syntax; repeatable."
    )
    @click.option("--no-cache", is_flag=True, help="Neither read nor write the cache.")
    @click.option(
        "--jobs", "-j", type=click.IntRange(0), metavar="N", default=0, help="Processes; default: one a core."
    )
    @functools.wraps(command)
    def wrapped(
        paths: tuple[Path, ...],
        rules: tuple[str, ...],
        ignore: tuple[str, ...],
        level: str | None,
        confidence: str | None,
        config: Path | None,
        exclude: tuple[str, ...],
        no_cache: bool,
        jobs: int,
        **others: Any,  # noqa: ANN401 - the command's own options
    ) -> Any:  # noqa: ANN401
        asked = Asked(paths, rules, ignore, level, confidence, config, exclude, no_cache, jobs)
        return command(asked=asked, **others)

    return wrapped


def request_of(asked: Asked, progress: Progress | None = None, with_baseline: bool = True) -> Request:
    """The engine's request for a command line, over the project's settings.

    Args:
        asked: the command line.
        progress: told how far the scan is.
        with_baseline: whether the project's baseline counts.

    Raises:
        Failure: a path, rule, setting or baseline cannot be used.
    """
    target = target_of(asked.paths)
    settings = _settings(asked, target)
    known = available_rules(settings)
    for name in (*asked.rules, *asked.ignore):
        _check_name(known, name, allow_own=name not in asked.rules)
    _check_names(settings, known)
    return Request(
        root=target.root,
        rules=_chosen(known, asked.rules or settings.select, settings.ignore),
        codemods=available_codemods(known),
        settings=settings,
        only=target.only,
        cache_folder=None if asked.no_cache else cache_folder(target.root, settings),
        baseline=_baseline(target, settings) if with_baseline else frozenset(),
        jobs=asked.jobs,
        progress=progress,
    )


def project_settings() -> Settings:
    """The settings of the project around the current folder.

    Raises:
        Failure: they cannot be used.
    """
    try:
        return load_settings(target_of(()).root)
    except BadSettings as error:
        fail(str(error))


def available_rules(settings: Settings) -> list[Rule]:
    """mlfix's rules and the user's.

    Raises:
        Failure: a user's module cannot be used.
    """
    try:
        folder = settings.path.parent if settings.path is not None else Path()
        return [*all_rules(), *user_rules(settings.rules, folder)]
    except BadUserRules as error:
        fail(str(error) if error.has_place else f"{settings.path}: {error}")


def available_codemods(rules: Iterable[Rule]) -> dict[str, Codemod]:
    """mlfix's codemods, and those of the user's rules, by the rules' names."""
    rules = list(rules)
    patterns = dict.fromkeys(mended_by_pattern(rules), pattern_codemod())
    users = {name: Tidy(codemod) for name, codemod in user_codemods(rules).items()}
    return {**all_codemods(), **users, **patterns}


def find_rule(rules: Iterable[Rule], name: str) -> Rule:
    """A rule by name or code.

    Raises:
        Failure: there is none; with a suggestion.
    """
    rules = list(rules)
    _check_name(rules, name)
    return next(rule for rule in rules if name in (rule.name, rule.code))


def progress_bar() -> Progress | None:
    """A bar on standard error, where that is a terminal; it appears only for work long enough to wait for."""
    if not sys.stderr.isatty():
        return None
    from .progress import Bar

    return Bar()


def _settings(asked: Asked, target: Target) -> Settings:
    try:
        settings = load_settings(target.root, asked.config)
    except BadSettings as error:
        fail(str(error))
    for pattern in asked.exclude:
        if not is_pattern(pattern):
            fail(f"--exclude: {pattern!r} is no pattern in .gitignore syntax: correct or remove it")
    return replace(
        settings,
        level=Level(asked.level) if asked.level else settings.level,
        confidence=Confidence(asked.confidence) if asked.confidence else settings.confidence,
        ignore=(*settings.ignore, *asked.ignore),
        exclude=(*settings.exclude, *asked.exclude),
    )


def _baseline(target: Target, settings: Settings) -> frozenset[str]:
    if settings.baseline is None:
        return frozenset()
    try:
        return read_baseline(target.root / settings.baseline)
    except BadBaseline as error:
        fail(str(error))


def _check_names(settings: Settings, known: Sequence[Rule]) -> None:
    """A rule that a configuration misspells would be on or off without anybody noticing."""
    per_file = [name for names in settings.per_file_ignores.values() for name in names]
    for key, names in (("select", settings.select), ("ignore", settings.ignore), ("per-file-ignores", per_file)):
        for name in names:
            _check_name(known, name, where=f"{settings.path}: {key}: ", allow_own=key != "select")


def _check_name(known: Sequence[Rule], name: str, where: str = "", allow_own: bool = False) -> None:
    own = (suppressions.NAME, suppressions.CODE)
    names = [key for rule in known for key in (rule.name, rule.code)] + list(own if allow_own else ())
    if name in names:
        return
    if name in own:
        fail(f"{where}{name} comes with every scan and cannot be asked for alone; it can be ignored")
    import difflib

    close = difflib.get_close_matches(name, names, n=1)
    fail(f"{where}no rule {name!r}: " + (f"did you mean {close[0]}?" if close else "`mlfix rules` lists them"))


def _chosen(known: Sequence[Rule], select: Sequence[str], ignore: Sequence[str]) -> list[Rule]:
    return [
        rule
        for rule in known
        if (not select or not {rule.name, rule.code}.isdisjoint(select)) and {rule.name, rule.code}.isdisjoint(ignore)
    ]
