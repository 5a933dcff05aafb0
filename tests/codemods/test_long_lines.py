"""A statement that a fix makes too long is broken at a bracket, and means what it did."""

from __future__ import annotations

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mlfix.analyzer.findings import Applicability, Edit, Fix
from mlfix.codemods.breaking import broken
from mlfix.codemods.edits import apply_edits
from mlfix.codemods.long_lines import shortened

from ..rules.harness import write


@pytest.mark.parametrize(
    ("line", "lines"),
    [
        ("x = f(alpha, beta, gamma=delta_delta)", ["x = f(", "    alpha, beta, gamma=delta_delta", ")"]),
        ("x = f(alpha_alpha, beta_beta, gamma=delta_delta)", ["x = f(", "    alpha_alpha,", "    beta_beta,", "    gamma=delta_delta,", ")"]),
        ("x = f(alpha_alpha, *beta_beta, **gamma_gamma_g)", ["x = f(", "    alpha_alpha,", "    *beta_beta,", "    **gamma_gamma_g,", ")"]),
        ("return [alpha(x) + beta(x) for x in numbers if x > 1]", ["return [", "    alpha(x) + beta(x)", "    for x in numbers", "    if x > 1", "]"]),
        ("x = (alpha_alpha * beta_beta - gamma_gamma_gamma).sum()", ["x = (", "    alpha_alpha * beta_beta", "    - gamma_gamma_gamma", ").sum()"]),
        ("x = (-alpha_alpha ** -beta_beta - -gamma_gamma_gam).sum()", ["x = (", "    -alpha_alpha ** -beta_beta", "    - -gamma_gamma_gam", ").sum()"]),
        ("x = (not alpha_alpha and beta_beta or not gamma_gam)", ["x = (", "    not alpha_alpha and beta_beta", "    or not gamma_gam", ")"]),
        ("x = f('(', \"a, b\", f'{alpha(1, 2)}, (', delta)", ["x = f(", "    '(',", "    \"a, b\",", "    f'{alpha(1, 2)}, (',", "    delta,", ")"]),
        ("x = alpha_alpha_alpha.sum(1).mean(beta_beta=2)", ["x = alpha_alpha_alpha.sum(1).mean(", "    beta_beta=2", ")"]),
        ("x = alpha_alpha.log() - beta_beta.log() - gamma.log()", ["x = (", "    alpha_alpha.log()", "    - beta_beta.log()", "    - gamma.log()", ")"]),
        ("return alpha_alpha * beta_beta and not gamma(1, 2)", ["return (", "    alpha_alpha * beta_beta", "    and not gamma(1, 2)", ")"]),
        ("assert f(alpha_alpha) == {'b': beta_beta, 'c': 1}", ["assert f(alpha_alpha) == {", "    'b': beta_beta, 'c': 1", "}"]),
    ],
)  # fmt: skip
def test_a_statement_is_broken_at_its_longest_bracket(line: str, lines: list[str]) -> None:
    assert broken(line, "", "    ", 36) == lines
    assert broken(line, "\t", "\t", 38) is not None


@pytest.mark.parametrize(
    "line",
    [
        "alpha_alpha_alpha = beta_beta_beta_beta, gamma_gamma_gamma_g",
        "alpha_alpha_alpha = beta_beta_beta_beta.gamma_gamma_gamma_gam",
        "x = alpha_alpha[beta_beta_beta_beta_beta, gamma_gamma_gamma]",
        "x = (alpha_alpha_alpha if beta_beta_beta else gamma_gamma_gam)",
        "x = f(a_name_that_is_longer_than_any_line_may_be_here_at_all)",
        "x = f(alpha.alpha_alpha_alpha(beta_beta.beta_beta, gamma_gam))",
        "",
    ],
)
def test_what_has_no_such_bracket_stays(line: str) -> None:
    assert broken(line, "", "    ", 36) is None


