"""The style ``set-epoch``: the epoch threaded through dataset and loop, or a reason why not."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from mlfix.analyzer.engine import Request
from mlfix.codemods.session import Mended, mend
from mlfix.codemods.styles import style_summary, styles_of
from mlfix.rules import all_rules

from ..examples.programs import copy_example, importable

RULE = "fixed-seed-augmentation"
DATASET = '''\
import random

from PIL import Image
from torch.utils.data import DataLoader, Dataset


class Photos(Dataset):
    """Photos."""

    def __init__(self, files, seed):
        super().__init__()
        self.files = files
        self.seed = seed

    def __len__(self):
        return len(self.files)

    def __getitem__(self, index):
        image = Image.open(self.files[index])
        rng = random.Random(SEED)
        left = rng.randint(0, image.width - 64)
        return image.crop((left, 0, left + 64, 64))


'''
SEED = "self.seed + index"
TRAIN = """\
def train(model, files, epochs):
    loader = DataLoader(Photos(files, 0), batch_size=8, num_workers=2)
    for epoch in range(epochs):
        for batch in loader:
            model(batch).backward()
"""


def mended(root: Path, files: dict[str, str] | None = None) -> Mended:
    for path, text in (files or {}).items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    codemods = {RULE: styles_of(RULE)["set-epoch"]}
    return mend(Request(root, [r for r in all_rules() if r.name == RULE], codemods, jobs=1), lambda *_: True)


def after(root: Path, code: str, seed: str = SEED) -> str:
    done = mended(root, {"train.py": DATASET.replace("SEED", seed) + code})
    assert not done.report.findings and not done.refused, [f.no_fix for f in done.report.findings]
    return done.changes["train.py"].after.decode()


def refusal(root: Path, code: str, dataset: str = DATASET) -> str:
    done = mended(root, {"train.py": dataset.replace("SEED", SEED) + code})
    assert not done.changes
    [finding] = done.report.findings
    return finding.no_fix


def test_the_dataset_and_the_loop_of_one_file(tmp_path: Path) -> None:
    text = after(tmp_path, TRAIN)
    assert "        super().__init__()\n        self.epoch = 0\n        self.files = files\n" in text
    assert "\n    def set_epoch(self, epoch):\n        self.epoch = epoch\n\n    def __len__" in text
    assert "random.Random((self.seed + index + 2654435761 * self.epoch) % 2**32)" in text
    assert (
        "    for epoch in range(epochs):\n        loader.dataset.set_epoch(epoch)\n        for batch in loader:\n"
        in text
    )


@pytest.mark.parametrize(
    ("seed", "mixed"),
    [
        ("index", "(index + 2654435761 * self.epoch) % 2**32"),
        ("hash((self.seed, index))", "(hash((self.seed, index)) + 2654435761 * self.epoch) % 2**32"),
        ("self.seed ^ index", "((self.seed ^ index) + 2654435761 * self.epoch) % 2**32"),
        ('f"{self.seed}-{index}"', 'f"{self.seed}-{index}" f"-{self.epoch}"'),
        ("(self.seed, index)", "(self.seed, index, self.epoch)"),
    ],
)
def test_the_epoch_is_mixed_into_any_seed(tmp_path: Path, seed: str, mixed: str) -> None:
    assert f"random.Random({mixed})" in after(tmp_path, TRAIN, seed)


@pytest.mark.parametrize(
    ("code", "call", "before"),
    [
        (TRAIN.replace("range(epochs)", "tqdm(range(1, epochs))"), "loader.dataset.set_epoch(epoch)", "for batch"),
        (TRAIN.replace("in loader", "in enumerate(tqdm(loader))"), "loader.dataset.set_epoch(epoch)", "for batch"),
        (
            TRAIN.replace("batch in", "step, batch in")
            .replace("in loader", "in bar")
            .replace("        for step", "        bar = tqdm(loader)\n        for step"),
            "loader.dataset.set_epoch(epoch)",
            "bar =",
        ),
        (
            TRAIN.replace("for epoch in range(epochs):", "epoch = 0\n    while epoch < epochs:\n        epoch += 1"),
            "loader.dataset.set_epoch(epoch)",
            "epoch += 1",
        ),
        (
            """\
def train_epoch(model, data):
    for batch in data:
        model(batch).backward()


def main(model, files):
    train_loader = DataLoader(Photos(files, 0))
    for e in range(9):
        train_epoch(model, data=train_loader)
""",
            "train_loader.dataset.set_epoch(e)",
            "train_epoch(model",
        ),
        (
            """\
class Trainer:
    def __init__(self, files):
        self.loader = DataLoader(Photos(files, 0), persistent_workers=False)

    def one(self, model):
        for batch in self.loader:
            model(batch).backward()

    def fit(self, model):
        for epoch in range(3):
            self.one(model)
