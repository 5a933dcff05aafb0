"""Cases of dependency-pins."""

from __future__ import annotations

from ...analyzer.findings import Confidence
from ...analyzer.rule import Invalid, Valid

_SWIN = """\
from torch import nn
from torchvision.models.video import swin3d_t


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = swin3d_t(weights=None)
"""
_PLAIN = "import torch\n\nmodel = torch.nn.Linear(2, 2)\n"

VALID = (
    Valid(
        {
            "requirements.txt": "torch==0.4.0\ntorchvision==0.2.1\n",
            "loss.py": "from torch import nn\n\n\ndef criterion(weight):\n    return nn.NLLLoss2d(weight=weight)\n",
        },
        "a name that the oldest release that is known had: older ones may have it as well",
    ),
    Valid(
        {
            "requirements.txt": "einops==0.6.0\ntimm==0.6.12\n",
            "Pipfile": '[packages]\neinops = "*"\ntimm = "*"\n',
            "Pipfile.lock": '{"default": {"einops": {"version": "==0.8.0"}, "timm": {"version": "==1.0.3"}}}\n',
            "train.py": _PLAIN,
        },
        "a frozen requirement file and a lock of another tool are two ways to install",
    ),
    Valid(
        {
            "requirements.txt": "torch>=1.7.0\n",
            "utils/checks.py": """\
from packaging import version


def at_least(current, minimum):
    return version.parse(current) >= version.parse(minimum)
""",
            "utils/devices.py": """\
import torch

from utils.checks import at_least


def no_gradients(has_inference=at_least(torch.__version__, "1.9.0")):
    def wrap(fn):
        return (torch.inference_mode if has_inference else torch.no_grad)()(fn)

    return wrap
""",
        },
        "the release is asked in the default of a parameter",
    ),
    Valid(
        {
            "setup.py": 'from setuptools import setup\n\nsetup(name="n", install_requires=["torch>=2.0"])\n',
            "n/plugin.py": """\
class Plugin:
    def offload(self):
        if self.generation == 2:
            from torch.distributed.fsdp import CPUOffloadPolicy as Offload
        else:
            from torch.distributed.fsdp import CPUOffload as Offload
        return Offload()
""",
        },
        "the older name stands in the other branch",
    ),
    Valid(
        {
            "requirements.txt": "torch>=2.0\n",
            "docker/cuda/Dockerfile": "FROM ubuntu:22.04\nRUN pip install torch==2.4.0\n",
            "docker/minimum-cuda/Dockerfile": "FROM ubuntu:20.04\nRUN pip install torch==2.1.0\n",
            "docker/old/Dockerfile": "FROM python:3.9\nRUN pip install torch==1.13.1\n",
            "train.py": _PLAIN,
        },
        "each image is an environment of its own",
    ),
    Valid(
        {"requirements.txt": "tqdm\ntorch==1.9.0\ntorchvision==0.10.0\ntorchaudio==0.9.0\n", "train.py": _PLAIN},
        "the releases belong together",
    ),
    Valid(
        {"requirements.txt": "torch==2.1.0+cu121\ntorchvision==0.16.0+cu121\n", "train.py": _SWIN},
        "local versions are builds of the same releases",
    ),
    Valid(
        {
            "requirements.txt": "torch==2.4.1\ntorchvision==0.19.1\n",
            "docs/requirements.txt": "torch==1.9.0\ntorchvision==0.19.1\nsphinx\n",
            "train.py": _SWIN,
        },
        "the documentation's own pins are no part of the program",
    ),
    Valid(
        {
            "requirements.txt": "torch>=1.8\ntorchvision>=0.9\n",
            "train.py": """\
import torch
import torch.nn.functional as F


class Attention(torch.nn.Module):
    def __init__(self, fused=True):
        super().__init__()
        self.fused = fused and hasattr(F, "scaled_dot_product_attention")

    def forward(self, q, k, v):
        if self.fused:
            return F.scaled_dot_product_attention(q, k, v)
        return (q @ k.transpose(-2, -1)).softmax(-1) @ v


class FusedAttention(torch.nn.Module):
    def __init__(self):
        if not hasattr(F, "scaled_dot_product_attention"):
            raise ImportError("needs torch 2")
        super().__init__()

    def forward(self, q, k, v):
        return F.scaled_dot_product_attention(q, k, v)


if hasattr(F, "scaled_dot_product_attention"):
    out = F.scaled_dot_product_attention(a, b, c)
""",
        },
        "uses behind a check, and in a class that refuses an old release when it is made",
    ),
    Valid(
        {
            "requirements.txt": "torch==1.10.0\ntorchvision==0.11.1\n",
            "train.py": """\
try:
    from torchvision.models.video import swin3d_t
except ImportError:
    swin3d_t = None
""",
        },
        "the import may fail",
    ),
    Valid(
        {
            "requirements.txt": "torch==1.13.1\n",
            "fused.py": """\
import torch


class CompiledStep:
    def __call__(self, model):
        return torch.compile(model)
""",
            "train.py": """\
import torch

if int(torch.__version__.split(".")[0]) >= 2:
    from fused import CompiledStep as Step
else:
    from plain import Step
""",
            "plain.py": "class Step:\n    pass\n",
        },
        "the other file takes the class only where the release has what it needs",
    ),
    Valid(
        {
            "requirements-cpu.txt": "torch==2.1.0\n",
            "requirements-gpu.txt": "torch==2.4.0\n",
            "train.py": _PLAIN,
        },
        "variants, of which one is chosen",
    ),
    Valid(
        {
            "requirements.txt": "torch==1.9.0\ntorchvision==0.10.0\n",
            "train.py": "from torch.amp import autocast\n\nwith autocast('cuda'):\n    pass\n",
        },
        "mixed precision against an exact pin is amp-import's to mend, in the code",
    ),
    Valid(
        {
            "pyproject.toml": """\
[project]
name = "n"
version = "1"
requires-python = ">=3.8"
dependencies = ["torch==1.9.0"]
""",
            "n/train.py": _PLAIN,
        },
        "Python 3.8 and 3.9 have a wheel",
    ),
)

