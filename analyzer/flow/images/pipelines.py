"""Transforms that are composed and applied: which of their steps move pixels by chance."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from ...source.nodes import walk
from ...source.scopes import Scope, last_name
from ..values.construction import Constructions
from ..values.frames import Operand
from ..values.functions import own_calls
from ..values.tensors import constant

if TYPE_CHECKING:
    from ...graph.project import Project
    from ...source.module import Module
    from ...source.syntax import Syntax

_RANDOM = frozenset(
    {
        *("RandomHorizontalFlip", "RandomVerticalFlip", "RandomRotation", "RandomCrop", "RandomResizedCrop"),
        *("RandomAffine", "RandomPerspective", "ElasticTransform", "RandomZoomOut", "RandomIoUCrop", "RandomSizedCrop"),
    }
)
_ALBUMENTATIONS = frozenset(
    {
        *("HorizontalFlip", "VerticalFlip", "Flip", "Rotate", "RandomRotate90", "Transpose", "ShiftScaleRotate"),
        *("Affine", "Perspective", "ElasticTransform", "GridDistortion", "OpticalDistortion", "RandomCrop"),
        *("RandomResizedCrop", "RandomSizedCrop", "CropNonEmptyMaskIfExists", "PiecewiseAffine", "SafeRotate", "D4"),
    }
)
_WRAPPERS = frozenset({"Compose", "RandomApply", "RandomChoice", "RandomOrder", "Sequential", "OneOf", "SomeOf"})
_SEEDING = re.compile(
    r"seed|rng_state|set_state|setstate|getstate|get_state|get_params|fork_rng|to_deterministic", re.I
)
_TARGET = re.compile(
    r"mask|segm|(?:^|_)seg(?:$|_)|label|(?:^|_)gt(?:$|_)|ground_?truth|annot|(?:^|_)lbls?(?:$|_)", re.I
)


class Applied(NamedTuple):
    """A call of a composed transform: what it is given, and its random steps that move pixels."""

    call: ast.Call
    given: ast.expr
    motions: tuple[Operand, ...]
    library: str


class Apart(NamedTuple):
    """An image and its mask that go through random transforms one after the other."""

    image: Applied
    target: Applied
    step: Operand
    is_same: bool


def may_apply_pipeline(syntax: Syntax) -> bool:
    """Whether some call of a file is given a mask alone, or an image alone by its name."""
    return any(_takes_mask(call) or _takes_image(call) for call in syntax.calls)


def _takes_mask(call: ast.Call) -> bool:
    return len(call.args) == 1 and not call.keywords and _is_target(call.args[0])


def _takes_image(call: ast.Call) -> bool:
    return not call.args and len(call.keywords) == 1 and call.keywords[0].arg == "image"


def drawn_apart(module: Module, project: Project) -> Iterator[Apart]:
    """Pairs of calls in one function that draw the geometry of an image and of its mask separately.

    Nothing is told where the function seeds or restores a random state, which is how one draw is shared.
    """
    if not any(_takes_mask(call) for call in module.syntax.calls):
        return
    for scope in module.scopes():
        if not isinstance(scope.node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        calls = own_calls(scope)
        candidates = [
            c for c in calls if len(c.args) == 1 and not c.keywords and not isinstance(c.args[0], ast.Starred)
        ]
        targets = [c for c in candidates if _is_target(c.args[0])] if len(candidates) > 1 else []
        if not targets or len(targets) == len(candidates) or any(_SEEDING.search(last_name(c.func)) for c in calls):
            continue
        masks = _all_applied(targets, module, project)
        if masks:
            pictures = _all_applied([c for c in candidates if c not in targets], module, project)
            yield from _pairs(pictures, masks, module)


def _all_applied(calls: list[ast.Call], module: Module, project: Project) -> list[Applied]:
    return [a for c in calls if (a := _applied(c, c.args[0], module, project)) is not None]


def without_targets(module: Module, project: Project) -> Iterator[tuple[Applied, str]]:
    """Calls of albumentations pipelines with the image alone, and the target that is returned beside it."""
    if not any(_takes_image(call) for call in module.syntax.calls):
        return
    for scope in module.scopes():
        if not isinstance(scope.node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        for call in own_calls(scope):
            if not _takes_image(call):
                continue
            given = call.keywords[0].value
            applied = _applied(call, given, module, project)
            if applied is None or applied.library != "albumentations" or not applied.motions:
                continue
            target = _returned_target(scope, call)
            if target:
                yield applied, target


def _applied(call: ast.Call, given: ast.expr, module: Module, project: Project) -> Applied | None:
    steps: list[Operand] = []
    library = ""
    for made in Constructions(project.flow).evaluate(project.flow.operand(module, call.func)):
        of = made.what.of
        if not isinstance(of, str) or of.rpartition(".")[2] not in _WRAPPERS | _RANDOM | _ALBUMENTATIONS:
            continue
        library = of.partition(".")[0]
        if library in ("torchvision", "albumentations"):
            steps += _motions(made.what.call, project, library)
    return Applied(call, given, tuple(steps), library) if library in ("torchvision", "albumentations") else None


def _motions(made: Operand, project: Project, library: str, depth: int = 0) -> list[Operand]:
    """The random steps of a pipeline that move pixels, those inside of others included."""
    node = made.node
    if not isinstance(node, ast.Call) or depth > 4:
        return []
    name = (project.external(made.module, node.func) or "").rpartition(".")[2]
    if name in _WRAPPERS and node.args:
        found: list[Operand] = []
        for element in _elements(made.sub(node.args[0]), project):
            found += _motions(element, project, library, depth + 1)
        return found
    wanted = _RANDOM if library == "torchvision" else _ALBUMENTATIONS
    never = any(k.arg == "p" and constant(k.value) == 0 for k in node.keywords)
    still = name == "RandomRotation" and bool(node.args) and constant(node.args[0]) == 0
    return [made] if name in wanted and not never and not still else []


def _elements(op: Operand, project: Project) -> list[Operand]:
    if isinstance(op.node, (ast.List, ast.Tuple)):
        return [op.sub(e) for e in op.node.elts if not isinstance(e, ast.Starred)]
    found: list[Operand] = []
    for source in project.flow.sources(op):
        if source.operand is not None and not source.index and isinstance(source.operand.node, (ast.List, ast.Tuple)):
            found += _elements(source.operand, project)
    return found


def _pairs(images: list[Applied], targets: list[Applied], module: Module) -> Iterator[Apart]:
    for target in targets:
        for image in images:
            step = next(iter((*image.motions, *target.motions)), None)
            if step is None or _exclude(image.call, target.call, module):
                continue
            same = ast.unparse(image.call.func) == ast.unparse(target.call.func)
            yield Apart(image, target, step, same)
            break


def _is_target(node: ast.expr) -> bool:
    """Whether a value is a mask by its name, or by that of what it is read from."""
    return any(_TARGET.search(last_name(n)) for n in walk(node) if isinstance(n, (ast.Name, ast.Attribute)))


def _exclude(one: ast.Call, other: ast.Call, module: Module) -> bool:
    """Whether two calls stand in different branches of one condition."""
    branches: dict[int, ast.AST] = {}
    below: ast.AST = one
    for above in module.ancestors(one):
        if isinstance(above, ast.If):
            branches[id(above)] = below
        below = above
    below = other
    for above in module.ancestors(other):
        if isinstance(above, ast.If) and id(above) in branches:
            first, second = (any(b is s for s in above.body) for b in (branches[id(above)], below))
            if first != second:
                return True
        below = above
    return False


_COORDINATES = re.compile(r"mask|box|keypoint|kpts?$|polygon|landmark|corners|quads?$", re.I)


def _returned_target(scope: Scope, call: ast.Call) -> str:
    """A name or key of coordinates or masks that the function returns, and that the call has not made."""
    for node in ast.walk(scope.node):
        if not isinstance(node, ast.Return) or not isinstance(node.value, (ast.Tuple, ast.Dict)):
            continue
        for name in [n.id for n in ast.walk(node.value) if isinstance(n, ast.Name)]:
            if not _COORDINATES.search(name):
                continue
            lines = [getattr(b.node, "lineno", 0) for b in scope.bindings.get(name, ())]
            if lines and max(lines) < call.lineno:
                return name
    return ""
