"""Which functions hold a start that lies half a size before a centre, whatever they are written as."""

from __future__ import annotations

import pytest
from mlfix.analyzer.flow.crops.centred import cutting_functions

from ..projects import project_of

HEAD = "import numpy as np\n\n\ndef crop(volume, mask, size):\n    centre = np.argwhere(mask).mean(0)\n"


@pytest.mark.parametrize(
    ("lines", "functions"),
    [
        (("start = int(centre[0]) - size // 2", "return volume[start : start + size]"), ["crop"]),
        (("half = size // 2", "start = int(centre[0]) - half", "return volume[start : start + size]"), ["crop"]),
        (("starts = [int(c) - size // 2 for c in centre]", "return volume[starts[0] : starts[0] + size]"), ["crop"]),
        (("return volume[int(centre[0]) - size // 2 : int(centre[0]) + size // 2]",), ["crop"]),
        (("cut = lambda v: v[int(centre[0]) - size // 2 : size]", "return cut(volume)"), ["crop", "crop.<lambda>"]),
        (("return int(centre[0]) - size // 2",), []),
        (("start = int(centre[0]) - size", "return volume[start : start + size]"), []),
        (("start = (int(centre[0]) - size // 2) * 3", "return volume[start : start + size]"), []),
    ],
)
def test_a_centred_start_is_found(lines: tuple[str, ...], functions: list[str]) -> None:
    project = project_of({"data.py": HEAD + "".join(f"    {line}\n" for line in lines)})
    assert sorted(cutting_functions(project.flow, project.module("data.py"))) == functions


def test_an_inner_function_cuts_for_itself_alone() -> None:
    inner = "    def cut(v):\n        start = int(centre[0]) - size // 2\n        return v[start : start + size]\n"
    project = project_of({"data.py": f"{HEAD}{inner}    return cut(volume)\n"})
    assert cutting_functions(project.flow, project.module("data.py")) == ["crop.cut"]
