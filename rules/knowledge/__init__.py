"""Facts as YAML, each row with the source in which it was read, and their typed reading.

Each file is read once, on the first question that needs it.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any, NamedTuple

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from ...analyzer.flow.precision.operations import Behaviour, Operations
from ...analyzer.source.written import written

PACKAGES = ("torch", "torchvision", "torchaudio")


class ApiName(NamedTuple):
    """The life of one dotted name of torch, torchvision or torchaudio.

    Attributes:
        name: The full dotted name, as it is imported or used.
        first: The oldest release that has it.
        deprecated: The oldest release that marks it deprecated, or None.
        removed: The oldest later release that lacks it, or whose stub only raises, or None.
        replacement: What that release tells the user to write instead, or None; a name with a life of its own.
        source: The files of the releases in which this was read.
    """

    name: str
    first: Version
    deprecated: Version | None
    removed: Version | None
    replacement: str | None
    source: str

    def exists_in(self, version: Version) -> bool:
        """Say whether the release has the name in working order."""
        return self.first <= version and (self.removed is None or version < self.removed)

    def deprecated_in(self, version: Version) -> bool:
        """Say whether the release has the name and marks it deprecated."""
        return self.exists_in(version) and self.deprecated is not None and self.deprecated <= version


class Parameter(NamedTuple):
    """One parameter of a callable: `default` is the source text of its default value, None if it must be given."""

    name: str
    default: str | None
    keyword_only: bool


class Signature(NamedTuple):
    """The parameters of a callable from one release on.

    Attributes:
        name: The full dotted name of the callable.
        first: The oldest release with these parameters.
        parameters: In order, without self, `*args` and `**kwargs`.
        takes_args: Whether it takes `*args`.
        takes_kwargs: Whether it takes `**kwargs`.
        source: The file and line in which this was read.
    """

    name: str
    first: Version
    parameters: tuple[Parameter, ...]
    takes_args: bool
    takes_kwargs: bool
    source: str

    @property
    def positional(self) -> tuple[str, ...]:
        """The names that can be given by position, in order."""
        return tuple(parameter.name for parameter in self.parameters if not parameter.keyword_only)


class Release(NamedTuple):
    """One final release of a package on PyPI.

    Attributes:
        package: torch, torchvision or torchaudio.
        version: Its version.
        python: The Python versions for which it has a wheel.
        torch: What its metadata asks of torch; None where it asks nothing (and for torch itself).
        yanked: Withdrawn: only an exact pin gets it.
        source: The wheel in which this was read.
    """

    package: str
    version: Version
    python: SpecifierSet
    torch: SpecifierSet | None
    yanked: bool
    source: str


class Pair(NamedTuple):
    """The releases that belong to one release of torch, ascending, not yanked; empty where none is tied to it."""

    torch: Version
    torchvision: tuple[Version, ...]
    torchaudio: tuple[Version, ...]


def api(name: str) -> ApiName | None:
    """Look a dotted name up; None if it is not in the tables (too common, set at run time, or not checked)."""
    return _api_of(name.partition(".")[0]).get(name)


@cache
def api_names() -> Mapping[str, ApiName]:
    """Give all names of the three packages (reads all three files; `api` reads one)."""
    return MappingProxyType({name: fact for package in PACKAGES for name, fact in _api_of(package).items()})


def signature(name: str, version: Version) -> Signature | None:
    """Give the parameters of a callable in a release; None if it is not in the table, or newer than the release."""
    known = [entry for entry in _signatures().get(name, ()) if entry.first <= version]
    return known[-1] if known else None


def signatures(name: str) -> tuple[Signature, ...]:
    """Give all known signatures of a callable, oldest first; each holds until the next one's release."""
    return _signatures().get(name, ())


@cache
def releases(package: str) -> Mapping[Version, Release]:
    """Give the known final releases of a package, ascending, yanked ones included; empty for any other package."""
    rows = _load("packages.yaml").get(package, [])
    return MappingProxyType({release.version: release for release in (_release(package, row) for row in rows)})


@cache
def admitted_releases(package: str) -> tuple[Version, ...]:
    """Give the versions of the known final releases of a package, ascending, yanked ones included.

    The index has no older ones: a range wholly outside of them (`torch==0.4.1`) is unknown, not impossible.
    """
    return tuple(releases(package))


@cache
def pairs() -> Mapping[Version, Pair]:
    """Give the torchvision and torchaudio releases that belong to each torch release, by what their metadata asks.

    A release that asks only for a lower bound belongs to the torch releases from there on for which no other release
    asks for a nearer one. A release that asks nothing belongs to none.
    """
    return MappingProxyType(
        {
            version: Pair(version, *(_partners(package, version) for package in PACKAGES[1:]))
            for version in releases("torch")
        }
    )


