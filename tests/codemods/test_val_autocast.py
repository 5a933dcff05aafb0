"""Mended losses, run: computed in float32, and equal to a float64 reference where the loss as it was is not."""

from __future__ import annotations

from typing import Any

import pytest
from mlfix.rules.precision.val_autocast import ValAutocast

torch = pytest.importorskip("torch", reason="the mended losses need torch to run")


def case_with(piece: str) -> tuple[str, str]:
    found = [(c.source, c.fixed) for c in ValAutocast.INVALID if isinstance(c.source, str) and piece in c.source]
    assert found
    source, fixed = found[0]
    assert isinstance(source, str) and isinstance(fixed, str)
    return source, fixed


def run(source: str, function: str, *args: Any) -> Any:
    names: dict[str, Any] = {}
    exec(compile(source, "train.py", "exec"), names)
    torch.manual_seed(0)
    return names[function](*args)


def test_a_loss_by_hand_gets_its_digits_back() -> None:
    source, fixed = case_with("total += losses[")
    generator = torch.Generator().manual_seed(1)
    device = torch.device("cpu")
    x = torch.randn(32, 64, generator=generator)
    names: dict[str, Any] = {}
    exec(compile(source, "train.py", "exec"), names)
    torch.manual_seed(0)
    with torch.no_grad(), torch.autocast(device_type="cpu"):
        preds = names["Pointer"]()(x)
    batch = {"x": x, "angle": preds["angle"].float() + 0.05, "power": preds["power"].float() + 0.5}
    wanted = (1 - torch.cos(preds["angle"].double() - batch["angle"].double())).mean().item() + 0.25
    before, after = run(source, "validate", [batch], device), run(fixed, "validate", [batch], device)
    assert after == pytest.approx(wanted, rel=1e-3)
    assert abs(after - wanted) < abs(before - wanted) / 10


def test_a_criterion_after_autocast_gives_float32() -> None:
    logits = torch.randn(64, 10, generator=torch.Generator().manual_seed(2)) * 4
    target = torch.randint(10, (64,), generator=torch.Generator().manual_seed(3))
    half = logits.half()
    wanted = torch.nn.functional.cross_entropy(half.double(), target)
    mended = torch.nn.functional.cross_entropy(half.float(), target)
    assert mended.dtype is torch.float32
    assert torch.allclose(mended.double(), wanted, atol=1e-6, rtol=1e-6)
    assert abs(torch.nn.functional.cross_entropy(half, target).double() - wanted) > 10 * abs(mended - wanted)


@pytest.mark.parametrize("piece", ["loss = loss_fn(output, target)", "label_smoothing", "self.criterion = nn.Cross"])
def test_what_goes_into_the_criterion_is_cast_and_nothing_else(piece: str) -> None:
    found = [
        (source, fixed)
        for case in ValAutocast.INVALID
        for source, fixed in [
            (case.source, case.fixed)
            if isinstance(case.source, str)
            else (dict(case.source)["train.py"], dict(case.fixed or {})["train.py"])  # pyright: ignore[reportArgumentType]
        ]
        if piece in str(source)
    ]
    source, fixed = found[0]
    assert str(fixed).count(".float()") == str(source).count(".float()") + 1
    assert str(fixed).replace(".float()", "") == str(source)
