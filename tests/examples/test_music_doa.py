"""The direction-finding example runs, and has the bugs of its report."""

import math
from types import SimpleNamespace

import pytest

from .programs import NO_TORCH, copy_example, importable, numbers_after, run_program

torch = pytest.importorskip("torch", reason=NO_TORCH)
pytestmark = pytest.mark.slow

STUCK = ("subspace", "contrast")
ALIVE = ("angle", "covariance", "eigengap")


@pytest.fixture(scope="module")
def doa(tmp_path_factory):
    """The example's modules, its validation set as one batch, an untrained model and a criterion."""
    root = copy_example("music_doa", tmp_path_factory.mktemp("doa"))
    with importable(root):
        from doa import array, config, dataset, evaluate, losses, model, spectrum

        torch.manual_seed(0)
        array_cfg, fov, data_cfg = config.ArrayConfig(), config.FieldOfView(), config.DataConfig()
        items = dataset.SnapshotDataset(array_cfg, fov, data_cfg, "val")
        yield SimpleNamespace(
            array=array,
            evaluate=evaluate,
            fov=fov,
            losses=losses,
            spectrum=spectrum,
            items=items,
            batch=torch.utils.data.default_collate([items[i] for i in range(len(items))]),
            model=model.CovarianceNet(array_cfg, fov, data_cfg.num_sources).eval(),
            criterion=losses.DoaLoss(array_cfg, config.LossConfig()),
        )


@pytest.fixture
def terms(doa):
    return doa.criterion(doa.model(doa.batch["cov"]), doa.batch)


def in_degrees(batch):
    return {**batch, "ptr": torch.rad2deg(batch["ptr"])}


def test_two_epochs_end_well_and_stay_in_the_folder(tmp_path):
    done = run_program(copy_example("music_doa", tmp_path), "--epochs", "2")
    assert done.code == 0, done.err
    for name in ("train", "val", "rmse", "music", *ALIVE):
        values = numbers_after(name, done.out)
        assert len(values) == 2, name
        assert all(math.isfinite(value) and value > 0 for value in values), name
    for name in STUCK:
        assert numbers_after(name, done.out) == [0.0, 0.0]
    first, second = numbers_after("train", done.out)
    assert second < first
    assert done.inside == {"runs/doa.pt"}
    assert not done.outside


def test_the_dataset_gives_radians(doa):
    azimuth, elevation = doa.batch["ptr"].unbind(dim=-1)
    assert math.radians(50) < azimuth.abs().max() <= math.radians(60)
    assert math.radians(25) < elevation.abs().max() <= math.radians(30)
    assert (azimuth.diff(dim=1) >= math.radians(20) - 1e-6).all()


def test_two_terms_are_stuck_at_zero_without_a_gradient(terms):
    for name in STUCK:
        assert terms[name].item() == 0.0
        assert not terms[name].requires_grad
    for name in ALIVE:
        assert terms[name].item() > 0.0
        assert terms[name].requires_grad


def test_the_loss_sees_steering_vectors_that_hardly_differ(doa, monkeypatch):
    seen = []

    def spy(phi, theta, positions):
        seen.append(doa.array.steering_vectors(phi, theta, positions))
        return seen[-1]

    monkeypatch.setattr(doa.losses, "steering_vectors", spy)
    monkeypatch.setattr(doa.spectrum, "steering_vectors", spy)
    doa.criterion(doa.model(doa.batch["cov"]), doa.batch)
    sources, *pairs = seen
    assert len(pairs) == doa.batch["ptr"].shape[0] * doa.batch["ptr"].shape[1]
    limit = doa.criterion.cfg.min_spread
    assert max(doa.spectrum.spread(item).item() for item in sources) < limit / 2
    assert max(doa.spectrum.spread(pair).item() for pair in pairs) < limit / 100

    true = doa.array.steering_vectors(doa.batch["ptr"][..., 0], doa.batch["ptr"][..., 1], doa.criterion.positions)
    assert min(doa.spectrum.spread(item).item() for item in true) > limit


def test_the_subspace_term_lives_when_it_is_given_degrees(doa):
    preds = doa.model(doa.batch["cov"])
    terms = doa.criterion(preds, in_degrees(doa.batch))
    assert terms["subspace"].item() > 0.1
    assert terms["subspace"].requires_grad


def test_the_contrast_term_needs_degrees_for_the_angles_and_for_its_guard(doa, monkeypatch):
    preds = doa.model(doa.batch["cov"])
    assert doa.criterion(preds, in_degrees(doa.batch))["contrast"].item() == 0.0
    monkeypatch.setattr(doa.criterion.contrast, "guard", math.degrees(doa.criterion.contrast.guard))
    term = doa.criterion(preds, in_degrees(doa.batch))["contrast"]
    assert term.item() > 0.0
    assert term.requires_grad


def test_the_other_conversions_are_right(doa):
    assert doa.fov.half_widths() == pytest.approx((math.pi / 3, math.pi / 6))
    assert doa.evaluate.local_grid(torch.device("cpu")).abs().max().item() == pytest.approx(math.radians(6))
    assert doa.evaluate.rmse_degrees(torch.full((3, 2), 0.1), torch.zeros(3, 2)) == pytest.approx(math.degrees(0.1))


def test_the_validation_loss_is_computed_in_half_precision(doa):
    class Spy(torch.nn.Module):
        positions = doa.criterion.positions
        dtypes = []
        totals = []

        def forward(self, preds, batch):
            self.dtypes += [value.dtype for value in preds.values()]
            losses = doa.criterion(preds, batch)
            self.totals.append((losses["total"].item(), losses["angle"].dtype))
            return losses

    spy = Spy()
    half = doa.evaluate.validate(doa.model, spy, [doa.batch], torch.device("cpu"))["val_loss"]
    assert set(spy.dtypes) == {torch.bfloat16}
    assert [dtype for _, dtype in spy.totals] == [torch.bfloat16]
    with torch.no_grad():
        full = doa.criterion(doa.model(doa.batch["cov"]), doa.batch)["total"].item()
    assert math.isfinite(half)
    assert abs(half - full) > 1e-4 * full


def test_a_small_angle_error_vanishes_in_the_validation_loss(doa):
    batch = {"ptr": torch.zeros(4, 2, 2)}
    exact = {"ptr": torch.full((4, 2, 2), math.radians(2.0))}
    assert doa.criterion.angle_term(exact, batch).item() == pytest.approx(1 - math.cos(math.radians(2.0)), rel=1e-3)
    assert doa.criterion.angle_term({"ptr": exact["ptr"].bfloat16()}, batch).item() == 0.0


def test_the_eigengap_floor_is_no_floor(doa):
    def term(scale, dtype):
        factor = torch.full((2, 2, 24, 2), scale)  # equal columns: rank 1, so there is no gap
        return doa.criterion.eigengap_term({"factor": factor.to(dtype), "noise": torch.ones(2, dtype=dtype)})

    assert torch.tensor(doa.losses.EIG_FLOOR, dtype=torch.float16).item() == 0.0
    assert term(0.0, torch.float16).item() == math.inf
    assert term(0.0, torch.float32).item() > 25.0
    gap = torch.tensor(1e-3)
    assert torch.equal(gap + doa.losses.EIG_FLOOR, gap)
