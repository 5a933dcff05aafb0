"""Training loops, and what a program does against large steps: clipped gradients and a warm-up of the rate.

Absence is a claim about everything that takes part in a run, so it is read broadly: any word for clipping or warm-up in
the training file, in what it imports or is imported by, or in a configuration counts as presence.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from enum import Enum
from typing import NamedTuple

from ...findings import Evidence
from ...graph.graphs import is_test
from ...graph.project import Project
from ...graph.symbols import Symbol
from ...source.module import Module
from ...source.nodes import walk
from ...source.reader import Unreadable
from ...source.scopes import Scope
from ..precision.ambient import entered
from ..settings import settings_of
from ..values.construction import Constructions
from ..values.frames import Frame, Operand
from ..values.functions import own_calls

_CLIPS = re.compile(
    rb"clip_?\w{0,12}(?:grad|norm|value)|(?:grad|norm)\w{0,14}_?clip|max_grad_?norm|max_norm|\bagc\b|zclip|autoclip|clamp_?grad"
    rb"|\bgrad\w*\.(?:data\.)?(?:clamp|clip)|(?:^|[\s\"'.])clip\s*[:=]|--clip\b|args\.clip|NativeScaler|nan_to_num_?\(.{0,12}grad",
    re.IGNORECASE | re.MULTILINE,
)
_WARMS = re.compile(
    rb"warm|OneCycle|CyclicLR|LambdaLR|LinearLR|SequentialLR|ChainedScheduler|noam|\bRAdam|RAdam\(|d_model\s*\*\*\s*\(?-0?\.5"
    rb"|lr_ramp|ramp_?up_?lr|get_\w*schedule|get_lr\b|schedulefree|AdaFactor|Prodigy|learning_rate_schedule|adjust_learning_rate",
    re.IGNORECASE,
)
_UNLABELED = re.compile(r"unlabel|pseudo|\bulb\b|_ulb|ulb_|consisten|unsup|teacher|_u\b|_u_", re.IGNORECASE)
ADAPTIVE = frozenset({"Adam", "AdamW", "NAdam", "Adamax"})
"""Optimizers that divide by the gradient's own size."""
_DEFAULT = 1e-3
_FOLDERS = {"config", "configs", "conf", "cfg", "cfgs", "scripts", "script", "experiments", "exps", "options", "params"}


class Need(Enum):
    """Why a training asks for smaller steps."""

    SEMI_SUPERVISED = "semi-supervised training"
    POST_NORM = "a post-norm transformer"
    FLOAT16 = "float16 training"


class Loop(NamedTuple):
    """A function that trains by hand: goes backward, and steps an optimizer of ``torch.optim``.

    Attributes:
        module: its file.
        scope: the function.
        step: the call that steps.
        backward: the call that goes backward.
        optimizer: the class of the optimizer.
        made: the call that makes it.
    """

    module: Module
    scope: Scope
    step: ast.Call
    backward: ast.Call
    optimizer: str
    made: Operand


def training_loops(project: Project, module: Module) -> Iterator[Loop]:
    """The training loops of a file, one a function; those of tests are left out."""
    if is_test(module.path):
        return
    for scope in module.scopes():
        if not scope.is_function:
            continue
        calls = own_calls(scope)
        backward = next((c for c in calls if isinstance(c.func, ast.Attribute) and c.func.attr == "backward"), None)
        if backward is None:
            continue
        for call in calls:
            made = _stepped(project, module, call)
            if made is not None:
                yield Loop(module, scope, call, backward, made[0], made[1])
                break


def _stepped(project: Project, module: Module, call: ast.Call) -> tuple[str, Operand] | None:
    """The optimizer that a call steps: ``optimizer.step()`` or ``scaler.step(optimizer)``."""
    if not isinstance(call.func, ast.Attribute) or call.func.attr != "step":
        return None
    for value in (call.func.value, *call.args[:1]):
        for known in Constructions(project.flow).evaluate(project.flow.operand(module, value)):
            of = known.what.of
            if isinstance(of, str) and of.startswith("torch.optim.") and "lr_scheduler" not in of:
                return known.what.name, known.what.call
    return None


def needs(project: Project, loop: Loop) -> dict[Need, Evidence]:
    """What about a training asks for clipping or a warm-up, each with the line that shows it."""
    found: dict[Need, Evidence] = {}
    stream = _second_stream(project, loop)
    if stream is not None:
        found[Need.SEMI_SUPERVISED] = loop.module.evidence(
            stream, "batches without labels come from a stream of their own"
        )
    layer = _post_norm(project, loop)
    if layer is not None:
        found[Need.POST_NORM] = layer
    half = _float16(project, loop)
    if half is not None:
        found[Need.FLOAT16] = half
    return found


