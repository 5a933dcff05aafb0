"""Edits applied to text: whole fixes or nothing, never two over the same characters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ..analyzer.findings import Edit, Finding
from ..analyzer.source.reader import LINE_END


@dataclass(frozen=True)
class Chosen:
    """Which findings' fixes fit together; ``left`` overlap an earlier one and wait for the next round."""

    taken: tuple[Finding, ...]
    left: tuple[Finding, ...]
    edits: Mapping[str, tuple[Edit, ...]] = field(default_factory=dict)


def choose(findings: Iterable[Finding]) -> Chosen:
    """Take fixes in order of place, as long as none of their edits overlaps one already taken.

    Two fixes that ask for the very same edit (an import that both need) share it. Edits that clear imports are left
    out: which imports are left without a use is a question about all edits of a file.
    """
    taken: list[Finding] = []
    left: list[Finding] = []
    edits: dict[str, list[Edit]] = {}
    for finding in sorted(findings, key=lambda f: f.sort_key):
        assert finding.fix is not None
        own = [e for e in finding.fix.edits if not e.clears]
        new = [e for e in dict.fromkeys(own) if e not in edits.get(e.path, ())]
        if any(overlap(e, other) for e in new for other in edits.get(e.path, ())):
            left.append(finding)
            continue
        taken.append(finding)
        for edit in new:
            edits.setdefault(edit.path, []).append(edit)
    return Chosen(tuple(taken), tuple(left), {path: tuple(of) for path, of in edits.items()})


def apply_edits(text: str, edits: Sequence[Edit]) -> str:
    """A text with its edits made; they must not overlap.

    Raises:
        ValueError: an edit lies outside of the text.
    """
    starts = [0, *(m.end() for m in LINE_END.finditer(text))]

    def offset(position: tuple[int, int]) -> int:
        line, column = position
        if not 0 < line <= len(starts):
            raise ValueError(f"line {line} is outside of the file")
        return starts[line - 1] + column - 1

    spans = sorted(((offset(e.start), offset(e.end), number, e.text) for number, e in enumerate(edits)), reverse=True)
    for start, end, _, replacement in spans:
        if not 0 <= start <= end <= len(text):
            raise ValueError(f"the span {start}-{end} is outside of the file")
        text = text[:start] + replacement + text[end:]
    return text


def overlap(first: Edit, second: Edit) -> bool:
    """Whether two edits of one file are about the same characters, or the same place between two."""
    if first.start == first.end and second.start == second.end:
        return first.start == second.start
    if first.start == first.end or second.start == second.end:
        point, span = (first, second) if first.start == first.end else (second, first)
        return span.start < point.start < span.end
    return first.start < second.end and second.start < first.end
