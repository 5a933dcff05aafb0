"""The cryo-EM report: pseudo-labels that nothing passes, a prior that is not the labels', a rate that is too high."""

from __future__ import annotations

from typing import Any

import pytest

from ..examples.programs import NO_TORCH
from .acceptance import Bug, Moved, Report, Unshown, check, proofs, rows_of

pytest.importorskip("torch", reason=NO_TORCH)
pytestmark = pytest.mark.slow

CONFIG = "configs/fixmatch_pu.yaml"
BUGS = (
    Bug(
        "1", "a threshold that lets nothing through", "pseudo-label-threshold", CONFIG, "",
        Moved("use of pseudo-labels", lambda before, after: before == 0 and after > 0.2),
    ),
    Bug(
        "2", "a prior of 0.3 against 343 of 1743 labels", "prior-mismatch", CONFIG, "",
        Moved("prior", lambda before, after: (before, after) == (0.3, 0.197)),
    ),
    Bug(
        "3", "a learning rate that is too high", "learning-rate", CONFIG, "",
        Moved("change of the weights in a step", lambda before, after: before > 0.2 and after < 0.05),
    ),
    Bug(
        "4", "few positives", "few-positives", "cryoem/losses.py", "NonNegativePULoss.forward",
        Unshown("no edit makes labels"), is_advised=True,
    ),
    Bug(
        "preprocessing", "validation is normalised by itself", "split-normalization", "cryoem/dataset.py",
        "LabeledPatches.__init__",
        Moved("difference of the normalisers", lambda before, after: before > 1 and after == 0),
    ),
    Bug(
        "preprocessing", "unlabelled patches are normalised by themselves", "split-normalization", "cryoem/dataset.py",
        "UnlabeledPatches.__init__",
        Moved("difference of the unlabeled normaliser", lambda before, after: before > 0 and after == 0),
    ),
)  # fmt: skip
CLIPPING = Bug(
    "fixed_v2", "no clipping and no warm-up", "no-grad-clip", "cryoem/trainer.py", "Trainer.train_epoch",
    Unshown("the gradient of a short run has no spike"), is_advised=True,
)  # fmt: skip


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    return Report("cryoem_pu", (*BUGS, CLIPPING), tmp_path_factory.mktemp("report"))


@rows_of(BUGS)
def test_bug(report: Report, bug: Bug, record: Any) -> None:
    check(report, bug, record)


def test_clipping_is_advised_as_long_as_the_rate_is_high(report: Report, record: Any) -> None:
    found = report.at(report.findings, CLIPPING, report.as_is)
    assert found
    assert not report.at(report.left, CLIPPING, report.mended)
    record("report", report.example)
    record("bug", f"{CLIPPING.number} {CLIPPING.what}")
    record("found", f"{CLIPPING.rule} {CLIPPING.path}:{found[0]['line']}")
    record("mended", "advice")
    record("proved", "".join(proofs(report, CLIPPING, found)))


def test_nothing_else_is_reported(report: Report) -> None:
    assert report.unlisted() == []


def test_the_baseline_can_learn_the_labels_before_and_after(report: Report) -> None:
    assert min(report.measured["AUC of the baseline"]) > 0.6


def test_the_mended_prior_is_that_of_the_labels(report: Report) -> None:
    before, after = report.measured["distance of the prior from the share"]
    assert before > 0.1
    assert after < 0.001
