"""The particle example runs, and has the bugs of its report."""

import csv
import math
import subprocess
import sys
from types import SimpleNamespace

import pytest

from .programs import NO_TORCH, copy_example, importable, numbers_after, run_program

torch = pytest.importorskip("torch", reason=NO_TORCH)
pytestmark = pytest.mark.slow

CONFIG = "configs/fixmatch_pu.yaml"
POSITIVES, LABELED = 343, 1743


@pytest.fixture(scope="module")
def pu(tmp_path_factory):
    """The example's modules, its configuration and its datasets."""
    import yaml

    root = copy_example("cryoem_pu", tmp_path_factory.mktemp("pu"))
    with importable(root):
        from cryoem import dataset, losses, model, trainer

        cfg = yaml.safe_load((root / CONFIG).read_text())
        cfg["data"]["labels"] = str(root / cfg["data"]["labels"])
        torch.manual_seed(0)
        labeled, unlabeled, val = dataset.build_loaders(cfg)
        yield SimpleNamespace(
            root=root,
            cfg=cfg,
            labeled=labeled,
            unlabeled=unlabeled,
            val=val,
            losses=losses,
            model=model,
            trainer=trainer,
        )


def test_two_epochs_end_well_and_use_no_pseudo_label(tmp_path):
    done = run_program(copy_example("cryoem_pu", tmp_path), "--config", CONFIG, "--epochs", "2")
    assert done.code == 0, done.err
    for name in ("loss", "pu", "auc", "std"):
        values = numbers_after(name, done.out)
        assert len(values) == 2, name
        assert all(math.isfinite(value) and value > 0 for value in values), name
    assert numbers_after("used", done.out) == [0.0, 0.0]
    assert numbers_after("consistency", done.out) == [0.0, 0.0]
    assert done.inside == {"runs/fixmatch_pu/model.pt"}
    assert not done.outside


def test_with_the_mended_values_the_unlabeled_patches_take_part(tmp_path):
    root = copy_example("cryoem_pu", tmp_path)
    text = (root / CONFIG).read_text()
    for old, new in (
        ("prior: 0.3 ", "prior: 0.197 "),
        ("threshold: 0.95", "threshold: 0.75"),
        ("lr: 0.03", "lr: 0.001"),
    ):
        assert text.count(old) == 1
        text = text.replace(old, new)
    (root / CONFIG).write_text(text)
    done = run_program(root, "--epochs", "2")
    assert done.code == 0, done.err
    used = numbers_after("used", done.out)
    assert len(used) == 2
    assert min(used) > 20.0
    assert used[-1] > 50.0


def test_the_labels_are_few_and_their_share_is_not_the_prior(pu):
    with (pu.root / "data/labels.csv").open(newline="") as file:
        labels = [int(row["label"]) for row in csv.DictReader(file)]
    assert (labels.count(1), len(labels)) == (POSITIVES, LABELED)
    assert int(pu.labeled.dataset.labels.sum()) == POSITIVES
    share = POSITIVES / LABELED
    assert abs(pu.cfg["pu"]["prior"] - share) > 10 * math.sqrt(share * (1 - share) / LABELED)


def test_the_risk_wants_as_many_particles_as_the_prior_says(pu):
    """The score that is best for all patches alike is the prior's log-odds, not that of the labels' share."""
    labels = torch.arange(LABELED) < POSITIVES
    scores = torch.linspace(-3.0, 1.0, 401)

    def best(prior):
        risk = pu.losses.NonNegativePULoss(prior=prior)
        logits = [torch.stack([torch.zeros(LABELED), torch.full((LABELED,), s)], dim=1) for s in scores.tolist()]
        values = [risk(rows, labels.long()) for rows in logits]
        return torch.sigmoid(scores[torch.stack(values).argmin()]).item()

    assert best(pu.cfg["pu"]["prior"]) == pytest.approx(0.3, abs=0.01)
    assert best(POSITIVES / LABELED) == pytest.approx(POSITIVES / LABELED, abs=0.01)


def test_a_negative_risk_below_zero_is_turned_round(pu):
    risk = pu.losses.NonNegativePULoss(prior=0.9)
    labels = torch.tensor([1, 0])
    for score in (4.0, -4.0):
        logits = torch.tensor([[0.0, score], [0.0, -score]])
        wrong = torch.nn.functional.softplus(torch.tensor([score, -score]))
        right = torch.nn.functional.softplus(torch.tensor([-score, score]))
        negative = (wrong.mean() - 0.9 * wrong[0]).item()
        expected = 0.9 * right[0].item() + negative if negative >= 0 else -negative
        assert risk(logits, labels).item() == pytest.approx(expected, rel=1e-5)


def relative_change(pu, rate):
    """How far the first step moves the weights, as a share of their size: the middle of all layers."""
    torch.manual_seed(0)
    trainer = pu.trainer.Trainer({**pu.cfg, "optim": {**pu.cfg["optim"], "lr": rate}}, torch.device("cpu"))
    weights = [p for p in trainer.model.parameters() if p.dim() > 1]
    before = [p.detach().clone() for p in weights]
    patches, labels = next(iter(pu.labeled))
    trainer.pu_loss(trainer.model(patches), labels).backward()
    trainer.optimizer.step()
    moved = [((p - old).norm() / old.norm()).item() for p, old in zip(weights, before, strict=True)]
    return sorted(moved)[len(moved) // 2]


def test_one_step_throws_the_weights_away(pu):
    assert relative_change(pu, pu.cfg["optim"]["lr"]) > 0.25
    assert relative_change(pu, 0.001) < 0.02


def test_each_split_is_normalised_by_itself(pu):
    train, unlabeled, val = (loader.dataset for loader in (pu.labeled, pu.unlabeled, pu.val))
    for split in (train, unlabeled, val):
        assert split.patches.mean().item() == pytest.approx(0.0, abs=1e-3)
        assert split.patches.std().item() == pytest.approx(1.0, abs=1e-2)
    assert val.normalizer.std > 1.1 * train.normalizer.std
    assert len({split.normalizer.low for split in (train, unlabeled, val)}) == 3


def test_the_baseline_learns_the_labeled_patches(tmp_path):
    root = copy_example("cryoem_pu", tmp_path)
    done = subprocess.run(
        [sys.executable, "train_supervised_baseline.py", "--epochs", "6"],
        cwd=root,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    assert numbers_after("auc", done.stdout)[-1] > 0.6
