"""The Gaussian that avgpool-blur writes answers an impulse as a Gaussian does."""

from __future__ import annotations

import math
from typing import Any

import pytest
from mlfix.codemods.data.avgpool_blur import GAUSSIAN, NAME

torch: Any = pytest.importorskip("torch")


@pytest.fixture
def blur() -> Any:
    space: dict[str, Any] = {"torch": torch}
    exec(GAUSSIAN.format(name=NAME, torch="torch"), space)
    return space[NAME]


def normal(offset: int, sigma: float) -> float:
    radius = int(4 * sigma + 0.5)
    if abs(offset) > radius:
        return 0.0
    total = sum(math.exp(-0.5 * (i / sigma) ** 2) for i in range(-radius, radius + 1))
    return math.exp(-0.5 * (offset / sigma) ** 2) / total


@pytest.mark.parametrize("sigma", [0.5, 0.7, 1.0, 1.3, 2.0])
@pytest.mark.parametrize("dims", [1, 2, 3])
def test_impulse_response(blur: Any, sigma: float, dims: int) -> None:
    size, middle = 21, 10
    image = torch.zeros((2, 3, *[size] * dims), dtype=torch.float64)
    image[(slice(None), slice(None), *[middle] * dims)] = 1.0
    out = blur(image, sigma, dims)
    assert out.shape == image.shape
    weights = torch.tensor([normal(i - middle, sigma) for i in range(size)], dtype=torch.float64)
    wanted = weights
    for _ in range(dims - 1):
        wanted = wanted[..., None] * weights
    assert torch.allclose(out, wanted.expand_as(out), atol=1e-6)
    if sigma < 0.7:
        return  # sampled at whole pixels, a Gaussian this narrow is narrower than its sigma, as SciPy's is too
    variance = float((weights * (torch.arange(size) - middle) ** 2).sum())
    assert math.sqrt(variance) == pytest.approx(sigma, rel=0.02)


def test_a_flat_image_stays_flat_and_a_narrow_blur_changes_nothing(blur: Any) -> None:
    flat = torch.full((1, 1, 6, 6), 0.3)
    assert torch.allclose(blur(flat, 1.5, 2), flat, atol=1e-6)
    image = torch.rand(1, 1, 6, 6)
    assert torch.allclose(blur(image, 0.0, 2), image, atol=1e-6)
