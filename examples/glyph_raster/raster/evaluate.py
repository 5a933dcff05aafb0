"""Validation: classification on the logits, retrieval on the embeddings."""

from collections.abc import Iterable

import torch
import torch.nn.functional as F

from .model import GlyphNet


@torch.no_grad()
def run_model(model: GlyphNet, loader: Iterable[dict], device: torch.device) -> dict[str, torch.Tensor]:
    """Collect logits, embeddings and labels over a loader."""
    model.eval()
    logits, embeddings, labels = [], [], []
    for batch in loader:
        out = model(batch["image"].to(device))
        logits.append(out["logits"].cpu())
        embeddings.append(out["embedding"].cpu())
        labels.append(batch["label"])
    return {"logits": torch.cat(logits), "embedding": torch.cat(embeddings), "label": torch.cat(labels)}


def retrieval_rate(queries: dict[str, torch.Tensor], gallery: dict[str, torch.Tensor], k: int) -> float:
    """Share of queries with a glyph of their class among the `k` nearest of the gallery."""
    similarity = queries["embedding"] @ gallery["embedding"].t()
    nearest = similarity.topk(k, dim=1).indices
    hits = gallery["label"][nearest] == queries["label"][:, None]
    return hits.any(dim=1).float().mean().item()


def evaluate(
    model: GlyphNet, val_loader: Iterable[dict], gallery_loader: Iterable[dict], k: int, device: torch.device
) -> dict[str, float]:
    """Validation loss and accuracy, and top-`k` retrieval against the training glyphs."""
    val = run_model(model, val_loader, device)
    gallery = run_model(model, gallery_loader, device)
    return {
        "val_loss": F.cross_entropy(val["logits"], val["label"]).item(),
        "val_acc": (val["logits"].argmax(dim=1) == val["label"]).float().mean().item(),
        f"top{k}": retrieval_rate(val, gallery, k),
    }
