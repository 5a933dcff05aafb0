"""Numbers and foreign text as a reader should see them, in every template."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from markupsafe import Markup

_MINUS, _DASH = "\N{MINUS SIGN}", "\N{EN DASH}"
# Control characters, lone surrogates, and marks that reorder text and so make code read other than it runs
# (CVE-2021-42574).
_UNPRINTABLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)
_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>|~!$&])")
_LINKED = re.compile(r"([@#](?=\w)|:(?=//)|www(?=\.))")  # GitHub links people, issues and addresses in plain text
_FENCE = re.compile(r"`{3,}")
_LIBRARY = re.compile(r"(?<![\w.])/[^\s\"']*/((?:site|dist)-packages/|lib/python3\.\d+/)")
_TICKED = re.compile(r"`([^`\n]+)`")


def printable(value: Any) -> Any:  # noqa: ANN401
    """A template's value, with characters that cannot be seen, or that change the order of others, spelt out.

    Text that is safe HTML already keeps its class; what is no text passes through.
    """
    if not isinstance(value, str) or not _UNPRINTABLE.search(value):
        return value
    ended = value.replace("\r\n", "\n")
    return type(value)(_UNPRINTABLE.sub(lambda m: f"\\u{ord(m[0]):04x}", ended))


def shown(value: float | str | None) -> str:
    """A number in at most four significant digits; text as it is; a dash for what was not seen."""
    if value is None:
        return _DASH
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not math.isfinite(value):
        return "nan" if math.isnan(value) else "inf" if value > 0 else f"{_MINUS}inf"
    if value == int(value) and abs(value) < 1e6:
        return f"{int(value)}".replace("-", _MINUS)
    if 1e-3 <= abs(value) < 1e5:
        return f"{value:.4g}".replace("-", _MINUS)
    return scientific(value)


def scientific(value: float) -> str:
    """A number as digits and a power of ten: three significant digits."""
    digits, _, power = f"{value:.2e}".partition("e")
    digits = digits.rstrip("0").rstrip(".")
    return f"{digits}e{int(power)}".replace("-", _MINUS)


def middle(values: Iterable[float]) -> float:
    """The median. NaN where any value is NaN or there is none."""
    ordered = sorted(values)
    if not ordered or any(math.isnan(v) for v in ordered):
        return math.nan
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2


def spread(values: Iterable[float | None]) -> str:
    """Values over seeds: the one value where all agree, else the median and the range."""
    center, width = center_and_range(values)
    return f"{center} ({width})" if width else center


def center_and_range(values: Iterable[float | None]) -> tuple[str, str]:
    """The median and the range of values over seeds, as words; no range where all agree.

    Where some are not finite there is no median: all are told instead.
    """
    seen = [v for v in values if v is not None]
    texts = sorted({shown(v) for v in seen})
    if len(texts) < 2:
        return (texts[0] if texts else _DASH), ""
    if not all(math.isfinite(v) for v in seen):
        return ", ".join(texts), ""
    return shown(middle(seen)), f"{shown(min(seen))} to {shown(max(seen))}"


def counted(count: int, what: str) -> str:
    """A count with its noun, which takes an s."""
    return f"{count} {what}{'' if count == 1 else 's'}"


def duration(seconds: float) -> str:
    """Seconds, for reading: ``0.4 s``, ``12 s``, ``3 min 5 s``."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def portable(text: str, root: str) -> str:
    """What a program printed, with paths from the project's root, or from where libraries are installed."""
    return _LIBRARY.sub(r"\1", text.replace(f"{root}/", ""))


def markdown(text: str) -> str:
    """Foreign text in the middle of a Markdown line: flat, and without any markup, mention or link of its own.

    What stands in backticks stays code.
    """
    parts = _TICKED.split(" ".join(str(printable(text)).split()))
    return "".join(
        code(p) if i % 2 else _LINKED.sub(r"\1<!-- -->", _MARKDOWN.sub(r"\\\1", p)) for i, p in enumerate(parts)
    )


def code(text: str) -> str:
    """Foreign text as Markdown's inline code, in a table cell too; its fence is longer than any that it holds."""
    flat = " ".join(str(printable(text)).split()).replace("|", "\N{BROKEN BAR}")
    longest = max((len(run) for run in re.findall(r"`+", flat)), default=0)
    fence = "`" * (longest + 1)
    pad = " " if flat.startswith("`") or flat.endswith("`") else ""
    return f"{fence}{pad}{flat}{pad}{fence}" if flat else ""


def fenced(text: str, language: str = "") -> str:
    """A Markdown code block that its content cannot end."""
    longest = max((len(run) for run in _FENCE.findall(text)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}{language}\n{str(printable(text)).rstrip()}\n{fence}"


def ticked(text: str) -> Markup:
    """Foreign text as HTML, in which what stands in backticks is code."""
    from markupsafe import Markup, escape

    parts = _TICKED.split(str(printable(text)))
    return Markup("").join(Markup("<code>{}</code>").format(p) if i % 2 else escape(p) for i, p in enumerate(parts))


def diff_lines(diff: str) -> list[tuple[str, str]]:
    """A unified diff's lines with what each is: ``file``, ``hunk``, ``add``, ``remove``, ``same``."""
    lines = [line.removesuffix("\r") for line in diff.rstrip("\n").split("\n")]
    kinds = {"+": "add", "-": "remove", "@": "hunk", "\\": "hunk"}
    found = []
    for place, line in enumerate(lines):
        # A removed line may itself begin with "-- ": a head is a pair.
        is_head = line.startswith("--- ") and lines[place + 1 : place + 2] and lines[place + 1].startswith("+++ ")
        is_second = line.startswith("+++ ") and bool(found) and found[-1][0] == "file" and found[-1][1][:4] == "--- "
        found.append(("file" if is_head or is_second else kinds.get(line[:1], "same"), line))
    return found


FILTERS: dict[str, Callable[..., Any]] = {
    "shown": shown,
    "spread": spread,
    "duration": duration,
    "counted": counted,
    "markdown": markdown,
    "code": code,
    "fenced": fenced,
    "diff_lines": diff_lines,
    "ticked": ticked,
    "portable": portable,
}
