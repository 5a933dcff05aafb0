"""Calls that show or keep a configuration and read nothing of it."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from ...source.scopes import last_name

if TYPE_CHECKING:
    from ...graph.project import Project
    from ...source.module import Module

_BUILTINS = {"print", "pprint", "pformat", "str", "repr", "len", "isinstance", "type", "bool", "id", "format", "sorted"}
_OUTSIDE = re.compile(
    r"(?:json|yaml|pickle|toml|dill|joblib|simplejson|cloudpickle|ruamel\.yaml)\.(?:safe_|round_trip_)?dumps?"
    r"|pprint\.\w+|torch\.save|(?:wandb|mlflow|neptune|clearml|comet_ml|swanlab|aim|logging|loguru|logger|tqdm)\..*"
    r"|omegaconf\.OmegaConf\.(?:save|to_yaml|set_struct|set_readonly|resolve|register_new_resolver|is_missing)"
    r"|omegaconf\.(?:open_dict|read_write|flag_override)|rich\..*|accelerate\.logging\..*"
)
_METHODS = {
    *("info", "debug", "warning", "warn", "error", "log", "critical", "exception", "add_text", "add_hparams", "write"),
    *(
        "log_hyperparams",
        "log_params",
        "log_config",
        "init_trackers",
        "append",
        "format",
        "join",
        "print",
        "dump",
        "dumps",
    ),
    *("add_scalar", "log_text", "echo", "writelines", "writerow", "log_hyperparameters", "success", "connect", "rule"),
}


def is_sink(project: Project, module: Module, call: ast.Call) -> bool:
    """Whether a call only prints, logs or saves what it is given."""
    called = project.resolve(module, call.func)
    if isinstance(called, str):
        return called in _BUILTINS or _OUTSIDE.fullmatch(called) is not None
    if called is not None:
        return False
    name = last_name(call.func)
    return name in _METHODS if isinstance(call.func, ast.Attribute) else name in _BUILTINS


def only_shows(project: Project, module: Module, loop: ast.AST) -> bool:
    """Whether a loop or comprehension over a configuration only prints, logs or joins what it runs over."""
    if isinstance(loop, (ast.For, ast.AsyncFor)):
        for statement in loop.body:
            for node in ast.walk(statement):
                if isinstance(node, ast.Call) and not (is_sink(project, module, node) or _is_text(node)):
                    return False
                if isinstance(node, (ast.Return, ast.Yield, ast.Delete)):
                    return False
                if isinstance(node, (ast.Subscript, ast.Attribute)) and isinstance(node.ctx, ast.Store):
                    return False
        return True
    above = module.parent(loop)
    if not isinstance(loop, (ast.ListComp, ast.GeneratorExp)):
        return False
    return isinstance(loop.elt, ast.JoinedStr) or (isinstance(above, ast.Call) and is_sink(project, module, above))


def _is_text(call: ast.Call) -> bool:
    return last_name(call.func) in {
        "format",
        "ljust",
        "rjust",
        "center",
        "upper",
        "lower",
        "items",
        "keys",
        "join",
        "strip",
    }
