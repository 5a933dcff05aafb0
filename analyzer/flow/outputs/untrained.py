"""Parts of a module that no loss ever reaches: built and never called, or called for a result that nobody trains on."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from ...findings import Evidence
from ...graph.graphs import is_test
from ...graph.project import CallSite, Project
from ...graph.symbols import Symbol
from ...source.module import Module
from ...source.reader import Unreadable
from ...source.scopes import Kind
from ..values.functions import returned
from .gradients import is_off
from .parts import Part, called_parts, parts_of
from .sites import calls_of_module
from .takers import How, Output, Takers
from .uses import Use, uses_elsewhere, uses_in

_SEQUENTIAL = frozenset(
    {"torch.nn.Sequential", "torch.nn.ModuleList", "torch.nn.ModuleDict", "torch.nn.modules.container.Sequential"}
)
_MOST_FILES = 1500
"""Files of a project that are searched for readers of a part; a larger one's unread parts are not asked about."""
_TRAINING = ("backward", "manual_backward", "fit", "train", "train_batch", "fit_one_cycle", "value_and_grad")
_WALKING = re.compile(rb"\.(?:named_)?children\(|\._modules\b|\b__dict__\b")
_FREEZING = re.compile(rb"requires_grad_?\s*(?:\(\s*False|=\s*False)")


@dataclass(frozen=True)
class Untrained:
    """A part without a gradient.

    ``calls`` are the calls of it inside its class ((): never called), ``evidence`` what shows it, ``output`` the key
    under which ``forward`` returns its result, ``site`` a call of the model in training, ``backward`` where that call's
    other outputs start the backward pass.
    """

    part: Part
    calls: tuple[tuple[Module, ast.Call], ...]
    evidence: tuple[Evidence, ...]
    output: int | str | None = None
    site: tuple[Module, ast.Call] | None = None
    backward: tuple[Module, ast.AST] | None = None


def never_called(module: Module, project: Project) -> Iterator[Untrained]:
    """The parts of one file's modules that are built, and called by no program of the project."""
    if len(project.files) > _MOST_FILES:
        return
    names: dict[str, set[str]] = {}
    for entry in module.facts.unread:
        owner, _, name = entry.rpartition(".")
        names.setdefault(owner, set()).add(name)
    for owner, unread in names.items():
        klass = Symbol(module.path, owner)
        if not _is_whole_module(klass, project):
            continue
        if not any(not is_test(path) for path in _makings(klass, project)):
            continue
        texts = _Texts(project, klass)
        for part in parts_of(klass, project, unread.__contains__):
            if not part.has_weights(project):
                continue
            if uses_in(part, module, project) != [] or texts.walks_children() or texts.freezes(part.name):
                continue
            if uses_elsewhere(part, texts.files_with(part.name), project) == [] and _trains(project):
                yield _never_called(part, project)


def never_trained(project: Project) -> Iterator[Untrained]:
    """The parts of the project's modules that are called for results which no loss takes in."""
    if not project.possible_call_sites("backward") and not _has_training_step(project):
        return
    for path, facts in project.files.items():
        for klass in (Symbol(path, c.qualname) for c in facts.classes if "__init__" in c.methods):
            if not _may_return_several(klass, project):
                continue
            # A part of its own is set somewhere in the file, by a plain assignment to an attribute.
            called = called_parts(klass, facts) & facts.attributes
            if not called or not _is_made_whole(klass, project) or not _is_whole_module(klass, project):
                continue
            if _returns_several(klass, project):
                texts = _Texts(project, klass)
                found = (_judged(part, texts, project) for part in parts_of(klass, project, called.__contains__))
                yield from (f for f in found if f is not None)


def _trains(project: Project) -> bool:
    """Whether anything of the project trains: it starts a backward pass, or leaves that to a trainer."""
    called = any(project.possible_call_sites(name) for name in _TRAINING)
    return called or _has_training_step(project)


def _has_training_step(project: Project) -> bool:
    return any("training_step" in c.methods for f in project.files.values() for c in f.classes)


