"""Names across files: relative imports, re-exports, packages, scripts beside their modules."""

import pytest
from mlfix.analyzer.graph.symbols import Symbol

from ..projects import only, project_of

FILES = {
    "train.py": "from models import build\nimport models.swin as s\nfrom models import *\nnet = build()\ns.Swin()\nHead()\n",
    "models/__init__.py": "from .factory import make as build\nfrom .heads import Head\n",
    "models/factory.py": "from .swin import Swin\nfrom torch.nn import Linear\ndef make():\n    return Swin(Linear(1, 2))\n",
    "models/swin.py": "import torch.nn as nn\nfrom .heads import Head\nclass Swin(Head):\n    def forward(self, x):\n        return self.run(x)\n",
    "models/heads.py": "import torch\nclass Head(torch.nn.Module):\n    def run(self, x):\n        return x\n",
    "src/pkg/__init__.py": "",
    "src/pkg/a.py": "from pkg.b import thing\nthing()\n",
    "src/pkg/b.py": "def thing():\n    pass\n",
    "loop/__init__.py": "from .x import y\n",
    "loop/x.py": "from . import y\n",
}


@pytest.fixture(scope="module")
def project():
    return project_of(FILES)


@pytest.mark.parametrize(
    ("path", "code", "expected"),
    [
        ("train.py", "build", Symbol("models/factory.py", "make")),
        ("train.py", "s.Swin", Symbol("models/swin.py", "Swin")),
        ("train.py", "Head", Symbol("models/heads.py", "Head")),
        ("models/factory.py", "Linear", "torch.nn.Linear"),
        ("src/pkg/a.py", "thing", Symbol("src/pkg/b.py", "thing")),
    ],
)
def test_a_name_leads_to_its_definition(project, path, code, expected) -> None:
    module = project.module(path)
    assert project.resolve(module, only(module, code)) == expected


def test_circles_of_imports_end(project) -> None:
    assert isinstance(project.symbols.resolve("loop/x.py", ".y"), str)


def test_inherited_methods_and_outside_bases(project) -> None:
    swin = Symbol("models/swin.py", "Swin")
    assert project.symbols.method(swin, "run") == Symbol("models/heads.py", "Head.run")
    assert project.symbols.is_subclass(swin, frozenset({"torch.nn.Module"}))


def test_callers(project) -> None:
    sites = project.call_sites(Symbol("models/swin.py", "Swin"))
    assert [(s.path, s.line) for s in sites] == [("models/factory.py", 4), ("train.py", 5)]
    assert [(s.path, s.scope) for s in project.call_sites(Symbol("models/heads.py", "Head.run"))] == [
        ("models/swin.py", "Swin.forward")
    ]


def test_an_outside_package_is_not_a_folder_of_its_name() -> None:
    project = project_of(
        {"tests/torch/conftest.py": "", "tests/a.py": "import torch\ntorch.nn.Linear\n", "torch_utils.py": ""}
    )
    module = project.module("tests/a.py")
    assert project.resolve(module, only(module, "torch.nn.Linear")) == "torch.nn.Linear"


def test_graphs(project) -> None:
    graphs = project.graphs
    assert "models/factory.py" in graphs.imports.successors("models/__init__.py")
    assert graphs.calls.has_edge(Symbol("models/factory.py", "make"), Symbol("models/swin.py", "Swin"))
    assert graphs.classes.has_edge(Symbol("models/heads.py", "Head"), "torch.nn.Module")
    assert graphs.entry_points() == ["src/pkg/a.py", "train.py"]
    assert "models/swin.py" in graphs.reachable_files
    assert "loop/x.py" not in graphs.reachable_files


def test_a_project_survives_pickling(project) -> None:
    import pickle

    again = pickle.loads(pickle.dumps(project))
    assert again.call_sites(Symbol("models/swin.py", "Swin")) == project.call_sites(Symbol("models/swin.py", "Swin"))


def test_stars_in_a_ring_are_asked_once():
    """A package whose parts star-import the package again: a name that is nowhere must not be looked for forever."""
    parts = [f"p{n}" for n in range(30)]
    files = {
        "layer/__init__.py": "".join(f"from layer.{p} import *\n" for p in parts),
        "train.py": "from layer import *\nconv()\nhere()\n",
        **{f"layer/{p}.py": "from . import *\n" for p in parts},
    }
    files["layer/p29.py"] += "def here():\n    pass\n"
    project = project_of(files)
    assert project.symbols.local("train.py", "conv") is None
    assert project.symbols.local("train.py", "here") == Symbol("layer/p29.py", "here")
    assert project.symbols.resolve("layer/p3.py", ".conv") == ".conv"


