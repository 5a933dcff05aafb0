"""Cases of the rule scheduler-accumulation: training loops in the shapes in which people write them."""

from __future__ import annotations

from ...analyzer.findings import Confidence
from ...analyzer.rule import Invalid, Valid

_LOOP = """\
import argparse

import torch
from torch.optim.lr_scheduler import {imports}
from torch.utils.data import DataLoader

from data import Cells


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--accumulate", type=int, default=8)
    args = parser.parse_args()
    loader = DataLoader(Cells(), batch_size=4, shuffle=True)
    model = torch.nn.Linear(8, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
{plan}
    for epoch in range(args.epochs):
        for i, (x, y) in enumerate(loader):
            loss = torch.nn.functional.cross_entropy(model(x), y) / args.accumulate
            loss.backward()
{body}


main()
"""


def _loop(imports: str, plan: str, body: str) -> str:
    def indented(text: str, width: int) -> str:
        return "\n".join(" " * width + line if line else line for line in text.split("\n"))

    return _LOOP.format(imports=imports, plan=indented(plan, 4), body=indented(body, 8))


_DIVIDED_STEP = """\
    if (i + 1) % args.accumulate == 0:
        optimizer.step()
        optimizer.zero_grad()
        scheduler.step()"""
_OWN_STEP = """\
    if (i + 1) % args.accumulate == 0:
        optimizer.step()
        optimizer.zero_grad()
    scheduler.step()"""

_FACTORY = """\
import math

from torch.optim.lr_scheduler import LambdaLR


def cosine_with_warmup(optimizer, warmup, total):
    def factor(step):
        if step < warmup:
            return step / max(1, warmup)
        progress = (step - warmup) / max(1, total - warmup)
        return 0.5 * (1 + math.cos(math.pi * progress))

    return LambdaLR(optimizer, factor)
"""
_TRAINER = """\
import torch

from schedule import cosine_with_warmup


class Trainer:
    def __init__(self, model, loader, epochs, accumulation=1):
        self.model = model
        self.loader = loader
        self.epochs = epochs
        self.accumulation = accumulation
        self.optim = torch.optim.AdamW(model.parameters())
        steps = {steps}
        self.scheduler = cosine_with_warmup(self.optim, 100, steps)

    def run(self):
        for epoch in range(self.epochs):
            self.train_one()

    def train_one(self):
        for index, batch in enumerate(self.loader, start=1):
            loss = self.model(batch) / self.accumulation
            loss.backward()
            if index % self.accumulation != 0:
                continue
            self.optim.step()
            self.optim.zero_grad()
            self.scheduler.step()
"""
_MAIN = """\
from torch.utils.data import DataLoader

from data import Cells
from net import Net
from trainer import Trainer

loader = DataLoader(Cells(), batch_size=2)
Trainer(Net(), loader, epochs=20, accumulation=16).run()
"""

_ACCELERATE = """\
import argparse
import math

from accelerate import Accelerator
from diffusers.optimization import get_scheduler
from torch.optim import AdamW
from torch.utils.data import DataLoader

from data import Images
from net import Net


def parse():
    parser = argparse.ArgumentParser()
    parser.add_argument("--max_steps", type=int, default=None)
    parser.add_argument("--warmup", type=int, default=500)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--accumulation", type=int, default=1)
    return parser.parse_args()


def main():
    args = parse()
    accelerator = Accelerator(gradient_accumulation_steps=args.accumulation)
    net = Net()
    optimizer = AdamW(net.parameters())
    loader = DataLoader(Images(), batch_size=4)
    updates_per_epoch = math.ceil(len(loader) / args.accumulation)
    if args.max_steps is None:
        args.max_steps = args.epochs * updates_per_epoch
    schedule = get_scheduler(
        "cosine",
        optimizer=optimizer,
        num_warmup_steps=args.warmup * {factor},
        num_training_steps=args.max_steps * {factor},
    )
    net, optimizer, loader, schedule = accelerator.prepare(net, optimizer, loader, schedule)
    done = 0
    for epoch in range(args.epochs):
        for batch in loader:
            with accelerator.accumulate(net):
                accelerator.backward(net(batch).mean())
                optimizer.step()
                schedule.step()
                optimizer.zero_grad()
            if accelerator.sync_gradients:
                done += 1
            if done >= args.max_steps:
                break


main()
"""

