"""Python's warnings about the code that is looked at stay out of the run's own output."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from mlfix.analyzer.findings import Edit
from mlfix.analyzer.runtime.edited_lines import edited_statements
from mlfix.analyzer.source.quiet import parse_expression, parse_quietly

# Each of these makes some version of Python warn, when it parses or when it compiles.
LOUD = """import re
import torch


def f(x):
    try:
        assert (x, "never")
    finally:
        return re.match("\\d+", x) is 1


def g(checkpoint):
    return torch.load(re.sub("\\.pt", "\\d", checkpoint))
"""
RULE = """- name: bare-load
  pattern: torch.load($X)
  fix: torch.load($X, weights_only=True)
  message: m
  applicability: safe
"""


def test_nothing_is_said_about_parsed_code(recwarn: pytest.WarningsRecorder) -> None:
    parse_quietly(LOUD)
    parse_expression('"\\d" is 1')
    changed = LOUD.replace("is 1", "is 2")
    assert edited_statements("a.py", LOUD, changed, [Edit("a.py", (9, 1), (9, 2), "")]).after == ((9,),)
    assert not recwarn.list


@pytest.mark.parametrize("command", [["scan", "--exit-zero"], ["apply"], ["scan", "--jobs", "2", "--exit-zero"]])
def test_no_command_warns_about_a_file(command: list[str], tmp_path: Path) -> None:
    files = {"mlfix.toml": 'rules = ["team.yaml"]\n', "team.yaml": RULE, "a.py": LOUD, "b.py": LOUD}
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    run = [sys.executable, "-W", "always", "-c", "from mlfix.cli.main import main; main()", *command, "--no-cache"]
    if command[0] == "apply":
        run.remove("--no-cache")
    done = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr + done.stdout
    if command[0] == "apply":
        assert 'torch.load(re.sub("\\.pt", "\\d", checkpoint), weights_only=True)' in (tmp_path / "a.py").read_text()
