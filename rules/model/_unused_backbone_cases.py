"""Code with and without the bug of ``unused-backbone``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ...analyzer.findings import Confidence
from ...analyzer.rule import Invalid, Valid

_TRAIN = """\
import argparse

from torch.optim import SGD

from net.factory import create


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--arch")
    model = create(parser.parse_args().arch)
    optimizer = SGD(model.parameters(), lr=0.1)
    for x, y in []:
        loss = (model(x) - y).pow(2).mean()
        loss.backward()
        optimizer.step()


if __name__ == "__main__":
    main()
"""

_PLANAR = """\
from torch import nn


class VolumeNet3D(nn.Module):
    def __init__(self, channels, width):
        super().__init__()
        self.conv = nn.Conv2d(channels, width, 3)
        self.head = nn.Linear(width, 10)

    def forward(self, volume):
        return sum(self.head(self.conv(s).mean(dim=(2, 3))) for s in volume.unbind(2))
"""

_SPATIAL = """\
from torch import nn


class VolumeNet(nn.Module):
    def __init__(self, channels, width, dropout=0.0):
        super().__init__()
        self.conv = nn.Conv3d(channels, width, 3)
        self.drop = nn.Dropout(dropout)
        self.head = nn.Linear(width, 10)

    def forward(self, volume):
        return self.head(self.drop(self.conv(volume)).mean(dim=(2, 3, 4)))
"""

_MIXER = """\
from torch import nn


