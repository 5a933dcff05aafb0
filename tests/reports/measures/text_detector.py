"""The text-detection report's own measures, taken in the tree that is on the path; one JSON object on the last line."""

import json
import random
from pathlib import Path

import numpy as np
import torch
from detector import config, dataset, evaluate, geometry, targets, transforms
from PIL import Image

random.seed(0)
CFG = config.load_config(Path("configs/base.yaml"))


def marked_page(width=200, height=100):
    """A dark page with a bright rectangle off its centre, and the rectangle's quad."""
    page = Image.new("RGB", (width, height))
    left, top, right, bottom = box = (width // 8, height // 8, width // 3, height // 3)
    page.paste((255, 255, 255), box)
    return page, np.array([[left, top], [right, top], [right, bottom], [left, bottom]], dtype=float)


def apart(image, quad):
    """How far a rectangle's pixels lie from its quad, in pixels."""
    y, x = np.nonzero(np.asarray(image.convert("L")) > 200)
    return float(np.abs(np.array([x.mean(), y.mean()]) - quad.mean(axis=0)).max())


def left_behind():
    """The worst distance of the rectangle from its quad over some augmentations."""
    page, quad = marked_page()
    moved = (transforms.augment(page, quad[None], 0.0) for _ in range(12))
    return max(apart(image, quads[0]) for image, quads in moved)


def squeezed():
    """The distance of the rectangle from its quad after the letterbox."""
    page, quad = marked_page()
    picture, matrix = transforms.letterbox(page, CFG.data.size)
    return apart(picture, geometry.transform_points(quad, matrix))


def brightest():
    """The brightest pixel of the darkest target map."""
    quad = np.array([[20.0, 20.0], [90.0, 20.0], [90.0, 40.0], [20.0, 40.0]])
    maps = targets.make_maps(quad[None], CFG.data.size, CFG.data.stride, CFG.data.shrink)
    return float(min(maps["prob"].max(), maps["near"].max()))


class Exact(torch.nn.Module):
    """Gives the cores of a page's lines, as a perfect network would."""

    def __init__(self, quads, matrix):
        super().__init__()
        stride = CFG.data.stride
        seen = geometry.transform_points(quads, matrix) / stride
        cores = [geometry.resize_quad(q, -targets.shrink_distance(q, CFG.data.shrink)) for q in seen]
        masks = [geometry.fill(core, 264 // stride, 448 // stride) for core in cores]
        self.logits = torch.from_numpy(np.logical_or.reduce(masks)).float()[None] * 20.0 - 10.0

    def forward(self, image):
        return {"prob_logits": self.logits}


def round_trip():
    """How far corners end from where they began, in pixels: through the matrix, and back as predictions are."""
    _, quads = dataset.draw_pages(1, 3)[0]
    matrix = geometry.scale_and_shift(2.0, 4.0, 2.0)
    seen = []
    real = evaluate.transform_points
    evaluate.transform_points = lambda points, used: seen.append(used) or real(points, used)
    batch = {
        "image": torch.zeros(1, 3, 8, 8), "quads": [quads], "matrix": [matrix], "inverse": [np.linalg.inv(matrix)],
    }  # fmt: skip
    scores = evaluate.evaluate(Exact(quads, matrix), [batch], CFG.decode, CFG.data.stride, torch.device("cpu"))
    evaluate.transform_points = real
    there = geometry.transform_points(quads, matrix)
    return float(np.abs(geometry.transform_points(there, seen[0]) - quads).max()), scores["hmean"]


ERROR, HMEAN = round_trip()
print(
    json.dumps(
        {
            "corners after mirroring, pixels": left_behind(),
            "corners after the letterbox, pixels": squeezed(),
            "brightest pixel of the target maps": brightest(),
            "round trip of the corners, pixels": ERROR,
            "H-mean of perfect maps": HMEAN,
        }
    )
)
