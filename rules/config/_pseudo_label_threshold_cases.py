"""Cases of pseudo-label-threshold."""

from ...analyzer.findings import Confidence
from ...analyzer.rule import Invalid, Valid

_LOSS = """import torch
import torch.nn.functional as F


def consistency(logits_weak, logits_strong, threshold):
    probs = torch.softmax(logits_weak.detach(), dim=-1)
    confidence, pseudo = torch.max(probs, dim=-1)
    mask = {mask}
    loss = (F.cross_entropy(logits_strong, pseudo, reduction="none") * mask).mean()
    return loss, mask.mean()
"""
_TRAIN = """import yaml
from losses import consistency

with open("config.yaml") as file:
    cfg = yaml.safe_load(file)


def step(model, weak, strong):
    loss, used = consistency(model(weak), model(strong), {threshold})
    loss.backward()
    return used
"""
_YAML = """# the paper's values
data:
  num_labels: {labels}   # in all
  num_classes: {classes}
ssl: {{threshold: {value}, lambda_u: 1.0}}
"""
_PLAIN = "confidence.ge(threshold).float()"
_OPTIONS = """import argparse
import torch
import torch.nn as nn


def get_args():
    parser = argparse.ArgumentParser()
    parser.add_argument("--num-labeled", type=int, default={labels})
    parser.add_argument("--thr", type=float, default={value}, help="pseudo label threshold")
    return parser.parse_args()


def train(args, model, loader):
    criteria_u = nn.CrossEntropyLoss(reduction="none")
    for weak, strong in loader:
        with torch.no_grad():
            probs = torch.softmax(model(weak), dim=1)
            scores, guess = torch.max(probs, dim=1)
            mask = scores.ge(args.thr).float()
        loss = (criteria_u(model(strong), guess) * mask).mean()
        loss.backward()


train(get_args(), build(), load())
"""
_FIELD = """from dataclasses import dataclass

import torch
import torch.nn.functional as F


@dataclass
class Config:
    classes: int = 2
    tau: float = {value}


def unsupervised(cfg: Config, weak, strong):
    probs = weak.softmax(-1)
    sure = probs.max(-1).values > cfg.tau
    return F.cross_entropy(strong[sure], probs.argmax(-1)[sure])


unsupervised(Config(), w, s)
"""


def _program(
    labels: int = 40,
    classes: int = 10,
    value: str = "0.95",
    mask: str = _PLAIN,
    threshold: str = 'cfg["ssl"]["threshold"]',
) -> dict[str, str]:
    return {
        "train.py": _TRAIN.format(threshold=threshold),
        "losses.py": _LOSS.format(mask=mask),
        "config.yaml": _YAML.format(labels=labels, classes=classes, value=value),
    }


VALID = (
    Valid(_program(value="0.7"), "a threshold that such a model passes"),
    Valid(_program(threshold='cfg["ssl"]["threshold"] * ramp(epoch)'), "it rises with the epochs"),
    Valid(
        _program(mask="confidence.ge(threshold * (class_acc[pseudo] / (2.0 - class_acc[pseudo]))).float()"),
        "it follows each class (FlexMatch)",
    ),
    Valid(
        {
            "train.py": "import torch\nimport torch.nn.functional as F\n\n\nclass Free:\n    def __init__(self):\n        self.tau = 0.95\n\n"
            "    def loss(self, weak, strong):\n        probs = torch.softmax(weak, -1)\n        conf, guess = probs.max(-1)\n"
            "        self.tau = 0.999 * self.tau + 0.001 * conf.mean()\n        mask = conf.ge(self.tau).float()\n"
            "        return (F.cross_entropy(strong, guess, reduction='none') * mask).mean()\n"
        },
        "it follows the mean confidence (FreeMatch)",
    ),
    Valid(
        {
            "detect.py": "import torch\n\n\ndef detect(logits, limit=0.95):\n    probs = torch.softmax(logits, -1)\n"
            "    scores, labels = probs.max(-1)\n    keep = scores > limit\n    return labels[keep], scores[keep]\n"
        },
        "detections above a score: no loss",
    ),
    Valid(
        {
            "select.py": "import numpy as np\n\n\ndef drop(frame, correlation_threshold=0.95):\n    corr = frame.corr().abs()\n"
            "    return [c for c in corr if (corr[c] > correlation_threshold).any()]  # softmax is not in it\n"
        },
        "a correlation",
    ),
    Valid(
        {
            "evaluate.py": "import torch\n\n\ndef accuracy(logits, labels):\n    probs = torch.softmax(logits, -1)\n"
            "    conf, guess = probs.max(-1)\n    sure = conf > 0.95\n    return (guess[sure] == labels[sure]).float().mean()\n"
        },
        "the accuracy of sure predictions",
    ),
)

INVALID = (
    Invalid(
        _program(),
        at=[("config.yaml", 5)],
        fixed={**_program(), "config.yaml": _YAML.format(labels=40, classes=10, value="0.75")},
        confidence=Confidence.MEDIUM,
        why="four labels a class",
    ),
    Invalid(
        _program(mask="(confidence >= threshold).float()", labels=400, classes=2, value="0.90"),
        at=[("config.yaml", 5)],
        fixed=_program(mask="(confidence >= threshold).float()", labels=400, classes=2, value="0.75"),
        confidence=Confidence.MEDIUM,
        why="two classes",
    ),
    Invalid(
        _program(labels=4000),
        at=[("config.yaml", 5)],
        fixed=_program(labels=4000, value="0.75"),
        confidence=Confidence.LOW,
        why="many labels: only a run can tell",
    ),
    Invalid(
        _OPTIONS.format(labels=40, value="0.95"),
        at=[("train.py", 9)],
        fixed=_OPTIONS.format(labels=40, value="0.75"),
        confidence=Confidence.MEDIUM,
        why="an option's default",
    ),
    Invalid(
        _FIELD.format(value="0.98"),
        at=[("train.py", 10)],
        fixed=_FIELD.format(value="0.75"),
        confidence=Confidence.LOW,
        why="a dataclass's field, and the mask picks the items of the loss",
    ),
    Invalid(
        {
            "train.py": "import torch\nimport torch.nn.functional as F\n\nTHRESHOLD = 0.95\n\n\ndef loss(weak, strong):\n"
            "    conf, guess = F.softmax(weak, dim=1).max(dim=1)\n    keep = conf > THRESHOLD\n"
            "    picked = strong[keep]\n    return F.cross_entropy(picked, guess[keep])\n"
        },
        at=[("train.py", 4)],
        fixed={
            "train.py": "import torch\nimport torch.nn.functional as F\n\nTHRESHOLD = 0.75\n\n\ndef loss(weak, strong):\n"
            "    conf, guess = F.softmax(weak, dim=1).max(dim=1)\n    keep = conf > THRESHOLD\n"
            "    picked = strong[keep]\n    return F.cross_entropy(picked, guess[keep])\n"
        },
        confidence=Confidence.LOW,
        why="a constant of the file",
    ),
)
