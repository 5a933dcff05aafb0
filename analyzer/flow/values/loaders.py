"""What a loop over a value runs over: literals, ``enumerate`` and ``zip``, and a DataLoader's batches.

A batch is described by what the dataset's ``__getitem__`` returns: the default collate function keeps the structure
(dict keys, tuple positions) and stacks the leaves, so whatever kind of value an item's leaf is, a batch's is too.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...source.scopes import key_of
from .evaluate import Evaluator
from .frames import Frame, Known, Operand, Source
from .functions import returned

if TYPE_CHECKING:
    from ...graph.symbols import Symbol
    from .flow import Flow

LOADERS = frozenset(
    {
        "torch.utils.data.DataLoader",
        "torch.utils.data.dataloader.DataLoader",
        "torch_geometric.loader.DataLoader",
        "monai.data.DataLoader",
        "monai.data.dataloader.DataLoader",
        "monai.data.ThreadDataLoader",
    }
)
DATASETS = frozenset(
    {
        "torch.utils.data.Dataset",
        "torch.utils.data.dataset.Dataset",
        "torch.utils.data.TensorDataset",
        "torch.utils.data.Subset",
        "torch.utils.data.ConcatDataset",
        "torchvision.datasets.VisionDataset",
        "torchvision.datasets.vision.VisionDataset",
        "torchvision.datasets.ImageFolder",
        "torchvision.datasets.DatasetFolder",
        "monai.data.Dataset",
        "monai.data.CacheDataset",
        "torch_geometric.data.Dataset",
        "fairseq.data.FairseqDataset",
        "fairseq.data.BaseWrapperDataset",
    }
)
_SAME_ELEMENTS = {"iter", "list", "tuple", "reversed", "sorted", "islice", "cycle", "tqdm", "trange", "track", "next"}
_PREPARING = {"prepare", "setup_dataloaders", "prepare_data_loader", "_setup_dataloader"}
_SUBSETS = {"Subset", "random_split", "ConcatDataset", "ChainDataset", "DistributedSamplerWrapper"}
_FURTHEST = 8


def elements(flow: Flow, op: Operand, index: tuple[int, ...] = (), depth: int = 0) -> list[Source]:
    """What a loop over a value gives, seen at a path inside each element.

    Args:
        flow: the project's value flow.
        op: the value that is iterated.
        index: the path of the unpacked name: ``for i, (x, y) in enumerate(loader)`` binds y with (1, 1).
        depth: how many names were looked through already.

    Returns:
        Expressions that an element may be, each with the rest of the path into it; [] where nothing is known.
    """
    node = op.node
    if depth > _FURTHEST:
        return []
    if isinstance(node, (ast.Tuple, ast.List, ast.Set)):
        return [Source(op.sub(e), index=index) for e in node.elts if not isinstance(e, ast.Starred)]
    if isinstance(node, (ast.ListComp, ast.GeneratorExp, ast.SetComp)):
        return [Source(op.sub(node.elt), index=index)]
    if isinstance(node, ast.Call):
        passed = _through(op, index)
        if passed is not None:
            return [s for inner, rest in passed for s in elements(flow, inner, rest, depth + 1)]
    items = [s for made in _Loaders(flow).evaluate(op) for s in batches(flow, made.what, index)]
    if items or key_of(node) is None:
        return items
    found: list[Source] = []
    for source in flow.sources(op):
        if source.operand is not None and not source.is_element and not source.index:
            found += elements(flow, source.operand, index, depth + 1)
    return found


def _through(op: Operand, index: tuple[int, ...]) -> list[tuple[Operand, tuple[int, ...]]] | None:
    """Calls that hand on the elements of their arguments, None for all others."""
    call = op.node
    assert isinstance(call, ast.Call)
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    arguments = [op.sub(a) for a in call.args if not isinstance(a, ast.Starred)]
    if not arguments:
        return None
    if name == "enumerate":
        return [(arguments[0], index[1:])] if index[:1] == (1,) else []
    if name == "zip":
        return [(arguments[index[0]], index[1:])] if index and index[0] < len(arguments) else []
    return [(arguments[0], index)] if name in _SAME_ELEMENTS else None


def batches(flow: Flow, loader: Operand, index: tuple[int, ...] = ()) -> list[Source]:
    """What the batches of a ``DataLoader(...)`` call are made of: what its dataset's ``__getitem__`` returns."""
    call = loader.node
    assert isinstance(call, ast.Call)
    collate = next((k.value for k in call.keywords if k.arg == "collate_fn"), None)
    if collate is not None and not (isinstance(collate, ast.Constant) and collate.value is None):
        return []
    dataset = dataset_of(loader)
    if dataset is None:
        return []
    found: list[Source] = []
    for made in _Collections(flow).evaluate(dataset):
        if isinstance(made.what, Operand):
            columns = [a for a in getattr(made.what.node, "args", ()) if not isinstance(a, ast.Starred)]
            if index and index[0] < len(columns):
                found.append(Source(made.what.sub(columns[index[0]]), index=index[1:]))
        else:
            found += _items_of(flow, made.what, index)
    return found


