"""Where a value comes from: one domain that knows literals and outside calls, everything else looked through."""

import ast

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from mlfix.analyzer.flow.values.evaluate import Evaluator
from mlfix.analyzer.flow.values.frames import Known

from ..projects import only, project_of


class Literals(Evaluator[str]):
    def expression(self, op):
        if isinstance(op.node, ast.Constant):
            return [Known(repr(op.node.value), (op.module.evidence(op.node, "literal"),))]
        return None


def values(files: dict[str, str] | str, code: str = "target", path: str = "a.py") -> list[str]:
    project = project_of({"a.py": files} if isinstance(files, str) else files)
    module = project.module(path)
    node = only(module, code)
    return sorted(k.what for k in Literals(project.flow).evaluate(project.flow.operand(module, node)))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x = 1\ntarget = x\nuse(target)", ["1"]),
        ("x = 1\nx = 2\ntarget = x\nuse(target)", ["2"]),
        ("if c:\n    x = 1\nelse:\n    x = 2\ntarget = x\nuse(target)", ["1", "2"]),
        ("x = 0\nif c:\n    x = 1\ntarget = x\nuse(target)", ["0", "1"]),
        ("x = 0\nfor i in y:\n    target = x\n    use(target)\n    x = 1", ["0", "1"]),
        ("x = 0\nwhile True:\n    x = 1\n    break\ntarget = x\nuse(target)", ["0", "1"]),
        ("def f():\n    if c:\n        return 1\n    return 2\ntarget = f()\nuse(target)", ["1", "2"]),
        ("a, (b, target) = 1, (2, 3)\nuse(target)", ["3"]),
        ("def f():\n    return 1, 2\nx, target = f()\nuse(target)", ["2"]),
        ("d = {'k': 1, 'j': 2}\ntarget = d['k']\nuse(target)", ["1"]),
        ("d = {}\nd['k'] = 1\ntarget = d['k']\nuse(target)", ["1"]),
        ("def f():\n    out = {}\n    out['k'] = 5\n    return out\nd = f()\ntarget = d['k']\nuse(target)", ["5"]),
        ("d = {'k': 1}\nd['j'] = 2\nd['i'] = 3\ntarget = d['k']\nuse(target)", ["1"]),
        ("d = dict(k=4)\ntarget = d['k']\nuse(target)", ["4"]),
        ("target = 1 if c else 2\nuse(target)", ["1", "2"]),
        ("target = x or 2\nuse(target)", ["2"]),
        ("if (target := 7):\n    use(target)", ["7"]),
        ("try:\n    x = 1\nexcept E:\n    x = 2\ntarget = x\nuse(target)", ["1", "2"]),
        ("x = 1\ndef f():\n    target = x\n    use(target)", ["1"]),
        ("def f(target):\n    use(target)\nf(1)\nf(target=2)", ["1", "2"]),
        ("def f(target=3):\n    use(target)\nf()", ["3"]),
        ("def f(a, *, target):\n    use(target)\nf(0, target=1)", ["1"]),
        (
            "class A:\n    def __init__(self, x):\n        self.x = x\n    def g(self):\n        target = self.x\n        use(target)\nA(5)",
            ["5"],
        ),
        (
            "class A:\n    def __init__(self, **kw):\n        self.x = kw['k']\n    def g(self):\n        target = self.x\n        use(target)\nA(k=5)",
            ["5"],
        ),
        (
            "class A:\n    def __init__(self):\n        self.x = 4\n    def g(self):\n        self.x.clip_(1)\n        target = self.x\n        use(target)",
            ["4"],
        ),
        (
            "class A:\n    n: int = 6\nclass B:\n    a: A = field(default_factory=A)\ndef f(c):\n    target = c.n\n    use(target)\nf(B().a)",
            ["6"],
        ),
        ("class A:\n    y = 3\nclass B(A):\n    def g(self):\n        target = self.y\n        use(target)", ["3"]),
        ("class A:\n    def get(self):\n        return 9\na = A()\ntarget = a.get()\nuse(target)", ["9"]),
        (
            "import torch.nn as nn\nclass N(nn.Module):\n    def forward(self, x):\n        return 8\nn = N()\ntarget = n(1)\nuse(target)",
            ["8"],
        ),
        (
            "from dataclasses import dataclass\n@dataclass\nclass C:\n    s: int = 4\ndef f(cfg: C):\n    target = cfg.s\n    use(target)",
            ["4"],
        ),
        ("def f(x):\n    return x\ntarget = f(f(6))\nuse(target)", ["6"]),
        ("def f(n):\n    return f(n - 1)\ntarget = f(3)\nuse(target)", []),
        ("x = x\ntarget = x\nuse(target)", []),
        ("with open(p) as target:\n    use(target)", []),
    ],
)
def test_a_value_is_followed_to_where_it_comes_from(text: str, expected: list[str]) -> None:
    assert values(text) == expected


