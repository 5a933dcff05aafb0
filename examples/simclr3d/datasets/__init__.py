"""Bounding boxes, cubes and views."""
from .bbox_loader import SynapseCubeDataset
from .random_cube import Augmenter, CubeSampler
from .synthetic import SynapseBBox, make_bboxes

__all__ = ["Augmenter", "CubeSampler", "SynapseBBox", "SynapseCubeDataset", "make_bboxes"]
