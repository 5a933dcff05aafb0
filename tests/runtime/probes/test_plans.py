"""How many steps a scheduler will be given, from traces written by hand; and the proof that reads it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from mlfix.analyzer.findings import Evidence
from mlfix.analyzer.runtime.agent.plans import given, planned, ratio
from mlfix.analyzer.runtime.trace import Trace
from mlfix.rules.model._unused_backbone_proof import measure as backbone
from mlfix.rules.optimization._scheduler_accumulation_proof import PROOF, measure

from ..harness.made import finding

EPOCHS = {"path": "train.py", "first": 40, "last": 60, "kind": "range", "count": 10, "guarded": False}
BATCHES = {"path": "train.py", "first": 42, "last": 58, "kind": "loader", "count": None, "guarded": False}
COSINE = "torch.optim.lr_scheduler.CosineAnnealingLR"


def sched(**more):
    event = {"k": "sched", "sched": 0, "opt": 0, "cls": COSINE, "plan": {"T_max": 100}, "calls": 3, "when": []}
    return {**event, "made": ["train.py:20 main"], "at": "train.py:50 main", "loops": [BATCHES, EPOCHS], **more}


def passes(length=40, batches=12, cut=True):
    return {"k": "epoch", "loader": 0, "role": "train", "length": length, "batches": batches, "index": 0, "cut": cut}


def moves(*batches, over=False, passes=(0,)):
    return [[0, index, batch, over] for index in passes for batch in batches]


def ratio_of(*events, **more):
    return ratio(Trace.of([{"s": 0, "m": 0, "t": 0.0, **e} for e in events]), sched(**more))


def test_calls_within_a_pass_are_scaled_up_by_the_uncut_length():
    assert ratio_of(passes(), when=moves(4, 8, 12)) == 1.0
    assert ratio_of(passes(), when=moves(1, 2, 3)) == 4.0
    assert ratio_of(passes(), when=moves(8, 16), plan={"T_max": 400}) == 0.125


def test_prefetched_batches_shift_nothing():
    assert ratio_of(passes(), when=moves(5, 9, 13)) == 1.0


def test_what_an_epoch_leaves_over_may_or_may_not_be_a_step():
    for plan in (100, 110):
        assert ratio_of(passes(length=43), when=moves(4, 8, 12), plan={"T_max": plan}) == 1.0


def test_once_an_epoch():
    assert ratio_of(passes(), loops=[EPOCHS], when=moves(12, over=True, passes=(0, 1, 2)), plan={"T_max": 10}) == 1.0
    assert ratio_of(passes(), loops=[EPOCHS], when=moves(12, over=True, passes=(0, 1))) == 0.1


def test_a_loop_over_something_unknown_is_the_loader_loop():
    assert ratio_of(passes(), when=moves(4, 8, 12), loops=[{**BATCHES, "kind": "other"}, EPOCHS]) == 1.0


def test_a_loop_in_which_the_scheduler_is_made_anew_does_not_count():
    folds = {**EPOCHS, "first": 10, "last": 70, "count": 5}
    assert ratio_of(passes(), when=moves(4, 8, 12), loops=[BATCHES, EPOCHS, folds]) == 1.0
    assert ratio_of(passes(), when=moves(4, 8, 12), loops=[BATCHES, EPOCHS, {**folds, "first": 30}]) == 5.0


def test_a_loop_that_counts_its_own_steps():
    steps = {**EPOCHS, "count": 100}
    assert ratio_of(loops=[steps]) == 1.0
    assert ratio_of(passes(), loops=[steps], when=moves(1, 2, 3)) == 1.0
    assert ratio_of(passes(), loops=[{**steps, "guarded": True}], when=moves(4, 8, 12)) == 0.25


@pytest.mark.parametrize(
    "more",
    [
        {"loops": []},
        {"loops": [BATCHES, {**EPOCHS, "kind": "while", "count": None}]},
        {"plan": {"gamma": 0.9}},
        {"cls": "torch.optim.lr_scheduler.LinearLR", "plan": {"total_iters": 5}},
        {"cls": "torch.optim.lr_scheduler.CosineAnnealingWarmRestarts", "plan": {"T_0": 5}},
    ],
    ids=["no loops", "while", "no end", "warm-up", "restarts"],
)
def test_what_is_not_known_is_not_guessed(more):
    assert ratio_of(passes(), when=moves(4, 8, 12), **more) is None


def test_a_run_that_went_to_its_end_needs_no_loops():
    stop = {"k": "stop", "why": "finished"}
    assert ratio_of(passes(batches=40, cut=False), stop, calls=100, loops=[]) == 1.0
    assert ratio_of(passes(), stop, calls=100, loops=[]) is None  # its passes were cut short


def test_plans_by_their_schedulers():
    assert planned(sched(plan={"total_steps": 50.0})) == ("total_steps", 50.0)
    both = {
        "milestones": [5],
        "inner": [{"cls": "LinearLR", "total_iters": 5}, {"cls": "CosineAnnealingLR", "T_max": 95}],
    }
    assert planned(sched(plan=both))[1] == 100
    assert planned(sched(plan={"num_warmup_steps": 10, "num_training_steps": 100}))[1] == 100
    assert planned(sched(plan={})) is None


def test_the_words_say_how_it_was_counted():
    trace = Trace.of([{"s": 0, "m": 0, "t": 0.0, **passes()}])
    assert str(given(trace, sched(when=moves(4, 8, 12)))) == "every 4 batches, 10 epochs of 40"


def test_the_proof_takes_the_scheduler_of_the_finding():
    short = {"path": "train.py", "when": moves(1, 2, 3)}
    rows = [
        passes(),
        sched(when=moves(4, 8, 12)),
        sched(sched=1, made=["train.py:90 main"], at="train.py:95 main", **short),
    ]
    trace = Trace.of([{"s": 0, "m": 0, "t": 0.0, **e} for e in rows])
    assert measure(trace, finding(line=22)) == 1.0
    assert measure(trace, finding(line=91)) == 4.0
    elsewhere = replace(finding(), location=replace(finding().location, path="plans.py"))
    assert measure(trace, elsewhere) is None
    moved = replace(elsewhere, evidence=(Evidence("train.py", 95, "the scheduler is moved here"),))
    assert measure(trace, moved) == 4.0
    assert measure(Trace(), finding()) is None


@pytest.mark.parametrize(
    ("value", "is_violated", "is_satisfied"), [(0.25, 1, 0), (0.5, 1, 0), (1.0, 0, 1), (2.0, 1, 0), (12.0, 1, 0)]
)
def test_the_proof_tells_units_apart(value, is_violated, is_satisfied):
    assert (PROOF.violated(value), PROOF.satisfied(value)) == (is_violated, is_satisfied)


def test_whole_passes_are_asked_for_where_the_accumulation_must_show():
    assert PROOF.settings(replace(finding(), repair={"fault": "TOO_LONG"})) == {"train_batches": None}
    assert PROOF.settings(replace(finding(), repair={"fault": "EPOCHS_PER_BATCH"})) is None
    assert PROOF.settings(finding()) is None


@pytest.mark.parametrize(
    ("classes", "expected"),
    [
        ({"models.swin3d.TrueSwin": 70, "models.other.Swin": 5}, 70.0),
        ({"models.other.Swin": 5}, 0.0),
        ({"other.swin3d.TrueSwin": 70}, 0.0),
        ({"src.models.swin3d.TrueSwin": 70}, 70.0),
        ({"__main__.TrueSwin": 70}, 70.0),
    ],
)
def test_parameters_of_the_wanted_class(classes, expected):
    wanted = replace(finding(), repair={"kind": "construction", "wanted": ["models/swin3d.py", "TrueSwin"]})
    trace = Trace.of([{"k": "paths", "s": 3, "m": 3, "t": 0.0, "classes": classes}])
    assert backbone(trace, wanted) == expected
    assert backbone(Trace(), wanted) is None


def test_a_choice_by_a_function_names_no_class():
    choice = replace(finding(), repair={"kind": "choice", "picked": "resnet34", "right": "resnet50"})
    trace = Trace.of([{"k": "paths", "s": 3, "m": 3, "t": 0.0, "classes": {"torchvision.models.resnet.ResNet": 9}}])
    assert backbone(trace, choice) is None
    named = replace(finding(), repair={"kind": "choice", "picked": "Small", "right": "Large"})
    classes = Trace.of([{"k": "paths", "s": 3, "m": 3, "t": 0.0, "classes": {"m.Small": 9}}])
    assert backbone(classes, named) == 0.0