def test_a_call_is_followed_with_its_own_arguments() -> None:
    text = "def f(x):\n    return x\nf(1)\ntarget = f(2)\nuse(target)"
    assert values(text) == ["2"]


def test_values_cross_files() -> None:
    files = {
        "a.py": "from config import BASE\nfrom lib import double\ntarget = double(BASE)\nuse(target)\n",
        "lib.py": "def double(v):\n    return v\n",
        "config.py": "BASE = 11\n",
    }
    assert values(files) == ["11"]


def test_the_trail_tells_the_way() -> None:
    files = {"a.py": "from lib import f\nx = 3\ny = f(x)\nuse(y)\n", "lib.py": "def f(v):\n    return v\n"}
    project = project_of(files)
    module = project.module("a.py")
    [known] = Literals(project.flow).evaluate(project.flow.operand(module, only(module, "y")))
    assert [(e.path, e.line) for e in known.trail] == [("a.py", 2), ("lib.py", 2), ("a.py", 3)]


def test_updates_are_seen_in_order() -> None:
    class Updates(Literals):
        def update(self, known, binding, op):
            return [Known(f"{k.what}+{op.text()}") for k in known]

    project = project_of({"a.py": "x = 1\nx += 2\nx.add_(y)\nx[0] = 5\nuse(x)\n"})
    module = project.module("a.py")
    [known] = Updates(project.flow).evaluate(project.flow.operand(module, only(module, "x")))
    assert known.what == "1+2+x.add_(y)+5"


SMALL = st.sampled_from(
    ["x = 1", "x = y", "y = x", "x += y", "y = f(x)", "x, y = y, x", "x = self.x", "d['k'] = x", "x = d['k']"]
)


TANGLED = ["y = f(x)", "d['k'] = x", "x = y", "x = y", "y = x", "x = y", "y = f(x)"]


@settings(deadline=None)
@example(TANGLED, ["x = d['k']", "y = x", "x += y", "x = y", "x, y = y, x"])
@given(st.lists(SMALL, max_size=8), st.lists(SMALL, max_size=6))
def test_any_tangle_of_assignments_ends(before: list[str], inside: list[str]) -> None:
    loop = "\n".join(f"        {line}" for line in inside) or "        pass"
    body = "\n".join(f"    {line}" for line in before)
    values(f"def f(x, y=2):\n{body}\n    for i in x:\n{loop}\n    target = x\n    use(target)\n    return y\n")


def test_a_question_that_goes_on_too_long_ends_and_the_next_one_starts_afresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlfix.analyzer.flow.values.flow.MOST_TOGETHER", 50)
    lines = ["x0 = A()", *(f"x{n} = x{n - 1}" for n in range(1, 100)), "use(x99, x9)"]
    project = project_of({"a.py": "class A:\n    pass\n" + "\n".join(lines)})
    module = project.module("a.py")
    far, near = (project.flow.operand(module, only(module, name)) for name in ("x99", "x9"))
    assert project.flow.classes.of(far) == []
    assert [k.qualname for k in project.flow.classes.of(near)] == ["A"]
