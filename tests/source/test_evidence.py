"""A piece of evidence stands at the line that a reader should look at."""

import ast

from ..projects import project_of


def test_the_loop_of_a_comprehension_is_where_its_variable_is() -> None:
    module = project_of({"a.py": "x = 1\n\nstarts = [\n    p - x\n    for p in centre\n]\n"}).module("a.py")
    [loop] = [n for n in ast.walk(module.tree) if isinstance(n, ast.comprehension)]
    assert module.evidence(loop, "`p` runs over `centre`").line == 5
    assert module.evidence(module.tree, "the way to it").line == 1
