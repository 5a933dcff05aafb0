"""The glyph collection as a dataset."""

import random
from dataclasses import replace

import numpy as np
import torch
from torch.utils.data import Dataset

from .augment import augment_glyph
from .config import RasterConfig
from .glyphs import GlyphRow, build_rows, draw


class GlyphDataset(Dataset):
    """Rasters drawn once and kept in memory, augmented on access."""

    def __init__(self, rows: list[GlyphRow], cfg: RasterConfig):
        self.rows = rows
        self.cfg = cfg
        self.images = self._pre_rasterize()

    def _pre_rasterize(self) -> torch.Tensor:
        stack = np.stack([draw(row, self.cfg.image_size) for row in self.rows])
        return torch.from_numpy(stack).unsqueeze(1)

    def _item_rng(self, row: GlyphRow) -> random.Random:
        """Random stream for the augmentation of one glyph.

        Seeded by hand, so that workers do not share one stream and runs can be repeated.
        """
        return random.Random(self.cfg.seed + row.glyph_id)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> dict:
        row = self.rows[index]
        img = self.images[index]
        if self.cfg.augment:
            img = augment_glyph(img, self._item_rng(row), self.cfg)
        return {"image": img, "label": row.label, "glyph_id": row.glyph_id}


def split_rows(rows: list[GlyphRow], val_frac: float, seed: int) -> tuple[list[GlyphRow], list[GlyphRow]]:
    """Hold out a share of the styles of every character."""
    rng = random.Random(seed)
    by_label: dict[int, list[GlyphRow]] = {}
    for row in rows:
        by_label.setdefault(row.label, []).append(row)
    train, val = [], []
    for group in by_label.values():
        held_out = max(1, round(len(group) * val_frac))
        shuffled = rng.sample(group, len(group))
        val += shuffled[:held_out]
        train += shuffled[held_out:]
    return train, val


def build_datasets(cfg: RasterConfig) -> tuple[GlyphDataset, GlyphDataset, GlyphDataset]:
    """Return the training set, the validation set and the (clean) retrieval gallery."""
    rows = build_rows(cfg.num_classes, cfg.styles_per_class)
    train_rows, val_rows = split_rows(rows, cfg.val_frac, cfg.seed)
    clean = replace(cfg, augment=False)
    return GlyphDataset(train_rows, cfg), GlyphDataset(val_rows, clean), GlyphDataset(train_rows, clean)
