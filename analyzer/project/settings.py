"""The user's configuration: ``[tool.mlfix]`` in pyproject.toml, or mlfix.toml."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from ..findings import Confidence, Level
from .files import is_pattern

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # pyright: ignore[reportMissingImports]

FILE_NAMES = ("mlfix.toml", ".mlfix.toml", "pyproject.toml")
_WATCHED = re.compile(r"[A-Za-z_]\w*(\.\w+)*|[^:]+\.py:[A-Za-z_][\w.]*:[A-Za-z_]\w*")


class BadSettings(Exception):
    """A configuration that cannot be used; the message names the file, the key and the remedy."""


@dataclass(frozen=True)
class Settings:
    """What a run is asked to do. Keys in the file are written with dashes."""

    select: tuple[str, ...] = ()
    """Rules to use; empty means every rule that is on by default."""
    ignore: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    respect_gitignore: bool = True
    per_file_ignores: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    level: Level = Level.WASTES
    confidence: Confidence = Confidence.MEDIUM
    baseline: str | None = None
    torch: str | None = None
    """A version range that stands in for whatever the repository's files say of torch."""
    entry: str | None = None
    """The training command, for verify and probe."""
    healthy: Mapping[str, Mapping[str, float | bool | str]] = field(default_factory=dict)
    """Limits over mlfix's own, by probe."""
    watch: Mapping[str, str] = field(default_factory=dict)
    """What a run cannot find by itself: a name to ``dotted.module.path`` or ``file.py:function:variable``."""
    rules: tuple[str, ...] = ()
    """Importable modules with further rules."""
    cache_dir: str | None = None
    """Where to cache, relative to the project; None is the platform's cache folder."""
    path: Path | None = None
    """The file that was read."""


def find_root(start: Path) -> Path:
    """The project's root for a path: the nearest folder with settings or a git repository, else the folder itself.

    A ``pyproject.toml`` counts only with a ``[tool.mlfix]`` table; otherwise the git repository's root does.
    """
    folder = start if start.is_dir() else start.parent
    for candidate in (folder, *folder.parents):
        if _settings_file(candidate) is not None or (candidate / ".git").exists():
            return candidate
    return folder


def load_settings(root: Path, config: Path | None = None) -> Settings:
    """Read the configuration of a project.

    Args:
        root: the project's root.
        config: a file to use instead of the ones looked for.

    Returns:
        The settings; the defaults where there is no configuration.

    Raises:
        BadSettings: the file cannot be read, or holds a key or value that means nothing.
    """
    path = config or _settings_file(root)
    if path is None:
        return Settings()
    return _checked(_table(path), path)


def _settings_file(folder: Path) -> Path | None:
    for name in FILE_NAMES:
        path = folder / name
        if path.is_symlink() and not path.exists() and name != "pyproject.toml":
            return path  # a link to nowhere is told when it is read, instead of running with other settings
        if path.is_file() and (name != "pyproject.toml" or b"[tool.mlfix" in _bytes(path)):
            return path
    return None


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def _table(path: Path) -> dict[str, Any]:
    try:
        data: Any = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise BadSettings(f"{path}: cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadSettings(f"{path}: is no valid TOML: {error}") from None
    except RecursionError:
        raise BadSettings(f"{path}: is no valid TOML: it nests too deeply") from None
    for name in ("tool", "mlfix") if path.name == "pyproject.toml" else ():
        data = data.get(name, {}) if isinstance(data, dict) else data
    if not isinstance(data, dict):
        raise BadSettings(f"{path}: [tool.mlfix] must be a table")
    return data


def _checked(table: dict[str, Any], path: Path) -> Settings:
    known = {f.name.replace("_", "-") for f in fields(Settings)} - {"path"}
    for key in table:
        if key not in known:
            raise BadSettings(f"{path}: unknown key {key!r}: known are {', '.join(sorted(known))}")
    values: dict[str, Any] = {"path": path}
    for key, value in table.items():
        values[key.replace("-", "_")] = _value(key, value, path)
    return Settings(**values)


def _value(key: str, value: Any, path: Path) -> Any:  # noqa: ANN401 - TOML holds anything
    def wrong(expected: str) -> BadSettings:
        return BadSettings(f"{path}: {key!r} must be {expected}, and is {value!r}")

    if key in ("select", "ignore", "exclude", "rules"):
        if not (isinstance(value, list) and all(isinstance(v, str) for v in value)):
            raise wrong("a list of strings")
        for pattern in value if key == "exclude" else ():
            _check_pattern(pattern, f"{path}: {key}")
        return tuple(value)
    if key == "per-file-ignores":
        if not isinstance(value, dict) or not all(isinstance(v, list) for v in value.values()):
            raise wrong("a table of pattern to list of rules")
        for pattern in value:
            _check_pattern(pattern, f"{path}: {key}")
        return {pattern: tuple(map(str, rules)) for pattern, rules in value.items()}
    if key in ("level", "confidence"):
        kind = Level if key == "level" else Confidence
        try:
            return kind(value)
        except ValueError:
            raise wrong("one of " + ", ".join(member.value for member in kind)) from None
    if key == "respect-gitignore":
        if not isinstance(value, bool):
            raise wrong("true or false")
        return value
    if key == "healthy":
        return _limits(value, wrong)
    if key == "watch":
        if not isinstance(value, dict) or not all(isinstance(v, str) and _WATCHED.fullmatch(v) for v in value.values()):
            raise wrong("a table of name to 'dotted.module.path' or 'file.py:function:variable'")
        return dict(value)
    if not isinstance(value, str):
        raise wrong("a string")
    if key == "entry":
        try:
            words = shlex.split(value)
        except ValueError as error:
            raise wrong(f"a command line ({error})") from None
        if not words:
            raise wrong("a command such as 'python train.py'")
    if key == "torch":
        try:
            SpecifierSet(value)
        except InvalidSpecifier:
            raise wrong("a version range such as '>=2.1,<2.4'") from None
    return value


def _check_pattern(pattern: str, where: str) -> None:
    if not is_pattern(pattern):
        raise BadSettings(f"{where}: {pattern!r} is no pattern in .gitignore syntax: correct or remove it")


def _limits(value: object, wrong: Callable[[str], BadSettings]) -> dict[str, dict[str, Any]]:
    """``[tool.mlfix.healthy]``: for each probe a table of limit to number. Which there are is known to the probes."""
    expected = "a table of probe to its limits, such as { gradient-norm = { max = 100 } }"
    if not isinstance(value, dict):
        raise wrong(expected)
    for table in value.values():
        if not isinstance(table, dict) or not all(isinstance(v, (bool, int, float, str)) for v in table.values()):
            raise wrong(expected)
    return {probe: dict(table) for probe, table in value.items()}
