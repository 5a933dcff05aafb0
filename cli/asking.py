"""Consent by asking about each fix."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

import click

from ..analyzer.findings import Applicability, Finding
from . import exits
from .formats.diff import finding_diff
from .terminal import is_colored

_QUESTION = "apply? (y)es, (n)o, (a)ll of this rule, (q)uit asking"


class Asking:
    """Asks on standard error: y, n, a (yes to all of this rule), q (no to all that is left).

    Args:
        root: the project's folder.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._always: set[str] = set()
        self._stopped = False

    def __call__(self, finding: Finding, changed: Mapping[str, bytes]) -> bool:
        """Whether a fix may be applied to the files as they are after the fixes before it.

        Raises:
            Failure: there is nobody to answer (Ctrl-C, Ctrl-D, no terminal).
        """
        if self._stopped or finding.fix is None or finding.fix.applicability is Applicability.ADVICE:
            return False
        if finding.rule in self._always:
            return True
        place = finding.location
        click.echo(f"\n{place.path}:{place.line}: {finding.label}: {finding.message}", err=True)
        click.echo(f"{finding.fix.applicability} fix: {finding.fix.title}", err=True)
        click.echo(finding_diff(finding, self._root, changed, color=is_colored(sys.stderr)), nl=False, err=True)
        answer = self._answer()
        if answer == "a":
            self._always.add(finding.rule)
        self._stopped = answer == "q"
        return answer in "ya"

    def _answer(self) -> str:
        try:
            return click.prompt(_QUESTION, type=click.Choice(list("ynaq")), show_choices=False, err=True)
        except click.Abort:
            click.echo(err=True)
            exits.fail("no answer: the fixes asked about are not applied; `q` ends the questions and applies the rest")
