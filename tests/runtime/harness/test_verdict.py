"""Each label from runs written by hand: the mechanism decides, and a wrong fix is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest
from mlfix.analyzer.findings import Confidence
from mlfix.analyzer.runtime.harm import outcomes
from mlfix.analyzer.runtime.results import NOT_SEEN, UNHEALTHY, Label, Run, Verdict
from mlfix.analyzer.runtime.symptoms import explain
from mlfix.analyzer.runtime.trace import Trace
from mlfix.analyzer.runtime.trials import Subject
from mlfix.analyzer.runtime.verdict import is_repeatable, judge

from . import made
from .made import as_is, fixed, trial

CRASH = {"cause": "ImportError: no amp", "phase": "setup", "frame": "train.py:1 <module>", "exit": 1}


def verdict(*arguments: object, **more: object) -> Verdict:
    (found,) = judge(trial(*arguments, **more))  # pyright: ignore
    return found


def three(make: object, *values: float | None, **more: object) -> list[Run]:
    return [make(v, seed, **more) for seed, v in enumerate(values)]  # pyright: ignore


def test_the_defect_is_there_and_then_gone() -> None:
    found = verdict(three(as_is, 0.5, 0.5, 0.6), three(fixed, 0, 0, 0))
    assert found.label is Label.VERIFIED
    assert found.sentence == "share of toys: 0.5 to 0.6 as is, 0 with the fix (3 seeds): the defect is gone"
    assert (found.before, found.after, found.seeds) == ((0.5, 0.5, 0.6), (0, 0, 0), (0, 1, 2))


def test_a_count_is_told_in_full() -> None:
    assert "0 as is, 62316 with the fix" in verdict([as_is(0)], [fixed(62316)]).sentence
    assert "0.1235 as is, 1.235e+08 with the fix" in verdict([as_is(0.123456)], [fixed(123456789)]).sentence


@pytest.mark.parametrize(
    ("before", "after", "label", "words"),
    [
        ((1, 1, 1), (1, 1, 1), Label.NOT_FIXED, "still there"),
        ((0, 0, 0), (0, 0, 0), Label.NOT_REPRODUCED, "does not show the defect"),
        ((1, 1, 0), (0, 0, 0), Label.INCONCLUSIVE, "seeds disagree"),
        ((1, 1, 1), (0, 1, 0), Label.INCONCLUSIVE, "seeds disagree"),
        ((None, None, None), (0, 0, 0), Label.INCONCLUSIVE, "not seen as is"),
        ((1, 1, 1), (None, None, None), Label.INCONCLUSIVE, "not seen with the fix"),
    ],
)
def test_the_mechanism_decides(before: tuple, after: tuple, label: Label, words: str) -> None:
    found = verdict(three(as_is, *before), three(fixed, *after))
    assert (found.label, words in found.sentence) == (label, True), found.sentence


def test_the_reason_why_nothing_was_seen_is_the_probes() -> None:
    unseen = (made.reading("toy-probe", NOT_SEEN),)
    found = verdict([as_is(None, readings=unseen)], [fixed(0)])
    assert "toy-probe is not seen" in found.sentence


def test_a_rule_says_what_would_show_its_quantity() -> None:
    unseen = trial([as_is(None)], [fixed(0)])
    (subject,) = unseen.group.subjects
    told = replace(subject, proof=replace(subject.proof, unseen="only toys on the floor show it"))
    (found,) = judge(replace(unseen, group=replace(unseen.group, subjects=(told,))))
    assert found.sentence == "share of toys was not seen as is: only toys on the floor show it"


def test_a_better_loss_verifies_nothing_and_a_worse_one_refuses_nothing() -> None:
    better = verdict(three(as_is, 1, 1, 1, loss=9.0), three(fixed, 1, 1, 1, loss=0.1))
    worse = verdict(three(as_is, 1, 1, 1, loss=0.1), three(fixed, 0, 0, 0, loss=9.0))
    assert (better.label, worse.label) == (Label.NOT_FIXED, Label.VERIFIED)
    assert better.outcomes[0].improves
    assert not worse.outcomes[0].improves


def test_code_that_never_runs_is_not_reached() -> None:
    before = verdict([as_is(1, line=None)], [fixed(0)])
    after = verdict([as_is(1)], [fixed(0, line=None)])
    assert before.label is after.label is Label.NOT_REACHED
    assert "train.py:3 never ran as is" in before.sentence
    assert "never ran with the fix" in after.sentence
    assert before.before == before.after == (), "what was measured belongs to another place"


def test_files_that_are_not_python_are_not_asked_for_reach() -> None:
    subject = Subject(made.finding(), made.proof())
    assert verdict([as_is(1, line=None)], [fixed(0, line=None)], subject=subject).label is Label.VERIFIED


def test_what_no_run_can_show_is_judged_by_a_scan() -> None:
    proof = made.Proof(
        "p", "pins that contradict", violated=lambda v: v > 0, satisfied=lambda v: v == 0, from_scan=True
    )

    def judged(counted: tuple[int, int] | None, before: Run, after: Run) -> Verdict:
        return verdict([before], [after], subject=Subject(made.finding(), proof, counted=counted))

    found = judged((2, 0), as_is(), fixed())
    assert (found.label, found.before, found.after) == (Label.VERIFIED, (2.0,), (0.0,))
    assert "pins that contradict: 2 as is, 0 with the fix (judged by the table of releases" in found.sentence
    assert judged((2, 1), as_is(), fixed()).label is Label.NOT_FIXED
    assert judged((0, 0), as_is(), fixed()).label is Label.NOT_REPRODUCED
    assert judged(None, as_is(), fixed()).label is Label.INCONCLUSIVE
    assert judged((2, 0), as_is(**CRASH), fixed()).label is Label.NOT_RUN
    assert judged((2, 0), as_is(), fixed(**CRASH)).label is Label.HARM


def test_nan_is_harm() -> None:
    found = verdict(three(as_is, 1, 1, 1), [*three(fixed, 0, 0), fixed(0, 2, loss="nan")])
    assert found.label is Label.HARM
    assert "no finite number from step 0 on (seed 2)" in found.sentence
    assert verdict([as_is(1, loss="nan")], [fixed(0, loss="nan")]).label is Label.VERIFIED


def test_a_failure_with_the_fix_is_harm() -> None:
    found = verdict([as_is(1)], [fixed(None, **CRASH)])
    assert found.label is Label.HARM
    assert "ImportError: no amp (phase setup at train.py:1 <module>)" in found.sentence
    one_of_two = verdict(three(as_is, 1, 1), [fixed(0), fixed(None, 1, **CRASH)])
    assert one_of_two.label is Label.HARM


def test_a_probe_that_was_healthy_is_harm_where_it_judges() -> None:
    def after(probe: str) -> Label:
        sick = (made.reading(probe, UNHEALTHY),)
        return verdict([as_is(1, readings=(made.reading(probe),))], [fixed(0, readings=sick)]).label

    assert after("dead-parameters") is Label.HARM
    assert after("validation-loss") is Label.HARM
    assert after("gradient-norm") is Label.VERIFIED
    sick_before = (made.reading("dead-parameters", UNHEALTHY),)
    assert verdict([as_is(1, readings=sick_before)], [fixed(0, readings=sick_before)]).label is Label.VERIFIED


def test_costs_are_harm_only_beyond_what_equal_runs_and_the_model_explain() -> None:
    def paced(make: object, seed: int, value: float, dt: float, params: int = 10) -> Run:
        run = make(value, seed)  # pyright: ignore
        rows = [{**e, "dt": dt} if e["k"] == "step" else {**e, "params": params} for e in run.trace.main.events]
        return replace(run, trace=Trace.of(rows))

    before = [paced(as_is, s, 1, 0.1 + s / 100) for s in range(3)]
    assert verdict(before, [paced(fixed, s, 0, 0.15) for s in range(3)]).label is Label.VERIFIED
    assert verdict(before, [paced(fixed, s, 0, 0.5) for s in range(3)]).label is Label.HARM
    assert verdict(before, [paced(fixed, s, 0, 0.5, params=99) for s in range(3)]).label is Label.VERIFIED


def test_a_command_that_does_not_run_as_is() -> None:
    found = verdict([as_is(None, **CRASH)], [])
    assert found.label is Label.NOT_RUN
    assert "as is, the command does not train: ImportError: no amp" in found.sentence


def test_a_failure_that_is_the_defect_itself_is_mended() -> None:
    found = verdict([as_is(1, line=None, steps=0, **CRASH)], [fixed(0)])
    assert found.label is Label.VERIFIED
    still = verdict([as_is(1, steps=0, **CRASH)], [fixed(1, **CRASH)])
    assert still.label is Label.NOT_FIXED
    other = verdict([as_is(1, steps=0, **CRASH)], [fixed(None, **{**CRASH, "cause": "KeyError: x"})])
    assert other.label is Label.NOT_RUN


def test_a_rule_without_a_measurable_proof_stays_open() -> None:
    found = verdict([as_is()], [fixed()], subject=Subject(made.finding(), made.Proof("p", "words"), edited=made.EDITED))
    assert found.label is Label.INCONCLUSIVE
    assert "no measurable proof (words)" in found.sentence


def test_too_few_steps_and_a_failed_probe_stay_open() -> None:
    assert "7 steps are needed" in verdict([as_is()], [fixed()], minimum_steps=7).sentence
    broken = as_is()
    events = [*broken.trace.main.events, {"k": "probe_err", "probe": "toy-probe", "error": "T\nKeyError: 1"}]  # pyright: ignore
    found = verdict([replace(broken, trace=Trace.of(events))], [fixed()])
    assert (found.label, "KeyError: 1" in found.sentence) == (Label.INCONCLUSIVE, True)


def test_a_proof_that_fails_is_told_and_ends_nothing() -> None:
    found = verdict([as_is()], [fixed()], measure=lambda trace, finding: 1 / 0)
    assert found.label is Label.INCONCLUSIVE
    assert "the proof of toy failed: ZeroDivisionError" in found.sentence


def test_a_loss_that_is_computed_otherwise_is_not_better() -> None:
    lower = verdict(three(as_is, 1, 1, 1, loss=2.0), three(fixed, 0, 0, 0, loss=1.0))
    other = verdict(three(as_is, 1, 1, 1, loss=2.0), three(fixed, 0, 0, 0, loss=1.0), same_loss=False)
    assert lower.outcomes[0].improves
    assert not other.outcomes[0].improves


def test_runs_that_differ_need_three_seeds_apart() -> None:
    again = as_is(loss=1.5)
    assert is_repeatable(trial([as_is()], [fixed()], again)) is False
    assert is_repeatable(trial([as_is()], [fixed()])) is True
    assert is_repeatable(trial([as_is()], [fixed()], False)) is None
    events = [dict(e) for e in as_is().trace.main.events]  # pyright: ignore
    fewer = replace(as_is(), trace=Trace.of([e for e in events if e["k"] != "loss" or e["m"] % 2]))
    assert is_repeatable(trial([as_is()], [fixed()], fewer)) is True, "it was only looked at less often"
    two = verdict(three(as_is, 1, 1), three(fixed, 0, 0), again)
    assert (two.label, "at least 3 seeds" in two.sentence) == (Label.INCONCLUSIVE, True)
    assert verdict(three(as_is, 1, 1, 1), three(fixed, 0, 0, 0), again).label is Label.VERIFIED


def test_noisy_quantities_need_three_seeds_apart() -> None:
    noisy = {"exact": False, "violated": lambda v: v > 0.4, "satisfied": lambda v: v < 0.6}
    assert verdict([as_is(1)], [fixed(0)], **noisy).label is Label.INCONCLUSIVE
    assert verdict(three(as_is, 0.5, 0.7, 0.9), three(fixed, 0.1, 0.2, 0.3), **noisy).label is Label.VERIFIED
    overlap = verdict(three(as_is, 0.5, 0.7, 0.9), three(fixed, 0.1, 0.2, 0.55), **noisy)
    assert (overlap.label, "overlap" in overlap.sentence) == (Label.INCONCLUSIVE, True)


def test_changed_initial_weights_are_noted() -> None:
    changed = fixed()
    rows = [{**e, "hash": "other"} if e["k"] == "model" else e for e in changed.trace.main.events]  # pyright: ignore
    found = verdict([as_is()], [replace(changed, trace=Trace.of(rows))])
    assert any("replicates, not pairs" in n for n in found.notes)


def test_outcomes_are_shown_by_seed() -> None:
    names = {o.name: (o.before, o.after) for o in outcomes(three(as_is, 1, 1, loss=2.0), three(fixed, 0, 0, loss=1.0))}
    assert names["training loss"] == ((2.0, 2.0), (1.0, 1.0))
    assert names["seconds per step"] == ((0.1, 0.1), (0.1, 0.1))


def test_symptoms_are_explained_by_findings_the_measured_first() -> None:
    sick = made.reading("toy-probe", UNHEALTHY, rules=("other", "toy"), look_next="Look there.")
    lonely = made.reading("finite", UNHEALTHY, rules=("nan",))
    run = as_is(1, readings=(sick, lonely, made.reading("fine")))
    low = made.finding("toy", Confidence.LOW)
    other = made.finding("other", Confidence.LOW, line=9)
    unrelated = made.finding("unrelated")
    first, second = explain(run, [other, unrelated, low], {"toy": made.proof(), "other": made.Proof("p", "q")})
    assert [(e.finding.rule, e.confidence, e.raised) for e in first.findings] == [
        ("toy", Confidence.HIGH, True),
        ("other", Confidence.MEDIUM, True),
    ]
    assert second.findings == ()
    healthy = explain(as_is(0, readings=(sick,)), [low], {"toy": made.proof()})
    assert healthy[0].findings[0].confidence is Confidence.MEDIUM
