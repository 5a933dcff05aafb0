"""The text-detection example runs, has the bugs of its report, and finds its lines once they are mended."""

import math
import random
import sys
from types import SimpleNamespace

import pytest
from mlfix.analyzer.engine import Request
from mlfix.codemods import all_codemods
from mlfix.codemods.session import mend
from mlfix.rules import all_rules

from .programs import NO_TORCH, copy_example, importable, numbers_after, run_program

torch = pytest.importorskip("torch", reason=NO_TORCH)
np = pytest.importorskip("numpy", reason=NO_TORCH)
Image = pytest.importorskip("PIL.Image", reason="the text-detection example needs pillow, which is not installed here")
yaml = pytest.importorskip("yaml")
pytestmark = pytest.mark.slow

TERMS = ("loss", "prob", "thresh", "binary")
SCORES = ("precision", "recall", "hmean")


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    """The example's modules, its settings and its validation pages."""
    root = copy_example("text_detector", tmp_path_factory.mktemp("text"))
    with importable(root):
        from detector import config, dataset, decode, evaluate, geometry, synthetic, targets, transforms

        cfg = config.load_config(root / "configs" / "base.yaml")
        yield SimpleNamespace(
            root=root,
            cfg=cfg,
            config=config,
            dataset=dataset,
            decode=decode,
            evaluate=evaluate,
            geometry=geometry,
            synthetic=synthetic,
            targets=targets,
            transforms=transforms,
            items=dataset.TextLines(cfg.data, "val"),
        )


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """The program's run over two epochs, and its folder."""
    root = copy_example("text_detector", tmp_path_factory.mktemp("run"))
    return SimpleNamespace(root=root, outcome=run_program(root, "--epochs", "2", "--data", "default"))


