"""The glyph model: LeViT with a classifier and an embedding head."""

import torch
import torch.nn.functional as F
from torch import nn

from .config import LevitConfig, TrainConfig
from .levit import LeViT


class EmbeddingHead(nn.Module):
    """Projects pooled features onto the unit sphere on which glyphs are searched."""

    def __init__(self, in_features: int, embedding_dim: int):
        super().__init__()
        self.fc1 = nn.Linear(in_features, in_features)
        self.act = nn.GELU()
        self.fc2 = nn.Linear(in_features, embedding_dim)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return F.normalize(self.fc2(self.act(self.fc1(features))), dim=-1)


class GlyphNet(nn.Module):
    """Classifies a raster and embeds it for retrieval, from one trunk.

    The pooled features of the last call stay in `last_features`.
    """

    def __init__(self, cfg: LevitConfig):
        super().__init__()
        self.backbone = LeViT(cfg)
        self.embed = EmbeddingHead(self.backbone.num_features, cfg.embedding_dim)
        self.last_features: torch.Tensor | None = None

    def forward(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        features = self.backbone.forward_features(images)
        self.last_features = features
        return {"logits": self.backbone.head(features), "embedding": self.embed(features)}

    def param_groups(self, cfg: TrainConfig) -> list[dict]:
        """Trunk, classifier and embedding head, each with its learning rate."""
        trunk = [*self.backbone.stem.parameters(), *self.backbone.stages.parameters()]
        return [
            {"name": "backbone", "params": trunk, "lr": cfg.lr_backbone},
            {"name": "classifier", "params": list(self.backbone.head.parameters()), "lr": cfg.lr_head},
            {"name": "embedding", "params": list(self.embed.parameters()), "lr": cfg.lr_head},
        ]
