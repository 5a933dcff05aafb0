"""``mlfix apply --write-copy``: configurations stay, their mended text is written beside them, and undo removes it."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner
from mlfix.cli.commands import cli

CODE = """import yaml
import torch
import torch.nn.functional as F

cfg = yaml.safe_load(open("conf/ssl.yaml"))


def loss(weak, strong):
    conf, guess = torch.softmax(weak, -1).max(-1)
    mask = conf.ge(cfg["ssl"]["tau"]).float()
    return (F.cross_entropy(strong, guess, reduction="none") * mask).mean()
"""
YAML = "n_classes: 2\nssl:\n  name: 'a'  # why\n  tau: 0.95  # paper\n"


def run(root: Path, *args: str):
    return CliRunner().invoke(cli, [args[0], str(root), *args[1:]])


def apply(root: Path, *more: str):
    return run(root, "apply", "--rule", "pseudo-label-threshold", "--write-copy", "--exit-zero", *more)


def project(root: Path, path: str, text: str, code: str = CODE) -> Path:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_bytes(text.encode())
    (root / "train.py").write_text(code)
    return root / path


def test_the_copy_has_the_reason_and_undo_removes_it(tmp_path: Path) -> None:
    root = tmp_path / "p"
    original = project(root, "conf/ssl.yaml", YAML)
    result = apply(root)
    copy = root / "conf/ssl_fixed.yaml"
    assert original.read_text() == YAML
    lines = copy.read_text().splitlines()
    assert lines[:3] == YAML.splitlines()[:3]
    assert lines[3].startswith("  # mlfix MLF801 pseudo-label-threshold: `ssl.tau` lets only predictions of 0.95")
    assert lines[4:] == ["  tau: 0.75  # paper"]
    assert "wrote conf/ssl_fixed.yaml beside conf/ssl.yaml" in result.output
    assert copy.stat().st_mode == original.stat().st_mode
    undone = run(root, "undo")
    assert "removed conf/ssl_fixed.yaml" in undone.output
    assert not copy.exists()
    assert original.read_text() == YAML


def test_a_second_apply_changes_nothing(tmp_path: Path) -> None:
    root = tmp_path / "p"
    project(root, "conf/ssl.yaml", YAML)
    apply(root)
    first = (root / "conf/ssl_fixed.yaml").read_bytes()
    result = apply(root)
    assert (root / "conf/ssl_fixed.yaml").read_bytes() == first
    assert "there already" in result.output
    assert not (root / "conf/ssl_fixed_fixed.yaml").exists()


def test_an_older_copy_comes_back(tmp_path: Path) -> None:
    root = tmp_path / "p"
    project(root, "conf/ssl.yaml", YAML)
    (root / "conf/ssl_fixed.yaml").write_text("mine: 1\n")
    apply(root)
    assert "tau: 0.75" in (root / "conf/ssl_fixed.yaml").read_text()
    run(root, "undo")
    assert (root / "conf/ssl_fixed.yaml").read_text() == "mine: 1\n"


def test_json_has_no_comments(tmp_path: Path) -> None:
    root = tmp_path / "p"
    text = '{"n_classes": 2, "ssl": {"tau": 0.95}}\n'
    code = CODE.replace("import yaml", "import json").replace("yaml.safe_load", "json.load").replace(".yaml", ".json")
    project(root, "conf/ssl.json", text, code)
    result = apply(root)
    assert (root / "conf/ssl_fixed.json").read_text() == text.replace("0.95", "0.75")
    assert "without the reasons" in result.output


def test_a_place_without_comments_is_told_at_the_top(tmp_path: Path) -> None:
    root = tmp_path / "p"
    text = 'n_classes: 2\nssl: {note: "two\n    lines", tau: 0.95}\n'
    project(root, "conf/ssl.yaml", text)
    apply(root)
    copy = (root / "conf/ssl_fixed.yaml").read_text()
    assert copy.startswith("# line 3: mlfix MLF801")
    assert copy.endswith(text.replace("0.95", "0.75"))


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_line_ends_stay(tmp_path: Path, ends: str) -> None:
    root = tmp_path / "p"
    project(root, "conf/ssl.yaml", YAML.replace("\n", ends))
    apply(root)
    copy = (root / "conf/ssl_fixed.yaml").read_bytes().decode()
    assert copy.count(ends) == 5
    assert copy.count("\n") == 5


def test_nothing_is_written_for_a_diff(tmp_path: Path) -> None:
    root = tmp_path / "p"
    project(root, "conf/ssl.yaml", YAML)
    result = apply(root, "--diff")
    assert "ssl_fixed.yaml" in result.output
    assert not (root / "conf/ssl_fixed.yaml").exists()


def test_code_is_mended_in_place(tmp_path: Path) -> None:
    root = tmp_path / "p"
    root.mkdir()
    (root / "train.py").write_text(CODE.replace('yaml.safe_load(open("conf/ssl.yaml"))', '{"ssl": {"tau": 0.95}}'))
    apply(root, "--confidence", "low")
    assert '"tau": 0.75' in (root / "train.py").read_text()
    assert sorted(p.name for p in root.iterdir() if p.suffix in (".py", ".yaml")) == ["train.py"]


def test_it_makes_no_commits(tmp_path: Path) -> None:
    root = tmp_path / "p"
    project(root, "conf/ssl.yaml", YAML)
    assert apply(root, "--commit").exit_code == 2
