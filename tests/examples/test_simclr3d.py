"""The synapse example runs, and has the bugs of its report."""

import ast
import math
import sys
from types import SimpleNamespace

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from .programs import EXAMPLES, NO_TORCH, copy_example, importable, numbers_after, run_program

np = pytest.importorskip("numpy", reason=NO_TORCH)
torch = pytest.importorskip("torch", reason=NO_TORCH)
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::RuntimeWarning")]

ROOT = EXAMPLES / "simclr3d"


@pytest.fixture(scope="module")
def synapses(tmp_path_factory):
    """The example's modules, its configuration, and the data set that it trains on."""
    root = copy_example("simclr3d", tmp_path_factory.mktemp("synapses"))
    with importable(root):
        import evaluate
        import train_simclr

        imported = {name for name in sys.modules if name.startswith("models.")}
        import config
        import datasets
        import losses
        from datasets import bbox_loader, random_cube, synthetic
        from models import simclr3d, swin3d

        cfg = config.Config()
        yield SimpleNamespace(
            cfg=cfg,
            config=config,
            evaluate=evaluate,
            train=train_simclr,
            imported=imported,
            losses=losses,
            loader=bbox_loader,
            cube=random_cube,
            synthetic=synthetic,
            simclr=simclr3d,
            swin=swin3d,
            dataset=datasets.SynapseCubeDataset(datasets.make_bboxes(cfg.data, 0), cfg.data),
        )


def each_synapse(dataset):
    """(box, label, window) of every synapse of a data set."""
    for bbox in dataset.bboxes:
        for label in bbox.labels:
            yield bbox, label, dataset.sampler.window_around(bbox, label)


def requirements():
    """The declared requirements by name."""
    lines = [line.split("#")[0].strip() for line in (ROOT / "requirements.txt").read_text().splitlines()]
    return {found.name: found.specifier for found in map(Requirement, filter(None, lines))}


def imports_from(path):
    """(module, name) of every `from module import name` in a file, at any depth."""
    tree = ast.parse(path.read_text())
    found = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    return {(node.module, alias.name) for node in found for alias in node.names}


def backbone_options(cfg):
    """The keyword arguments that both Swin classes take."""
    names = ("in_channels", "embed_dim", "depths", "num_heads", "window_size", "patch_size")
    return {name: getattr(cfg, name) for name in names}


def test_two_epochs_end_well_and_stay_in_the_folder(tmp_path):
    done = run_program(copy_example("simclr3d", tmp_path), "--epochs", "2")
    assert done.code == 0, done.err
    losses = numbers_after("loss", done.out)
    assert len(losses) == 2
    assert all(map(math.isfinite, losses))
    assert losses[1] < losses[0]
    assert done.inside == {"runs/simclr3d/last.pt"}
    assert not done.outside


@pytest.mark.parametrize("options", [("--loss", "loop"), ("--backbone", "resnet3d"), ("--cube-size", "13")])
def test_the_other_options_train_and_can_be_evaluated(synapses, tmp_path, capsys, options):
    small = ("--epochs", "1", "--bboxes", "2", "--bbox-size", "32", "--out", str(tmp_path))
    synapses.train.main([*small, *options])
    synapses.evaluate.main(["--checkpoint", str(tmp_path / "last.pt"), "--clusters", "2"])
    out = capsys.readouterr().out
    for name in ("loss", "silhouette", "purity"):
        assert all(map(math.isfinite, numbers_after(name, out))) and numbers_after(name, out)


def test_the_pinned_torch_has_no_torch_amp():
    used = imports_from(ROOT / "train_simclr.py")
    assert {("torch.amp", "autocast"), ("torch.amp", "GradScaler")} <= used
    (pin,) = requirements()["torch"]
    assert pin.operator == "==" and Version(pin.version) < Version("1.12")


def test_the_pinned_torchvision_needs_another_torch():
    assert ("torchvision.models.video", "swin3d_t") in imports_from(ROOT / "models" / "simclr3d.py")
    (pin,) = requirements()["torchvision"]
    assert pin.operator == "==" and pin.version == "0.19.0"
    assert "2.4.0" not in requirements()["torch"]


