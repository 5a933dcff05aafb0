"""Version ranges as intervals: intersection, hull, and the range that stands for a package."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from packaging.specifiers import InvalidSpecifier, Specifier, SpecifierSet
from packaging.version import Version

from .requirement import Requirement


@dataclass(frozen=True)
class Interval:
    """The versions between two bounds; None means unbounded. Exclusions (`!=`) are not part of it."""

    lower: Version | None = None
    upper: Version | None = None
    lower_open: bool = False
    upper_open: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether no version can lie in it."""
        if self.lower is None or self.upper is None:
            return False
        return self.lower > self.upper or (self.lower == self.upper and (self.lower_open or self.upper_open))

    @property
    def point(self) -> Version | None:
        """The only version in it, if there is only one."""
        return self.lower if self.lower is not None and self.lower == self.upper and not self.is_empty else None

    def within(self, other: Interval) -> bool:
        """Whether every version of this interval lies in the other one."""
        return self.intersect(other) == self

    def intersect(self, other: Interval) -> Interval:
        """The versions in both."""
        lower, lower_open = max(self._low(), other._low(), key=lambda bound: (bound[0] is not None, bound))
        upper, upper_closed = min(self._high(), other._high(), key=lambda bound: (bound[0] is None, bound))
        return Interval(lower, upper, bool(lower_open), not upper_closed)

    def hull(self, other: Interval) -> Interval:
        """The smallest interval that holds both."""
        lower, lower_open = min(self._low(), other._low(), key=lambda bound: (bound[0] is not None, bound))
        upper, upper_closed = max(self._high(), other._high(), key=lambda bound: (bound[0] is None, bound))
        return Interval(lower, upper, bool(lower_open), not upper_closed)

    def specifier(self) -> SpecifierSet:
        """The interval written as a specifier set."""
        if self.point is not None:
            return SpecifierSet(f"=={self.point}")
        clauses: list[str] = []
        if self.lower is not None:
            clauses.append(f"{'>' if self.lower_open else '>='}{self.lower}")
        if self.upper is not None:
            clauses.append(f"{'<' if self.upper_open else '<='}{self.upper}")
        return SpecifierSet(",".join(clauses))

    # An open lower bound sorts above the closed one at the same version, a closed upper bound above the open one.
    def _low(self) -> tuple[Version | None, int]:
        return (self.lower, int(self.lower_open))

    def _high(self) -> tuple[Version | None, int]:
        return (self.upper, int(not self.upper_open))


ANYTHING = Interval()


def clause_interval(clause: Specifier) -> Interval:
    """The interval of one clause; `!=` bounds nothing.

    Source of the rules: https://packaging.python.org/en/latest/specifications/version-specifiers/.
    """
    operator, text = clause.operator, clause.version
    if operator == "!=":
        return ANYTHING
    if text.endswith(".*"):
        base = Version(text[:-2])
        return Interval(base, _next(base, len(base.release)), upper_open=True)
    version = Version(text)
    if operator in ("==", "==="):
        return Interval(version, version)
    if operator == "~=":
        return Interval(version, _next(version, len(version.release) - 1), upper_open=True)
    if operator in (">=", ">"):
        return Interval(lower=version, lower_open=operator == ">")
    return Interval(upper=version, upper_open=operator == "<")


def interval(specifier: SpecifierSet) -> Interval:
    """The interval of a specifier set: the intersection of its clauses."""
    result = ANYTHING
    for clause in specifier:
        result = result.intersect(clause_interval(clause))
    return result


def intersection(specifiers: Iterable[SpecifierSet]) -> SpecifierSet | None:
    """All clauses together, or None when no version can satisfy them."""
    merged = SpecifierSet(",".join(sorted({str(clause) for specifier in specifiers for clause in specifier})))
    bounds = interval(merged)
    if bounds.is_empty or (bounds.point is not None and not merged.contains(bounds.point, prereleases=True)):
        return None
    return merged


def hull(specifiers: Iterable[SpecifierSet]) -> SpecifierSet:
    """One range that covers alternatives: every version that any of them admits, and what lies between."""
    several = list(specifiers)
    if len({str(specifier) for specifier in several}) <= 1:
        return several[0] if several else SpecifierSet()
    bounds = interval(several[0])
    for specifier in several[1:]:
        bounds = bounds.hull(interval(specifier))
    return bounds.specifier()


def simplify(specifier: SpecifierSet) -> SpecifierSet:
    """The same range without the clauses that the others imply (`==1.9.0,>=1.7` becomes `==1.9.0`)."""
    clauses = sorted(specifier, key=lambda clause: (clause.operator != "==", str(clause)))
    for clause in list(reversed(clauses)):
        rest = [other for other in clauses if other is not clause]
        bounds = ANYTHING
        for other in rest:
            bounds = bounds.intersect(clause_interval(other))
        if clause.operator == "!=":
            point = bounds.point
            implied = point is not None and clause.contains(point, prereleases=True)
        else:
            implied = bool(rest) and bounds.within(clause_interval(clause))
        if implied:
            clauses = rest
    return SpecifierSet(",".join(str(clause) for clause in clauses))


def _next(version: Version, length: int) -> Version:
    """The first release after all those that share the first `length` numbers."""
    numbers = [*version.release[: length - 1], version.release[length - 1] + 1]
    return Version(f"{version.epoch}!" + ".".join(map(str, numbers)))


@dataclass(frozen=True)
class Range:
    """The versions of a package under which a file of code is to run.

    Attributes:
        package: the canonical name.
        specifier: the combined range.
        spoken_by: the requirements that made it, nearest first.
    """

    package: str
    specifier: SpecifierSet
    spoken_by: tuple[Requirement, ...] = ()

    def admits(self, version: Version | str) -> bool:
        """Whether the range allows a version; prereleases count, local parts (`+cu111`) do not.

        Raises:
            packaging.version.InvalidVersion: the text is no version.
        """
        parsed = Version(version) if isinstance(version, str) else version
        return self.specifier.contains(Version(parsed.public), prereleases=True)

    @cached_property
    def _interval(self) -> Interval:
        return interval(self.specifier)

    @property
    def is_exact(self) -> bool:
        """Whether only one version is allowed."""
        return self._interval.point is not None

    @property
    def lower(self) -> Version | None:
        """The lower bound as written, if there is one."""
        return self._interval.lower

    @property
    def upper(self) -> Version | None:
        """The upper bound as written, if there is one."""
        return self._interval.upper

    @property
    def unbounded_above(self) -> bool:
        """Whether any later release is allowed."""
        return self._interval.upper is None

    @property
    def unbounded_below(self) -> bool:
        """Whether any earlier release is allowed."""
        return self._interval.lower is None

    def lowest(self, releases: Sequence[Version]) -> Version | None:
        """The earliest of the releases that the range allows, or None."""
        return min((release for release in releases if self.admits(release)), default=None)

    def highest(self, releases: Sequence[Version]) -> Version | None:
        """The latest of the releases that the range allows, or None."""
        return max((release for release in releases if self.admits(release)), default=None)


def parse_specifier(text: str) -> SpecifierSet:
    """A requirement's specifier as a set; what cannot be parsed counts as any version."""
    try:
        return SpecifierSet(text)
    except InvalidSpecifier:
        return SpecifierSet()
