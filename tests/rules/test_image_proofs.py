"""The quantities of the proofs of images, read from traces written by hand."""

from __future__ import annotations

from typing import Any

import pytest

from .test_loss_proofs import PROOFS, finding, measured


def field(least: float, most: float, shape: tuple[int, ...] = (8, 32, 56), dtype: str = "float32") -> list[Any]:
    return [1, "train", "x", {"dtypes": [dtype], "shape": list(shape), "min": least, "max": most}]


def contract(*batches: list[Any], **alignment: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"k": "data-contract", "batches": list(batches), "alignment": alignment}]


@pytest.mark.parametrize(
    ("events", "value"),
    [
        ([], None),
        (contract(), None),
        (contract(field(0.0, 1 / 255)), 1.0),
        (contract(field(0.0, 0.0), field(0.3, 0.3), field(-2.0, 1.5)), 1.0),
        (contract(field(0.0, 1.0), field(-2.0, 0.0)), 0.0),
        (contract(field(0.0, 0.0, shape=(8,)), field(0.0, 1.0, dtype="int64")), None),
    ],
)
def test_dtype_roundtrip(events, value):
    found = finding("dtype-roundtrip", repair={"kind": "scale", "bounded": True})
    assert measured("dtype-roundtrip", events, found) == value
    assert measured("dtype-roundtrip", events, finding("dtype-roundtrip", repair={"kind": "signed"})) is None


@pytest.mark.parametrize(
    ("rows", "value"),
    [
        ({}, None),
        ({"boxes": {"images": 4, "count": 6, "outside": 6, "outside_exchanged": 0}}, None),
        ({"boxes": {"images": 4, "count": 20, "outside": 5, "outside_exchanged": 0}}, 0.25),
        ({"masks": {"count": 10, "exchanged": 10, "example": ""}}, 1.0),
        ({"masks": {"count": 10, "exchanged": 0}, "boxes": {"images": 9, "count": 9, "outside": 0}}, 0.0),
    ],
)
def test_pil_numpy_confusion(rows, value):
    events = contract(**rows)
    assert measured("pil-numpy-confusion", events, finding("pil-numpy-confusion", repair={"kind": "unpack"})) == value
    assert measured("pil-numpy-confusion", events, finding("pil-numpy-confusion", repair={"kind": "colours"})) is None


def views(**apart: float) -> list[dict[str, Any]]:
    rows = [{"field": name, "mirrored": 10, "apart": round(10 * share)} for name, share in apart.items()]
    return [{"k": "view-alignment", "dataset": "Scenes", "fields": rows}]


@pytest.mark.parametrize(
    ("events", "value"),
    [
        ([], None),
        (views(), None),
        (views(mask=0.0, boxes=0.4), 0.4),
        (views(mask=1.0, quads=0.0), 0.0),
        (
            [{"k": "view-alignment", "dataset": "Scenes", "fields": [{"field": "mask", "mirrored": 2, "apart": 2}]}],
            None,
        ),
    ],
)
def test_unaligned_transform(events, value):
    found = finding("unaligned-transform", repair={"kind": "points", "name": "quads"})
    assert measured("unaligned-transform", events, found) == value
    assert measured("unaligned-transform", events, finding("unaligned-transform", repair={"kind": "key"})) is None


def test_what_counts_as_shown():
    dtype, sizes = PROOFS["dtype-roundtrip"], PROOFS["pil-numpy-confusion"]
    assert dtype.violated is not None and dtype.satisfied is not None
    assert sizes.violated is not None and sizes.satisfied is not None
    assert (dtype.violated(2.0), dtype.satisfied(0.0)) == (True, True)
    assert (sizes.violated(0.25), sizes.satisfied(0.0), sizes.satisfied(0.25)) == (True, True, False)
