"""Names inside one file: imports, aliases, scopes."""

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mlfix.analyzer.flow.values.functions import own_calls

from ..projects import only, project_of


@pytest.mark.parametrize(
    ("text", "code", "expected"),
    [
        ("import torch\ntorch.nn.Linear", "torch.nn.Linear", "torch.nn.Linear"),
        ("import torch as th\nth.nn.Linear", "th.nn.Linear", "torch.nn.Linear"),
        ("import torch.nn as nn\nnn.Linear", "nn.Linear", "torch.nn.Linear"),
        ("import torch.nn.functional\ntorch.nn.Linear", "torch.nn.Linear", "torch.nn.Linear"),
        ("from torch.cuda import amp\namp.autocast", "amp.autocast", "torch.cuda.amp.autocast"),
        ("import torch\namp = torch.cuda.amp\namp.autocast", "amp.autocast", "torch.cuda.amp.autocast"),
        ("from . import layers\nlayers.Block", "layers.Block", ".layers.Block"),
        ("from ..nets.swin import Swin\nSwin", "Swin", "..nets.swin.Swin"),
        ("import torch\ndef f(torch):\n    return torch.nn", "torch.nn", None),
        ("import torch\ndef f():\n    torch = 1\n    return torch.nn", "torch.nn", None),
        ("def f():\n    import torch\n    return torch.nn", "torch.nn", "torch.nn"),
        ("import torch\nclass A:\n    torch = 3\n    def f(self):\n        return torch.nn", "torch.nn", "torch.nn"),
        ("import torch\nf(torch.stack(x).view)", "torch.stack(x).view", None),
        ("import a\nx = a.b if c else a.d\nx.e", "x.e", None),
        ("import a\nx = a.b\nx = a.c\nx.e", "x.e", None),
    ],
)
def test_a_name_is_what_python_would_find(text: str, code: str, expected: str | None) -> None:
    module = project_of({"a.py": text}).module("a.py")
    assert module.local_name(only(module, code)) == expected


def test_facts_name_what_is_used_through_imports() -> None:
    text = (
        "import torch as th\nfrom torch.cuda.amp import autocast as ac\nimport numpy as np\n"
        "def f(np):\n    with ac():\n        return np.zeros(3)\n"
        "class A(th.nn.Module):\n    def g(self):\n        return self.h(th.zeros(1)).cuda()\n"
    )
    facts = project_of({"a.py": text}).files["a.py"]
    assert facts.names == {"torch.cuda.amp.autocast", "torch.nn.Module", "torch.zeros"}
    assert [(c.callee, c.scope) for c in facts.calls if c.scope == "A.g"] == [
        ("?.cuda", "A.g"),
        ("self.h", "A.g"),
        ("torch.zeros", "A.g"),
    ]
    assert facts.classes[0].bases == ("torch.nn.Module",)


@pytest.mark.parametrize(
    ("text", "guard", "runs"),
    [
        ("if __name__ == '__main__':\n    main()", True, False),
        ("if '__main__' == __name__:\n    main()", True, False),
        ("train()", False, True),
        ("for x in y:\n    pass", False, True),
        ("def f():\n    train()\nx = 3", False, False),
    ],
)
def test_scripts_are_told_from_modules(text: str, guard: bool, runs: bool) -> None:
    facts = project_of({"a.py": text}).files["a.py"]
    assert (facts.has_main_guard, facts.runs_at_import) == (guard, runs)


def test_parents_scopes_and_statements() -> None:
    module = project_of(
        {"a.py": "@deco(1)\ndef f(x=2, *, y: int = 3):\n    def g():\n        return lambda z: z + x\n"}
    ).module("a.py")
    assert module.scope_of(only(module, "deco(1)")).qualname == ""
    assert module.scope_of(only(module, "z + x")).qualname == "f.g.<lambda>"
    assert module.qualname(only(module, "lambda z: z + x")) == "f.g"
    assert isinstance(module.statement(only(module, "z + x")), ast.Return)


@given(st.text(alphabet="aé日\t \u2028\x0c", max_size=12))
def test_spans_give_back_the_text_of_a_node(prefix: str) -> None:
    text = f"s = {prefix!r}; target.attribute\r\nlast"
    module = project_of({"a.py": text}).module("a.py")
    node = only(module, "target.attribute")
    assert module.segment(node) == "target.attribute"
    place = module.location(node)
    assert module.line(place.line)[place.column - 1 : place.end_column - 1] == "target.attribute"


@pytest.mark.parametrize(
    ("text", "sets"),
    [
        ("def f(x):\n    x += 1", True),
        ("def f(x):\n    x[0] = 1", True),
        ("class A:\n    def f(self, x):\n        self.x.y[0] /= x", True),
        ("def f(x):\n    x = x + 1\n    x.y = x[0]", False),
    ],
)
def test_statements_that_set_a_part_are_noted(text: str, sets: bool) -> None:
    assert project_of({"a.py": text}).files["a.py"].sets_parts == sets


@pytest.mark.parametrize(
    ("text", "code", "expected"),
    [
        ("import cv2\ncv2.flip(x)", "cv2.flip", True),
        ("import cv2\ncv2.blur(x)", "cv2.blur", False),
        ("from cv2 import flip\nflip(x)", "flip", True),
        ("from cv2 import flip as turned\nturned(x)", "turned", True),
        ("import cv2\ndef f(x):\n    turned = cv2.flip\n    return turned(x)", "turned", True),
        ("import cv2\nturned: Any = cv2.flip\nturned(x)", "turned", True),
        ("import cv2\nmake()(x)", "make()", False),
        ("len(x)", "len", False),
    ],
)
def test_a_quick_look_lets_all_through_that_may_have_a_name(text: str, code: str, expected: bool) -> None:
    module = project_of({"a.py": text}).module("a.py")
    assert module.may_be(only(module, code), frozenset({"flip"})) is expected


def test_calls_of_a_function_are_its_own_in_source_order() -> None:
    text = "def f(x):\n    def g():\n        inside()\n    return first(second(x))(third(lambda: fourth()))\n"
    module = project_of({"a.py": text}).module("a.py")
    scope = module.scope_named("f")
    assert scope is not None
    calls = [module.segment(c.func) for c in own_calls(scope)]
    assert calls == ["first(second(x))", "first", "second", "third", "fourth"]
    assert [module.segment(c.func) for c in own_calls(scope)] == calls
