"""Counts of a component's voxels that are compared with a share of a crop: where the count may come from."""

from __future__ import annotations

from pathlib import Path

import pytest
from mlfix.analyzer.engine import Request, scan
from mlfix.analyzer.findings import Confidence
from mlfix.analyzer.project.settings import Settings
from mlfix.rules.data.absolute_overlap_threshold import AbsoluteOverlapThreshold

COUNT = "np.count_nonzero(crop == label)"


@pytest.mark.parametrize(
    ("lines", "is_found"),
    [
        ((f"return {COUNT} > min_overlap * size ** 3",), True),
        ((f"return min_overlap * size ** 3 < int({COUNT})",), True),
        ((f"count = {COUNT}", "return count > min_overlap * size ** 3"), True),
        ((f"count = {COUNT}", "least = min_overlap * size ** 3", "return least < count"), True),
        ((f"return {COUNT} / size ** 3 > min_overlap",), True),
        ((f"share = {COUNT} / size ** 3", "return share > min_overlap"), False),
        (("if known is None:", f"    known = {COUNT}", "return known > min_overlap * size ** 3"), True),
        (("return known > min_overlap * size ** 3",), False),
        ((f"for count in [{COUNT}]:", "    return count > min_overlap * size ** 3"), False),
        ((f"(count := {COUNT})", "return count > min_overlap * size ** 3"), True),
    ],
)
def test_counts_are_followed_through_names(tmp_path: Path, lines: tuple[str, ...], is_found: bool) -> None:
    body = "".join(f"    {line}\n" for line in lines)
    code = f"import numpy as np\n\n\ndef keeps(crop, label, size, min_overlap, known):\n{body}"
    (tmp_path / "crops.py").write_text(code)
    found = scan(Request(tmp_path, [AbsoluteOverlapThreshold()], {}, Settings(confidence=Confidence.LOW), jobs=1))
    assert bool(found.findings) == is_found
