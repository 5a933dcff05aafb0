"""Measure what the agent with all default probes costs a training step, on the CPU.

Each model trains in a process of its own that holds the agent. Blocks of steps with the agent switched off and on take
turns (off on, on off, ...), so that what else the machine does hits both alike. Three arms: `off`; `on`, the pace that
users get, where the agent looks closely at as many steps as it can afford; `close`, where it looks closely at every
step, as it does at a run's first eight. CPU time of the process counts, in one thread; wall time is shown beside it,
and is what the agent itself takes for each probe. An interval holds the middle half of the ratios of neighbouring
blocks.

    python benchmarks/overhead.py                       # every model; some minutes
    python benchmarks/overhead.py --only resnet18 --pairs 4
    python benchmarks/overhead.py --json FILE           # the numbers, too
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

TARGET = 0.05
WARM_UP = 12  # steps before the first block: beyond those that the agent looks at closely anyway
ARMS = ("off", "on", "close")


@dataclass(frozen=True)
class Model:
    """A model to train: its builder's name below, batch size and steps a block."""

    build: str
    batch: int
    block: int


MODELS = {
    "resnet18": Model("resnet18", 16, 6),
    "vit": Model("vit", 16, 10),
    "small-cnn": Model("small_cnn", 64, 40),
}


@dataclass
class Measured:
    """What one model's run gave: seconds a step of each arm's blocks, and of each probe in the `on` arm."""

    name: str
    parameters: int
    cpu: dict[str, list[float]] = field(default_factory=lambda: {arm: [] for arm in ARMS})
    wall: dict[str, list[float]] = field(default_factory=lambda: {arm: [] for arm in ARMS})
    probes: dict[str, dict[str, float]] = field(default_factory=lambda: {arm: {} for arm in ARMS})
    first: dict[str, float] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)