def test_the_real_swin_is_in_no_model_and_takes_the_same_arguments(synapses):
    cfg = synapses.config.ModelConfig(backbone="swin3d")
    model = synapses.simclr.SimCLR(cfg)
    assert "models.swin3d" not in synapses.imported
    assert not any(isinstance(part, synapses.swin.TrueSwin3D) for part in model.modules())
    assert not any(isinstance(part, torch.nn.Conv3d) for part in model.modules())

    torch.manual_seed(0)
    real = synapses.swin.TrueSwin3D(**backbone_options(cfg)).eval()
    cubes = torch.randn(2, cfg.in_channels, 16, 16, 16)
    shuffled = cubes[:, :, torch.randperm(16)]
    with torch.no_grad():
        torch.testing.assert_close(model.backbone(cubes), model.backbone(shuffled))
        assert (real(cubes) - real(shuffled)).abs().max() > 1e-2
    assert real.num_features == model.backbone.num_features


@pytest.mark.parametrize("size", [16, 15, 10])
def test_the_real_swin_trains_on_cubes_of_any_size(synapses, size):
    cfg = synapses.config.ModelConfig()
    net = synapses.swin.TrueSwin3D(**backbone_options(cfg))
    out = net(torch.randn(2, cfg.in_channels, size, size, size))
    assert out.shape == (2, net.num_features) and out.isfinite().all()
    out.square().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in net.parameters())


@pytest.mark.parametrize(("accumulation", "ends"), [(1, True), (4, False)])
def test_the_cosine_ends_only_without_accumulation(synapses, accumulation, ends):
    cfg = synapses.config.OptimConfig(epochs=3, accumulation_steps=accumulation)
    cubes = [torch.rand(2, 4, 4, 4, 4) for _ in range(8)]
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(256, 8))
    optimizer, scheduler = synapses.train.build_optimizer(model, cfg, len(cubes))
    criterion = synapses.losses.build_criterion(cfg.loss, cfg.temperature)
    scaler = torch.amp.GradScaler("cpu", enabled=False)
    for _ in range(cfg.epochs):
        synapses.train.train_epoch(
            model, cubes, lambda x: x, criterion, optimizer, scheduler, scaler, cfg, torch.device("cpu")
        )
    assert scheduler.last_epoch == cfg.epochs * len(cubes) // accumulation
    left = (optimizer.param_groups[0]["lr"] - cfg.min_lr) / (cfg.lr - cfg.min_lr)
    if ends:
        assert left == pytest.approx(0, abs=1e-6)
    else:
        assert left > 0.8


@pytest.mark.parametrize("name", ["loop", "matrix"])
def test_each_row_of_both_losses_competes_with_itself(synapses, name):
    count, temperature = 6, 0.2
    z = torch.eye(count)
    loss = synapses.losses.build_criterion(name, temperature)(z, z).item()
    others = (2 * count - 2) * math.exp(-1 / temperature)
    assert loss == pytest.approx(math.log(2 + others), abs=1e-5)
    assert loss > math.log(1 + others) + 0.5


def test_both_losses_are_equal(synapses):
    torch.manual_seed(0)
    z1, z2 = torch.randn(2, 5, 7)
    loop, matrix = (synapses.losses.build_criterion(name, 0.1)(z1, z2) for name in ("loop", "matrix"))
    torch.testing.assert_close(loop, matrix)


def test_the_blur_is_a_box_in_the_plane_made_slice_by_slice(synapses, monkeypatch):
    calls = []
    pool = torch.nn.functional.avg_pool2d
    monkeypatch.setattr(
        torch.nn.functional, "avg_pool2d", lambda x, *args, **options: calls.append(1) or pool(x, *args, **options)
    )
    impulse = torch.zeros(1, 1, 9, 9, 9)
    impulse[0, 0, 4, 4, 4] = 1
    response = synapses.cube.Augmenter(synapses.cfg.augment).apply_gaussian_blur(impulse, 1.0)
    assert len(calls) == 9
    assert response[0, 0, [0, 1, 2, 3, 5, 6, 7, 8]].abs().max() == 0
    middle = response[0, 0, 4, 3:6, 3:6]
    torch.testing.assert_close(middle, torch.full((3, 3), 1 / 9))
    corner_of_gaussian = math.exp(-1.0)
    assert abs((middle[0, 0] / middle[1, 1]).item() - corner_of_gaussian) > 0.5


