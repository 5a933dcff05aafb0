"""Which values of a function anything depends on."""

from __future__ import annotations

from pathlib import Path

import pytest
from mlfix.analyzer.flow.items.unused import Liveness
from mlfix.analyzer.rule import Rule

from ..rules.harness import project_of

BODIES = {
    "return a": True,
    "b = a + 1": False,
    "b = a + 1\n    return b": True,
    "a = a > 0": False,
    "a = a > 0\n    return a": True,
    "a = 3\n    return a": True,  # another value of the same name
    "if a.any():\n        return 1": True,
    "print(a)": True,
    "out.append(a)": True,
    "out.mask = a": True,
    "out['mask'] = a": True,
    "for _ in range(3):\n        a = a + 1": False,
    "a[a > 1] = 0": True,  # a store, which may be into what others see
    "a[a > 1] = 0\n    return a": True,
    "return lambda: a": True,
    "return locals()": True,
    "b, c = a, 1\n    return c": True,  # not told apart
    "a += 1": False,
}


class _NoRule(Rule):
    """Stands for any rule."""

    name = "no-rule"


@pytest.mark.parametrize("body", BODIES)
def test_what_reaches_an_effect_is_live(body: str, tmp_path: Path) -> None:
    project = project_of(tmp_path, {"train.py": f"def f(load, out):\n    a = load()\n    {body}\n"}, _NoRule())
    module = project.module("train.py")
    scope = module.scope_named("f")
    assert scope is not None
    assert Liveness(project.flow, module, scope).is_live("a") == BODIES[body]
