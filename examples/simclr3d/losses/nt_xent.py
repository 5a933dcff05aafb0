"""Normalised temperature-scaled cross entropy (Chen et al., 2020)."""
from functools import partial

import torch
import torch.nn.functional as F


def stack_views(z1, z2):
    """Unit vectors of both views, and for each row the index of its other view."""
    z = F.normalize(torch.cat([z1, z2], dim=0), dim=1)
    partner = torch.arange(z.size(0), device=z.device).roll(z1.size(0))
    return z, partner


def nt_xent_loop(z1, z2, temperature):
    """NT-Xent, anchor by anchor as in the paper.

    Args:
        z1: Projections of the first view, (N, dim).
        z2: Projections of the second view, (N, dim).
        temperature: Softmax temperature.
    """
    z, partner = stack_views(z1, z2)
    loss = z.new_zeros(())
    for i, anchor in enumerate(z):
        logits = torch.mv(z, anchor) / temperature
        loss = loss + torch.logsumexp(logits, dim=0) - logits[partner[i]]
    return loss / z.size(0)


def similarity_matrix(z, temperature):
    """Scaled cosine similarity of all pairs."""
    return torch.mm(z, z.t()) / temperature


def nt_xent_matrix(z1, z2, temperature):
    """Same as ``nt_xent_loop`` with one matrix product, for large batches."""
    z, partner = stack_views(z1, z2)
    logits = similarity_matrix(z, temperature)
    return F.cross_entropy(logits, partner)


def build_criterion(name, temperature):
    """Loss by name, ready to be called with two batches of projections."""
    losses = {"loop": nt_xent_loop, "matrix": nt_xent_matrix}
    return partial(losses[name], temperature=temperature)
