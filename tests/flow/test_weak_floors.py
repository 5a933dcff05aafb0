"""Floors under values whose last operation works in float32, with autocast on, off and out of sight."""

from __future__ import annotations

from pathlib import Path

import pytest
from mlfix.analyzer.engine import Request, scan
from mlfix.analyzer.findings import Confidence
from mlfix.analyzer.project.settings import Settings
from mlfix.rules.loss.tiny_epsilon import TinyEpsilon

TRAIN = """\
import torch


def scaled(x, w):
    {}
    return x / (low + 1e-8)


def train(loader, w):
    for x in loader:
        {}:
            loss = scaled(x, w).mean()
        loss.backward()


train(torch.load("data.pt"), torch.load("weights.pt"))
"""
ON = 'with torch.autocast("cuda", dtype=torch.float16)'
OFF = "if True"


@pytest.mark.parametrize(
    ("made", "around", "is_found"),
    [
        ("low = x.half().norm(dim=1)", OFF, True),
        ("low = x.half().norm(dim=1)", ON, False),
        ("low = x.half() ** 0.5", OFF, True),
        ("low = x.half() ** 0.5", ON, False),
        ("low = (x @ w) ** 0.5", ON, False),
        ("low = (x @ w) ** 0.5", OFF, False),
        ("low = (x**0.5) @ w", ON, True),
        ("low = (x**0.5) @ w", OFF, False),
        ("root = x**0.5\n    low = root @ w", ON, True),
        ("root = x**0.5\n    low = root", ON, False),
        ("root = x.half() ** 0.5\n    low = root", OFF, True),
        ("low = x.half()\n    for _ in range(3):\n        low = low**0.5", OFF, True),
        ("low = x\n    for _ in range(3):\n        low = (low**0.5) @ w", ON, True),
        ("low = x.half().norm(dim=1).to(x.dtype)", OFF, False),
    ],
)
def test_the_last_operation_decides(tmp_path: Path, made: str, around: str, is_found: bool) -> None:
    (tmp_path / "train.py").write_text(TRAIN.format(made, around))
    found = scan(Request(tmp_path, [TinyEpsilon()], {}, Settings(confidence=Confidence.LOW), jobs=1)).findings
    assert bool(found) == is_found
