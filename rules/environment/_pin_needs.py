"""Which releases of torch and its companions the code needs, by the names it uses without a check."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from packaging.version import Version

from ...analyzer.flow.guards import Guards, is_for_type_checkers
from ...analyzer.graph.project import Project
from ...analyzer.project.dependencies import Requirement
from ...analyzer.source.facts import IMPORT_STAR, FileFacts
from ...analyzer.source.module import Module
from .. import knowledge
from ._amp_uses import MODULES, NAMES, name_parts
from ._stated import Stated, stated

_SIDE = {
    "doc", "docs", "documentation", "test", "tests", "testing", "example", "examples", "tutorial", "tutorials", "demo",
    "demos", "notebook", "notebooks", "benchmark", "benchmarks", "ci", ".ci", ".github", ".circleci", ".gitlab",
}  # fmt: skip
_RECORDS = {"wandb", "mlruns", "lightning_logs", "outputs", "site-packages", "node_modules", "third_party", "vendor"}


class Need(NamedTuple):
    """A name that the code uses, the first release that has it, and where."""

    name: str
    first: Version
    source: str
    path: str
    line: int
    is_amp: bool


@dataclass
class Demand:
    """What the code under one range of a package needs of it."""

    view: Stated
    needs: list[Need] = field(default_factory=list)

    @property
    def least(self) -> Version:
        """The oldest release that has everything."""
        return max(need.first for need in self.needs)


def demands(project: Project) -> list[Demand]:
    """For each statement of torch, torchvision or torchaudio, the names in use that some admitted release lacks."""
    found: dict[tuple[str, tuple[Requirement, ...]], Demand] = {}
    guards = Guards(project)
    lookups = _Lookups()
    for path, facts in project.files.items():
        views: dict[str, Stated | None] = {}
        for name in sorted(lookups.interesting(facts)):
            package = name.partition(".")[0]
            if package not in views:
                views[package] = _view(project, package, path)
            view = views[package]
            fact = lookups.fact(name) if view is not None else None
            if view is None or fact is None or not view.some_before(fact.first) or _is_older(package, fact.first):
                continue
            need = _need(project, guards, path, fact, view)
            if need is not None:
                key = (package, view.range.spoken_by)
                found.setdefault(key, Demand(view)).needs.append(need)
    return list(found.values())


def _is_older(package: str, first: Version) -> bool:
    """Whether a name may be older than any release that is known: the first one that was read had it."""
    return first <= min(knowledge.releases(package))


def is_side(path: str) -> bool:
    """Whether a file lies in a folder of docs, tests, examples or continuous integration."""
    return not _SIDE.isdisjoint(path.lower().split("/")[:-1])


def is_record(path: str) -> bool:
    """Whether a file lies in a folder that tools write or others' code is kept in: what it states binds nobody."""
    return not _RECORDS.isdisjoint(path.lower().split("/")[:-1])


class _Lookups:
    """Facts about dotted names, each looked up once."""

    def __init__(self) -> None:
        self.facts: dict[str, knowledge.ApiName | None] = {}

    def interesting(self, facts: FileFacts) -> Iterator[str]:
        for name in {*facts.names, *(i.target for i in facts.imports if i.local != IMPORT_STAR)}:
            if name.partition(".")[0] in knowledge.PACKAGES and "." in name:
                yield name

    def fact(self, name: str) -> knowledge.ApiName | None:
        """What is known of the name, or of the longest part of it that is known."""
        if name not in self.facts:
            parent = name.rpartition(".")[0]
            known = knowledge.api(name)
            self.facts[name] = known if known is not None or "." not in parent else self.fact(parent)
        return self.facts[name]


def _view(project: Project, package: str, path: str) -> Stated | None:
    """The range that binds a file of the program; none for docs, tests, examples, and what tools record."""
    view = stated(project, package, path)
    if view is None:
        return None
    speaker = view.speaker.path
    return None if any(is_record(one) or is_side(one) for one in (path, speaker)) else view


def _need(project: Project, guards: Guards, path: str, fact: knowledge.ApiName, view: Stated) -> Need | None:
    is_amp = fact.name in NAMES or fact.name in MODULES
    wanted = fact
    if is_amp and view.all_before(fact.first):
        # The code is rewritten for such a range, unless its releases have the thing under no name.
        oldest = _oldest_spelling(fact.name)
        if oldest is None or not view.some_before(oldest.first):
            return None
        wanted, is_amp = oldest, False
    module = project.try_module(path)
    line = _first_line(module, fact.name, guards) if module is not None else None
    return Need(wanted.name, wanted.first, wanted.source, path, line, is_amp) if line is not None else None


def _oldest_spelling(name: str) -> knowledge.ApiName | None:
    symbol = name_parts(name)[1]
    known = [knowledge.api(f"{home}.{symbol}") for home in ("torch.cuda.amp", "torch.amp", "torch")]
    return min((fact for fact in known if fact is not None), key=lambda fact: fact.first, default=None)


def _first_line(module: Module, name: str, guards: Guards) -> int | None:
    """The first line that needs a name with no check around it; None where every use is checked."""
    imports = list(_imports(module, name))
    if imports:
        checked = any(guards.guards(module, node) or is_for_type_checkers(module, node) for node in imports)
        return None if checked else imports[0].lineno
    last = name.rpartition(".")[2]
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Attribute) and node.attr == last and module.local_name(node) == name:
            if not isinstance(node.ctx, ast.Load):
                return None
            if not _is_annotation(module, node) and not guards.guards(module, node):
                return node.lineno
    return None


def _imports(module: Module, name: str) -> Iterator[ast.Import | ast.ImportFrom]:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            targets = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            targets = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        if any(target == name or target.startswith(f"{name}.") for target in targets):
            yield node


def _is_annotation(module: Module, node: ast.AST) -> bool:
    child = node
    for parent in module.ancestors(node):
        if getattr(parent, "annotation", None) is child or getattr(parent, "returns", None) is child:
            return True
        if isinstance(parent, ast.stmt):
            return False
        child = parent
    return False
