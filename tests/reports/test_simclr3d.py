"""The synapse report: what breaks training, what makes it weak, what makes it slow."""

from __future__ import annotations

from typing import Any

import pytest

from ..examples.programs import NO_TORCH
from .acceptance import Bug, Moved, Report, Unshown, Verified, check, rows_of

pytest.importorskip("torch", reason=NO_TORCH)
pytestmark = pytest.mark.slow

LOADER, CUBE, LOSS = "datasets/bbox_loader.py", "datasets/random_cube.py", "losses/nt_xent.py"
BUGS = (
    Bug("1", "the real 3-D Swin is not wired in", "unused-backbone", "models/simclr3d.py", "build_backbone", Verified()),
    Bug(
        "1", "and the stand-in sees one section at a time", "slice-loop-op", "models/simclr3d.py",
        "SwinTransformer3D.forward",
        Moved("change by shuffled sections", lambda before, after: before < 1e-5 and after > 1e-2), is_advised=True,
    ),
    Bug("2", "AMP imported from where torch 1.9 has none", "amp-import", "train_simclr.py", "", Verified()),
    Bug(
        "3", "two of five masks go nowhere", "dropped-input", LOADER, "process_bbox",
        Moved("masks of five that reach the cube", lambda before, _: before == 3), is_advised=True,
    ),
    Bug(
        "4", "the schedule is planned in micro-batches", "scheduler-accumulation", "train_simclr.py", "build_optimizer",
        Moved("learning rate left at the end", lambda before, after: before > 0.8 and after < 0.02),
    ),
    Bug(
        "6", "argmin chooses 0 where a distance is NaN", "nan-argmin", LOADER, "get_closest_component_mask",
        Moved("share of cubes that lose their vesicles", lambda before, after: before > 0.05 and after == 0),
    ),
    Bug(
        "5", "the blur goes section by section", "slice-loop-op", CUBE, "Augmenter.apply_gaussian_blur",
        Moved("torch calls of a blur", lambda before, after: before > 2 * after),
    ),
    Bug(
        "8", "every cube is centred on its cleft", "no-crop-jitter", CUBE, "CubeSampler.window_around",
        Moved("share of distinct crops of a synapse", lambda before, after: before < 0.3 and after > 0.9),
    ),
    Bug(
        "9", "the loop loss works row by row", "loop-contrastive-loss", LOSS, "nt_xent_loop",
        Moved("torch calls of the loop loss", lambda before, after: before > 20 * after),
    ),
    Bug(
        "10", "average pooling for a Gaussian", "avgpool-blur", CUBE, "Augmenter._smooth_plane",
        Moved("distance of the impulse response from a Gaussian", lambda before, after: before > 0.4 and after < 0.01),
    ),
    Bug(
        "12", "the overlap is measured against the cube", "absolute-overlap-threshold", CUBE,
        "CubeSampler._check_component_overlap",
        Moved("share of a cleft that is enough", lambda before, _: before < 0.15), is_advised=True,
    ),
    Bug(
        "13", "each view stays in its own denominator", "missing-diagonal-mask", LOSS, "nt_xent_matrix",
        Moved("loss beyond its bound", lambda before, after: before > 0.5 and abs(after) < 1e-5),
    ),
    Bug(
        "13", "and in the loop's", "missing-diagonal-mask", LOSS, "nt_xent_loop", Verified(("--loss", "loop")),
    ),
    Bug(
        "14", "SyncBatchNorm over 4 samples in float16", "amp-batchnorm", "train_simclr.py", "build_model",
        Unshown("float16 autocast is for GPUs, and its overflow comes after epochs"), is_advised=True,
    ),
    Bug("15", "torchvision's Swin needs another torch", "dependency-pins", "requirements.txt", "", Verified()),
)  # fmt: skip


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    return Report("simclr3d", BUGS, tmp_path_factory.mktemp("report"))


@rows_of(BUGS)
def test_bug(report: Report, bug: Bug, record: Any) -> None:
    check(report, bug, record)


def test_nothing_else_is_reported(report: Report) -> None:
    assert report.unlisted() == []
