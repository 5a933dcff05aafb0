"""Grey values to network input."""

import numpy as np


class PatchNormalizer:
    """Clips outliers (hot pixels, dirt) and scales grey values to zero mean and unit variance."""

    def __init__(self, percentile: float = 0.1):
        self.percentile = percentile
        self.low = self.high = 0.0
        self.mean, self.std = 0.0, 1.0

    def fit(self, patches: np.ndarray) -> "PatchNormalizer":
        self.low, self.high = np.percentile(patches, [self.percentile, 100.0 - self.percentile])
        clipped = np.clip(patches, self.low, self.high)
        self.mean, self.std = float(clipped.mean()), float(clipped.std()) + 1e-6
        return self

    def transform(self, patches: np.ndarray) -> np.ndarray:
        return ((np.clip(patches, self.low, self.high) - self.mean) / self.std).astype(np.float32)
