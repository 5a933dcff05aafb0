"""Cases of amp-import."""

from __future__ import annotations

from ...analyzer.findings import Confidence
from ...analyzer.rule import Invalid, Valid

VALID = (
    Valid(
        {
            "requirements.txt": "torch>=1.9\n",
            "train.py": """\
import torch

try:
    from torch.amp import GradScaler

    HAS_NEW_SCALER = True
except Exception:
    from torch.cuda.amp import GradScaler

    HAS_NEW_SCALER = False


def scaler():
    if HAS_NEW_SCALER:
        return torch.amp.GradScaler("cuda")
    return GradScaler()
""",
        },
        "a flag that the attempt of an import sets, whatever is caught",
    ),
    Valid(
        {
            "requirements.txt": "numpy\ntorch==2.8.0+cu128\n",
            "train.py": """\
import torch
from torch.amp import GradScaler, autocast


def step(model, batch, scaler):
    with autocast("cuda", dtype=torch.float16):
        loss = model(batch).mean()
    scaler.scale(loss).backward()


scaler = GradScaler("cuda")
""",
        },
        "the pin is new enough; its local part (+cu128) says nothing of the release",
    ),
    Valid(
        {
            "pyproject.toml": '[project]\nname = "seg"\nversion = "1"\ndependencies = ["torch>=2.0"]\n',
            "seg/engine.py": """\
try:
    from torch.amp import GradScaler
    SCALER_ARGUMENTS = ("cuda",)
except ImportError:
    from torch.cuda.amp import GradScaler
    SCALER_ARGUMENTS = ()


def make_scaler(enabled):
    return GradScaler(*SCALER_ARGUMENTS, enabled=enabled)
""",
        },
        "the import falls back on the spelling of older releases",
    ),
    Valid(
        {
            "requirements.txt": "torch>=1.12\n",
            "train.py": """\
import torch
from packaging import version

NEW_AMP = version.parse(torch.__version__) >= version.parse("2.3")


def make_scaler():
    if NEW_AMP:
        return torch.amp.GradScaler("cuda")
    return torch.cuda.amp.GradScaler()
""",
        },
        "a flag of the version decides",
    ),
    Valid(
        {
            "requirements.txt": "torch>=2.0\n",
            "train.py": """\
import torch


def make_scaler():
    if hasattr(torch.amp, "GradScaler"):
        return torch.amp.GradScaler("cuda")
    return torch.cuda.amp.GradScaler()


scaler = torch.amp.GradScaler() if hasattr(torch.amp, "GradScaler") else torch.cuda.amp.GradScaler()
""",
        },
        "torch is asked whether it has the name",
    ),
    Valid(
        {
            "requirements.txt": "torch>=2.0\n",
            "compat.py": """\
import torch


def torch_at_least(major, minor):
    return tuple(int(p) for p in torch.__version__.split(".")[:2]) >= (major, minor)
""",
            "train.py": """\
import torch

from compat import torch_at_least


def make_scaler():
    if not torch_at_least(2, 3):
        return torch.cuda.amp.GradScaler()
    return torch.amp.GradScaler("cuda")
""",
        },
        "a helper of another file checks the version, and the function leaves early",
    ),
    Valid(
        {
            "requirements.txt": "torch>=2.2\n",
            "train.py": """\
from torch.cuda.amp import GradScaler

scaler = GradScaler(init_scale=1024.0)
""",
        },
        "the old spelling is the only one that torch 2.2 has, and it still works in every later release",
    ),
    Valid(
        {
            "requirements.txt": "torch==1.10.0\ntorchvision==0.11.1\n",
            "train.py": """\
import torch

scaler = torch.cuda.amp.GradScaler()
with torch.autocast(device_type="cuda"):
    pass
""",
        },
        "torch.autocast exists from 1.10 on",
    ),
    Valid(
        "from torch.amp import autocast, GradScaler\n\nscaler = GradScaler('cuda')\n",
        "no file says which torch the code is for",
    ),
    Valid(
        {
            "requirements.txt": "torch\ntorchvision\n",
            "train.py": "from torch.cuda.amp import autocast\n\nwith autocast():\n    pass\n",
        },
        "any torch will do: nothing is known of the one in use",
    ),
    Valid(
        {
            "requirements.txt": "torch==2.0.1\n",
            "train.py": """\
from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch.amp import GradScaler


def step(scaler: GradScaler, other: torch.amp.GradScaler | None = None):
    scaler.update()
""",
        },
        "names for type checkers and annotations that are never evaluated need no such release",
    ),
    Valid(
        {
            "requirements.txt": "torch==1.9.0\n",
            "recipes/new/requirements.txt": "torch==2.5.1\n",
            "recipes/new/train.py": "from torch.amp import GradScaler\n\nscaler = GradScaler('cuda')\n",
        },
        "the recipe's own file is nearer than the root's",
    ),
    Valid(
        {
            "requirements.txt": "torch==2.0.1\n",
            "train.py": """\
import torch

if not hasattr(torch.amp, "GradScaler"):
    torch.amp.GradScaler = lambda device, **kw: torch.cuda.amp.GradScaler(**kw)

scaler = torch.amp.GradScaler("cuda", enabled=True)
""",
        },
        "the program puts the name there itself",
    ),
    Valid(
        {
            "requirements.txt": "torch==2.6.0\napex\n",
            "train.py": """\
from apex import amp


class autocast:
    pass


model, optimizer = amp.initialize(model, optimizer, opt_level="O1")
with autocast():
    pass
""",
        },
        "other things of these names",
    ),
)