class {name}(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.tokens = nn.Linear({inner}, {inner})
        self.channels = nn.Linear(width, width)

    def forward(self, x):
        return self.channels(x)
"""


def _mixer(name: str, inner: str = "16") -> str:
    return _MIXER.format(name=name, inner=inner)


def _project(factory: str, **modules: str) -> dict[str, str]:
    files = {"train.py": _TRAIN, "net/__init__.py": "", "net/factory.py": factory}
    return files | {f"net/{name}.py": text for name, text in modules.items()}


def _with(files: Mapping[str, str], **changed: str) -> dict[str, str]:
    return {**files, **{f"net/{name}.py": text for name, text in changed.items()}}


_BY_DIMENSION = _project(
    "from .planar import VolumeNet3D\n\n\ndef create(arch):\n    return VolumeNet3D(channels=1, width=32)\n",
    planar=_PLANAR,
    spatial=_SPATIAL,
)
_TRUE_MIXER = _project(
    "from net.tokens import Mixer\n\n\ndef create(arch):\n    net = Mixer(64)\n    return net.cuda()\n",
    tokens=_mixer("Mixer"),
    mixing=_mixer("RealMixer", "width"),
)
_OLD_COPY = _project(
    "from .mixer_og import Mixer\n\n\ndef create(arch):\n    return Mixer(width=64)\n",
    mixer=_mixer("MixerNetwork", "width"),
    mixer_og=_mixer("Mixer"),
)
_ELSEWHERE = _project(
    'from .gru import GatedNet\n\n\ndef create(arch):\n    if arch == "mixer":\n        return GatedNet(64)\n'
    '    elif arch == "gated":\n        return GatedNet(32)\n    raise ValueError(arch)\n',
    gru=_mixer("GatedNet"),
    mixer=_mixer("Mixer", "width"),
)
_CONVOLUTIONAL = _project(
    _ELSEWHERE["net/factory.py"].replace("GatedNet", "ConvNet").replace(".gru", ".conv"),
    conv=_mixer("ConvNet"),
    mixer=_mixer("Mixer", "width"),
)
_WRAPPED = {
    "train.py": _TRAIN.replace("from net.factory import create", "from net.volumes import create"),
    "net/volumes.py": """\
import torch
from torch import nn
from torchvision import models


class Volume3D(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.body = models.resnet18(num_classes=64)
        self.join = nn.AdaptiveAvgPool1d(1)

    def forward(self, x):
        return torch.stack([self.body(s) for s in x.unbind(2)]).mean(0)


def create(arch):
    if arch == "video":
        return Volume3D(channels=3)
    raise ValueError(arch)
""",
    "net/video.py": """\
from torch import nn
from torchvision.models.video import r3d_18


class TrueVolume3D(nn.Module):
    def __init__(self, channels=1, classes=64):
        super().__init__()
        self.body = r3d_18(num_classes=classes)

    def forward(self, x):
        return self.body(x)
""",
}
_FALLBACK = _project(
    "from torch import nn\n\ntry:\n    from .mixer import MixerNet\nexcept ImportError:\n    MixerNet = nn.Linear\n\n\n"
    "def create(arch):\n    return MixerNet(64)\n",
    mixer=_mixer("MixerNET", "width"),
)
_OTHER_ARGUMENTS = _with(
    _BY_DIMENSION,
    spatial=_SPATIAL.replace("dropout=0.0", "dropout"),
)

_COMMENTED = _project(
    "from .mixer_net import Mixer, MixerModel\n\n\ndef create(arch):\n    # net = MixerModel(width=64)\n"
    "    net = Mixer(width=64)\n    return net\n",
    mixer_net=_mixer("Mixer") + "\n\n" + _mixer("MixerModel", "width").partition("\n\n\n")[2],
)

_RESNETS = """\
from torch import nn


class ResNet(nn.Module):
    def __init__(self, blocks):
        super().__init__()
        self.stem = nn.Conv2d(3, 64, 3)
        self.body = nn.Sequential(*[nn.Conv2d(64, 64, 3) for _ in range(sum(blocks))])

    def forward(self, x):
        return self.body(self.stem(x))


def resnet18(**kwargs):
    return ResNet([2, 2, 2, 2], **kwargs)


def resnet34(**kwargs):
    return ResNet([3, 4, 6, 3], **kwargs)


def resnet50(**kwargs):
    return ResNet([3, 4, 6, 3], **kwargs)
"""
_TABLE = _project(
    "from .resnet import resnet18, resnet34, resnet50\n\n"
    'NETS = {\n    "resnet18": resnet18,\n    "resnet34": resnet34,\n    "resnet50": resnet34,\n}\n\n\n'
    "def create(arch):\n    return NETS[arch]()\n",
    resnet=_RESNETS,
)
_CHAIN = _project(
    "from . import resnet\n\n\ndef create(arch):\n"
    '    if arch == "resnet18":\n        return resnet.resnet18()\n'
    '    if arch == "resnet34":\n        return resnet.resnet18()\n'
    "    raise ValueError(arch)\n",
    resnet=_RESNETS,
)
_LIBRARY_TABLE = _project(
    "from torchvision import models\n\n"
    'BACKBONES = {\n    "resnet50": (models.resnet50, 2048),\n    "resnet101": (models.resnet101, 2048),\n'
    '    "resnet152": (models.resnet101, 2048),\n}\n\n\n'
    "def create(arch):\n    build, width = BACKBONES[arch]\n    return build(num_classes=width)\n",
    blocks=_mixer("Projector"),
)

INVALID: Sequence[Invalid] = [
    Invalid(
        _WRAPPED,
        at=[("net/volumes.py", 18)],
        fixed={
            **_WRAPPED,
            "net/volumes.py": _WRAPPED["net/volumes.py"]
            .replace(
                "from torchvision import models\n",
                "from torchvision import models\nfrom net.video import TrueVolume3D\n",
            )
            .replace("return Volume3D(channels=3)", "return TrueVolume3D(channels=3)"),
        },
        why="a model around a library's; its file's name is the choice, and importers show how to import it",
    ),
    Invalid(
        _CONVOLUTIONAL,
        at=[("net/factory.py", 6)],
        fixed=_with(
            _CONVOLUTIONAL,
            factory='from .conv import ConvNet\nfrom .mixer import Mixer\n\n\ndef create(arch):\n    if arch == "mixer":\n'
            '        return Mixer(64)\n    elif arch == "gated":\n        return ConvNet(32)\n'
            "    raise ValueError(arch)\n",
        ),
        confidence=Confidence.MEDIUM,
        why="a whole network whose name begins with a layer's stands in",
    ),
    Invalid(
        _BY_DIMENSION,
        at=[("net/factory.py", 5)],
        fixed=_with(
            _BY_DIMENSION,
            factory="from .spatial import VolumeNet\n\n\ndef create(arch):\n"
            "    return VolumeNet(channels=1, width=32)\n",
        ),
        confidence=Confidence.MEDIUM,
        why="the 3-D network that is built has 2-D layers only, and the 3-D one is not reached",
    ),
    Invalid(
        _OTHER_ARGUMENTS,
        at=[("net/factory.py", 5)],
        fixed=_OTHER_ARGUMENTS,
        confidence=Confidence.MEDIUM,
        why="the wanted class needs one argument more: no fix",
    ),
    Invalid(
        _TRUE_MIXER,
        at=[("net/factory.py", 5)],
        fixed=_with(
            _TRUE_MIXER,
            factory="from net.mixing import RealMixer\n\n\ndef create(arch):\n"
            "    net = RealMixer(64)\n    return net.cuda()\n",
        ),
        confidence=Confidence.MEDIUM,
        why="absolute imports; the names say which is the real one",
    ),
    Invalid(
        _OLD_COPY,
        at=[("net/factory.py", 5)],
        fixed=_with(
            _OLD_COPY,
            factory="from .mixer import MixerNetwork\n\n\ndef create(arch):\n    return MixerNetwork(width=64)\n",
        ),
        confidence=Confidence.MEDIUM,
        why="the file kept as the original is the one that is wired",
    ),
    Invalid(
        _COMMENTED,
        at=[("net/factory.py", 6)],
        fixed=_with(
            _COMMENTED, factory=_COMMENTED["net/factory.py"].replace("= Mixer(", "= MixerModel(").replace("Mixer, ", "")
        ),
        why="the construction is commented out, its import is left, and a namesake is built",
    ),
    Invalid(
        _ELSEWHERE,
        at=[("net/factory.py", 6)],
        fixed=_with(
            _ELSEWHERE,
            factory='from .gru import GatedNet\nfrom .mixer import Mixer\n\n\ndef create(arch):\n    if arch == "mixer":\n'
            '        return Mixer(64)\n    elif arch == "gated":\n        return GatedNet(32)\n'
            "    raise ValueError(arch)\n",
        ),
        confidence=Confidence.MEDIUM,
        why="the choice builds another architecture, and the one it names lies unreached",
    ),
    Invalid(
        _FALLBACK,
        at=[("net/factory.py", 4)],
        fixed=_with(_FALLBACK, factory=_FALLBACK["net/factory.py"].replace("MixerNet\ne", "MixerNET as MixerNet\ne")),
        why="the import names no class of the module, and the except branch hides it",
    ),
    Invalid(
        _TABLE,
        at=[("net/factory.py", 6)],
        fixed=_with(_TABLE, factory=_TABLE["net/factory.py"].replace('50": resnet34', '50": resnet50')),
        why="the table's entry builds the sibling",
    ),
    Invalid(
        _CHAIN,
        at=[("net/factory.py", 8)],
        fixed=_with(
            _CHAIN,
            factory=_CHAIN["net/factory.py"].replace(
                '34":\n        return resnet.resnet18', '34":\n        return resnet.resnet34'
            ),
        ),
        why="the branch was copied and its call not changed",
    ),
    Invalid(
        _LIBRARY_TABLE,
        at=[("net/factory.py", 6)],
        confidence=Confidence.MEDIUM,
        why="a library's builder under another one's name, beside entries that agree",
    ),
]

VALID: Sequence[Valid] = [
    Valid(
        _with(
            _CHAIN,
            factory="from . import resnet\n\n\ndef create(arch):\n"
            '    if arch == "resnet50":\n        return resnet.resnet50()\n'
            '    elif arch == "resnet50":\n        return resnet.resnet18()\n'
            '    elif arch == "resnet34":\n        return resnet.resnet34()\n    raise ValueError(arch)\n',
        ),
        "never taken: what is compared first builds what it says",
    ),
    Valid(
        _project(
            "from .mixer_net import MixerModel\n\n\ndef create(arch):\n    net = MixerModel(width=64)\n"
            "    # net = MixerModel(width=config.WIDTH)\n    return net\n",
            mixer_net=_mixer("MixerModel", "width"),
            mixer_copy=_mixer("MixerModel", "width"),
        ),
        "a second copy of the class: the comment is another call of the one that is built",
    ),
    Valid(
        _project(
            "from .planar import VolumeNet3D\nfrom .spatial import VolumeNet\n\n"
            'NETS = {"planar": VolumeNet3D, "spatial": VolumeNet}\n\n\n'
            "def create(arch):\n    return NETS[arch](1, 32)\n",
            planar=_PLANAR,
            spatial=_SPATIAL,
        ),
        "both classes stand in a table",
    ),
    Valid(
        _project(
            "from . import planar, spatial\n\n\ndef create(arch):\n    for module in (planar, spatial):\n"
            "        if hasattr(module, arch):\n            return getattr(module, arch)(1, 32)\n"
            "    return planar.VolumeNet3D(1, 32)\n",
            planar=_PLANAR,
            spatial=_SPATIAL,
        ),
        "getattr over the modules gives out everything in them",
    ),
    Valid(
        {
            **_project(
                "import importlib\n\nfrom .planar import VolumeNet3D\n\n\ndef create(arch):\n"
                '    if arch.startswith("net."):\n        path, _, name = arch.rpartition(".")\n'
                "        return getattr(importlib.import_module(path), name)(1, 32)\n"
                "    return VolumeNet3D(1, 32)\n",
                planar=_PLANAR,
                spatial=_SPATIAL,
            )
        },
        "modules are imported by computed names",
    ),
    Valid(
        {**_BY_DIMENSION, "conf/model.yaml": "_target_: net.spatial.VolumeNet\nchannels: 1\nwidth: 32\n"},
        "a config names the class",
    ),
    Valid(
        _with(
            _BY_DIMENSION,
            registry="KNOWN = {}\n\n\ndef register(cls):\n    KNOWN[cls.__name__] = cls\n    return cls\n",
            spatial=_SPATIAL.replace("class V", "@register\nclass V").replace(
                "import nn\n", "import nn\n\nfrom .registry import register\n"
            ),
        ),
        "a decorator registers the class",
    ),
    Valid(
        {
            **_with(_BY_DIMENSION, __init__='from .spatial import VolumeNet\n\n__all__ = ["VolumeNet"]\n'),
            "pyproject.toml": '[project]\nname = "net"\nversion = "1.0"\n',
        },
        "a packaged library offers the class to its users",
    ),
    Valid(
        _project(
            "from .mixer import Mixer\n\n\ndef create(arch):\n    return Mixer(64)\n",
            mixer=_mixer("Mixer", "width"),
            mixer_og=_mixer("Mixer"),
        ),
        "the old copy is the one that is not used",
    ),
    Valid(
        _project(
            "from .mixer import Mixer\n\n\ndef create(arch):\n    # return GatedNet(64)\n    return Mixer(64)\n",
            mixer=_mixer("Mixer", "width"),
            gated=_mixer("GatedNet", "width"),
        ),
        "another architecture, tried and left: dead code, and nothing takes its name",
    ),
    Valid(
        {**_BY_DIMENSION, "explore.ipynb": '{"cells": [{"source": ["from net.spatial import VolumeNet"]}]}'},
        "a notebook uses the class",
    ),
    Valid(
        _project(
            "from .planar import VolumeNet3D\nfrom .spatial import VolumeNet\n\n\n"
            "class Ensemble(VolumeNet):\n    def forward(self, volume):\n        return super().forward(volume) + 1\n\n\n"
            "def create(arch):\n    return VolumeNet3D(1, 32) if arch else Ensemble(1, 32)\n",
            planar=_PLANAR,
            spatial=_SPATIAL,
        ),
        "the class is the base of one that is built",
    ),
    Valid(
        {k: v for k, v in _BY_DIMENSION.items() if k != "train.py"},
        "a library: nothing here trains",
    ),
    Valid(
        _project(
            "from .resnet import resnet18, resnet34, resnet50\n\n"
            'NETS = {"resnet18": resnet18, "resnet34": resnet34, "resnet50": resnet50}\n'
            'WIDTHS = {"resnet18": 512, "resnet50": 2048}\n\n\n'
            "def create(arch):\n    return NETS[arch]()\n",
            resnet=_RESNETS,
        ),
        "every entry builds what it names",
    ),
    Valid(
        _project(
            "from torchvision.datasets import CIFAR10\n\nfrom .resnet import resnet18\n\n"
            'LOADERS = {"cifar100": CIFAR10, "cifar10": CIFAR10}\n\n\n'
            "def create(arch):\n    return resnet18()\n",
            resnet=_RESNETS,
        ),
        "a table of something else than models",
    ),
]
