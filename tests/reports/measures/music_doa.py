"""The direction-finding report's own measures, taken in the tree that is on the path; one JSON object on the last line."""

import json

import torch
from doa import config, dataset, evaluate, losses, model, spectrum

torch.manual_seed(0)
ARRAY, FOV, DATA = config.ArrayConfig(), config.FieldOfView(), config.DataConfig()
ITEMS = dataset.SnapshotDataset(ARRAY, FOV, DATA, "val")
BATCH = torch.utils.data.default_collate([ITEMS[i] for i in range(len(ITEMS))])
NET = model.CovarianceNet(ARRAY, FOV, DATA.num_sources).eval()
CRITERION = losses.DoaLoss(ARRAY, config.LossConfig())


def spread_in_the_loss():
    """The least spread of the steering vectors that the subspace term compares."""
    seen = []
    real = losses.steering_vectors

    def spy(phi, theta, positions):
        seen.append(real(phi, theta, positions))
        return seen[-1]

    losses.steering_vectors = spy
    CRITERION.subspace_term(spectrum.signal_basis(NET(BATCH["cov"])["factor"]), BATCH)
    losses.steering_vectors = real
    return min(spectrum.spread(item).item() for item in seen[0])


def half_precision_error():
    """How far the validation loss is from the one in float32, as a share of it."""
    given = evaluate.validate(NET, CRITERION, [BATCH], torch.device("cpu"))["val_loss"]
    with torch.no_grad():
        full = CRITERION(NET(BATCH["cov"]), BATCH)["total"].item()
    return abs(given - full) / full


def eigengap_without_a_gap():
    """The eigengap term in float16 of a factor whose columns are equal."""
    factor = torch.zeros(2, 2, 24, 2, dtype=torch.float16)
    return CRITERION.eigengap_term({"factor": factor, "noise": torch.ones(2, dtype=torch.float16)}).item()


TERMS = CRITERION(NET(BATCH["cov"]), BATCH)
print(
    json.dumps(
        {
            "subspace term": TERMS["subspace"].item(),
            "contrast term": TERMS["contrast"].item(),
            "spread of the steering vectors": spread_in_the_loss(),
            "error of the validation loss": half_precision_error(),
            "eigengap term in float16": eigengap_without_a_gap(),
        }
    )
)
