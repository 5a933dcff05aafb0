"""Configuration files: values with exact places, whatever the format and however written."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mlfix.analyzer.project.configs import BadConfig, ConfigFiles, read

YAML = """\
# the rates
base: &base
  lr: 1e-4      # warm
  'quoted': "0.5"
  flag: yes
  nothing: ~
run:
  <<: *base
  lr: -3
  list: [1, two, 3.5]
again: *base
ref: ${run.lr}
block: |
  some text
"""
TOML = """\
title = "x"
optim.lr = 0.1 # comment
[run]
seed = 1_000
steps = [10, 20]
point = { x = 1, y = -2.5 }
[[layer]]
size = 4
[[layer]]
size = 8
"""
JSON = '{\n\t"lr": 1e-4, // note\n  "nested": {"a": [1, {"b": true}], "s": "t\\u0041"},\n  "none": null\n}\n'


@pytest.mark.parametrize(("path", "text"), [("a.yaml", YAML), ("a.toml", TOML), ("a.json", JSON)])
@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_every_place_holds_what_it_says(path, text, ends):
    file = read(path, text.replace("\n", ends))
    lines = file.text.split(ends)
    seen = [e for e in file.entries() if e.editable]
    assert len(seen) >= 5
    for entry in seen:
        assert lines[entry.at.line - 1][entry.at.column - 1 : entry.at.end_column - 1] == entry.text
    for entry in file.entries():
        at = entry.key_at
        if isinstance(entry.key[-1], str):
            assert entry.key[-1] in lines[at.line - 1][at.column - 1 : at.end_column - 1]


def test_yaml_values():
    file = read("a.yaml", YAML)
    values = {e.name: e.value for e in file.entries() if e.kind == "scalar" and e.target is None}
    assert values["base.lr"] == 1e-4
    assert values["base.quoted"] == "0.5"
    assert values["base.flag"] is True
    assert values["base.nothing"] is None
    assert values["run.list.2"] == 3.5
    assert file.get("run", "lr").value == -3
    assert file.get("run", "flag").value is True
    assert file.get("again", "lr").at.line == 3
    assert file.get("ref").at.line == 9
    assert not file.get("block").editable


def test_toml_values():
    file = read("a.toml", TOML)
    assert file.get("optim", "lr").value == 0.1
    assert file.get("run", "seed").text == "1_000"
    assert file.get("run", "point", "y").text == "-2.5"
    assert file.get("layer", 1, "size").at.line == 10
    assert file.get("run", "steps", 1).at.column == 14


def test_json_values():
    file = read("a.json", JSON)
    assert file.get("lr").value == 1e-4
    assert file.get("nested", "a", 1, "b").value is True
    assert file.get("nested", "s").value == "tA"


@pytest.mark.parametrize(
    ("path", "text"),
    [("a.yaml", "a: [1"), ("a.json", "{'a': 1}"), ("a.json", '{"a": 1} x'), ("a.toml", "a = "), ("a.json", "[" * 99)],
)
def test_bad_files(path, text):
    with pytest.raises(BadConfig):
        read(path, text)


@given(st.text(max_size=60), st.sampled_from(["a.yaml", "a.json", "a.toml"]))
def test_no_text_breaks_the_reader(text, path):
    with contextlib.suppress(BadConfig):
        read(path, text)


def test_circles_end():
    files = {"a.yaml": b"defaults: [b]\nx: &x\n  y: *x\n", "b.yaml": b"defaults: [a]\nk: ${k}\n"}
    configs = ConfigFiles(files, files.__getitem__)
    assert configs.find("a.yaml", ("z",)) == []
    assert configs.find("b.yaml", ("k",))[0].value == "${k}"
    assert configs.parts("a.yaml") == ["a.yaml", "b.yaml"]


def test_compositions():
    files = {
        "conf/config.yaml": b"defaults:\n  - _self_\n  - optim: adam\n  - override /data: toy\n  - base\nseed: 1\n",
        "conf/optim/adam.yaml": b"lr: 0.1\n",
        "conf/data/toy.yaml": b"# @package _global_\ndata:\n  n: 5\n",
        "conf/base.yaml": b"seed: 2\n",
        "exp/a.yaml": b"_base_: ['../conf/base.yaml']\n",
    }
    configs = ConfigFiles(files, files.__getitem__)
    assert [e.value for e in configs.find("conf/config.yaml", ("optim", "lr"))] == [0.1]
    assert [e.value for e in configs.find("conf/config.yaml", ("data", "n"))] == [5]
    assert [e.value for e in configs.find("conf/config.yaml", ("seed",))] == [1, 2]
    assert [e.value for e in configs.find("exp/a.yaml", ("seed",))] == [2]


def test_data_are_no_configurations():
    files = {"list.json": b"[1, 2]", "big.yaml": b"a: 1\n" * 100_000, "latin.yaml": b"a: \xe9\n"}
    configs = ConfigFiles(files, files.__getitem__)
    assert [configs.file(p) for p in configs.paths] == [None] * 3
