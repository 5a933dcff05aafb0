"""Which keys of a configuration are read, and where it goes out of sight."""

import pytest
from mlfix.analyzer.flow.settings.loading import loads
from mlfix.analyzer.flow.settings.readers import readings

from ..projects import project_of

YAML = "a: 1\nb: 2\nsub:\n  c: 3\n  d: 4\n"
LOAD = "import yaml\ncfg = yaml.safe_load(open('c.yaml'))\n"


def of(code: str, **others: str):
    files = {"train.py": LOAD + code, "c.yaml": YAML, **{f"{n}.py": t for n, t in others.items()}}
    project = project_of(files)
    starts = loads(project)
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
