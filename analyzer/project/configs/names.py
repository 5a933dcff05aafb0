"""Which files may be a program's configuration, told by their names alone."""

from __future__ import annotations

import posixpath
import re

from ..dependencies import is_dependency_file
from .reading import FORMS

_FOLDERS = {
    *("docs", "doc", "documentation", "website", "site", "tests", "test", "testing", "docker", "k8s", "kubernetes"),
    *("helm", "charts", "deploy", "deployment", "ci", "conda.recipe", "recipe", "recipes-conda", "notebooks", "wandb"),
    *("node_modules", "locales", "i18n", "annotations", "checkpoints", "licenses", "paper", "frontend", "public"),
}
_FILES = re.compile(
    r"""\..*                                                        # tools' own: .pre-commit-config.yaml
    |mkdocs.*|(?:docker-)?compose.*|docker.*|skaffold.*|kustomization.*|values\.ya?ml|chart\.ya?ml|argo.*
    |package(?:-lock)?\.json|tsconfig.*\.json|jsconfig.*|tslint.*|eslint.*|composer\.json|bower\.json|lerna\.json|vercel\.json
    |renovate.*\.json|dependabot.*|codecov.*|coverage.*|appveyor.*|azure-pipelines.*|bitbucket-pipelines.*|cloudbuild.*
    |action\.ya?ml|readthedocs.*|_config\.ya?ml|_toc\.ya?ml|cog\.ya?ml|app\.ya?ml|netlify\.toml|render\.ya?ml|mlproject
    |dvc\.(?:yaml|lock)|meta\.ya?ml|conda.*\.ya?ml|.*environment.*\.ya?ml|env\.ya?ml|citation.*|codemeta\.json|zenodo.*
    |cargo\.toml|book\.toml|pyproject\.toml|mlfix\.toml|ruff\.toml|taplo\.toml|typos\.toml|rustfmt\.toml|\w*lock\.(?:json|toml|yaml)
    |tokenizer.*\.json|special_tokens_map\.json|vocab.*\.json|merges.*\.json|generation_config\.json|added_tokens\.json
    |preprocessor_config\.json|.*\.index\.json|.*annotations?.*\.json|model_index\.json|pyrightconfig.*\.json
    |.*labels?\.json|.*classes\.json|manifest\.json|launch\.json|settings\.json|tasks\.json|labeler\.ya?ml
    """,
    re.VERBOSE | re.IGNORECASE,
)
LARGEST = 400_000
"""Bytes of a file that is still taken for a configuration; larger ones hold data."""


def may_be_config(path: str) -> bool:
    """Whether a file may be read by a program as its configuration: YAML, JSON or TOML that belongs to no other tool.

    Files of CI, documentation, containers, packaging and editors are none.
    """
    folder, name = posixpath.split(path)
    if posixpath.splitext(name)[1].lower() not in FORMS or _FILES.fullmatch(name):
        return False
    parts = [part.lower() for part in folder.split("/") if part]
    if any(part in _FOLDERS or part.startswith(".") for part in parts):
        return False
    return not is_dependency_file(path)
