"""Options of the command line that are parsed and never read, and reads of options that nobody declares."""

from __future__ import annotations

import ast
import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from ...analyzer.findings import Evidence
from ...analyzer.flow.settings import Configured, Options
from ...analyzer.flow.settings.loading import WRAPPERS, keeps_keys
from ...analyzer.flow.settings.options import Option, declarations, declared, keyword, may_declare, options_of
from ...analyzer.flow.settings.readers import Read, Readings, readings
from ...analyzer.flow.values.frames import Operand
from ...analyzer.flow.values.functions import self_name
from ...analyzer.graph.graphs import is_test
from ...analyzer.graph.project import Project
from ...analyzer.graph.symbols import Symbol
from ...analyzer.source.module import Module
from ...analyzer.source.reader import Unreadable
from ...analyzer.source.scopes import Kind, last_name

_PARSING = ("parse_args", "parse_known_args", "parse_intermixed_args")
_ELSEWHERE = {
    "HfArgumentParser",
    "parse_args_into_dataclasses",
    "from_argparse_args",
    "add_argparse_args",
    "set_defaults",
}
_ELSEWHERE |= {"ArgumentGenerator", "Tap", "register_args", "add_config_arguments", "parse_object", "add_subparsers"}
_LAUNCHERS = {"local_rank", "node_rank", "nproc_per_node", "rank", "deepspeed", "f", "fff", "mode", "client", "port"}
_KEPT_ON_PURPOSE = re.compile(
    r"unused|not used|no longer|deprecat|ignored|legacy|compatib|obsolete|dummy|placeholder|no effect|does nothing|hack"
    r"|jupyter",
    re.IGNORECASE,
)
_SCRIPTS = (".sh", ".bash", ".bat", ".ps1", ".slurm", ".sbatch", ".md", ".rst", ".txt", ".yaml", ".yml", "makefile")
_MOST_SCRIPTS = 4
_LONGEST = 60
_DEEPEST = 6
_LARGEST = 300_000
_NO_LOOKUPS = {
    "print",
    "info",
    "join",
    "Path",
    "open",
    "add_argument",
    "startswith",
    "endswith",
    "log",
    "add_scalar",
    "mkdir",
}


@dataclass(frozen=True)
class Unused:
    """An option that nothing reads, and the commands that set it."""

    option: Option
    commands: tuple[Evidence, ...]


def related(project: Project, path: str) -> list[str]:
    """The files that may run together with one: those that import it, and all that these import."""
    graphs = project.graphs
    found = {path, *graphs.importers_of(path)}
    return sorted(found | graphs.imported_by(*found))


def namespaces(project: Project, paths: list[str]) -> list[tuple[Module, ast.expr]]:
    """The calls that parse a command line."""
    found: list[tuple[Module, ast.expr]] = []
    for path in paths:
        facts = project.files[path]
        if facts.called.isdisjoint(_PARSING):
            continue
        lines = sorted({c.line for c in facts.calls if c.callee.rpartition(".")[2] in _PARSING})
        module = project.try_module(path) if lines else None
        for line in lines if module is not None else ():
            calls = module.calls_on(line) if module is not None else []
            found += [(module, c) for c in calls if module is not None and last_name(c.func) in _PARSING]
    return found


def unused(module: Module, project: Project, paths: list[str], read: Readings) -> Iterator[Unused]:
    """The options that a file declares and no code reads.

    Args:
        module: the file.
        project: the project.
        paths: the files that may run together with it.
        read: what they read of the namespaces that they make.
    """
    options = [o for o in options_of(module) if not _is_kept(o)]
    unread = [o for o in options if (o.name,) not in read.reads and (o.name,) not in read.stored]
    unread = [o for o in unread if not any(may_be_read(project, p, o.name) for p in paths)]
    if unread and not _is_imported_unseen(project, module.path):
        for option in unread:
            yield Unused(option, tuple(_commands(project, option)))


def _is_imported_unseen(project: Project, path: str) -> bool:
    """Whether an import that leads nowhere may mean a file: ``from Folder import options``, of the project's folder."""
    stem = path.rpartition("/")[2].removesuffix(".py")
    names = {f.qualname for f in project.files[path].functions}
    for other, facts in project.files.items():
        for item in facts.imports:
            parts = item.target.split(".")
            is_like = len(parts) > 1 and (parts[-1] == stem or (parts[-2] == stem and parts[-1] in names))
            if is_like and not isinstance(project.symbols.resolve(other, item.target), Symbol):
                return True
    return False


