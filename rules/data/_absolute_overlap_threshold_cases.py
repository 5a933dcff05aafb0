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
_VIEWS = """\
import numpy as np
import torch


class LesionViews:
    \"\"\"Pairs of views that both show a lesion.\"\"\"

    def __init__(self, edge, mask_index=1):
        self.edge = edge
        self.mask_index = mask_index

    def still_shows(self, view, whole, least=0.25):
        \"\"\"Whether an augmented view is of use.

        Parameters
        ----------
        view : channels of the view
        whole : mask of the lesion before it was cut
        least : {meaning}
        \"\"\"
        lesion = view[self.mask_index]
        {test}
"""
_LEAST = "fraction of the original lesion that must be left in the view"
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
    Valid(
        _SAMPLER.format(
            name="min_overlap",
            meaning="Share of the nucleus that must be in the patch.",
            test="return (patch == nucleus).sum() > self.min_overlap * labels[labels == nucleus].size",
        ),
        "the size is that of the component's own entries",
    ),
    Valid(
        _SAMPLER.format(
            name="min_overlap",
            meaning="Share of the whole patch that the nucleus must cover.",
            test="return (patch == nucleus).sum() > self.min_overlap * patch.size",
        ),
        "the whole of the patch",
    ),
    Valid(
        _VIEWS.format(meaning=_LEAST, test="return lesion.sum() > least * whole.sum()"),
        "a mask, measured against the whole mask",
    ),
    Valid(
        _VIEWS.format(meaning=_LEAST, test="return lesion.sum() > least * np.flatnonzero(whole).size"),
        "as many as the whole lesion has",
    ),
    Valid(
        _VIEWS.format(
            meaning="fraction of the whole view that must be lesion", test="return lesion.sum() > least * self.edge**3"
        ),
        "what a view is made of",
    ),
    Valid(
        _VIEWS.format(
            meaning="fraction of the lesion class in a view", test="return lesion.sum() > least * lesion.numel()"
        ),
        "may be said of the view as well",
    ),
    Valid(
        _VIEWS.format(meaning=_LEAST, test="return bool((lesion.sum(dim=0) > least * self.edge**2).any())"),
        "counted in each column",
    ),
    Valid(
        _VIEWS.format(
            meaning=_LEAST, test="wrong = lesion != whole\n        return wrong.sum() < least * wrong.numel()"
        ),
        "where two masks differ",
    ),
    Valid(
        """\
def is_labelled_enough(is_labelled, budget):
    \"\"\"Whether the budget is used up: a fraction of the full dataset that may be kept.\"\"\"
    return is_labelled.sum() >= budget * is_labelled.size
""",
        "a share of all examples",
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
    Invalid(
        _VIEWS.format(
            meaning=_LEAST,
            test="voxels = lesion.sum()\n        if voxels < 20:\n            return False\n"
            "        return voxels > least * self.edge**3",
        ),
        at=[("train.py", 25)],
        confidence=Confidence.MEDIUM,
        why="the mask is a channel, said to be left of the original",
    ),
    Invalid(
        _VIEWS.format(
            meaning="percentage of whole lesions that is still visible",
            test="return np.count_nonzero(lesion > 0.5) / lesion.size >= least",
        ),
        at=[("train.py", 22)],
        confidence=Confidence.MEDIUM,
        why="a mask and a quotient",
    ),
    Invalid(
        """\
import numpy as np


def keeps_organ(crop, mask, corner, min_kept):
    \"\"\"Tell whether a crop is good: `min_kept` is the part of the entire organ that must lie inside.\"\"\"
    inside = mask[tuple(slice(c, c + n) for c, n in zip(corner, crop.shape))]
    return int(inside.astype(bool).sum()) > int(min_kept * np.prod(crop.shape))
""",
        at=[("train.py", 7)],
        confidence=Confidence.MEDIUM,
        why="cut from the whole mask, cast, and only the function's documentation says it",
    ),
]
