"""Options that commands share, and how they become a request to the engine."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click

from ..analyzer.baseline import BadBaseline, read_baseline
from ..analyzer.engine import Progress, Request
from ..analyzer.findings import Confidence, Level
from ..analyzer.project.settings import BadSettings, Settings, load_settings
from ..analyzer.rule import Rule
from ..codemods import all_codemods
from ..rules import BadUserRules, all_rules, user_rules
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

    @click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
    @click.option("--rule", "rules", multiple=True, metavar="RULE", help="Only this rule (name or code); repeatable.")
    @click.option("--ignore", multiple=True, metavar="RULE", help="Not this rule; repeatable.")
    @click.option("--level", type=click.Choice([m.value for m in Level]), help="Hide what costs less than this.")
    @click.option("--confidence", type=click.Choice([m.value for m in Confidence]), help="Hide what is less sure.")
    @click.option("--config", type=click.Path(path_type=Path, dir_okay=False), help="Use this configuration file.")
    @click.option("--exclude", multiple=True, metavar="PATTERN", help="Leave out, in .gitignore syntax; repeatable.")
    @click.option("--no-cache", is_flag=True, help="Neither read nor write the cache.")
    @click.option("--jobs", "-j", type=click.IntRange(0), default=0, help="Processes; 0 (default): one a core.")
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


def request_of(asked: Asked, progress: Progress | None = None) -> Request:
    """The engine's request for a command line, over the project's settings.

    Raises:
        Failure: a path, rule, setting or baseline cannot be used.
    """
    target = target_of(asked.paths)
    settings = _settings(asked, target)
    known = available_rules(settings)
    chosen = _chosen(known, asked.rules or settings.select, (*asked.ignore, *settings.ignore))
    baseline: frozenset[str] = frozenset()
    if settings.baseline is not None:
        try:
            baseline = read_baseline(target.root / settings.baseline)
        except BadBaseline as error:
            fail(str(error))
    return Request(
        root=target.root,
        rules=chosen,
        codemods=all_codemods(),
        settings=settings,
        only=target.only,
        cache_folder=None if asked.no_cache else cache_folder(target.root, settings),
        baseline=baseline,
        jobs=asked.jobs,
        progress=progress,
    )


def available_rules(settings: Settings) -> list[Rule]:
    """mlfix's rules and the user's."""
    try:
        return [*all_rules(), *user_rules(settings.rules)]
    except BadUserRules as error:
        fail(f"{settings.path}: {error}")


def find_rule(rules: Iterable[Rule], name: str) -> Rule:
    """A rule by name or code; ends with a suggestion where there is none."""
    by_name = {key: rule for rule in rules for key in (rule.name, rule.code)}
    if name not in by_name:
        import difflib

        close = difflib.get_close_matches(name, by_name, n=1)
        fail(f"no rule {name!r}: " + (f"did you mean {close[0]}?" if close else "`mlfix rules` lists them"))
    return by_name[name]


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
    return replace(
        settings,
        level=Level(asked.level) if asked.level else settings.level,
        confidence=Confidence(asked.confidence) if asked.confidence else settings.confidence,
        exclude=(*settings.exclude, *asked.exclude),
    )


def _chosen(known: Sequence[Rule], select: Sequence[str], ignore: Sequence[str]) -> list[Rule]:
    from ..analyzer import suppressions

    own = (suppressions.NAME, suppressions.CODE)
    selected = {find_rule(known, name).name for name in select if name not in own} or {r.name for r in known}
    ignored = {find_rule(known, name).name for name in ignore if name not in own}
    return [r for r in known if r.name in selected - ignored]
