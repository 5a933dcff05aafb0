"""``# mlfix: ignore[rule]`` on a line, ``# mlfix: ignore-file[rule]`` anywhere; those that silence nothing are told."""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace

from .findings import Confidence, Evidence, Finding, Level, Location
from .source.reader import Text

NAME = "unused-suppression"
CODE = "MLF001"
_COMMENT = re.compile(r"#\s*mlfix:\s*(ignore-file|ignore)\b(?:\[([^\]]*)\])?")


@dataclass
class Suppression:
    """One comment. ``rules`` empty means every rule."""

    line: int
    column: int
    end_column: int
    is_file_wide: bool
    rules: tuple[str, ...]
    used: set[str] = field(default_factory=set)

    def silences(self, finding: Finding) -> bool:
        """Whether a finding of the same file falls under this comment."""
        if self.rules and finding.rule not in self.rules and finding.code not in self.rules:
            return False
        place = finding.location
        return self.is_file_wide or place.line <= self.line <= max(place.line, place.end_line)


def read_suppressions(text: Text) -> list[Suppression]:
    """The suppression comments of a file: real comments only, never text inside strings."""
    found: list[Suppression] = []
    try:
        for token in tokenize.generate_tokens(io.StringIO(text.text).readline):
            if token.type != tokenize.COMMENT:
                continue
            for match in _COMMENT.finditer(token.string):
                rules = tuple(r.strip() for r in (match[2] or "").split(",") if r.strip())
                line, column = token.start
                start, end = column + match.start() + 1, column + match.end() + 1
                found.append(Suppression(line, start, end, match[1] == "ignore-file", rules))
    except (tokenize.TokenError, SyntaxError):
        pass  # the parser accepted the file; what was read before stands
    return found


def suppress(findings: Iterable[Finding], comments: list[Suppression]) -> list[Finding]:
    """Mark the findings of one file that its comments silence, and note which comments did."""
    marked: list[Finding] = []
    for finding in findings:
        covering = [c for c in comments if c.silences(finding)]
        for comment in covering:
            comment.used.update({finding.rule, finding.code})
        marked.append(replace(finding, suppressed=True) if covering else finding)
    return marked


def unused(path: str, text: Text, comments: Iterable[Suppression], active: Collection[str]) -> list[Finding]:
    """A finding for each comment, or rule in one, that silenced nothing although the rule ran.

    Args:
        path: the file.
        text: its text.
        comments: its suppressions, after :func:`suppress`.
        active: names and codes of the rules that ran.
    """
    found: list[Finding] = []
    for comment in comments:
        idle = [r for r in comment.rules if r not in comment.used and r in active]
        if (comment.rules and not idle) or (not comment.rules and comment.used):
            continue
        what = ", ".join(f"`{r}`" for r in idle) if idle else "any rule"
        place = Location(path, comment.line, comment.column, comment.line, comment.end_column)
        message = f"this comment suppresses nothing: {what} finds nothing here"
        found.append(
            Finding(
                rule=NAME,
                code=CODE,
                level=Level.WASTES,
                confidence=Confidence.HIGH,
                location=place,
                message=message,
                symptom="A comment that silences nothing hides the next real finding on its line.",
                evidence=(Evidence(path, comment.line, "the comment"),),
                subject=text.text.splitlines()[comment.line - 1].strip(),
                no_fix="remove the comment",
            )
        )
    return found
