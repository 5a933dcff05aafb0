"""Settings of the array, the simulation, the loss and the training."""

import math
from dataclasses import dataclass, field


@dataclass(frozen=True)
class ArrayConfig:
    """Planar array in the y-z plane; `spacing` in wavelengths."""

    columns: int = 6
    rows: int = 4
    spacing: float = 0.5

    @property
    def num_elements(self) -> int:
        return self.columns * self.rows


@dataclass(frozen=True)
class FieldOfView:
    """Sector in which sources appear. All angles in degrees, symmetric about broadside."""

    azimuth: float = 60.0
    elevation: float = 30.0
    min_separation: float = 20.0

    def half_widths(self) -> tuple[float, float]:
        """Half widths in azimuth and elevation, in radians."""
        return math.radians(self.azimuth), math.radians(self.elevation)


@dataclass(frozen=True)
class DataConfig:
    """The simulation."""

    num_sources: int = 2
    snapshots: int = 64
    snr_db: tuple[float, float] = (5.0, 20.0)
    train_items: int = 768
    val_items: int = 192
    seed: int = 7


@dataclass(frozen=True)
class LossConfig:
    """Weights of the terms, and when a set of steering vectors can be told apart."""

    weights: dict[str, float] = field(
        default_factory=lambda: {
            "angle": 1.0,
            "covariance": 0.5,
            "subspace": 0.3,
            "contrast": 0.2,
            "eigengap": 0.02,
        }
    )
    min_spread: float = 0.05
    contrast_margin: float = 0.3


@dataclass(frozen=True)
class TrainConfig:
    """Optimisation."""

    epochs: int = 30
    batch_size: int = 32
    lr_backbone: float = 1e-3
    lr_head: float = 2e-3
    weight_decay: float = 1e-4
    grad_clip: float = 5.0
    seed: int = 7
