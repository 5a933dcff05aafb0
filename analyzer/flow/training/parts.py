"""The functions that make a program's model, batch and loss again, as code for another file."""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable
from dataclasses import dataclass, field

from ...graph.project import Project
from ...source.quiet import parse_quietly
from ...source.scopes import last_name
from ...source.written import written
from ..values.frames import Frame
from .names import Imports, runs_when_imported
from .slices import Part, local_names, slice_before, stored
from .step import Level, Step, Unclear, find_step

RESERVED = (
    *("ROOT", "PROGRAM", "BACKWARDS", "STEPS", "LOSS_FACTOR", "LEARNING_RATE", "SEED"),
    *("make_model", "make_batch", "loss_of", "settings_of_loss", "trainable", "in_the_project"),
)
_PROGRESS = frozenset({"tqdm", "track", "trange", "progress_bar"})


@dataclass(frozen=True)
class Body:
    """The lines of a function, or why there are none."""

    lines: tuple[str, ...] = ()
    reason: str = ""


@dataclass(frozen=True)
class Parts:
    """What is written: bodies, what ``loss_of`` needs besides (``settings``, by name), imports and their folders."""

    program: str
    place: str
    model: Body
    batch: Body
    loss: Body
    settings: Body = field(default_factory=Body)
    names: tuple[str, ...] = ()
    imports: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()


def find_parts(project: Project, program: str | None) -> Parts:
    """What the program's model, one batch and the loss of its training step are made of. Nothing of it is run."""
    try:
        step = find_step(project, program)
    except Unclear as unclear:
        none = Body(reason=str(unclear))
        return Parts(program or "", "", none, none, none)
    return _Writer(project, step).parts()


