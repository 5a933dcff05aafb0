"""Reads the YAML files of `configs/`."""

from dataclasses import asdict, dataclass
from pathlib import Path

import yaml


@dataclass(frozen=True)
class DataConfig:
    size: tuple[int, int]  # height and width of the network's input
    stride: int  # input pixels per pixel of the maps
    shrink: float
    train_items: int
    val_items: int
    rotate: float
    autocontrast: bool
    blur: float


@dataclass(frozen=True)
class ModelConfig:
    width: int
    steepness: float


@dataclass(frozen=True)
class LossConfig:
    prob: float
    thresh: float
    binary: float
    negative_ratio: float


@dataclass(frozen=True)
class TrainConfig:
    epochs: int
    batch_size: int
    lr: float
    weight_decay: float
    max_steps: int
    seed: int


@dataclass(frozen=True)
class DecodeConfig:
    threshold: float
    min_area: int
    unclip: float


@dataclass(frozen=True)
class Config:
    data: DataConfig
    model: ModelConfig
    loss: LossConfig
    train: TrainConfig
    decode: DecodeConfig


def load_config(path: Path) -> Config:
    """Read a config and the data file that it names."""
    raw = yaml.safe_load(path.read_text())
    data = yaml.safe_load((path.parent / "data" / f"{raw['data']}.yaml").read_text())
    height, width = data.pop("size")
    return Config(
        data=DataConfig(size=(height, width), **data),
        model=ModelConfig(**raw["model"]),
        loss=LossConfig(**raw["loss"]),
        train=TrainConfig(**raw["train"]),
        decode=DecodeConfig(**raw["decode"]),
    )


def save_config(cfg: Config, path: Path) -> None:
    """Keep what a training used."""
    raw = asdict(cfg)
    raw["data"]["size"] = list(cfg.data.size)
    path.write_text(yaml.safe_dump(raw, sort_keys=False))