INVALID = (
    Invalid(
        {
            "Pipfile": '[packages]\ntimm = "==0.4.12"\ntorch = "==1.8.1"\n',
            "requirements.txt": "timm==0.4.12\ntorch==1.5.0\n",
            "net.py": "from torch import nn\n\nact = nn.Hardswish()\n",
        },
        [("requirements.txt", 2), ("requirements.txt", 2)],
        confidence=Confidence.MEDIUM,
        why="of two pins, the one that lacks the name",
    ),
    Invalid(
        {
            "requirements.txt": "numpy>=1.20\ntorch==1.9.0\ntorchvision==0.19.0  # only for swin3d_t\n",
            "train.py": _SWIN,
        },
        [("requirements.txt", 2)],
        {
            "requirements.txt": "numpy>=1.20\ntorch==2.4.0\ntorchvision==0.19.0  # only for swin3d_t\n",
            "train.py": _SWIN,
        },
        why="torchvision 0.19 is built for torch 2.4; the older pin goes up",
    ),
    Invalid(
        {"requirements.txt": "torch == 1.13.1\ntorchvision == 0.8.1 # old\ntimm==0.3.2\n", "train.py": _PLAIN},
        [("requirements.txt", 2)],
        {"requirements.txt": "torch == 1.13.1\ntorchvision == 0.14.1 # old\ntimm==0.3.2\n", "train.py": _PLAIN},
        why="the companion is the older one",
    ),
    Invalid(
        {
            "requirements.txt": "torch==1.12.1\ntorchvision==0.13.1\ntorchaudio==0.12.1\n",
            "models/encoder.py": _SWIN,
        },
        [("requirements.txt", 2)],
        {
            "requirements.txt": "torch==2.0.0\ntorchvision==0.15.1\ntorchaudio==2.0.1\n",
            "models/encoder.py": _SWIN,
        },
        why="swin3d_t came with torchvision 0.15, which is built for torch 2.0",
    ),
    Invalid(
        {
            "requirements.txt": "# core\ntorch>=2.0.0\ntorchvision>=0.15.0\n",
            "src/train.py": "from torch.amp import GradScaler, autocast\n\nscaler = GradScaler()\n",
        },
        [("requirements.txt", 2)],
        confidence=Confidence.MEDIUM,
        why="the lower bound admits releases without the name; the code's own rewrite is amp-import's, so this is advice",
    ),
    Invalid(
        {
            "pyproject.toml": """\
[project]
name = "n"
version = "1"
dependencies = [
    "numpy",
    "torch>=1.10",  # tested on 2.0
]
""",
            "n/train.py": "import torch\n\nmodel = torch.compile(torch.nn.Linear(2, 2))\n",
        },
        [("pyproject.toml", 6)],
        {
            "pyproject.toml": """\
[project]
name = "n"
version = "1"
dependencies = [
    "numpy",
    "torch>=2.0",  # tested on 2.0
]
""",
            "n/train.py": "import torch\n\nmodel = torch.compile(torch.nn.Linear(2, 2))\n",
        },
        Confidence.MEDIUM,
        "the minimum lacks torch.compile",
    ),
    Invalid(
        {
            "environment.yml": "dependencies:\n  - python=3.9\n  - pytorch=1.12.1\n  - torchvision=0.13\n",
            "train.py": _SWIN,
        },
        [("environment.yml", 4)],
        {
            "environment.yml": "dependencies:\n  - python=3.9\n  - pytorch=2.0.0\n  - torchvision=0.15.1\n",
            "train.py": _SWIN,
        },
        why="conda's own language",
    ),
    Invalid(
        {
            "pyproject.toml": """\
[project]
name = "n"
version = "1"
requires-python = ">=3.11"
dependencies = ["torch==1.12.1"]
""",
            "n/train.py": _PLAIN,
        },
        [("pyproject.toml", 5)],
        {
            "pyproject.toml": """\
[project]
name = "n"
version = "1"
requires-python = ">=3.11"
dependencies = ["torch==1.13.0"]
""",
            "n/train.py": _PLAIN,
        },
        why="torch 1.12 has no wheel for Python 3.11",
    ),
    Invalid(
        {
            "requirements.txt": "torch==2.4.1\nkornia==0.6.0\n",
            "setup.py": 'from setuptools import setup\n\nsetup(name="n", install_requires=["kornia==0.4.1"])\n',
            "train.py": _PLAIN,
        },
        [("setup.py", 3)],
        {
            "requirements.txt": "torch==2.4.1\nkornia==0.6.0\n",
            "setup.py": 'from setuptools import setup\n\nsetup(name="n", install_requires=["kornia==0.6.0"])\n',
            "train.py": _PLAIN,
        },
        Confidence.MEDIUM,
        "the package and the requirements of one program",
    ),
    Invalid(
        {
            "requirements.txt": "-f https://download.pytorch.org/whl/torch_stable.html\ntorch==1.9.0+cu111\ntorchvision==0.19.0\n",
            "train.py": _PLAIN,
        },
        [("requirements.txt", 2)],
        why="a build for one CUDA: which one of the newer release, only the author knows",
    ),
    Invalid(
        {
            "requirements.txt": "torch==1.4.0\ntorchvision==0.5.0\n",
            "train.py": "from torch.cuda.amp import autocast\n\nwith autocast():\n    pass\n",
        },
        [("requirements.txt", 1)],
        {
            "requirements.txt": "torch==1.6.0\ntorchvision==0.7.0\n",
            "train.py": "from torch.cuda.amp import autocast\n\nwith autocast():\n    pass\n",
        },
        why="torch 1.4 has mixed precision under no name: the pin has to go up",
    ),
    Invalid(
        {
            "requirements.txt": "torch==2.2.2\ntorchvision==0.17.2\ntimm==1.0.14\n",
            "docker/Dockerfile": "FROM pytorch/pytorch:2.5.1-cuda12.4-cudnn9-runtime\nCOPY . /app\n",
            "train.py": _PLAIN,
        },
        [("requirements.txt", 1)],
        {
            "requirements.txt": "torch==2.5.1\ntorchvision==0.20.1\ntimm==1.0.14\n",
            "docker/Dockerfile": "FROM pytorch/pytorch:2.5.1-cuda12.4-cudnn9-runtime\nCOPY . /app\n",
            "train.py": _PLAIN,
        },
        Confidence.MEDIUM,
        why="the image has another torch; torchvision goes along",
    ),
    Invalid(
        {
            "requirements.txt": "kornia==0.6.0\n",
            "setup.py": 'from setuptools import setup\n\nsetup(name="n", install_requires=["kornia==0.6.9"])\n',
            "Dockerfile": "FROM python:3.9\nRUN pip install kornia==0.6.9\n",
            "train.py": _PLAIN,
        },
        [("requirements.txt", 1)],
        confidence=Confidence.MEDIUM,
        why="one pin against two others is one finding",
    ),
    Invalid(
        {
            "pyproject.toml": '[project]\nname = "n"\nversion = "1"\ndependencies = [\n  "einops>=0.8",\n  "timm>=1.0",\n]\n',
            "poetry.lock": (
                '[[package]]\nname = "einops"\nversion = "0.6.0"\n\n[[package]]\nname = "timm"\nversion = "0.6.12"\n'
            ),
            "train.py": _PLAIN,
        },
        [("poetry.lock", 3)],
        confidence=Confidence.MEDIUM,
        why="a lock file left behind is one cause",
    ),
)
