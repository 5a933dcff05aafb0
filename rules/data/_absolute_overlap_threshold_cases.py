"""Cases of the rule ``absolute-overlap-threshold``."""

from __future__ import annotations

from ...analyzer.findings import Confidence
from ...analyzer.rule import Invalid, Valid

_SAMPLER = """\
import numpy as np


class PatchSampler:
    \"\"\"Patches that show enough of a nucleus.

    Args:
        size: Side of a patch in pixels.
        {name}: {meaning}
    \"\"\"

    def __init__(self, size, {name}=0.3):
        self.size = size
        self.{name} = {name}

    def accepts(self, labels, window, nucleus):
        patch = labels[window]
        {test}
"""
_FUNCTION = """\
import torch


def is_kept(labels, corner, side, instance, min_overlap):
    {doc}
    z, y, x = corner
    crop = labels[z : z + side, y : y + side, x : x + side]
    inside = crop == instance
    {test}
"""
_DOC = '"""Whether enough of the instance lies in the crop."""'

VALID = [
    Valid(
        _SAMPLER.format(
            name="min_overlap",
            meaning="Share of the nucleus that must be in the patch.",
            test="return (patch == nucleus).sum() > self.min_overlap * (labels == nucleus).sum()",
        ),
        "measured against the component itself",
    ),
    Valid(
        _SAMPLER.format(
            name="min_coverage",
            meaning="Share of the patch that the nucleus must fill.",
            test="return (patch == nucleus).sum() > self.min_coverage * self.size**2",
        ),
        "a share of the patch, and named so",
    ),
    Valid(
        _SAMPLER.format(
            name="min_overlap",
            meaning="Least fraction of the patch that is nucleus.",
            test="return (patch == nucleus).sum() >= self.min_overlap * patch.size",
        ),
        "its documentation says that it is one of the patch",
    ),
    Valid(
        """\
import numpy as np


def enough_tissue(tile, background, min_overlap=0.1):
    tissue = np.count_nonzero(tile != background)
    return tissue > min_overlap * tile.size
""",
        "everything but the background, and no component",
    ),
    Valid(
        """\
import numpy as np


def pick(mask, side, threshold=0.05):
    foreground = np.count_nonzero(mask == 1)
    return foreground > threshold * side**2
""",
        "a class, and a threshold that says nothing of an overlap",
    ),
    Valid(
        """\
def accuracy(predicted, labels, wanted):
    hits = (predicted == labels).sum()
    return hits > wanted * labels.numel()
""",
        "a share of all labels",
    ),
    Valid(
        _FUNCTION.format(doc=_DOC, test="return int(inside.sum()) >= 64"),
        "a number of voxels",
    ),
]

INVALID = [
    Invalid(
        _SAMPLER.format(
            name="min_overlap",
            meaning="Share of the nucleus that must be in the patch.",
            test="return np.count_nonzero(patch == nucleus) > self.min_overlap * self.size**2",
        ),
        at=[("train.py", 18)],
        confidence=Confidence.MEDIUM,
        why="said to be a share of the nucleus, measured against the patch",
    ),
    Invalid(
        _SAMPLER.format(
            name="least",
            meaning="Fraction of a nucleus that has to be visible.",
            test="return (patch == nucleus).sum() / patch.size >= self.least",
        ),
        at=[("train.py", 18)],
        confidence=Confidence.MEDIUM,
        why="as a quotient",
    ),
    Invalid(
        _FUNCTION.format(doc=_DOC, test="return inside.sum().item() > min_overlap * crop.numel()"),
        at=[("train.py", 9)],
        confidence=Confidence.MEDIUM,
        why="torch, with a name for the mask",
    ),
    Invalid(
        _FUNCTION.format(
            doc='"""Test a crop."""',
            test="count = torch.count_nonzero(inside)\n    needed = int(min_overlap * side**3)\n    return count >= needed",
        ),
        at=[("train.py", 11)],
        confidence=Confidence.MEDIUM,
        why="through names, and only the threshold's name says what it is of",
    ),
    Invalid(
        _SAMPLER.format(
            name="min_overlap",
            meaning="Share of the nucleus that must be in the patch.",
            test="if np.sum(patch == nucleus) < np.prod(patch.shape) * self.min_overlap:\n            return False\n"
            "        return True",
        ),
        at=[("train.py", 18)],
        confidence=Confidence.MEDIUM,
        why="the other way round",
    ),
    Invalid(
        """\
import numpy as np


def visible(labels, window, labels_wanted, min_visible):
    # min_visible: how much of each component must be left
    crop = labels[window]
    volume = crop.size
    return [k for k in labels_wanted if np.count_nonzero(crop == k) > min_visible * volume]
""",
        at=[("train.py", 8)],
        confidence=Confidence.MEDIUM,
        why="for each component of a list",
    ),
]
