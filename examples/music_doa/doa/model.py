"""The network: covariance in, angles and covariance factor out."""

import torch
import torch.nn.functional as F
from torch import nn

from .config import ArrayConfig, FieldOfView, TrainConfig


def _down(c_in: int, c_out: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(c_in, c_out, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(c_out), nn.GELU()
    )


class CovarianceNet(nn.Module):
    """Convolutional trunk over the covariance, with one linear head per output.

    Returns a dict of
        `ptr`: (B, K, 2) azimuth and elevation in radians, inside the field of view,
        `factor`: (B, 2, M, K) real and imaginary part of F in R = F F^H + noise I,
        `noise`: (B,) noise power.
    """

    def __init__(self, array: ArrayConfig, fov: FieldOfView, num_sources: int, width: int = 32, hidden: int = 256):
        super().__init__()
        self.num_elements = array.num_elements
        self.num_sources = num_sources
        self.fov_limit = fov.half_widths()
        self.trunk = nn.Sequential(_down(2, width), _down(width, 2 * width), _down(2 * width, 3 * width))
        side = -(-self.num_elements // 8)
        self.fc = nn.Linear(3 * width * side * side, hidden)
        self.angle_head = nn.Linear(hidden, 2 * num_sources)
        self.factor_head = nn.Linear(hidden, 2 * self.num_elements * num_sources)
        self.noise_head = nn.Linear(hidden, 1)

    def forward(self, cov: torch.Tensor) -> dict[str, torch.Tensor]:
        hidden = F.gelu(self.fc(self.trunk(cov).flatten(1)))
        raw = self.angle_head(hidden).view(-1, self.num_sources, 2)
        return {
            "ptr": torch.tanh(raw) * raw.new_tensor(self.fov_limit),
            "factor": self.factor_head(hidden).view(-1, 2, self.num_elements, self.num_sources),
            "noise": F.softplus(self.noise_head(hidden)).squeeze(-1),
        }

    def param_groups(self, cfg: TrainConfig) -> list[dict]:
        """Trunk and heads with their learning rates."""
        trunk = [*self.trunk.parameters(), *self.fc.parameters()]
        heads = [p for head in (self.angle_head, self.factor_head, self.noise_head) for p in head.parameters()]
        return [
            {"name": "backbone", "params": trunk, "lr": cfg.lr_backbone},
            {"name": "head", "params": heads, "lr": cfg.lr_head},
        ]
