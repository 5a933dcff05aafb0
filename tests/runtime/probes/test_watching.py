"""What the user names, mixed precision, replayed batches, and that looking changes nothing."""

from __future__ import annotations

import pytest
from mlfix.analyzer.runtime.agent.probes import all_probes
from mlfix.rules.knowledge import healthy_ranges

from ..running import Program, needs_torch, run_programs
from .loss_programs import DEFECTS, HEALTHY, source

pytestmark = [pytest.mark.slow, needs_torch]
NAMED = """
import json
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

with open("run.json", "w") as file:
    json.dump({"loss": {"prior": 0.25}}, file)

class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.body, self.proj, self.head = nn.Linear(4, 8), nn.Linear(8, 6), nn.Linear(6, 2)

    def forward(self, x):
        return self.head(self.proj(self.body(x)))

def consistency(logits):
    mask = logits.softmax(1)[:, 0].detach().numpy() > 2
    mask = torch.from_numpy(mask)
    return (logits.square().sum(1) * mask).mean()

def main():
    model = Model()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    x = torch.randn(80, 4)
    for x, y in DataLoader(TensorDataset(x, torch.arange(80) % 2), batch_size=8):
        logits = model(x)
        loss = nn.functional.cross_entropy(logits, y) + consistency(logits)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

main()
"""
WATCH = {
    "embedding": "model.proj",
    "pseudo-label": "train.py:consistency:mask",
    "class-prior": "run.json:loss.prior",
}
MIXED = """
import torch
from torch import nn
from torch.cuda.amp import GradScaler

model = nn.Linear(4, 2)
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
scaler = GradScaler(enabled=False)
for step in range(4):
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = model(torch.randn(8, 4)).square().mean()
    optimizer.zero_grad()
    scaler.scale(loss).backward()
    scaler.step(optimizer)
    scaler.update()
    with torch.no_grad(), torch.autocast("cpu", enabled=False):
        model(torch.randn(8, 4))
"""
CHECKPOINTED = """
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

body, head = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8)), nn.Linear(8, 2)
optimizer = torch.optim.SGD([*body.parameters(), *head.parameters()], lr=0.01)
for step in range(6):
    h = checkpoint(body, torch.randn(8, 4), use_reentrant=False)
    fit, size = head(h).square().mean(), h.square().mean()
    loss = fit + 0.1 * size
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""
END = """
modules = [v for v in list(globals().values()) if isinstance(v, nn.Module)]
print("weights", [t.double().sum().item() for m in modules for t in m.state_dict().values()], torch.rand(1).item())
"""
FROZEN = source({"lr": "0.0"})


@pytest.fixture(scope="module")
def traces(tmp_path_factory):
    masked = source(HEALTHY["masked"])
    by_hand = source(DEFECTS["diagonal in the sum"])
    programs = {
        "named": Program(NAMED, settings={"watch": WATCH}),
        "mixed": MIXED,
        "checkpointed": CHECKPOINTED,
        "replayed": Program(source({}), settings={"overfit": 2, "steps": 24}),
        "replayed, frozen": Program(FROZEN, settings={"overfit": 2, "steps": 24}),
    }
    for name, text in (("masked", masked), ("by hand", by_hand), ("checks", CHECKPOINTED)):
        told = text.replace("\nmain()\n", "\nmodel = main()\n") + END
        programs[f"{name}, all"] = Program(told, settings={"steps": 1000})
        programs[f"{name}, none"] = Program(told, settings={"steps": 1000, "probes": ()})
    named = {f"program-{i}": name for i, name in enumerate(programs)}
    folder = tmp_path_factory.mktemp("watching")
    runs = run_programs({key: programs[name] for key, name in named.items()}, folder, steps=20)
    for key, trace in runs.items():
        assert not trace.probe_errors, (named[key], trace.probe_errors)
    return {named[key]: trace for key, trace in runs.items()}


def reading(trace, name):
    return next(p for p in all_probes() if p.name == name).conclude(trace, healthy_ranges()[name])


def test_a_module_that_the_user_names(traces):
    events = traces["named"].events("embedding")
    assert events and {e["at"] for e in events} == {"[tool.mlfix.watch] embedding"}
    assert {(e["n"], e["dims"]) for e in events} == {(8, 6)}


def test_a_variable_that_the_user_names(traces):
    found = reading(traces["named"], "pseudo-label-use")
    assert "(pseudo-label)" in found.why and "0 %" in found.why


def test_a_number_of_a_file_that_the_user_names(traces):
    found = reading(traces["named"], "class-prior")
    assert found.status == "unhealthy" and "the prior is 0.250" in found.why


def test_mixed_precision_is_counted(traces):
    found = reading(traces["mixed"], "amp-active")
    assert found.value == 4 and "4 on cpu (torch.bfloat16)" in found.why and "switched off, gradients off" in found.why


def test_an_old_spelling_is_noted_once_a_place(traces):
    events = traces["mixed"].events("amp-old")
    assert [(e["name"], e["at"]) for e in events] == [("torch.cuda.amp.GradScaler", "train.py:8 <module>")]


def test_the_gradient_is_not_split_where_a_checkpoint_would_run_again(traces):
    events = traces["checkpointed"].events("loss-terms")
    assert len(events) >= 3 and not any(e["split"] for e in events)
    assert {t["name"] for e in events for t in e["terms"]} == {"fit", "size"}


def test_the_loss_falls_on_replayed_batches_or_not(traces):
    assert reading(traces["replayed"], "train-loss").status == "healthy"
    frozen = reading(traces["replayed, frozen"], "train-loss")
    assert frozen.status == "unhealthy" and "it does not fall" in frozen.why


@pytest.mark.parametrize("name", ["masked", "by hand", "checks"])
def test_looking_changes_nothing(traces, name):
    seen, unseen = (traces[f"{name}, {probes}"].folder / "output.txt" for probes in ("all", "none"))
    assert seen.read_text().startswith("weights ") and seen.read_text() == unseen.read_text()


def test_functions_are_watched_in_the_first_steps_and_in_later_ones(traces):
    steps = [e["s"] for e in traces["masked, all"].events("step") if e["watched"]]
    assert steps == [0, 1, 2, 7, 15]
