"""Pages as tensors, with their target maps."""

import numpy as np
import torch
from torch.utils.data import Dataset, default_collate

from .config import DataConfig
from .geometry import transform_points
from .synthetic import draw_pages
from .targets import make_maps
from .transforms import augment, clean, letterbox

MEAN = np.array([0.7, 0.7, 0.7], dtype=np.float32)
STD = np.array([0.2, 0.2, 0.2], dtype=np.float32)


class TextLines(Dataset):
    """An item is a dict of
    `image`: (3, H, W), normalised,
    `prob`, `thresh`, `near`: (h, w) target maps,
    `quads`: (N, 4, 2) text lines in the pixels of the page,
    `matrix`: from the pixels of the page to those of `image`, and `inverse`, the way back.
    """

    def __init__(self, cfg: DataConfig, split: str):
        self.cfg = cfg
        self.train = split == "train"
        self.pages = draw_pages(cfg.train_items, 11) if self.train else draw_pages(cfg.val_items, 12)

    def __len__(self) -> int:
        return len(self.pages)

    def __getitem__(self, index: int) -> dict:
        image, quads = self.pages[index]
        image = clean(image, self.cfg.autocontrast, self.cfg.blur)
        if self.train:
            image, quads = augment(image, quads, self.cfg.rotate)
        image, matrix = letterbox(image, self.cfg.size)
        maps = make_maps(transform_points(quads, matrix), self.cfg.size, self.cfg.stride, self.cfg.shrink)
        pixels = (np.asarray(image, dtype=np.float32) / 255.0 - MEAN) / STD
        return {
            "image": torch.from_numpy(pixels).permute(2, 0, 1).contiguous(),
            **{name: torch.from_numpy(values) for name, values in maps.items()},
            "quads": quads,
            "matrix": matrix,
            "inverse": np.linalg.inv(matrix),
        }


def collate(items: list[dict]) -> dict:
    """Stack the tensors; the number of quads differs from page to page, so they stay a list."""
    stacked = ("image", "prob", "thresh", "near")
    batch = default_collate([{name: item[name] for name in stacked} for item in items])
    return batch | {name: [item[name] for item in items] for name in ("quads", "matrix", "inverse")}
