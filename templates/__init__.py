"""Jinja2 templates and text that mlfix writes."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jinja2 import Environment


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    from .text import FILTERS, printable

    environment = Environment(
        loader=PackageLoader(__name__, ""),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=lambda name: name is not None and name.endswith(".html.j2"),
        finalize=printable,
    )
    environment.filters.update(FILTERS)
    return environment


def fill(name: str, **values: Any) -> str:  # noqa: ANN401
    """The text of a template of this folder, filled in. Templates named ``*.html.j2`` escape every value."""
    return _environment().get_template(name).render(**values)
