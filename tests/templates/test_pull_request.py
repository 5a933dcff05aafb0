"""The pull-request text, read by a Markdown parser."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from markdown_it import MarkdownIt
from markdown_it.token import Token
from mlfix.analyzer.runtime.results import Label
from mlfix.templates.pull_request import render

from tests.templates import made
from tests.templates.test_report import HOSTILE, hostile_result


def tokens(text: str) -> list[Token]:
    found = MarkdownIt("commonmark").enable("table").parse(text)
    return [token for block in found for token in (block, *(block.children or ()))]


def read(text: str) -> str:
    """What a reader sees of the tables and paragraphs."""
    return "\n".join(
        "".join(c.content for c in t.children if c.type in {"text", "code_inline"})
        for t in tokens(text)
        if t.type == "inline" and t.children
    )


def test_every_verdict_has_its_sentence_and_numbers() -> None:
    result = made.verify_result()
    seen = read(render(result))
    for verdict in result.verdicts:
        assert f"{verdict.finding.rule}: {verdict.sentence.replace('`', '')}" in seen
        assert (
            f"{verdict.label}\n{verdict.finding.rule} in {verdict.finding.location.path}:{verdict.finding.location.line}"
            in seen
        )
    assert "a share of T_max\n0.25\n1" in seen
    assert "0.0271 (0.0268 to 0.0279)\n0" in seen


def test_the_diff_is_a_block_of_its_own() -> None:
    blocks = [t for t in tokens(render(made.clean_result())) if t.type == "fence"]
    assert [(b.info, b.content) for b in blocks] == [("diff", made.DIFF), ("sh", "mlfix verify -- python train.py\n")]


def test_a_diff_cannot_end_its_block() -> None:
    verdict = replace(made.verified(), diff="+```\n+<img src=x>\n+````\n")
    blocks = [t.content for t in tokens(render(replace(made.clean_result(), verdicts=(verdict,)))) if t.type == "fence"]
    assert blocks[0] == verdict.diff


def test_not_run_tells_the_cause() -> None:
    text = read(render(made.not_run_result("verify")))
    assert (
        "Not run: FileNotFoundError: [Errno 2] No such file or directory: 'data/synapses.h5' in dataset.py:31 SynapseCubes.__init__ (setup)."
        in text
    )


def test_symptoms_name_their_causes() -> None:
    text = read(render(made.probe_result()))
    assert "Explained by double-deg2rad in doa/losses.py:51" in text
    assert "No finding explains it. Look at whether encoder.aux is used in forward." in text


@pytest.mark.parametrize(
    ("foreign", "linked"),
    [("@octocat", "@octocat"), ("see #12", "#12"), ("https://x.y", "https://"), ("www.x.y", "www.")],
)
def test_nobody_is_mentioned_and_nothing_is_linked(foreign: str, linked: str) -> None:
    verdict = replace(made.verified(), label=Label.HARM, sentence=foreign)
    assert linked not in render(replace(made.clean_result(), verdicts=(verdict,)))


@pytest.mark.parametrize("kind", ["verify", "probe"])
@settings(max_examples=60, deadline=None)
@given(text=HOSTILE)
def test_foreign_text_stays_text(kind: str, text: str) -> None:
    rendered = render(hostile_result(kind, text))
    rendered.encode("utf-8")
    found = tokens(rendered)
    markup = [t.content.strip() for t in found if t.type in {"html_block", "html_inline"}]
    assert {
        m
        for m in markup
        if not m.startswith(("<details><summary>The bug", "<details><summary>How", "</details>")) and m != "<!-- -->"
    } == set()
    assert [t.type for t in found if t.type in {"link_open", "image", "em_open"}] == []
    assert len([t for t in found if t.type == "heading_open"]) == 1
    rows = [i for i, t in enumerate(found) if t.type == "tr_open"]
    cells = [
        sum(
            t.type in {"td_open", "th_open"}
            for t in found[i : found.index(next(t for t in found[i:] if t.type == "tr_close"), i)]
        )
        for i in rows
    ]
    assert set(cells) <= {4, 5}
