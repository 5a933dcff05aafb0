"""A small network that is trained aside, without modules or optimizers: no hook of the program sees it."""

from __future__ import annotations

import time
from typing import Any, Dict, List

SECONDS = 10.0
EPOCHS = 30
LEAST_SAMPLES = 64
LEAST_OF_A_CLASS = 4
FOLDS = 4
SIDE = 32  # pixels; larger pictures are made smaller
WIDTH = 64
BATCH = 64
LEARNING_RATE = 2e-3


def auc_of_small_network(torch: Any, inputs: Any, labels: Any) -> Dict[str, Any]:
    """Train on three quarters of some samples and rank the rest, four times, so that each is ranked once.

    Args:
        torch: the module.
        inputs: (N, ...) float; from (N, C, H, W) on two convolutions look at them first.
        labels: (N,) whole numbers.

    Returns:
        ``auc``, the mean over classes of the area under the ROC curve of that class against the others, with
        ``epochs``; or ``skipped``, the reason why nothing was trained.
    """
    classes, numbers = labels.unique(return_inverse=True)
    counts = numbers.bincount()
    if len(labels) < LEAST_SAMPLES or len(classes) < 2 or int((counts >= LEAST_OF_A_CLASS).sum()) < 2:
        few = "%d samples of %d classes are too few to learn from" % (len(labels), len(classes))
        return {"skipped": few}
    with torch.enable_grad():
        return _cross_validated(torch, inputs.detach().cpu(), numbers.cpu(), len(classes))


def _cross_validated(torch: Any, inputs: Any, labels: Any, classes: int) -> Dict[str, Any]:
    generator = torch.Generator().manual_seed(0)
    order = torch.randperm(len(labels), generator=generator)
    inputs = inputs.nan_to_num()
    inputs = ((inputs - inputs.mean()) / inputs.std().clamp(min=1e-6)).clamp(-10, 10)
    if inputs.dim() == 4 and max(inputs.shape[-2:]) > SIDE:
        inputs = torch.nn.functional.interpolate(inputs, size=(SIDE, SIDE), mode="area")
    scores = torch.zeros(len(labels), classes)
    epochs = []
    for fold in range(FOLDS):
        held, used = order[fold::FOLDS], torch.cat([order[i::FOLDS] for i in range(FOLDS) if i != fold])
        weights = _weights(torch, inputs, classes, generator)
        epochs.append(_train(torch, weights, inputs[used], labels[used], generator))
        with torch.no_grad():
            scores[held] = torch.cat([_forward(torch, weights, inputs[rows]) for rows in held.split(BATCH)]).softmax(1)
    areas = [_area(scores[:, c], labels == c) for c in range(classes)]
    known = [area for area in areas if area is not None]
    return {"auc": sum(known) / len(known), "epochs": min(epochs)}


def _train(torch: Any, weights: List[Any], inputs: Any, labels: Any, generator: Any) -> int:
    moments = [[torch.zeros_like(w), torch.zeros_like(w)] for w in weights]
    end, step = time.perf_counter() + SECONDS / FOLDS, 0
    for epoch in range(EPOCHS):
        if time.perf_counter() > end:
            return epoch
        for rows in torch.randperm(len(labels), generator=generator).split(BATCH):
            loss = torch.nn.functional.cross_entropy(_forward(torch, weights, inputs[rows]), labels[rows])
            step += 1
            _adam(torch, weights, moments, torch.autograd.grad(loss, weights), step)
    return EPOCHS


def _weights(torch: Any, inputs: Any, classes: int, generator: Any) -> List[Any]:
    def matrix(*shape: int) -> Any:
        fan = 1
        for size in shape[1:]:
            fan *= size
        return (torch.randn(*shape, generator=generator) * (2.0 / fan) ** 0.5).requires_grad_()

    def bias(size: int) -> Any:
        return torch.zeros(size).requires_grad_()

    found: List[Any] = []
    if inputs.dim() == 4:
        channels = inputs.shape[1]
        found += [matrix(16, channels, 3, 3), bias(16), matrix(32, 16, 3, 3), bias(32)]
        width = 32 * 4 * 4
    else:
        width = int(inputs[0].numel())
    return [*found, matrix(WIDTH, width), bias(WIDTH), matrix(classes, WIDTH), bias(classes)]


def _forward(torch: Any, weights: List[Any], x: Any) -> Any:
    functional = torch.nn.functional
    if x.dim() == 4:
        for i in (0, 2):
            x = functional.relu(functional.conv2d(x, weights[i], weights[i + 1], stride=2, padding=1))
        x = functional.adaptive_avg_pool2d(x, 4)
    x = functional.relu(functional.linear(x.flatten(1), *weights[-4:-2]))
    return functional.linear(x, *weights[-2:])


def _adam(torch: Any, weights: List[Any], moments: List[Any], gradients: Any, step: int) -> None:
    with torch.no_grad():
        for weight, (first, second), gradient in zip(weights, moments, gradients):
            first.lerp_(gradient, 0.1)
            second.lerp_(gradient.square(), 0.001)
            scale = (second / (1 - 0.999**step)).sqrt_().add_(1e-8)
            weight.addcdiv_(first / (1 - 0.9**step), scale, value=-LEARNING_RATE)


def _area(scores: Any, positive: Any) -> Any:
    """The share of pairs in which the positive sample has the higher score; None without both kinds."""
    yes, no = scores[positive], scores[~positive]
    if not len(yes) or not len(no):
        return None
    gap = yes[:, None] - no[None]
    return float(((gap > 0).double() + 0.5 * (gap == 0).double()).mean())
