"""One bug a file, by stage of training."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from functools import cache

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