def test_a_name_that_its_own_package_imports_in_a_ring():
    project = project_of(
        {"net/__init__.py": "from . import net\nfrom .a import *\n", "net/a.py": "from net import net\n"}
    )
    assert project.symbols.local("net/a.py", "net.Layer") is not None


def test_what_a_package_gives_out_is_the_same_for_every_file_and_in_every_order():
    files = {
        "pkg/__init__.py": "from .a import *\nfrom .b import Net\nfrom torch.nn import Linear\n",
        "pkg/a.py": "from . import *\nfrom .c import *\nSIZE = 3\n",
        "pkg/b.py": "from .a import *\nclass Net:\n    pass\n",
        "pkg/c.py": "from .a import *\ndef make():\n    pass\n",
        "one.py": "from pkg import make, Net, Linear, SIZE, missing\n",
        "two.py": "from pkg import missing, SIZE, Linear, Net, make\n",
    }
    expected = {
        "pkg.make": Symbol("pkg/c.py", "make"),
        "pkg.make.cache": Symbol("pkg/c.py", "make.cache"),
        "pkg.Net": Symbol("pkg/b.py", "Net"),
        "pkg.Linear": "torch.nn.Linear",
        "pkg.SIZE": Symbol("pkg/a.py", "SIZE"),
        "pkg.missing": "pkg.missing",
        "pkg": Symbol("pkg/__init__.py", ""),
    }
    for names in (list(expected), list(expected)[::-1]):
        symbols = project_of(files).symbols
        for path in ("one.py", "two.py"):
            assert {name: symbols.resolve(path, name) for name in names} == expected
        assert symbols.local("pkg/__init__.py", "make") == Symbol("pkg/c.py", "make")
        assert symbols.local("pkg/__init__.py", "Linear") == "torch.nn.Linear"
        assert symbols.local("pkg/__init__.py", "missing") is None


@pytest.mark.parametrize(
    ("path", "name", "expected"),
    [
        ("net/__init__.py", "net.make", Symbol("net.py", "make")),  # the package itself is no target of its own import
        ("run.py", "net.make", Symbol("net.py", "make")),  # a module before the package of its name
        ("net/__init__.py", ".parts.Block", Symbol("net/parts/Block.py", "")),
        ("net/parts/__init__.py", ".Own", Symbol("net/parts/__init__.py", "Own")),  # by dots alone it is
        ("net/parts/__init__.py", ".", Symbol("net/parts/__init__.py", "")),
        ("net/parts/__init__.py", "..parts.__init__.Block", Symbol("net.py", "parts.__init__.Block")),
        ("net/parts/Block.py", ".Block.run", Symbol("net/parts/__init__.py", "Block.run")),  # no module in itself
        ("net/parts/Block.py", "Block.run", "Block.run"),
        ("net/parts/other.py", ".Block.run", Symbol("net/parts/Block.py", "run")),
        ("net/parts/other.py", "Block.run", Symbol("net/parts/Block.py", "run")),  # run as a script
        ("net/parts/other.py", "...run", Symbol("run.py", "")),
        ("net/parts/other.py", "....run", Symbol("run.py", "")),
    ],
)
def test_each_file_of_a_folder_finds_its_own_start(path, name, expected) -> None:
    files = {
        "net.py": "parts = 1\ndef make():\n    pass\n",
        "net/__init__.py": "",
        "net/parts/__init__.py": "class Block:\n    pass\nOwn = 1\n",
        "net/parts/Block.py": "def run():\n    pass\n",
        "net/parts/other.py": "",
        "run.py": "",
    }
    for paths in (list(files), list(files)[::-1]):
        symbols = project_of(files).symbols
        assert {p: symbols.resolve(p, name) for p in paths}[path] == expected


def test_classes_that_derive_from_another_by_its_name() -> None:
    files = {
        "base.py": "class Net:\n    pass\nclass Deep(Net):\n    pass\nclass Other:\n    class Net(Deep):\n        pass\n",
        "by_module.py": "import base\nclass Wide(base.Net, base.Other):\n    pass\n",
        "by_alias.py": "from base import Net as Plain\nclass Renamed(Plain):\n    pass\n",
        "namesake.py": "class Net:\n    pass\nclass Unrelated(Net):\n    pass\n",
    }
    symbols = project_of(files).symbols
    names = {klass.qualname for klass in symbols.derived(Symbol("base.py", "Net"))}
    assert names == {"Deep", "Wide", "Renamed"}
    assert [*symbols.derived(Symbol("base.py", "Deep"))] == [Symbol("base.py", "Other.Net")]
