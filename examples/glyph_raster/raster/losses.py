"""Losses beside the cross entropy."""

import torch
import torch.nn.functional as F


def supervised_contrastive(features: torch.Tensor, labels: torch.Tensor, temperature: float) -> torch.Tensor:
    """Pull glyphs of one class together, against all other glyphs of the batch.

    Args:
        features: (B, D), normalised here.
        labels: (B,) class of each row.
        temperature: divides the cosine similarities.

    Returns:
        The mean over the rows that have a partner of their class; 0 when there is none.
    """
    z = F.normalize(features, dim=-1)
    sim = z @ z.t() / temperature
    sim = sim - sim.max(dim=1, keepdim=True).values.detach()

    positives = (labels[:, None] == labels[None, :]).float()
    positives.fill_diagonal_(0)
    has_partner = positives.sum(dim=1) > 0
    if not has_partner.any():
        return features.sum() * 0.0

    exp_sim = torch.exp(sim)
    exp_sim.fill_diagonal_(0)
    pos_sum = (exp_sim * positives).sum(dim=1)
    all_sum = exp_sim.sum(dim=1)
    ratio = pos_sum[has_partner] / all_sum[has_partner]
    return -ratio.clamp_min(1e-6).log().mean()
