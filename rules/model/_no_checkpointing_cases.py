"""Cases of ``no-checkpointing``: what must be found and mended, and what must be left alone."""

from __future__ import annotations

from ...analyzer.findings import Confidence
from ...analyzer.rule import Invalid, Valid

_MONAI = """import argparse

import torch
from monai.data import DataLoader
from monai.losses import DiceCELoss
from monai.networks.nets import SwinUNETR
from monai.transforms import Compose, LoadImaged, RandCropByPosNegLabeld

parser = argparse.ArgumentParser()
parser.add_argument("--feature_size", type=int, default={width})
args = parser.parse_args()

transforms = Compose([
    LoadImaged(keys=["image", "label"]),
    RandCropByPosNegLabeld(
        keys=["image", "label"], label_key="label", spatial_size=({side}, {side}, {side}), pos=1, neg=1, num_samples={samples}
    ),
])
loader = DataLoader(dataset, batch_size={batch}, shuffle=True)
model = SwinUNETR({shape}in_channels=1, out_channels=14, feature_size=args.feature_size{option}).cuda()
loss_function = DiceCELoss(to_onehot_y=True, softmax=True)
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)
for batch in loader:
    loss = loss_function(model(batch["image"].cuda()), batch["label"].cuda())
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()
"""


def _monai(width: int = 48, side: int = 96, samples: int = 4, batch: int = 1, shape: str = "", option: str = "") -> str:
    return _MONAI.format(width=width, side=side, samples=samples, batch=batch, shape=shape, option=option)


def _switched_on(text: str) -> str:
    """The construction on lines of its own, with the option."""
    start, inside, end = text.partition("SwinUNETR(img_size" if "img_size" in text else "SwinUNETR(in_channels")
    arguments, call, rest = end.partition(").cuda()")
    first = inside.partition("(")[2]
    return f"{start}SwinUNETR(\n    {first}{arguments}, use_checkpoint=True\n{call}{rest}"


_OWN = """import torch
from torch import nn
{imports}

class Block(nn.Module):
    def __init__(self, dim, heads):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.attention = nn.MultiheadAttention(dim, heads, batch_first=True)
        self.mlp = nn.Sequential(nn.Linear(dim, 4 * dim), nn.GELU(), nn.Linear(4 * dim, dim))

    def forward(self, x):
        y = self.norm1(x)
        x = x + self.attention(y, y, y, need_weights=False)[0]
        return x + self.mlp(self.norm2(x))


class VolumeTransformer(nn.Module):
    def __init__(self, channels, dim=192, patch_size=4, depth=12, heads=6):
        super().__init__()
        self.patches = nn.Conv{rank}d(channels, dim, kernel_size=patch_size, stride={stride})
        self.blocks = nn.ModuleList([Block(dim, heads) for _ in range(depth)])

    def forward(self, x):
        x = self.patches(x).flatten(2).transpose(1, 2)
        for block in self.blocks:
            x = {call}
        return x.mean(dim=1)
"""


def _own(imports: str = "", rank: int = 3, stride: str = "patch_size", call: str = "block(x)") -> str:
    return _OWN.format(imports=imports, rank=rank, stride=stride, call=call)


_APART = """import torch
from torch import nn


class Attention(nn.Module):
    def __init__(self, dim, heads):
        super().__init__()
        self.heads, self.scale = heads, (dim // heads) ** -0.5
        self.qkv, self.out = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)
        self.softmax = nn.Softmax(dim=-1)

    def forward(self, x):
        b, n, c = x.shape
        q, k, v = self.qkv(x).reshape(b, n, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        weights = self.softmax(q @ k.transpose(-2, -1) * self.scale)
        return self.out((weights @ v).transpose(1, 2).reshape(b, n, c))


class Block(nn.Module):
    def __init__(self, dim, heads):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.attn = Attention(dim, heads)
        self.mlp = nn.Sequential(nn.Linear(dim, 4 * dim), nn.GELU(), nn.Linear(4 * dim, dim))

    def forward(self, x):
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class Embeddings(nn.Module):
    def __init__(self, channels, dim, cube, patch):
        super().__init__()
        self.patches = nn.Conv3d(channels, dim, kernel_size=patch, stride=patch)
        self.position = nn.Parameter(torch.zeros(1, (cube // patch) ** 3, dim))

    def forward(self, x):
        return self.patches(x).flatten(2).transpose(-1, -2) + self.position


class Encoder(nn.Module):
    def __init__(self, channels, dim, cube, patch, heads, depth):
        super().__init__()
        self.embeddings = Embeddings(channels, dim, cube, patch)
        self.layers = nn.ModuleList([Block(dim, heads) for _ in range(depth)])

    def forward(self, x):
        x = self.embeddings(x)
        kept = []
        for layer in self.layers:
            x = layer(x)
            kept.append(x)
        return kept


class Segmenter(nn.Module):
    def __init__(self, channels=4, dim=768, cube=128, patch=16, heads=12, depth=12):
        super().__init__()
        self.encoder = Encoder(channels, dim, cube, patch, heads, depth)
        self.head = nn.ConvTranspose3d(dim, 3, patch, stride=patch)

    def forward(self, x):
        tokens = self.encoder(x)[-1]
        return self.head(tokens.transpose(1, 2).unflatten(2, (8, 8, 8)))
"""

