"""MLF102: pins that cannot be installed or work together, or are older than what the code uses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from ...analyzer.findings import Confidence, Evidence, Finding, Level, Location
from ...analyzer.graph.project import Project
from ...analyzer.project.dependencies import Range, Requirement, Role, Syntax
from ...analyzer.rule import Proof, Rule
from .. import knowledge
from ._dependency_pins_cases import INVALID, VALID
from ._pin_needs import Demand, demands, is_record, is_side
from ._pin_solver import NoPin, Pins, SpecifierEdit, admits_no_python, nearest, raised
from ._stated import of_range, said, short

_MOST_USES = 6
_BINDING = (Role.DECLARED, Role.CONSTRAINT, Role.IMAGE)


class DependencyPins(Rule):
    """What it does
    ------------
    Checks what a repository's dependency files ask for: releases of torch, torchvision and torchaudio that exclude each
    other, a torch that has no wheel for the Python that is asked for, names in the code that the pinned release does
    not have yet, and two files of one program that pin a package differently.

    Why it is bad
    -------------
    The installer refuses the set, or (with ``--no-deps``, conda, or one command after the other) puts together releases
    whose compiled parts do not fit. A pin older than the code ends the run at an import on every fresh machine, while
    the author's own, newer installation hides it.

    What you see
    ------------
    ``ResolutionImpossible``, ``undefined symbol`` or ``operator torchvision::nms does not exist``, or an ImportError
    for a name that the documentation plainly lists.

    Example
    -------
    Bad::

        torch==1.9.0
        torchvision==0.19.0        # is built for torch 2.4.0

    Good::

        torch==2.4.0
        torchvision==0.19.0

    Fix safety
    ----------
    Unsafe, since it changes what is installed. The pin goes up to the nearest release that works, never down; exact
    pins of torch's companions go with it. Only the version's own characters change: comments, markers and spacing
    stay. Names of mixed precision are left to ``amp-import``, which rewrites the code instead; here they are advice.

    References
    ----------
    - ``rules/knowledge/packages.yaml``: what each release's own metadata asks of torch and of Python
    - ``rules/knowledge/*_api.yaml``: the first release of each name, read from the wheels
    """

    name: ClassVar[str] = "dependency-pins"
    code: ClassVar[str] = "MLF102"
    level: ClassVar[Level] = Level.BREAKS
    symptom: ClassVar[str] = "A fresh installation fails, or ends at an import that works on the author's machine."
    # The run has the user's own installation, whatever the files say.
    proof: ClassVar[Proof] = Proof(
        "step-taken",
        "contradictions and missing names that a scan finds in the stated releases",
        violated=lambda value: value > 0,
        satisfied=lambda value: value == 0,
        from_scan=True,
    )
    triggers: ClassVar[tuple[bytes, ...]] = ()
    VALID = VALID
    INVALID = INVALID

    def wants(self, facts: object) -> bool:
        """No single file: the whole repository is looked at once."""
        return False

    def check_project(self, project: Project) -> Iterator[Finding]:
        """Contradictions between statements, then statements that the code contradicts."""
        wanted = demands(project) if project.dependencies.requirements else []
        yield from self._pairs(project, wanted)
        yield from self._pythons(project, wanted)
        for demand in wanted:
            yield self._needed(project, demand, wanted)
        yield from self._conflicts(project)

    def _pairs(self, project: Project, wanted: Sequence[Demand]) -> Iterator[Finding]:
        """Releases of torch and a companion that exclude each other, in one file."""
        for torch, partner in _partners(project):
            ranges = {one.name: _range(one) for one in (torch, partner)}
            torches = [v for v in knowledge.admitted_releases("torch") if ranges["torch"].admits(v)]
            releases = [r for v, r in knowledge.releases(partner.name).items() if ranges[partner.name].admits(v)]
            asked = [r.torch for r in releases if r.torch is not None]
            if not torches or not asked or len(asked) < len(releases):
                continue
            if any(version in asks for version in torches for asks in asked):
                continue
            pins = _pins_of(project, torch.path)
            edits, reason = _edits(project, pins, wanted)
            changed = {e.requirement for e in edits}
            at, other = (partner, torch) if partner in changed and torch not in changed else (torch, partner)
            message = f"`{short(torch)}` and `{short(partner)}` cannot be installed together: "
            message += f"{partner.name} {said(releases[-1].version)} is built for torch {_asks(asked[-1])}"
            evidence = [
                Evidence(other.path, other.line, f"states `{short(other)}`"),
                Evidence(at.path, at.line, f"by the metadata of {releases[-1].source}"),
            ]
            yield self._finding(at, message, evidence, Confidence.HIGH, edits, reason)

    def _pythons(self, project: Project, wanted: Sequence[Demand]) -> Iterator[Finding]:
        """A torch from the package index with no wheel for any Python that is asked for."""
        for torch in project.dependencies.of("torch"):
            if not _binds(torch, project) or torch.marker or torch.syntax is Syntax.CONDA or not torch.specifier:
                continue
            python = project.dependencies.range_of("python", near=torch.path)
            stated = _range(torch)
            torches = [v for v in knowledge.admitted_releases("torch") if stated.admits(v)]
            if python is None or not torches or python.spoken_by[0].role is Role.OPTIONAL:
                continue
            if not admits_no_python(torches, python) or "+" in torch.text:
                continue
            speaker = python.spoken_by[0]
            edits, reason = _edits(project, _pins_of(project, torch.path), wanted, python)
            wheels = knowledge.python_range(torches[-1])
            asked = f"{speaker.path}:{speaker.line} asks for {python.specifier}"
            message = f"`{short(torch)}` has no wheel for the stated Python: {asked}"
            evidence = [
                Evidence(speaker.path, speaker.line, f"states `{short(speaker)}`"),
                Evidence(torch.path, torch.line, f"torch {torches[-1]} has wheels for Python {wheels}"),
            ]
            yield self._finding(torch, message, evidence, Confidence.HIGH, edits, reason)

    def _needed(self, project: Project, demand: Demand, wanted: Sequence[Demand]) -> Finding:
        """Names in use that the pinned release does not have yet."""
        view, least = demand.view, demand.least
        latest = next(need for need in demand.needs if need.first == least)
        whole = any(view.all_before(need.first) for need in demand.needs)
        verb = "pins" if view.range.is_exact else "admits"
        message = f"`{latest.name}` ({latest.path}:{latest.line}) exists from {view.package} {said(least)} on, "
        oldest = view.oldest_before(least)
        speaker = next((one for one in view.range.spoken_by if _range(one).admits(oldest)), view.speaker)
        message += f"but `{short(speaker)}` {verb} {said(oldest)}"
        ordered = sorted(demand.needs, key=lambda need: need.first, reverse=True)
        evidence = [
            Evidence(n.path, n.line, f"needs {n.name}, in {view.package} from {said(n.first)} on ({n.source})")
            for n in ordered[:_MOST_USES]
        ]
        if all(_is_pin(one) for one in view.range.spoken_by):
            pins = _pins_of(project, view.speaker.path, view.range.spoken_by)
            edits, reason = _edits(project, pins, wanted)
        else:
            edits, reason = _bound_edits(project, view.range.spoken_by, least)
        amp_only = all(need.is_amp for need in demand.needs)
        return self._finding(speaker, message, evidence, view.confidence(whole=whole), edits, reason, advice=amp_only)

    def _conflicts(self, project: Project) -> Iterator[Finding]:
        """Files of one program that ask for releases of a package which exclude each other, once for each cause."""
        found = [pair for pair in project.dependencies.conflicts() if not any(_is_beside(one) for one in pair)]
        stale: set[tuple[str, str]] = set()
        for low, others in _causes(found):
            # A lock file that was left behind is one cause, however many packages it holds back.
            if any(one.role is Role.LOCKED for one in (low, *others)):
                paths = sorted({low.path, others[0].path})
                pair = (paths[0], paths[-1])
                if pair in stale:
                    continue
                stale.add(pair)
            high = max(others, key=_height)
            places = (low, *others)
            conda = any(one.syntax is Syntax.CONDA or one.path.endswith((".yml", ".yaml")) for one in places)
            confidence = Confidence.LOW if conda else Confidence.MEDIUM
            more = f" and {len(others) - 1} more" if len(others) > 1 else ""
            message = f"`{short(low)}` contradicts `{short(high)}` in {high.path}:{high.line}{more}"
            evidence = [Evidence(one.path, one.line, f"states `{short(one)}`") for one in others[:_MOST_USES]]
            edits: list[SpecifierEdit] = []
            reason = "one of them is wrong, and which one the files do not say"
            target = _range(high)
            if len(others) == 1 and target.lower is not None and _range(low).is_exact and low.name != "python":
                edits, reason = _raise_to(project, low, target)
            yield self._finding(low, message, evidence, confidence, edits, reason)

    def _finding(
        self,
        at: Requirement,
        message: str,
        evidence: Sequence[Evidence],
        confidence: Confidence,
        edits: Sequence[SpecifierEdit],
        reason: str,
        advice: bool = False,
    ) -> Finding:
        place = Location(at.path, at.line, at.column, at.line, max(at.end_column, at.column + 1))
        return self.finding_at(
            place,
            message,
            subject=f"{at.name}{at.specifier}",
            evidence=evidence,
            confidence=confidence,
            repair=_repair(edits, advice) if edits else None,
            no_fix=reason,
        )


def _repair(edits: Sequence[SpecifierEdit], advice: bool) -> dict[str, Any]:
    return {
        "advice": advice,
        "edits": tuple(
            (e.requirement.path, e.requirement.line, e.requirement.column, e.old, e.new, e.requirement.name)
            for e in edits
        ),
    }


def _partners(project: Project) -> Iterator[tuple[Requirement, Requirement]]:
    """The one statement about torch and the one about a companion in each file that has both."""
    for partner_name in knowledge.PACKAGES[1:]:
        for partner in project.dependencies.of(partner_name):
            torch = _alone(project, "torch", partner.path)
            if torch is not None and _alone(project, partner_name, partner.path) is partner:
                yield torch, partner


def _alone(project: Project, package: str, path: str) -> Requirement | None:
    """The statement of a file about a package, where it is the only one, unconditional and binding."""
    found = [one for one in project.dependencies.of(package) if one.path == path]
    only = found[0] if len(found) == 1 else None
    return only if only is not None and not only.marker and only.specifier and _binds(only, project) else None


def _binds(one: Requirement, project: Project) -> bool:
    """Whether a statement is part of the program: not locked by a tool, nor of docs, tests or examples beside it."""
    if one.role not in _BINDING or is_record(one.path):
        return False
    others = project.dependencies.of(one.name)
    return not is_side(one.path) or all(is_side(other.path) for other in others)


def _range(one: Requirement) -> Range:
    return Range(one.name, SpecifierSet(one.specifier), (one,))


def _asks(specifier: SpecifierSet) -> str:
    text = str(specifier)
    return said(Version(text.removeprefix("=="))) if text.startswith("==") and "*" not in text else text


def _pins_of(project: Project, path: str, speakers: Sequence[Requirement] = ()) -> Pins:
    """The exact pins of torch and its companions that a file, and those that speak with it, state."""
    paths = {path, *(one.path for one in speakers)}
    versions: dict[str, Version] = {}
    statements: dict[str, tuple[Requirement, ...]] = {}
    for package in knowledge.PACKAGES:
        exact = [
            one for one in project.dependencies.of(package) if one.path in paths and not one.marker and _is_pin(one)
        ]
        lower = {v for one in exact if (v := _pinned(one)) is not None}
        if lower:
            versions[package], statements[package] = max(lower), tuple(exact)
    return Pins(versions, statements)


def _is_pin(one: Requirement) -> bool:
    """Whether a statement holds a package to one release or one series of them (`==1.9.*`, `~=1.9.0`)."""
    found = _range(one)
    if found.is_exact:
        return True
    if found.lower is None or found.upper is None:
        return False
    low, high = found.lower.release, found.upper.release
    return len(high) >= 2 and low[:1] == high[:1] and high[1] <= (low[1] if len(low) > 1 else 0) + 1


def _pinned(one: Requirement) -> Version | None:
    """The release that a pin stands for: the newest of its series."""
    found = _range(one)
    return found.highest(knowledge.admitted_releases(one.name)) or found.lower


def _edits(
    project: Project, pins: Pins, wanted: Sequence[Demand], python: Range | None = None
) -> tuple[list[SpecifierEdit], str]:
    """The edits that raise exact pins to the nearest releases that work, or the reason why there are none."""
    if not pins.versions:
        return [], "the ranges exclude each other: decide which of them to move"
    places = {one for stated in pins.statements.values() for one in stated}
    needs: dict[str, Version] = {}
    for demand in wanted:
        if places.intersection(demand.view.range.spoken_by) and any(not need.is_amp for need in demand.needs):
            needs[demand.view.package] = max(need.first for need in demand.needs if not need.is_amp)
    try:
        return _raised_to(project, pins, nearest(pins, needs, python or _python(project, places))), ""
    except NoPin as reason:
        return [], str(reason)


def _raise_to(project: Project, pin: Requirement, target: Range) -> tuple[list[SpecifierEdit], str]:
    """The edits that raise a pin to the start of a range, and what is pinned beside it where that goes along."""
    assert target.lower is not None
    pins = _pins_of(project, pin.path)
    try:
        if pin not in pins.statements.get(pin.name, ()) or target.lower.local:
            return [raised(project, pin, target.lower)], ""
        found = nearest(pins, {pin.name: target.lower}, _python(project, {pin}))
        if not target.admits(found[pin.name]):
            raise NoPin(f"no {pin.name} in `{target.specifier}` goes with what {pin.path} pins beside it")
        return _raised_to(project, pins, found), ""
    except NoPin as reason:
        return [], str(reason)


def _raised_to(project: Project, pins: Pins, found: Mapping[str, Version]) -> list[SpecifierEdit]:
    """The edits of the pins that do not admit the releases found for them."""
    return [
        raised(project, one, found[package])
        for package, stated in pins.statements.items()
        for one in stated
        if not _range(one).admits(found[package])
    ]


def _python(project: Project, places: set[Requirement]) -> Range | None:
    """The stated Python, where wheels of the package index have to fit it."""
    pip = sorted(one.path for one in places if one.syntax is not Syntax.CONDA)
    return project.dependencies.range_of("python", near=pip[0]) if pip else None


def _bound_edits(project: Project, speakers: Sequence[Requirement], least: Version) -> tuple[list[SpecifierEdit], str]:
    """The edits that raise every lower bound below what is needed."""
    try:
        low = [one for one in speakers if (of := of_range(one.name, _range(one))) and of.some_before(least)]
        return [raised(project, one, least) for one in low], ""
    except NoPin as reason:
        return [], str(reason)


def _is_beside(one: Requirement) -> bool:
    return is_side(one.path) or is_record(one.path)


def _causes(pairs: Sequence[tuple[Requirement, Requirement]]) -> Iterator[tuple[Requirement, list[Requirement]]]:
    """Pairs that exclude each other, gathered at the statement in most of them: the lower one where two are alone."""
    left = list(pairs)
    while left:
        counts = Counter(one for pair in left for one in pair)
        cause = min(counts, key=lambda one: (-counts[one], _height(one), one.path, one.line))
        own = [pair for pair in left if cause in pair]
        left = [pair for pair in left if cause not in pair]
        yield cause, [second if first == cause else first for first, second in own]


def _height(one: Requirement) -> Version:
    found = _range(one)
    return found.lower or found.upper or Version("0")