def main() -> int:
    """Run every model in a process of its own and print the tables; 1 where a model misses the target."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", default=",".join(MODELS), help="models, by commas")
    parser.add_argument("--pairs", type=int, default=10, help="blocks of each arm")
    parser.add_argument("--json", type=Path, help="a file for the numbers")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    names = asked.only.split(",")
    if unknown := sorted(set(names) - set(MODELS)):
        parser.error(f"no model {', '.join(unknown)}; there are {', '.join(MODELS)}")
    if asked.child is not None:
        asked.child.write_text(json.dumps(asdict(measure(names[0], asked.pairs))))
        return 0
    print(
        f"Python {platform.python_version()}, {platform.machine()}, {os.cpu_count()} CPUs, load {_load()}; one thread"
    )
    found = [_in_child(name, asked.pairs) for name in names]
    if asked.json is not None:
        asked.json.write_text(json.dumps([asdict(m) for m in found], indent=1))
    for measured in found:
        print(report(measured))
    return int(any(overhead(m, "on", m.cpu)[0] > TARGET for m in found))


def _in_child(name: str, pairs: int) -> Measured:
    with tempfile.TemporaryDirectory() as folder:
        trace, result = Path(folder, "trace"), Path(folder, "result.json")
        trace.mkdir()
        env = os.environ | {"MLFIX_AGENT_TRACE": str(trace), "OMP_NUM_THREADS": "1", "TORCHDYNAMO_DISABLE": "1"}
        env["MLFIX_AGENT_SETTINGS"] = json.dumps({"steps": None, "root": str(Path(__file__).resolve().parent)})
        command = [sys.executable, __file__, "--only", name, "--pairs", str(pairs), "--child", str(result)]
        subprocess.run(command, env=env, check=True)
        return Measured(**json.loads(result.read_text()))


# --- in the child


def measure(name: str, pairs: int) -> Measured:
    """Train one model with the agent switched off and on in turn."""
    process = importlib.import_module("mlfix.analyzer.runtime.agent.process").Process()
    process.arm()
    import torch

    session: Any = process.session
    spec = MODELS[name]
    model = globals()[spec.build](torch)
    result = Measured(name, sum(p.numel() for p in model.parameters()))
    train = Training(torch, model, spec.batch)
    switch = Switch(session)
    switch.to("on")
    began = time.process_time()
    train.steps(WARM_UP, "on")
    result.first = dict(session.probe_seconds)
    result.first["(steps and probes)"] = time.process_time() - began
    switch.to("off")
    train.steps(WARM_UP // 2, "off")
    for pair in range(pairs):
        for arm in ARMS if pair % 2 == 0 else reversed(ARMS):
            switch.to(arm)
            before = dict(session.probe_seconds)
            wall, cpu = time.perf_counter(), time.process_time()
            train.steps(spec.block, "off" if arm == "off" else "on")
            result.cpu[arm].append((time.process_time() - cpu) / spec.block)
            result.wall[arm].append((time.perf_counter() - wall) / spec.block)
            for probe, seconds in session.probe_seconds.items():
                spent = (seconds - before.get(probe, 0.0)) / spec.block / pairs
                result.probes[arm][probe] = result.probes[arm].get(probe, 0.0) + spent
    switch.to("on")
    process.end()
    result.errors = _probe_errors(Path(os.environ["MLFIX_AGENT_TRACE"]))
    return result


class Switch:
    """Turns the agent of this process off and on; off, its hooks return at once and its forward hooks are gone."""

    def __init__(self, session: Any) -> None:
        self.session = session
        self.module: Any = importlib.import_module("mlfix.analyzer.runtime.agent.session")
        self.paced = self.module.FULLY_SAMPLED
        self.arm = "on"
        self.used = (0.0, 0.0)  # seconds of the `on` arm, and of its probes

    def to(self, arm: str) -> None:
        """Set an arm; the agent's pace counts the `on` arm's time alone, as if its blocks were one run."""
        session = self.session
        now, spent = time.perf_counter(), sum(session.probe_seconds.values())
        if self.arm == "on":
            self.used = (now - session.paced_since[0], spent - session.paced_since[1])
        self.arm = arm
        session.paced_since = (now - self.used[0], spent - self.used[1])
        session.is_dead = arm == "off"
        self.module.FULLY_SAMPLED = sys.maxsize if arm == "close" else self.paced
        session.sampling = arm == "close"
        session.forwards.left = 0
        session.forwards.update()
        session.steps.last = now


class Training:
    """A plain training loop over random images; each arm has a loader of its own that never runs out."""

    def __init__(self, torch: Any, model: Any, batch: int) -> None:
        self.torch, self.model = torch, model
        self.optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, weight_decay=5e-4)
        self.criterion = torch.nn.CrossEntropyLoss()
        self.batch = batch
        self.batches: dict[str, Iterator[Any]] = {}

    def steps(self, count: int, arm: str) -> None:
        """Take some steps; an arm's first call opens its pass over the data."""
        if arm not in self.batches:
            self.batches[arm] = iter(self._loader())
        batches = self.batches[arm]
        self.model.train()
        for _ in range(count):
            images, labels = next(batches)
            self.optimizer.zero_grad()
            loss = self.criterion(self.model(images), labels)
            loss.backward()
            self.optimizer.step()

    def _loader(self) -> Any:
        torch = self.torch

        class Images(torch.utils.data.Dataset):
            """Random images of ten classes."""

            kinds = torch.randn(10, 3, 32, 32)

            def __len__(self) -> int:
                return 1_000_000

            def __getitem__(self, index: int) -> Any:
                return self.kinds[index % 10] + 0.5 * torch.randn(3, 32, 32), index % 10

        return torch.utils.data.DataLoader(Images(), batch_size=self.batch, shuffle=True)


def resnet18(torch: Any) -> Any:
    """ResNet-18 as it is used for CIFAR: 3x3 stem, no pooling before the blocks; 11.2 M parameters."""
    nn = torch.nn

    class Block(nn.Module):
        def __init__(self, inside: int, outside: int, stride: int) -> None:
            super().__init__()
            self.conv1 = nn.Conv2d(inside, outside, 3, stride, 1, bias=False)
            self.bn1 = nn.BatchNorm2d(outside)
            self.conv2 = nn.Conv2d(outside, outside, 3, 1, 1, bias=False)
            self.bn2 = nn.BatchNorm2d(outside)
            self.shortcut = nn.Identity()
            if stride != 1 or inside != outside:
                self.shortcut = nn.Sequential(
                    nn.Conv2d(inside, outside, 1, stride, bias=False), nn.BatchNorm2d(outside)
                )

        def forward(self, x: Any) -> Any:
            out = torch.relu(self.bn1(self.conv1(x)))
            return torch.relu(self.bn2(self.conv2(out)) + self.shortcut(x))

    layers = [nn.Conv2d(3, 64, 3, 1, 1, bias=False), nn.BatchNorm2d(64), nn.ReLU()]
    inside = 64
    for outside, stride in ((64, 1), (128, 2), (256, 2), (512, 2)):
        layers += [Block(inside, outside, stride), Block(outside, outside, 1)]
        inside = outside
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 10))


