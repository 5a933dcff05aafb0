"""Where a value is configured: back through code to a file's key, an option's default or a literal."""

from __future__ import annotations

import ast
import posixpath
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from ...findings import Evidence
from ...project.configs import Entry
from ...source.scopes import Binding, Kind, last_name
from ..values.evaluate import Evaluator, distinct
from ..values.frames import Known, Operand
from .literals import name_of_literal, setting_of
from .loading import loaded_forms, wrapped
from .model import Files, Form, Held, Nodes, Options, Setting
from .opened import surely_opened
from .options import click_option, declared, keyword
from .paths import ANYTHING, Patterns, matching

if TYPE_CHECKING:
    from ...graph.project import Project

_PARSING = {"parse_args", "parse_known_args", "parse_intermixed_args"}
_TAKING = {"get", "pop", "setdefault"}
_MOST_FILES = 400
_NESTED = 3


class Configured(Evaluator[Held]):
    """Which settings and configurations a value may be."""

    def __init__(self, project: Project, depth: int = 0) -> None:
        super().__init__(project.flow)
        self.depth = depth
        """Questions that lie inside one another: the path of a file is configured itself."""

    def expression(self, op: Operand) -> Sequence[Known[Held]] | None:
        """Literals, parts of configurations, and the calls that make configurations."""
        node = op.node
        if isinstance(node, (ast.Constant, ast.UnaryOp, ast.BinOp)):
            return self._literal(op)
        if isinstance(node, ast.Name):
            return self._given(op, node)
        if isinstance(node, (ast.Attribute, ast.Subscript)):
            return self._part(op, node)
        if isinstance(node, ast.Dict):
            return [
                k
                for key, v in zip(node.keys, node.values, strict=True)
                if key is None
                for k in self.evaluate(op.sub(v))
            ]
        if isinstance(node, ast.Call):
            return self._called_outright(op, node)
        return None

    def element(self, known: list[Known[Held]], op: Operand, index: tuple[int, ...]) -> list[Known[Held]]:
        """The first of ``parse_known_args()`` is the namespace; nothing is known of other items."""
        if isinstance(op.node, ast.Call) and last_name(op.node.func) in _PARSING:
            return known if index in ((0,), ()) else []
        return []

    def update(self, known: list[Known[Held]], binding: Binding, op: Operand) -> list[Known[Held]]:
        """A configuration that is changed in place is the same one still; a number is not."""
        if binding.kind is Kind.AUGMENT:
            return []
        more: list[Known[Held]] = []
        for call in ast.walk(binding.node):
            if isinstance(call, ast.Call) and last_name(call.func) == "update":
                more += [k for a in call.args for k in self.evaluate(op.sub(a)) if not isinstance(k.what, Setting)]
        return distinct([k for k in known if not isinstance(k.what, Setting)] + more)

    def _literal(self, op: Operand) -> list[Known[Held]]:
        name, form = name_of_literal(op.module, op.node)
        setting = setting_of(op.module, op.node, name, form)
        return [] if setting is None else [Known(setting, (op.module.evidence(op.node, f"`{op.text()}` is set here"),))]

    def _given(self, op: Operand, node: ast.Name) -> list[Known[Held]] | None:
        """A parameter that Hydra or click fills."""
        home = op.frame.scope.lookup(node.id)
        function = home.node if home is not None else None
        if not isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)) or not function.decorator_list:
            return None
        assert home is not None
        if not any(b.kind is Kind.PARAMETER for b in home.bindings[node.id]):
            return None
        clicked = click_option(self.project, op.module, function, node.id)
        if clicked is not None:
            return [_option_known(clicked)]
        for decorator in function.decorator_list:
            if isinstance(decorator, ast.Call) and self.project.external(op.module, decorator.func) == "hydra.main":
                return self._hydra(op, decorator)
        return None

    def _hydra(self, op: Operand, decorator: ast.Call) -> list[Known[Held]]:
        texts = []
        for name in ("config_path", "config_name"):
            value = keyword(decorator, name)
            texts.append(value.value if isinstance(value, ast.Constant) and isinstance(value.value, str) else "")
        folder, name = texts
        stem = name.removesuffix(".yaml").removesuffix(".yml")
        wanted = [f"{folder}/{stem}{end}".lstrip("./") for end in (".yaml", ".yml")] if stem else []
        paths = [p for w in wanted for p in matching(w, self.project.configs.paths)]
        if not paths:
            return []
        for path in paths if len(paths) == 1 else ():
            for part in self.project.configs.parts(path):
                self.project.configs.expect(part)
        step = op.module.evidence(decorator, f"Hydra reads `{paths[0]}`")
        return [Known(Files(tuple(paths), ()), (step,))]

    # Parts of configurations.

    def _part(self, op: Operand, node: ast.Attribute | ast.Subscript) -> list[Known[Held]] | None:
        if self.flow.reaching(op.frame.scope).at(node):
            return None
        if isinstance(node, ast.Attribute):
            return self._taken(op, node.value, node.attr)
        if isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, (str, int)):
            return self._taken(op, node.value, node.slice.value)
        return None

    def _taken(self, op: Operand, holder: ast.expr, name: str | int) -> list[Known[Held]] | None:
        held = [k for k in self.evaluate(op.sub(holder)) if not isinstance(k.what, Setting)]
        if not held:
            return None
        return distinct([inner for k in held for inner in self.inside(k, name, op)])

    def inside(self, known: Known[Held], name: str | int, op: Operand) -> list[Known[Held]]:
        """What a configuration holds under a key."""
        what = known.what
        step = op.module.evidence(op.node, f"read as `{op.text()}`")
        if isinstance(what, Files):
            return [Known(w, (*first, step)) for w, first in self._in_files(what, name)]
        if isinstance(what, Options) and isinstance(name, str):
            return [k.after(step) for k in self._in_options(what, name)]
        if isinstance(what, Nodes) and isinstance(name, str):
            return [k.after(step) for k in self._in_nodes(what, name)]
        return []

    def _in_files(self, files: Files, name: str | int) -> list[tuple[Held, tuple[Evidence, ...]]]:
        key = (*files.key, name)
        found: list[tuple[Held, tuple[Evidence, ...]]] = []
        deeper: list[str] = []
        for path in files.paths:
            for entry in self.project.configs.find(path, key):
                if entry.kind == "scalar":
                    found.append((of_entry(entry), (_note(entry),)))
                elif path not in deeper:
                    deeper.append(path)
        if deeper:
            found.append((Files(tuple(deeper), key, files.is_sure), ()))
        return found

    def _in_options(self, options: Options, name: str) -> list[Known[Held]]:
        found: list[Known[Held]] = []
        for option in declared(self.project, options.path, name):
            setting = option.setting
            if setting is not None:
                found.append(_option_known(setting))
        for files in self._overlays(options):
            found += [Known(what, trail) for what, trail in self._in_files(files, name)]
        return found

    def _overlays(self, options: Options) -> list[Files]:
        """The files that are laid over a namespace of options."""
        kept = self.flow.programs.overlays.get(options.path)
        if kept is not None or self.depth >= _NESTED:
            return kept or []
        found: list[Files] = []
        for mapping, namespace in self.flow.programs.overlaid(options.path):
            inner = Configured(self.project, self.depth + 1)
            held = [k.what for k in inner.evaluate(mapping) if isinstance(k.what, Files)]
            if not held:
                continue
            if namespace is not None and not _is_namespace(Configured(self.project, self.depth + 1), namespace):
                continue
            found += [self.of_program(files, options.path) for files in held]
        if self.depth == 0:
            self.flow.programs.overlays[options.path] = found
        return found

    def of_program(self, files: Files, program: str) -> Files:
        """The files that may be meant when one program runs."""
        if files.is_sure:
            return files
        return Files(tuple(self.flow.programs.allowed(files.paths, program)), files.key, is_sure=False)

    def _in_nodes(self, nodes: Nodes, name: str) -> list[Known[Held]]:
        key = (*nodes.key, name)
        module = self.project.try_module(nodes.path)
        if module is None:
            return []
        chain = ".".join([nodes.name, *(str(k) for k in key)])
        scope = module.root_scope
        found: list[Known[Held]] = []
        for binding in scope.bindings.get(chain, []):
            setting = setting_of(module, binding.value, str(name), Form.FIELD) if binding.value is not None else None
            if setting is not None:
                note = module.evidence(binding.node, f"`{module.snippet(binding.node)}`")
                found.append(Known(setting, (note,)))
        if any(k.startswith(f"{chain}.") for k in scope.bindings):
            found.append(Known(Nodes(nodes.path, nodes.name, key)))
        for entry in self.project.configs.having(key):
            if entry.kind == "scalar":
                found.append(Known(of_entry(entry), (_note(entry),)))
        return found

    # Calls.

    def _called_outright(self, op: Operand, node: ast.Call) -> list[Known[Held]] | None:
        name = last_name(node.func)
        if name in _TAKING and isinstance(node.func, ast.Attribute) and node.args:
            return self._taken_or_default(op, node.func.value, node.args)
        if name == "getattr" and len(node.args) > 1 and isinstance(node.func, ast.Name):
            return self._taken_or_default(op, node.args[0], node.args[1:])
        if name in _PARSING and isinstance(node.func, ast.Attribute):
            return [Known(Options(op.module.path, node.lineno))]
        if loaded_forms(self.project, op):
            return self._loaded(op, node)
        if name == "field" and self.project.external(op.module, node.func) == "dataclasses.field":
            default = keyword(node, "default")
            return self.evaluate(op.sub(default)) if default is not None else []
        if name in ("CfgNode", "CN") and (self.project.external(op.module, node.func) or "").endswith("CfgNode"):
            target = op.module.parent(node)
            if isinstance(target, ast.Assign) and isinstance(target.targets[0], ast.Name) and not node.args:
                return [Known(Nodes(op.module.path, target.targets[0].id))]
        inner = wrapped(self.project, op)
        if inner is not None:
            return distinct([k for n in inner for k in self.evaluate(op.sub(n))])
        return None

    def _taken_or_default(
        self, op: Operand, holder: ast.expr, arguments: Sequence[ast.expr]
    ) -> list[Known[Held]] | None:
        key = arguments[0]
        if not isinstance(key, ast.Constant) or not isinstance(key.value, (str, int)):
            return None
        found = self._taken(op, holder, key.value)
        if found is None:
            return None
        default = [k for a in arguments[1:2] for k in self.evaluate(op.sub(a))]
        return distinct([*found, *default])

    def _loaded(self, op: Operand, node: ast.Call) -> list[Known[Held]]:
        mark = (id(node), op.frame.mark)
        kept = self.flow.programs.loaded.get(mark)
        files, opened = kept[1:] if kept is not None else self._files_of(op, node)
        if self.depth == 0:
            self.flow.programs.loaded[mark] = (node, files, opened)
        for path in opened:
            self.project.configs.expect(path)
        step = op.module.evidence(node, f"read by `{op.text()}`")
        return [Known(files, (step,))] if files.paths else []

    def _files_of(self, op: Operand, node: ast.Call) -> tuple[Files, list[str]]:
        """The files that a call may load, and the broken ones that it surely does."""
        forms = loaded_forms(self.project, op)
        known = [p for p in self.project.configs.paths if _form(p) in forms]
        given = op.sub(node.args[0])
        patterns = Patterns(self.flow, self._texts, known)
        wanted = patterns.of(given)
        named = _named(wanted, known)
        if named and patterns.is_cut:
            wanted = Patterns(self.flow, self._texts).of(given)
            named = _named(wanted, known)
        is_sure = ANYTHING not in wanted and not any(ANYTHING in w for w in wanted)
        paths = list(dict.fromkeys(named))
        if ANYTHING in wanted and (paths or "yaml" in forms or "toml" in forms):
            paths += [p for p in known if p not in paths]  # JSON of an unknown name is more often data
        if not paths:
            return Files((), (), is_sure), []
        exact = {posixpath.basename(w) for w in wanted if ANYTHING not in posixpath.basename(w)}
        broken = [p for p in named if posixpath.basename(p) in exact and self.project.configs.file(p) is None]
        opened = surely_opened(self.project, op, broken, self._texts) if broken else []
        return self.of_program(Files(tuple(paths[:_MOST_FILES]), (), is_sure), op.module.path), opened

    def _texts(self, op: Operand) -> Iterable[str | None]:
        """The texts that a path is configured to be; a user may give another where it is an option."""
        if self.depth >= _NESTED:
            return [None]
        found: list[str | None] = []
        for known in Configured(self.project, self.depth + 1).evaluate(op):
            what = known.what
            if isinstance(what, Setting):
                found += [what.value] if isinstance(what.value, str) else []
                found += [None] if what.form is not Form.CODE else []
        return found


def _named(wanted: set[str], known: list[str]) -> list[str]:
    """The files that patterns name; any file is named by none."""
    return [p for w in sorted(wanted - {ANYTHING}) for p in matching(w, known)]


def _is_namespace(configured: Configured, op: Operand) -> bool:
    return any(isinstance(k.what, Options) for k in configured.evaluate(op))


def of_entry(entry: Entry) -> Setting:
    """A file's entry as a setting."""
    return Setting(entry.name, entry.value, entry.at, entry.text, Form.FILE, entry.editable)


def _option_known(setting: Setting) -> Known[Held]:
    note = f"the option `{setting.name}` is `{setting.text}` by default"
    return Known(setting, (Evidence(setting.location.path, setting.location.line, note),))


def _note(entry: Entry) -> Evidence:
    return Evidence(entry.at.path, entry.at.line, f"`{entry.name}: {entry.text}`")


def _form(path: str) -> str:
    ending = path.rpartition(".")[2].lower()
    return "yaml" if ending == "yml" else ending
