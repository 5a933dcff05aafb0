"""Encoders and the SimCLR model."""
from .simclr3d import SimCLR, build_backbone

__all__ = ["SimCLR", "build_backbone"]
