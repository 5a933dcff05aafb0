"""A model class that no program reaches, while one that claims to be the same is built in its place."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from ...analyzer.findings import Evidence
from ...analyzer.graph.graphs import is_test
from ...analyzer.graph.project import Project
from ...analyzer.graph.reach import top_part
from ...analyzer.graph.symbols import Symbol
from ...analyzer.source.facts import FileFacts
from ...analyzer.source.module import Module
from ...analyzer.source.reader import Unreadable
from ._architecture_names import FAKE, STALE, TRUTH, are_namesakes, core_of, read_name
from ._choices import Choice, choices_of
from ._models import is_backbone, is_module, layer_dimensions, models_built

_CONFIGS = (".yaml", ".yml", ".json", ".toml", ".cfg", ".ini", ".conf", ".gin", ".jsonnet", ".sh", ".bash", ".slurm",
            ".sbatch", ".args", ".txt", ".ipynb", ".xml", "Makefile", "Dockerfile")  # fmt: skip
_PACKAGING = frozenset({"setup.py", "setup.cfg", "pyproject.toml"})
STRONG, WEAK = 2, 1
_BESIDE = 6


@dataclass(frozen=True)
class Sign:
    """One reason to think that the wrong class is built, with its weight and the line that shows it."""

    weight: int
    evidence: Evidence


@dataclass(frozen=True, eq=False)
class StandIn:
    """An unreached model class (``wanted``) and the construction of the class that takes its place."""

    wanted: Symbol
    built: Symbol
    module: Module
    construction: ast.Call
    choice: str
    signs: tuple[Sign, ...]

    @property
    def weight(self) -> int:
        """How much speaks for it."""
        return sum(s.weight for s in self.signs)


class StandIns:
    """Finds them over one project."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.reached = project.reach.reached

    def find(self) -> Iterator[StandIn]:
        """Every unreached model class that has a stand-in, with the most telling one."""
        for wanted in self.unreached:
            found = [s for built in self.built if (s := self._judged(wanted, built)) is not None]
            if found:
                yield max(found, key=lambda s: s.weight)

    @cached_property
    def unreached(self) -> list[Symbol]:
        """Model classes that are out of reach of every program, and not to be had by name either."""
        found: list[Symbol] = []
        for path, facts in self.project.files.items():
            if is_test(path):
                continue
            for klass in facts.classes:
                symbol = Symbol(path, klass.qualname)
                if "." in klass.qualname or klass.decorators or symbol in self.reached:
                    continue
                if is_backbone(self.project, symbol) and not self._is_public(symbol):
                    found.append(symbol)
        return [s for s in found if not self._is_named(s)]

    @cached_property
    def built(self) -> list[Symbol]:
        """Model classes that training programs make."""
        trained = self.project.reach.trained
        found: dict[Symbol, None] = {}
        for path, facts in self.project.files.items():
            for call in facts.calls:
                if call.callee.rpartition(".")[2] in self._module_names:
                    target = self.project.called(path, call)
                    if target is not None and Symbol(path, call.scope.partition(".")[0]) in trained:
                        found[target] = None
        return [s for s in found if is_backbone(self.project, s)]

    @cached_property
    def _module_names(self) -> frozenset[str]:
        files = self.project.files.items()
        return frozenset(
            k.qualname for p, f in files for k in f.classes if is_module(self.project, Symbol(p, k.qualname))
        )

    def _is_public(self, symbol: Symbol) -> bool:
        """Whether a packaged library offers a class to its users."""
        name = symbol.qualname
        packaged = any(p.rpartition("/")[2] in _PACKAGING for p in (*self.project.data_files, *self.project.files))
        return packaged and any(name in facts.exports for facts in self.project.files.values())

    def _is_named(self, symbol: Symbol) -> bool:
        """Whether a string of the code, a config, a script or a notebook names a class: something may look it up."""
        name = symbol.qualname
        if any(name in f.words and name not in f.exports for p, f in self.project.files.items() if not is_test(p)):
            return True
        pattern = re.compile(rb"(?<![\w.])(?:[\w.]+\.)?" + re.escape(name.encode()) + rb"(?!\w)")
        return any(pattern.search(content) for content in self._configs)

    @cached_property
    def _configs(self) -> list[bytes]:
        found: list[bytes] = []
        for path in self.project.data_files:
            if path.endswith(_CONFIGS):
                try:
                    found.append(self.project.sources.read(path))
                except Unreadable:
                    continue
        return found

    def _judged(self, wanted: Symbol, built: Symbol) -> StandIn | None:
        """The pair with what speaks for it; None where they are not namesakes or too little does."""
        if built == wanted:
            return None
        choices = self._choices_for(wanted, built)
        if not are_namesakes(read_name(wanted.qualname), read_name(built.qualname)) and not choices:
            return None
        place = choices[0].call if choices and choices[0].call is not None else self._construction(built)
        if place is None:
            return None
        if any(self._by_name(built, wanted)) or any(self._by_dimension(built, wanted)):
            return None  # the one that is built is the real one
        module, call = place
        signs = [*self._by_name(wanted, built), *self._by_dimension(wanted, built), *choices]
        signs += self._left_over_import(wanted, module)
        if wanted.qualname != built.qualname:  # of one name, the comment may be an older call of the one that is built
            signs += self._commented_out(wanted, module, call)
        text = choices[0].text if choices else ""
        found = StandIn(wanted, built, module, call, text, tuple(signs))
        return found if found.weight >= STRONG else None

    def _construction(self, built: Symbol) -> tuple[Module, ast.Call] | None:
        """The first call that makes a class in a training program."""
        for site in self.project.call_sites(built):
            if Symbol(site.path, site.scope.partition(".")[0]) not in self.project.reach.trained:
                continue
            module = self.project.try_module(site.path)
            for call in module.calls_on(site.line) if module is not None else ():
                if module is not None and self.project.resolve(module, call.func) == built:
                    return module, call
        return None

    def _by_name(self, wanted: Symbol, built: Symbol) -> Iterator[Sign]:
        """``TrueSwin`` beside ``Swin``; ``swin.py`` beside ``swin_og.py``."""
        good, bad = read_name(wanted.qualname), read_name(built.qualname)
        line = self._line(wanted)
        if good.words & TRUTH - bad.words or bad.words & FAKE - good.words:
            note = f"by their names, `{good.text}` is the real thing and `{bad.text}` is not"
            yield Sign(STRONG, Evidence(wanted.path, line, note))
        stems = read_name(_stem(wanted.path)), read_name(_stem(built.path))
        if stems[1].words & STALE - stems[0].words and core_of(stems[0]) == core_of(stems[1]):
            note = f"`{built.path}` is, by its name, the old copy of `{wanted.path}`"
            yield Sign(STRONG, Evidence(built.path, self._line(built), note))

    def _by_dimension(self, wanted: Symbol, built: Symbol) -> Iterator[Sign]:
        """A class named 3-D whose layers are all 2-D, beside one whose layers are 3-D."""
        claimed = set(read_name(built.qualname).dimensions) & {"2d", "3d"}
        own, others = layer_dimensions(self.project, built), layer_dimensions(self.project, wanted)
        if len(claimed) == 1 and own and not own & claimed and claimed <= others:
            (dimension,) = claimed
            note = f"`{built.qualname}` has no {dimension.upper()} layer, `{wanted.qualname}` has"
            yield Sign(STRONG, Evidence(built.path, self._line(built), note))

    def _choices_for(self, wanted: Symbol, built: Symbol) -> list[_Chosen]:
        """Choices that name the wanted class, or its file, and build the other one."""
        found: list[_Chosen] = []
        name, stem = read_name(wanted.qualname), _stem(wanted.path)
        core = core_of(name)
        for path, (module, choices) in self._choices.items():
            for choice in choices:
                for text in choice.texts:
                    said = read_name(text)
                    by_stem = _plain(text) == _plain(stem) != _plain(_stem(built.path))
                    by_core = len(core) > 2 and core_of(said) == core and set(said.numbers) <= set(name.numbers)
                    if not (by_stem or by_core):
                        continue
                    picked = self._picked(module, choice, built)
                    if picked is None:
                        continue
                    elsewhere = core_of(said) not in core_of(read_name(built.qualname))
                    if not elsewhere and not are_namesakes(name, read_name(built.qualname)):
                        continue
                    note = f'the choice "{text}" names `{wanted.qualname}` and builds `{built.qualname}`'
                    if by_stem and not elsewhere:
                        note = f'the choice "{text}" is the name of `{wanted.path}`, and builds `{built.qualname}`'
                    line = getattr(choice.key, "lineno", 1)
                    found.append(_Chosen(STRONG if elsewhere else WEAK, Evidence(path, line, note), text, picked.call))
        return found[:1]

    def _picked(self, module: Module, choice: Choice, built: Symbol) -> _Picked | None:
        """The builder of a choice that makes a class, with the call where the choice makes it itself."""
        for builder in choice.builders:
            symbol = self.project.resolve(module, builder) if not isinstance(builder, ast.Constant) else None
            if isinstance(symbol, Symbol) and built in models_built(self.project, symbol):
                above = module.parent(builder)
                is_made = symbol == built and isinstance(above, ast.Call) and above.func is builder
                return _Picked((module, above) if is_made and isinstance(above, ast.Call) else None)
        return None

    @cached_property
    def _choices(self) -> dict[str, tuple[Module, list[Choice]]]:
        """The choices of every file of the training programs that holds a string which names a class out of reach."""
        cores = {core_of(read_name(s.qualname)) for s in self.unreached} - {""}
        stems = {_plain(_stem(s.path)) for s in self.unreached}
        found: dict[str, tuple[Module, list[Choice]]] = {}
        for path, facts in self.project.files.items():
            if Symbol(path, "") in self.project.reach.trained and _holds(facts, cores, stems):
                module = self.project.try_module(path)
                if module is not None:
                    found[path] = module, list(choices_of(module))
        return found

    def _left_over_import(self, wanted: Symbol, module: Module) -> Iterator[Sign]:
        for item in module.facts.imports:
            if self.project.symbols.resolve(module.path, item.target) == wanted:
                note = f"`{wanted.qualname}` is imported here and never used"
                yield Sign(WEAK, Evidence(module.path, item.line, note))
                return

    def _commented_out(self, wanted: Symbol, module: Module, call: ast.Call) -> Iterator[Sign]:
        """A comment that builds the wanted class: it says most right beside the call that replaced it."""
        pattern = re.compile(rf"^\s*#.*\b{re.escape(wanted.qualname)}\s*\(")
        found = [n for n in range(1, len(module.line_starts)) if pattern.match(module.line(n))]
        if found:
            number = min(found, key=lambda n: abs(n - call.lineno))
            is_beside = call.lineno - _BESIDE <= number <= (call.end_lineno or call.lineno) + _BESIDE
            note = f"the construction of `{wanted.qualname}` is commented out"
            yield Sign(STRONG if is_beside else WEAK, Evidence(module.path, number, note))

    def _line(self, symbol: Symbol) -> int:
        klass = self.project.symbols.klass(symbol)
        return klass.line if klass is not None else 1


@dataclass(frozen=True)
class _Picked:
    call: tuple[Module, ast.Call] | None


@dataclass(frozen=True)
class _Chosen(Sign):
    text: str
    call: tuple[Module, ast.Call] | None


def way_to(project: Project, path: str, scope: str) -> list[Symbol]:
    """How a training program gets to a place: the entry point first, one part of each file."""
    way = project.reach.trained.chain(top_part(Symbol(path, scope)))
    return [part for n, part in enumerate(way) if n == 0 or part.path != way[n - 1].path]


def _holds(facts: FileFacts, cores: set[str], stems: set[str]) -> bool:
    return any(_plain(w) in stems or core_of(read_name(w)) in cores for w in facts.words)


def _stem(path: str) -> str:
    return path.rpartition("/")[2].removesuffix(".py")


def _plain(text: str) -> str:
    return text.lower().replace("_", "").replace("-", "")
