"""The nearest releases of torch, torchvision and torchaudio that work together, and how a pin is written for them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from packaging.version import InvalidVersion, Version

from ...analyzer.graph.project import Project
from ...analyzer.project.dependencies import Range, Requirement, Syntax
from ...analyzer.source.reader import Unreadable
from .. import knowledge

_CLAUSE = re.compile(r"(?P<operator>===|==|~=|>=|>|\^|~|=)?(?P<space>\s*)(?P<version>\d[\w.!]*)(?P<rest>.*)", re.DOTALL)
_LOWER = ("===", "==", "~=", ">=", ">", "^", "~", "=", None)
_PYTHONS = [Version(f"3.{minor}.{micro}") for minor in range(5, 17) for micro in (0, 2, 5, 9, 13)]


class Pins(NamedTuple):
    """The exact pins of one program: for each package the release and the statements that say it."""

    versions: Mapping[str, Version]
    statements: Mapping[str, tuple[Requirement, ...]]


class SpecifierEdit(NamedTuple):
    """New text for a requirement's specifier."""

    requirement: Requirement
    old: str
    new: str


class NoPin(Exception):
    """Why no pin can be written; the message is shown to the user."""


def nearest(pins: Pins, needs: Mapping[str, Version], python: Range | None) -> dict[str, Version]:
    """The nearest releases, none older than what is pinned, that satisfy every need and belong together.

    Args:
        pins: the exact pins.
        needs: the oldest release that the code can use, by package.
        python: the range of Python, if one is stated.

    Raises:
        NoPin: no known releases do.
    """
    if "torch" not in pins.versions:
        found = {}
        for package, version in pins.versions.items():
            least = max(version, needs.get(package, version))
            newer = (v for v, r in knowledge.releases(package).items() if v >= least and not r.yanked)
            release = next(newer, None)
            if release is None:
                raise NoPin(f"no known release of {package} from {least} on")
            found[package] = release
        return found
    least = max(pins.versions["torch"], needs.get("torch", pins.versions["torch"]))
    for torch, pair in knowledge.pairs().items():
        if torch < least or knowledge.releases("torch")[torch].yanked or not _has_wheel(torch, python):
            continue
        partners = {"torchvision": pair.torchvision, "torchaudio": pair.torchaudio}
        found = {"torch": torch}
        for package in pins.versions:
            if package != "torch":
                old = pins.versions[package]
                wanted = max(old, needs.get(package, old))
                fitting = [v for v in partners[package] if v >= wanted]
                if fitting:
                    found[package] = fitting[0]
        if found.keys() == pins.versions.keys():
            return found
    raise NoPin("no known releases of torch and its companions from the pinned ones on fit together")


def admits_no_python(torch: Sequence[Version], python: Range) -> bool:
    """Whether none of some torch releases has a wheel for any Python of a range."""
    return not any(_has_wheel(version, python) for version in torch)


def raised(project: Project, requirement: Requirement, version: Version) -> SpecifierEdit:
    """The text that raises a requirement to a release, in its own language, operator and spacing kept.

    Raises:
        NoPin: the specifier cannot be edited in place.
    """
    where = f"{requirement.path}:{requirement.line}"
    if not requirement.editable:
        raise NoPin(f"{where} is put together in a way that cannot be edited in place: raise it to {version}")
    if requirement.syntax in (Syntax.URL, Syntax.VERSION):
        raise NoPin(f"{where} names one file or locked version: ask its tool for {requirement.name} {version}")
    old = _written(project, requirement)
    clauses = old.split(",")
    for index, clause in enumerate(clauses):
        lead = clause[: len(clause) - len(clause.lstrip())]
        match = _CLAUSE.fullmatch(clause.strip())
        if match is None or match["operator"] not in _LOWER or not _is_plain(match["rest"]):
            continue
        operator = ">=" if match["operator"] == ">" else match["operator"] or ""
        text = _in_width(version, match["version"]) + match["rest"]
        new = [*clauses[:index], f"{lead}{operator}{match['space']}{text}", *clauses[index + 1 :]]
        if not _below_upper(version, [c for n, c in enumerate(clauses) if n != index]):
            raise NoPin(f"{where} also excludes {requirement.name} {version} from above: decide on both bounds")
        return SpecifierEdit(requirement, old, ",".join(new))
    raise NoPin(
        f"{where} states `{old.strip() or requirement.text}`, which names a build or no lower bound: raise it by hand"
    )


def _has_wheel(torch: Version, python: Range | None) -> bool:
    wheels = knowledge.python_range(torch)
    if python is None or wheels is None:
        return True
    exact = [python.lower] if python.is_exact and python.lower is not None else []
    return any(python.admits(one) and wheels.contains(one) for one in _pythons(exact))


def _pythons(exact: Sequence[Version]) -> Iterator[Version]:
    yield from exact
    yield from _PYTHONS


def _written(project: Project, requirement: Requirement) -> str:
    try:
        text = project.read_other(requirement.path).decode("utf-8-sig", errors="replace")
    except Unreadable as error:
        raise NoPin(str(error)) from None
    lines = re.split(r"\r\n|\r|\n", text)
    if requirement.line > len(lines):
        raise NoPin(f"{requirement.path} changed since it was read")
    return lines[requirement.line - 1][requirement.column - 1 : requirement.end_column - 1]


def _is_plain(rest: str) -> bool:
    """A wildcard, or nothing: no local version (`+cu111`) and no build string (`=py38_0`)."""
    return rest.strip() in ("", ".*", "*")


def _in_width(version: Version, old: str) -> str:
    """A release written with as many numbers as before, where that names the same release."""
    numbers = old.rstrip(".").count(".") + 1
    text = str(version)
    while text.count(".") + 1 > numbers and text.endswith(".0") and text.count(".") > 1:
        text = text.removesuffix(".0")
    return text


def _below_upper(version: Version, clauses: Sequence[str]) -> bool:
    for clause in clauses:
        match = re.fullmatch(r"\s*(<=|<|!=)\s*([\w.*!+]+)\s*", clause)
        if match is None or match[1] == "!=":
            continue
        try:
            bound = Version(match[2].removesuffix(".*"))
        except InvalidVersion:
            return False
        if version > bound or (version == bound and match[1] == "<"):
            return False
    return True
