"""The version languages of pip, Poetry and conda, translated into PEP 440 specifiers without local versions."""

from __future__ import annotations

import re
from collections.abc import Callable

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version

from .ranges import hull, intersection

_CLAUSE = re.compile(r"\s*(===|~=|==|!=|<=|>=|<|>|=|\^|~)?\s*([^\s,|<>=!~^][^\s,|<>=~^]*)\s*")
_OPERATORS = ("===", "~=", "==", "!=", "<=", ">=", "<", ">")
_LONGEST = 1000


class BadSpecifier(ValueError):
    """A version range that its tool would refuse; the message names the part."""


def pep440(text: str) -> str:
    """A pip-style specifier, made what today's packaging accepts.

    Local versions are dropped (`==1.9.0+cu111`), and so are wildcards after an inequality (`>=1.2.*`), which old
    releases of pip accepted.

    Args:
        text: the clauses, separated by commas, with or without parentheses.

    Returns:
        The specifier set; empty for any version.

    Raises:
        BadSpecifier: a clause is none.
    """
    text = text.strip()
    if text.startswith("(") and text.endswith(")"):
        text = text[1:-1]
    clauses: list[str] = []
    for part in _limited(text).split(","):
        if not part.strip():
            continue
        match = _CLAUSE.fullmatch(part)
        if match is None or match[1] not in _OPERATORS:
            raise BadSpecifier(f"`{part.strip()[:60]}` is no version clause")
        clauses.append(_clause(match[1], match[2]))
    return _checked(",".join(clauses))


def poetry(text: str) -> str:
    """A Poetry constraint: `^`, `~`, a bare version (exact), wildcards, `||` alternatives.

    Source: https://python-poetry.org/docs/dependency-specification/. Alternatives become the range that covers them.

    Raises:
        BadSpecifier: it is none.
    """
    return _alternatives(text, _poetry_clause)


def conda(text: str) -> str:
    """A conda version (`=1.9`, `1.9.*`, `>=1.9,<2`, `1.9|1.10`), without its build string.

    `=1.9` is conda's prefix match. With three numbers (`=1.9.0`) it names one release and is taken as exact.
    Source: https://docs.conda.io/projects/conda-build/en/stable/resources/package-spec.html.

    Raises:
        BadSpecifier: it is none.
    """
    return _alternatives(text, _conda_clause)


def exact(text: str) -> str:
    """A bare version as an exact specifier.

    Raises:
        BadSpecifier: it is no version.
    """
    return f"=={_version(text.strip()).public}"


def prefix(text: str) -> str:
    """A leading part of a version (`3.8`, as in `FROM python:3.8`) as a specifier.

    Raises:
        BadSpecifier: it is no version.
    """
    version = _version(text.strip())
    return f"=={version.public}" if len(version.release) > 2 or version.is_prerelease else f"=={version.public}.*"


def _alternatives(text: str, read: Callable[[str], str]) -> str:
    ranges: list[SpecifierSet] = []
    for alternative in re.split(r"\|\|?", _limited(text)):
        parts = [part for part in re.split(r"\s*,\s*|\s+(?=[<>=!~^])", alternative.strip()) if part]
        whole = intersection([SpecifierSet(_checked(read(part))) for part in parts])
        if whole is None:
            raise BadSpecifier(f"`{alternative.strip()[:60]}` admits no version")
        ranges.append(whole)
    return str(hull(ranges))


def _poetry_clause(text: str) -> str:
    if text in ("*", ""):
        return ""
    operator, written = _split(text)
    if operator in ("", "="):
        return _clause("==", written)
    if operator == "^":
        version = _version(written)
        numbers = version.release
        # The caret keeps the first number that is not zero; of all-zero versions, the last one written.
        kept = next((index for index, number in enumerate(numbers) if number), len(numbers) - 1)
        return f">={version.public},<{_bumped(numbers, kept)}"
    if operator == "~":
        version = _version(written)
        return f">={version.public},<{_bumped(version.release, min(1, len(version.release) - 1))}"
    return _clause(operator, written)


def _conda_clause(text: str) -> str:
    if text in ("*", ""):
        return ""
    operator, written = _split(text)
    if written.endswith("*"):
        return _clause("!=" if operator == "!=" else "==", written.rstrip("*").rstrip(".") + ".*")
    if operator == "=":
        return f"=={_version(written).public}" if written.count(".") >= 2 else f"=={_version(written).public}.*"
    return _clause(operator or "==", written)


def _split(text: str) -> tuple[str, str]:
    match = _CLAUSE.fullmatch(text)
    if match is None:
        raise BadSpecifier(f"`{text[:60]}` is no version clause")
    return match[1] or "", match[2]


def _clause(operator: str, written: str) -> str:
    """One PEP 440 clause from an operator and a version as written."""
    if operator not in _OPERATORS:
        raise BadSpecifier(f"`{operator}{written[:60]}` is no version clause")
    if written == "*":
        return ""
    public = written.partition("+")[0]
    if public.endswith(".*"):
        base = _version(public[:-2]).public
        return f"{operator}{base}.*" if operator in ("==", "!=") else f"{operator}{base}"
    return f"{'==' if operator == '===' else operator}{_version(public).public}"


def _bumped(numbers: tuple[int, ...], index: int) -> str:
    return ".".join(map(str, [*numbers[:index], numbers[index] + 1]))


def _version(text: str) -> Version:
    try:
        return Version(text)
    except (InvalidVersion, ValueError):
        raise BadSpecifier(f"`{text[:60]}` is no version") from None


def _limited(text: str) -> str:
    if len(text) > _LONGEST:
        raise BadSpecifier(f"a version range of {len(text)} characters is over the limit of {_LONGEST}")
    return text


def _checked(text: str) -> str:
    try:
        return str(SpecifierSet(text))
    except (InvalidSpecifier, ValueError):
        raise BadSpecifier(f"`{text[:60]}` is no version range") from None
