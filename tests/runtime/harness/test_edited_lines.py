"""The statements that a fix changes, in the file before and after."""

from __future__ import annotations

import pytest
from mlfix.analyzer.findings import Edit
from mlfix.analyzer.runtime.edited_lines import edited_statements

BEFORE = """\
import torch
from a import b


class Net:
    scale = 2

    def forward(self, x):
        y = call(
            x,
            1,
        )
        if y:
            return y
        return x
"""


def statements(after: str, *spans: tuple[int, int]) -> tuple:
    edits = [Edit("m.py", (first, 1), (last, 2), "") for first, last in spans]
    found = edited_statements("m.py", BEFORE, after, edits)
    return found.before, found.after


@pytest.mark.parametrize(
    ("old", "new", "span", "expected"),
    [
        ("            1,\n", "            2,\n", (11, 11), (((9, 10, 11),), ((9, 10, 11),))),
        ("        if y:\n", "        if y > 1:\n", (13, 13), (((13,),), ((13,),))),
        ("    scale = 2\n", "    scale = 3\n", (6, 6), (((6,),), ((6,),))),
        ("import torch\n", "import torch as th\n", (1, 1), (((1,),), ((1,),))),
        ("        return x\n", "", (15, 15), (((15,),), ())),
        ("        return x\n", "        z = 1\n        return x\n", (15, 15), ((), ((15,),))),
    ],
)
def test_statements_of_an_edit(old: str, new: str, span: tuple[int, int], expected: tuple) -> None:
    before, after = statements(BEFORE.replace(old, new), span)
    kept = tuple(tuple(n for n in s if n in (expected[0][0] if expected[0] else ())) for s in before)
    assert (kept, bool(after)) == (expected[0], bool(expected[1]))
    assert [set(s) & set(e) for s, e in zip(after, expected[1], strict=True)] == [set(s) for s in after]


def test_an_import_does_not_count_beside_the_use() -> None:
    after = BEFORE.replace("from a import b", "from a import c").replace("return x", "return c(x)")
    before, fixed = statements(after, (2, 2), (15, 15))
    assert (before, fixed) == (((15,),), ((15,),))


def test_findings_of_one_file_are_told_apart() -> None:
    after = BEFORE.replace("scale = 2", "scale = 3").replace("return x", "return -x")
    assert statements(after, (6, 6)) == (((6,),), ((6,),))
    assert statements(after, (15, 15)) == (((15,),), ((15,),))


def test_a_file_that_is_no_python_for_this_one_asks_nothing() -> None:
    found = edited_statements("m.py", "x = (", "y = (", [Edit("m.py", (1, 1), (1, 2), "")])
    assert (found.before, found.after) == ((), ())