INVALID = (
    Invalid(
        {
            "setup.py": """\
from setuptools import setup

_wanted = load_table("versions.json")
setup(name="layers", install_requires=[_wanted["torch"]])
""",
            "docker/Dockerfile": "FROM pytorch/pytorch:2.5.1-cuda12.4-cudnn9-runtime\n",
            "layers/train.py": """\
import torch


def scaler(enabled):
    return torch.cuda.amp.GradScaler(enabled=enabled)
""",
        },
        [("layers/train.py", 5)],
        confidence=Confidence.LOW,
        why="a new image is no word on the torch that the library supports",
    ),
    Invalid(
        {
            "requirements.txt": "numpy\ntorch==1.9.0  # CUDA 11.1 machines\n",
            "train.py": """\
import torch
from torch.amp import autocast, GradScaler


def epoch(model, loader, scaler, device, fp16):
    for batch in loader:
        with autocast("cuda", enabled=fp16):
            loss = model(batch)
        scaler.scale(loss).backward()


scaler = GradScaler("cuda", 2.0**12, enabled=True)
""",
        },
        [("train.py", 2)],
        {
            "requirements.txt": "numpy\ntorch==1.9.0  # CUDA 11.1 machines\n",
            "train.py": """\
import torch
from torch.cuda.amp import autocast, GradScaler


def epoch(model, loader, scaler, device, fp16):
    for batch in loader:
        with autocast(enabled=fp16):
            loss = model(batch)
        scaler.scale(loss).backward()


scaler = GradScaler(2.0**12, enabled=True)
""",
        },
        why="an exact pin without the package",
    ),
    Invalid(
        {
            "pyproject.toml": '[project]\nname = "unet"\nversion = "1"\ndependencies = ["torch>=2.2"]\n',
            "unet/train.py": """\
import torch
from torch import nn


def build(model, use_amp):
    scaler = torch.amp.GradScaler("cuda", enabled=use_amp)
    return nn.DataParallel(model), scaler
""",
        },
        [("unet/train.py", 6)],
        {
            "pyproject.toml": '[project]\nname = "unet"\nversion = "1"\ndependencies = ["torch>=2.2"]\n',
            "unet/train.py": """\
from torch import nn
try:
    from torch.amp import GradScaler
except ImportError:  # torch before 2.3
    from torch.cuda.amp import GradScaler


def build(model, use_amp):
    scaler = GradScaler(enabled=use_amp)
    return nn.DataParallel(model), scaler
""",
        },
        Confidence.MEDIUM,
        "an attribute with no import line, and a minimum that lacks it; `import torch` has no other use",
    ),
    Invalid(
        {
            "setup.py": 'from setuptools import setup\n\nsetup(name="n", install_requires=["torch>=2.1.2"])\n',
            "trainer.py": """\
from torch import GradScaler, autocast, nn


class Trainer:
    def __init__(self, device):
        self.device = device
        self.scaler = GradScaler() if self.device.type == "cuda" else None
""",
        },
        [("trainer.py", 1)],
        {
            "setup.py": 'from setuptools import setup\n\nsetup(name="n", install_requires=["torch>=2.1.2"])\n',
            "trainer.py": """\
from torch import autocast, nn
try:
    from torch import GradScaler
except ImportError:  # torch before 2.3
    from torch.cuda.amp import GradScaler


class Trainer:
    def __init__(self, device):
        self.device = device
        self.scaler = GradScaler() if self.device.type == "cuda" else None
""",
        },
        Confidence.MEDIUM,
        "the name on top of the package",
    ),
    Invalid(
        {
            "environment.yml": "dependencies:\n  - python=3.8\n  - pytorch=1.9.0\n",
            "train.py": """\
import torch
from torch.amp import autocast, GradScaler


def main(cfg):
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    scaler = GradScaler(device.type, enabled=cfg.amp and device.type == "cuda")
    with autocast(
        device_type=device.type,
        enabled=cfg.amp or cfg.fast,  # half precision
    ):
        pass
""",
        },
        [("train.py", 2)],
        {
            "environment.yml": "dependencies:\n  - python=3.8\n  - pytorch=1.9.0\n",
            "train.py": """\
import torch
from torch.cuda.amp import autocast, GradScaler


def main(cfg):
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    scaler = GradScaler(enabled=cfg.amp and device.type == "cuda")
    with autocast(
        enabled=(cfg.amp or cfg.fast) and device.type == "cuda",  # half precision
    ):
        pass
""",
        },
        why="a device known at run time: that torch has mixed precision on CUDA alone",
    ),
    Invalid(
        {
            "requirements.txt": "torch==2.6.0\n",
            "train.py": """\
from torch.cuda.amp import (
    autocast,
    GradScaler as Scaler,  # short
)


@autocast()
def forward(model, batch):
    with autocast(False):
        return model(batch)


scaler = Scaler(2.0**16, growth_interval=100)
""",
        },
        [("train.py", 1)],
        {
            "requirements.txt": "torch==2.6.0\n",
            "train.py": """\
from torch.amp import (
    autocast,
    GradScaler as Scaler,  # short
)


@autocast("cuda")
def forward(model, batch):
    with autocast("cuda", enabled=False):
        return model(batch)


scaler = Scaler("cuda", 2.0**16, growth_interval=100)
""",
        },
        why="deprecated in the only release there is; positional arguments keep their meaning",
    ),
    Invalid(
        {
            "requirements.txt": "torch==2.5.1\n",
            "train.py": """\
import torch as th
from torch.cuda import amp

with amp.autocast(False), th.cuda.amp.autocast(dtype=th.bfloat16):
    scaler = amp.GradScaler()
""",
        },
        [("train.py", 4), ("train.py", 4)],
        {
            "requirements.txt": "torch==2.5.1\n",
            "train.py": """\
import torch as th
from torch import amp

with amp.autocast("cuda", enabled=False), th.amp.autocast("cuda", dtype=th.bfloat16):
    scaler = amp.GradScaler("cuda")
""",
        },
        why="two aliases: no name is left unbound, no import unused",
    ),
    Invalid(
        {
            "requirements.txt": "torch>=1.10,<1.12\n",
            "train.py": """\
import torch

with torch.amp.autocast("cuda", torch.bfloat16, True):
    pass
""",
        },
        [("train.py", 3)],
        {
            "requirements.txt": "torch>=1.10,<1.12\n",
            "train.py": """\
import torch

with torch.autocast("cuda", dtype=torch.bfloat16, enabled=True):
    pass
""",
        },
        why="torch.autocast is there, but its second parameter is another one in 1.10",
    ),
    Invalid(
        {
            "requirements.txt": "torch==1.12.1\n",
            "lib/precision.py": """\
from torch.amp import GradScaler, autocast

__all__ = ["GradScaler", "autocast"]
""",
            "lib/__init__.py": "from .precision import GradScaler, autocast\n",
            "train.py": """\
from lib import GradScaler
from lib.precision import autocast as cast

scaler = GradScaler(device="cuda", init_scale=1024.0)
with cast("cuda"):
    pass
""",
        },
        [("lib/precision.py", 1)],
        {
            "requirements.txt": "torch==1.12.1\n",
            "lib/precision.py": """\
from torch.amp import autocast
from torch.cuda.amp import GradScaler

__all__ = ["GradScaler", "autocast"]
""",
            "lib/__init__.py": "from .precision import GradScaler, autocast\n",
            "train.py": """\
from lib import GradScaler
from lib.precision import autocast as cast

scaler = GradScaler(init_scale=1024.0)
with cast("cuda"):
    pass
""",
        },
        why="the name goes on through the project's own modules: their uses change with it",
    ),
    Invalid(
        {
            "requirements.txt": "torch==2.7.0\n",
            "ops.py": """\
import torch
from torch.cuda.amp import custom_bwd, custom_fwd


class Square(torch.autograd.Function):
    @staticmethod
    @custom_fwd(cast_inputs=torch.float32)
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    @custom_bwd
    def backward(ctx, grad):
        return 2 * ctx.saved_tensors[0] * grad
""",
        },
        [("ops.py", 2)],
        {
            "requirements.txt": "torch==2.7.0\n",
            "ops.py": """\
import torch
from torch.amp import custom_bwd, custom_fwd


class Square(torch.autograd.Function):
    @staticmethod
    @custom_fwd(cast_inputs=torch.float32, device_type="cuda")
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    @custom_bwd(device_type="cuda")
    def backward(ctx, grad):
        return 2 * ctx.saved_tensors[0] * grad
""",
        },
        why="decorators with and without a call",
    ),
    Invalid(
        {
            "Dockerfile": "FROM python:3.8\nRUN pip install torch==1.8.1\n",
            "train.py": """\
def train(model, loader):
    from torch.amp import autocast

    for batch in loader:
        with autocast(device_type="cpu"):
            model(batch).backward()
""",
        },
        [("train.py", 2)],
        confidence=Confidence.MEDIUM,
        why="an import in a function; no release that old has mixed precision on the CPU, so there is no fix",
    ),
    Invalid(
        {
            "requirements.txt": "torch==2.6.0\n",
            "train.py": """\
from contextlib import nullcontext

import torch


def context(use_amp):
    return torch.cuda.amp.autocast if use_amp else nullcontext
""",
        },
        [("train.py", 7)],
        why="handed on as a value: found, not mended",
    ),
    Invalid(
        {
            "requirements.txt": "torch==2.0.1\n",
            "train.py": """\
from torch.amp import *

with autocast("cuda"):
    scaler = GradScaler("cuda")
""",
        },
        [("train.py", 4)],
        {
            "requirements.txt": "torch==2.0.1\n",
            "train.py": """\
from torch.amp import autocast
from torch.cuda.amp import GradScaler

with autocast("cuda"):
    scaler = GradScaler()
""",
        },
        why="a star import that does not bring the name",
    ),
)
