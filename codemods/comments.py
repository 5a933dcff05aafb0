"""A new text in an old one's clothes: where both say the same, the old line breaks, spaces and comments stay."""

from __future__ import annotations

import difflib
import io
import tokenize

_TRIVIA = (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER)


def dressed(old: str, new: str) -> str | None:
    """``new`` with the white space and comments that ``old`` has around the tokens of both.

    Args:
        old: the code that is replaced.
        new: the code in its place.

    Returns:
        The text; None where a comment of ``old`` has no place in it, or one of the two cannot be read.
    """
    before, after = _tokens(old), _tokens(new)
    if before is None or after is None:
        return None if "#" in old else new
    matcher = difflib.SequenceMatcher(None, [t for _, t in before], [t for _, t in after], autojunk=False)
    parts: list[str] = []
    for kind, first, last, begin, end in matcher.get_opcodes():
        if kind == "equal":
            parts += [gap + token for gap, token in before[first:last]]
            continue
        if any("#" in gap for gap, _ in before[first:last]):
            return None
        parts += [gap + token for gap, token in after[begin:end]]
    text = "".join(parts).lstrip()
    return None if text.startswith("#") else text


def _tokens(code: str) -> list[tuple[str, str]] | None:
    """Each token with what stands before it; None where the code is none."""
    starts = [0]
    for line in code.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    found: list[tuple[str, str]] = []
    done = 0
    try:
        # In brackets, so that a line may end anywhere.
        for token in tokenize.generate_tokens(io.StringIO(f"({code}\n)").readline):
            if token.type in _TRIVIA:
                continue
            start, end = (starts[min(r - 1, len(starts) - 1)] + c - (r == 1) for r, c in (token.start, token.end))
            if 0 <= start < end <= len(code):
                found.append((code[done:start], code[start:end]))
                done = end
    except (tokenize.TokenError, SyntaxError, IndentationError):
        return None
    return found
