"""What a fix no longer uses is no longer imported, and every import that anything else may want stays."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mlfix.analyzer.engine import Request
from mlfix.analyzer.findings import Edit, Finding
from mlfix.analyzer.source.reader import Text
from mlfix.cli.formats.diff import finding_diff
from mlfix.cli.options import available_codemods
from mlfix.codemods.edits import apply_edits
from mlfix.codemods.session import Mended, mend
from mlfix.codemods.unused_imports import clearing, opened
from mlfix.rules import pattern_rules

RULES = """
- {name: unwrap, message: m, pattern: "torch.f($X)", fix: "$X", applicability: safe}
- {name: unroot, message: m, pattern: "math.sqrt($X)", fix: "$X", applicability: safe}
- {name: to-math, message: m, pattern: "cmath.old($X)", fix: "math.sin($X)", applicability: safe}
"""


def without(source: str, path: str = "a.py") -> str:
    """A file without what stands between « and », and without what that leaves unused."""
    text = re.sub("[«»]", "", source)
    module = opened(Text(path, text, "utf-8", False, ""))
    edits: list[Edit] = []
    for number, match in enumerate(re.finditer("«([^»]*)»", source)):
        start = match.start() - 2 * number
        edits.append(Edit(path, module.position(start), module.position(start + len(match[1])), ""))
    return apply_edits(text, [*edits, *clearing(module, edits, lambda _: False)])


def marked_out(source: str) -> str:
    return re.sub("«[^»]*»", "", source)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("import math\nx = 1«+ math.pi»\n", "x = 1\n"),
        ("import os, math\nx = os.sep«+ math.pi»\n", "import os\nx = os.sep\n"),
        ("import math, os\nx = os.sep«+ math.pi»\n", "import os\nx = os.sep\n"),
        ("import numpy as np  # arrays\nimport os\nx = os«, np»\n", "import os\nx = os\n"),
        ("from a import b, c as d, e\nx = b, e«, d»\n", "from a import b, e\nx = b, e\n"),
        ("from a import b, c\nx = b«, c»\n", "from a import b\nx = b\n"),
        ("from a import b, c, d\nx = d«, b, c»\n", "from a import d\nx = d\n"),
        ("from a import (b, c)  # why\nx = b«, c»\n", "from a import (b)  # why\nx = b\n"),
        ("from a import (b, c,)\nx = b«, c»\n", "from a import (b,)\nx = b\n"),
        (
            "from a import (\n    b,  # one\n    c,  # two\n)\nx = b«, c»\n",
            "from a import (\n    b,  # one\n)\nx = b\n",
        ),
        ("from a import (\n    b,  # one\n    c  # two\n)\nx = c«, b»\n", "from a import (\n    c  # two\n)\nx = c\n"),
        ("from a import (\n    b, c,\n    d,\n)\nx = b, d«, c»\n", "from a import (\n    b,\n    d,\n)\nx = b, d\n"),
        ("from a import (\n    b, c,\n    d,\n)\nx = d«, b, c»\n", "from a import (\n    d,\n)\nx = d\n"),
        ("from a import (b,\n               c)\nx = b«, c»\n", "from a import (b)\nx = b\n"),
        ("from a import (b,\n               c)\nx = c«, b»\n", "from a import (c)\nx = c\n"),
        ("from a import b, \\\n    c, \\\n    d\nx = b, d«, c»\n", "from a import b, \\\n    d\nx = b, d\n"),
        ("from a import b, \\\n    c\nx = b«, c»\n", "from a import b\nx = b\n"),
        ("import math\r\nx = 1«+ math.pi»\r\ny = 'é'\r\n", "x = 1\r\ny = 'é'\r\n"),
        ("def f(x):\n    import math\n    return x«* math.pi»\n", "def f(x):\n    return x\n"),
        ("import math\ndef f(math):\n    return math\nx = 1«+ math.pi»\n", "def f(math):\n    return math\nx = 1\n"),
        ('import math\nlog = {"math": 1}\nx = 1«+ math.pi»\n', 'log = {"math": 1}\nx = 1\n'),
        (
            '"""Doc: math."""\n\nimport math\n\nimport os\n\nx = os«, math»\n',
            '"""Doc: math."""\n\nimport os\n\nx = os\n',
        ),
        (
            "import os\n\nimport math\n\n\ndef f(x):\n    return os«, math»\n",
            "import os\n\n\ndef f(x):\n    return os\n",
        ),
        ("import math\n\n\ndef f(x):\n    return x«, math»\n", "def f(x):\n    return x\n"),
        ("import math  # noqa: E402\nx = 1«+ math.pi»\n", "x = 1\n"),
        ("from a import b\nfrom a import c\nx = 1«, b, c»\n", "x = 1\n"),
        ("import torch.nn as nn\nimport torch\nx = torch«, nn»\n", "import torch\nx = torch\n"),
    ],
)
def test_what_only_the_removed_code_used_goes(before: str, after: str) -> None:
    assert without(before) == after


@pytest.mark.parametrize(
    "source",
    [
        "import math\nx = math«.pi»\n",
        "import math\nx = 1\ny«» = 2\n",
        "import math\nx = 1 «+ 1»\n",
        "import math  # noqa\nx = 1«+ math.pi»\n",
        "import math  # noqa: E402,F401\nx = 1«+ math.pi»\n",
        "import math  # pylint: disable=unused-import\nx = 1«+ math.pi»\n",
        "# ruff: noqa: F401\nimport math\nx = 1«+ math.pi»\n",
        "# flake8: noqa\nimport math\nx = 1«+ math.pi»\n",
        "import math as math\nx = 1«+ math.pi»\n",
        "from a import b as b\nx = 1«, b»\n",
        "from __future__ import annotations\nx = 1«, annotations»\n",
        "try:\n    import math\nexcept ImportError:\n    math = None\nx = 1«, math»\n",
        "try:\n    import fast\nexcept ImportError:\n    import slow\nx = 1«, fast»\n",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import math\nx: int«(math)» = 1\nprint(TYPE_CHECKING)\n",
        "import sys\nif sys.version_info > (3, 8):\n    import math\nx = 1«, math»\n",
        "class A:\n    import math\n    x = 1«, math»\n",
        'import math\n__all__ = ["math"]\nx = 1«, math»\n',
        'import math\n__all__ = []\n__all__ += ["math"]\nx = 1«, math»\n',
        'import math\n__all__ = []\n__all__.append("math")\nx = 1«, math»\n',
        'import torch\ndef f(x: "torch.Tensor"):\n    return x«, torch»\n',
        'import torch\ndef f(x) -> "list[torch.Tensor]":\n    return x«, torch»\n',
        'import torch\nfrom typing import Optional\nAny = Optional["torch.Tensor"]\nx = 1«, torch»\n',
        'import torch\nfrom typing import cast\nx = cast("torch.Tensor", 1)«, torch»\n',
        "import torch\ndef f(x):\n    # type: (torch.Tensor) -> int\n    return x«, torch»\n",
        'import math\nx = eval("math.pi")«, math»\n',
        "import math\ndef f(math=math):\n    return math\nx = 1«, math»\n",
        "import math\nmath = wrap(1)\nx = 1«, math»\n",
        "import math\ndef f():\n    global math\n    math = 1\nx = 1«, math»\n",
        "import a.b\nimport a.c\nx = 1«, a.b»\n",
        "import math; import os\nx = os«, math»\n",
        "import math\ndel math\nx = 1«, math»\n",
    ],
)
def test_what_else_may_be_wanted_stays(source: str) -> None:
    assert without(source) == marked_out(source)


def test_a_package_exports_what_it_imports() -> None:
    source = "from .a import b\nx = 1«, b»\n"
    assert without(source, "pkg/__init__.py") == marked_out(source)
    assert (
        without("def f(x):\n    from .a import b\n    return x«, b»\n", "pkg/__init__.py")
        == "def f(x):\n    return x\n"
    )


def test_edits_outside_of_the_file_clear_nothing() -> None:
    module = opened(Text("a.py", "import math\nmath.pi\n", "utf-8", False, ""))
    assert clearing(module, [Edit("a.py", (2, 1), (9, 1), "")], lambda _: False) == []


# --- with rules


def mended(root: Path, files: dict[str, str], *rules: str) -> Mended:
    (root / "rules.yaml").write_text(RULES)
    for path, text in files.items():
        (root / path).parent.mkdir(exist_ok=True)
        (root / path).write_bytes(text.encode())
    known = pattern_rules(root / "rules.yaml", "rules.yaml")
    request = Request(root, known, available_codemods(known), jobs=1)
    return mend(request, lambda f, _: not rules or f.rule in rules)


def after(root: Path, files: dict[str, str], *rules: str) -> str:
    done = mended(root, files, *rules)
    assert not done.refused and not done.report.problems
    return done.changes["train.py"].after.decode()


def findings(root: Path, files: dict[str, str]) -> list[Finding]:
    return list(mended(root, files, "none").report.findings)


TWICE = "import math\nimport torch\nx = torch.f(1)\ny = torch.f(2)\nz = math.sqrt(3)\n"


def test_an_import_goes_when_the_last_use_does(tmp_path: Path) -> None:
    assert after(tmp_path, {"train.py": TWICE}) == "x = 1\ny = 2\nz = 3\n"
    assert after(tmp_path, {"train.py": TWICE}, "unroot") == TWICE.replace("import math\n", "").replace(
        "math.sqrt(3)", "3"
    )


def test_a_finding_shows_what_it_does_alone(tmp_path: Path) -> None:
    first, second, third = findings(tmp_path, {"train.py": TWICE})
    assert "-import" not in finding_diff(first, tmp_path) + finding_diff(second, tmp_path)
    assert "-import math\n" in finding_diff(third, tmp_path)
    assert third.fix is not None
    assert [(e.start, e.end, e.text) for e in third.fix.edits if e.clears] == [((1, 1), (2, 1), "")]


def test_an_import_stays_where_another_fix_needs_it(tmp_path: Path) -> None:
    code = "import cmath\nimport math\nx = math.sqrt(1)\ny = cmath.old(2)\n"
    assert after(tmp_path, {"train.py": code}) == "import math\nx = 1\ny = math.sin(2)\n"
    assert after(tmp_path, {"train.py": code}, "unroot") == "import cmath\nx = 1\ny = cmath.old(2)\n"


def test_an_import_that_was_unused_before_stays(tmp_path: Path) -> None:
    code = "import math\nimport os\nx = math.sqrt(1)\n"
    assert after(tmp_path, {"train.py": code}) == "import os\nx = 1\n"


@pytest.mark.parametrize(
    "other",
    [
        "from train import math\nmath.pi\n",
        "from train import *\nmath.pi\n",
        "import train\ntrain.math.pi\n",
        "import train as t\nt.math.pi\n",
    ],
)
def test_what_other_files_take_stays(tmp_path: Path, other: str) -> None:
    """Also where only two fixes together leave it without a use."""
    one = "import math\nx = math.sqrt(1)\n"
    assert after(tmp_path, {"train.py": one, "other.py": other}) == "import math\nx = 1\n"
    two = "import math\nx = math.sqrt(1)\ny = math.sqrt(2)\n"
    assert after(tmp_path, {"train.py": two, "other.py": other}) == "import math\nx = 1\ny = 2\n"
    assert after(tmp_path, {"train.py": two, "other.py": "import train\ntrain.x\n"}) == "x = 1\ny = 2\n"


# --- any import, whatever its shape

NAMES = ["aa", "bb", "cc", "dd", "ee"]


@st.composite
def imports(draw: st.DrawFn) -> tuple[str, list[str]]:
    """An import statement of a few names, in one of the shapes that people and formatters give it."""
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, unique=True))
    ending = draw(st.sampled_from(["\n", "\r\n"]))
    if draw(st.booleans()):
        return f"import {', '.join(names)}{ending}", names
    if draw(st.booleans()):
        comma = draw(st.sampled_from([", ", ",", f", \\{ending}    "]))
        return f"from pkg import {comma.join(names)}{ending}", names
    gaps = [draw(st.sampled_from([", ", f",{ending}    ", f",  # c{n}{ending}    "])) for n in range(len(names) - 1)]
    start = draw(st.sampled_from(["(", f"({ending}    ", f"(  # open{ending}    "]))
    end = draw(st.sampled_from([")", ",)", f"{ending})", f",{ending})", f",  # last{ending})  # end"]))
    inner = "".join(name + gap for name, gap in zip(names, [*gaps, ""], strict=True))
    return f"from pkg import {start}{inner}{end}{ending}", names


@given(imports(), st.data())
def test_exactly_the_unused_names_go(made: tuple[str, list[str]], data: st.DataObject) -> None:
    statement, names = made
    gone = data.draw(st.lists(st.sampled_from(names), unique=True))
    ending = "\r\n" if "\r\n" in statement else "\n"
    uses = "".join(f"«use({n})»{ending}" if n in gone else f"use({n}){ending}" for n in names)
    source = f"# top{ending}{statement}{uses}# end{ending}"
    result = without(source)
    assert bound(result) == [n for n in names if n not in gone]
    assert result.endswith(marked_out(uses) + f"# end{ending}")
    assert result.startswith(f"# top{ending}")
    if not gone:
        assert result == marked_out(source)
    for number, name in enumerate(names):
        if name not in gone and f"{name},  # c{number}" in statement:
            assert f"{name},  # c{number}" in result, "a comment stays with its name"


def bound(text: str) -> list[str]:
    return [a.name for n in ast.walk(ast.parse(text)) if isinstance(n, (ast.Import, ast.ImportFrom)) for a in n.names]