""",
            "self.loader.dataset.set_epoch(epoch)",
            "self.one(model)",
        ),
    ],
)
def test_the_loop_is_found(tmp_path: Path, code: str, call: str, before: str) -> None:
    text = after(tmp_path, code)
    assert text.count(".set_epoch(") == 1
    follows = text.partition(call + "\n")[2].strip()
    assert follows.startswith(before), text


def test_only_the_training_loader_is_told(tmp_path: Path) -> None:
    code = (
        TRAIN
        + "        with no_grad():\n            for batch in DataLoader(Photos(files, 1)):\n                model(batch)\n"
    )
    assert after(tmp_path, code).count(".set_epoch(") == 1


def test_a_class_without_a_constructor(tmp_path: Path) -> None:
    dataset = DATASET.replace(
        "    def __init__(self, files, seed):\n        super().__init__()\n        self.files = files\n        self.seed = seed\n",
        "    files = []\n    seed = 0\n",
    )
    done = mended(tmp_path, {"train.py": dataset.replace("SEED", SEED) + TRAIN.replace("Photos(files, 0)", "Photos()")})
    text = done.changes["train.py"].after.decode()
    assert (
        '    """Photos."""\n\n    epoch = 0\n\n    def set_epoch(self, epoch):\n        self.epoch = epoch\n\n    files = []\n'
        in text
    )
    ast.parse(text)


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("", "no loop that trains"),
        (TRAIN.replace(".backward()", ""), "no loop that trains"),
        (TRAIN.replace("num_workers=2", "persistent_workers=True"), "persistent workers"),
        (TRAIN.replace("num_workers=2", "persistent_workers=epochs > 1"), "persistent workers"),
        (TRAIN.replace("num_workers=2", "**options"), "not written there"),
        (
            TRAIN.replace("Photos(files, 0)", "Subset(Photos(files, 0), [1])").replace(
                "def train", "from torch.utils.data import Subset\n\n\ndef train"
            ),
            "another dataset",
        ),
        (
            TRAIN.replace("    for epoch in range(epochs):\n    ", "").replace("        model", "        model"),
            "in no loop over epochs",
        ),
        (TRAIN.replace("range(epochs)", "epochs"), "does not count epochs"),
        (
            TRAIN.replace("    loader = D", "    for epoch in range(epochs):\n        loader = D").replace(
                "    for epoch in range(epochs):\n        for", "        for"
            ),
            "made anew",
        ),
        (TRAIN.replace("in loader", "in DataLoader(Photos(files, 0))"), "has no name"),
    ],
)
def test_a_reason_where_it_cannot_be_done(tmp_path: Path, code: str, why: str) -> None:
    said = refusal(tmp_path, code)
    assert why in said and said.endswith("or apply without --style")


def test_a_seed_outside_of_the_dataset(tmp_path: Path) -> None:
    dataset = DATASET.replace("rng = random.Random(SEED)", "rng = stream(self.seed, index)")
    helper = "def stream(seed, index):\n    rng = random.Random(seed + index)\n    rng.random()\n    return rng\n\n\n"
    assert "outside of `Photos`'s methods" in refusal(tmp_path, helper + TRAIN, dataset)


def test_a_dataset_with_an_epoch_of_its_own(tmp_path: Path) -> None:
    dataset = DATASET.replace("        self.seed = seed\n", "        self.seed = seed\n        self.epoch = None\n")
    assert "has an epoch already" in refusal(tmp_path, TRAIN, dataset)


def test_its_own_summary() -> None:
    assert style_summary(styles_of(RULE)["set-epoch"]).startswith("Mix the epoch into the seed")
    assert styles_of("amp-import") == {}


@pytest.mark.parametrize("workers", [0, 1])
def test_the_example_gets_new_views_each_epoch_and_the_same_in_each_run(tmp_path: Path, workers: int) -> None:
    torch = pytest.importorskip("torch", reason="the example needs torch to run")
    root = copy_example("glyph_raster", tmp_path)
    done = mended(root)
    assert sorted(done.changes) == ["raster/dataset.py", "train.py"] and not done.report.findings
    for path, change in done.changes.items():
        (root / path).write_bytes(change.after)
    assert "        train_loader.dataset.set_epoch(epoch)\n" in (root / "train.py").read_text()
    with importable(root):
        from raster import config, dataset  # pyright: ignore[reportMissingImports]

        made, _, clean = dataset.build_datasets(config.RasterConfig(num_classes=3, styles_per_class=4))
        loader = torch.utils.data.DataLoader(made, batch_size=4, num_workers=workers)

        def views(epoch: int) -> list:
            loader.dataset.set_epoch(epoch)
            return [image for batch in loader for image in batch["image"]]

        first, second, again = views(1), views(2), views(1)
        assert len(first) == len(made)
        assert not any(torch.equal(a, b) for a, b in zip(first, second, strict=True))
        assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
        assert all(torch.equal(clean[i]["image"], clean.images[i]) for i in range(len(clean)))