_MICRO_LOOP = """\
import torch
from torch.optim.lr_scheduler import CosineAnnealingLR

from data import batches
from net import Net

updates, micro = 2000, 4


def train():
    net = Net()
    opt = torch.optim.AdamW(net.parameters())
    sched = CosineAnnealingLR(opt, T_max={plan})
    stream = batches()
    for update in range(updates):
        for part in range(micro):
            (net(next(stream)) / micro).backward()
        opt.step()
        opt.zero_grad()
        sched.step()


train()
"""

_RUNNER = """\
from torch import nn, optim
from torch.optim.lr_scheduler import CosineAnnealingLR


def make(net, options):
    optimizer = optim.AdamW(net.parameters(), lr=options.rate)
    return optimizer, CosineAnnealingLR(optimizer, T_max={plan})


class Runner:
    def __init__(self, net, batches, options):
        self.net, self.batches, self.options = net, batches, options
        self.optimizer, self.schedule = make(net, options)

    def run(self):
        for _ in range(self.options.rounds):
            self.one_round()

    def one_round(self):
        for x, y in self.batches:
            loss = nn.functional.cross_entropy(self.net(x), y)
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
{move}
"""

INVALID = (
    Invalid(
        _loop(
            "CosineAnnealingLR",
            "scheduler = CosineAnnealingLR(optimizer, T_max=args.epochs * len(loader))",
            _DIVIDED_STEP,
        ),
        [("train.py", 18)],
        _loop(
            "CosineAnnealingLR",
            "scheduler = CosineAnnealingLR(\n    optimizer, T_max=args.epochs * math.ceil(len(loader) / args.accumulate)\n)",
            _DIVIDED_STEP,
        ).replace("import argparse\n", "import math\nimport argparse\n"),
        why="planned in batches, moved once in accumulate of them",
    ),
    Invalid(
        {
            "schedule.py": _FACTORY,
            "trainer.py": _TRAINER.format(steps="len(loader) * epochs"),
            "main.py": _MAIN,
            "net.py": "class Net:\n    pass\n",
        },
        [("trainer.py", 14)],
        {
            "schedule.py": _FACTORY,
            "trainer.py": "import math\n" + _TRAINER.format(steps="math.ceil(len(loader) / accumulation) * epochs"),
            "main.py": _MAIN,
            "net.py": "class Net:\n    pass\n",
        },
        why="the plan goes through a factory into a closure; the guard is an early continue; the factor an argument",
    ),
    Invalid(
        _ACCELERATE.format(factor="args.accumulation"),
        [("train.py", 35)],
        _ACCELERATE.format(factor="accelerator.num_processes"),
        Confidence.MEDIUM,
        "a prepared scheduler moves on synchronised steps only; the factor is 1 by default",
    ),
    Invalid(
        _loop(
            "LinearLR",
            "per_epoch = len(loader) // args.accumulate\n"
            "scheduler = LinearLR(optimizer, 1.0, 0.0, total_iters=args.epochs * per_epoch)",
            _OWN_STEP,
        ),
        [("train.py", 19)],
        _loop(
            "LinearLR",
            "per_epoch = len(loader) // args.accumulate\n"
            "scheduler = LinearLR(optimizer, 1.0, 0.0, total_iters=args.epochs * per_epoch)",
            """\
    if (i + 1) % args.accumulate == 0:
        optimizer.step()
        scheduler.step()
        optimizer.zero_grad()""",
        ),
        why="planned in optimizer steps, moved on every batch",
    ),
    Invalid(
        _loop(
            "CosineAnnealingLR",
            "scheduler = CosineAnnealingLR(optimizer, T_max=args.epochs, eta_min=1e-6)",
            "    optimizer.step()\n    optimizer.zero_grad()\n    scheduler.step()",
        ),
        [("train.py", 18)],
        _loop(
            "CosineAnnealingLR",
            "scheduler = CosineAnnealingLR(optimizer, T_max=args.epochs, eta_min=1e-6)",
            "    optimizer.step()\n    optimizer.zero_grad()\nscheduler.step()",
        ),
        why="planned in epochs, moved on every batch",
    ),
    Invalid(
        _loop(
            "PolynomialLR",
            "scheduler = PolynomialLR(optimizer, len(loader) * args.epochs, power=0.9)",
            "    optimizer.step()\n    optimizer.zero_grad()\nscheduler.step()",
        ),
        [("train.py", 18)],
        _loop(
            "PolynomialLR",
            "scheduler = PolynomialLR(optimizer, args.epochs, power=0.9)",
            "    optimizer.step()\n    optimizer.zero_grad()\nscheduler.step()",
        ),
        why="planned in batches, moved once an epoch",
    ),
    Invalid(
        _loop(
            "CosineAnnealingLR",
            "scheduler = CosineAnnealingLR(optimizer, T_max=len(loader))",
            "    optimizer.step()\n    optimizer.zero_grad()\nif epoch >= 10:\n    scheduler.step()",
        ),
        [("train.py", 18)],
        _loop(
            "CosineAnnealingLR",
            "scheduler = CosineAnnealingLR(optimizer, T_max=args.epochs)",
            "    optimizer.step()\n    optimizer.zero_grad()\nif epoch >= 10:\n    scheduler.step()",
        ),
        why="the length of one epoch as the number of epochs",
    ),
    Invalid(
        _loop(
            "OneCycleLR",
            "scheduler = OneCycleLR(optimizer, max_lr=0.1, epochs=args.epochs, steps_per_epoch=len(loader))",
            """\
    ready = (i + 1) % args.accumulate == 0 or i + 1 == len(loader)
    if ready:
        optimizer.step()
        optimizer.zero_grad()
        scheduler.step()""",
        ),
        [("train.py", 18)],
        _loop(
            "OneCycleLR",
            "scheduler = OneCycleLR(\n    optimizer,\n    max_lr=0.1,\n    epochs=args.epochs,\n"
            "    steps_per_epoch=math.ceil(len(loader) / args.accumulate),\n)",
            """\
    ready = (i + 1) % args.accumulate == 0 or i + 1 == len(loader)
    if ready:
        optimizer.step()
        optimizer.zero_grad()
        scheduler.step()""",
        ).replace("import argparse\n", "import math\nimport argparse\n"),
        why="OneCycleLR multiplies its two arguments; the guard has a name and flushes the rest",
    ),
    Invalid(
        _MICRO_LOOP.format(plan="updates * micro"),
        [("train.py", 13)],
        _MICRO_LOOP.format(plan="updates"),
        why="the micro-batches of a step are a loop of their own",
    ),
    Invalid(
        _RUNNER.format(plan="options.rounds", move="            self.schedule.step()"),
        [("train.py", 7)],
        _RUNNER.format(plan="options.rounds", move="        self.schedule.step()"),
        why="the options are an attribute that is set together with others, and so is the scheduler",
    ),
)