def dataset_of(loader: Operand) -> Operand | None:
    """The dataset argument of a ``DataLoader(...)`` call."""
    call = loader.node
    assert isinstance(call, ast.Call)
    named = next((k.value for k in call.keywords if k.arg == "dataset"), None)
    given = named if named is not None else call.args[0] if call.args else None
    return None if given is None or isinstance(given, ast.Starred) else loader.sub(given)


def loaders_of(flow: Flow, op: Operand) -> list[Operand]:
    """The ``DataLoader(...)`` calls that a value may come from."""
    return [known.what for known in _Loaders(flow).evaluate(op)]


def wrapped_in(flow: Flow, dataset: Operand) -> list[Symbol]:
    """The dataset classes of the project that a value is made of, through subsets and concatenations."""
    return [k.what for k in _Collections(flow).evaluate(dataset) if not isinstance(k.what, Operand)]


def _items_of(flow: Flow, klass: Symbol, index: tuple[int, ...]) -> list[Source]:
    getter = flow.project.symbols.method(klass, "__getitem__") or flow.project.symbols.method(klass, "__iter__")
    opened = flow.calls.function(getter) if getter is not None else None
    if opened is None:
        return []
    module, scope = opened
    found: list[Source] = []
    for value in returned(scope):
        note = f"an item of `{klass.qualname}` is `{module.snippet(value)}`"
        # A dataset is a new start: how deep the loop over it stands says nothing of its own calls.
        found.append(
            Source(Operand(value, Frame(module, scope, None, 1)), index=index, step=module.evidence(value, note))
        )
    return found


class _Loaders(Evaluator[Operand]):
    """The ``DataLoader(...)`` calls that a value may come from."""

    def expression(self, op: Operand) -> Sequence[Known[Operand]] | None:
        call = op.node
        if not isinstance(call, ast.Call):
            return None
        name = self.project.external(op.module, call.func)
        if name in LOADERS:
            return [Known(op, (op.module.evidence(call, f"the loader is `{op.text()}`"),))]
        last = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        if last in _PREPARING or last in _SAME_ELEMENTS:
            return [k for a in call.args if not isinstance(a, ast.Starred) for k in self.evaluate(op.sub(a))]
        return None


class _Collections(Evaluator["Symbol | Operand"]):
    """The dataset classes of the project, and the ``TensorDataset(...)`` calls, that a value may be made of."""

    def expression(self, op: Operand) -> Sequence[Known[Symbol | Operand]] | None:
        node = op.node
        if isinstance(node, ast.Call):
            name = (self.project.external(op.module, node.func) or "").rpartition(".")[2]
            if name == "TensorDataset":
                return [Known(op)]
            if name in _SUBSETS and node.args:
                return self.evaluate(op.sub(node.args[0]))
        if isinstance(node, (ast.List, ast.Tuple)):
            return [k for e in node.elts for k in self.evaluate(op.sub(e))]
        classes = self.flow.classes.of(op) if isinstance(node, (ast.Call, ast.Name, ast.Attribute)) else []
        return [Known(c) for c in classes] or None
