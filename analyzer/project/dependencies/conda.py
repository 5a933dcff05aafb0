"""conda's files: environment.yml with its nested pip list, and conda-lock's two formats."""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit

from ..text import Piece
from ..yaml_nodes import BadYaml, Node, parse
from .requirement import Syntax
from .requirements_txt import logical_lines, read_line
from .source import Reading
from .specifiers import BadSpecifier, conda, exact

_SPEC = re.compile(r"(?:[^\s:]+::)?(?P<name>[A-Za-z0-9_][\w.-]*?)\s*(?P<rest>(?:[\s=<>!~\[].*)?)$")
_BRACKET = re.compile(r"\[.*?version\s*=\s*['\"]?(?P<version>[^'\"\]]+)['\"]?.*\]$")
_VERSION_AND_BUILD = re.compile(r"(?P<version>={0,2}\s*[^\s=<>!~,|][^\s=<>~,|]*)(?P<build>(?:=|\s+)[^\s=,|<>!~]+)?$")
_HAS_DEPENDENCIES = re.compile(r"^(?:\ufeff)?dependencies\s*:", re.MULTILINE)
_PACKAGE_FILE = re.compile(r"(?P<name>.+)-(?P<version>[^-]+)-[^-]+\.(?:conda|tar\.bz2)$")


def read(reading: Reading) -> None:
    """Take down what an environment file states; a YAML file without `dependencies` is some other tool's."""
    if not _HAS_DEPENDENCIES.search(reading.source.text):
        return
    root = document(reading)
    for item in root.get("dependencies").items if root else ():
        if item.piece is not None:
            record_spec(reading, item.piece)
        for line in item.get("pip").items:
            if line.piece is not None:
                for content in logical_lines([line.piece]):
                    read_line(reading, content)


def read_lock(reading: Reading) -> None:
    """Take down what conda-lock's unified file states; the same version for several platforms counts once."""
    root = document(reading)
    seen: set[tuple[str, str]] = set()
    for package in root.get("package").items if root else ():
        name, version = package.get("name").text, package.get("version").piece
        if name is None or version is None or (name, version.text) in seen:
            continue
        seen.add((name, version.text))
        _locked(reading, name, version)


def read_explicit(reading: Reading) -> None:
    """Take down the package addresses of an `@EXPLICIT` file."""
    for line in logical_lines(reading.source.lines()):
        file = unquote(urlsplit(line.text.partition("#")[0]).path).rpartition("/")[2] if "://" in line.text else ""
        match = _PACKAGE_FILE.match(file)
        start = line.text.find(f"-{match['version']}-") + 1 if match else 0
        if match is not None and start > 0:
            _locked(reading, match["name"], line[start : start + len(match["version"])])


def record_spec(reading: Reading, piece: Piece) -> None:
    """Take down a conda match specification (`pytorch=1.9.0=py3.8_cuda11.1`, `pytorch::torchvision>=0.10`)."""
    piece = piece.stripped()
    if not piece.text or len(piece.text) > 1000:
        return
    match = _SPEC.match(piece.text)
    if match is None:
        reading.problem(piece.at[0], f"`{piece.text[:60]}` is no conda package: write `name=version`")
        return
    rest = match["rest"].strip()
    start = match.start("rest") + len(match["rest"]) - len(match["rest"].lstrip()) if rest else match.end("name")
    try:
        specifier = _specifier(rest)
    except BadSpecifier:
        # conda's packages outside Python have versions of their own (`openssl=1.1.1k`).
        return
    span = (start, start + len(rest))
    reading.add(match["name"], specifier, piece, span, syntax=Syntax.CONDA, text=piece.text)


def _specifier(rest: str) -> str:
    bracket = _BRACKET.match(rest)
    if bracket is not None:
        return conda(bracket["version"])
    if rest.startswith("["):
        return ""
    plain = _VERSION_AND_BUILD.match(rest)
    if plain is None:
        return conda(rest)
    version = plain["version"]
    if plain["build"] and version.startswith("=") and not version.startswith("=="):
        # With a build string the version is whole: `=1.9.0=py38_0` names one file.
        version = version[1:]
    return conda(version)


def _locked(reading: Reading, name: str, version: Piece) -> None:
    try:
        specifier = exact(version.text)
    except BadSpecifier:
        return
    reading.add(name, specifier, version, (0, len(version.text)), syntax=Syntax.VERSION, text=f"{name} {version.text}")


def document(reading: Reading) -> Node | None:
    """The file's first YAML document, or None with the problem taken down."""
    try:
        return parse(reading.source)
    except BadYaml as error:
        reading.problem_at(error.line, str(error))
        return None
