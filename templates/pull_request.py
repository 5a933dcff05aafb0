"""The text of a pull request that brings verified fixes: GitHub's Markdown, short above, details folded."""

from __future__ import annotations

import shlex

from ..analyzer.runtime.results import VerifyResult
from ..analyzer.version import __version__
from . import fill
from .report import facts, headline, measured_alike, reading_of


def render(result: VerifyResult) -> str:
    """The result as Markdown to paste: a verdict, one sentence and the numbers for each fix.

    Args:
        result: what verify found, or probe: then its symptoms with the findings that explain them.
    """
    return fill(
        "pull_request.md.j2",
        result=result,
        version=__version__,
        headline=headline(result),
        command=shlex.join(result.command),
        reproduce=shlex.join(result.reproduce),
        facts=facts(result),
        groups=measured_alike(result),
        reading_of=reading_of,
        stopped=[] if any(r.ran for r in result.runs) else result.runs[:1],
    )
