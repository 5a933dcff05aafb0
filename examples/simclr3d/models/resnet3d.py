"""Small 3-D residual network, our baseline."""
import torch.nn.functional as F
from torch import nn


class ResBlock3D(nn.Module):
    """Two 3x3x3 convolutions around a skip connection."""

    def __init__(self, in_channels, out_channels, stride):
        super().__init__()
        self.conv1 = nn.Conv3d(in_channels, out_channels, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm3d(out_channels)
        self.conv2 = nn.Conv3d(out_channels, out_channels, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm3d(out_channels)
        self.skip = nn.Conv3d(in_channels, out_channels, 1, stride, bias=False)

    def forward(self, x):
        out = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(out)) + self.skip(x))


class ResNet3D(nn.Module):
    """Three residual stages and global average pooling."""

    def __init__(self, in_channels, width):
        super().__init__()
        self.stages = nn.Sequential(
            ResBlock3D(in_channels, width, 1),
            ResBlock3D(width, 2 * width, 2),
            ResBlock3D(2 * width, 4 * width, 2),
        )
        self.num_features = 4 * width

    def forward(self, x):
        """(B, C, D, H, W) -> (B, num_features)."""
        return self.stages(x).mean(dim=(2, 3, 4))
