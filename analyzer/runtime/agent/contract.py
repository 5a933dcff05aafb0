"""What a field of a batch looks like, over all batches; and what is certainly wrong with it."""

from __future__ import annotations

import re
from typing import Any, Dict, List, Mapping, Optional, Sequence

MOST_VALUES = 16_384
_OUT_OF_BOUNDS = re.compile(r"Target (-?\d+) is out of bounds")
_NO_ROW = re.compile(r"^index out of range in self$")
IMAGE_CHANNELS = (1, 3, 4)


def describe(torch: Any, tensor: Any) -> Dict[str, Any]:
    """One tensor: type, shape, and its values' range, mean, spread and shares, from at most 16 384 of them."""
    flat = tensor.reshape(-1)
    if flat.numel() > MOST_VALUES:
        flat = flat[:: -(-flat.numel() // MOST_VALUES)]
    found: Dict[str, Any] = {
        "dtypes": [str(tensor.dtype).replace("torch.", "")],
        "shape": list(tensor.shape),
        "min": None, "max": None, "mean": 0.0, "std": 0.0, "negative": 0.0, "whole": False, "nan": 0.0, "count": 1,
    }  # fmt: skip
    if not flat.numel() or tensor.is_complex():
        return found
    values = flat.float()
    known = values.isfinite()
    zeros = torch.where(known, values, torch.zeros_like(values))
    number = known.sum().clamp(min=1)
    mean = zeros.sum() / number
    rows = [
        torch.where(known, values, torch.full_like(values, float("inf"))).amin(),
        torch.where(known, values, torch.full_like(values, float("-inf"))).amax(),
        mean,
        (torch.where(known, values - mean, torch.zeros_like(values)).square().sum() / number).sqrt(),
        (zeros < 0).sum() / number,
        (zeros == zeros.round()).all(),
        values.isnan().float().mean(),
        known.any(),
    ]
    least, most, mean, std, negative, whole, nan, is_known = torch.stack([r.float() for r in rows]).tolist()  # one wait
    if is_known:
        found.update(min=least, max=most, mean=mean, std=std, negative=negative, whole=bool(whole))
    found["nan"] = nan
    return found


def merge(one: Dict[str, Any], other: Dict[str, Any]) -> Dict[str, Any]:
    """Two descriptions of the same field as one; sizes that differ become None."""
    total = one["count"] + other["count"]
    merged = dict(one, count=total, dtypes=sorted(set(one["dtypes"]) | set(other["dtypes"])))
    first, second = one["shape"], other["shape"]
    is_alike = first is not None and second is not None and len(first) == len(second)
    merged["shape"] = [a if a == b else None for a, b in zip(first or [], second or [])] if is_alike else None
    for name, pick in (("min", min), ("max", max)):
        known = [d[name] for d in (one, other) if d[name] is not None]
        merged[name] = pick(known) if known else None
    for name in ("mean", "std", "negative", "nan"):
        merged[name] = (one[name] * one["count"] + other[name] * other["count"]) / total
    merged["whole"] = one["whole"] and other["whole"]
    return merged


def troubles(event: Mapping[str, Any], error: Optional[Mapping[str, Any]], outside: float) -> List[str]:
    """What is certainly wrong, in words.

    Args:
        event: the probe's last event, or empty.
        error: the exception that ended the run, or None.
        outside: the share of boxes or points outside of their image from which on it is no accident.
    """
    found = _of_error(error) if error is not None else []
    for told in event.get("nan") or []:
        found.append("inputs of %s hold NaN, and so does the output" % told)
    for _, role, path, described in event.get("batches") or []:
        if len(described["dtypes"]) > 1 and described["shape"]:
            kinds = " and ".join(described["dtypes"])
            found.append("field %s of the %s batches is %s, from batch to batch" % (path, role, kinds))
    modes: Dict[Any, Dict[bool, Mapping[str, Any]]] = {}
    for root, mode, path, described in event.get("inputs") or []:
        modes.setdefault((root, path), {})[bool(mode)] = described
    for (root, path), both in modes.items():
        if len(both) == 2:
            told = _between(both[True], both[False])
            found += ["input %s of %s %s" % (path, root, told)] if told else []
    return found + _of_alignment(event.get("alignment") or {}, outside)


def _of_error(error: Mapping[str, Any]) -> List[str]:
    message = str(error.get("message"))
    place = " at %s" % error["at"] if error.get("at") else ""
    target = _OUT_OF_BOUNDS.search(message)
    if target is not None and error.get("type") == "IndexError":
        return ["class %s has no logit%s" % (target.group(1), place)]
    if _NO_ROW.match(message) and error.get("type") == "IndexError":
        return ["an index has no row in its embedding%s" % place]
    return []


def _between(train: Mapping[str, Any], evaluation: Mapping[str, Any]) -> str:
    """How inputs in training and in evaluation certainly disagree; empty where they may not."""
    for one, other, names in (
        (train, evaluation, ("training", "evaluation")),
        (evaluation, train, ("evaluation", "training")),
    ):
        if _is_bytes(one) and _is_small(other):
            return "is %s in %s and %s in %s" % (_bounds(one), names[0], _bounds(other), names[1])
        if _is_unit(one) and _is_standard(other) and other["std"] > 2.5 * one["std"]:
            told = "is normalised in %s (%s, std %.2g), and not in %s (%s, std %.2g)"
            return told % (names[1], _bounds(other), other["std"], names[0], _bounds(one), one["std"])
    first, second = train["shape"] or [], evaluation["shape"] or []
    if len(first) == len(second) == 4 and None not in (*first[1:], *second[1:]):
        if _is_channels_first(first) and _is_channels_last(second) and first[1] == second[3]:
            return "has its channels first in training and last in evaluation"
        if _is_channels_last(first) and _is_channels_first(second) and first[3] == second[1]:
            return "has its channels last in training and first in evaluation"
    return ""


def _is_float(described: Mapping[str, Any]) -> bool:
    return all(d.startswith(("float", "bfloat")) for d in described["dtypes"]) and described["min"] is not None


def _is_picture(described: Mapping[str, Any]) -> bool:
    return len(described["shape"] or []) >= 3 and _is_float(described)


def _is_bytes(described: Mapping[str, Any]) -> bool:
    """Whole numbers up to 255, as they come out of a file, in a float."""
    bounds = _is_picture(described) and described["min"] >= 0 and 32 < described["max"] <= 255
    return bounds and described["whole"]


def _is_small(described: Mapping[str, Any]) -> bool:
    bounds = _is_picture(described) and described["min"] >= -16 and described["max"] <= 16
    return bounds and not described["whole"]


def _is_unit(described: Mapping[str, Any]) -> bool:
    return _is_picture(described) and described["min"] >= 0 and 0.8 < described["max"] <= 1


def _is_standard(described: Mapping[str, Any]) -> bool:
    return _is_picture(described) and described["negative"] > 0.1 and described["min"] < -0.2


def _bounds(described: Mapping[str, Any]) -> str:
    return "%.3g to %.3g" % (described["min"], described["max"])


def _is_channels_first(shape: Sequence[int]) -> bool:
    return shape[1] in IMAGE_CHANNELS and shape[2] > 4 and shape[3] > 4


def _is_channels_last(shape: Sequence[int]) -> bool:
    return shape[3] in IMAGE_CHANNELS and shape[1] > 4 and shape[2] > 4


def _of_alignment(alignment: Mapping[str, Any], outside: float) -> List[str]:
    found = []
    for kind in ("boxes", "keypoints"):
        row = alignment.get(kind)
        if not row:
            continue
        if row["images"] >= 16 and not row["count"]:
            found.append("not one of %d images has any %s" % (row["images"], kind))
        elif row["count"] >= 8 and row["outside"] >= outside * row["count"] and not row["outside_exchanged"]:
            told = "%d of %d %s lie outside of their image, and all inside with height and width exchanged"
            found.append(told % (row["outside"], row["count"], kind))
    masks = alignment.get("masks")
    if masks and masks["count"] >= 4 and masks["exchanged"] == masks["count"]:
        told = "all of %d masks have height and width exchanged against their image (%s)"
        found.append(told % (masks["count"], masks["example"]))
    return found
