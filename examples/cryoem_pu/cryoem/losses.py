"""Non-negative PU risk (Kiryo et al. 2017) and the FixMatch consistency term (Sohn et al. 2020)."""

import torch
import torch.nn.functional as F
from torch import nn


class NonNegativePULoss(nn.Module):
    """PU risk from the positives of a batch and all of its patches.

    The empty ones are not used as such: micrographs to come will only have their particles marked.
    """

    def __init__(self, prior: float, beta: float = 0.0, gamma: float = 1.0):
        super().__init__()
        self.prior = prior
        self.beta = beta
        self.gamma = gamma

    def forward(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        score = logits[:, 1] - logits[:, 0]
        positive = (labels == 1).float()
        n_positive = positive.sum().clamp(min=1.0)
        as_positive, as_negative = F.softplus(-score), F.softplus(score)

        positive_risk = self.prior * (positive * as_positive).sum() / n_positive
        negative_risk = as_negative.mean() - self.prior * (positive * as_negative).sum() / n_positive
        if negative_risk < -self.beta:
            return -self.gamma * negative_risk
        return positive_risk + negative_risk


def consistency_loss(
    logits_weak: torch.Tensor, logits_strong: torch.Tensor, threshold: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Cross entropy of the strong view against the confident pseudo-labels of the weak one, and the share of those."""
    probs = torch.softmax(logits_weak, dim=-1)
    confidence, pseudo = probs.max(dim=-1)
    mask = confidence.ge(threshold).float()
    loss = (F.cross_entropy(logits_strong, pseudo, reduction="none") * mask).mean()
    return loss, mask.mean()
