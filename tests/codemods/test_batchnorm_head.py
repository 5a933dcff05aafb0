"""Mended classifiers, run: the same logits in training and evaluation, initialised as the old linear layer was."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from mlfix.rules.model.batchnorm_head import BatchnormHead

from ..examples.programs import EXAMPLES
from ..rules.harness import fixed_files

torch = pytest.importorskip("torch", reason="the mended models need torch to run")


def built(source: str, name: str, *args: Any) -> Any:
    names: dict[str, Any] = {}
    exec(compile(source, "net.py", "exec"), names)
    torch.manual_seed(0)
    return names[name](*args)


def case_with(piece: str) -> tuple[str, str]:
    found = [(c.source, c.fixed) for c in BatchnormHead.INVALID if isinstance(c.source, str) and piece in c.source]
    assert len(found) == 1
    source, fixed = found[0]
    assert isinstance(source, str) and isinstance(fixed, str)
    return source, fixed


@pytest.mark.parametrize(
    ("piece", "name", "args", "shape"),
    [
        ("class NormedOutput", "Net", (SimpleNamespace(dim=32, num_classes=7),), (6, 1, 9)),
        ("self.fc2 = ", "Classifier", (12, 7), (6, 12)),
        ("nn.Linear(784, hidden)", "Mlp", (16, 7), (6, 784)),
    ],
)
def test_logits_no_longer_depend_on_the_mode(piece: str, name: str, args: tuple, shape: tuple[int, ...]) -> None:
    x = torch.randn(shape, generator=torch.Generator().manual_seed(3))
    for source, agrees in zip(case_with(piece), (False, True), strict=True):
        net = built(source, name, *args)
        in_training = net.train()(x)
        assert in_training.shape == (6, 7)
        assert torch.allclose(in_training, net.eval()(x)) is agrees


def test_the_new_layer_starts_as_the_old_one_did() -> None:
    before, after = (
        built(source, "Net", SimpleNamespace(dim=300, num_classes=100)).head
        for source in case_with("class NormedOutput")
    )
    assert type(after) is torch.nn.Linear
    assert after.weight.shape == before.linear.weight.shape
    assert after.weight.std().item() == pytest.approx(before.linear.weight.std().item(), rel=0.05)
    assert not after.bias.any()


def test_the_glyph_classifier_becomes_a_linear_layer(tmp_path: Path) -> None:
    root = EXAMPLES / "glyph_raster"
    files = {str(p.relative_to(root)): p.read_text() for p in root.rglob("*.py")}
    fixed = fixed_files(tmp_path, files, BatchnormHead())
    changed = [p for p in files if fixed[p] != files[p]]
    assert changed == ["raster/levit.py"]
    assert "nn.Linear(dims[-1], cfg.num_classes) if cfg.num_classes > 0 else nn.Identity()" in fixed[changed[0]]
