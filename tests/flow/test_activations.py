"""The estimate of what a transformer keeps, against what torch saves for the backward pass."""

from __future__ import annotations

from typing import Any

import pytest
from mlfix.analyzer.flow.layers.activations import GIB, Stage, swin_stages

from ..examples.programs import EXAMPLES, importable


@pytest.mark.parametrize(
    ("dim", "heads", "window", "side", "ratio"),
    [(24, 2, 4, 8, 2), (48, 3, 4, 8, 4), (96, 6, 4, 8, 4), (96, 12, 2, 8, 2)],
)
def test_a_block_keeps_about_as_much_as_is_said(dim: int, heads: int, window: int, side: int, ratio: int) -> None:
    torch = pytest.importorskip("torch")
    with importable(EXAMPLES / "simclr3d"):
        from models.swin_blocks import SwinBlock  # pyright: ignore[reportMissingImports]

        block = SwinBlock(dim, heads, (window,) * 3, True, mlp_ratio=ratio)
    weights = {p.untyped_storage().data_ptr() for p in block.parameters()}
    saved: dict[int, Any] = {}

    def keep(tensor: Any) -> Any:
        if tensor.untyped_storage().data_ptr() not in weights:
            saved[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        block(torch.randn(1, side, side, side, dim, requires_grad=True))
    kept = sum(t.untyped_storage().nbytes() for t in saved.values())
    assert Stage(side**3, dim, heads, window**3, 1, ratio).kept == pytest.approx(kept, rel=0.2)


def test_stages_halve_the_side_and_double_the_width() -> None:
    stages = swin_stages((96, 96, 96), 2, 48, (2, 2, 2, 2), (3, 6, 12, 24), 7)
    assert [s.dim for s in stages] == [48, 96, 192, 384]
    assert [s.tokens for s in stages] == [49**3, 28**3, 14**3, 6**3]
    assert [s.window for s in stages] == [343, 343, 343, 216]
    assert 2 * GIB < sum(s.kept for s in stages) < 2.5 * GIB
