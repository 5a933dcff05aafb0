"""A configured value is changed, and no other byte: comments, quotes, anchors, order and line ends stay."""

from pathlib import Path

import pytest
from mlfix.analyzer.engine import Request
from mlfix.codemods import all_codemods
from mlfix.codemods.session import mend
from mlfix.rules import all_rules

CODE = """import yaml
import torch
import torch.nn.functional as F

cfg = {load}


def loss(weak, strong):
    conf, guess = torch.softmax(weak, -1).max(-1)
    mask = conf.ge(cfg["ssl"]["tau"]).float()
    return (F.cross_entropy(strong, guess, reduction="none") * mask).mean()
"""
YAML = 'yaml.safe_load(open("c.yaml"))'
CASES = {
    "comments": (YAML, "c.yaml", "# top\nn_classes: 2 # two\nssl:\n    tau:   0.95   # paper\n    'q': \"x\"\n"),
    "flow": (YAML, "c.yaml", "{n_classes: 2, ssl: {a: [1, 2], tau: 0.95, b: 3}}\n"),
    "anchor": (YAML, "c.yaml", "n_classes: 2\nbase: &b\n  tau: 0.95\nssl:\n  <<: *b\n  lr: 1\n"),
    "anchored value": (YAML, "c.yaml", "n_classes: 2\nssl:\n  tau: &t 0.95\nother: *t\n"),
    "crlf and bom": (YAML, "c.yaml", "\ufeffn_classes: 2\r\nssl:\r\n  tau: 0.95\r\n"),
    "no last newline": (YAML, "c.yaml", "n_classes: 2\nssl:\n  tau: 0.95"),
    "json": ('__import__("json").load(open("c.json"))', "c.json", '{"n_classes": 2,\n\t"ssl": {"tau": 0.95}}'),
    "toml": ('toml.load("c.toml")', "c.toml", "n_classes = 2\n[ssl] # here\ntau = 0.95 # paper\n"),
}


@pytest.mark.parametrize("name", CASES)
def test_only_the_value_changes(tmp_path: Path, name: str) -> None:
    load, path, text = CASES[name]
    load = load.replace('__import__("json")', "json")
    code = CODE.format(load=load).replace("import yaml", "import json\nimport toml\nimport yaml")
    (tmp_path / "train.py").write_text(code)
    (tmp_path / path).write_bytes(text.encode())
    rules = [r for r in all_rules() if r.name == "pseudo-label-threshold"]
    mended = mend(Request(tmp_path, rules, all_codemods()), lambda *_: True)
    assert {p: c.after.decode() for p, c in mended.changes.items()} == {path: text.replace("0.95", "0.75")}
    assert mended.report.findings == ()
