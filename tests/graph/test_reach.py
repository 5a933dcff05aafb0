"""What entry points get to, over imports, names, and look-ups by computed names."""

from pathlib import Path

import pytest
from mlfix.analyzer.graph.project import Project
from mlfix.analyzer.graph.symbols import Symbol
from mlfix.analyzer.project.dependencies import read_dependencies
from mlfix.analyzer.reading import facts_by_path, read_file
from mlfix.analyzer.source.reader import Sources

NET = """\
from torch import nn


class Net(nn.Module):
    def forward(self, x):
        return helper(x)


class Other(nn.Module):
    pass


def helper(x):
    return x
"""


def project_of(root: Path, files: dict[str, str]) -> Project:
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    sources = Sources(root)
    return Project(sources, facts_by_path([read_file(sources, p, ()) for p in files]), read_dependencies(root, []))


@pytest.mark.parametrize(
    ("main", "reached"),
    [
        ("from net import Net\nNet()\n", {"Net", "helper"}),
        ("from net import Net\n", set()),
        ("import net\nnet.Other()\n", {"Other"}),
        ("import net\nprint(getattr(net, input()))\n", {"Net", "Other", "helper"}),
        ("from net import *\nTABLE = {'a': Other}\n", {"Other"}),
        ("import net\nTABLE = net.__dict__\n", {"Net", "Other", "helper"}),
        ("from net import Net\n\nclass Sub(Net):\n    pass\n\nprint(Sub())\n", {"Net", "helper"}),
        ("from net import Net\n\nclass Sub(Net):\n    pass\n\nprint()\n", set()),
        ("from net import Net\n\ndef make():\n    return Net()\n\nif __name__ == '__main__':\n    make()\n", {"Net", "helper"}),
        ("from net import Net\n\ndef make():\n    return Net()\n\nif __name__ == '__main__':\n    print()\n", set()),
        ("def make():\n    from net import Net as N\n    return N\n\nmake()\n", {"Net", "helper"}),
        ("from net import Net, Other\nprint(eval(input()))\n", {"Net", "Other", "helper"}),
    ],
)  # fmt: skip
def test_a_script_gets_to_what_it_names(tmp_path: Path, main: str, reached: set[str]) -> None:
    found = project_of(tmp_path, {"main.py": main, "net.py": NET}).reach.reached
    assert {n for n in ("Net", "Other", "helper") if Symbol("net.py", n) in found} == reached


def test_a_model_file_that_only_tries_its_model_out_is_no_program(tmp_path: Path) -> None:
    trying = NET + "\n\nif __name__ == '__main__':\n    print(Other())\n"
    files = {"main.py": "from net import Net\nNet()\n", "net.py": trying}
    assert Symbol("net.py", "Other") not in project_of(tmp_path / "a", files).reach.reached
    training = trying.replace("print(Other())", "Other()(1).backward()")
    assert Symbol("net.py", "Other") in project_of(tmp_path / "b", files | {"net.py": training}).reach.reached


def test_only_programs_with_a_backward_pass_train(tmp_path: Path) -> None:
    files = {
        "net.py": NET,
        "train.py": "from net import Net\n\ndef main():\n    Net()(1).backward()\n\nif __name__ == '__main__':\n    main()\n",
        "evaluate.py": "from net import Other\nprint(Other())\n",
    }
    reach = project_of(tmp_path, files).reach
    assert Symbol("net.py", "Net") in reach.trained
    assert Symbol("net.py", "Other") in reach.reached
    assert Symbol("net.py", "Other") not in reach.trained
    way = [(s.path, s.qualname) for s in reach.trained.chain(Symbol("net.py", "Net"))]
    assert way == [("train.py", "__main__"), ("train.py", "main"), ("net.py", "Net")]


def test_tests_are_no_programs_and_computed_imports_are_told(tmp_path: Path) -> None:
    files = {"net.py": NET, "tests/test_net.py": "from net import Net\nNet()\n"}
    assert Symbol("net.py", "Net") not in project_of(tmp_path / "a", files).reach.reached
    files["main.py"] = "import importlib\nprint(importlib.import_module(input()))\n"
    assert project_of(tmp_path / "b", files).reach.reached.imports_by_name


def test_what_is_registered_by_a_decorator_is_reached(tmp_path: Path) -> None:
    registered = NET.replace("class Other", "@register_model\nclass Other")
    registered = registered.replace("import nn\n", "import nn\nfrom reg import register_model\n")
    files = {"net.py": registered, "reg.py": "def register_model(c):\n    return c\n", "main.py": "print()\n"}
    assert Symbol("net.py", "Other") in project_of(tmp_path, files).reach.reached


def test_a_variable_that_is_called_like_a_module_hides_no_import(tmp_path):
    files = {
        "trainer.py": "class Trainer:\n    def __init__(self, cfg):\n        self.cfg = cfg\n",
        "main.py": "from trainer import Trainer\n\ntrainer = Trainer({})\n",
    }
    project = project_of(tmp_path, files)
    assert [s.path for s in project.call_sites(Symbol("trainer.py", "Trainer"))] == ["main.py"]