def bright_corner(width: int, height: int):
    """A dark page with a bright rectangle off its centre, and the rectangle's quad."""
    page = Image.new("RGB", (width, height))
    box = (width // 8, height // 8, width // 3, height // 3)
    page.paste((255, 255, 255), box)
    left, top, right, bottom = box
    return page, np.array([[left, top], [right, top], [right, bottom], [left, bottom]], dtype=float)


def center_of_light(image):
    y, x = np.nonzero(np.asarray(image.convert("L")) > 200)
    return np.array([x.mean(), y.mean()])


def test_two_epochs_end_well_and_stay_in_the_folder(done):
    assert done.outcome.code == 0, done.outcome.err
    for name in TERMS:
        values = numbers_after(name, done.outcome.out)
        assert len(values) == 2, name
        assert all(math.isfinite(value) and value >= 0 for value in values), name
    first, second = numbers_after("loss", done.outcome.out)
    assert second < first
    assert done.outcome.inside == {"runs/detector.pt", "runs/config.yaml"}
    assert not done.outcome.outside


def test_nothing_is_found(done):
    for name in SCORES:
        assert numbers_after(name, done.outcome.out) == [0.0, 0.0]
    assert numbers_after("thresh", done.outcome.out) == [0.0, 0.0]


def test_the_config_is_not_the_one_that_was_asked_for(done, text):
    used = yaml.safe_load((done.root / "runs" / "config.yaml").read_text())["data"]
    asked, other = (yaml.safe_load((text.root / "configs/data" / f"{n}.yaml").read_text()) for n in ("default", "cleaned"))
    assert used == other
    assert used != asked


def test_the_run_stops_before_its_epochs_are_over(text, tmp_path):
    root = copy_example("text_detector", tmp_path)
    outcome = run_program(root, "--epochs", "4")
    assert outcome.code == 0, outcome.err
    assert len(numbers_after("loss", outcome.out)) == 2
    batches = text.cfg.data.train_items // text.cfg.train.batch_size
    assert batches < text.cfg.train.max_steps < 2 * batches


def test_mirroring_leaves_the_quads_behind(text):
    page, quad = bright_corner(160, 120)
    apart = []
    for seed in range(12):
        random.seed(seed)
        image, quads = text.transforms.augment(page, quad[None], 0.0)
        apart.append(np.abs(center_of_light(image) - quads[0].mean(axis=0)).max())
    assert min(apart) < 2.0  # where it was not mirrored
    assert max(apart) > 40.0


def test_rotation_takes_the_quads_along(text, monkeypatch):
    monkeypatch.setattr(text.transforms.random, "random", lambda: 1.0)
    page, quad = bright_corner(160, 120)
    for seed in range(6):
        random.seed(seed)
        image, quads = text.transforms.augment(page, quad[None], 20.0)
        y, x = np.nonzero(np.asarray(image.convert("L")) > 220)
        assert np.abs(np.array([x.mean(), y.mean()]) - quads[0].mean(axis=0)).max() < 2.0


def test_letterbox_squeezes_pages_that_are_not_square(text):
    page, quad = bright_corner(200, 100)
    picture, matrix = text.transforms.letterbox(page, (64, 112))
    moved = text.geometry.transform_points(quad, matrix)
    light = center_of_light(picture)
    assert np.abs(light - moved.mean(axis=0)).max() > 5.0
    square, quad = bright_corner(120, 120)
    picture, matrix = text.transforms.letterbox(square, (64, 112))
    moved = text.geometry.transform_points(quad, matrix)
    assert np.abs(center_of_light(picture) - moved.mean(axis=0)).max() < 1.0


def test_the_target_maps_are_empty(text):
    for item in (text.items[i] for i in range(4)):
        assert item["quads"].shape[0] > 0
        assert item["prob"].max().item() == pytest.approx(1 / 255)
        assert item["near"].sum().item() == 0.0
        assert item["thresh"].unique().tolist() == pytest.approx([text.targets.THRESH_MIN])


def test_predictions_are_mapped_forwards_once_more(text):
    cfg, stride = text.cfg.decode, text.cfg.data.stride
    forwards, backwards = [], []
    for item in (text.items[i] for i in range(4)):
        corners = text.geometry.transform_points(item["quads"], item["matrix"])
        for name, errors in (("matrix", forwards), ("inverse", backwards)):
            errors.append(np.abs(text.geometry.transform_points(corners, item[name]) - item["quads"]).max())

    assert min(forwards) > 10.0
    assert max(backwards) < 1e-6

    quads, matrix = text.items[0]["quads"], text.geometry.scale_and_shift(2.0, 4.0, 2.0)

    class Exact(torch.nn.Module):
        """Gives the cores of the page's lines."""

        def forward(self, image):
            height, width = 264 // stride, 448 // stride
            seen = text.geometry.transform_points(quads, matrix) / stride
            cores = [text.geometry.resize_quad(q, -text.targets.shrink_distance(q, text.cfg.data.shrink)) for q in seen]
            mask = np.logical_or.reduce([text.geometry.fill(core, height, width) for core in cores])
            return {"prob_logits": torch.from_numpy(mask).float()[None] * 20.0 - 10.0}

    def hmean(way_back):
        batch = {"image": text.items[0]["image"][None], "quads": [quads], "matrix": [way_back]}
        return text.evaluate.evaluate(Exact(), [batch], cfg, stride, torch.device("cpu"))["hmean"]

    assert hmean(matrix) == 0.0
    assert hmean(np.linalg.inv(matrix)) > 0.9


@pytest.fixture(scope="module")
def mended(tmp_path_factory):
    """A copy in which every finding with a fix is mended."""
    root = copy_example("text_detector", tmp_path_factory.mktemp("mended"))
    changes = mend(Request(root, all_rules(), all_codemods()), lambda finding, fix: True).changes
    for path, change in changes.items():
        (root / path).write_bytes(change.after)
    return SimpleNamespace(root=root, files=set(changes))


def test_every_bug_is_found_in_its_file(mended):
    assert mended.files >= {"detector/evaluate.py", "detector/targets.py", "detector/transforms.py"}


def test_the_mended_program_finds_its_lines(mended):
    outcome = run_program(mended.root, "--epochs", "2")
    assert outcome.code == 0, outcome.err
    assert numbers_after("hmean", outcome.out)[-1] > 0.8
    assert min(numbers_after("thresh", outcome.out)) > 0.0


def test_mended_corners_come_back_and_lie_on_filled_maps(mended, text):
    with importable(mended.root):
        for name in [n for n in sys.modules if n.split(".")[0] == "detector"]:
            del sys.modules[name]
        from detector import config, dataset, geometry

        items = dataset.TextLines(config.load_config(mended.root / "configs/base.yaml").data, "train")
        for index in range(8):
            random.seed(index)
            item = items[index]
            corners = geometry.transform_points(item["quads"], item["matrix"])
            back = geometry.transform_points(corners, item["inverse"])
            assert np.abs(back - item["quads"]).max() < 1e-6
            height, width = item["prob"].shape
            inside = np.logical_or.reduce([geometry.fill(c / items.cfg.stride, height, width) for c in corners])
            prob = item["prob"].numpy()
            assert prob.max() > 0.7
            assert item["near"].sum() > 0
            assert prob[inside].sum() / prob.sum() > 0.95
            dark = item["image"].mean(dim=0).numpy()[:: items.cfg.stride, :: items.cfg.stride]
            assert dark[prob > 0.5].mean() < dark[prob < 0.1].mean()
