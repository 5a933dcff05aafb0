"""Gives an embedding that no loss takes in a supervised contrastive one, weighted, beside the loss that is there."""

from __future__ import annotations

import ast

from ...analyzer.checking import NoFix
from ...analyzer.findings import Applicability, Edit, Finding, Fix
from ...analyzer.graph.project import Project
from ...analyzer.source.module import Module
from ..imports import ensure_import
from ..names import torch_name
from ..surgery import insert_before, newline_of, replace_span

_FUNCTION, _WEIGHT = "embedding_loss", "EMBEDDING_WEIGHT"
LOSS = '''\
{weight} = 0.1  # of the embedding's loss, beside the others


def {function}(embeddings, labels, temperature=0.1):
    """Supervised contrastive loss (Khosla et al. 2020); 0 where no two rows share a label."""
    embeddings = {torch}.nn.functional.normalize(embeddings.float(), dim=1)
    similarity = embeddings @ embeddings.t() / temperature
    self_pairs = {torch}.eye(len(labels), dtype={torch}.bool, device=labels.device)
    others = similarity.masked_fill(self_pairs, {torch}.finfo(similarity.dtype).min)
    log_probability = similarity - {torch}.logsumexp(others, dim=1, keepdim=True)
    partners = (labels[:, None] == labels[None, :]) & ~self_pairs
    count = partners.sum(dim=1)
    mean = log_probability.masked_fill(~partners, 0.0).sum(dim=1) / count.clamp(min=1)
    return -mean.sum() / (count > 0).sum().clamp(min=1)


'''


def fix(finding: Finding, project: Project) -> Fix:
    """The loss as a function, its term before the backward pass, and a line that logs it where nothing else does.

    Raises:
        NoFix: the file changed, or already has names that the fix would need.
    """
    repair = finding.repair or {}
    module = project.module(repair["path"])
    call = _call_at(module, repair["before"])
    if any(name in scope.bindings for scope in module.scopes() for name in (_FUNCTION, _WEIGHT)):
        raise NoFix(f"{module.path} has a `{_FUNCTION}` or `{_WEIGHT}` of its own: add the loss by hand")
    torch, imports = torch_name(module)
    edits = [*imports, _definition(module, torch)]
    if repair["rename"]:
        edits.append(replace_span(module, *repair["rename"]))
    given = f"{_FUNCTION}({repair['embedding']}, {repair['labels']})"
    loss, terms = repair["loss"], repair["terms"]
    if terms:
        term = f'{terms}["{repair["name"]}"]'
        report: list[str] = []
    else:
        term = f"{repair['name']}_loss" if str(repair["name"]).isidentifier() else "embedded"
        logging, more = ensure_import(module, call, "logging")
        edits += more
        report = [f'{logging}.getLogger(__name__).info("{term}: %.4f", {term}.item())']
    lines = [f"{term} = {given}", f"{loss} = {loss} + {_WEIGHT} * {term}", *report]
    edits.append(insert_before(module, module.statement(call), *lines))
    title = f"give `{repair['name']}` a supervised contrastive loss of weight 0.1"
    return Fix(Applicability.UNSAFE, title, tuple(edits))


def _call_at(module: Module, offset: int) -> ast.expr:
    for node in module.nodes:
        if isinstance(node, (ast.Name, ast.Attribute, ast.Subscript, ast.Call)) and module.span(node)[0] == offset:
            return node
    raise NoFix("the file changed since it was scanned: scan again")


def _definition(module: Module, torch: str) -> Edit:
    """The function before the file's first one, or before the code that runs."""
    first = next(
        s
        for s in module.tree.body
        if not isinstance(s, (ast.Import, ast.ImportFrom, ast.Assign, ast.AnnAssign))
        and not (isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant))
    )
    text = LOSS.format(function=_FUNCTION, weight=_WEIGHT, torch=torch)
    line = min([first.lineno, *(d.lineno for d in getattr(first, "decorator_list", []))])
    start = module.line_starts[line - 1]
    return replace_span(module, start, start, text.replace("\n", newline_of(module)))
