"""The glyph report's own measures, taken in the tree that is on the path; one JSON object on the last line."""

import json
import re
import subprocess
import sys

import torch
from raster import config, dataset, engine, losses, model
from torch.utils.data import DataLoader

torch.manual_seed(0)
DATA = config.RasterConfig(num_classes=12, styles_per_class=6)
TRAIN, _, _ = dataset.build_datasets(DATA)


def head_gradient():
    """The gradient's norm at the embedding head after an epoch of training."""
    net = model.GlyphNet(config.LevitConfig(num_classes=12))
    cfg = config.TrainConfig(batch_size=16)
    optimizer = torch.optim.AdamW(net.param_groups(cfg), weight_decay=cfg.weight_decay)
    loader = DataLoader(TRAIN, batch_size=16, shuffle=True, drop_last=True)
    schedule = engine.build_schedule(optimizer, len(loader), cfg.warmup_frac)
    engine.train_one_epoch(net, loader, optimizer, schedule, cfg, torch.device("cpu"))
    return sum(p.grad.norm().item() for p in net.embed.parameters() if p.grad is not None)


def distinct_views():
    """Share of distinct views of a glyph over five epochs."""
    views = [TRAIN[0]["image"] for _ in range(5)]
    return sum(not any(torch.equal(v, other) for other in views[:i]) for i, v in enumerate(views)) / len(views)


def contrastive_fails():
    """1 where the contrastive loss has no backward."""
    features = torch.randn(16, 8, requires_grad=True)
    try:
        losses.supervised_contrastive(features, torch.arange(16) % 4, temperature=0.1).backward()
    except RuntimeError:
        return 1
    return 0


def scores():
    """Validation accuracy and top-10 retrieval after the program's own number of epochs."""
    done = subprocess.run([sys.executable, "train.py"], capture_output=True, text=True, check=True)
    return [float(re.findall(rf"{name} ([0-9.]+)", done.stdout)[-1]) for name in ("val_acc", "top10")]


accuracy, retrieval = scores()
print(
    json.dumps(
        {
            "gradient of the embedding head": head_gradient(),
            "share of distinct views over epochs": distinct_views(),
            "contrastive losses without a backward": contrastive_fails(),
            "validation accuracy": accuracy,
            "top-10 retrieval": retrieval,
        }
    )
)
