"""The report as a file: what it says, and that it is well-formed and needs nothing else."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mlfix.analyzer.findings import Confidence
from mlfix.analyzer.runtime.results import (
    AS_IS,
    FIXED,
    UNHEALTHY,
    Explained,
    Label,
    Outcome,
    ProbeReading,
    Run,
    Symptom,
    VerifyResult,
)
from mlfix.analyzer.runtime.trace import Trace
from mlfix.templates.report import render

from tests.templates import made
from tests.templates.made_traces import trace
from tests.templates.markup import Page

RESULTS = {
    "every label": made.verify_result(),
    "one verified": made.clean_result(),
    "probe": made.probe_result(),
    "probe, not run": made.not_run_result(),
    "verify, not run": made.not_run_result("verify"),
    "verify, nothing": made.empty_result(),
    "probe, nothing": made.empty_result("probe"),
}


@pytest.fixture(scope="module", params=RESULTS)
def page(request) -> tuple[VerifyResult, str, Page]:
    result = RESULTS[request.param]
    text = render(result)
    return result, text, Page(text)


def test_is_well_formed(page) -> None:
    _, text, parsed = page
    assert text.startswith("<!DOCTYPE html>")
    assert parsed.faults == []
    ids = parsed.values("id")
    assert sorted(ids) == sorted(set(ids))


def test_refers_to_nothing_outside_of_itself(page) -> None:
    _, text, parsed = page
    ids = set(parsed.values("id"))
    assert [h for h in parsed.values("href") if not (h.startswith("#") and h[1:] in ids) and h != "data:,"] == []
    assert [
        n for n in ("src", "srcset", "action", "poster", "data", "xlink:href", "background") if parsed.values(n)
    ] == []
    assert not re.search(r"@import|url\(|https?://|fetch\(|XMLHttpRequest|WebSocket|import\(", text)
    assert [
        t for t, _ in parsed.tags if t in {"iframe", "object", "embed", "img", "video", "audio", "base", "form"}
    ] == []


def test_labels_refer_to_what_is_there(page) -> None:
    _, _, parsed = page
    ids = set(parsed.values("id"))
    assert [i for i in parsed.values("aria-labelledby") if i not in ids] == []
    assert [a for t, a in parsed.tags if a.get("role") == "img" and not a.get("aria-label")] == []


@pytest.mark.parametrize("label", Label)
def test_every_label_is_told(label: Label) -> None:
    result = made.verify_result()
    verdict = next(v for v in result.verdicts if v.label is label)
    text = Page(render(replace(result, verdicts=(verdict,)))).text
    assert f"1 {label}" in text
    assert verdict.sentence.replace("`", "") in text
    assert f"{verdict.finding.location.path}:{verdict.finding.location.line}" in text


@pytest.mark.parametrize(
    ("labels", "headline"),
    [
        ([Label.VERIFIED], "The fix is verified"),
        ([Label.VERIFIED] * 3, "All 3 fixes are verified"),
        ([Label.VERIFIED, Label.HARM], "1 of 2 fixes is verified"),
        ([Label.HARM, Label.NOT_RUN], "None of 2 fixes is verified"),
        ([Label.NOT_REACHED], "The fix is not verified"),
        ([], "There was no fix to verify"),
    ],
)
def test_the_headline_claims_what_was_shown(labels: list[Label], headline: str) -> None:
    verdicts = tuple(replace(made.verified(), label=label) for label in labels)
    parsed = Page(render(replace(made.clean_result(), verdicts=verdicts)))
    assert parsed.text.startswith(f"{headline} \N{EN DASH} mlfix verify")


def test_evidence_diff_and_numbers_are_there() -> None:
    parsed = Page(render(made.clean_result()))
    finding = made.finding()
    for item in finding.evidence:
        assert f"{item.path}:{item.line} {item.note.replace('`', '')}" in parsed.text
    kinds = [a["class"] for t, a in parsed.tags if t == "span" and a.get("class") in {"file", "hunk", "add", "remove"}]
    assert kinds == ["file", "file", "hunk", "remove", "add"]
    assert "scheduler steps that training will take, as a share of T_max as is 0.25 → with the fix 1" in parsed.text
    assert "mlfix verify -- python train.py" in parsed.text
    assert "mlfix apply --rule scheduler-accumulation" in parsed.text


def test_places_that_say_the_same_share_a_card() -> None:
    places = (made.verified(), replace(made.verified(), finding=made.finding(line=90)))
    parsed = Page(render(replace(made.clean_result(), verdicts=places)))
    assert "Both fixes are verified" in parsed.text
    assert [i for i in parsed.values("id") if i.startswith("fix-") and i[4:].isdigit()] == ["fix-1"]
    assert "MLF501 2 places" in parsed.text
    assert "train_simclr.py:90" in parsed.text
    other = (places[0], replace(places[1], sentence="another"))
    parsed = Page(render(replace(made.clean_result(), verdicts=other)))
    assert [i for i in parsed.values("id") if i.startswith("fix-") and i[4:].isdigit()] == ["fix-1", "fix-2"]


def test_what_no_run_shows_is_not_said_to_be_measured() -> None:
    verdict = replace(made.verified(), label=Label.INCONCLUSIVE, before=(None,) * 3, after=(None,) * 3)
    assert "Measured" not in Page(render(replace(made.clean_result(), verdicts=(verdict,)))).text


def test_a_quantity_that_the_sentence_names_is_not_told_twice() -> None:
    verdict = replace(made.verified(), sentence=f"{made.verified().quantity}: 0.25 as is, 1 with the fix")
    text = Page(render(replace(made.clean_result(), verdicts=(verdict,)))).text
    assert text.count(verdict.quantity) == 1


def test_a_card_tells_the_bug_first_and_leads_to_its_curves() -> None:
    result = made.verify_result()
    parsed = Page(render(result))
    told = [parsed.text.index(part) for part in ("counts micro-batches, but", "Evidence", "Measured", "Unsafe fix")]
    assert told == sorted(told)
    links = [h for h in parsed.values("href") if h.startswith("#comparison-")]
    assert links == ["#comparison-1", "#comparison-2", "#comparison-3", "#comparison-4"]


@pytest.mark.parametrize("joint", [False, True])
def test_a_card_leads_to_the_curves_of_the_tree_that_has_its_fix(joint: bool) -> None:
    result = made.clean_result()
    rule = "joint" if joint else "scheduler-accumulation"
    runs = tuple(replace(r, rule=rule) if r.tree == FIXED else r for r in result.runs)
    assert "#comparison-1" in Page(render(replace(result, runs=runs))).values("href")
    assert "#comparison-1" not in Page(render(replace(result, runs=runs[:3]))).values("href")


def test_what_was_found_and_not_tried_is_told_with_its_advice() -> None:
    finding = made.advised()
    text = Page(render(made.verify_result())).text
    told = text[text.index("Found, and not tried") : text.index("As is against")]
    assert f"{finding.rule} {finding.code} {finding.location.path}:{finding.location.line}" in told
    assert finding.no_fix in told
    assert "MLF501" not in told
    assert "Found, and not tried" not in Page(render(made.clean_result())).text
    assert "Found, and not tried" not in Page(render(replace(made.probe_result(), findings=(finding,)))).text


def test_names_no_folder_of_the_machine() -> None:
    failed = "as is, the command does not train: FileNotFoundError: '/home/someone/simclr3d/b.h5'"
    verdict = replace(made.verified(), label=Label.NOT_RUN, sentence=failed)
    result = replace(made.verify_result(), root=Path("/home/someone/simclr3d"), verdicts=(verdict,))
    lines = (
        '  File "/home/someone/simclr3d/train.py", line 12, in <module>',
        '  File "/home/someone/.venv/lib/python3.11/site-packages/torch/_tensor.py", line 630, in backward',
        '  File "/home/someone/.pyenv/lib/python3.11/runpy.py", line 88, in _run_code',
    )
    crash = replace(made.stopped_run(), output=lines, cause="FileNotFoundError: '/home/someone/simclr3d/a.h5'")
    text = render(replace(result, runs=(*result.runs, crash)))
    assert "/home/someone" not in text
    for told in ('"train.py", line 12', '"site-packages/torch/_tensor.py"', '"lib/python3.11/runpy.py"', "'a.h5'"):
        assert told.replace('"', "&#34;").replace("'", "&#39;") in text
    assert "from the project's folder, simclr3d" in Page(text).text


def test_only_disjoint_ranges_say_anything() -> None:
    before, after = (1.0, 2.0, 1.5), (0.5, 0.9, 0.7)
    outcomes = {
        "better in every seed": Outcome("a", before, after, "lower"),
        "worse in every seed": Outcome("b", before, after, "higher"),
        "the ranges overlap": Outcome("c", before, (0.5, 1.5, 0.7), "lower"),
        "shown for comparison": Outcome("d", before, after),
        "not seen in both": Outcome("e", (), after, "lower"),
    }
    verdict = replace(made.verified(), outcomes=tuple(outcomes.values()))
    text = Page(render(replace(made.clean_result(), verdicts=(verdict,)))).text
    assert [t for t in outcomes if t not in text] == []


def test_nothing_is_kept_that_another_finding_of_the_rule_refuses() -> None:
    verdicts = (made.verified(), replace(made.verified(), label=Label.HARM))
    assert "mlfix apply" not in Page(render(replace(made.clean_result(), verdicts=verdicts))).text


def test_curves_of_both_trees_are_drawn_for_each_fix() -> None:
    result = made.verify_result()
    parsed = Page(render(result))
    names = {r.rule for r in result.runs if r.ran and r.rule}
    assert len([i for i in parsed.values("id") if i.startswith("comparison-")]) == len(names) == 4
    lines = [a["class"] for t, a in parsed.tags if t == "path" and (a.get("class") or "").startswith("line ")]
    assert lines.count("line as-is") == lines.count("line fixed") > 20
    for title in ("Loss", "Learning rate", "Gradient norms by module", "Loss terms", "Throughput"):
        assert parsed.text.count(f" {title} ") >= 4
    assert "nan from step 12" in parsed.text


def test_a_chart_says_in_words_what_it_shows() -> None:
    parsed = Page(render(made.clean_result()))
    summary = next(s for s in parsed.values("aria-label") if s.startswith("Learning rate."))
    assert "as is: 3e\N{MINUS SIGN}4 at optimizer step 1" in summary
    assert "T_max = 384, and training will give it 96 (every 4 batches, 8 epochs of 48)" in summary
    assert "T_max = 96, and training will give it 96 (every 4 batches, 8 epochs of 48)" in summary


def test_without_a_step_there_are_no_curves_and_the_cause_is_told() -> None:
    parsed = Page(render(made.not_run_result("verify")))
    assert "No step was recorded." in parsed.text
    assert "FileNotFoundError" in parsed.text
    assert "dataset.py:31 SynapseCubes.__init__" in parsed.text
    assert "came as far as setup" in parsed.text
    assert [t for t, _ in parsed.tags if t == "svg"] == ["svg"]  # the theme button's


def test_a_fix_that_ends_the_program_shows_where() -> None:
    verdict = replace(made.verified(), label=Label.HARM)
    crash = made.stopped_run(FIXED, "scheduler-accumulation")
    result = replace(made.clean_result(), verdicts=(verdict,), runs=(made.run(AS_IS, "", 0), crash))
    parsed = Page(render(result))
    card = parsed.text[: parsed.text.index("Curves As is")] if "Curves As is" in parsed.text else parsed.text
    assert "dataset.py:31 SynapseCubes.__init__" in card


def test_symptoms_name_their_causes_or_what_to_look_at_next() -> None:
    text = Page(render(made.probe_result())).text
    assert "3 unhealthy readings" in text
    assert "doa/losses.py:51 double-deg2rad MLF402, medium confidence, raised by this run" in text
    assert "No finding explains it Look at whether encoder.aux is used in forward." in text
    assert "Verdicts" not in text


def test_a_probe_is_judged_by_its_worst_seed() -> None:
    readings = [(ProbeReading("p", status, value, status),) for status, value in (("healthy", 1.0), ("unhealthy", 3.0))]
    runs = tuple(Run(AS_IS, "", seed, Trace(), readings=r) for seed, r in enumerate(readings))
    parsed = Page(render(VerifyResult("probe", ("x",), made.probe_result().root, runs=runs)))
    assert [a["data-status"] for t, a in parsed.tags if t == "tr" and "data-status" in a] == ["unhealthy"]
    assert "p unhealthy 3 unhealthy" in parsed.text


@pytest.mark.parametrize(("after", "is_change"), [((1.5, 2.5), False), ((2.1, 3.0), True), ((0.5, 1.0), False)])
def test_a_probe_changes_only_beyond_its_range_over_seeds(after: tuple[float, ...], is_change: bool) -> None:
    def runs(tree: str, values: tuple[float, ...]) -> list[Run]:
        rule = "scheduler-accumulation" if tree == FIXED else ""
        return [
            Run(tree, rule, s, Trace(), readings=(ProbeReading("p", "healthy", v, ""),)) for s, v in enumerate(values)
        ]

    result = replace(made.clean_result(), runs=(*runs(AS_IS, (1.0, 2.0)), *runs(FIXED, after)))
    assert [a["data-changes"] for t, a in Page(render(result)).tags if "data-changes" in a] == [str(int(is_change))]


def test_what_is_not_finite_is_told() -> None:
    verdict = replace(made.verified(), before=(float("nan"), None, 0.25), after=(float("inf"),) * 3)
    text = Page(render(replace(made.clean_result(), verdicts=(verdict,)))).text
    assert "as is 0.25, nan → with the fix inf" in text


def test_marks_that_reorder_text_are_spelt_out() -> None:
    verdict = replace(made.verified(), sentence="a\u202eb\x00c\ud800d", diff=made.DIFF.replace("\n", "\r\n"))
    text = render(replace(made.clean_result(), verdicts=(verdict,)))
    assert "a\\u202eb\\u0000c\\ud800d" in text
    assert "\\u000d" not in text
    text.encode("utf-8")


HOSTILE = st.lists(
    st.sampled_from(
        ["<script>", "</script>", "<img src=x onerror=alert(1)>", '"', "'", "`", "`<b>`", "&lt;", "{{ x }}", "{% x %}"]
    )
    | st.sampled_from(
        [
            "]]>",
            "--><!--",
            "\n",
            "\r",
            "\0",
            "\u202e",
            "\ud83d",
            "onload=x ",
            "javascript:",
            "</pre>",
            "|",
            "+++ ",
            "--- ",
        ]
    )
    | st.text(max_size=8),
    min_size=1,
    max_size=6,
).map("".join)
SMALL = {AS_IS: trace(0, steps=3), FIXED: trace(0, fixed=True, steps=3)}


def hostile_result(kind: str, text: str) -> VerifyResult:
    """A result in which every text is foreign."""
    finding = made.finding(text, text, text or "x")
    finding = replace(
        finding, message=text, symptom=text, evidence=tuple(replace(e, path=text, note=text) for e in finding.evidence)
    )
    finding = replace(finding, fix=replace(finding.fix, title=text) if finding.fix else None)
    reading = ProbeReading(text, UNHEALTHY, text, text, text, (text,), text)
    runs = [
        Run(
            tree,
            text if tree == FIXED else "",
            0,
            trace,
            False,
            text,
            3,
            1.0,
            0,
            readings=(reading,),
            deviations=(text,),
        )
        for tree, trace in SMALL.items()
    ]
    named = Trace.of(
        [
            {"k": "gradient-modules", "names": [text]},
            {"k": "gradient", "s": 0, "modules": [1.0]},
            {"k": "loss-terms", "s": 0, "terms": [{"name": text, "v": 1}]},
        ]
    )
    runs.append(Run(AS_IS, "", 1, named))
    runs.append(Run(FIXED, text, 1, Trace(), cause=text or "x", phase=text, frame=text, output=(text, text)))
    verdict = replace(
        made.verified(),
        finding=finding,
        sentence=text,
        quantity=text,
        diff=text,
        notes=(text,),
        outcomes=(Outcome(text, (1.0,), (2.0,), "lower", text),),
    )
    return VerifyResult(
        kind,
        (text, text),
        made.clean_result().root / "".join(c for c in text if c not in "/\0"),
        (verdict,) if kind == "verify" else (),
        tuple(runs),
        (finding,),
        (Symptom(reading, (Explained(finding, Confidence.LOW, True),)), Symptom(reading)),
        None,
        {text: text},
        (text,),
        (text,),
    )


@pytest.mark.parametrize("kind", ["verify", "probe"])
@settings(max_examples=60, deadline=None)
@given(text=HOSTILE)
def test_foreign_text_stays_text(kind: str, text: str) -> None:
    rendered = render(hostile_result(kind, text))
    rendered.encode("utf-8")
    parsed = Page(rendered)
    assert parsed.faults == []
    assert [t for t, _ in parsed.tags].count("script") == 2
    assert {t for t, _ in parsed.tags} & {"img", "b", "iframe"} == set()
    assert [name for _, attrs in parsed.tags for name in attrs if name.startswith("on")] == []
    ids = parsed.values("id")
    assert len(ids) == len(set(ids))
