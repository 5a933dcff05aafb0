"""Area under the ROC curve."""

import torch
from torch import nn


def roc_auc(scores: torch.Tensor, labels: torch.Tensor) -> float:
    """Chance that a particle scores higher than an empty patch (ties count half)."""
    diff = scores[labels == 1][:, None] - scores[labels == 0][None, :]
    return ((diff > 0).double() + 0.5 * (diff == 0).double()).mean().item()


@torch.no_grad()
def validate(model: nn.Module, loader, device: torch.device) -> dict[str, float]:
    """AUC and spread of the predicted probabilities on the validation patches."""
    model.eval()
    probs, labels = [], []
    for patches, target in loader:
        probs.append(torch.softmax(model(patches.to(device)), dim=-1)[:, 1].cpu())
        labels.append(target)
    prob = torch.cat(probs)
    return {"auc": roc_auc(prob, torch.cat(labels)), "std": prob.std().item()}