def _is_whole_module(klass: Symbol, project: Project) -> bool:
    """Whether a class is a module whose ``forward`` is here to be read."""
    return (
        project.flow.calls.is_module(klass)
        and not project.symbols.is_subclass(klass, _SEQUENTIAL)
        and _has_own_forward(klass, project)
    )


def _is_made_whole(klass: Symbol, project: Project) -> bool:
    """Whether instances are made outside of other modules' constructors."""
    return any(_is_whole(site, project) for site in project.call_sites(klass))


def _is_whole(site: CallSite, project: Project) -> bool:
    """Whether a place makes a model of its own, and not a block of another one."""
    if is_test(site.path):
        return False
    owner = Symbol(site.path, site.scope.rpartition(".")[0])
    klass = project.symbols.klass(owner)
    return klass is None or "training_step" in klass.methods or not project.flow.calls.is_module(owner)


def _has_own_forward(klass: Symbol, project: Project) -> bool:
    """Whether all code that runs the module is here: ``forward``, and no base of another package but torch's."""
    outside = [b for b in project.symbols.ancestry(klass) if isinstance(b, str)]
    plain = all(b.startswith(("torch.nn.", "pytorch_lightning.", "lightning.")) or b == "object" for b in outside)
    forward = project.symbols.method(klass, "forward") if plain else None
    opened = project.flow.calls.function(forward) if forward is not None else None
    # One that does nothing is there for the form: the module only holds weights, to be read and copied.
    return forward is not None and not (opened is not None and all(map(_is_nothing, _body(opened[1].node))))


def _body(function: ast.AST) -> list[ast.stmt]:
    return function.body if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)) else []


def _is_nothing(statement: ast.stmt) -> bool:
    is_text = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    return is_text or isinstance(statement, (ast.Pass, ast.Raise))


class _Texts:
    """The files of a project as text, for one class: who may read its parts."""

    def __init__(self, project: Project, klass: Symbol) -> None:
        self.project = project
        self.klass = klass
        self.name = klass.qualname.rpartition(".")[2]

    def files_with(self, word: str) -> list[str]:
        """The project's files that may read an attribute of such an instance, or look it up by its name."""
        name = re.escape(word.encode())
        outside = re.compile(rb"(?<!self)\." + name + rb"\b|[\"']" + name + rb"[\"']")
        inside = re.compile(rb"self\." + name + rb"\b")
        above = {b.path for b in self.project.symbols.ancestry(self.klass) if isinstance(b, Symbol)}
        found: list[str] = []
        for path in self.project.files:
            raw = self._raw(path)
            if name in raw and (
                outside.search(raw) or ((path in above or self.name.encode() in raw) and inside.search(raw))
            ):
                found.append(path)
        return found

    def walks_children(self) -> bool:
        """Whether a file that knows the class takes modules apart, so that a part may be called without its name."""
        own = self._raw(self.klass.path)
        if _WALKING.search(own):
            return True
        word = self.name.encode()
        return any(_WALKING.search(raw) for raw in map(self._raw, self.project.files) if word in raw)

    def freezes(self, part: str) -> bool:
        """Whether code that knows the class switches gradients off for the part, or for all parameters of a model."""
        for path in self.project.files:
            raw = self._raw(path)
            if self.name.encode() not in raw and path != self.klass.path:
                continue
            for match in _FREEZING.finditer(raw):
                around = raw[max(0, raw.rfind(b"\n", 0, max(0, match.start() - 200))) : match.end()]
                if part.encode() in around or not re.search(rb"\.\w+\.(?:named_)?parameters\(", around):
                    return True
        return False

    def _raw(self, path: str) -> bytes:
        try:
            return self.project.sources.read(path)
        except Unreadable:
            return b""


def _judged(part: Part, texts: _Texts, project: Project) -> Untrained | None:
    own = uses_in(part, part.module, project)
    if not own or not part.has_weights(project):  # in this order: what a part is made of may lie some files away
        return None
    passed = _ends_without_loss(own, project)
    if passed is None:
        return None
    other = uses_elsewhere(part, texts.files_with(part.name), project)
    if other is None or texts.freezes(part.name):
        return None
    more = _ends_without_loss(other, project)
    return _never_trained(part, own, [*passed, *more], project) if more is not None else None


