"""A small LeViT: convolutional stem, then attention on a shrinking grid of tokens."""

from collections import OrderedDict

import torch
from torch import nn

from .config import LevitConfig


class ConvBN(nn.Sequential):
    """Convolution followed by batch norm; `bn_weight` is the norm's initial gain."""

    def __init__(self, c_in: int, c_out: int, kernel: int = 1, stride: int = 1, groups: int = 1, bn_weight: float = 1.0):
        norm = nn.BatchNorm2d(c_out)
        nn.init.constant_(norm.weight, bn_weight)
        conv = nn.Conv2d(c_in, c_out, kernel, stride, padding=kernel // 2, groups=groups, bias=False)
        super().__init__(OrderedDict(conv=conv, bn=norm))


class BN_Linear(nn.Sequential):
    """Classifier layer of LeViT, with the norm that stands in for the ViT's last LayerNorm."""

    def __init__(self, in_features: int, out_features: int, std: float = 0.02):
        linear = nn.Linear(in_features, out_features)
        nn.init.trunc_normal_(linear.weight, std=std)
        nn.init.zeros_(linear.bias)
        super().__init__(OrderedDict(bn=nn.BatchNorm1d(in_features), fc=linear))


class Residual(nn.Module):
    def __init__(self, fn: nn.Module):
        super().__init__()
        self.fn = fn

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.fn(x)


def _offset_index(resolution: int) -> tuple[torch.Tensor, int]:
    """Index of the (|dy|, |dx|) offset of every pair of tokens, and how many offsets there are."""
    axis = torch.arange(resolution)
    ys, xs = torch.meshgrid(axis, axis, indexing="ij")
    points = torch.stack([ys.flatten(), xs.flatten()], dim=1)
    delta = (points[:, None] - points[None, :]).abs()
    return delta[..., 0] * resolution + delta[..., 1], resolution * resolution


class Attention(nn.Module):
    """Multi-head attention over an H x W map, with a learned bias per offset."""

    def __init__(self, dim: int, resolution: int, num_heads: int, key_dim: int, attn_ratio: int):
        super().__init__()
        self.num_heads = num_heads
        self.key_dim = key_dim
        self.value_dim = attn_ratio * key_dim
        self.scale = key_dim**-0.5
        self.qkv = ConvBN(dim, num_heads * (2 * key_dim + self.value_dim))
        self.proj = nn.Sequential(nn.Hardswish(), ConvBN(num_heads * self.value_dim, dim, bn_weight=0.0))
        index, num_offsets = _offset_index(resolution)
        self.offset_bias = nn.Parameter(torch.zeros(num_heads, num_offsets))
        self.register_buffer("offset_index", index, persistent=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        batch, _, height, width = x.shape
        qkv = self.qkv(x).view(batch, self.num_heads, -1, height * width)
        q, k, v = qkv.split([self.key_dim, self.key_dim, self.value_dim], dim=2)
        scores = (q.transpose(-2, -1) @ k) * self.scale + self.offset_bias[:, self.offset_index]
        out = v @ scores.softmax(dim=-1).transpose(-2, -1)
        return self.proj(out.reshape(batch, -1, height, width))


def _mlp(dim: int, ratio: int) -> nn.Sequential:
    return nn.Sequential(ConvBN(dim, dim * ratio), nn.Hardswish(), ConvBN(dim * ratio, dim, bn_weight=0.0))


class Stage(nn.Sequential):
    """`depth` pairs of attention and MLP at one resolution."""

    def __init__(self, dim: int, resolution: int, depth: int, num_heads: int, cfg: LevitConfig):
        blocks: list[nn.Module] = []
        for _ in range(depth):
            blocks.append(Residual(Attention(dim, resolution, num_heads, cfg.key_dim, cfg.attn_ratio)))
            blocks.append(Residual(_mlp(dim, cfg.mlp_ratio)))
        super().__init__(*blocks)


class LeViT(nn.Module):
    """Backbone and classifier.

    `forward_features` gives the pooled features, `head` turns them into logits.
    With `num_classes=0` the model is a feature extractor.
    """

    def __init__(self, cfg: LevitConfig):
        super().__init__()
        dims = cfg.embed_dim
        self.stem = nn.Sequential(
            ConvBN(cfg.in_channels, cfg.stem_channels, kernel=3, stride=2),
            nn.Hardswish(),
            ConvBN(cfg.stem_channels, dims[0], kernel=3, stride=2),
        )
        resolution = cfg.image_size // 4
        stages: list[nn.Module] = []
        for i, dim in enumerate(dims):
            if i > 0:
                stages.append(ConvBN(dims[i - 1], dim, kernel=3, stride=2))
                resolution = (resolution + 1) // 2
            stages.append(Stage(dim, resolution, cfg.depth[i], cfg.num_heads[i], cfg))
        self.stages = nn.Sequential(*stages)
        self.num_features = dims[-1]
        self.head = BN_Linear(dims[-1], cfg.num_classes) if cfg.num_classes > 0 else nn.Identity()

    def forward_features(self, x: torch.Tensor) -> torch.Tensor:
        return self.stages(self.stem(x)).mean(dim=(2, 3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.forward_features(x))
