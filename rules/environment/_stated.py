"""What a repository's dependency files say of a package, seen against its known releases."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from packaging.version import Version

from ...analyzer.findings import Confidence, Evidence
from ...analyzer.graph.project import Project
from ...analyzer.project.dependencies import Range, Requirement, Role
from .. import knowledge


class Stated(NamedTuple):
    """The releases of a package under which a file is to run.

    ``lowest`` is None where no file states a lower bound: nothing is known then of the oldest release in use.
    ``highest`` is None where every later release is admitted.
    """

    package: str
    range: Range
    lowest: Version | None
    highest: Version | None

    @property
    def speaker(self) -> Requirement:
        """The statement that decides, the nearest one first."""
        return self.range.spoken_by[0]

    @property
    def place(self) -> str:
        """File and line of the statement that decides."""
        return f"{self.speaker.path}:{self.speaker.line}"

    def all_before(self, version: Version) -> bool:
        """Whether every admitted release is older than a version."""
        return self.highest is not None and self.highest < version

    def some_before(self, version: Version) -> bool:
        """Whether a release that is admitted in so many words is older than a version."""
        return self.all_before(version) or (self.lowest is not None and self.lowest < version)

    def all_from(self, version: Version) -> bool:
        """Whether every admitted release is that version or newer."""
        return self.lowest is not None and self.lowest >= version

    def some_from(self, version: Version) -> bool:
        """Whether a release from that version on is admitted."""
        return self.highest is None or self.highest >= version

    def oldest_before(self, version: Version) -> Version:
        """The release to name in a message: the oldest admitted one, or the newest where that is all that is known."""
        return self.lowest if self.lowest is not None and self.lowest < version else self.highest or version

    def confidence(self, *, whole: bool) -> Confidence:
        """How sure a finding about this range is.

        Args:
            whole: whether it holds for every admitted release, or only for the oldest ones.
        """
        if self.is_bound:
            return Confidence.HIGH if whole else Confidence.MEDIUM
        return Confidence.MEDIUM if whole else Confidence.LOW

    @property
    def is_bound(self) -> bool:
        """Whether the project itself states the range, and not only an image or an extra beside it."""
        return self.speaker.role in (Role.DECLARED, Role.CONSTRAINT, Role.LOCKED)

    def evidence(self) -> list[Evidence]:
        """The statements that make the range, at most three."""
        return [Evidence(one.path, one.line, f"states `{short(one)}`") for one in self.range.spoken_by[:3]]


def stated(project: Project, package: str, near: str) -> Stated | None:
    """What is stated of a package for a file; None where nothing is, or where it is outside of the known releases.

    Args:
        project: the repository.
        package: torch, torchvision or torchaudio.
        near: the file of code.
    """
    found = project.dependencies.range_of(package, near=near)
    if found is None or not found.spoken_by:
        return None
    return of_range(package, found)


def of_range(package: str, found: Range) -> Stated | None:
    """A range seen against the known releases of its package."""
    if found.lower is None and found.upper is None:
        return None
    releases = knowledge.admitted_releases(package)
    lowest = found.lowest(releases) or found.lower if found.lower is not None else None
    highest = None if found.unbounded_above else found.highest(releases) or found.upper
    return Stated(package, found, lowest, highest)


def declared_lower(project: Project, package: str, near: str) -> Version | None:
    """The oldest lower bound that a declaration around a file gives, whatever a lock file chose beside it."""
    folder = near.rpartition("/")[0]
    bounds: list[Version] = []
    for one in project.dependencies.of(package):
        home = one.path.rpartition("/")[0]
        if one.role is Role.DECLARED and one.specifier and (not home or f"{folder}/".startswith(f"{home}/")):
            lower = _lower(one)
            if lower is not None:
                bounds.append(lower)
    return min(bounds, default=None)


def short(requirement: Requirement, longest: int = 60) -> str:
    """A requirement as written, on one line."""
    text = " ".join(requirement.text.split())
    return text if len(text) <= longest else text[: longest - 3] + "..."


def said(version: Version) -> str:
    """A release as people say it: `2.3` for 2.3.0."""
    text = str(version)
    return text.removesuffix(".0") if text.count(".") > 1 else text


def names(words: Sequence[str]) -> str:
    """`a`, `a` and `b`, or `a`, `b` and `c`."""
    quoted = [f"`{word}`" for word in words]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} and {quoted[-1]}"


def _lower(requirement: Requirement) -> Version | None:
    from packaging.specifiers import SpecifierSet

    found = Range(requirement.name, SpecifierSet(requirement.specifier), (requirement,))
    return found.lower
