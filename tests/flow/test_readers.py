"""Which keys of a configuration are read, and where it goes out of sight."""

import pytest
from mlfix.analyzer.flow.settings.loading import loads as loads_of
from mlfix.analyzer.flow.settings.readers import readings

from ..projects import project_of

YAML = "a: 1\nb: 2\nsub:\n  c: 3\n  d: 4\n"
LOAD = "import yaml\ncfg = yaml.safe_load(open('c.yaml'))\n"


def of(code: str, **others: str):
    files = {"train.py": LOAD + code, "c.yaml": YAML, **{f"{n}.py": t for n, t in others.items()}}
    project = project_of(files)
    starts = loads_of(project)
    found = readings(project, starts, sorted(project.files), lambda key: key in ((), ("sub",)))
    return sorted(".".join(map(str, k)) for k in found.reads), sorted(".".join(map(str, k)) for k in found.escapes)


@pytest.mark.parametrize(
    ("code", "reads", "escapes"),
    [
        ("print(cfg['a'])", ["a"], []),
        ("s = cfg['sub']\nuse(s['c'])", ["sub", "sub.c"], []),
        ("use(cfg.get('a', 1), cfg.pop('b'))", ["a", "b"], []),
        ("use(**cfg)", [], [""]),
        ("use(**cfg['sub'])", ["sub"], ["sub"]),
        ("for k in cfg:\n    use(k)", [], [""]),
        ("for k, v in cfg.items():\n    print(k, v)", [], []),
        ("use(cfg[name])", [], [""]),
        ("def f(c):\n    return c['a']\nf(cfg)", ["a"], []),
        ("def f(*, c):\n    return c['a']\nf(c=cfg)", ["a"], []),
        ("class T:\n    def __init__(self, c):\n        self.c = c\n    def go(self):\n        use(self.c['b'])\nT(cfg)", ["b"], []),
        ("from functools import partial\ndef f(c, x):\n    return c['a']\npartial(f, cfg)", ["a"], []),
        ("import torch.multiprocessing as mp\ndef f(rank, c):\n    return c['a']\nmp.spawn(f, args=(cfg,))", ["a"], []),
        ("f = model.train\nclass M:\n    def train(self, c):\n        return c['a']\nf(cfg)", ["a"], []),
        ("import json\njson.dump(cfg, f)\nprint(cfg)", [], []),
        ("box = {'cfg': cfg}\nuse(box['cfg']['a'])", ["a"], []),
        ("if 'a' in cfg:\n    pass", ["a"], []),
        ("library.run(cfg)", [], [""]),
        ("def f():\n    return cfg\nf()['b']", ["b"], []),
        ("def f():\n    return cfg", [], [""]),
        ("def f(n):\n    f(n - 1)\n    return cfg\nf(3)['a']", ["a"], []),
    ],
)  # fmt: skip
def test_what_is_read(code, reads, escapes):
    assert of(code) == (reads, escapes)


def test_another_file_reads_the_name():
    assert of("", other="from train import cfg\nprint(cfg['a'])\n") == (["a"], [])
    assert of("", other="import train\nprint(train.cfg['b'])\n") == (["b"], [])


def test_a_name_is_followed_once_through_files_that_are_closed_meanwhile():
    """More files than are kept open, each with a name of its own: those that read it not are not opened for it."""
    loads = "".join(f"use(cfg['k{n}'])\ncfg = cfg\n" for n in range(20))
    files = {"train.py": LOAD + loads, "c.yaml": "a: 1\n"}
    files |= {f"m{n}.py": f"import train\nfrom train import cfg\ncfg = cfg\nv = cfg['m{n}']\n" for n in range(100)}
    files |= {f"n{n}.py": "import train\nprint(train.other)\n" for n in range(100)}
    project = project_of(files)
    opened: list[str] = []
    adopt = project.adopt
    project.adopt = lambda text, tree: (opened.append(text.path), adopt(text, tree))[1]  # pyright: ignore[reportAttributeAccessIssue]
    found = readings(project, loads_of(project), sorted(project.files), lambda key: not key)
    assert len(found.reads) == 120
    assert not found.escapes
    assert max(opened.count(path) for path in opened) < 10
    assert not any(path.startswith("n") for path in opened)