_GATED = """from torch import nn


class Gate(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.spread = nn.Conv3d(width, width, 7, padding=9, groups=width, dilation=3)

    def forward(self, x):
        return x * self.spread(x)


class GateAttention(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.gate = Gate(width)

    def forward(self, x):
        return x + self.gate(x)


class Down(nn.Module):
    def __init__(self, narrow, wide, factor):
        super().__init__()
        self.conv = nn.Conv3d(narrow, wide, kernel_size=factor, stride=factor)

    def forward(self, x):
        return self.conv(x)


class Segmenter(nn.Module):
    def __init__(self, channels=4):
        super().__init__()
        self.down1, self.att1 = Down(channels, 16, 2), GateAttention(16)
        self.down2, self.att2 = Down(16, 32, 2), GateAttention(32)
        self.out = nn.Conv3d(32, 3, 1)

    def forward(self, x):
        return self.out(self.att2(self.down2(self.att1(self.down1(x)))))
"""

_USED = "from model import VolumeTransformer\n\nnet = VolumeTransformer(1)\n"

VALID = (
    Valid(_monai(option=", use_checkpoint=True"), "it is switched on"),
    Valid(_monai(option=", use_checkpoint=args.use_checkpoint"), "a switch of the user's"),
    Valid(_monai(side=64, samples=1), "small crops, one at a time"),
    Valid(_monai(width=12, side=64), "a narrow network"),
    Valid(_monai().replace("    loss.backward()\n", ""), "no training: nothing is kept"),
    Valid(_monai().replace("(96, 96, 96)", "roi"), "the size is not known"),
    Valid(
        _own(
            imports="from torch.utils.checkpoint import checkpoint\n", call="checkpoint(block, x, use_reentrant=False)"
        ),
        "it has checkpointing",
    ),
    Valid(_own(rank=2), "images, not volumes"),
    Valid(_own(stride="2"), "an overlapping stem"),
    Valid(_GATED, "gates of convolutions, called attention: nothing grows with the square of the tokens"),
)

INVALID = (
    Invalid(_monai(), at=[("train.py", 20)], fixed=_switched_on(_monai()), confidence=Confidence.MEDIUM),
    Invalid(
        _monai(samples=1, batch=4),
        at=[("train.py", 20)],
        fixed=_switched_on(_monai(samples=1, batch=4)),
        confidence=Confidence.MEDIUM,
    ),
    Invalid(
        _monai(side=128, samples=2),
        at=[("train.py", 20)],
        fixed=_monai(side=128, samples=2, option=", use_checkpoint=True"),
        confidence=Confidence.MEDIUM,
    ),
    Invalid(
        _monai(width=24, side=96, samples=4, batch=2, shape="img_size=(96, 96, 96), "),
        at=[("train.py", 20)],
        fixed=_switched_on(_monai(width=24, side=96, samples=4, batch=2, shape="img_size=(96, 96, 96), ")),
        confidence=Confidence.MEDIUM,
    ),
    Invalid(_own(), at=[("train.py", 18)], confidence=Confidence.LOW),
    Invalid({"model.py": _own(), "train.py": _USED}, at=[("model.py", 18)], confidence=Confidence.LOW),
    Invalid(_APART, at=[("train.py", 41)], confidence=Confidence.LOW, why="the patches are a module of their own"),
)
