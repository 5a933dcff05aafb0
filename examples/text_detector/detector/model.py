"""The network: a small encoder and decoder with two heads."""

import torch
import torch.nn.functional as F
from torch import nn

from .config import ModelConfig


def conv(c_in: int, c_out: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(c_in, c_out, 3, stride=stride, padding=1, bias=False), nn.BatchNorm2d(c_out), nn.ReLU(inplace=True)
    )


class DBNet(nn.Module):
    """Differentiable binarisation. Returns a dict of (B, h, w) maps at half of the input's size.

    `prob_logits`: where the cores of text lines are,
    `thresh`: from which probability on a pixel is text,
    `binary`: the two put together.
    """

    def __init__(self, cfg: ModelConfig):
        super().__init__()
        width = cfg.width
        self.steepness = cfg.steepness
        self.stage1 = conv(3, width, stride=2)
        self.stage2 = nn.Sequential(conv(width, 2 * width, stride=2), conv(2 * width, 2 * width))
        self.stage3 = nn.Sequential(conv(2 * width, 3 * width, stride=2), conv(3 * width, 3 * width))
        self.up2 = conv(5 * width, 2 * width)
        self.up1 = conv(3 * width, width)
        self.prob_head = nn.Conv2d(width, 1, 3, padding=1)
        self.thresh_head = nn.Conv2d(width, 1, 3, padding=1)

    def forward(self, image: torch.Tensor) -> dict[str, torch.Tensor]:
        fine = self.stage1(image)
        middle = self.stage2(fine)
        coarse = self.stage3(middle)
        middle = self.up2(torch.cat([middle, _grow(coarse, middle)], dim=1))
        fine = self.up1(torch.cat([fine, _grow(middle, fine)], dim=1))
        prob_logits = self.prob_head(fine).squeeze(1)
        thresh = torch.sigmoid(self.thresh_head(fine)).squeeze(1)
        binary = torch.sigmoid(self.steepness * (torch.sigmoid(prob_logits) - thresh))
        return {"prob_logits": prob_logits, "thresh": thresh, "binary": binary}


def _grow(features: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    return F.interpolate(features, size=like.shape[-2:], mode="nearest")
