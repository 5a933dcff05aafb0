"""Files that a configuration is composed of: Hydra's defaults lists, and the ``_base_`` of other programs."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from .model import ConfigFile, Entry, Key

_BASES = ("_base_", "_BASE_", "__base__", "base", "BASE", "base_config", "extends", "inherit_from", "__include__")
_PACKAGE = re.compile(r"\A(?:\s*#[^\n]*\n)*?\s*#\s*@package\s+(\S+)")
_FORMS = (".yaml", ".yml", ".json", ".toml")


@dataclass(frozen=True)
class Part:
    """A file that is part of a composition, and the key under which its content comes."""

    path: str
    prefix: Key


def parts_of(config: ConfigFile, known: Collection[str]) -> Iterator[Part]:
    """The files that a configuration names as its parts, with what they fill; those not in the project are left out."""
    folder = posixpath.dirname(config.path)
    defaults = config.root.get("defaults")
    if defaults is not None and defaults.kind == "sequence":
        for item in defaults.children:
            yield from _default(item, folder, known)
    for name in _BASES:
        base = config.root.get(name)
        if base is None:
            continue
        for item in [base, *base.children]:
            path = _located(item.value, folder, known) if isinstance(item.value, str) else None
            if path is not None and path != config.path:
                yield Part(path, ())


def package_of(text: str) -> Key | None:
    """The key that a file's ``# @package`` line gives it; None where it has no such line."""
    match = _PACKAGE.search(text[:2000])
    if match is None:
        return None
    return () if match[1] == "_global_" else tuple(p for p in match[1].split(".") if not p.startswith("_"))


def _default(item: Entry, folder: str, known: Collection[str]) -> Iterator[Part]:
    """One line of a defaults list: ``- base``, ``- model: resnet``, ``- override /optim: adam``, ``- db@target: x``."""
    if isinstance(item.value, str) and item.value != "_self_":
        path = _located(item.value, folder, known)
        if path is not None:
            yield Part(path, tuple(item.value.lstrip("/").split("/")[:-1]))
    for child in item.children:
        group = str(child.key[-1]).removeprefix("override ").removeprefix("optional ").strip()
        group, _, package = group.partition("@")
        for choice in [child, *child.children]:
            if not isinstance(choice.value, str):
                continue
            path = _located(posixpath.join(group.lstrip("/"), choice.value), folder, known)
            if path is not None:
                prefix = tuple(p for p in re.split(r"[/.]", package or group) if p and not p.startswith("_"))
                yield Part(path, prefix)


def _located(name: str, folder: str, known: Collection[str]) -> str | None:
    """The project's file that a name means, seen from a folder, or from one above it."""
    name = name.removeprefix("file://").lstrip("/")
    if not name or len(name) > 300:
        return None
    while True:
        stem = posixpath.normpath(posixpath.join(folder, name))
        for candidate in (stem, *(stem + form for form in _FORMS)):
            if candidate in known:
                return candidate
        if not folder:
            return None
        folder = posixpath.dirname(folder)
