"""The cryo-EM report's own measures, taken in the tree that is on the path; one JSON object on the last line."""

import json
from pathlib import Path

import torch
import torch.nn.functional as F
import yaml
from cryoem import dataset, metrics, trainer
from train_supervised_baseline import SimpleCNN

with Path("configs/fixmatch_pu.yaml").open() as file:
    CFG = yaml.safe_load(file)
CPU = torch.device("cpu")
torch.manual_seed(CFG["seed"])
LABELED, UNLABELED, VAL = dataset.build_loaders(CFG)
LABELS = [label for _, _, label in dataset.read_labels(CFG["data"]["labels"])]


def change_of_weights():
    """What share of a kernel the first step changes: the middle of all of them."""
    fresh = trainer.Trainer(CFG, CPU)
    weights = [p for p in fresh.model.parameters() if p.dim() > 1]
    before = [p.detach().clone() for p in weights]
    patches, labels = next(iter(LABELED))
    fresh.pu_loss(fresh.model(patches), labels).backward()
    fresh.optimizer.step()
    moved = sorted(((p - old).norm() / old.norm()).item() for p, old in zip(weights, before, strict=True))
    return moved[len(moved) // 2]


def use_of_pseudo_labels(epochs=2):
    """The share of pseudo-labels in use, in the last of a few epochs."""
    run = trainer.Trainer(CFG, CPU)
    stream = trainer._endless(UNLABELED)
    return [run.train_epoch(epoch, LABELED, stream)["used"] for epoch in range(1, epochs + 1)][-1]


def baseline_auc(epochs=5):
    """The AUC of the supervised baseline."""
    torch.manual_seed(0)
    model = SimpleCNN()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=1e-3)
    for _ in range(epochs):
        model.train()
        for patches, labels in LABELED:
            optimizer.zero_grad()
            F.cross_entropy(model(patches), labels).backward()
            optimizer.step()
    return metrics.validate(model, VAL, CPU)["auc"]


print(
    json.dumps(
        {
            "prior": CFG["pu"]["prior"],
            "share of positives": sum(LABELS) / len(LABELS),
            "distance of the prior from the share": abs(CFG["pu"]["prior"] - sum(LABELS) / len(LABELS)),
            "use of pseudo-labels": use_of_pseudo_labels(),
            "change of the weights in a step": change_of_weights(),
            "difference of the normalisers": abs(VAL.dataset.normalizer.std - LABELED.dataset.normalizer.std),
            "difference of the unlabeled normaliser": abs(
                UNLABELED.dataset.normalizer.std - LABELED.dataset.normalizer.std
            ),
            "AUC of the baseline": baseline_auc(),
        }
    )
)
