"""Patterns as text: what is read, and that what is not read is one clear sentence."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mlfix.analyzer.patterns.syntax import BadPattern, parse_pattern, parse_template


def test_the_holes_of_a_pattern() -> None:
    pattern = parse_pattern("torch.load($X, $...REST, f='$NOT_A_HOLE')  # $NEITHER")
    assert (pattern.holes, pattern.rests, pattern.words) == ({"X"}, {"REST"}, frozenset())
    assert parse_pattern("$X.$NAME($_)").words == {"NAME"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("torch.load(", "no Python code with holes"),
        ("torch.load($x)", "begins no hole"),
        ("torch.load($X) $", "begins no hole"),
        ("$X", "fits everything"),
        ("$...X", "fits everything"),
        ("", "is empty"),
        ("# only", "is empty"),
        ("torch.a = 1\ntorch.b = 2", "2 statements"),
        ("model.eval()", None),
        ("load($X)", "bare name `load`"),
        ("[x for x in $Y]", "bare name `x`"),
        ("torch.f($...A, $...B)", "two `$...`"),
        ("torch.f($A, $...A)", "both with and without dots"),
        ("torch.f(_mlfix_hole_A)", "stand for holes"),
        ("torch.f(\0)", "no Python code"),
        ("(" * 5000, "no Python code"),
        ("torch.f(" + "1," * 9000 + ")", "longer than"),
    ],
)
def test_a_bad_pattern_is_one_sentence(text: str, said: str | None) -> None:
    if said is None:
        parse_pattern(text)
        return
    with pytest.raises(BadPattern, match=None) as caught:
        parse_pattern(text)
    assert said in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("pattern", "template", "said"),
    [
        ("torch.f($X)", "torch.g($Y)", "does not have"),
        ("torch.f($X)", "$A = torch.g($X)", "does not have"),
        ("torch.f($X)", "torch.x = $X", "must be an expression"),
        ("torch.f($_)", "torch.g($_)", "has no name"),
        ("torch.f($X)", "torch.$X", "only a name can stand"),
        ("for $X in torch.f(): pass", "pass", "leave it out"),
        ("torch.a = $X", "import torch.b", "without a block"),
        ("torch.f($X)", "g($X)", "bare name"),
    ],
)
def test_a_bad_fix_is_one_sentence(pattern: str, template: str, said: str) -> None:
    with pytest.raises(BadPattern) as caught:
        parse_template(template, parse_pattern(pattern))
    assert said in str(caught.value)


@settings(deadline=None)
@given(st.text(alphabet=st.sampled_from("$.XYab()[]{},=*'\"#\\\n :0tf\x00é"), max_size=40))
def test_any_text_is_a_pattern_or_says_why_not(text: str) -> None:
    try:
        assert parse_pattern(text).body
    except BadPattern as error:
        assert str(error)
