"""Which files a path names is the same whether or not its folders are asked for where its end is that of no file."""

from __future__ import annotations

import ast

import pytest
from mlfix.analyzer.flow.settings.paths import ANYTHING, Patterns, matching

from ..projects import project_of

KNOWN = ("configs/base.json", "configs/big.json", "data/labels.json", "a.json/b")
CODE = """\
import os
from os.path import join
from pathlib import Path

ROOT = Path("data")
FOLDER = "configs"


def opened(name, user, plain="base.json"):
    path = {path}
    with open(path) as f:
        return use(f)


opened("big.json", input())
opened("none.json", input())
"""


def _named(path: str, known: tuple[str, ...] | None) -> tuple[set[str], bool, bool]:
    """The files that a path names, whether it may be any file, and whether folders were left out."""
    project = project_of({"train.py": CODE.replace("{path}", path)})
    module = project.module("train.py")
    (call,) = [n for n in ast.walk(module.tree) if isinstance(n, ast.Call) and ast.unparse(n.func) == "use"]
    patterns = Patterns(project.flow, lambda _: (), known)
    wanted = patterns.of(project.flow.operand(module, call.args[0]))
    return {p for w in wanted - {ANYTHING} for p in matching(w, KNOWN)}, ANYTHING in wanted, patterns.is_cut


@pytest.mark.parametrize(
    ("path", "named", "is_cut"),
    [
        ("os.path.join(user, 'none.json')", set(), True),
        ("Path(user) / 'none.json'", set(), True),
        ("join(user, FOLDER, 'none.json')", set(), False),  # a plain function: nothing is known of it
        ("os.path.join(user, 'base.json')", {"configs/base.json"}, False),
        ("Path(user) / name", {"configs/big.json"}, False),
        ("Path(user).joinpath('none.json').resolve()", set(), True),
        ("FOLDER + '/base.json'", {"configs/base.json"}, False),
        ("FOLDER + '/ba' + 'se.json'", {"configs/base.json"}, False),
        ("os.path.join(FOLDER, f'{user}.json')", {"configs/base.json", "configs/big.json"}, False),
        ("os.path.join(FOLDER, 'none', '..', 'base.json')", {"configs/base.json"}, False),
        ("os.path.join(FOLDER, 'base.json', 'none', '..')", {"configs/base.json"}, False),
        ("os.path.join(FOLDER, 'base.json/')", {"configs/base.json"}, False),
        ("FOLDER + '\\\\base.json'", {"configs/base.json"}, False),
        ("os.path.join(user, user)", set(KNOWN), False),
        ("os.path.join('a[*', ']b')", set(), False),
        ("os.path.join(ROOT, 'labels.json')", {"data/labels.json"}, False),
        (
            "os.path.join(user, plain) if user else os.path.join(FOLDER, 'big.json')",
            {"configs/base.json", "configs/big.json"},
            False,
        ),
        ("os.path.join(user, 'none.json') if user else os.path.join(FOLDER, 'big.json')", {"configs/big.json"}, True),
        ("Path(user) / (Path(name) / 'none.json')", set(), True),
    ],
)
def test_folders_are_left_out_only_where_they_cannot_matter(path: str, named: set[str], is_cut: bool) -> None:
    assert _named(path, KNOWN) == (named, _named(path, None)[1], is_cut)
    assert _named(path, None)[0] == named