def undeclared(module: Module, project: Project, paths: list[str], read: Readings) -> Iterator[Read]:
    """The reads of options that no parser declares, of the namespaces that one file makes; asked as :func:`unused`."""
    if read.is_open or read.is_laid_over:
        return
    known: set[str] = set()
    starts = namespaces(project, paths)
    if not all(_is_made_here(project, project.flow.operand(m, c), set(paths)) for m, c in starts):
        return
    for path in paths:
        names = _declarations(project, path)
        if names is None:
            return
        known |= names
    for key, places in read.reads.items():
        name = str(key[0])
        if len(key) != 1 or key in read.stored or name in known or any(r.is_optional for r in places):
            continue
        for place in places[:1]:
            if not name.startswith("_") and _is_namespace(project, place, name, module.path):
                yield place


def _is_made_here(project: Project, op: Operand, paths: set[str], depth: int = 0) -> bool:
    """Whether a parser, or the receiver of ``parse_args``, is for certain one that these files make from nothing."""
    node = op.node
    if depth > _DEEPEST:
        return False
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _PARSING:
        return _is_made_here(project, op.sub(node.func.value), paths, depth + 1)
    if isinstance(node, ast.Call):
        made = project.resolve(op.module, node.func)
        if isinstance(made, str):
            is_parser = made.rpartition(".")[2] in ("ArgumentParser", "ArgParser")
            return is_parser and op.module.path in paths and keyword(node, "parents") is None
        if made is not None and project.symbols.klass(made) is not None:
            return made.path in paths
        found = list(project.flow.calls.returns(op))
    elif isinstance(node, (ast.Name, ast.Attribute)):
        sources = [s for s in project.flow.sources(op) if s.binding is None or s.binding.kind is not Kind.UPDATE]
        if any(s.operand is None for s in sources):
            return False
        found = [s.operand for s in sources if s.operand is not None]
    else:
        return False
    return bool(found) and all(_is_made_here(project, inner, paths, depth + 1) for inner in found)


def _declarations(project: Project, path: str) -> set[str] | None:
    """The options that a file declares; None where it declares some by names that are computed."""
    if not may_declare(project, path):
        return set()
    module = project.try_module(path)
    if module is None or any(not isinstance(a, ast.Constant) for c in declarations(module) for a in c.args):
        return None
    return {o.name for o in options_of(module)}


def _is_namespace(project: Project, place: Read, name: str, path: str) -> bool:
    """Whether what is read from is for certain a namespace that one file's parser makes, without that option."""
    if not isinstance(place.node, ast.Attribute):
        return False
    held = Configured(project).evaluate(project.flow.operand(place.module, place.node.value))
    made = [k.what for k in held if isinstance(k.what, Options) and k.what.path == path]
    return bool(made) and len(made) == len(held) and not declared(project, path, name)


def read_by(project: Project, paths: list[str]) -> Readings | None:
    """What is read of the namespaces made in some files; None where they go where they cannot be followed."""
    calls = frozenset().union(*(project.files[p].called for p in paths))
    if not paths or calls & _ELSEWHERE:
        return None
    starts = namespaces(project, paths)
    if not starts or any(keyword(c, "namespace") for _, c in starts if isinstance(c, ast.Call)):
        return None
    found = readings(project, starts, paths, holds=lambda key: not key)
    return None if () in found.escapes else found


def _is_kept(option: Option) -> bool:
    """Whether an option is there for a launcher, or said to do nothing."""
    text = keyword(option.call, "help")
    said = text.value if isinstance(text, ast.Constant) and isinstance(text.value, str) else ""
    suppressed = text is not None and last_name(text) == "SUPPRESS"
    comment = option.module.line_text(option.call).partition("#")[2]
    action = keyword(option.call, "action")
    is_own = (
        action is not None and not isinstance(action, ast.Constant) and last_name(action) != "BooleanOptionalAction"
    )
    is_launched = option.name.lower() in _LAUNCHERS or option.name.startswith("_")
    return suppressed or is_own or is_launched or bool(_KEPT_ON_PURPOSE.search(f"{said} {comment}"))


def may_be_read(project: Project, path: str, name: str) -> bool:
    """Whether a file may read a key in a way that was not followed: by an attribute or a text of its name."""
    project.consulted.add(path)
    if name.encode() not in project.sources.read(path):
        return False
    module = project.module(path)
    nodes = _named(module).get(name, ())
    # Cheap places first: one that may be a read is enough.
    return any(not _is_other(project, module, n) for n in sorted(nodes, key=lambda n: isinstance(n, ast.Attribute)))


@lru_cache(maxsize=256)
def _named(module: Module) -> dict[str, list[ast.expr]]:
    """Attributes that are read and short texts, by name."""
    found: dict[str, list[ast.expr]] = {}
    for node in module.nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and len(node.value) < _LONGEST:
            found.setdefault(node.value, []).append(node)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
            found.setdefault(node.attr, []).append(node)
    return found


