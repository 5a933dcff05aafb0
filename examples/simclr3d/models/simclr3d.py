"""SimCLR for 3-D cubes: backbone by name, projection head on top."""
import torch
import torch.nn.functional as F
from torch import nn

from .resnet3d import ResNet3D
from .swin_blocks import build_stages


class SwinTransformer3D(nn.Module):
    """Swin Transformer encoder for cubes.

    Args:
        in_channels: Channels of the cube.
        embed_dim: Width of the first stage; doubles at each merging.
        depths: Blocks of each stage.
        num_heads: Attention heads of each stage.
        window_size: Side of an attention window in tokens.
        patch_size: Side of a token in voxels.
    """

    def __init__(self, in_channels, embed_dim, depths, num_heads, window_size, patch_size):
        super().__init__()
        self.patch_embed = nn.Conv2d(in_channels, embed_dim, patch_size, stride=patch_size)
        self.patch_norm = nn.LayerNorm(embed_dim)
        window = (window_size, window_size)
        self.stages, self.num_features = build_stages(embed_dim, depths, num_heads, window)
        self.norm = nn.LayerNorm(self.num_features)

    def forward_features(self, x):
        """(B, C, H, W) -> (B, num_features)."""
        tokens = self.patch_embed(x).permute(0, 2, 3, 1)
        tokens = self.stages(self.patch_norm(tokens))
        return self.norm(tokens).mean(dim=(1, 2))

    def forward(self, x):
        """(B, C, D, H, W) -> (B, num_features)."""
        features = []
        for z in range(x.size(2)):
            features.append(self.forward_features(x[:, :, z]))
        return torch.stack(features, dim=1).mean(dim=1)


def torchvision_swin3d(in_channels):
    """Swin3D-T of torchvision for a comparison with the published architecture."""
    from torchvision.models.video import swin3d_t

    net = swin3d_t(weights=None)
    stem = net.patch_embed.proj
    net.patch_embed.proj = nn.Conv3d(
        in_channels, stem.out_channels, stem.kernel_size, stride=stem.stride
    )
    net.head = nn.Identity()
    return net


def build_backbone(cfg):
    """Encoder that maps a cube to a vector of ``num_features``."""
    if cfg.backbone == "resnet3d":
        return ResNet3D(cfg.in_channels, cfg.embed_dim)
    if cfg.backbone == "swin3d":
        return SwinTransformer3D(
            in_channels=cfg.in_channels,
            embed_dim=cfg.embed_dim,
            depths=cfg.depths,
            num_heads=cfg.num_heads,
            window_size=cfg.window_size,
            patch_size=cfg.patch_size,
        )
    if cfg.backbone == "swin3d_t":
        return torchvision_swin3d(cfg.in_channels)
    raise ValueError(f"unknown backbone: {cfg.backbone}")


class SimCLR(nn.Module):
    """Backbone and projection head."""

    def __init__(self, cfg):
        super().__init__()
        self.backbone = build_backbone(cfg)
        dim = self.backbone.num_features
        self.projector = nn.Sequential(
            nn.Linear(dim, dim, bias=False),
            nn.BatchNorm1d(dim),
            nn.ReLU(inplace=True),
            nn.Linear(dim, cfg.projection_dim),
        )

    def forward(self, x):
        """Projections of a batch of cubes, for the loss."""
        return self.projector(self.backbone(x))

    def embed(self, x):
        """Unit-length backbone features, for clustering."""
        return F.normalize(self.backbone(x), dim=1)
