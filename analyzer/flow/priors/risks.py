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
from weakref import WeakKeyDictionary

from ...source.module import Module
from ...source.scopes import last_name
from .terms import Term, sums, terms_of

_PRIOR = re.compile(
    # The letter in front that all have makes the search many times quicker.
    r"p(?:rior|(?<![^\W_]p)i(?![^\W_])|os(?:itive)?_(?:rate|ratio|frac(?:tion)?|share|prob))",
    re.IGNORECASE,
)
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


_KNOWN: WeakKeyDictionary[Module, tuple[Risk, ...]] = WeakKeyDictionary()


def pu_risks(module: Module) -> tuple[Risk, ...]:
    """The PU risks of a file, each once."""
    found = _KNOWN.get(module)
    if found is None:
        found = _KNOWN[module] = tuple(_risks(module))
    return found


def _risks(module: Module) -> Iterator[Risk]:
    lines = _lines_of_functions(module)
    for function in _functions(module.tree) if lines else ():
        if function.lineno in lines:
            found = _risk(module, function)
            if found is not None:
                yield found


def _functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Every function of a file, outer ones first, by a walk over its statements alone."""
    waiting: list[ast.AST] = [tree]
    for node in waiting:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node
        for name in ("body", "handlers", "orelse", "finalbody", "cases"):
            waiting += getattr(node, name, ())


def _lines_of_functions(module: Module) -> set[int]:
    """Where functions start whose text has a prior, or that are risks by their names: few, by the text alone."""
    text = module.text.lower()
    called = {f.line for f in module.facts.functions if _RISK.search(f.qualname)}
    if len(text) != len(module.text):
        return {f.line for f in module.facts.functions}
    places = [module.position(m.start())[0] for m in _PRIOR.finditer(text)]
    return called | {f.line for f in module.facts.functions if any(f.line <= p <= f.end_line for p in places)}


def _risk(module: Module, function: ast.FunctionDef | ast.AsyncFunctionDef) -> Risk | None:
    if not _is_loss(function):
        return None
    is_risk = bool(_RISK.search(module.qualname(function.body[0])))
    added: dict[str, list[tuple[ast.expr, Term]]] = defaultdict(list)
    taken: dict[str, list[tuple[ast.expr, Term]]] = defaultdict(list)
    for node in sums(function):
        terms = terms_of(node)
        factors = {ast.unparse(f) for t in terms for f in t.factors if isinstance(f, (ast.Name, ast.Attribute))}
        for key in (f for f in factors if _may_be_prior(f, is_risk)):
            others = [t for t in terms if not t.has(key) and not _is_number(t)]
            for term in (t for t in terms if t.has(key) and len(t.factors) > 1):
                if term.positive:
                    added[key].append((node, term))
                elif any(_unlabelled(o, term, key) for o in others):
                    taken[key].append((node, term))
    keys = [(not _is_named(key), key) for key in added.keys() & taken.keys()]
    for unnamed, key in sorted(keys):
        for (first, plus), (second, minus) in itertools.product(added[key], taken[key]):
            if plus.without(key) != minus.without(key):
                return Risk(function, _node_of(first, key), first, second, not unnamed)
    return None


def _is_named(key: str) -> bool:
    return bool(_PRIOR.search(key.rpartition(".")[2].lower()))


def _may_be_prior(key: str, is_risk: bool) -> bool:
    """Whether a factor may be a prior: by its name, or an attribute in what is called a PU risk."""
    return _is_named(key) or (is_risk and key.startswith("self."))


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
