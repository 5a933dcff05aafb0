"""Where a product of a set with itself is seen by its syntax."""

from pathlib import Path

import pytest
from mlfix.analyzer.flow.similarity.candidates import may_hold
from mlfix.rules.loss.missing_diagonal_mask import MissingDiagonalMask

from ..projects import project_of
from ..rules.harness import project_of as repository

TOKENS = frozenset({b".t()", b" @ "})


@pytest.mark.parametrize(
    ("code", "may"),
    [
        ("def f(z):\n    return z @ z.t()\n", True),
        ("async def f(z):\n    return z @ z.t()\n", True),
        ("@cached\ndef f(z):\n    return z @ z.t()\n", True),
        ("logits = z @ z.t()\n", True),
        ("if train:\n    def f(z):\n        return z @ z.t()\n", True),
        ("class Loss:\n    product = staticmethod(lambda z: z @ z.t())\n", True),
        ("class Loss:\n    class Inner:\n        def f(self, z):\n            return z.mm(z.t())\n", True),
        ("def f(z):\n    def inner():\n        return torch.matmul(z, z.t())\n    return inner()\n", True),
        ("def f(z):\n    a = b = z\n    return a @ b.t()\n", True),
        ("def f(views):\n    return [a @ b.t() for a, b in zip(views, views)]\n", True),
        ("def f(z):\n    for a in z:\n        for b in z:\n            total += sim(a[None], b)\n", True),
        ("def f(z):\n    return ((z[:, None] - z[None]) ** 2).sum(-1)\n", True),
        ("def f(z):\n    return einsum('nc,mc->nm', z, z)\n", True),
        ("def f(a, b):\n    return a @ b.t()\n", False),
        ("def f(a):\n    b = a\n    return b\n\n\ndef g(a, b):\n    return a @ b.t()\n", False),
        ("def f(z):\n    return z + z\n", False),
    ],
)
def test_a_file_may_compare_a_set_with_itself(code: str, may: bool) -> None:
    project = project_of({"a.py": code})
    assert may_hold(project.module("a.py"), project, TOKENS) == may


def test_so_may_a_file_that_calls_one_that_does(tmp_path: Path) -> None:
    files = {
        "a.py": "from b import *\nfrom torch.nn.functional import cross_entropy\n\n\ndef f(z, y):\n    return cross_entropy(pairs(z), y)\n",
        "b.py": "def pairs(z):\n    return z @ z.t()\n",
    }
    project = repository(tmp_path, files, MissingDiagonalMask())
    assert may_hold(project.module("a.py"), project, TOKENS)