def python_range(version: Version, package: str = "torch") -> SpecifierSet | None:
    """Give the Python versions for which a release has a wheel; None for an unknown release."""
    release = releases(package).get(version)
    return release.python if release else None


def healthy_ranges() -> dict[str, dict[str, Any]]:
    """Give what is healthy, by probe: its limits by name, with ``source`` (where they come from) and maybe ``note``.

    Returns:
        A copy, which the caller may change.

    Raises:
        ValueError: a row of the table is not as it must be.
    """
    return {probe: dict(row) for probe, row in _healthy().items()}


@cache
def autocast() -> Operations:
    """Give what torch's operations do with the types of values under autocast, for :class:`Precisions`."""
    rows = _load("autocast.yaml")
    return Operations(
        {name: Behaviour(row["behaviour"]) for row in rows["operations"] for name in row["names"]},
        {module: function for row in rows["modules"] for module, function in row["names"].items()},
        {module: function for row in rows["losses"] for module, function in row["names"].items()},
        {function: count for row in rows["decisive"] for function, count in row["names"].items()},
    )


@cache
def _healthy() -> Mapping[str, Mapping[str, Any]]:
    rows = _load("healthy.yaml")
    for probe, row in rows.items():
        _check_healthy(probe, row)
    return MappingProxyType(rows)


def _check_healthy(probe: object, row: object) -> None:
    if not isinstance(probe, str) or not isinstance(row, dict):
        raise ValueError(f"healthy.yaml: {probe!r} must name a probe, and hold a table")
    if not isinstance(row.get("source"), str) or not row["source"].strip():
        raise ValueError(f"healthy.yaml: {probe} must say its source")
    for key, value in row.items():
        is_text = key in ("source", "note")
        is_number = isinstance(value, (int, float)) and math.isfinite(value)
        if not (isinstance(value, str) if is_text else is_number):
            wanted = "text" if is_text else "a number or a truth value"
            raise ValueError(f"healthy.yaml: {probe}: {key} must be {wanted}, and is {value!r}")


@cache
def _api_of(package: str) -> Mapping[str, ApiName]:
    if package not in PACKAGES:
        return MappingProxyType({})
    facts: dict[str, ApiName] = {}
    for row in _load(f"{package}_api.yaml")["names"]:
        first, deprecated, removed = Version(row["first"]), _version(row, "deprecated"), _version(row, "removed")
        for name in row["names"]:
            facts[name] = ApiName(name, first, deprecated, removed, row.get("replacement"), row["source"])
    return MappingProxyType(facts)


def _version(row: dict[str, Any], key: str) -> Version | None:
    return Version(row[key]) if key in row else None


@cache
def _signatures() -> Mapping[str, tuple[Signature, ...]]:
    rows = _load("torch_signatures.yaml")["signatures"]
    return {row["name"]: tuple(_signature(row["name"], entry) for entry in row["ranges"]) for row in rows}


def _signature(name: str, row: dict[str, str]) -> Signature:
    definition = ast.parse(f"def _({row['parameters']}): ...").body[0]
    assert isinstance(definition, ast.FunctionDef)
    arguments = definition.args
    positional = arguments.posonlyargs + arguments.args
    padding: list[ast.expr | None] = [None] * (len(positional) - len(arguments.defaults))
    defaults = padding + arguments.defaults + arguments.kw_defaults
    parameters = tuple(
        Parameter(argument.arg, written(default) if default else None, keyword_only=index >= len(positional))
        for index, (argument, default) in enumerate(zip(positional + arguments.kwonlyargs, defaults, strict=True))
    )
    return Signature(
        name, Version(row["first"]), parameters, bool(arguments.vararg), bool(arguments.kwarg), row["source"]
    )


def _release(package: str, row: dict[str, Any]) -> Release:
    torch = SpecifierSet(row["torch"]) if "torch" in row else None
    python = SpecifierSet(row["python"])
    return Release(package, Version(row["version"]), python, torch, row.get("yanked", False), row["source"])


def _partners(package: str, torch: Version) -> tuple[Version, ...]:
    bounds = {
        release.version: _lower_bound(release.torch)
        for release in releases(package).values()
        if release.torch is not None and not release.yanked and torch in release.torch
    }
    nearest = max(bounds.values(), default=None)
    return tuple(version for version, bound in bounds.items() if bound == nearest)


def _lower_bound(specifiers: SpecifierSet) -> Version:
    return max(Version(specifier.version.removesuffix(".*")) for specifier in specifiers)


@cache
def learning_rates() -> tuple[Mapping[str, Any], ...]:
    """The rows of ``learning_rates.yaml``: what rates optimizers bear."""
    return tuple(_load("learning_rates.yaml")["rates"])


def _load(name: str) -> dict[str, Any]:
    # The C loader is ten times faster; PyYAML lacks it where it was built without libyaml.
    import yaml  # late: most scans need no facts

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return yaml.load(files(__name__).joinpath(name).read_bytes(), Loader=loader)
