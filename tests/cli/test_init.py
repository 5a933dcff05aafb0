"""``mlfix init --tests``: what is filled in from the code, what is not and why, and what the written tests say."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ..examples.programs import NO_TORCH, copy_example
from .conftest import Place

TARGET = "tests/test_training.py"
SMALL = {
    "net.py": "from torch import nn\n\n\nclass Net(nn.Module):\n    def __init__(self, width):\n        super().__init__()\n"
    "        self.layers = nn.Sequential(nn.Linear(4, width), nn.ReLU(), nn.Linear(width, 2))\n\n"
    "    def forward(self, x):\n        return self.layers(x)\n",
    "main.py": """import argparse
import torch
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset
from net import Net

WIDTH = 16


def data():
    x = torch.randn(32, 4)
    return TensorDataset(x, (x.sum(1) > 0).long())


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--lr", type=float, default=0.1)
    args = parser.parse_args()
    net = Net(WIDTH)
    optimizer = torch.optim.SGD(net.parameters(), lr=args.lr)
    loader = DataLoader(data(), batch_size=16)
    scale = {"loss": 1.0}
    scale["loss"] = 2.0
    for epoch in range(3):
        for i, (x, y) in enumerate(loader):
            loss = scale["loss"] * F.cross_entropy(net(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            print(epoch, i, loss.item())


if __name__ == "__main__":
    main()
""",
}


def run_tests(root: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """The written file under plain pytest, where mlfix cannot be imported."""
    blocked = root / "blocked"
    (blocked / "mlfix").mkdir(parents=True, exist_ok=True)
    (blocked / "mlfix/__init__.py").write_text("raise ImportError('mlfix is not needed here')\n")
    env = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST")}
    env |= {"PYTHONPATH": str(blocked), "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", TARGET, *options]
    return subprocess.run(command, cwd=root, env=env, capture_output=True, text=True, timeout=300)


def function(text: str, name: str) -> str:
    return text.partition(f"def {name}(")[2].partition("\n\n\n")[0]


@pytest.mark.parametrize("name", ["glyph_raster", "music_doa", "simclr3d", "cryoem_pu", "text_detector"])
def test_the_examples_are_filled_whole(empty: Place, tmp_path: Path, name: str) -> None:
    root = copy_example(name, tmp_path)
    result = empty.mlfix("init", "--tests", str(root))
    assert result.stdout.count("filled from the code") == 3, result.stdout
    text = (root / TARGET).read_text()
    compile(text, TARGET, "exec")
    assert "NotImplementedError" not in text
    assert "import mlfix" not in text


@pytest.mark.slow
def test_a_dead_head_fails_until_it_is_mended(empty: Place, tmp_path: Path) -> None:
    pytest.importorskip("torch", reason=NO_TORCH)
    root = copy_example("glyph_raster", tmp_path)
    empty.mlfix("init", "--tests", str(root))
    before = run_tests(root, "-k", "gradient")
    assert before.returncode == 1
    assert (
        "no gradient reaches ['embed.fc1.weight', 'embed.fc1.bias', 'embed.fc2.weight', 'embed.fc2.bias']"
        in before.stdout
    )
    mended = empty.mlfix("apply", "--all", "--unsafe", str(root))
    assert (
        "untrained-head: give `embedding`" in mended.stdout
    )  # the written file counts as a test, not as a second training step
    (root / TARGET).unlink()  # the mended loss stands in the step itself, of which the file holds a copy
    empty.mlfix("init", "--tests", str(root))
    after = run_tests(root, "-k", "gradient")
    assert after.returncode == 0, after.stdout


@pytest.mark.slow
@pytest.mark.parametrize("name", ["music_doa", "cryoem_pu", "text_detector"])
def test_where_the_bug_is_no_dead_head_every_parameter_has_a_gradient(empty: Place, tmp_path: Path, name: str) -> None:
    pytest.importorskip("torch", reason=NO_TORCH)
    root = copy_example(name, tmp_path)
    empty.mlfix("init", "--tests", str(root))
    done = run_tests(root, "-k", "gradient")
    assert done.returncode == 0, done.stdout


@pytest.mark.slow
def test_a_small_project_passes_both(empty: Place) -> None:
    pytest.importorskip("torch", reason=NO_TORCH)
    empty.write({**SMALL})
    result = empty.mlfix("init", "--tests", "--entry", "python main.py")
    assert result.stdout.count("filled from the code") == 3, result.stdout
    text = empty.read(TARGET).decode()
    assert function(text, "make_model").endswith("net = Net(WIDTH)\n    return net")
    assert "net = model\n    (x, y) = batch" in function(text, "loss_of")
    assert "scale['loss'] = 2.0" in function(text, "settings_of_loss")
    done = run_tests(empty.root)
    assert "2 passed" in done.stdout, done.stdout


def test_without_a_model_the_three_places_say_why(empty: Place) -> None:
    empty.write({"tool.py": "print('no model')\n"})
    result = empty.mlfix("init", "--tests")
    assert result.stdout.count("to be filled in, since no program here calls `.backward()`") == 3
    text = empty.read(TARGET).decode()
    compile(text, TARGET, "exec")
    for name in ("make_model", "make_batch", "loss_of"):
        assert f"raise NotImplementedError('fill in {name}: mlfix could not tell" in function(text, name)


def test_what_is_there_is_kept(empty: Place) -> None:
    empty.write({TARGET: "mine = 1\n"})
    result = empty.mlfix("init", "--tests")
    assert f"kept {TARGET}; remove or rename it" in result.stdout
    assert empty.read(TARGET) == b"mine = 1\n"


UNCLEAR = [
    (("for i, (x, y) in enumerate(loader):", "for i in range(9):\n            x, y = next(iter(loader))"), ["make_batch", "loss_of"],
     "goes over `range(9)`, which is no loader"),
    (("net = Net(WIDTH)", "net = torch.nn.parallel.DistributedDataParallel(Net(WIDTH))"), ["make_model"], "several processes"),
    (('scale["loss"] = 2.0', "scale['norm'] = sum(p.norm() for p in net.parameters())"), ["loss_of"], "made from `net`"),
    (('if __name__ == "__main__":\n    main()', "main()"), ["make_model", "make_batch"], "importing that file would run it"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "open_places", "reason"), UNCLEAR)
def test_what_is_not_clear_is_left_open(
    empty: Place, change: tuple[str, str], open_places: list[str], reason: str
) -> None:
    text = SMALL["main.py"]
    assert change[0] in text
    empty.write({**SMALL, "main.py": text.replace(*change)})
    result = empty.mlfix("init", "--tests")
    for name in open_places:
        line = next(x for x in result.stdout.splitlines() if x.startswith(f"  {name}: "))
        assert reason in line
        assert f"fill in {name}" in function(empty.read(TARGET).decode(), name)


def test_two_models_are_not_told_apart(empty: Place) -> None:
    text = SMALL["main.py"].replace("net = Net(WIDTH)", "net, other = Net(WIDTH), Net(WIDTH)\n    other.train()")
    empty.write({**SMALL, "main.py": text.replace("net(x), y", "net(x) + other(x), y")})
    result = empty.mlfix("init", "--tests")
    assert "trains several models: `net`, `other`" in result.stdout
    assert "make_batch: filled from the code" in result.stdout
