"""Python's own parser and compiler, without the warnings that they print about the code that is looked at."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without_warnings() -> Iterator[None]:
    """Invalid escapes, ``is`` with a literal, a ``return`` in ``finally``: the author's business, not ours.

    Python 3.12 and newer tell of more of them on the terminal, also when the code is only parsed.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def parse_quietly(code: str, path: str = "<code>") -> ast.Module:
    """The syntax tree of statements; raises what ``ast.parse`` raises."""
    with without_warnings():
        return ast.parse(code, filename=path)


def parse_expression(code: str) -> ast.expr:
    """The syntax tree of one expression; raises what ``ast.parse`` raises."""
    with without_warnings():
        return ast.parse(code, mode="eval").body
