"""The synapse report's own measures, taken in the tree that is on the path; one JSON object on the last line."""

import json
import math
import time
import warnings

import numpy as np
import torch
from config import Config
from datasets import Augmenter, SynapseCubeDataset, make_bboxes
from datasets.bbox_loader import process_bbox
from losses import build_criterion
from torch.overrides import TorchFunctionMode
from train_simclr import build_optimizer, train_epoch

warnings.filterwarnings("ignore", category=RuntimeWarning)
CFG = Config()
DATASET = SynapseCubeDataset(make_bboxes(CFG.data, 0), CFG.data)
SIGMA = 1.0


class Calls(TorchFunctionMode):
    """Counts the calls of torch functions."""

    def __init__(self):
        super().__init__()
        self.count = 0

    def __torch_function__(self, function, types, args=(), kwargs=None):
        self.count += 1
        return function(*args, **(kwargs or {}))


def lost_vesicles():
    """Share of cubes without the vesicles that are there."""
    lost = []
    for bbox in DATASET.bboxes:
        for label in bbox.labels:
            center = np.argwhere(bbox.volumes["cleft"] == label).mean(axis=0)
            shape = bbox.volumes["cleft"].shape
            starts = [min(max(round(c) - 8, 0), size - 16) for c, size in zip(center, shape, strict=True)]
            window = tuple(slice(start, start + 16) for start in starts)
            lost.append(not process_bbox(bbox, window, label, DATASET.margin)[3].any())
    return float(np.mean(lost))


def crop_centres():
    """Distinct crop centres of a synapse in 20 draws, the middle of all synapses."""
    counts = []
    for bbox in DATASET.bboxes:
        seen = {}
        for _ in range(20):
            label, window = DATASET.sampler.sample(bbox)
            seen.setdefault(label, []).append(tuple(part.start for part in window))
        counts += [len(set(starts)) / len(starts) for starts in seen.values()]
    return float(np.median(counts))


def blur():
    """Torch calls and seconds of one blur, and the distance of its impulse response from a Gaussian's."""
    augmenter = Augmenter(CFG.augment)
    cubes = torch.rand(4, 1, 64, 64, 64)
    with Calls() as calls:
        augmenter.apply_gaussian_blur(cubes, SIGMA)
    times = []
    for _ in range(5):
        start = time.perf_counter()
        augmenter.apply_gaussian_blur(cubes, SIGMA)
        times.append(time.perf_counter() - start)
    impulse = torch.zeros(1, 1, 9, 9, 9)
    impulse[0, 0, 4, 4, 4] = 1
    response = augmenter.apply_gaussian_blur(impulse, SIGMA)[0, 0, 4]
    axis = torch.exp(-0.5 * ((torch.arange(9.0) - 4) / SIGMA) ** 2)
    gaussian = axis[:, None] * axis
    away = (response / response.sum() - gaussian / gaussian.sum()).abs().sum().item()
    return calls.count, min(times), away


def loop_calls():
    """Torch calls of the loop loss on 64 pairs of projections."""
    z1, z2 = torch.randn(2, 64, 16)
    with Calls() as calls:
        build_criterion("loop", 0.2)(z1, z2)
    return calls.count


def rate_at_the_end():
    """The learning rate that is left when training ends, as a share of the way from the first to the planned last."""
    optim = Config().optim
    optim.epochs = 3
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(256, 8))
    cubes = [torch.rand(2, 4, 4, 4, 4) for _ in range(8)]
    optimizer, scheduler = build_optimizer(model, optim, len(cubes))
    scaler = torch.amp.GradScaler("cpu", enabled=False)
    criterion = build_criterion(optim.loss, optim.temperature)
    for _ in range(optim.epochs):
        train_epoch(model, cubes, lambda x: x, criterion, optimizer, scheduler, scaler, optim, torch.device("cpu"))
    return (optimizer.param_groups[0]["lr"] - optim.min_lr) / (optim.lr - optim.min_lr)


def own_share():
    """Loss of two equal batches of unit vectors beyond its bound: what each row's similarity with itself adds."""
    count, temperature = 6, 0.2
    z = torch.eye(count)
    others = (2 * count - 2) * math.exp(-1 / temperature)
    return build_criterion("matrix", temperature)(z, z).item() - math.log(1 + others)


torch.manual_seed(0)
np.random.seed(0)
blur_calls, blur_seconds, blur_away = blur()
print(
    json.dumps(
        {
            "share of cubes that lose their vesicles": lost_vesicles(),
            "share of distinct crop centres": crop_centres(),
            "torch calls of a blur": blur_calls,
            "seconds of a blur": blur_seconds,
            "distance of the impulse response from a Gaussian": blur_away,
            "torch calls of the loop loss": loop_calls(),
            "learning rate left at the end": rate_at_the_end(),
            "loss beyond its bound": own_share(),
        }
    )
)
