"""The calls that read a configuration file, and those that only wrap one that was read."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from ...graph.symbols import Symbol
from ...source.scopes import last_name

if TYPE_CHECKING:
    from ...graph.project import Project
    from ...source.module import Module
    from ..values.frames import Operand

_FORMS = {
    "yaml": ("yaml", "ruamel.yaml", "ruamel_yaml", "oyaml", "omegaconf", "hydra", "anyconfig", "mmcv", "mmengine",
             "confuse", "pyaml", "yamlcore", "fvcore", "detectron2", "strictyaml"),
    "json": ("json", "simplejson", "ujson", "orjson", "json5", "commentjson", "anyconfig", "mmcv", "mmengine",
             "demjson", "hjson", "pyhocon", "rapidjson"),
    "toml": ("toml", "tomllib", "tomli", "tomlkit", "rtoml", "pytoml", "qtoml", "anyconfig"),
}  # fmt: skip
_LOADERS = {
    *(
        "load",
        "safe_load",
        "full_load",
        "unsafe_load",
        "round_trip_load",
        "loads",
        "load_all",
        "fromfile",
        "parse_file",
    ),
    "loadfn",
}
WRAPPERS = frozenset(
    {
        *("EasyDict", "edict", "Box", "Munch", "munchify", "DotMap", "AttrDict", "ConfigDict", "DotDict", "dotdict"),
        *("Namespace", "SimpleNamespace", "dict", "vars", "deepcopy", "copy", "OrderedDict", "to_container", "create"),
        *("Dict", "namedtuple", "Config", "DictConfig", "merge", "structured", "defaultdict", "ChainMap", "Dynaconf"),
        *("float", "int", "str", "bool", "eval", "literal_eval", "resolve", "clone", "freeze", "as_dict", "to_dict"),
        *("unsafe_merge", "masked_copy", "FrozenDict", "MappingProxyType", "ConfigBox", "instantiate_config"),
    }
)
"""Calls whose result holds what their arguments hold, whoever defines them."""
_SCALARS = {"float", "int", "str", "bool"}
_KEEPING_BASES = {"dict", "UserDict", "OrderedDict", "Namespace", "SimpleNamespace", "EasyDict", "Munch", "AttrDict"}


def loaded_forms(project: Project, op: Operand) -> frozenset[str]:
    """The formats that a call may read; empty where it reads no configuration."""
    node = op.node
    if not isinstance(node, ast.Call) or last_name(node.func) not in _LOADERS or not node.args:
        return frozenset()
    called = project.external(op.module, node.func)
    if called is None:
        # `yaml = YAML(typ="safe")`, then `yaml.load(f)`
        receiver = node.func.value if isinstance(node.func, ast.Attribute) else None
        return frozenset({"yaml"}) if receiver is not None and _is_yaml(project, op.sub(receiver)) else frozenset()
    return _forms_of(called)


def _forms_of(called: str) -> frozenset[str]:
    """The formats that a function of other packages reads."""
    top = called.rpartition(".")[0].split(".")
    return frozenset(f for f, tops in _FORMS.items() if called.partition(".")[0] in tops or ".".join(top[:2]) in tops)


def _is_yaml(project: Project, op: Operand) -> bool:
    for source in project.flow.sources(op):
        made = source.operand.node if source.operand is not None else None
        if source.operand is not None and isinstance(made, ast.Call):
            return project.external(source.operand.module, made.func) in ("ruamel.yaml.YAML", "ruyaml.YAML")
    return False


def wrapped(project: Project, op: Operand) -> list[ast.expr] | None:
    """The arguments whose content a call's result holds too; None where it does not just wrap them."""
    node = op.node
    assert isinstance(node, ast.Call)
    name = last_name(node.func)
    called = project.resolve(op.module, node.func)
    if isinstance(called, Symbol):
        if project.symbols.klass(called) is None or not keeps_keys(project, called):
            return None
    elif name in ("clone", "copy", "freeze", "as_dict", "to_dict") and isinstance(node.func, ast.Attribute):
        return [node.func.value] if not node.args else node.args
    elif name not in WRAPPERS or (name in _SCALARS and not isinstance(node.func, ast.Name)):
        return None
    return [*node.args, *(k.value for k in node.keywords if k.arg is None)]


def keeps_keys(project: Project, klass: Symbol) -> bool:
    """Whether a class holds the keys that it is made from as attributes or items."""
    for base in project.symbols.ancestry(klass):
        if isinstance(base, str):
            if base.rpartition(".")[2] in _KEEPING_BASES:
                return True
            continue
        facts = project.symbols.klass(base)
        if facts is not None and not {"__getattr__", "__getattribute__"}.isdisjoint(facts.methods):
            return True
        module = project.try_module(base.path)
        scope = module.scope_named(f"{base.qualname}.__init__") if module is not None else None
        for inner in ast.walk(scope.node) if scope is not None else ():
            if isinstance(inner, ast.Attribute) and inner.attr == "__dict__":
                return True
            if isinstance(inner, ast.Call) and last_name(inner.func) == "setattr":
                return True
    return False


def loads(project: Project) -> list[tuple[Module, ast.Call]]:
    """Every call of the project that may read one of its configurations."""
    found: list[tuple[Module, ast.Call]] = []
    known = frozenset(
        "yaml" if p.endswith("yml") else p.rpartition(".")[2] for p in map(str.lower, project.configs.paths)
    )
    for path, facts in project.files.items():
        if facts.called.isdisjoint(_LOADERS):
            continue
        called = [c for c in facts.calls if c.callee.rpartition(".")[2] in _LOADERS]
        lines = sorted({c.line for c in called if _may_load(project, path, c.callee, known)})
        module = project.try_module(path) if lines else None
        for line in lines if module is not None else ():
            for call in module.calls_on(line) if module is not None else ():
                if module is not None and loaded_forms(project, project.flow.operand(module, call)):
                    found.append((module, call))
    return found


def _may_load(project: Project, path: str, callee: str, known: frozenset[str]) -> bool:
    """Whether a call may read a format of which there are files, by its facts alone; opening a file is dear."""
    called = (
        project.symbols.resolve(path, callee)
        if "." in callee and not callee.startswith(("?.", "self.", "cls."))
        else None
    )
    return not isinstance(called, str) or not known.isdisjoint(_forms_of(called))
