"""The text-detection report: an H-mean of zero, from images, targets and predictions that do not belong together."""

from __future__ import annotations

from typing import Any

import pytest

from ..examples.programs import NO_TORCH
from .acceptance import Bug, Moved, Probed, Report, Unshown, Verified, check, rows_of

pytest.importorskip("torch", reason=NO_TORCH)
pytest.importorskip("PIL", reason="the text-detection example needs pillow, which is not installed here")
pytestmark = pytest.mark.slow

TRANSFORMS = "detector/transforms.py"
BUGS = (
    Bug(
        "1", "width and height of a page exchanged", "pil-numpy-confusion", TRANSFORMS, "letterbox",
        Moved("corners after the letterbox, pixels", lambda before, after: before > 5 and after < 1),
    ),
    Bug(
        "1", "maps cast to uint8 before they are scaled", "dtype-roundtrip", "detector/targets.py", "downscale", Verified(),
    ),
    Bug(
        "3", "and the brightest pixel that is left of them", "dtype-roundtrip", "detector/targets.py", "downscale",
        Moved("brightest pixel of the target maps", lambda before, after: before < 0.01 and after > 0.7),
    ),
    Bug(
        "2", "pages are mirrored without their polygons", "unaligned-transform", TRANSFORMS, "augment",
        Moved("corners after mirroring, pixels", lambda before, after: before > 40 and after < 2),
    ),
    Bug(
        "2", "and stay in mirrored views of an item", "unaligned-transform", TRANSFORMS, "augment", Verified(),
    ),
    Bug(
        "2", "the inverse matrix is computed and not used", "unaligned-transform", "detector/evaluate.py", "evaluate",
        Moved("round trip of the corners, pixels", lambda before, after: before > 10 and after < 1e-6),
    ),
    Bug(
        "0", "an H-mean of zero", "unaligned-transform", "detector/evaluate.py", "evaluate",
        Moved("H-mean of perfect maps", lambda before, after: before == 0 and after > 0.9),
    ),
    Bug(
        "4", "another config than the one asked for", "config-drift", "train.py", "parse_args",
        Unshown("a run does as its code says; the config that it keeps is shown to be the other one by the example's tests"),
        is_advised=True,
    ),
    Bug(
        "5", "training stops before the epochs that were asked for", "planned-steps", "", "",
        Probed(
            "planned-steps", "epochs / epochs asked for", ("--epochs", "4"),
            ("configs/base.yaml", "max_steps: 50", "max_steps: 96"), ("--epochs", "3"),
        ),
        is_advised=True,
    ),
)  # fmt: skip


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    return Report("text_detector", BUGS, tmp_path_factory.mktemp("report"), limits=("--steps", "12"))


@rows_of(BUGS)
def test_bug(report: Report, bug: Bug, record: Any) -> None:
    check(report, bug, record)


def test_nothing_else_is_reported(report: Report) -> None:
    assert report.unlisted() == []
