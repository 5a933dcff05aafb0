"""Which classes and functions of a project make models, and of which dimension."""

from __future__ import annotations

import re

from ...analyzer.graph.project import Project
from ...analyzer.graph.symbols import Symbol
from ._architecture_names import read_name

_MODULE_BASES = frozenset(
    {"torch.nn.Module", "torch.nn.modules.Module", "torch.nn.modules.module.Module", "torch.nn.Sequential",
     "pytorch_lightning.LightningModule", "lightning.LightningModule", "lightning.pytorch.LightningModule"}
)  # fmt: skip
_LIBRARIES = (
    "torchvision.models.",
    "timm.",
    "pretrainedmodels.",
    "segmentation_models_pytorch.",
    "monai.networks.nets.",
    "efficientnet_pytorch.",
    "transformers.",
)
_LAYER = re.compile(r"torch\.nn\.(?:modules\.\w+\.)?(?:Lazy)?(?:Conv|ConvTranspose|MaxPool|AvgPool|BatchNorm)(\d)d$")
_FEWEST_PARTS = 2
_DEEPEST = 3


def is_module(project: Project, symbol: Symbol) -> bool:
    """Whether a class of the project is a ``torch.nn.Module``."""
    return project.symbols.klass(symbol) is not None and project.symbols.is_subclass(symbol, _MODULE_BASES)


def is_backbone(project: Project, symbol: Symbol) -> bool:
    """Whether a class is a module of the size of a model, run by ``forward``: several layers, or a library's model."""
    if not is_module(project, symbol) or read_name(symbol.qualname).is_part:
        return False
    if project.symbols.method(symbol, "forward") is None:
        return False
    facts = project.files[symbol.path]
    own = f"{symbol.qualname}."
    made = [c.callee for c in facts.calls if c.scope.startswith(own)]
    if any(c.startswith(_LIBRARIES) for c in made):
        return True
    parts = [c for c in made if c.startswith("torch.nn.") and not c.startswith("torch.nn.functional")]
    return len(parts) + sum(1 for c in made if "." not in c and c[:1].isupper()) >= _FEWEST_PARTS


def layer_dimensions(project: Project, symbol: Symbol) -> frozenset[str]:
    """``2d`` and ``3d``, as the convolutions, pools and norms that a class makes say."""
    own = f"{symbol.qualname}."
    calls = (c.callee for c in project.files[symbol.path].calls if c.scope.startswith(own))
    return frozenset(f"{m[1]}d" for c in calls if (m := _LAYER.match(c)))


def builds_model(project: Project, what: Symbol | str | None) -> bool:
    """Whether calling something makes a model: a module class, a function that makes one, a model library's name."""
    if isinstance(what, str):
        return what.startswith(_LIBRARIES)
    return what is not None and bool(models_built(project, what) or _asks_library(project, what))


def models_built(project: Project, symbol: Symbol, depth: int = 0) -> list[Symbol]:
    """The project's module classes that calling a class or function makes, the class itself first."""
    if project.symbols.klass(symbol) is not None:
        return [symbol] if is_module(project, symbol) else []
    if project.symbols.function(symbol) is None or depth > _DEEPEST:
        return []
    found: list[Symbol] = []
    for call in project.files[symbol.path].calls:
        if call.scope == symbol.qualname or call.scope.startswith(f"{symbol.qualname}."):
            target = project.called(symbol.path, call)
            if target is not None and target != symbol:
                found += models_built(project, target, depth + 1)
    return list(dict.fromkeys(found))


def _asks_library(project: Project, symbol: Symbol) -> bool:
    calls = project.files[symbol.path].calls
    return any(c.scope == symbol.qualname and c.callee.startswith(_LIBRARIES) for c in calls)
