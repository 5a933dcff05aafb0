"""A folded loop gives what the loop gave, values and gradients, and takes one call instead of one a slice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from mlfix.analyzer.rule import Invalid
from mlfix.rules.efficiency.slice_loop_op import SliceLoopOp

from ..rules.harness import as_files, fixed_files

torch: Any = pytest.importorskip("torch")
LOOP = """\
import torch
import torch.nn.functional as F


def helper(image, weight):
    return F.relu(F.conv2d(image, weight, padding=1))


def run(x, weight):
    parts = []
    for i in range(x.size({axis})):
        parts.append({call})
    return torch.stack(parts, dim={axis})
"""
CALLS = (
    "F.conv2d({slice}, weight, padding=1)",
    "F.avg_pool2d({slice}, 3, stride=1, padding=1, count_include_pad=False)",
    'F.interpolate({slice}, scale_factor=2.0, mode="bilinear", align_corners=False)',
    "F.max_pool2d({slice}, 2)",
    "helper({slice}, weight)",
)


def ran(source: str, x: Any, weight: Any) -> tuple[Any, Any]:
    space: dict[str, Any] = {}
    exec(source, space)
    x = x.clone().requires_grad_()
    out = space["run"](x, weight)
    (gradient,) = torch.autograd.grad(out.pow(2).sum(), x)
    return out.detach(), gradient


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(("axis", "place"), [(1, "x[:, i]"), (2, "x[:, :, i]")])
def test_folded_as_looped(tmp_path: Path, call: str, axis: int, place: str) -> None:
    torch.manual_seed(axis)
    source = LOOP.format(axis=axis, call=call.format(slice=place))
    fixed = fixed_files(tmp_path, {"train.py": source}, SliceLoopOp())["train.py"]
    assert "for i in" not in fixed
    x = torch.randn(2, 3, 5, 8, 8)
    weight = torch.randn(4, 5 if axis == 1 else 3, 3, 3)
    for before, after in zip(ran(source, x, weight), ran(fixed, x, weight), strict=True):
        assert before.shape == after.shape
        assert torch.allclose(before, after, atol=1e-5)


PICTURES = (
    "TF.gaussian_blur({slice}, [5, 3], [1.5, 0.7])",
    "TF.resize({slice}, [5, 6], antialias=True)",
)


@pytest.mark.parametrize("call", PICTURES)
@pytest.mark.parametrize(("axis", "place"), [(1, "x[:, i]"), (2, "x[:, :, i]")])
@pytest.mark.parametrize("shape", [(2, 3, 5, 8, 8), (2, 4, 7, 8)])
def test_pictures_folded_as_looped(tmp_path: Path, call: str, axis: int, place: str, shape: tuple[int, ...]) -> None:
    pytest.importorskip("torchvision")
    torch.manual_seed(axis)
    source = LOOP.format(axis=axis, call=call.format(slice=place))
    source = source.replace("import torch.nn", "import torchvision.transforms.functional as TF\nimport torch.nn", 1)
    fixed = fixed_files(tmp_path, {"train.py": source}, SliceLoopOp())["train.py"]
    assert "for i in" not in fixed
    x = torch.randn(*shape)
    for before, after in zip(ran(source, x, None), ran(fixed, x, None), strict=True):
        assert before.shape == after.shape
        assert torch.allclose(before, after, atol=1e-5)


def test_no_case_without_a_fix_is_changed(tmp_path: Path) -> None:
    for number, case in enumerate(SliceLoopOp.INVALID):
        assert isinstance(case, Invalid)
        if case.fixed is None:
            files = as_files(case.source)
            assert fixed_files(tmp_path / str(number), files, SliceLoopOp()) == files
