"""Values that are counted or usual, written in place of those that are not: every other byte stays."""

from __future__ import annotations

from pathlib import Path

import pytest
from mlfix.rules.config._learning_rate_cases import INVALID as RATES
from mlfix.rules.config._prior_mismatch_cases import labelled, table
from mlfix.rules.config.learning_rate import LearningRate
from mlfix.rules.config.prior_mismatch import PriorMismatch

from ..rules.harness import fixed_files

TABLE = table(60, 400)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("pu:\n  prior: 0.3\n", "pu:\n  prior: 0.15  # 60 of 400 labels\n"),
        ("pu:\n  prior: 0.3   # guessed\n", "pu:\n  prior: 0.15   # guessed (60 of 400 labels)\n"),
        ("pu: {prior: .3}\n", "pu: {prior: 0.15}  # 60 of 400 labels\n"),
        ("pu: {prior: 3e-1, note: 'a # b'}\n", "pu: {prior: 0.15, note: 'a # b'}\n"),
        ("pu:\r\n  prior: 0.3\r\n", "pu:\r\n  prior: 0.15  # 60 of 400 labels\r\n"),
        ("base: &p 0.3\npu:\n  prior: *p\n", "base: &p 0.15  # 60 of 400 labels\npu:\n  prior: *p\n"),
    ],
)
def test_the_count_stands_beside_the_prior(tmp_path: Path, before: str, after: str) -> None:
    head = "train_table: data/train.csv\nbatch_size: 32\n"
    files = labelled("0.3", TABLE) | {"config.yaml": head + before}
    fixed = fixed_files(tmp_path, files, PriorMismatch())
    assert fixed["config.yaml"] == head + after
    assert {k: v for k, v in fixed.items() if k != "config.yaml"} == {
        k: v for k, v in files.items() if k != "config.yaml"
    }


def test_json_gets_the_number_alone(tmp_path: Path) -> None:
    files = labelled("0.3", TABLE)
    files.pop("config.yaml")
    files["train.py"] = files["train.py"].replace("yaml.safe_load", "json.load").replace("import yaml", "import json")
    files["train.py"] = files["train.py"].replace("config.yaml", "config.json")
    files["config.json"] = '{"train_table": "data/train.csv", "batch_size": 32, "pu": {"prior": 0.3}}'
    fixed = fixed_files(tmp_path, files, PriorMismatch())
    assert fixed["config.json"] == files["config.json"].replace("0.3", "0.15")


def test_a_rate_keeps_what_is_around_it(tmp_path: Path) -> None:
    files = dict(RATES[1].source)
    files["config.yaml"] = "classes: 4\noptim: {lr: 3e-2, weight_decay: 5e-4}   # as SGD's\n"
    fixed = fixed_files(tmp_path, files, LearningRate())
    assert fixed["config.yaml"] == "classes: 4\noptim: {lr: 0.001, weight_decay: 5e-4}   # as SGD's\n"