VALUES = st.recursive(
    st.sampled_from(["alpha", "beta.gamma", "1.5", "'a, (b'", "x[i, 0]", "f'{x}('"]),
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda of: f"call({', '.join(of)})"),
        st.tuples(inner, st.sampled_from([" + ", " * ", " and ", " == ", " @ "]), inner).map(lambda of: f"({''.join(of)})"),
        inner.map(lambda of: f"[{of} for x in rows if {of}]"),
        inner.map(lambda of: f"{{'k': {of}, **more}}"),
        inner.map(lambda of: f"(-{of},)"),
        inner.map(lambda of: f"(lambda a, b=1: {of})"),
    ),
    max_leaves=8,
)  # fmt: skip


@given(VALUES, st.sampled_from(["x = {}", "return {}", "f({}).mean()", "x += {}", "x: int = {}"]), st.integers(20, 60))
def test_the_meaning_stays(value: str, frame: str, limit: int) -> None:
    line = frame.format(value)
    lines = broken(line, "    ", "    ", limit)
    if lines is not None:
        assert all(len(part) <= limit and part.startswith("    ") for part in lines)
        text = "\n".join(part[4:] for part in lines)
        assert ast.dump(ast.parse(text)) == ast.dump(ast.parse(line))


LONG = "normalize_everything(volumes, centres, " + "temperature=temperature, " * 2


def test_edits_outside_of_the_file_stay(tmp_path) -> None:
    with pytest.raises(ValueError):  # as applying them says
        fixed(tmp_path, "x = 1\n", [((7, 1), (9, 1), "")])


def fixed(tmp_path, text: str, edits: list[tuple[tuple[int, int], tuple[int, int], str]]) -> str:
    from mlfix.analyzer.graph.project import Project
    from mlfix.analyzer.project.dependencies import DependencyTable
    from mlfix.analyzer.reading import facts_by_path, read_file
    from mlfix.analyzer.source.reader import Sources

    write(tmp_path, {"a.py": text})
    sources = Sources(tmp_path)
    project = Project(sources, facts_by_path([read_file(sources, "a.py", ())]), DependencyTable())
    fix = Fix(Applicability.SAFE, "t", tuple(Edit("a.py", *edit) for edit in edits))
    return apply_edits(text, shortened(fix, project).edits)


def test_edits_of_one_statement_become_one(tmp_path) -> None:
    text = "a = 1\r\nif a:\r\n\tloss = f(one, two)  \r\nb = 2\r\n"
    new = fixed(tmp_path, text, [((3, 11), (3, 14), "o" * 50), ((3, 16), (3, 19), "t" * 50), ((1, 5), (1, 6), "3")])
    assert new == f"a = 3\r\nif a:\r\n\tloss = f(\r\n\t\t{'o' * 50},\r\n\t\t{'t' * 50},\r\n\t)  \r\nb = 2\r\n"


def test_lines_that_are_put_in_are_broken_too(tmp_path) -> None:
    text = "def f(one, two):\n    return one\n"
    call = f"g({'o' * 50}, {'t' * 50})"
    new = fixed(tmp_path, text, [((2, 1), (2, 1), f"    one = {call}\n    two = {call}\n"), ((2, 12), (2, 15), "two")])
    wide = f"g(\n        {'o' * 50},\n        {'t' * 50},\n    )"
    assert new == f"def f(one, two):\n    one = {wide}\n    two = {wide}\n    return two\n"


def test_what_stays_as_long_as_it_is(tmp_path) -> None:
    long = f"x = g({'o' * 50}, {'t' * 50})"
    edit = [((2, 5), (2, 6), f"g({'o' * 45}, {'t' * 44})")]
    assert fixed(tmp_path, f"{long}\nx = 1\n", edit).count("\n") == 2, "the file's own lines are as long"
    edit = [((1, 5), (1, 6), f"g({'o' * 50}, {'t' * 50})")]
    assert fixed(tmp_path, "x = 1  # why\n", edit).count("\n") == 1, "a comment would have to move"
    assert fixed(tmp_path, "x = 1; y = 2\n", edit).count("\n") == 1, "it shares its line"
