"""Put a pattern rule's fix in place of the code that fits its pattern, the holes filled with the user's own text."""

from __future__ import annotations

import ast
import builtins
import contextlib
import copy
import io
import re
import textwrap
import tokenize
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import libcst as cst

from ..analyzer.checking import NoFix
from ..analyzer.findings import Applicability, Edit, Finding, Fix
from ..analyzer.graph.project import Project
from ..analyzer.patterns.matching import named
from ..analyzer.patterns.syntax import chains, hole_name, is_literal, rest_name
from ..analyzer.source.collect import dotted
from ..analyzer.source.module import Module
from ..analyzer.source.quiet import parse_expression, parse_quietly, without_warnings
from ..analyzer.source.written import written
from .comments import dressed
from .imports import ensure_import, is_free, name_of, stands_alone
from .surgery import indent_of, newline_of, replace_span

_Span = tuple[int, int]
_BETWEEN = re.compile(r"\s*,(?:\s|#[^\n]*\n|\\\n)*")
_ATOMS = (ast.Name, ast.Attribute, ast.Call, ast.Subscript, ast.List, ast.Dict, ast.Set, ast.JoinedStr)
_ATOMS += (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_NEVER_BARE = (ast.Tuple, ast.NamedExpr, ast.Yield, ast.YieldFrom)
_ROOM = (ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Return, ast.Expr, ast.keyword, ast.List, ast.Set)


def fix(finding: Finding, project: Project) -> Fix:
    """The fix of a rule written in YAML.

    Args:
        finding: of such a rule; ``repair`` holds the fix and the places of what fills its holes.
        project: the project it was found in.

    Raises:
        NoFix: the text would not mean what the rule says, or a name that it needs is taken.
    """
    assert finding.repair is not None
    repair = finding.repair
    module = project.module(finding.location.path)
    node = _at(module, tuple(repair["span"]), is_statement=repair["is_statement"])
    if any(isinstance(above, ast.JoinedStr) for above in module.ancestors(node)):
        raise NoFix("it stands inside of an f-string, where Python does not say exactly where")
    template, imports = _with_local_names(module, project, node, repair["fix"])
    filling = _Filling.of(module, repair["holes"], repair["rests"])
    if isinstance(node, ast.expr):
        text = _expression(template, filling)
        text = f"({text})" if _needs_brackets(module, node, text) else text
    else:
        if not stands_alone(module, node):
            raise NoFix("the statement shares its line with another one")
        text = f"\n{indent_of(module, node)}".join(_statements(template, filling))
    title = repair["title"] or f"Write `{_short(text)}`"
    old = module.segment(node)
    kept = dressed(old, text)
    if kept is not None and _reads_as(kept, text):
        text = kept
    elif "#" in old and _comments(old) != _comments(text):
        raise NoFix("a comment inside of the code would be lost")
    ending = newline_of(module)
    text = text if ending == "\n" or "\r" in text else text.replace("\n", ending)
    edits = (*dict.fromkeys(imports), replace_span(module, *module.span(node), text))
    return Fix(Applicability(repair["applicability"]), title, edits)


@dataclass(frozen=True)
class _Filling:
    """What fills the holes: as text, and as a tree to check the result against."""

    texts: Mapping[str, str]
    nodes: Mapping[str, ast.expr]
    rest_texts: Mapping[str, str]
    rest_nodes: Mapping[str, list[ast.expr | ast.keyword]]

    @classmethod
    def of(cls, module: Module, holes: Mapping[str, str | _Span], rests: Mapping[str, list[_Span]]) -> _Filling:
        texts = {n: v if isinstance(v, str) else module.text[slice(*v)] for n, v in holes.items()}
        nodes = {n: parse_expression(f"(\n{t}\n)") for n, t in texts.items()}
        rest_texts = {n: _joined(module, spans) for n, spans in rests.items()}
        calls = {n: parse_expression(f"f(\n{t}\n)") for n, t in rest_texts.items()}
        rest_nodes = {n: [*c.args, *c.keywords] for n, c in calls.items() if isinstance(c, ast.Call)}
        return cls(texts, nodes, rest_texts, rest_nodes)


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 72 else f"{line[:69]}..."


def _reads_as(text: str, meant: str) -> bool:
    """Whether two texts are the same program, with no comment between them told apart."""
    try:
        return ast.dump(parse_quietly(textwrap.dedent(text))) == ast.dump(parse_quietly(textwrap.dedent(meant)))
    except SyntaxError:
        return False


def _comments(text: str) -> list[str]:
    with contextlib.suppress(tokenize.TokenError, SyntaxError):
        tokens = tokenize.generate_tokens(io.StringIO(f"(\n{text}\n)").readline)
        return [t.string for t in tokens if t.type == tokenize.COMMENT]
    return [text]


def _joined(module: Module, spans: list[tuple[int, int]]) -> str:
    """Arguments as they stand in the file, comments between them kept where they follow each other."""
    ordered = sorted(spans)
    text = ""
    for before, (start, end) in zip([None, *ordered], ordered, strict=False):
        between = module.text[before[1] : start] if before is not None else ""
        text += between if not before or _BETWEEN.fullmatch(between) else ", "
        text += module.text[start:end]
    return text


def _with_local_names(module: Module, project: Project, near: ast.AST, template: str) -> tuple[str, list[Edit]]:
    """The fix with its dotted names as this file writes them, and the imports that are missing."""
    edits: list[Edit] = []
    found: list[tuple[int, int, str]] = []
    starts = [0, *(m.end() for m in re.finditer("\n", template))]
    lines = template.split("\n")
    for chain in chains(parse_quietly(template)):
        name = dotted(chain) or ""
        if is_literal(name) or name in dir(builtins):
            continue
        local, needed = _local(module, project, near, name)
        edits += needed
        begin = starts[chain.lineno - 1] + _characters(lines[chain.lineno - 1], chain.col_offset)
        last = (chain.end_lineno or chain.lineno) - 1
        found.append((begin, starts[last] + _characters(lines[last], chain.end_col_offset or 0), local))
    for begin, end, local in sorted(found, reverse=True):
        template = template[:begin] + local + template[end:]
    return template, edits


def _local(module: Module, project: Project, near: ast.AST, name: str) -> tuple[str, list[Edit]]:
    # As the code that is replaced writes it.
    for node in ast.walk(near):
        if named(project, module, node, name):
            return written(node), []
    parts = name.split(".")
    for cut in range(len(parts), 0, -1):
        local = name_of(module, ".".join(parts[:cut]), near)
        if local is not None:
            return ".".join([local, *parts[cut:]]), []
    root = parts[0]
    if project.symbols.resolve("", name) != name:
        raise NoFix(f"`{name}` is the project's own and not imported here: import it, then apply again")
    if not is_free(module, root):
        raise NoFix(f"the fix needs `import {root}`, and the file uses that name for something else")
    return name, ensure_import(module, near, root)[1]


def _characters(line: str, byte_column: int) -> int:
    return len(line.encode()[:byte_column].decode(errors="ignore"))


def _expression(template: str, filling: _Filling) -> str:
    wanted = _Expected(filling).visit(ast.Expression(parse_expression(template)))
    return _first_right(
        wanted, lambda w: cst.Module([]).code_for_node(_filled_expression(template, filling, w)), filling
    )


def _filled_expression(template: str, filling: _Filling, wrapped: Collection[str]) -> cst.BaseExpression:
    tree = cst.parse_expression(template).visit(_Fill(filling, wrapped))
    assert isinstance(tree, cst.BaseExpression)
    return tree


def _statements(template: str, filling: _Filling) -> list[str]:
    wanted = _Expected(filling).visit(parse_quietly(template))
    code = _first_right(wanted, lambda w: cst.parse_module(template).visit(_Fill(filling, w)).code, filling)
    tree = cst.parse_module(code)
    return [tree.code_for_node(s).removesuffix("\n") for s in tree.body]


def _first_right(wanted: ast.AST, make, filling: _Filling) -> str:  # noqa: ANN001 - a function of the wrapped holes
    """The text with the fewest brackets that is read as it is meant."""
    meaning = ast.unparse(wanted)

    def right(wrapped: Collection[str]) -> str | None:
        try:
            text = make(wrapped)
            with without_warnings():
                tree = ast.parse(text, mode="eval" if isinstance(wanted, ast.Expression) else "exec")
            return text if ast.unparse(tree) == meaning else None
        except (SyntaxError, cst.CSTValidationError, cst.ParserSyntaxError):
            return None

    wrapped = {n for n, node in filling.nodes.items() if "\n" in filling.texts[n] or not isinstance(node, _ATOMS)}
    text = right(())
    if text is not None:
        return text
    if (text := right(wrapped)) is None:
        raise NoFix("filled with the code here, the fix would mean something else")
    for name in sorted(wrapped):
        fewer = right(wrapped - {name})
        if fewer is not None:
            wrapped, text = wrapped - {name}, fewer
    return text


class _Expected(ast.NodeTransformer):
    """The fix's tree with the holes filled, node by node: what the text must be read as."""

    def __init__(self, filling: _Filling) -> None:
        self._filling = filling

    def visit_Name(self, node: ast.Name) -> ast.AST:
        name = hole_name(node)
        # A copy: `ast.unparse` remembers brackets by the identity of a node.
        return copy.deepcopy(self._filling.nodes[name]) if name is not None else node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        args: list[ast.expr] = []
        keywords: list[ast.keyword] = []
        for argument in (*node.args, *node.keywords):
            several = rest_name(argument)
            for part in self._filling.rest_nodes[several] if several is not None else [self.visit(argument)]:
                keywords.append(part) if isinstance(part, ast.keyword) else args.append(part)
        return ast.Call(self.visit(node.func), args, keywords)

    def generic_visit(self, node: ast.AST) -> ast.AST:
        for field, value in ast.iter_fields(node):
            name = hole_name(value) if isinstance(value, str) else None
            if name is not None:
                setattr(node, field, self._filling.texts[name])
            elif isinstance(value, list) and any(rest_name(v) is not None for v in value):
                parts = [self._filling.rest_nodes.get(rest_name(v) or "", [v]) for v in value]
                setattr(node, field, [p for part in parts for p in part])
        return super().generic_visit(node)


class _Fill(cst.CSTTransformer):
    """The same in LibCST, with the user's own formatting."""

    def __init__(self, filling: _Filling, wrapped: Collection[str]) -> None:
        super().__init__()
        self._filling = filling
        self._wrapped = wrapped

    def leave_Name(self, original_node: cst.Name, updated_node: cst.Name) -> cst.BaseExpression:
        name = hole_name(updated_node.value)
        if name is None:
            return updated_node
        text = self._filling.texts[name]
        inner = cst.parse_expression(f"(\n{text}\n)")
        inner = inner.with_changes(lpar=inner.lpar[1:], rpar=inner.rpar[:-1])
        return _in_brackets(inner) if name in self._wrapped else inner

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.Call:
        args: list[cst.Arg] = []
        for argument in updated_node.args:
            several = _cst_rest(argument.value) if argument.star == "*" else None
            if several is None:
                args.append(argument)
                continue
            text = self._filling.rest_texts[several]
            call = cst.parse_expression(f"f({text}\n)" if "\n" in text else f"f({text})")
            own = list(call.args) if isinstance(call, cst.Call) else []
            if own and isinstance(argument.comma, cst.Comma):
                own[-1] = own[-1].with_changes(comma=argument.comma)
            args += own
        if args and args[-1] is not updated_node.args[-1] and not isinstance(updated_node.args[-1].comma, cst.Comma):
            args[-1] = args[-1].with_changes(comma=cst.MaybeSentinel.DEFAULT)
        return updated_node.with_changes(args=args)

    def leave_StarredElement(  # pyright: ignore[reportIncompatibleMethodOverride] - LibCST takes several elements
        self, original_node: cst.StarredElement, updated_node: cst.StarredElement
    ) -> cst.BaseElement | cst.FlattenSentinel[cst.BaseElement]:
        several = _cst_rest(updated_node.value)
        if several is None:
            return updated_node
        listed = cst.parse_expression(f"[{self._filling.rest_texts[several]}\n]")
        own = list(listed.elements) if isinstance(listed, cst.List) else []
        if own and isinstance(updated_node.comma, cst.Comma):
            own[-1] = own[-1].with_changes(comma=updated_node.comma)
        return cst.FlattenSentinel(own)


def _in_brackets(node: cst.BaseExpression) -> cst.BaseExpression:
    return node.with_changes(lpar=[cst.LeftParen(), *node.lpar], rpar=[*node.rpar, cst.RightParen()])


def _cst_rest(node: cst.BaseExpression) -> str | None:
    return rest_name(ast.Starred(ast.Name(node.value))) if isinstance(node, cst.Name) else None


def _needs_brackets(module: Module, node: ast.expr, text: str) -> bool:
    """Whether a new expression could be torn apart by what stands around it."""
    tree = parse_expression(text)
    start, end = module.span(node)
    around = module.text[:start].rstrip()[-1:] + module.text[end:].lstrip()[:1]
    if isinstance(tree, _ATOMS) or (isinstance(tree, ast.Constant) and not isinstance(tree.value, (int, float))):
        return False
    if text.startswith("(") and text.endswith(")") and isinstance(tree, ast.Tuple):
        return False
    above = module.parent(node)
    has_room = isinstance(above, _ROOM) or (isinstance(above, ast.Call) and node is not above.func)
    return isinstance(tree, _NEVER_BARE) or (around != "()" and not has_room)


def _at(module: Module, span: tuple[int, int], is_statement: bool) -> ast.expr | ast.stmt:
    kind = ast.stmt if is_statement else ast.expr
    for node in module.nodes:
        # An expression statement and its expression share a span.
        if isinstance(node, kind) and module.span(node) == span and isinstance(node, (ast.expr, ast.stmt)):
            return node
    raise NoFix("the code is not where it was found any more")
