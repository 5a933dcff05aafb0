"""Syntax trees as text, the same text under every version of Python."""

from __future__ import annotations

import ast
import copy
from collections.abc import Sequence

_QUOTES = ("'", '"', '"""', "'''")
_REUSES_QUOTES = ast.unparse(ast.parse("f\"{x['k']}\"")) != "f\"{x['k']}\""
"""Early releases of Python 3.12 and 3.13 write ``f'{x['k']}'``, which no older Python can read."""
_BARE_LAMBDA = ast.unparse(ast.parse("lambda: 1"))[: -len(": 1")]
"""Python 3.10 writes ``lambda : 1``."""
_CONVERSIONS = {-1: "", 97: "!a", 114: "!r", 115: "!s"}
_LOOSE = (ast.IfExp, ast.Lambda)


def written(node: ast.AST) -> str:
    """What ``ast.unparse`` gives under Python 3.11 and 3.14, where the others give something else."""
    if not _REUSES_QUOTES or not any(isinstance(n, ast.JoinedStr) for n in ast.walk(node)):
        return _tight(node, ast.unparse(node))
    strings = _Strings()
    text = ast.unparse(strings.visit(copy.deepcopy(node)))
    for name, string in strings.texts.items():
        text = text.replace(name, string)
    return text


def _tight(node: ast.AST, text: str) -> str:
    """The text without the blank before the colon of a lambda that takes nothing."""
    loose = f"{_BARE_LAMBDA}:"
    if loose == "lambda:" or loose not in text:
        return text
    strings = (n.value for n in ast.walk(node) if isinstance(n, ast.Constant) and isinstance(n.value, str))
    return text if any(loose in s for s in strings) else text.replace(loose, "lambda:")


class _Strings(ast.NodeTransformer):
    """Puts names in place of f-strings that hold values, and keeps their texts."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.AST:
        text = _f_string(node)
        if text is None:
            return node
        name = f"_mlfix_f_string_{len(self.texts)}_"
        self.texts[name] = text
        return ast.Name(name, ast.Load())


def _f_string(node: ast.JoinedStr) -> str | None:
    """An f-string in the first quotes that stand nowhere in it; None where there are none."""
    parts = _parts(node.values)
    body = "".join(parts)
    several = any("\n" in part for part in parts)
    for quotes in _QUOTES:
        if quotes not in body and not body.endswith(quotes[0]) and (len(quotes) == 3 or not several):
            return f"f{quotes}{body}{quotes}"
    return None


def _parts(values: Sequence[ast.expr]) -> list[str]:
    parts: list[str] = []
    for value in values:
        if isinstance(value, ast.Constant):
            parts.append("".join(map(_escaped, str(value.value))).replace("{", "{{").replace("}", "}}"))
        elif isinstance(value, ast.FormattedValue):
            text = written(value.value)
            text = f"({text})" if isinstance(value.value, _LOOSE) else text
            spec = value.format_spec
            form = ":" + "".join(_parts(spec.values)) if isinstance(spec, ast.JoinedStr) else ""
            space = " " if text.startswith("{") else ""
            parts.append(f"{{{space}{text}{_CONVERSIONS[value.conversion]}{form}}}")
    return parts


def _escaped(character: str) -> str:
    is_plain = character.isprintable() and character != "\\"
    return character if is_plain else character.encode("unicode_escape").decode("ascii")