def _never_called(part: Part, project: Project) -> Untrained:
    built = part.module.evidence(
        part.binding.node, f"`self.{part.name}` is built here, and read nowhere in the project"
    )
    method = project.symbols.method(part.owner, "forward")
    opened = project.flow.calls.function(method) if method is not None else None
    evidence = [built]
    if opened is not None:
        evidence.append(opened[0].evidence(opened[1].node, f"`forward` of `{part.owner.qualname}` does not call it"))
    return Untrained(part, (), tuple(evidence))


def _makings(klass: Symbol, project: Project) -> list[str]:
    """The files that make an instance of a class or of one that derives from it."""
    if found := [site.path for site in project.call_sites(klass)]:
        return found
    return [site.path for child in project.symbols.derived(klass) for site in project.call_sites(child)]


def _may_return_several(klass: Symbol, project: Project) -> bool:
    """The same as :func:`_returns_several`, by the facts of ``forward`` alone."""
    method = project.symbols.method(klass, "forward")
    return method is not None and method.qualname in project.files[method.path].gives_several


def _returns_several(klass: Symbol, project: Project) -> bool:
    """Whether ``forward`` gives several things back, so that one of them may be left."""
    method = project.symbols.method(klass, "forward")
    opened = project.flow.calls.function(method) if method is not None else None
    if opened is None:
        return False
    values = returned(opened[1])
    for value in list(values):
        if isinstance(value, ast.Name):
            values += [
                b.value for b in opened[1].bindings.get(value.id, []) if b.value is not None and b.kind is Kind.ASSIGN
            ]
    return any(
        (isinstance(v, (ast.Tuple, ast.Dict)) and len(getattr(v, "elts", getattr(v, "keys", ()))) > 0)
        or (isinstance(v, ast.Call) and bool(v.keywords))
        for v in values
    )


def _ends_without_loss(uses: list[Use], project: Project) -> list[Output] | None:
    """What the results of a part pass on their way, where all of it ends without a loss; None otherwise.

    A part that is called without gradients is left alone: on purpose (a moving average), or by an evaluation.
    """
    if any(is_off(project, use.module, use.call) for use in uses):
        return None
    passed: list[Output] = []
    for by_name in (True, False):  # what is taken is most often taken soon
        passed.clear()
        for use in uses:
            takers = Takers(project, by_name)
            if any(end.how in (How.TAKEN, How.BACKWARD) for end in takers.of(use.module, use.call)):
                return None
            passed += takers.passed
    return passed


def _never_trained(part: Part, uses: list[Use], passed: list[Output], project: Project) -> Untrained | None:
    """A part whose results all end without a loss, in a model that is trained by its other results."""
    trained = _trained_by(part, project)
    if trained is None:
        return None
    site, backward = trained
    evidence = (
        part.module.evidence(part.binding.node, f"`self.{part.name}` is built here"),
        *dict.fromkeys(o.evidence for o in passed),
        site[0].evidence(site[1], f"`{site[0].snippet(site[1])}` is called in training"),
        backward[0].evidence(backward[1], "backward starts here, from the other outputs"),
    )
    calls = tuple((u.module, u.call) for u in uses)
    outputs = {o.path for o in passed if o.klass == part.owner}
    path = outputs.pop() if len(outputs) == 1 else ()
    return Untrained(part, calls, evidence, path[0] if len(path) == 1 else None, site, backward)


def _trained_by(part: Part, project: Project) -> tuple[tuple[Module, ast.Call], tuple[Module, ast.AST]] | None:
    """A sure call of the model in training, with the ``backward`` that its result reaches."""
    for module, call in calls_of_module(project.flow, part.owner).sure:
        if is_off(project, module, call) or is_test(module.path):
            continue
        for end in Takers(project).of(module, call):
            if end.how is How.BACKWARD and not is_test(end.module.path):
                return (module, call), (end.module, end.node)
    return None