def _second_stream(project: Project, loop: Loop) -> ast.AST | None:
    """The second source of batches of a loop that speaks of unlabeled data: ``next(it)``, or a loader zipped in."""
    if not _UNLABELED.search(loop.module.segment(loop.scope.node)):
        return None
    for node in walk(loop.scope.node):
        if not isinstance(node, (ast.For, ast.While)):
            continue
        source = node.iter if isinstance(node, ast.For) else None
        pulls = [c for s in node.body for c in walk(s) if isinstance(c, ast.Call) and _pulls(c)]
        pulls = [c for c in pulls if _UNLABELED.search(_statement_text(loop.module, c))]
        goes_backward = any(c is loop.backward for s in node.body for c in walk(s))
        zipped = _zipped(project, loop, source) if source is not None and goes_backward else None
        if isinstance(node, ast.For) and zipped is not None:
            words = loop.module.segment(node.target) + " " + loop.module.segment(zipped)
            if _UNLABELED.search(words):
                return zipped
        if pulls and goes_backward:
            return pulls[0]
    return None


def _zipped(project: Project, loop: Loop, source: ast.expr) -> ast.expr | None:
    """The ``zip`` of several loaders that a loop runs over, itself or by a name of the same function."""
    for node in walk(source):
        if _is_zip(node) and isinstance(node, ast.expr):
            return node
        if isinstance(node, ast.Name):
            for found in project.flow.sources(Operand(node, Frame(loop.module, loop.scope))):
                made = found.operand
                if made is not None and made.frame.scope is loop.scope and _is_zip(made.node):
                    return made.node
    return None


def _statement_text(module: Module, call: ast.Call) -> str:
    return module.segment(module.statement(call)) if not isinstance(module.statement(call), ast.For) else ""


def _pulls(call: ast.Call) -> bool:
    name = call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")
    return name in ("next", "__next__")


def _is_zip(node: ast.AST) -> bool:
    name = getattr(getattr(node, "func", None), "id", "")
    return isinstance(node, ast.Call) and name in ("zip", "zip_longest") and len(node.args) > 1


def _post_norm(project: Project, loop: Loop) -> Evidence | None:
    """Where the optimized network has torch's own transformer with its default, normalisation after each block."""
    given = loop.made.node
    assert isinstance(given, ast.Call)
    parameters = given.args[0] if given.args else next((k.value for k in given.keywords if k.arg == "params"), None)
    if not isinstance(parameters, ast.Call) or not isinstance(parameters.func, ast.Attribute):
        return None
    if parameters.func.attr != "parameters":
        return None
    for klass in project.flow.classes.of(loop.made.sub(parameters.func.value)):
        for base in project.symbols.ancestry(klass):
            module = project.try_module(base.path) if isinstance(base, Symbol) else None
            scope = module.scope_named(base.qualname) if module is not None and isinstance(base, Symbol) else None
            for node in walk(scope.node) if scope is not None else ():
                if module is None or not isinstance(node, ast.Call):
                    continue
                name = project.external(module, node.func) or ""
                if name.startswith("torch.nn.") and name.endswith((".TransformerEncoderLayer", ".Transformer")):
                    first = next((k.value for k in node.keywords if k.arg == "norm_first"), None)
                    if first is None or (isinstance(first, ast.Constant) and not first.value):
                        return module.evidence(node, "torch's transformer normalises after each block by default")
    return None


def _float16(project: Project, loop: Loop) -> Evidence | None:
    for node in walk(loop.scope.node):
        for item in node.items if isinstance(node, (ast.With, ast.AsyncWith)) else ():
            for around in entered(project.flow, project.flow.operand(loop.module, item.context_expr)):
                autocast = around.autocast
                if autocast is not None and autocast.is_on and autocast.type == "float16" and not autocast.switch:
                    return loop.module.evidence(node, "the forward pass runs in float16")
    return None


def first_rate(project: Project, loop: Loop) -> float:
    """The learning rate that an optimizer starts with, the smallest that it may be; 0 where it is not known."""
    call = loop.made.node
    assert isinstance(call, ast.Call)
    given = next((k.value for k in call.keywords if k.arg == "lr"), call.args[1] if len(call.args) > 1 else None)
    if given is None:
        return 0.0 if any(k.arg is None for k in call.keywords) else _DEFAULT
    numbers = [known.what.number for known in settings_of(project, loop.made.sub(given))]
    return min((n for n in numbers if n is not None), default=0.0)


class Calming(NamedTuple):
    """Whether anything that takes part in a training speaks of clipping or of a warm-up; ``files`` were looked at."""

    clips: bool
    warms: bool
    files: int


def calming(project: Project, loop: Loop) -> Calming:
    """What a run of a training loop may do against large steps, read broadly."""
    path = loop.module.path
    files = {path, *project.graphs.importers_of(path)}
    for importer in tuple(files):
        files |= project.graphs.imported_by(importer)
    files |= set(_configs(project, files))
    clips = warms = False
    for name in sorted(files):
        try:
            text = project.read_other(name)
        except (Unreadable, OSError):
            continue
        clips = clips or _CLIPS.search(text) is not None
        warms = warms or _WARMS.search(text) is not None
        if clips and warms:
            break
    return Calming(clips, warms, len(files))


def _configs(project: Project, files: set[str]) -> Iterator[str]:
    """The configurations and scripts that may belong to some files: beside them, at the root, in folders for them."""
    homes = {path.partition("/")[0] for path in files if "/" in path} | _FOLDERS
    for path in project.data_files:
        folder, slash, _ = path.partition("/")
        if path.endswith((".yaml", ".yml", ".json", ".toml", ".sh", ".gin", ".ini")) and (not slash or folder in homes):
            yield path
