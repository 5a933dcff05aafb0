"""Precision, recall and H-mean on whole pages."""

import numpy as np
import torch
from torch.utils.data import DataLoader

from .config import DecodeConfig
from .decode import decode
from .geometry import quad_iou, transform_points
from .model import DBNet

MIN_IOU = 0.5


def count_matches(predicted: np.ndarray, true: np.ndarray) -> int:
    """How many true quads have a predicted one of their own."""
    free = list(range(len(predicted)))
    matches = 0
    for quad in true:
        overlaps = [quad_iou(predicted[i], quad) for i in free]
        if overlaps and max(overlaps) >= MIN_IOU:
            free.pop(int(np.argmax(overlaps)))
            matches += 1
    return matches


@torch.no_grad()
def evaluate(
    model: DBNet, loader: DataLoader, cfg: DecodeConfig, stride: int, device: torch.device
) -> dict[str, float]:
    model.eval()
    matches, found, wanted = 0, 0, 0
    for batch in loader:
        probs = torch.sigmoid(model(batch["image"].to(device))["prob_logits"]).cpu().numpy()
        for prob, quads, matrix in zip(probs, batch["quads"], batch["matrix"]):
            predicted = transform_points(decode(prob, cfg, stride), matrix)
            matches += count_matches(predicted, quads)
            found += len(predicted)
            wanted += len(quads)
    precision, recall = matches / max(found, 1), matches / max(wanted, 1)
    hmean = 2 * precision * recall / max(precision + recall, 1e-6)
    return {"precision": precision, "recall": recall, "hmean": hmean}