def test_a_component_beyond_the_cube_gives_an_empty_mask(synapses):
    labels = np.zeros((24, 24, 24), np.int32)
    labels[5:7, 10:12, 10:12] = 1
    labels[10:13, 10:13, 10:13] = 2
    window = (slice(8, 16),) * 3
    closest = synapses.loader.get_closest_component_mask
    assert closest(labels, window, np.array([4.0, 4, 4]), 0).sum() == 27
    assert closest(labels, window, np.array([4.0, 4, 4]), 3).sum() == 0


def test_a_share_of_the_cubes_loses_vesicles_that_are_there(synapses):
    dataset = synapses.dataset
    lost = []
    for bbox, label, window in each_synapse(dataset):
        assert (bbox.volumes["vesicles"][window] > 0).any()
        cube = synapses.loader.process_bbox(bbox, window, label, dataset.margin)
        lost.append(not cube[3].any())
    assert 0.05 < np.mean(lost) < 0.4


def test_three_of_five_masks_reach_the_cube(synapses):
    dataset = synapses.dataset
    used = set()
    for bbox, label, window in each_synapse(dataset):
        cube = synapses.loader.process_bbox(bbox, window, label, dataset.margin)
        assert cube.shape[0] == 4
        for name in synapses.synthetic.CHANNELS:
            emptied = {**bbox.volumes, name: np.zeros_like(bbox.volumes[name])}
            if name == "cleft":
                emptied[name][tuple((part.start + part.stop) // 2 for part in window)] = label
            changed = synapses.synthetic.SynapseBBox(emptied, bbox.kinds)
            if not np.array_equal(cube, synapses.loader.process_bbox(changed, window, label, dataset.margin)):
                used.add(name)
    assert used == {"raw", "side_1", "cleft", "vesicles"}


def test_the_first_side_is_always_taken_for_the_presynaptic_one(synapses):
    dataset = synapses.dataset
    sides = {bbox.kinds[label] % 2 for bbox, label, _ in each_synapse(dataset)}
    assert sides == {0, 1}
    for bbox, label, window in each_synapse(dataset):
        cube = synapses.loader.process_bbox(bbox, window, label, dataset.margin)
        np.testing.assert_array_equal(cube[1], bbox.volumes["side_1"][window] == label)


def test_every_cube_is_centred_on_its_cleft(synapses):
    dataset = synapses.dataset
    size = dataset.sampler.cube_size
    centred = 0
    for bbox in dataset.bboxes:
        seen = {}
        for _ in range(20):
            label, window = dataset.sampler.sample(bbox)
            seen.setdefault(label, set()).add(tuple(part.start for part in window))
        assert all(len(starts) == 1 for starts in seen.values())
        for label, (start,) in seen.items():
            center = np.argwhere(bbox.volumes["cleft"] == label).mean(axis=0)
            inside = all(size / 2 < c < bbox.volumes["cleft"].shape[0] - size / 2 for c in center)
            if inside:
                assert np.abs(center - np.array(start) - size // 2).max() <= 0.5
                centred += 1
    assert centred > 5


def test_the_overlap_is_measured_against_the_cube(synapses):
    sampler = synapses.dataset.sampler
    size = sampler.cube_size
    cut, whole = (np.zeros((48, 48, 48), np.int32) for _ in range(2))
    cut[24:26] = 1
    whole[24:27, 24:27, 24:27] = 1
    middle = (slice(24 - size // 2, 24 + size // 2),) * 3
    assert np.count_nonzero(cut[middle]) < 0.15 * np.count_nonzero(cut)
    assert sampler._check_component_overlap(cut[middle], 1)
    assert np.count_nonzero(whole[middle]) == np.count_nonzero(whole)
    assert not sampler._check_component_overlap(whole[middle], 1)


def test_batch_norm_is_synchronised_under_autocast_on_a_gpu(synapses, monkeypatch):
    monkeypatch.setattr(torch.nn.Module, "to", lambda module, device: module)
    model = synapses.train.build_model(synapses.cfg, SimpleNamespace(type="cuda"))
    assert any(isinstance(part, torch.nn.SyncBatchNorm) for part in model.modules())
    assert synapses.cfg.optim.amp and synapses.cfg.optim.batch_size < 64
