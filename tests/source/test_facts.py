"""Facts go from process to process as they are."""

from __future__ import annotations

import ast
import pickle
from dataclasses import fields, replace
from pathlib import Path

import mlfix.analyzer
from mlfix.analyzer.source.collect import collect_facts
from mlfix.analyzer.source.facts import Call, ClassFacts, FileFacts, FunctionFacts, Import


def test_facts_are_the_same_after_pickling() -> None:
    kinds: set[type] = set()
    for path in sorted(Path(next(iter(mlfix.analyzer.__path__))).rglob("*.py"))[::9]:
        facts, _ = collect_facts(ast.parse(path.read_text()), path.name, "d", 3, frozenset({b"t"}), True)
        facts = replace(facts, wanted_by=frozenset({"rule"}), unread=("Net.fc",))
        again = pickle.loads(pickle.dumps(facts, pickle.HIGHEST_PROTOCOL))
        assert type(again) is FileFacts
        for field in fields(FileFacts):
            old, new = getattr(facts, field.name), getattr(again, field.name)
            assert new == old
            assert type(new) is type(old)
            if isinstance(old, tuple):
                assert [type(row) for row in new] == [type(row) for row in old]
                kinds |= {type(row) for row in new}
    assert kinds >= {Call, ClassFacts, FunctionFacts, Import}
    assert pickle.loads(pickle.dumps(FileFacts("a.py", "d", 0))) == FileFacts("a.py", "d", 0)
