"""MLF304: a transformer over volumes that keeps every activation until the backward pass."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Any, ClassVar

from ...analyzer.findings import Confidence, Evidence, Finding, Level
from ...analyzer.flow.layers.activations import GIB, swin_stages
from ...analyzer.flow.settings import settings_of
from ...analyzer.flow.values.frames import Operand
from ...analyzer.graph.graphs import is_test
from ...analyzer.graph.project import Project
from ...analyzer.graph.symbols import Symbol
from ...analyzer.rule import Proof, Rule
from ...analyzer.source.module import Module
from ...analyzer.source.nodes import walk
from ._no_checkpointing_cases import INVALID, VALID

_SWIN = {"monai.networks.nets.SwinUNETR", "monai.networks.nets.swin_unetr.SwinUNETR"}
_CROPS = {"RandCropByPosNegLabeld", "RandSpatialCropd", "RandSpatialCropSamplesd", "RandCropByLabelClassesd"}
_CHECKPOINTS = re.compile(r"utils\.checkpoint|checkpoint_sequential|use_checkpoint|grad\w*_checkpoint|with_cp")
_ATTENDS = re.compile(r"[sS]oftmax|MultiheadAttention|scaled_dot_product_attention")
_LINES_UP = re.compile(r"\bflatten\(|[rR]earrange\(|\.transpose\(|\.permute\(")
"""What a module of patches does with what it has cut: one token after the other."""
_BUDGET = 8 * GIB
_FEATURES, _DEPTHS, _HEADS, _WINDOW, _PATCH = 24.0, (2, 2, 2, 2), (3, 6, 12, 24), 7, 2
_NO_FIX = (
    "run the blocks through `torch.utils.checkpoint.checkpoint(block, x, use_reentrant=False)` in `forward`, while the "
    "module trains: each block keeps its input alone, and is computed twice"
)


class NoCheckpointing(Rule):
    """What it does
    ------------
    Estimates what a transformer over dense volumes keeps for its backward pass. Of MONAI's ``SwinUNETR`` without
    ``use_checkpoint=True`` it knows all numbers once the crop and the width are written down, and reports what passes
    8 GiB a step. Networks of the project that cut volumes into tokens (a ``Conv3d`` whose stride is its kernel, their
    own or that of a module of patches) and run blocks of attention over them, with no checkpointing anywhere in their
    files, are reported with low confidence: how many tokens there are is seldom known before a run.

    Why it is bad
    -------------
    The tokens of a volume grow with the third power of its side: at 96 voxels and patches of 2 the first stage has
    110592, and each of its blocks keeps the attention of each to its window. With checkpointing a block keeps its
    input, for about a third more computing. MONAI 1.6's network, for a crop of 64 voxels at width 24, saves 1.05 GiB
    for the backward pass as it is, and 0.42 GiB with its switch on.

    What you see
    ------------
    Out of memory at batch sizes of 1 or 2, or crops made small until training fits.

    Example
    -------
    Bad::

        model = SwinUNETR(in_channels=1, out_channels=14, feature_size=48)

    Good::

        model = SwinUNETR(in_channels=1, out_channels=14, feature_size=48, use_checkpoint=True)

    Fix safety
    ----------
    Unsafe: the same numbers, for a third more time. A network of the project gets advice, since its ``forward``
    decides what is computed again; dropout is repeated the same, batch statistics are updated twice.

    References
    ----------
    - https://docs.pytorch.org/docs/stable/checkpoint.html
    - Chen et al. 2016, Training Deep Nets with Sublinear Memory Cost
    - Hatamizadeh et al. 2022, Swin UNETR
    """

    name: ClassVar[str] = "no-checkpointing"
    code: ClassVar[str] = "MLF304"
    level: ClassVar[Level] = Level.WASTES
    symptom: ClassVar[str] = (
        "Out of memory at batch sizes of 1 or 2, or crops that were made small until training fits."
    )
    proof: ClassVar[Proof] = Proof(
        "memory", "what one forward pass saves, as the probe lists it by line: how much is too much depends on the card"
    )
    triggers: ClassVar[tuple[bytes, ...]] = (b"Conv3d", b"SwinUNETR")
    VALID = VALID
    INVALID = INVALID

    def check(self, module: Module, project: Project) -> Iterator[Finding]:
        """Networks that are made in the file, and those that are written in it."""
        if is_test(module.path):
            return
        for call in module.calls():
            if project.external(module, call.func) in _SWIN:
                yield from self._of_monai(module, project, call)
        for klass in module.facts.classes:
            yield from self._of_project(module, project, klass.qualname)

    def _of_monai(self, module: Module, project: Project, call: ast.Call) -> Iterator[Finding]:
        given = {k.arg: k.value for k in call.keywords if k.arg is not None}
        if "use_checkpoint" in given or any(k.arg is None for k in call.keywords) or not _trains(project, module):
            return
        crop = _crop(module, project, given.get("img_size"))
        width = (
            _numbers(project, project.flow.operand(module, given["feature_size"])) if "feature_size" in given else []
        )
        dim = width[0] if len(width) == 1 else _FEATURES if "feature_size" not in given else 0.0
        if crop is None or not dim:
            return
        sides, samples, shown = crop
        kept = samples * sum(s.kept for s in swin_stages(sides, _PATCH, dim, _DEPTHS, _HEADS, _WINDOW))
        if kept < _BUDGET:
            return
        size = " x ".join(f"{side:g}" for side in sides)
        yield self.finding(
            module,
            call,
            f"the transformer keeps about {kept / GIB:.0f} GiB a step for {samples:g} crops of {size} voxels",
            evidence=[
                module.evidence(call, f"width {dim:g}, and no `use_checkpoint=True`"),
                shown,
                module.evidence(
                    call, f"{sides[0] * sides[1] * sides[2] / _PATCH**3:g} tokens a crop in the first stage"
                ),
            ],
            confidence=Confidence.MEDIUM,
            repair={"call": module.span(call)},
        )

    def _of_project(self, module: Module, project: Project, qualname: str) -> Iterator[Finding]:
        scope = module.scope_named(qualname)
        if scope is None or not project.flow.calls.is_module(Symbol(module.path, qualname)):
            return
        if _CHECKPOINTS.search(module.text):
            return
        patches = _patches(module, project, scope.node)
        blocks = _blocks(module, project, scope.node) if patches is not None else None
        if patches is None or blocks is None:
            return
        block, home = blocks
        if patches is block:
            return  # a class of the project that has both, and is looked at by itself
        if _CHECKPOINTS.search(home.text):
            return
        yield self.finding(
            module,
            scope.node,
            f"`{qualname}` keeps every activation of its blocks over volumes: there is no checkpointing",
            evidence=[
                module.evidence(patches, f"`{module.snippet(patches)}` cuts a volume into tokens"),
                module.evidence(block, f"`{module.snippet(block)}`: blocks of attention over them, in `{home.path}`"),
            ],
            confidence=Confidence.LOW,
            no_fix=_NO_FIX,
        )


def _trains(project: Project, module: Module) -> bool:
    """Whether a file, or one that imports it, goes backward."""
    paths = {module.path, *project.graphs.importers_of(module.path)}
    return any(call.callee.endswith(".backward") for path in paths for call in project.files[path].calls)


def _numbers(project: Project, op: Operand) -> list[float]:
    found = [known.what.number for known in settings_of(project, op)]
    return [n for n in found if n is not None]


def _crop(module: Module, project: Project, size: ast.expr | None) -> tuple[list[float], float, Evidence] | None:
    """The sides of what is trained on, how many a batch holds, and the line that says so; None where not known."""
    for call in module.calls():
        name = (project.external(module, call.func) or "").rpartition(".")[2]
        given: dict[str | None, Any] = {k.arg: k.value for k in call.keywords}
        sides = _sides(module, project, given.get("spatial_size") or given.get("roi_size")) if name in _CROPS else None
        if sides is not None:
            samples = (
                _numbers(project, project.flow.operand(module, given["num_samples"]))
                if "num_samples" in given
                else [1.0]
            )
            batch = min(_batches(module, project), default=1.0)
            if len(samples) == 1:
                return sides, samples[0] * batch, module.evidence(call, f"crops for training: `{module.snippet(call)}`")
    sides = _sides(module, project, size)
    batches = _batches(module, project)
    if sides is None or size is None or not batches:
        return None
    return sides, min(batches), module.evidence(size, f"volumes of `{module.snippet(size)}`, {min(batches):g} a batch")


def _batches(module: Module, project: Project) -> list[float]:
    found: list[float] = []
    for call in module.calls():
        last = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        for keyword in call.keywords if last.endswith("DataLoader") else ():
            if keyword.arg == "batch_size":
                found += _numbers(project, project.flow.operand(module, keyword.value))
    return found


def _sides(module: Module, project: Project, node: ast.expr | None) -> list[float] | None:
    """Three numbers of a tuple, by themselves or through names and settings."""
    if node is None:
        return None
    op = project.flow.operand(module, node)
    literals = (
        [op]
        if isinstance(node, (ast.Tuple, ast.List))
        else [s.operand for s in project.flow.sources(op) if s.operand is not None]
    )
    for literal in literals:
        if isinstance(literal.node, (ast.Tuple, ast.List)) and len(literal.node.elts) == 3:
            numbers = [_numbers(project, literal.sub(e)) for e in literal.node.elts]
            if all(len(set(n)) == 1 for n in numbers):
                return [n[0] for n in numbers]
    return None


def _patches(module: Module, project: Project, klass: ast.AST) -> ast.Call | None:
    """What cuts volumes into tokens in a class: a layer of its own, else a module of the project that lines tokens up.

    Of another module a kernel of 2 or 3 says nothing: convolutional networks halve their volumes so.
    """
    made: list[ast.Call] = []
    for node in walk(klass):
        if isinstance(node, ast.Call):
            if _cuts(module, project, node):
                return node
            made.append(node)
    for call in made:
        symbol = project.resolve(module, call.func)
        if not isinstance(symbol, Symbol) or project.symbols.klass(symbol) is None:
            continue
        home = project.try_module(symbol.path)
        scope = home.scope_named(symbol.qualname) if home is not None else None
        if home is None or scope is None or not scope.is_class or "Conv3d" not in home.text:
            continue
        if not _LINES_UP.search(home.segment(scope.node)):
            continue
        for inner in walk(scope.node):
            if isinstance(inner, ast.Call) and _cuts(home, project, inner, least=4):
                return call
    return None


def _cuts(module: Module, project: Project, call: ast.Call, least: int = 2) -> bool:
    """``Conv3d(c, dim, p, stride=p)``: each voxel in one token. A kernel that is a number is at least so large."""
    given = {k.arg: k.value for k in call.keywords}
    kernel = given.get("kernel_size", call.args[2] if len(call.args) > 2 else None)
    stride = given.get("stride", call.args[3] if len(call.args) > 3 else None)
    if kernel is None or stride is None or ast.unparse(kernel) != ast.unparse(stride):
        return False
    if isinstance(kernel, ast.Constant) and isinstance(kernel.value, int) and kernel.value < least:
        return False
    return (project.external(module, call.func) or "").rpartition(".")[2] == "Conv3d"


def _blocks(module: Module, project: Project, klass: ast.AST) -> tuple[ast.Call, Module] | None:
    """A call in a network's class that makes its blocks: a module of the project with attention, or their maker."""
    for node in walk(klass):
        symbol = project.resolve(module, node.func) if isinstance(node, ast.Call) else None
        if not isinstance(node, ast.Call) or not isinstance(symbol, Symbol):
            continue
        home = _attending(project, symbol, 2)
        if home is not None:
            return node, home
    return None


def _attending(project: Project, symbol: Symbol, depth: int) -> Module | None:
    """The file of a class or function of the project that computes attention, itself or in what it makes."""
    module = project.try_module(symbol.path)
    scope = module.scope_named(symbol.qualname) if module is not None and symbol.qualname else None
    if module is None or scope is None:
        return None
    if scope.is_class and not project.flow.calls.is_module(symbol):
        return None
    if _ATTENDS.search(module.segment(scope.node)):
        return module
    for node in walk(scope.node) if depth > 0 else ():
        inner = project.resolve(module, node.func) if isinstance(node, ast.Call) else None
        if isinstance(inner, Symbol) and inner != symbol and _attending(project, inner, depth - 1) is not None:
            return module
    return None
