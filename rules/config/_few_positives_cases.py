"""Cases of the rule ``few-positives``."""

from __future__ import annotations

from ...analyzer.findings import Confidence
from ...analyzer.rule import Invalid, Valid
from ._prior_mismatch_cases import FUNCTION, NNPU, labelled, table

_FOLDERS = """\
from torch.utils.data import DataLoader
from torchvision.datasets import ImageFolder

from losses import PULoss
from model import build

loader = DataLoader(ImageFolder("picks/train"), batch_size=64, shuffle=True)
criterion = PULoss(prior=0.2)
model = build()
for x, y in loader:
    criterion(model(x), y).backward()
"""


def _picks(positives: int, negatives: int) -> dict[str, str]:
    files = {f"picks/train/particle/{i}.png": "" for i in range(positives)}
    return files | {f"picks/train/background/{i}.png": "" for i in range(negatives)}


VALID = [
    Valid(labelled("0.3", table(700, 2000)), "700 are enough"),
    Valid(labelled("0.3", table(10, 40)), "an example's table, not the data"),
    Valid(labelled("0.15", table(60, 400, "image,diagnosis")), "the code reads another column"),
    Valid(labelled("0.15", table(60, 400)) | {"losses.py": NNPU.replace("-self.prior *", "2 *")}, "no PU risk"),
    Valid({"losses.py": NNPU, "train.py": _FOLDERS} | _picks(510, 20), "510 of a folder are enough"),
    Valid({"upu.py": FUNCTION}, "the labels are not at hand"),
]
_AT = [("losses.py", 23)]
INVALID = [
    Invalid(labelled("0.15", table(60, 400)), at=_AT, confidence=Confidence.MEDIUM),
    Invalid(labelled("0.3", table(499, 2000)), at=_AT, confidence=Confidence.MEDIUM),
    Invalid(labelled("0.3", table(60, 400, names=("neg", "pos"))), at=_AT, confidence=Confidence.MEDIUM),
    Invalid(labelled("0.3", table(60, 400, names=("False", "True"))), at=_AT, confidence=Confidence.MEDIUM),
    Invalid(
        labelled("0.15", table(60, 400)) | {"losses.py": NNPU.replace("prior", "class_prior")},
        at=_AT,
        confidence=Confidence.MEDIUM,
    ),
    Invalid({"losses.py": NNPU, "train.py": _FOLDERS} | _picks(60, 240), at=_AT, confidence=Confidence.MEDIUM),
]
