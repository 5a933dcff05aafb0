"""The mended samplers, run: crops move about the object, stay inside of the volume, and evaluation stays centred."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import pytest
from mlfix.rules.data.no_crop_jitter import NoCropJitter

np = pytest.importorskip("numpy")
torch = pytest.importorskip("torch", reason="the mended code needs torch to run")


def mended(piece: str) -> dict[str, Any]:
    """The names of the mended case that holds a piece of code; its last lines, which need files, left out."""
    case = next(c for c in NoCropJitter.INVALID if isinstance(c.fixed, str) and piece in c.fixed)
    assert isinstance(case.fixed, str)
    names: dict[str, Any] = {}
    exec(compile(case.fixed.partition("\nloader = ")[0], "case.py", "exec"), names)
    return names


def test_crops_move_within_a_quarter_of_their_size() -> None:
    mask = np.zeros((60, 60, 60), np.float32)
    mask[29:32, 29:32, 29:32] = 1
    dataset = mended("class Lesions")["Lesions"]([mask], [mask], 24)
    centres = np.stack([np.argwhere(dataset[0][1].numpy()).mean(axis=0) for _ in range(60)])
    assert np.abs(centres - 12).max() <= 6
    assert (centres.std(axis=0) > 2).all()


def test_crops_stay_inside() -> None:
    mask = np.zeros((30, 30, 30), np.float32)
    mask[:2, :2, :2] = 1
    dataset = mended("class Lesions")["Lesions"]([mask], [mask], 24)
    assert all(dataset[0][0].shape == (24, 24, 24) for _ in range(40))


def test_others_get_the_centre(monkeypatch: pytest.MonkeyPatch) -> None:
    ndimage = SimpleNamespace(center_of_mass=lambda mask: tuple(np.argwhere(mask).mean(axis=0)))
    monkeypatch.setitem(sys.modules, "scipy", SimpleNamespace(ndimage=ndimage))
    names = mended("def cut_cell(")
    labels = np.zeros((80, 80), int)
    labels[38:41, 42:45] = 3
    image = (labels == 3)[None].astype(np.float32)
    still = [np.argwhere(names["cut_cell"](image, labels, 3, 32)[0]).mean(axis=0).tolist() for _ in range(5)]
    assert still == [[16.0, 16.0]] * 5
    dataset = names["Cells"]([image], [labels], 32)
    moved = {tuple(np.argwhere(dataset[0][0]).mean(axis=0)) for _ in range(20)}
    assert len(moved) > 5
