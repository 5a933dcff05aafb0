"""What is read from traces, and TensorBoard's files."""

import math
import sys
from pathlib import Path

import pytest
from mlfix.analyzer.runtime.results import AS_IS, FIXED, Run, VerifyResult
from mlfix.analyzer.runtime.trace import Trace
from mlfix.templates.charts import chart, strip
from mlfix.templates.curves import Curve, Line, Point, TensorBoardMissing, curves, write_tensorboard

from tests.templates import made
from tests.templates.made_traces import STEPS, trace


def groups(*runs: Run) -> dict[str, tuple[Curve, ...]]:
    return {g.key: g.curves for g in curves(runs)}


def run_of(events: list[dict], tree: str = AS_IS, seed: int = 0) -> Run:
    return Run(tree, "r" if tree == FIXED else "", seed, Trace.of(events))


def step(n: int, **fields) -> dict:
    return {"k": "step", "s": n, "m": n + 1, "opt": 0, "taken": n + 1, "lr": [0.1], "dt": 0.5, **fields}


def line(curve: Curve) -> list[tuple[int, float]]:
    return [(p.step, p.value) for p in curve.lines[0].points]


def test_a_step_s_loss_is_the_mean_of_its_micro_batches() -> None:
    losses = [
        {"k": "loss", "s": s, "m": m, "t": m, "v": v}
        for m, (s, v) in enumerate([(0, 1.0), (0, 3.0), (1, "nan"), (1, 1.0)])
    ]
    (loss,) = groups(run_of([*losses, step(1)]))["loss"]
    (first, one), (second, other) = line(loss)
    assert (first, one, second) == (1, 2.0, 2)
    assert math.isnan(other)
    assert loss.x == "optimizer step"


def test_without_an_optimizer_backward_calls_are_counted() -> None:
    (loss,) = groups(run_of([{"k": "loss", "s": 0, "m": m, "v": 1.0 - m} for m in range(3)]))["loss"]
    assert line(loss) == [(1, 1.0), (2, 0.0), (3, -1.0)]
    assert loss.x == "backward call"


