"""``mlfix apply --style``: another codemod for a rule that has one, refused for one that has none."""

from __future__ import annotations

import json

from ..codemods.test_set_epoch import DATASET, SEED, TRAIN
from .conftest import Place

CODE = DATASET.replace("SEED", SEED) + TRAIN


def test_a_style_is_taken_where_it_is_asked_for(empty: Place) -> None:
    empty.write({"mlfix.toml": "", "train.py": CODE})
    assert "torch.randint" in empty.mlfix("apply", "--unsafe", "--diff").stdout
    # What a scan remembers of the other style's fix must not be used.
    assert "set_epoch(epoch)" in empty.mlfix("apply", "--unsafe", "--style", "set-epoch", "--diff").stdout
    assert "torch.randint" in empty.mlfix("scan").stdout
    empty.mlfix("apply", "--style", "set-epoch")
    assert empty.read("train.py") == CODE.encode()
    assert empty.mlfix("apply", "--rule", "fixed-seed-augmentation", "--style", "set-epoch").exit_code == 0
    assert b"loader.dataset.set_epoch(epoch)" in empty.read("train.py")
    assert empty.mlfix("scan").exit_code == 0


def test_a_style_that_a_rule_does_not_have_is_refused(empty: Place) -> None:
    empty.write({"mlfix.toml": "", "train.py": CODE})
    for arguments, said in [
        (("--rule", "amp-import", "--style", "set-epoch"), "amp-import has no style 'set-epoch'; it has none"),
        (("--rule", "MLF201", "--style", "other"), "no style 'other'; it has set-epoch"),
        (("--style", "other"), "no rule has a style 'other': there is set-epoch"),
    ]:
        result = empty.mlfix("apply", *arguments)
        assert result.exit_code == 2 and said in result.output
    assert empty.read("train.py") == CODE.encode()


def test_explain_lists_styles(empty: Place) -> None:
    page = empty.mlfix("explain", "fixed-seed-augmentation").stdout
    assert "`mlfix apply --rule fixed-seed-augmentation --style set-epoch`: Mix the epoch" in page
    data = json.loads(empty.mlfix("explain", "MLF201", "--format", "json").stdout)
    assert list(data["styles"]) == ["set-epoch"]
    assert json.loads(empty.mlfix("explain", "MLF101", "--format", "json").stdout)["styles"] == {}