def _is_other(project: Project, module: Module, node: ast.expr) -> bool:
    """Whether an attribute or text is for certain no read of a namespace."""
    above = module.parent(node)
    if isinstance(node, ast.Attribute):
        is_call = isinstance(above, ast.Call) and above.func is node
        return is_call or module.local_name(node.value) is not None or _is_something_else(project, module, node.value)
    if isinstance(above, ast.Subscript):
        return isinstance(above.ctx, ast.Store) or _is_something_else(project, module, above.value)
    if (
        isinstance(above, ast.Call)
        and last_name(above.func) in ("get", "pop")
        and isinstance(above.func, ast.Attribute)
    ):
        return _is_something_else(project, module, above.func.value)
    if isinstance(
        above, (ast.Dict, ast.BinOp, ast.JoinedStr, ast.Assign, ast.AnnAssign, ast.Return, ast.Expr, ast.keyword)
    ):
        return True
    return isinstance(above, ast.Call) and last_name(above.func) in _NO_LOOKUPS


def _is_something_else(project: Project, module: Module, holder: ast.expr) -> bool:
    """Whether what an attribute or item is taken from is known, and no namespace: a file's content, another object."""
    op = project.flow.operand(module, holder)
    if isinstance(holder, ast.Name):
        method = module.scope_of(holder).method
        if method is not None and holder.id == self_name(method) and method.parent is not None:
            return not keeps_keys(project, Symbol(module.path, method.parent.qualname))
    classes = project.flow.classes.of(op)
    if classes:
        return not any(keeps_keys(project, klass) for klass in classes)
    held = [k.what for k in Configured(project).evaluate(op)]
    if held:
        return not any(isinstance(what, Options) for what in held)
    origins = [s.operand for s in project.flow.sources(op)] if not isinstance(holder, ast.Call) else [op]
    return bool(origins) and all(o is not None and _is_made_outside(project, o) for o in origins)


def _is_made_outside(project: Project, op: Operand) -> bool:
    """Whether a value is a literal, or made by an outside call that neither wraps a namespace nor unpickles one."""
    if isinstance(op.node, (ast.Dict, ast.List, ast.ListComp, ast.DictComp, ast.JoinedStr)):
        return not isinstance(op.node, ast.Dict) or None not in op.node.keys
    called = project.external(op.module, op.node.func) if isinstance(op.node, ast.Call) else None
    return called is not None and called.rpartition(".")[2] not in WRAPPERS | {"load", "loads", "Namespace", "parse"}


def _commands(project: Project, option: Option) -> Iterator[Evidence]:
    """The commands in scripts and pages that run the option's program and set it."""
    flag = max(option.flags, key=len)
    programs = {option.module.path, *project.graphs.importers_of(option.module.path)}
    sets = re.compile(re.escape(flag) + r"(?![\w-])")
    count = 0
    for path in project.data_files if flag.startswith("-") else ():
        if count >= _MOST_SCRIPTS or not path.lower().endswith(_SCRIPTS) or is_test(path):
            continue
        try:
            data = project.read_other(path)
        except Unreadable:
            continue
        if flag.encode() in data and len(data) <= _LARGEST:
            runs = _running(project, programs, path)
            number = _set_in(data.decode("utf-8", errors="replace"), runs, sets) if runs is not None else 0
            if number:
                count += 1
                yield Evidence(path, number, f"`{flag}` is set here")


def _running(project: Project, programs: set[str], script: str) -> re.Pattern[str] | None:
    """What a command in a script looks like that runs one of some programs; None where it can run none of them."""
    folder = posixpath.dirname(script)
    names: list[str] = []
    for program in programs:
        home, name = posixpath.split(program)
        is_only = sum(p == name or p.endswith(f"/{name}") for p in project.files) == 1
        is_near = folder == home or folder.startswith(f"{home}/") or not home
        # Of several programs of one name, a script means that of its own folder, unless it says which.
        names.append(re.escape(name[:-3] if is_only or is_near else program[:-3]))
    return re.compile(rf"(?:^|[\s/.\"'`])(?:{'|'.join(sorted(names))})(?:\.py\b|\s)") if names else None


def _set_in(text: str, runs: re.Pattern[str], sets: re.Pattern[str]) -> int:
    """The first line of a script on which a command (over continued lines) sets an option; 0 where none does."""
    command = ""
    for number, line in enumerate(text.splitlines(), 1):
        command += line
        if sets.search(line) and not line.lstrip().startswith("#") and runs.search(command):
            return number
        if not line.rstrip().endswith(("\\", "^", "`")):
            command = ""
    return 0
