"""Where a loss is a risk of positive and unlabelled data, and which value is its class prior.

The risk (du Plessis, Niu and Sugiyama 2015; Kiryo et al. 2017, equation 4) with the prior p:

    p * E_P[l(g)] + E_U[l(-g)] - p * E_P[l(-g)]
"""

from __future__ import annotations

import ast
import itertools
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from ...source.module import Module
from ...source.scopes import last_name
from .terms import Term, sums, terms_of

_PRIOR = re.compile(r"prior|(?:^|_)pi(?:$|_)|pos(?:itive)?_(?:rate|ratio|frac(?:tion)?|share|prob)", re.IGNORECASE)
_RISK = re.compile(r"(?:nn|u|^|_|negative|unbiased)pu(?:_|$|loss|risk)|positive_?unlabel", re.IGNORECASE)
_LOSSES = re.compile(r"sigmoid|softplus|logistic|hinge|cross_entropy|bce|loss|risk|crit", re.IGNORECASE)


@dataclass(frozen=True)
class Risk:
    """A PU risk: the function, the prior where it weighs the positives, and where it is taken off the unlabelled."""

    function: ast.FunctionDef | ast.AsyncFunctionDef
    prior: ast.expr
    added: ast.expr
    taken_off: ast.expr
    is_named: bool


def pu_risks(module: Module) -> Iterator[Risk]:
    """The PU risks of a file, each once."""
    for node in ast.walk(module.tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            found = _risk(module, node)
            if found is not None:
                yield found


def _risk(module: Module, function: ast.FunctionDef | ast.AsyncFunctionDef) -> Risk | None:
    added: dict[str, list[tuple[ast.expr, Term]]] = defaultdict(list)
    taken: dict[str, list[tuple[ast.expr, Term]]] = defaultdict(list)
    for node in sums(function):
        terms = terms_of(node)
        for key in {ast.unparse(f) for t in terms for f in t.factors if isinstance(f, (ast.Name, ast.Attribute))}:
            others = [t for t in terms if not t.has(key) and not _is_number(t)]
            for term in (t for t in terms if t.has(key) and len(t.factors) > 1):
                if term.positive:
                    added[key].append((node, term))
                elif any(_unlabelled(o, term, key) for o in others):
                    taken[key].append((node, term))
    if not _is_loss(function):
        return None
    owner = module.qualname(function.body[0])
    keys = [(not _PRIOR.search(key.rpartition(".")[2]), key) for key in added.keys() & taken.keys()]
    for unnamed, key in sorted(keys):
        if unnamed and not (key.startswith("self.") and _RISK.search(owner)):
            continue
        for (first, plus), (second, minus) in itertools.product(added[key], taken[key]):
            if plus.without(key) != minus.without(key):
                return Risk(function, _node_of(first, key), first, second, not unnamed)
    return None


def _is_number(term: Term) -> bool:
    return all(isinstance(f, ast.Constant) for f in term.factors)


def _unlabelled(other: Term, minus: Term, key: str) -> bool:
    """Whether a term may be the unlabelled risk that the weighted one is taken off; not so in ``b + p * (a - b)``."""
    return other.positive and other.without(key) != minus.without(key)


def _is_loss(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether the function works with losses."""
    for node in ast.walk(function):
        name = node.id if isinstance(node, ast.Name) else last_name(node) if isinstance(node, ast.Attribute) else ""
        if name and _LOSSES.search(name):
            return True
    return False


def _node_of(sum_: ast.expr, key: str) -> ast.expr:
    return next(n for n in ast.walk(sum_) if isinstance(n, (ast.Name, ast.Attribute)) and ast.unparse(n) == key)
