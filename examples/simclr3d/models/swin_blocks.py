"""Shifted-window attention on channel-last grids of any number of dimensions."""
import itertools
from functools import lru_cache
from math import prod

import torch
import torch.nn.functional as F
from torch import nn


def window_partition(x, window):
    """(B, *grid, C) -> (B * windows, tokens of a window, C)."""
    ndim = len(window)
    shape = [x.size(0)]
    for size, extent in zip(x.shape[1:-1], window):
        shape += [size // extent, extent]
    x = x.reshape(*shape, x.size(-1))
    blocks = list(range(1, 2 * ndim, 2))
    inner = list(range(2, 2 * ndim + 1, 2))
    x = x.permute(0, *blocks, *inner, 2 * ndim + 1)
    return x.reshape(-1, prod(window), x.size(-1))


def window_reverse(windows, window, grid, batch):
    """Undo ``window_partition``."""
    ndim = len(window)
    blocks = [size // extent for size, extent in zip(grid, window)]
    x = windows.reshape(batch, *blocks, *window, windows.size(-1))
    order = [0]
    for axis in range(ndim):
        order += [1 + axis, 1 + ndim + axis]
    return x.permute(*order, 2 * ndim + 1).reshape(batch, *grid, windows.size(-1))


def relative_position_index(window):
    """Index into the bias table for each pair of tokens of a window."""
    coords = torch.tensor(list(itertools.product(*[range(extent) for extent in window])))
    offsets = coords[:, None] - coords[None]
    index = torch.zeros(offsets.shape[:2], dtype=torch.long)
    for axis, extent in enumerate(window):
        index = index * (2 * extent - 1) + offsets[..., axis] + extent - 1
    return index


@lru_cache(maxsize=32)
def region_mask(grid, padded, window, shift, device):
    """Additive mask that keeps tokens from attending across a wrapped border or to padding.

    Returns:
        (windows, tokens, tokens), or None if every token may attend to its whole window.
    """
    if grid == padded and not any(shift):
        return None
    regions = torch.zeros(padded, dtype=torch.long, device=device)
    for axis, (size, full, extent, offset) in enumerate(zip(grid, padded, window, shift)):
        line = torch.arange(full, device=device)
        region = (line >= full - extent).long() + (line >= full - offset).long()
        region = region if offset else torch.zeros_like(line)
        is_padding = ((line + offset) % full >= size).long()
        view = [1] * len(grid)
        view[axis] = full
        regions = regions * 6 + (region + 3 * is_padding).view(view)
    regions = window_partition(regions[None, ..., None], window).squeeze(-1)
    apart = regions[:, :, None] != regions[:, None, :]
    return torch.zeros(apart.shape, device=device).masked_fill(apart, -100.0)


class WindowAttention(nn.Module):
    """Multi-head self-attention inside windows, with a relative position bias."""

    def __init__(self, dim, num_heads, window):
        super().__init__()
        self.num_heads = num_heads
        self.scale = (dim // num_heads) ** -0.5
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)
        entries = prod(2 * extent - 1 for extent in window)
        self.bias_table = nn.Parameter(torch.zeros(entries, num_heads))
        self.register_buffer("bias_index", relative_position_index(window))
        nn.init.normal_(self.bias_table, std=0.02)

    def forward(self, x, mask):
        windows, tokens, dim = x.shape
        qkv = self.qkv(x).reshape(windows, tokens, 3, self.num_heads, dim // self.num_heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)
        attn = (q * self.scale) @ k.transpose(-2, -1)
        attn = attn + self.bias_table[self.bias_index].permute(2, 0, 1)
        if mask is not None:
            per_image = attn.view(-1, mask.size(0), self.num_heads, tokens, tokens)
            attn = (per_image + mask[None, :, None]).view_as(attn)
        attn = attn.softmax(dim=-1)
        return self.proj((attn @ v).transpose(1, 2).reshape(windows, tokens, dim))


class SwinBlock(nn.Module):
    """Window attention and MLP, both with a residual connection."""

    def __init__(self, dim, num_heads, window, shifted, mlp_ratio=2):
        super().__init__()
        self.window = tuple(window)
        self.shifted = shifted
        self.norm1 = nn.LayerNorm(dim)
        self.attn = WindowAttention(dim, num_heads, self.window)
        self.norm2 = nn.LayerNorm(dim)
        self.mlp = nn.Sequential(
            nn.Linear(dim, mlp_ratio * dim), nn.GELU(), nn.Linear(mlp_ratio * dim, dim)
        )

    def forward(self, x):
        x = x + self.attend(self.norm1(x))
        return x + self.mlp(self.norm2(x))

    def attend(self, x):
        """Pad to whole windows, shift, attend, and undo both."""
        batch, *grid, _ = x.shape
        padded = tuple(-(-size // extent) * extent for size, extent in zip(grid, self.window))
        shift = tuple(
            extent // 2 if self.shifted and full > extent else 0
            for full, extent in zip(padded, self.window)
        )
        dims = list(range(1, len(grid) + 1))
        pad = [0, 0]
        for size, full in zip(reversed(grid), reversed(padded)):
            pad += [0, full - size]
        x = torch.roll(F.pad(x, pad), [-offset for offset in shift], dims)
        mask = region_mask(tuple(grid), padded, self.window, shift, x.device)
        windows = self.attn(window_partition(x, self.window), mask)
        x = torch.roll(window_reverse(windows, self.window, padded, batch), shift, dims)
        return x[(slice(None), *[slice(size) for size in grid])]


class PatchMerging(nn.Module):
    """Halve every side of the grid and double the channels."""

    def __init__(self, dim, ndim):
        super().__init__()
        self.ndim = ndim
        self.norm = nn.LayerNorm(2 ** ndim * dim)
        self.reduction = nn.Linear(2 ** ndim * dim, 2 * dim, bias=False)

    def forward(self, x):
        pad = [0, 0]
        for size in reversed(x.shape[1:-1]):
            pad += [0, size % 2]
        x = F.pad(x, pad)
        corners = [
            x[(slice(None), *[slice(start, None, 2) for start in starts])]
            for starts in itertools.product((0, 1), repeat=self.ndim)
        ]
        return self.reduction(self.norm(torch.cat(corners, dim=-1)))


def build_stages(embed_dim, depths, num_heads, window):
    """Blocks of all stages with a merging in between, and the width of the last."""
    layers = []
    dim = embed_dim
    for stage, (depth, heads) in enumerate(zip(depths, num_heads)):
        if stage > 0:
            layers.append(PatchMerging(dim, len(window)))
            dim *= 2
        layers += [SwinBlock(dim, heads, window, shifted=i % 2 == 1) for i in range(depth)]
    return nn.Sequential(*layers), dim