class _Writer:
    """Follows one training step's values up to the program's start."""

    def __init__(self, project: Project, step: Step) -> None:
        self.project = project
        self.step = step
        self.script = self._unguarded()
        self.imports = self._new_imports()

    def parts(self) -> Parts:
        """Each of the three, on its own: one that is unclear leaves the others."""
        model = self._try(self._model)
        batch = self._try(self._batch)
        found: list[Body] = []
        names: list[str] = []

        def loss() -> tuple[str, ...]:
            settings, wanted, lines = self._loss()
            found.append(Body(settings))
            names.extend(wanted)
            return lines

        body = self._try(loss)
        return Parts(
            self._program(), self.step.place, model, batch, body, found[0] if found else Body(), tuple(names),
            tuple(sorted(set(self.imports.lines.values()))), tuple(self.imports.folders),
        )  # fmt: skip

    def _unguarded(self) -> str | None:
        """The file whose import would run the program: it starts at the top level, outside of a main guard."""
        first = self.step.levels[0]
        starts = [
            (call, module) for _, call, module in self.project.flow.calls.callers(Frame(first.module, first.scope))
        ]
        if isinstance(first.scope.node, ast.Module):
            starts = [(self._inner(0), first.module)]
        for node, module in starts:
            if not module.qualname(node) and runs_when_imported(module, node):
                return module.path
        return None

    def _new_imports(self) -> Imports:
        return Imports(self.project, RESERVED, self.script)

    def _try(self, make: Callable[[], tuple[str, ...]]) -> Body:
        before = dict(self.imports.lines)
        try:
            return Body(make())
        except Unclear as unclear:
            self.imports.lines = before
            return Body(reason=str(unclear))

    def _program(self) -> str:
        """The script that starts it: the first level's file, or one that imports it where that is none itself."""
        path = self.step.levels[0].module.path
        scripts = self.project.graphs.entry_points()
        return (
            path if path in scripts else next((s for s in scripts if path in self.project.graphs.imported_by(s)), path)
        )

    def _model(self) -> tuple[str, ...]:
        index, model = self._lifted(len(self.step.levels) - 1, self._trained())
        return self._made(index, model)

    def _batch(self) -> tuple[str, ...]:
        _, loader = self._loader()
        if isinstance(loader, ast.Call) and last_name(loader.func) == "range":
            raise Unclear(f"the training loop goes over `{written(loader)}`, which is no loader")
        index, loader = self._lifted(self.step.home, loader)
        lines = self._made(index, loader)
        return (*lines[:-1], f"return next(iter({lines[-1].removeprefix('return ')}))")

    def _made(self, index: int, value: ast.expr) -> tuple[str, ...]:
        level = self.step.levels[index]
        lines = self._before(index, local_names(level, value), self._inner(index))
        self.imports.need(level, [value])
        return (*lines, f"return {written(value)}")

    def _loss(self) -> tuple[tuple[str, ...], list[str], tuple[str, ...]]:
        last, home = len(self.step.levels) - 1, self.step.home
        index, model = self._lifted(last, self._trained(), home)
        if index != home:
            raise Unclear("the step's model does not come from outside of the loop over the batches")
        self._batch()
        target, _ = self._loader()
        lines, needs = self._inside(last, self.step.loss, self.step.backward)
        first: list[str] = []
        own = stored(target)
        level = self.step.levels[home]
        if isinstance(model, ast.Attribute):
            first.append(f"{written(model)} = model")
            needs |= local_names(level, model)
        elif isinstance(model, ast.Name):
            own |= {model.id}
            if model.id != "model":
                first.append(f"{model.id} = model")
        else:
            raise Unclear(f"the model is `{written(model)}`, which is no variable")
        if written(target) != "batch":
            first.append(f"{written(target)} = batch")
        if isinstance(self.step.loop.target, ast.Tuple) and self._is_enumerated():
            counter = self.step.loop.target.elts[0]
            if isinstance(counter, ast.Name) and counter.id in needs:
                first.append(f"{counter.id} = 0")
                own |= {counter.id}
        wanted = sorted(n for n in needs - own if self._has_value_before(level, n))
        if not {"model", "batch"}.isdisjoint(wanted):
            raise Unclear("the training step uses the names `model` or `batch` for something else")
        settings = self._before(home, set(wanted), self.step.loop)
        if isinstance(model, ast.Name) and any(model.id in stored(s) for s in map(parse_quietly, settings)):
            raise Unclear(f"what the loss needs is made from `{model.id}` before the training")
        if settings:
            settings = (*settings, f"return {', '.join(wanted)}")
        elif wanted:
            raise Unclear(f"nothing gives `{wanted[0]}` a value")
        return settings, wanted, (*first, *lines, f"return {written(self.step.loss)}")

    def _has_value_before(self, level: Level, name: str) -> bool:
        """Whether a name has a value before the loop: a parameter, or bound outside of the loop."""
        inside = set(map(id, ast.walk(self.step.loop)))
        return any(id(b.node) not in inside for b in level.scope.bindings.get(name, ()))

    def _inside(self, index: int, value: ast.expr | None, place: ast.AST, names: set[str] | None = None) -> tuple[
        tuple[str, ...], set[str]
    ]:  # fmt: skip
        """The statements of one turn of the loop that a value needs, and what they need from before the loop."""
        level = self.step.levels[index]
        wanted = names if names is not None else local_names(level, value) if value is not None else set()
        if value is not None:
            self.imports.need(level, [value])
        top = self.step.loop if index == self.step.home else None
        part = slice_before(self.project, level, place, wanted, top)
        self.imports.need(level, part.nodes)
        if index == self.step.home:
            return part.lines, set(part.needs)
        up, assigned = self._entered(level, part)
        above = self.step.levels[index].call
        assert above is not None
        lines, needs = self._inside(index - 1, None, above, up)
        return (*lines, *assigned, *part.lines), needs

    def _before(self, index: int, wanted: set[str], place: ast.AST) -> tuple[str, ...]:
        """The statements, from the program's start, that give a level's variables their values at a place."""
        level = self.step.levels[index]
        part = slice_before(self.project, level, place, wanted)
        self.imports.need(level, part.nodes)
        up, assigned = self._entered(level, part)
        if index == 0:
            return (*assigned, *part.lines)
        call = level.call
        assert call is not None
        return (*self._before(index - 1, up, call), *assigned, *part.lines)

    def _entered(self, level: Level, part: Part) -> tuple[set[str], tuple[str, ...]]:
        """The lines that give a level's parameters their values, and the names of the level above that they need."""
        index = self.step.levels.index(level)
        up: set[str] = set()
        pairs: list[tuple[str, str]] = []
        frame = Frame(level.module, level.scope)
        for name in sorted(part.needs & level.parameters):
            value = level.bound.get(name)
            if value is not None:
                above = self.step.levels[index - 1]
                up |= local_names(above, value)
                self.imports.need(above, [value])
            else:
                default = self.project.flow.calls.default_of(name, frame)
                if default is None:
                    raise Unclear(f"nothing in the code says what `{name}` of {level.name} is given")
                value = default.node
                self.imports.need(level, [value])
            if not isinstance(value, ast.Name) or value.id != name:
                pairs.append((name, written(value)))
        if not pairs:
            return up, ()
        return up, (f"{', '.join(n for n, _ in pairs)} = {', '.join(v for _, v in pairs)}",)

    def _inner(self, index: int) -> ast.AST:
        """The place at which a level goes on: the loop, the call of the level below, or the backward pass."""
        if index == self.step.home:
            return self.step.loop
        below = self.step.levels[index + 1].call if index + 1 < len(self.step.levels) else None
        return self.step.backward if below is None else below

    def _lifted(self, index: int, value: ast.expr, least: int = 0) -> tuple[int, ast.expr]:
        """A value that is a parameter, or made of some, as an expression of the level above that gives it."""
        while index > least:
            level = self.step.levels[index]
            names = local_names(level, value)
            if not names or not all(n in level.bound and len(level.scope.bindings[n]) == 1 for n in names):
                break
            value = _Substitution(level.bound).visit(copy.deepcopy(value))
            index -= 1
        return index, value

    def _is_enumerated(self) -> bool:
        call = self.step.loop.iter
        return isinstance(call, ast.Call) and last_name(call.func) == "enumerate"

    def _loader(self) -> tuple[ast.expr, ast.expr]:
        """What one batch is unpacked to, and what the loop goes over, without counters and progress bars."""
        target, source = self.step.loop.target, self.step.loop.iter
        while isinstance(source, ast.Call) and source.args:
            name = last_name(source.func)
            if name == "enumerate" and isinstance(target, ast.Tuple) and len(target.elts) == 2:
                target = target.elts[1]
            elif name not in _PROGRESS:
                break
            source = source.args[0]
        return target, source

    def _trained(self) -> ast.expr:
        """The model in the step: what the loss calls, and what is put in training mode or gives the parameters."""
        level = self.step.levels[-1]
        trained: dict[str, ast.expr] = {}
        marked = self._marked()
        for node in ast.walk(level.scope.node):
            if isinstance(node, ast.Call) and isinstance(node.func, (ast.Name, ast.Attribute)):
                text = written(node.func)
                if any(written(up) in marked[i] for i, up in self._every(node.func)):
                    trained[text] = node.func
        if len(trained) == 1:
            return next(iter(trained.values()))
        if not trained:
            raise Unclear(
                f"nothing that {level.name} calls is put in training mode or gives an optimizer its parameters"
            )
        raise Unclear(f"{level.name} trains several models: {', '.join(f'`{t}`' for t in trained)}")

    def _every(self, value: ast.expr) -> list[tuple[int, ast.expr]]:
        """A value of the last level as an expression of each level that it goes through."""
        index = len(self.step.levels) - 1
        found = [(index, value)]
        while index > 0:
            lower, value = self._lifted(index, value, index - 1)
            if lower == index:
                break
            index = lower
            found.append((index, value))
        return found

    def _marked(self) -> list[set[str]]:
        """The expressions on which each level, or the class of its method, calls ``train()`` or ``parameters()``."""
        found: list[set[str]] = []
        for level in self.step.levels:
            owner = (
                level.scope.parent if level.scope.parent is not None and level.scope.parent.is_class else level.scope
            )
            found.append(
                {
                    written(c.func.value)
                    for c in ast.walk(owner.node)
                    if isinstance(c, ast.Call) and isinstance(c.func, ast.Attribute)
                    and (c.func.attr == "parameters" or (c.func.attr == "train" and not c.args))
                }
            )  # fmt: skip
        return found


class _Substitution(ast.NodeTransformer):
    """Arguments in the place of parameters."""

    def __init__(self, bound: dict[str, ast.expr]) -> None:
        self.bound = bound

    def visit_Name(self, node: ast.Name) -> ast.AST:
        """A parameter becomes what it is given."""
        return self.bound.get(node.id, node)
