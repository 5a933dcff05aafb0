"""What a repository states about one package in one place."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Role(str, Enum):
    """How binding a statement is."""

    DECLARED = "declared"
    """Requirement files, pyproject.toml, setup.py, setup.cfg, environment.yml, Pipfile, pixi.toml."""
    CONSTRAINT = "constraint"
    """Constraint files (`-c`, `constraints.txt`): narrow what something else installs."""
    LOCKED = "locked"
    """Lock files: the version that an installer once chose."""
    IMAGE = "image"
    """Dockerfiles: the base image and what `RUN` installs."""
    OPTIONAL = "optional"
    """Extras, development groups, and the files of docs, tests and continuous integration."""


class Syntax(str, Enum):
    """The language in which the specifier is written: what a codemod has to write back."""

    PEP440 = "pep440"
    """`==1.9.0`, `>=1.7,<2`; an empty span stands right after the package's name."""
    POETRY = "poetry"
    """`^1.9`, `~1.9`, `1.9.*`, `1.9.0` (exact), as Poetry reads them."""
    CONDA = "conda"
    """`=1.9`, `=1.9.0=py3.8_cuda11.1`, `1.9.*`, `>=1.9`."""
    VERSION = "version"
    """A bare version, as in lock files and image tags."""
    URL = "url"
    """`@ https://.../torch-1.9.0-cp38-cp38-linux_x86_64.whl`, or the address alone."""


@dataclass(frozen=True)
class Requirement:
    """One statement about one package.

    Attributes:
        name: the canonical name (`packaging.utils.canonicalize_name`); `python` for the interpreter.
        specifier: a PEP 440 specifier set without local versions; empty when any version will do.
        path: the file, relative to the project's root, with `/`.
        line: the line of the specifier, from 1.
        column: where the specifier text begins, from 1, in characters.
        end_column: where it ends (exclusive); equal to `column` where no specifier is written.
        text: the requirement as written.
        role: how binding it is.
        marker: the environment marker, or the extra or group under which it stands.
        syntax: the language of the specifier text.
        editable: whether replacing the span edits exactly this statement (false where it is spread over lines,
            assembled from variables, or written with escapes).
    """

    name: str
    specifier: str
    path: str
    line: int
    column: int
    end_column: int
    text: str
    role: Role
    marker: str | None = None
    syntax: Syntax = Syntax.PEP440
    editable: bool = True
