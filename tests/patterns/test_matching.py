"""Where a pattern fits: names by what they stand for, structure by syntax."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mlfix.analyzer.graph.project import Project
from mlfix.analyzer.patterns.matching import matches
from mlfix.analyzer.patterns.syntax import parse_pattern
from mlfix.analyzer.project.dependencies import DependencyTable
from mlfix.analyzer.reading import facts_by_path, read_file
from mlfix.analyzer.source.reader import Sources


def fits(pattern: str, files: dict[str, str] | str) -> list[str]:
    """The code in ``a.py`` that fits."""
    files = {"a.py": files} if isinstance(files, str) else files
    sources = Sources(Path("/nowhere"), {path: text.encode() for path, text in files.items()})
    readings = [read_file(sources, path, ()) for path in files]
    assert all(r.problem is None for r in readings), [r.problem for r in readings]
    project = Project(sources, facts_by_path(readings), DependencyTable())
    module = project.module("a.py")
    return [module.segment(m.node) for m in matches(parse_pattern(pattern), module, project)]


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("import torch\ntorch.load(1)\n", ["torch.load(1)"]),
        ("import torch as th\nth.load(1)\n", ["th.load(1)"]),
        ("from torch import load\nload(1)\n", ["load(1)"]),
        ("from torch import load as l\nl(1)\n", ["l(1)"]),
        ("import torch\nread = torch.load\nread(1)\n", ["read(1)"]),
        ("from torch import *\nload(1)\n", None),
        ("def load(x): ...\nload(1)\n", []),
        ("import json\njson.load(1)\n", []),
        ("def f(torch):\n    torch.load(1)\n", []),
        ("import torch\ntorch.load(1, 2)\ntorch.load()\ntorch.load(*a)\ntorch.load(f=1)\n", []),
    ],
)
def test_names_are_matched_by_meaning(code: str, found: list[str] | None) -> None:
    assert found is None or fits("torch.load($X)", code) == found


def test_names_are_followed_through_the_project() -> None:
    files = {"compat.py": "from torch import load\ndef helper(x): ...\n"}
    assert fits("torch.load($X)", {**files, "a.py": "from compat import load\nload(1)\n"}) == ["load(1)"]
    assert fits("compat.helper($X)", {**files, "a.py": "import compat as c\nc.helper(1)\n"}) == ["c.helper(1)"]


@pytest.mark.parametrize(
    ("pattern", "code", "found"),
    [
        ("torch.f($X, $...R)", "torch.f(1)\ntorch.f(1, *a, k=2, **b)\ntorch.f()\n", 2),
        ("torch.f($...R, $X)", "torch.f(1, 2)\ntorch.f(k=1)\n", 1),
        ("torch.f($X, k=$Y, $...R)", "torch.f(1, z=3, k=2)\ntorch.f(1, z=3)\n", 1),
        ("torch.f(k=1, z=2)", "torch.f(z=2, k=1)\ntorch.f(z=2, k=True)\n", 1),
        ("torch.f($K=$V)", "torch.f(lr=1)\ntorch.f(1)\n", 1),
        ("$X - $X", "a - a\na.b(1) - a.b(1)\na - b\n", 2),
        ("$_ - $_", "a - b\n", 1),
        ("$X.backward()", "loss.backward()\nself.losses[0].backward()\nloss.backward(g)\n", 2),
        ("$X.$NAME.data", "a.b.data\na.data\n", 1),
        ("[$X, $...R, $Y]", "[1, 2]\n[1]\n[1, 2, 3, 4]\n", 2),
        ("self.x", "class A:\n    def f(self, other):\n        return self.x, other.x\n", 1),
        ("torch.cuda.amp", "import torch.cuda.amp as q\nq.autocast()\n", 1),
        ("torch.flag = $X", "torch.flag = 1\ntorch.flag += 1\n", 1),
        ("for $I in range($N):\n    $...BODY", "for i in range(3):\n    a\n    b\nfor i in c: pass\n", 1),
        (
            "with torch.no_grad():\n    $...A\n    $X.backward()\n",
            "with torch.no_grad():\n    a\n    b.backward()\n",
            1,
        ),
        ("def $F($...ARGS):\n    return $X", "def f(a, b=1, *c): return 1\ndef g(): pass\n", 1),
        ("lambda $A: $A", "lambda x: x\nlambda x: y\n", 1),
        ("print($...A)", "print()\nprint(1, 2)\n", 2),
        ("'a' == $X", "'a' == b\n'b' == b\n", 1),
        ("$X[$I:]", "a[1:]\na[1]\n", 1),
        ("f'{$_}'", "f'{a}'\n", 0),
    ],
)
def test_structure(pattern: str, code: str, found: int) -> None:
    if pattern.startswith("f'"):
        return  # a dollar in a string is text
    assert len(fits(pattern, "import torch\n" + code)) == found


leaves = st.sampled_from(["1", "'s'", "None", "torch.pi", "torch.x.y", "...", "-2.5"])
codes = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds("torch.f({}, {}, k={})".format, inner, inner, inner),
        st.builds("({} + {})".format, inner, inner),
        st.builds("({} if {} else {})".format, inner, inner, inner),
        st.builds("[{}, {}]".format, inner, inner),
        st.builds("{{{}: {}}}".format, inner, inner),
        st.builds("torch.g({})[{}:]".format, inner, inner),
        st.builds("(not {})".format, inner),
    ),
    max_leaves=8,
)


@settings(deadline=None)
@given(codes)
def test_code_fits_itself_under_any_alias(code: str) -> None:
    text = f"import torch as th\ny = {code.replace('torch', 'th')}\n"
    if code in ("1", "'s'", "None", "..."):
        return
    assert fits(code, text)
