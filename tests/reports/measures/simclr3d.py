"""The synapse report's own measures, taken in the tree that is on the path; one JSON object on the last line."""

import json
import math
import warnings

import numpy as np
import torch
from config import Config
from datasets import Augmenter, SynapseCubeDataset, bbox_loader, make_bboxes
from datasets.bbox_loader import process_bbox
from datasets.synthetic import CHANNELS, SynapseBBox
from losses import build_criterion
from models import SimCLR
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
    """Share of distinct crops among those of a synapse in training, the middle of all synapses."""
    seen = {}

    def spy(bbox, window, label, margin):
        seen.setdefault((id(bbox), label), []).append(tuple(part.start for part in window))
        return process_bbox(bbox, window, label, margin)

    bbox_loader.process_bbox = spy
    for _ in range(6):
        for index in range(len(DATASET)):
            DATASET[index]
    bbox_loader.process_bbox = process_bbox
    return float(np.median([len(set(starts)) / len(starts) for starts in seen.values()]))


def masks_that_count():
    """How many of the five masks change the cube of a synapse."""
    counts = set()
    for name in CHANNELS[1:]:
        for bbox in DATASET.bboxes:
            label = bbox.labels[0]
            window = DATASET.sampler.window_around(bbox, label)
            emptied = {**bbox.volumes, name: np.zeros_like(bbox.volumes[name])}
            if name == "cleft":
                emptied[name][tuple((part.start + part.stop) // 2 for part in window)] = label
            cube = process_bbox(bbox, window, label, DATASET.margin)
            if not np.array_equal(cube, process_bbox(SynapseBBox(emptied, bbox.kinds), window, label, DATASET.margin)):
                counts.add(name)
    return len(counts)


def least_share_kept():
    """The share of a cleft that is left in a crop which still counts as holding enough of it."""
    cut = np.zeros((48, 48, 48), np.int32)
    cut[24:26] = 1
    crop = cut[16:32, 16:32, 16:32]
    share = np.count_nonzero(crop) / np.count_nonzero(cut)
    return share if DATASET.sampler._check_component_overlap(crop, 1) else 1.0


def blur():
    """Torch calls of one blur, and the distance of its impulse response from a Gaussian's."""
    augmenter = Augmenter(CFG.augment)
    cubes = torch.rand(4, 1, 64, 64, 64)
    with Calls() as calls:
        augmenter.apply_gaussian_blur(cubes, SIGMA)
    impulse = torch.zeros(1, 1, 9, 9, 9)
    impulse[0, 0, 4, 4, 4] = 1
    response = augmenter.apply_gaussian_blur(impulse, SIGMA)[0, 0, 4]
    axis = torch.exp(-0.5 * ((torch.arange(9.0) - 4) / SIGMA) ** 2)
    gaussian = axis[:, None] * axis
    away = (response / response.sum() - gaussian / gaussian.sum()).abs().sum().item()
    return calls.count, away


def seen_of_depth():
    """How far the backbone's output moves where the sections of a cube change places."""
    backbone = SimCLR(CFG.model).backbone.eval()
    cubes = torch.randn(2, CFG.model.in_channels, 16, 16, 16)
    with torch.no_grad():
        return (backbone(cubes) - backbone(cubes[:, :, torch.randperm(16)])).abs().max().item()


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
blur_calls, blur_away = blur()
print(
    json.dumps(
        {
            "share of cubes that lose their vesicles": lost_vesicles(),
            "share of distinct crops of a synapse": crop_centres(),
            "masks of five that reach the cube": masks_that_count(),
            "share of a cleft that is enough": least_share_kept(),
            "torch calls of a blur": blur_calls,
            "distance of the impulse response from a Gaussian": blur_away,
            "change by shuffled sections": seen_of_depth(),
            "torch calls of the loop loss": loop_calls(),
            "learning rate left at the end": rate_at_the_end(),
            "loss beyond its bound": own_share(),
        }
    )
)