VALID = (
    Valid(
        _RUNNER.format(plan="options.rounds", move="        self.schedule.step()"),
        "attributes that are set together: planned in epochs, moved once an epoch",
    ),
    Valid(
        """\
import argparse

from torch.optim import SGD
from torch.optim.lr_scheduler import LambdaLR


def main(args, model, loader):
    optimizer = SGD(model.parameters(), lr=args.lr, momentum=0.9)
    scheduler = LambdaLR(optimizer, lambda x: (1.0 - float(x) / args.epochs / args.iters_per_epoch) ** args.power)
    for epoch in range(args.epochs):
        batches = iter(loader)
        for i in range(args.iters_per_epoch):
            x, y = next(batches)
            loss = (model(x) - y).pow(2).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            scheduler.step()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--lr", type=float, default=0.1)
    parser.add_argument("--power", type=float, default=0.9)
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--iters-per-epoch", type=int, default=2500)
    main(parser.parse_args(), *build())
""",
        "the step is divided twice",
    ),
    Valid(
        _loop(
            "CosineAnnealingLR",
            "total = -(-len(loader) // args.accumulate) * args.epochs\n"
            "scheduler = CosineAnnealingLR(optimizer, T_max=total)",
            _DIVIDED_STEP,
        ),
        "the plan is divided",
    ),
    Valid(
        _loop(
            "CosineAnnealingLR",
            "scheduler = CosineAnnealingLR(optimizer, T_max=args.epochs * len(loader))",
            _OWN_STEP,
        ),
        "planned and moved in batches; only the optimizer waits",
    ),
    Valid(
        _loop(
            "CosineAnnealingLR",
            "scheduler = CosineAnnealingLR(optimizer, T_max=args.epochs)",
            _OWN_STEP.replace("    scheduler.step()", "scheduler.step()"),
        ),
        "planned and moved in epochs",
    ),
    Valid(
        _loop(
            "ReduceLROnPlateau",
            "scheduler = ReduceLROnPlateau(optimizer, patience=args.epochs)",
            "    optimizer.step()\nscheduler.step(loss)",
        ),
        "follows a metric, and plans nothing",
    ),
    Valid(
        _loop(
            "CosineAnnealingWarmRestarts",
            "scheduler = CosineAnnealingWarmRestarts(optimizer, T_0=args.epochs)",
            "    optimizer.step()\n    scheduler.step(epoch + i / len(loader))",
        ),
        "the step says where in the epochs it is",
    ),
    Valid(
        _loop(
            "CosineAnnealingLR, OneCycleLR",
            "if args.cycle:\n"
            "    scheduler = OneCycleLR(optimizer, 0.1, total_steps=args.epochs * len(loader))\n"
            "else:\n"
            "    scheduler = CosineAnnealingLR(optimizer, T_max=args.epochs)",
            "    optimizer.step()\n    if args.cycle:\n        scheduler.step()\nif not args.cycle:\n    scheduler.step()",
        ),
        "a setting picks the scheduler, and the same setting where it is moved",
    ),
    Valid(_ACCELERATE.format(factor="accelerator.num_processes"), "a prepared scheduler moves once for each process"),
    Valid(
        _ACCELERATE.format(factor="args.accumulation").replace(
            "net, optimizer, loader, schedule = accelerator.prepare(net, optimizer, loader, schedule)",
            "net, optimizer, loader = accelerator.prepare(net, optimizer, loader)",
        ),
        "a scheduler that is not prepared moves on every call, that is on every batch",
    ),
    Valid(_MICRO_LOOP.format(plan="updates"), "one update a turn of the outer loop, and as many planned"),
    Valid(
        {
            "schedule.py": _FACTORY,
            "trainer.py": _TRAINER.format(steps="len(loader.dataset) // (loader.batch_size * accumulation) * epochs"),
            "main.py": _MAIN,
        },
        "samples over samples a step, in other words",
    ),
    Valid(
        _loop(
            "CosineAnnealingLR",
            "scheduler = CosineAnnealingLR(optimizer, T_max=30)",
            "    optimizer.step()\n    optimizer.zero_grad()\nscheduler.step()",
        ),
        "a literal that equals the default of the epochs",
    ),
    Valid(
        _loop(
            "StepLR",
            "scheduler = StepLR(optimizer, step_size=10)",
            "    optimizer.step()\n    optimizer.zero_grad()\n    scheduler.step()",
        ),
        "a number without a unit",
    ),
)
