"""The mended choices, run: NaN never wins, and where nothing is left the function's own empty case is returned."""

from __future__ import annotations

from typing import Any

import pytest
from mlfix.rules.data.nan_argmin import NanArgmin

np = pytest.importorskip("numpy")
torch = pytest.importorskip("torch", reason="the mended code needs torch to run")


def namespaces(piece: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The names of the case that holds a piece of code, as it is and mended."""
    case = next(c for c in NanArgmin.INVALID if isinstance(c.source, str) and piece in c.source)
    assert isinstance(case.source, str) and isinstance(case.fixed, str)
    found: list[dict[str, Any]] = [{}, {}]
    for names, text in zip(found, (case.source, case.fixed), strict=True):
        exec(compile(text, "case.py", "exec"), names)
    return found[0], found[1]


@pytest.mark.parametrize("piece", ["np.argmin(gaps)", "axis=1).argmin()"])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_the_nearest_component_in_the_crop_wins(piece: str) -> None:
    before, after = namespaces(piece)
    volume = np.zeros((24, 24), int)
    volume[2:4, 10:14] = 1  # beside the crop, within its margin
    volume[12:14, 12:14] = 2
    box, point = (slice(6, 22), slice(6, 22)), np.array([6.0, 6.0])
    assert before["nearest_nucleus"](volume, box, point).sum() == 0
    assert (after["nearest_nucleus"](volume, box, point) == (volume[box] == 2)).all()
    volume[volume == 2] = 0
    assert after["nearest_nucleus"](volume, box, point).sum() == 0
    assert after["nearest_nucleus"](np.zeros((24, 24), int), box, point).sum() == 0


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_dead_cluster_takes_no_points() -> None:
    before, after = namespaces("def assign(")
    points = np.array([[0.0], [0.1], [5.0], [5.1]])
    centres = np.array([[0.0], [np.nan], [5.0]])
    assert before["assign"](points, centres).tolist() == [1, 1, 1, 1]
    assert after["assign"](points, centres).tolist() == [0, 0, 2, 2]


def test_torch_leaves_nan_out() -> None:
    before, after = namespaces("def closest_slot(")
    features = torch.ones(3, 4, 4)
    masks = [torch.zeros(4, 4), torch.ones(4, 4)]
    assert before["closest_slot"](features, masks, torch.zeros(3)) == 0
    assert after["closest_slot"](features, masks, torch.zeros(3)) == 1
