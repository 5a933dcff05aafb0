"""The loops around a call, and their turns."""

from __future__ import annotations

import sys
from types import SimpleNamespace

from mlfix.analyzer.runtime.agent.loops import enclosing
from mlfix.analyzer.runtime.agent.sites import Sites


def loops(tmp_path, source: str) -> list[tuple[str, int | None]]:
    """What is seen around the first call of `here()` in a program."""
    path = tmp_path / "train.py"
    path.write_text(source)
    seen: list[list[dict]] = []

    def here(*_: object) -> None:
        if not seen:
            seen.append(enclosing(Sites(str(tmp_path)), sys._getframe(1)))

    cfg = SimpleNamespace(epochs=5, items=[1, 2, 3], opts={"epochs": 7})
    exec(compile(source, str(path), "exec"), {"here": here, "cfg": cfg, "tqdm": iter})
    return [(loop["kind"], loop["count"]) for loop in seen[0]]


def test_ranges_are_read_from_what_the_program_has(tmp_path):
    source = """
def fit(cfg):
    for epoch in range(1, cfg.epochs + 1):
        one(cfg, epoch)

def one(cfg, epoch):
    for i, item in enumerate(tqdm(cfg.items)):
        here(i)

for fold in range(cfg.opts["epochs"]):
    fit(cfg)
"""
    assert loops(tmp_path, source) == [("range", 3), ("range", 5), ("range", 7)]


def test_a_loop_around_a_definition_is_not_around_its_calls(tmp_path):
    source = """
for name in range(9):
    def step():
        here()
step()
"""
    assert loops(tmp_path, source) == []


def test_a_lambda_on_the_line_hides_no_loop(tmp_path):
    assert loops(tmp_path, "for i in range(4):\n    here(lambda: 1)\n") == [("range", 4)]


def test_what_is_not_known_has_no_count(tmp_path):
    source = """
def numbers():
    yield 1
while True:
    for x in numbers():
        here()
    break
"""
    assert loops(tmp_path, source) == [("other", None), ("while", None)]


def test_a_loop_does_not_hold_what_comes_behind_it(tmp_path):
    assert loops(tmp_path, "for i in range(4):\n    pass\nelse:\n    here()\n") == []
