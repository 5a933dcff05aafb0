"""Traces made by hand."""

from __future__ import annotations

import math
import random

from mlfix.analyzer.runtime.trace import Trace

SEEDS = (0, 1, 2)
STEPS = 48
MODULES = {"encoder.stem": 0.31, "encoder.layer1": 0.52, "encoder.layer2": 0.44, "projector": 1.4, "head": 2.2}


def trace(
    seed: int,
    *,
    fixed: bool = False,
    steps: int = STEPS,
    nan_from: int | None = None,
    dead: str = "",
    planned: int = 96,
) -> Trace:
    """A training of ``steps`` optimizer steps with four micro-batches each and a cosine schedule."""
    noise = random.Random(1000 * seed + fixed)
    total = planned if fixed else 4 * planned
    events: list[dict] = [{"k": "gradient-modules", "s": 0, "m": 4, "t": 0.5, "opt": 0, "names": list(MODULES)}]
    t = 0.9
    for step in range(steps):
        for micro in range(4):
            loss = 0.55 + 2.6 * math.exp(-step / (17 if fixed else 24)) + noise.gauss(0, 0.045)
            value = "nan" if nan_from is not None and step >= nan_from else loss
            events.append(
                {"k": "loss", "s": step, "m": 4 * step + micro, "t": t, "v": value, "at": "train.py:31 train"}
            )
            t += 0.012
        terms = [
            {"kind": "term", "name": "contrastive", "v": 0.5 + 2.1 * math.exp(-step / 20) + noise.gauss(0, 0.03)},
            {
                "kind": "term",
                "name": "subspace",
                "v": 0.0 if not fixed else 0.98 * math.exp(-step / 30) + noise.gauss(0, 0.01),
            },
        ]
        events.append({"k": "loss-terms", "s": step, "m": 4 * step + 3, "t": t, "terms": terms})
        rate = 1e-5 + (3e-4 - 1e-5) * (1 + math.cos(math.pi * step / total)) / 2
        parts = {"data": 0.004, "forward": 0.021, "backward": 0.034, "optimizer": 0.006}
        parts = {k: v * noise.lognormvariate(0, 0.08) * (6 if step == 0 else 1) for k, v in parts.items()}
        events.append(
            {
                "k": "step",
                "s": step,
                "m": 4 * step + 4,
                "t": t,
                "opt": 0,
                "lr": [rate, rate],
                "dt": sum(parts.values()),
                "taken": step + 1,
                "skipped": False,
                **parts,
            }
        )
        norms = {
            name: 0.0 if name == dead and not fixed else scale * math.exp(-step / 60) * noise.lognormvariate(0, 0.2)
            for name, scale in MODULES.items()
        }
        events.append(
            {
                "k": "gradient",
                "s": step,
                "m": 4 * step + 4,
                "t": t,
                "opt": 0,
                "norm": math.hypot(*norms.values()),
                "before": None,
                "modules": list(norms.values()),
            }
        )
    sched = {"k": "sched", "sched": 0, "cls": "torch.optim.lr_scheduler.CosineAnnealingLR", "base_lrs": [3e-4]}
    loop = {"path": "train_simclr.py", "first": 60, "last": 80, "guarded": False}
    sched["loops"] = [{**loop, "kind": "loader", "count": 48}, {**loop, "kind": "range", "count": 8}]
    sched["when"] = [[0, step // 12, 4 * (step % 12 + 1), False] for step in range(8)]
    events.append({"k": "epoch", "s": 12, "m": 48, "t": t, "loader": 0, "role": "train", "length": 48, "batches": 48})
    events.append(
        {**sched, "s": steps, "m": 4 * steps, "t": t, "plan": {"T_max": total, "eta_min": 1e-5}, "calls": steps}
    )
    events.append({"k": "end", "s": steps, "m": 4 * steps, "t": t, "steps": steps, "backwards": 4 * steps})
    return Trace.of(events)