def vit(torch: Any) -> Any:
    """A small vision transformer: patches of 4, width 192, six layers; 2.7 M parameters."""
    nn = torch.nn

    class VisionTransformer(nn.Module):
        def __init__(self, dim: int = 192, depth: int = 6, heads: int = 3) -> None:
            super().__init__()
            self.patches = nn.Conv2d(3, dim, 4, 4)
            self.token = nn.Parameter(torch.zeros(1, 1, dim))
            self.position = nn.Parameter(0.02 * torch.randn(1, 65, dim))
            layer = nn.TransformerEncoderLayer(
                dim, heads, 4 * dim, dropout=0.1, activation="gelu", batch_first=True, norm_first=True
            )
            self.encoder = nn.TransformerEncoder(layer, depth, nn.LayerNorm(dim), enable_nested_tensor=False)
            self.head = nn.Linear(dim, 10)

        def forward(self, images: Any) -> Any:
            x = self.patches(images).flatten(2).transpose(1, 2)
            x = torch.cat([self.token.expand(len(x), -1, -1), x], dim=1) + self.position
            return self.head(self.encoder(x)[:, 0])

    return VisionTransformer()


def small_cnn(torch: Any) -> Any:
    """A few convolutions, whose step takes about ten milliseconds: the shortest that the target is for."""
    nn = torch.nn
    layers = []
    for inside, outside in ((3, 16), (16, 32), (32, 32)):
        layers += [nn.Conv2d(inside, outside, 3, 2, 1), nn.BatchNorm2d(outside), nn.ReLU()]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(32 * 16, 64), nn.ReLU(), nn.Linear(64, 10))


def _probe_errors(trace: Path) -> list[str]:
    lines = (line for path in trace.glob("*.jsonl") for line in path.read_text().splitlines())
    events = [json.loads(line) for line in lines]
    return [f"{e['probe']}: {e['error'].strip().splitlines()[-1]}" for e in events if e["k"] == "probe_err"]


# --- the tables


def overhead(measured: Measured, arm: str, seconds: dict[str, list[float]]) -> tuple[float, float, float]:
    """An arm's cost as a share of the step: median over neighbouring blocks, and its quartiles."""
    ratios = [on / off - 1 for on, off in zip(seconds[arm], seconds["off"], strict=True)]
    if len(ratios) < 2:
        return ratios[0], ratios[0], ratios[0]
    low, middle, high = statistics.quantiles(ratios, n=4)
    return middle, low, high


def report(measured: Measured) -> str:
    """One model's tables as text."""
    step = statistics.median(measured.cpu["off"])
    lines = [
        f"\n{measured.name}: {measured.parameters / 1e6:.1f} M parameters, step {step * 1e3:.1f} ms without the agent"
    ]
    lines.append(f"  {'arm':8}{'cpu ms':>10}{'wall ms':>10}{'cpu ratio':>12}  {'(middle half)':20}{'wall ratio':>11}")
    for arm in ARMS:
        in_cpu, in_wall = (statistics.median(s[arm]) * 1e3 for s in (measured.cpu, measured.wall))
        line = f"  {arm:8}{in_cpu:10.2f}{in_wall:10.2f}"
        if arm != "off":
            middle, low, high = overhead(measured, arm, measured.cpu)
            spread = f"({low:+.1%} .. {high:+.1%})"
            line += f"{1 + middle:12.3f}  {spread:20}{1 + overhead(measured, arm, measured.wall)[0]:11.3f}"
        lines.append(line)
    wall = statistics.median(measured.wall["off"])
    lines.append(
        f"  {'probe':26}{'on, us a step':>15}{'of a step':>11}{'close, us':>12}{'of a step':>11}{'first, ms':>11}"
    )
    probes = sorted(measured.probes["close"], key=lambda p: -measured.probes["close"][p])
    for probe in [*probes, "all probes"]:
        shares = []
        for arm in ("on", "close"):
            row = measured.probes[arm]
            spent = sum(row.values()) if probe == "all probes" else row.get(probe, 0.0)
            shares.append(f"{spent * 1e6:>{15 if arm == 'on' else 12}.0f}{spent / wall:>11.2%}")
        named = {k: v for k, v in measured.first.items() if not k.startswith("(")}
        first = sum(named.values()) if probe == "all probes" else named.get(probe, 0.0)
        lines.append(f"  {probe:26}{shares[0]}{shares[1]}{first * 1e3:11.1f}")
    lines += [f"  probe error: {error}" for error in measured.errors]
    return "\n".join(lines)


def _load() -> str:
    return f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"


if __name__ == "__main__":
    sys.exit(main())
