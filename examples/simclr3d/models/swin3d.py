"""Video-Swin-style transformer for isotropic volumes (Liu et al., 2022)."""
from torch import nn

from .swin_blocks import build_stages


class TrueSwin3D(nn.Module):
    """Swin Transformer with 3-D patches, 3-D windows and 3-D shifts.

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
        self.patch_embed = nn.Conv3d(in_channels, embed_dim, patch_size, stride=patch_size)
        self.patch_norm = nn.LayerNorm(embed_dim)
        window = (window_size, window_size, window_size)
        self.stages, self.num_features = build_stages(embed_dim, depths, num_heads, window)
        self.norm = nn.LayerNorm(self.num_features)

    def forward(self, x):
        """(B, C, D, H, W) -> (B, num_features)."""
        tokens = self.patch_embed(x).permute(0, 2, 3, 4, 1)
        tokens = self.stages(self.patch_norm(tokens))
        return self.norm(tokens).mean(dim=(1, 2, 3))
