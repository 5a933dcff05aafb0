"""The glyph report: an embedding head in no loss, the same view in each epoch, batch norm before the logits."""

from __future__ import annotations

from typing import Any

import pytest

from ..examples.programs import NO_TORCH
from .acceptance import Bug, Report, Verified, check, rows_of

torch = pytest.importorskip("torch", reason=NO_TORCH)
pytestmark = pytest.mark.slow

BUGS = (
    Bug(
        "2", "the augmentation repeats itself", "fixed-seed-augmentation",
        "raster/dataset.py", "GlyphDataset._item_rng", Verified(),
    ),
    Bug("3", "batch norm in the classifier", "batchnorm-head", "raster/levit.py", "LeViT.__init__", Verified()),
)  # fmt: skip


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    return Report("glyph_raster", BUGS, tmp_path_factory.mktemp("report"), limits=("--steps", "12"))


@rows_of(BUGS)
def test_bug(report: Report, bug: Bug, record: Any) -> None:
    check(report, bug, record)


def test_nothing_else_is_reported(report: Report) -> None:
    assert report.unlisted() == []