def test_groups_with_one_rate_share_a_curve_and_others_do_not() -> None:
    same = groups(run_of([step(n, lr=[0.1 / (n + 1)] * 2) for n in range(3)]))["learning-rate"]
    assert [c.title for c in same] == ["Learning rate"]
    other = groups(run_of([step(n, lr=[0.1, 0.2]) for n in range(3)]))["learning-rate"]
    assert [c.title for c in other] == ["Group 1", "Group 2"]
    gan = groups(run_of([step(n // 2, opt=7 - n % 2, lr=[0.1 + n % 2]) for n in range(4)]))["learning-rate"]
    assert [(c.title, line(c)) for c in gan] == [
        ("Optimizer 1, group 1", [(1, 0.1), (2, 0.1)]),
        ("Optimizer 2, group 1", [(1, 1.1), (2, 1.1)]),
    ]


def test_a_skipped_step_stands_where_it_would_have_been() -> None:
    events = [step(0, taken=0, skipped=True), step(0, taken=1), step(1, taken=2)]
    assert [s for s, _ in line(groups(run_of(events))["learning-rate"][0])] == [1, 1, 2]


def test_times_are_in_milliseconds_and_split() -> None:
    throughput = groups(run_of([step(0, data=0.1, forward=0.2)]))["throughput"]
    assert [(c.title, c.unit, line(c)) for c in throughput] == [
        ("Whole step", "ms", [(1, 500.0)]),
        ("Waiting for data", "ms", [(1, 100.0)]),
        ("Forward and the rest", "ms", [(1, 200.0)]),
    ]


@pytest.mark.parametrize("fixed", [False, True])
def test_a_cosine_is_carried_on_to_its_end(fixed: bool) -> None:
    run = Run(FIXED if fixed else AS_IS, "", 0, trace(0, fixed=fixed))
    plan = groups(run)["learning-rate"][0].lines[0].plan
    total = 96 if fixed else 384
    assert plan is not None
    assert (plan.name, plan.planned, plan.calls, plan.given, plan.is_by_step) == ("T_max", total, 48, 96, True)
    assert plan.rest[0][0] == STEPS
    assert plan.rest[-1] == (pytest.approx(total + 1), pytest.approx(1e-5))


def test_a_rate_that_leaves_the_formula_is_not_carried_on() -> None:
    sched = {
        "k": "sched",
        "sched": 0,
        "cls": "torch.optim.lr_scheduler.CosineAnnealingLR",
        "plan": {"T_max": 100},
        "calls": 3,
    }
    plan = groups(run_of([*(step(n, lr=[0.1 * n]) for n in range(3)), sched]))["learning-rate"][0].lines[0].plan
    assert plan is not None
    assert plan.rest == ()


@pytest.mark.parametrize(
    "sched",
    [
        {"plan": None, "calls": 1},
        {"plan": {"gamma": 0.9}, "calls": 1},
        {"plan": {"T_max": 9}, "calls": 0},
        {"plan": {"T_max": "nan"}, "calls": 2},
    ],
)
def test_a_schedule_without_an_end_has_no_plan(sched: dict) -> None:
    made_up = {"k": "sched", "sched": 0, "cls": "x", **sched}
    assert groups(run_of([step(0), made_up]))["learning-rate"][0].lines[0].plan is None


def test_a_schedule_that_moves_by_epochs_has_no_end_in_steps() -> None:
    name = "torch.optim.lr_scheduler.CosineAnnealingLR"
    sched = {"k": "sched", "sched": 0, "cls": name, "plan": {"T_max": 3}, "calls": 1}
    plan = groups(run_of([*(step(n) for n in range(24)), sched]))["learning-rate"][0].lines[0].plan
    assert plan is not None
    assert (plan.is_by_step, plan.rest, str(plan)) == (False, (), "T_max = 3, 1 call made by the run")


def test_gradients_are_told_by_module_and_before_clipping() -> None:
    names = {"k": "gradient-modules", "opt": 0, "names": ["encoder", "head"]}
    gradient = {"k": "gradient", "opt": 0, "norm": 1.0, "modules": [0.1, "nan"]}
    events = [{**gradient, "s": 0, "before": None}, {**gradient, "s": 1, "before": 4.0}]
    found = groups(run_of([names, *events]))["gradient-norm"]
    assert [c.key for c in found] == ["gradient-norm/all", "gradient-norm/encoder", "gradient-norm/head"]
    assert [line(c) for c in found[:2]] == [[(1, 1.0), (2, 4.0)], [(1, 0.1), (2, 0.1)]]


def test_terms_add_what_they_weigh_and_those_of_one_name_are_one() -> None:
    terms = [{"kind": "term", "name": "mse", "v": v, "coefficient": 0.5} for v in (1.0, 3.0)]
    other = [{"kind": "const", "name": None, "v": 4.0}, {"kind": "number", "name": None, "v": 1e-8}]
    found = groups(run_of([{"k": "loss-terms", "s": 0, "terms": [*terms, *other]}, step(0)]))["loss-terms"]
    assert [(c.title, line(c)) for c in found] == [("mse", [(1, 2.0)]), ("term 3", [(1, 4.0)])]


def test_a_term_that_a_loop_adds_up_is_found_again_in_the_other_tree() -> None:
    def item(name: str, at: str, v: float) -> dict:
        return {"kind": "term", "name": name, "v": v, "coefficient": 1.0, "at": at}

    whole = [item("subspace", "a.py:55 Loss.subspace", 0.0), item("angle", "a.py:37 Loss.angle", 0.2)]
    items = [item("loss", "a.py:60 Loss.subspace", 0.5), item("loss", "a.py:60 Loss.subspace", 0.25)]
    items += [item("loss", "a.py:80 Loss.other", 0.125), item("angle", "a.py:37 Loss.angle", 0.1)]
    runs = [
        run_of([{"k": "loss-terms", "s": 0, "terms": t}, step(0)], tree) for tree, t in ((AS_IS, whole), (FIXED, items))
    ]
    found = {c.title: {ln.tree: ln.points[0].value for ln in c.lines} for c in groups(*runs)["loss-terms"]}
    assert found == {
        "subspace": {AS_IS: 0.0, FIXED: 0.75},
        "angle": {AS_IS: 0.2, FIXED: 0.1},
        "loss in Loss.other": {FIXED: 0.125},
    }


def test_runs_that_never_trained_add_nothing() -> None:
    assert curves([made.stopped_run(), run_of([])]) == []


def test_a_chart_covers_the_range_over_seeds() -> None:
    lines = tuple(Line(AS_IS, seed, tuple(Point(s, 10.0 * seed + s, 0.0) for s in range(1, 5))) for seed in range(3))
    drawn = chart(Curve("loss", "Loss", "", lines))
    (stroke,) = drawn.strokes
    assert stroke.band.startswith("M0.0 ")
    assert [t.label for t in drawn.y_ticks] == ["0", "10", "20", "30"]
    assert '"text":["11 (1 to 21)"' in drawn.data


def test_a_line_breaks_where_it_is_not_finite() -> None:
    points = tuple(Point(s, v, 0.0) for s, v in enumerate([1.0, 2.0, math.nan, 3.0], 1))
    drawn = chart(Curve("loss", "Loss", "", (Line(FIXED, 0, points),)))
    assert drawn.strokes[0].path.count("M") == 2
    assert [(m.label, m.tree) for m in drawn.marks] == [("nan from step 3", FIXED)]


@pytest.mark.parametrize(
    "values", [[math.nan], [0.0], [5.0, 5.0], [1e-30, 1e30], [-1e-12, 1e-12], [math.inf, 1.0], [-3.0] * 1000]
)
def test_any_values_can_be_drawn(values: list[float]) -> None:
    drawn = chart(Curve("x", "x", "", (Line(AS_IS, 0, tuple(Point(i + 1, v, 0.0) for i, v in enumerate(values))),)))
    assert all(-5 <= t.at <= 105 for t in drawn.y_ticks + drawn.x_ticks)
    assert "nan" not in drawn.strokes[0].path
    assert len(drawn.data) < 20_000


def test_a_wide_range_takes_a_log_scale() -> None:
    points = tuple(Point(s, 10.0**-s, 0.0) for s in range(5))
    drawn = chart(Curve("x", "x", "", (Line(AS_IS, 0, points),)))
    assert drawn.log
    assert [t.label for t in drawn.y_ticks] == ["1e\N{MINUS SIGN}4", "0.001", "0.01", "0.1", "1"]


def test_small_values_are_labelled_alike() -> None:
    points = (Point(1, 0.001, 0.0), Point(2, 0.00075, 0.0))
    drawn = chart(Curve("x", "x", "", (Line(AS_IS, 0, points), Line(FIXED, 0, points))))
    assert {label[-3:] for t in drawn.y_ticks if (label := t.label) != "0"} <= {"e\N{MINUS SIGN}3", "e\N{MINUS SIGN}4"}
    assert drawn.is_same


def test_equal_values_need_no_strip() -> None:
    assert strip((1.0, 1.0), (1.0, None), (0, 1)) is None
    assert strip((math.nan,), (1.0,), (0,)) is None
    found = strip((0.25, None), (1.0, 1.0), (0, 3))
    assert found is not None
    assert [d[2] for d in found.dots] == ["seed 0, as is: 0.25", "seed 0, with the fix: 1", "seed 3, with the fix: 1"]


def test_tensorboard_missing_says_how_to_get_it(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(TensorBoardMissing, match=r"pip install 'mlfix-torch\[tensorboard\]'"):
        write_tensorboard(made.clean_result(), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_tensorboard_reads_the_same_curves(tmp_path: Path) -> None:
    pytest.importorskip("tensorboardX", reason="tensorboardX is not installed")
    reading = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator", reason="tensorboard is not installed"
    )
    result = made.clean_result()
    write_tensorboard(result, tmp_path)
    write_tensorboard(result, tmp_path)  # a second time replaces
    assert len(list(tmp_path.rglob("*tfevents*"))) == len(result.runs)
    folders = {p.parent.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*tfevents*")}
    assert folders == {
        f"{tree}/seed-{seed}" for tree in ("as-is", "fixed/scheduler-accumulation") for seed in made.SEEDS
    }
    for run in result.runs[::3]:
        events = reading.EventAccumulator(str(tmp_path / run.tree / run.rule / f"seed-{run.seed}"))
        events.Reload()
        wanted = {c.key: c for g in curves([run]) for c in g.curves}
        assert set(events.Tags()["scalars"]) == set(wanted)
        for tag, curve in wanted.items():
            read = [(e.step, e.value) for e in events.Scalars(tag)]
            assert read == [(s, pytest.approx(v, rel=1e-6)) for s, v in line(curve)]


def test_tensorboard_stays_in_its_folder(tmp_path: Path) -> None:
    pytest.importorskip("tensorboardX", reason="tensorboardX is not installed")
    run = Run(
        FIXED, "../../x", 0, Trace.of([{"k": "loss-terms", "s": 0, "terms": [{"name": "../a b", "v": 1.0}]}, step(0)])
    )
    write_tensorboard(VerifyResult("verify", ("x",), tmp_path, runs=(run,)), tmp_path / "board")
    assert {p.name for p in tmp_path.iterdir()} == {"board"}
    assert len(list((tmp_path / "board").rglob("*tfevents*"))) == 1
