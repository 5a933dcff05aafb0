"""Which files state dependencies, told by their names alone, and how binding they are."""

from __future__ import annotations

import re
from enum import Enum

from .requirement import Role


class Kind(Enum):
    """A format, each with a module of its own."""

    REQUIREMENTS = "requirements"
    PYPROJECT = "pyproject"
    SETUP_PY = "setup.py"
    SETUP_CFG = "setup.cfg"
    TOX = "tox"
    CONDA = "conda"
    PIPFILE = "Pipfile"
    PIPFILE_LOCK = "Pipfile.lock"
    PIXI = "pixi"
    TOML_LOCK = "toml lock"
    CONDA_LOCK = "conda lock"
    CONDA_EXPLICIT = "conda explicit lock"
    DOCKERFILE = "Dockerfile"


_EXACT = {
    "pyproject.toml": Kind.PYPROJECT,
    "setup.py": Kind.SETUP_PY,
    "setup.cfg": Kind.SETUP_CFG,
    "tox.ini": Kind.TOX,
    "pipfile": Kind.PIPFILE,
    "pipfile.lock": Kind.PIPFILE_LOCK,
    "pixi.toml": Kind.PIXI,
    "poetry.lock": Kind.TOML_LOCK,
    "uv.lock": Kind.TOML_LOCK,
    "pdm.lock": Kind.TOML_LOCK,
    "conda-lock.yml": Kind.CONDA_LOCK,
    "conda-lock.yaml": Kind.CONDA_LOCK,
}
_PATTERNS = (
    (
        re.compile(r"(?:.*requirements?|(?:.*[-_.])?(?:reqs?|requir\w*|constraints?))(?:[-_.\d].*)?\.(?:txt|in|pip)"),
        Kind.REQUIREMENTS,
    ),
    (re.compile(r"pylock(?:\.[^.]+)?\.toml"), Kind.TOML_LOCK),
    (re.compile(r".*\.conda-lock\.ya?ml"), Kind.CONDA_LOCK),
    (re.compile(r"conda-(?:linux|osx|win)-[\w-]+\.lock"), Kind.CONDA_EXPLICIT),
    (re.compile(r".*(?:environment|conda).*\.ya?ml|(?:.*[-_.])?env(?:[-_.].*)?\.ya?ml"), Kind.CONDA),
    (
        re.compile(
            r"(?!.*\.(?:py|md|sh|ya?ml|json|dockerignore)$)(?:dockerfile|containerfile)(?:[-_.].*)?|.*\.(?:dockerfile|containerfile)"
        ),
        Kind.DOCKERFILE,
    ),
)
_REQUIREMENT_FOLDERS = {"requirements", "requirement", "reqs"}
_LOCKS = {Kind.PIPFILE_LOCK, Kind.TOML_LOCK, Kind.CONDA_LOCK, Kind.CONDA_EXPLICIT}
_DEVELOPMENT = re.compile(
    r"docs?|documentation|(?:unit)?tests?|testing|dev|devel|develop|development|lint|linting|linter|ci|build|opt|optional"
    r"|extras?|style|typing|types|mypy|format|formatting|checks?|release|benchmarks?|notebooks?|rtd|readthedocs|sphinx"
    r"|precommit|min|minimal|minimum|old|oldest|lowest|latest|nightly"
)
# Folders that hold files of the folder above them.
_SIDE = re.compile(
    r"requirements?|reqs|\.?docker|dockers|dockerfiles?|\.devcontainer|\.github|\.circleci|\.gitlab|\.?ci|conda|conda-recipe"
    r"|envs?|environments?|deps|dependenc(?:y|ies)|install|installation|pip|setup|docs?|tests?"
)
_OPTIONAL_FOLDERS = {"docs", "doc", "tests", "test", ".github", ".circleci", ".gitlab", ".ci", "ci"}
# Names under which a folder's one set of dependencies goes; others (`requirements-gpu.txt`) are variants of it.
_MAIN = re.compile(
    r"(?:requirements|constraints)\.(?:txt|in)|(?:environment|env)\.ya?ml|pyproject\.toml|setup\.(?:py|cfg)|pipfile(?:\.lock)?"
    r"|pixi\.toml|(?:poetry|uv|pdm)\.lock|dockerfile"
)


def kind_of(path: str) -> Kind | None:
    """The format of a file, or None where its name is none of a dependency file.

    Args:
        path: relative, with `/`.
    """
    folder, _, name = path.lower().rpartition("/")
    exact = _EXACT.get(name)
    if exact is not None:
        return exact
    if name.endswith((".txt", ".in")) and folder.rpartition("/")[2] in _REQUIREMENT_FOLDERS:
        return Kind.REQUIREMENTS
    return next((kind for pattern, kind in _PATTERNS if pattern.fullmatch(name)), None)


def is_dependency_file(path: str) -> bool:
    """Whether a file may state dependencies, by its name.

    Args:
        path: relative to the project's root, with `/`.
    """
    return kind_of(path) is not None


def role_of(path: str, kind: Kind) -> Role:
    """How binding a file's statements are, as far as its name tells."""
    if kind in _LOCKS:
        return Role.LOCKED
    if kind is Kind.TOX or (kind is not Kind.PYPROJECT and _is_optional(path)):
        return Role.OPTIONAL
    if kind is Kind.DOCKERFILE:
        return Role.IMAGE
    if kind is Kind.REQUIREMENTS and "constraint" in path.rpartition("/")[2].lower():
        return Role.CONSTRAINT
    return Role.DECLARED


def is_development(word: str) -> bool:
    """Whether a group, file or folder is named for work on the project (tests, docs, checks), not for running it."""
    return any(_DEVELOPMENT.fullmatch(part) for part in re.split(r"[-_.\s]+", word.lower()))


def is_main(path: str) -> bool:
    """Whether a file has the plain name of its kind, so that it speaks for its whole folder."""
    return _MAIN.fullmatch(path.rpartition("/")[2].lower()) is not None


def homes(path: str) -> tuple[str, ...]:
    """The folders for which a file speaks: its own, and the one above the first side folder (`docker/`) on its way.

    Args:
        path: relative, with `/`.

    Returns:
        Folders with `/`, the root being empty.
    """
    own = path.rpartition("/")[0]
    parts = own.split("/") if own else []
    for index, part in enumerate(parts):
        if _SIDE.fullmatch(part.lower()):
            return (own, "/".join(parts[:index]))
    return (own,)


def _is_optional(path: str) -> bool:
    """By the file's own name, or by a folder in which it lies."""
    folder, _, name = path.rpartition("/")
    return is_development(name) or not _OPTIONAL_FOLDERS.isdisjoint(folder.lower().split("/"))
