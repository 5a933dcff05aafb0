"""The glyph report: an embedding head in no loss, the same view in each epoch, batch norm before the logits."""

from __future__ import annotations

from typing import Any

import pytest

from ..examples.programs import NO_TORCH
from .acceptance import Bug, Moved, Report, Verified, check, rows_of

pytest.importorskip("torch", reason=NO_TORCH)
pytestmark = pytest.mark.slow

HEAD = ("untrained-head", "raster/model.py", "GlyphNet.__init__")
VIEWS = ("fixed-seed-augmentation", "raster/dataset.py", "GlyphDataset._item_rng")
BUGS = (
    Bug(
        "1", "the embedding head is in no loss", *HEAD,
        Moved("gradient of the embedding head", lambda before, after: before == 0 and after > 0),
    ),
    Bug("1", "and retrieval suffers", *HEAD, Moved("top-10 retrieval", lambda before, after: after > before)),
    Bug("1", "proved in a run", *HEAD, Verified()),
    Bug(
        "2", "the augmentation repeats itself", *VIEWS,
        Moved("share of distinct views over epochs", lambda before, after: before == 0.2 and after == 1),
    ),
    Bug("2", "proved in a run", *VIEWS, Verified()),
    Bug("3", "batch norm in the classifier", "batchnorm-head", "raster/levit.py", "LeViT.__init__", Verified()),
    Bug(
        "3", "validation accuracy", "batchnorm-head", "raster/levit.py", "LeViT.__init__",
        Moved("validation accuracy", lambda before, after: after > before),
    ),
    Bug(
        "4", "in-place on an exp", "inplace-autograd", "raster/losses.py", "supervised_contrastive",
        Moved("contrastive losses without a backward", lambda before, after: before == 1 and after == 0),
    ),
)  # fmt: skip


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    return Report("glyph_raster", BUGS, tmp_path_factory.mktemp("report"), limits=("--steps", "12"))


@rows_of(BUGS)
def test_bug(report: Report, bug: Bug, record: Any) -> None:
    check(report, bug, record)


def test_nothing_else_is_reported(report: Report) -> None:
    assert report.unlisted() == []
