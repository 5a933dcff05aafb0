"""Validation: loss, angle errors, and a local MUSIC search around the predictions."""

import math
from collections.abc import Iterable

import torch

from .array import steering_vectors
from .losses import DoaLoss
from .model import CovarianceNet
from .spectrum import as_complex, in_subspace

SEARCH_DEG = 6.0
SEARCH_STEP_DEG = 0.5


def half_dtype(device: torch.device) -> torch.dtype:
    """float16 on GPUs, bfloat16 on CPUs (no fast float16 there)."""
    return torch.float16 if device.type == "cuda" else torch.bfloat16


def local_grid(device: torch.device) -> torch.Tensor:
    """Offsets (N, 2) in azimuth and elevation of the local search, in radians."""
    steps = round(2 * SEARCH_DEG / SEARCH_STEP_DEG) + 1
    axis = torch.linspace(-SEARCH_DEG, SEARCH_DEG, steps, device=device) * math.pi / 180.0
    return torch.cartesian_prod(axis, axis)


def music_refine(ptr: torch.Tensor, cov: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
    """Move each predicted direction to the strongest point of the MUSIC spectrum around it."""
    num_sources = ptr.shape[1]
    signal = torch.linalg.eigh(as_complex(cov)).eigenvectors[..., -num_sources:]
    candidates = ptr[:, :, None, :] + local_grid(ptr.device)
    steering = steering_vectors(candidates[..., 0], candidates[..., 1], positions)
    best = in_subspace(signal[:, None], steering).argmax(dim=-1)
    index = best[..., None, None].expand(-1, -1, 1, 2)
    return candidates.gather(2, index).squeeze(2)


def rmse_degrees(ptr: torch.Tensor, target: torch.Tensor) -> float:
    """Root mean square of the angle errors, in degrees."""
    return torch.rad2deg(ptr - target).square().mean().sqrt().item()


@torch.no_grad()
def validate(
    model: CovarianceNet, criterion: DoaLoss, loader: Iterable[dict[str, torch.Tensor]], device: torch.device
) -> dict[str, float]:
    """Mean validation loss and the angle errors, in mixed precision for speed."""
    model.eval()
    loss_sum, seen = 0.0, 0
    predicted, refined, targets = [], [], []
    for batch in loader:
        batch = {name: value.to(device) for name, value in batch.items()}
        with torch.autocast(device_type=device.type, dtype=half_dtype(device)):
            preds = model(batch["cov"])
            losses = criterion(preds, batch)
        loss_sum += losses["total"].item() * len(batch["ptr"])
        seen += len(batch["ptr"])

        ptr = preds["ptr"].float()
        predicted.append(ptr)
        refined.append(music_refine(ptr, batch["cov"], criterion.positions))
        targets.append(batch["ptr"])
    target = torch.cat(targets)
    return {
        "val_loss": loss_sum / seen,
        "rmse": rmse_degrees(torch.cat(predicted), target),
        "music": rmse_degrees(torch.cat(refined), target),
    }
