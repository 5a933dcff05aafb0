"""Many statements to one range: the nearest folder decides; within it everything that fits together narrows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations

from packaging.specifiers import SpecifierSet

from .names import homes, is_main
from .ranges import Interval, Range, hull, intersection, interval, parse_specifier, simplify
from .requirement import Requirement, Role

_PROJECT_FILES = ("pyproject.toml", "setup.py", "setup.cfg")
_LOCKED_BY = {
    "pipfile": ("pipfile",),
    "conda": ("environment", "conda", "meta.y"),
    "pixi": ("pixi.toml", *_PROJECT_FILES),
}

_TIERS = (frozenset({Role.DECLARED, Role.CONSTRAINT}), frozenset({Role.LOCKED}), frozenset({Role.IMAGE}))


def folders_of(path: str, includers: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """The folders for which a file speaks: its own homes, and those of the files that include it.

    Args:
        path: the dependency file.
        includers: for each file the files that include it.
    """
    found: dict[str, None] = dict.fromkeys(homes(path))
    waiting, seen = list(includers.get(path, ())), {path}
    while waiting:
        includer = waiting.pop()
        if includer not in seen:
            seen.add(includer)
            found.update(dict.fromkeys(homes(includer)))
            waiting.extend(includers.get(includer, ()))
    return tuple(found)


def range_near(package: str, by_folder: Mapping[str, Sequence[Requirement]], near: str) -> Range | None:
    """The range of a package for a file of code.

    Args:
        package: the canonical name.
        by_folder: the package's requirements by the folders for which they speak.
        near: the code file, relative to the project's root.

    Returns:
        The range, or None where nothing states the package. Extras and development files count only where nothing
        else speaks.
    """
    walk = list(_upwards(near.rpartition("/")[0]))
    for folder in walk:
        speaking = [one for one in by_folder.get(folder, ()) if one.role is not Role.OPTIONAL]
        # An image that installs the package in any version leaves the decision to the folders above.
        if any(one.specifier or one.role is not Role.IMAGE for one in speaking):
            return combined(package, speaking, folder)
    for wanted in (Role.IMAGE, Role.OPTIONAL):
        for folder in walk:
            speaking = [one for one in by_folder.get(folder, ()) if one.role is wanted]
            if speaking:
                return combined(package, speaking, folder)
    return None


def combined(package: str, requirements: Sequence[Requirement], folder: str) -> Range:
    """One range from the statements of one folder.

    What is declared comes first; a lock file and then an image narrow it where they fit. Declarations that exclude each
    other are alternatives, and the range covers them all.

    Args:
        package: the canonical name.
        requirements: all of them about the package, at least one.
        folder: the folder that decides, to order the statements by nearness.
    """
    tiers = [[one for one in requirements if one.role in roles] for roles in _TIERS]
    tiers.append([one for one in requirements if one.role is Role.OPTIONAL])
    whole: SpecifierSet | None = None
    speaking: list[Requirement] = []
    for tier in tiers:
        if not tier:
            continue
        stated = _tier_range(tier)
        both = intersection([whole, stated]) if whole is not None else stated
        if both is not None:
            whole = both
            speaking += tier
    final = simplify(whole if whole is not None else SpecifierSet())
    return Range(package, final, tuple(sorted(_makers(speaking, final), key=lambda one: _nearness(one, folder))))


def conflicting(
    by_folder: Mapping[str, Sequence[Requirement]], includers: Mapping[str, Sequence[str]]
) -> list[tuple[Requirement, Requirement]]:
    """Pairs of statements of one program that no version can satisfy.

    Variants (`requirements-gpu.txt` beside `requirements-cpu.txt`, two environment files, statements under a marker)
    are meant as alternatives and are no conflict, unless one file includes the other. An image is an environment of its
    own: it contradicts an exact pin that the program declares, and neither another image nor a lock file. A lock file
    contradicts the file that it locks; a requirement file beside both is another way to install.

    Args:
        by_folder: one package's requirements by folder.
        includers: for each file the files that include it.
    """
    pairs: dict[tuple[str, str], tuple[Requirement, Requirement]] = {}
    for _, stated in sorted(by_folder.items()):
        candidates = [one for one in stated if one.role is not Role.OPTIONAL and one.specifier and not one.marker]
        for first, second in combinations(_one_per_lock(candidates), 2):
            key = (first.path, second.path)
            if key in pairs or key[::-1] in pairs or not _same_program(first, second, includers):
                continue
            if any(
                is_apart(*pair)
                for is_apart in (_is_choice_of_image, _is_other_tool)
                for pair in ((first, second), (second, first))
            ):
                continue
            if intersection([parse_specifier(first.specifier), parse_specifier(second.specifier)]) is None:
                pairs[key] = (first, second)
    return list(pairs.values())


def _tier_range(tier: Sequence[Requirement]) -> SpecifierSet:
    by_file: dict[str, list[Requirement]] = {}
    for one in tier:
        by_file.setdefault(one.path, []).append(one)
    ranges = [_file_range(stated) for stated in by_file.values()]
    together = intersection(ranges)
    return together if together is not None else hull(ranges)


def _file_range(stated: Sequence[Requirement]) -> SpecifierSet:
    """Statements under markers, and several entries of a lock, are alternatives; others hold together."""
    ranges = [parse_specifier(one.specifier) for one in stated]
    if len(ranges) == 1:
        return ranges[0]
    alternatives = any(one.marker or one.role is Role.LOCKED for one in stated)
    together = None if alternatives else intersection(ranges)
    return together if together is not None else hull(ranges)


def _makers(speaking: Sequence[Requirement], final: SpecifierSet) -> Sequence[Requirement]:
    """The statements that say the range alone; failing those, the ones that set a bound of it; failing those, all."""
    bounds = interval(final)
    stated = [(one, interval(parse_specifier(one.specifier))) for one in speaking]
    alone = [one for one, own in stated if own == bounds]
    touching = [one for one, own in stated if _shares_bound(own, bounds)]
    return alone or touching or speaking


def _shares_bound(own: Interval, whole: Interval) -> bool:
    lower = own.lower is not None and (own.lower, own.lower_open) == (whole.lower, whole.lower_open)
    upper = own.upper is not None and (own.upper, own.upper_open) == (whole.upper, whole.upper_open)
    return lower or upper


def _nearness(one: Requirement, folder: str) -> tuple[bool, int, int, str, int]:
    tier = next((index for index, roles in enumerate(_TIERS) if one.role in roles), len(_TIERS))
    return (one.path.rpartition("/")[0] != folder, tier, one.path.count("/"), one.path, one.line)


def _one_per_lock(candidates: Sequence[Requirement]) -> list[Requirement]:
    """Without the lock files and images that hold several versions of the package: those are alternatives."""
    counts: dict[str, int] = {}
    for one in candidates:
        counts[one.path] = counts.get(one.path, 0) + 1
    return [one for one in candidates if counts[one.path] == 1 or one.role in _TIERS[0]]


def _same_program(first: Requirement, second: Requirement, includers: Mapping[str, Sequence[str]]) -> bool:
    if first.path == second.path:
        return True
    if set(homes(first.path)).isdisjoint(homes(second.path)) and not _included(first.path, second.path, includers):
        return False
    return _included(first.path, second.path, includers) or (is_main(first.path) and is_main(second.path))


def _is_choice_of_image(image: Requirement, other: Requirement) -> bool:
    """Whether an image may install what another statement excludes: it stands for itself beside all but a pin."""
    if image.role is not Role.IMAGE or image.path == other.path:
        return False
    return other.role not in _TIERS[0] or not Range(other.name, parse_specifier(other.specifier), (other,)).is_exact


def _is_other_tool(lock: Requirement, other: Requirement) -> bool:
    """Whether a lock file stands beside a file of another tool, which installs without it."""
    if lock.role is not Role.LOCKED or lock.path == other.path:
        return False
    name, stated = (path.rpartition("/")[2].lower() for path in (lock.path, other.path))
    sources = next((files for kind, files in _LOCKED_BY.items() if name.startswith(kind)), _PROJECT_FILES)
    return not stated.startswith(sources)


def _included(first: str, second: str, includers: Mapping[str, Sequence[str]]) -> bool:
    """Whether one file includes the other, directly or through others."""
    for inner, outer in ((first, second), (second, first)):
        waiting, seen = [inner], set[str]()
        while waiting:
            for includer in includers.get(waiting.pop(), ()):
                if includer == outer:
                    return True
                if includer not in seen:
                    seen.add(includer)
                    waiting.append(includer)
    return False


def _upwards(folder: str) -> Iterable[str]:
    while folder:
        yield folder
        folder = folder.rpartition("/")[0]
    yield ""
