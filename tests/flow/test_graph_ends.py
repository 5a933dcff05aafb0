"""Writes into what autograd has saved, in functions that give nothing back: where their graphs end all the same."""

from __future__ import annotations

from pathlib import Path

import pytest
from mlfix.analyzer.engine import Request, scan
from mlfix.analyzer.findings import Confidence
from mlfix.analyzer.project.settings import Settings
from mlfix.rules.loss.inplace_autograd import InplaceAutograd

TRAIN = """\
import torch
from torch import autograd as ag
from torch.autograd import grad as slopes
from tools import kit, raised, slopes_of

derive = torch.autograd.grad
weight = torch.nn.Parameter(torch.ones(3))


def train(x, out, trainer):
    p = torch.exp(x * weight)
    p += 1
    {}
"""
TOOLS = """\
from torch import autograd as kit, exp
from torch.autograd import grad as slopes_of


def raised(x):
    return exp(x)
"""


ITEM = "d = {{'k': [{}]}}\n    if x is None:\n        d['k'] = [x]\n    d['k'] *= 2\n    {}"


@pytest.mark.parametrize(
    ("end", "is_found"),
    [
        ("pass", False),
        ("print(p.sum())", False),
        ("out['p'] = p", False),
        ("return None", False),
        ("yield", False),
        ("p.sum().backward()", True),
        ("loss = p.mean()\n    loss.backward()", True),
        ("trainer.manual_backward(p.sum())", True),
        ("trainer.fabric.backward(p.sum())", True),
        ("torch.autograd.backward(p.sum())", True),
        ("torch.autograd.grad(p.sum(), weight)", True),
        ("ag.grad(p.sum(), weight)", True),
        ("slopes(p.sum(), weight)", True),
        ("derive(p.sum(), weight)", True),
        ("slopes_of(p.sum(), weight)", True),
        ("kit.grad(p.sum(), weight)", True),
        ("if x is None:\n        p.sum().backward()", True),
        ("(lambda: p.sum().backward())()", False),
        ("(lambda t: torch.exp(t * weight).mul_(2).sum().backward())(x)", True),
        ("return torch.exp(x * weight).mul_(2).mean()", True),
        ("losses = [p.sum()]\n    for loss in losses:\n        loss.backward()", True),
        ("yield p.sum()", True),
        ("return p.mean()", True),
        ("def closure():\n        return p.mean()", False),
        (ITEM.format("torch.exp(x * weight)", "print(d['k'])"), False),
        (ITEM.format("torch.exp(x * weight)", "d['k'][0].sum().backward()"), True),
        (ITEM.format("raised(x * weight)", "d['k'][0].sum().backward()"), True),
        (ITEM.format("raised(x * weight)", "print(d['k'])"), False),
        ("q = torch.exp(x * weight)\n    " + ITEM.format("q", "q.sum().backward()"), True),
        ("q = raised(x * weight)\n    " + ITEM.format("q", "q.sum().backward()"), False),
        ("q = (x * weight).mul(2).exp_()\n    " + ITEM.format("q", "q.sum().backward()"), False),
        ("q = x * weight\n    q.exp_()\n    " + ITEM.format("q", "q.sum().backward()"), False),
        ("out[0] = p\n\n    def closure():\n        return out[0].mean()", True),
    ],
)
def test_a_graph_ends_where_something_goes_backward(tmp_path: Path, end: str, is_found: bool) -> None:
    (tmp_path / "train.py").write_text(TRAIN.format(end))
    (tmp_path / "tools.py").write_text(TOOLS)
    found = scan(Request(tmp_path, [InplaceAutograd()], {}, Settings(confidence=Confidence.LOW), jobs=1)).findings
    assert bool(found) == is_found
