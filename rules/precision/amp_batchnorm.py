"""MLF601: batch normalisation over a small batch in float16."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import ClassVar

from ...analyzer.findings import Confidence, Evidence, Finding, Level
from ...analyzer.flow.precision.ambient import entered
from ...analyzer.flow.precision.batches import Batch, training_batch
from ...analyzer.flow.values.construction import Constructions
from ...analyzer.flow.values.frames import Operand
from ...analyzer.graph.project import Project
from ...analyzer.graph.symbols import Symbol
from ...analyzer.rule import Proof, Rule
from ...analyzer.source.module import Module
from ...analyzer.source.reader import Unreadable
from ._amp_batchnorm_cases import INVALID, VALID

_CONVERT = "torch.nn.SyncBatchNorm.convert_sync_batchnorm"
_CONVERTS = {_CONVERT, "torch.nn.modules.SyncBatchNorm.convert_sync_batchnorm"}
_SMALL = 32
_VERY_SMALL = 16
_NORMALISES = re.compile(rb"(?<!Sync)BatchNorm|torchvision\.models")
_FOLDERS = {"tests", "test"}
_NO_FIX = (
    "no edit is right for every network: use bfloat16 (`dtype=torch.bfloat16`), which cannot overflow here, GroupNorm, "
    "which does not look at the batch, or a larger batch a device"
)


class AmpBatchnorm(Rule):
    """What it does
    ------------
    Finds ``SyncBatchNorm.convert_sync_batchnorm`` in a program that trains under float16 autocast, where the batch of
    one device is known to be small: at most 32, from the code, the command line's defaults or a configuration file.
    Autocast in bfloat16, batches that are not known, and networks of the project that hold no batch normalisation are
    left alone; confidence is low where the network is out of sight.

    Why it is bad
    -------------
    The variance of a channel over a few samples may be close to nothing, and what is divided by it is then scaled by up
    to 316 (eps is 1e-5), forward and backward. Under float16 the gradient that comes in carries the factor of the
    gradient scaler as well; past 65504 it is infinite, and the step is left out. The statistics are summed in float32;
    what goes in and out, and all gradients, are float16.

    What you see
    ------------
    Inf or NaN after some hours, or a gradient scale that falls again and again; the same training in float32 or with a
    larger batch runs on.

    Example
    -------
    Bad::

        model = nn.SyncBatchNorm.convert_sync_batchnorm(model)
        loader = DataLoader(dataset, batch_size=4)
        with autocast():                                   # float16
            loss = criterion(model(x), y)

    Good::

        with torch.autocast("cuda", dtype=torch.bfloat16):
            loss = criterion(model(x), y)

    Fix safety
    ----------
    There is no edit: bfloat16 needs a device that has it, GroupNorm is another network, and a larger batch needs more
    memory.

    References
    ----------
    - https://docs.pytorch.org/docs/stable/generated/torch.nn.SyncBatchNorm.html
    - Wu and He 2018, Group Normalization (the error of batch normalisation grows below 16 samples a device)
    """

    name: ClassVar[str] = "amp-batchnorm"
    code: ClassVar[str] = "MLF601"
    level: ClassVar[Level] = Level.DEGRADES
    symptom: ClassVar[str] = "Inf or NaN after some epochs, or a gradient scale that keeps falling; float32 runs on."
    proof: ClassVar[Proof] = Proof(
        "finite", "steps with Inf or NaN: they come late, on a GPU, so that no short run can be asked for them"
    )
    triggers: ClassVar[tuple[bytes, ...]] = (b"convert_sync_batchnorm",)
    VALID = VALID
    INVALID = INVALID

    def check(self, module: Module, project: Project) -> Iterator[Finding]:
        """Each conversion in a file that trains in float16 on small batches."""
        if _FOLDERS & set(module.path.split("/")[:-1]):
            return
        calls = [c for c in module.calls() if project.external(module, c.func) in _CONVERTS]
        region = _float16(module, project) if calls else None
        if region is None:
            return
        for call in calls:
            normalises = _has_batchnorm(module, project, call)
            if normalises is False:
                continue
            batch = training_batch(project, module)
            if batch is None or batch.size > _SMALL:
                continue
            yield self.finding(
                module,
                call,
                f"batch statistics of {batch.size:g} sample{'s' * (batch.size != 1)} a device, under float16 autocast",
                evidence=[
                    module.evidence(call, "every BatchNorm of the network becomes SyncBatchNorm"),
                    region,
                    *_of_batch(batch),
                ],
                confidence=Confidence.MEDIUM if normalises and batch.size <= _VERY_SMALL else Confidence.LOW,
                no_fix=_NO_FIX,
            )


def _of_batch(batch: Batch) -> tuple[Evidence, ...]:
    return batch.trail[-3:]


def _float16(module: Module, project: Project) -> Evidence | None:
    """The first float16 autocast of a file that also goes backward; None where there is none."""
    backward = [n for n in module.calls() if isinstance(n.func, ast.Attribute) and n.func.attr == "backward"]
    scales = any(isinstance(n.func, ast.Attribute) and n.func.attr == "scale" for n in module.calls())
    if not backward and not scales:
        return None
    for node in module.nodes:
        if not isinstance(node, (ast.With, ast.AsyncWith)):
            continue
        for item in node.items:
            for around in entered(project.flow, project.flow.operand(module, item.context_expr)):
                autocast = around.autocast
                if autocast is not None and autocast.is_on and autocast.type == "float16":
                    switch = f", where `{autocast.switch}` is true" if autocast.switch else ""
                    return module.evidence(node, f"autocast computes in float16{switch}")
    return None


def _has_batchnorm(module: Module, project: Project, call: ast.Call) -> bool | None:
    """Whether the network holds batch normalisation, by the files that it is written in; None where out of sight."""
    op = project.flow.operand(module, call.args[0]) if call.args else None
    made = [k.what.of for k in Constructions(project.flow).evaluate(op)] if op is not None else []
    makers = [of for of in made if isinstance(of, Symbol)] or (_makers(project, op) if op is not None else [])
    if any(isinstance(m, str) and m.startswith("torchvision.models.") for m in makers):
        return True
    paths = {m.path for m in makers if isinstance(m, Symbol)}
    if not paths:
        return None
    for home in sorted(paths.union(*(project.graphs.imported_by(path) for path in paths))):
        try:
            if _NORMALISES.search(project.read_other(home)):
                return True
        except (Unreadable, OSError):
            continue
    return None if any(isinstance(of, str) for of in made) else False


def _makers(project: Project, op: Operand) -> list[Symbol | str]:
    """What a value is made by, where it is no class in sight: a factory, or another name for a class."""
    found: list[Symbol | str] = []
    for source in project.flow.sources(op):
        if source.operand is None:
            continue
        node = source.operand.node
        while isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ("cuda", "to"):
            node = node.func.value
        maker = project.resolve(source.operand.module, node.func) if isinstance(node, ast.Call) else None
        if maker is not None:
            found.append(maker)
    return found
