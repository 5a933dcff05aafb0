"""Configuration of a run: defaults, command line, and the round trip through a checkpoint."""
import argparse
from dataclasses import asdict, dataclass, field
from typing import Any, Dict, Optional, Sequence, Tuple

BACKBONES = ("resnet3d", "swin3d", "swin3d_t")
LOSSES = ("matrix", "loop")


@dataclass
class DataConfig:
    """Bounding boxes and the cubes cut from them (sizes in voxels)."""

    num_bboxes: int = 8
    bbox_size: int = 48
    synapses_per_bbox: int = 3
    cubes_per_bbox: int = 4
    cube_size: int = 16
    search_margin: int = 4  # how far around a cube we look for organelles
    min_overlap: float = 0.02  # cubes with less of the cleft than this are skipped


@dataclass
class AugmentConfig:
    """Strength of the augmentations that make the two views."""

    flip_prob: float = 0.5
    contrast: float = 0.2
    brightness: float = 0.1
    noise_std: float = 0.05
    blur_prob: float = 0.5
    blur_sigma: Tuple[float, float] = (0.5, 2.0)


@dataclass
class ModelConfig:
    """Backbone and projection head."""

    backbone: str = "swin3d"
    in_channels: int = 4
    embed_dim: int = 24
    depths: Tuple[int, ...] = (2, 2)
    num_heads: Tuple[int, ...] = (2, 4)
    window_size: int = 4
    patch_size: int = 2
    projection_dim: int = 32


@dataclass
class OptimConfig:
    """Optimisation; the effective batch is ``batch_size * accumulation_steps``."""

    epochs: int = 20
    batch_size: int = 4
    accumulation_steps: int = 4
    lr: float = 5e-4
    min_lr: float = 1e-6
    weight_decay: float = 1e-4
    grad_clip: float = 1.0
    loss: str = "matrix"
    temperature: float = 0.2
    amp: bool = True


@dataclass
class Config:
    """Everything that a run depends on."""

    data: DataConfig = field(default_factory=DataConfig)
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    optim: OptimConfig = field(default_factory=OptimConfig)
    seed: int = 0
    out: str = "runs/simclr3d"

    def to_dict(self) -> Dict[str, Any]:
        """Plain containers only, so that the checkpoint stays loadable."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Dict[str, Any]) -> "Config":
        """Undo ``to_dict``."""
        return cls(
            data=DataConfig(**values["data"]),
            augment=AugmentConfig(**values["augment"]),
            model=ModelConfig(**values["model"]),
            optim=OptimConfig(**values["optim"]),
            seed=values["seed"],
            out=values["out"],
        )


def parse_config(argv: Optional[Sequence[str]] = None) -> Config:
    """Build the configuration from the command line."""
    cfg = Config()
    parser = argparse.ArgumentParser(description="SimCLR on synapse cubes")
    parser.add_argument("--epochs", type=int, default=cfg.optim.epochs)
    parser.add_argument("--batch-size", type=int, default=cfg.optim.batch_size)
    parser.add_argument("--accumulation-steps", type=int, default=cfg.optim.accumulation_steps)
    parser.add_argument("--lr", type=float, default=cfg.optim.lr)
    parser.add_argument("--temperature", type=float, default=cfg.optim.temperature)
    parser.add_argument("--loss", choices=LOSSES, default=cfg.optim.loss)
    parser.add_argument("--no-amp", dest="amp", action="store_false")
    parser.add_argument("--backbone", choices=BACKBONES, default=cfg.model.backbone)
    parser.add_argument("--bboxes", type=int, default=cfg.data.num_bboxes)
    parser.add_argument("--bbox-size", type=int, default=cfg.data.bbox_size)
    parser.add_argument("--cube-size", type=int, default=cfg.data.cube_size)
    parser.add_argument("--seed", type=int, default=cfg.seed)
    parser.add_argument("--out", default=cfg.out)
    args = parser.parse_args(argv)

    cfg.optim.epochs = args.epochs
    cfg.optim.batch_size = args.batch_size
    cfg.optim.accumulation_steps = args.accumulation_steps
    cfg.optim.lr = args.lr
    cfg.optim.temperature = args.temperature
    cfg.optim.loss = args.loss
    cfg.optim.amp = args.amp
    cfg.model.backbone = args.backbone
    cfg.data.num_bboxes = args.bboxes
    cfg.data.bbox_size = args.bbox_size
    cfg.data.cube_size = args.cube_size
    cfg.seed = args.seed
    cfg.out = args.out
    return cfg
