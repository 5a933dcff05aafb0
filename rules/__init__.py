"""One bug a file, by stage of training."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import sys
from functools import cache

from ..analyzer.checking import Codemod
from ..analyzer.rule import Rule

STAGES = ("environment", "data", "model", "loss", "optimization")


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
    """A module named under ``rules`` in the configuration that cannot be used; the message says why."""


def user_rules(modules: tuple[str, ...]) -> list[Rule]:
    """The rules of importable modules named in the configuration.

    They come from the Python environment that runs mlfix; the scanned repository is not put on its path. A module may
    hold a function ``fix(finding, project)`` too: the codemod of its rules.

    Raises:
        BadUserRules: a module cannot be imported, or holds no rule.
    """
    found: list[Rule] = []
    for name in modules:
        try:
            module = importlib.import_module(name)
        except Exception as error:  # the module is the user's own code and may fail in any way
            raise BadUserRules(f"rules: {name} cannot be imported ({error}): install it beside mlfix") from None
        classes = [c for _, c in inspect.getmembers(module, inspect.isclass) if c.__module__ == name]
        own = [c() for c in classes if issubclass(c, Rule) and not inspect.isabstract(c)]
        if not own:
            raise BadUserRules(f"rules: {name} holds no mlfix rule")
        found += own
    return found


def user_codemods(modules: tuple[str, ...]) -> dict[str, Codemod]:
    """The ``fix`` functions of the modules that hold one, by the names of their rules; after :func:`user_rules`."""
    fixes = {name: getattr(sys.modules[name], "fix", None) for name in modules}
    return {rule.name: fix for rule in user_rules(modules) if (fix := fixes[type(rule).__module__]) is not None}
