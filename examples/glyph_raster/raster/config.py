"""Settings of the data, the model and the training."""

from dataclasses import dataclass


@dataclass(frozen=True)
class RasterConfig:
    """What is drawn and how it is augmented."""

    num_classes: int = 200
    styles_per_class: int = 8
    image_size: int = 32
    val_frac: float = 0.25
    seed: int = 1234
    augment: bool = True
    max_shift: float = 3.0
    max_rotation: float = 12.0  # degrees
    ink_jitter: float = 0.25
    cutout_size: int = 6
    cutout_prob: float = 0.5


@dataclass(frozen=True)
class LevitConfig:
    """A LeViT for 32x32 input: two stages on 8x8 and 4x4 tokens."""

    num_classes: int = 200
    in_channels: int = 1
    image_size: int = 32
    stem_channels: int = 32
    embed_dim: tuple[int, ...] = (64, 96)
    depth: tuple[int, ...] = (2, 2)
    num_heads: tuple[int, ...] = (2, 3)
    key_dim: int = 16
    attn_ratio: int = 2
    mlp_ratio: int = 2
    embedding_dim: int = 128


@dataclass(frozen=True)
class TrainConfig:
    """Optimisation."""

    epochs: int = 20
    batch_size: int = 64
    lr_backbone: float = 1.5e-3
    lr_head: float = 3.0e-3
    weight_decay: float = 0.01
    warmup_frac: float = 0.05
    grad_clip: float = 1.0
    label_smoothing: float = 0.05
    supcon_weight: float = 0.0
    supcon_temperature: float = 0.1
    retrieval_k: int = 10
    seed: int = 1234
