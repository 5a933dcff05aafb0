"""One bug a file, by stage of training."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from ..analyzer.checking import Codemod
from ..analyzer.rule import Rule

if TYPE_CHECKING:
    from .patterns.pattern_rule import PatternRule

STAGES = ("environment", "data", "model", "loss", "optimization", "precision", "efficiency", "config")


class BrokenRule(Exception):
    """A rule module that does not keep the contract; the message names it."""


@cache
def all_rules() -> tuple[Rule, ...]:
    """An instance of every rule, in the order of their codes.

    Raises:
        BrokenRule: a module under a stage holds no rule or more than one, or one whose name is not the file's.
    """
    rules: list[Rule] = []
    for stage in STAGES:
        package = importlib.import_module(f"{__name__}.{stage}")
        for info in pkgutil.iter_modules(package.__path__):
            if not info.name.startswith("_"):
                rules.append(_rule_of(f"{package.__name__}.{info.name}", info.name))
    return tuple(sorted(rules, key=lambda r: r.code))


def _rule_of(module_name: str, file_name: str) -> Rule:
    module = importlib.import_module(module_name)
    classes = [
        c
        for _, c in inspect.getmembers(module, inspect.isclass)
        if issubclass(c, Rule) and c.__module__ == module_name and not c.__name__.startswith("_")
    ]
    if len(classes) != 1:
        raise BrokenRule(f"{module_name} must hold one rule, and holds {len(classes)}")
    rule = classes[0]()
    if rule.name.replace("-", "_") != file_name:
        raise BrokenRule(f"{module_name} holds the rule {rule.name}: name the file after the rule")
    return rule


class BadUserRules(Exception):
    """Something named under ``rules`` in the configuration that cannot be used; the message says why.

    ``has_place``: whether the message begins with a file and a line.
    """

    def __init__(self, message: str, has_place: bool = False) -> None:
        super().__init__(message)
        self.has_place = has_place


def user_rules(named: Iterable[str], folder: Path) -> list[Rule]:
    """The rules of a user's own, named in the configuration.

    Modules come from the Python environment that runs mlfix; the scanned repository is not put on its path. A module
    may hold a function ``fix(finding, project)`` too: the codemod of its rules. A name that ends in ``.yaml`` or
    ``.yml`` is a file of patterns.

    Args:
        named: importable modules, and files of patterns relative to ``folder``.
        folder: where the configuration lies.

    Raises:
        BadUserRules: a module cannot be imported or holds no rule, a file is wrong, or two rules share a name or code.
    """
    found: list[Rule] = []
    for name in named:
        found += pattern_rules(folder / name, name) if is_pattern_file(name) else _rules_of_module(name)
    seen = {key: "mlfix itself" for rule in all_rules() for key in (rule.name, rule.code)}
    for rule in found:
        taken = next((key for key in (rule.name, rule.code) if key in seen), None)
        if taken is not None:
            message = f"{rule.origin}: {taken!r} is a rule of {seen[taken]} already: choose another"
            raise BadUserRules(message, has_place=":" in rule.origin)
        seen |= dict.fromkeys((rule.name, rule.code), rule.origin)
    return found


def is_pattern_file(name: str) -> bool:
    """Whether something named under ``rules`` is a file of patterns rather than a module."""
    return name.endswith((".yaml", ".yml"))


def pattern_rules(path: Path, shown: str) -> list[PatternRule]:
    """The rules of one file of patterns.

    Args:
        path: the file.
        shown: its name for messages.

    Raises:
        BadUserRules: the file is wrong; the message names it, the line and the remedy.
    """
    from .patterns.entries import read_entries  # YAML and all behind it, only where there is some
    from .patterns.pattern_rule import PatternRule
    from .patterns.tables import BadPatternFile

    try:
        return [PatternRule(entry) for entry in read_entries(path, shown)]
    except BadPatternFile as error:
        raise BadUserRules(str(error), has_place=True) from None


def _rules_of_module(name: str) -> list[Rule]:
    try:
        module = importlib.import_module(name)
    except Exception as error:  # the module is the user's own code and may fail in any way
        raise BadUserRules(f"rules: {name} cannot be imported ({error}): install it beside mlfix") from None
    classes = [c for _, c in inspect.getmembers(module, inspect.isclass) if c.__module__ == name]
    own = [c() for c in classes if issubclass(c, Rule) and not inspect.isabstract(c)]
    if not own:
        raise BadUserRules(f"rules: {name} holds no mlfix rule")
    return own


def user_codemods(rules: Iterable[Rule]) -> dict[str, Codemod]:
    """The ``fix`` functions beside a user's rules in their modules, by the names of the rules."""
    found: dict[str, Codemod] = {}
    for rule in rules:
        home = type(rule).__module__
        fix = None if home.startswith(f"{__name__}.") else getattr(sys.modules.get(home), "fix", None)
        if fix is not None:
            found[rule.name] = fix
    return found


def mended_by_pattern(rules: Iterable[Rule]) -> list[str]:
    """The names of the rules whose fix is written in a file of patterns."""
    home = f"{__name__}.patterns.pattern_rule"
    return [rule.name for rule in rules if type(rule).__module__ == home and vars(rule)["entry"].fix is not None]
