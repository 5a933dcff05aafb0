"""An import that a fix leaves unused is part of the fix in every output, and comes back with ``undo``."""

from __future__ import annotations

import json

from .conftest import Place

CONFIG = 'rules = ["team.yaml"]\n'
RULES = '- {name: unroot, message: m, pattern: "math.sqrt($X)", fix: "$X", applicability: safe}\n'
CODE = "import math\n\nx = math.sqrt(1)\n"
TWO = CODE + "y = math.sqrt(2)\n"


def test_json_and_sarif_hold_the_removal(empty: Place) -> None:
    empty.write({"mlfix.toml": CONFIG, "team.yaml": RULES, "a.py": CODE})
    for _ in range(2):  # the second time from the cache
        [edit, removal] = json.loads(empty.mlfix("scan", "--format", "json").stdout)["findings"][0]["fix"]["edits"]
        assert set(removal) == {"path", "start", "end", "text"} == set(edit)
        assert (removal["start"], removal["end"], removal["text"]) == ([1, 1], [3, 1], "")
    [fix] = json.loads(empty.mlfix("scan", "--format", "sarif").stdout)["runs"][0]["results"][0]["fixes"]
    assert len(fix["artifactChanges"][0]["replacements"]) == 2


def test_diff_apply_and_undo(empty: Place) -> None:
    empty.write({"mlfix.toml": CONFIG, "team.yaml": RULES, "a.py": TWO})
    assert "-import math" not in empty.mlfix("scan").stdout, "either fix alone leaves it"
    for _ in range(2):  # the second time from the cache
        assert "-import math" in empty.mlfix("apply", "--diff").stdout
    assert empty.mlfix("apply").exit_code == 0
    assert empty.read("a.py") == b"x = 1\ny = 2\n"
    empty.mlfix("apply")
    assert empty.read("a.py") == b"x = 1\ny = 2\n"
    empty.mlfix("undo")
    assert empty.read("a.py") == TWO.encode()


def test_one_of_two_fixes(empty: Place) -> None:
    empty.write({"mlfix.toml": CONFIG, "team.yaml": RULES, "a.py": TWO})
    empty.mlfix("apply", "--interactive", answers="y\nn\n")
    assert empty.read("a.py") == b"import math\n\nx = 1\ny = math.sqrt(2)\n"
    empty.mlfix("apply")
    assert empty.read("a.py") == b"x = 1\ny = 2\n"
