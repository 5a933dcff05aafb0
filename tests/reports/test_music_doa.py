"""The direction-finding report: two loss terms that stay at 0, and a validation loss that is no number to trust."""

from __future__ import annotations

from typing import Any

import pytest

from ..examples.programs import NO_TORCH
from .acceptance import Bug, Moved, Report, Verified, check, rows_of

pytest.importorskip("torch", reason=NO_TORCH)
pytestmark = pytest.mark.slow

BUGS = (
    Bug(
        "4", "radians converted again: the subspace term", "double-deg2rad", "doa/losses.py", "DoaLoss.subspace_term",
        Moved("subspace term", lambda before, after: before == 0 and after > 0.1),
    ),
    Bug(
        "4", "and the spread of its steering vectors", "double-deg2rad", "doa/losses.py", "DoaLoss.subspace_term",
        Moved("spread of the steering vectors", lambda before, after: after > 20 * before),
    ),
    Bug(
        "4", "radians converted again: the contrast term", "double-deg2rad", "doa/spectrum.py", "PeakContrast._pair",
        Moved("contrast term", lambda before, after: before == 0 and after > 0),
    ),
    Bug(
        "4", "both terms leave 0 in training", "double-deg2rad", "doa/spectrum.py", "PeakContrast._pair", Verified(),
    ),
    Bug(
        "7", "the floor of the eigengap is no floor", "tiny-epsilon", "doa/losses.py", "DoaLoss.eigengap_term",
        Moved("eigengap term in float16", lambda before, after: before == float("inf") and after < 20),
    ),
    Bug(
        "2", "a validation loss in half precision", "val-autocast", "doa/evaluate.py", "validate",
        Moved("error of the validation loss", lambda before, after: before > 1e-3 and after < 1e-5),
    ),
)  # fmt: skip


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    return Report("music_doa", BUGS, tmp_path_factory.mktemp("report"), limits=("--steps", "12"))


@rows_of(BUGS)
def test_bug(report: Report, bug: Bug, record: Any) -> None:
    check(report, bug, record)


def test_nothing_else_is_reported(report: Report) -> None:
    assert report.unlisted() == []
