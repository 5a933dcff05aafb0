"""Syntax trees as text: one text under every Python, which every Python can read."""

import ast

import pytest
from mlfix.analyzer.source import written as module
from mlfix.analyzer.source.written import written

SAME = [
    "f\"{x['k']}\"",
    "f(f\"{x['k']}\\n\", f'{y}')",
    "f'{a!r:>{w}} {{}} \\\\'",
    "f\"{x['k']:{w['n']}}\"",
    "f'{(a if b else c)} {(lambda: 1)()} { {1: 2}}'",
    "f'it\"s'",
    "x + f'{(1, 2)}'",
    "f\"{f'{x}'}\"",
    "f(lambda: 1, lambda a: a, 'b')",
    "f(lambda x='lambda:': 1)",
]


@pytest.mark.parametrize("reuses", [False, True], ids=["as it is", "by hand"])
@pytest.mark.parametrize("code", SAME)
def test_f_strings_in_quotes_that_older_versions_read(code: str, reuses: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    tree = ast.parse(code)
    monkeypatch.setattr(module, "_REUSES_QUOTES", reuses or module._REUSES_QUOTES)
    text = written(tree)
    assert text == code
    assert ast.dump(ast.parse(text)) == ast.dump(tree)


def test_three_quotes_where_one_kind_does_not_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_REUSES_QUOTES", True)
    code = "f'''{x[\"k\"]} it's \"so\"'''"
    tree = ast.parse(code)
    text = written(tree)
    assert text == "f'''{x['k']} it's \"so\"'''"
    assert ast.dump(ast.parse(text)) == ast.dump(tree)
