"""Broken and hostile files: one clear problem each, the rest read, nothing run, no crash."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from mlfix.analyzer.project.dependencies import DependencyTable, is_dependency_file, read_dependencies


def table_of(root: Path, files: dict[str, bytes]) -> DependencyTable:
    """A table in which `good/requirements.txt` stands beside the files under test."""
    for name, content in {**files, "good/requirements.txt": b"torch==1.9.0\n"}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    table = read_dependencies(root, [*files, "good/requirements.txt"])
    assert [one.path for one in table.of("torch") if one.path.startswith("good/")] == ["good/requirements.txt"]
    for problem in table.problems:
        assert "\n" not in problem.message and problem.message.isprintable() and ":" in problem.message
    return table


@pytest.mark.parametrize(
    ("name", "content", "line", "says"),
    [
        ("pyproject.toml", b"[project]\nname = 'x'\ndependencies = [\n", 4, "no valid TOML"),
        ("pyproject.toml", b"a = " + b"[" * 100_000, None, ""),
        ("Pipfile", b"[packages\n", 1, "no valid TOML"),
        ("pixi.toml", b"\x00\x01", 0, "NUL"),
        ("environment.yml", b"dependencies:\n  - a\n b: {\n", None, "no valid YAML"),
        ("environment.yml", b"dependencies:\n  - " + b"[" * 50_000, None, ""),
        ("environment.yml", b"dependencies:\n- a\x07\n", None, "no valid YAML"),
        ("Pipfile.lock", b"{" * 100_000, 0, "no valid JSON"),
        ("setup.py", b"print 'x'\nsetup()\n", 1, "no valid Python 3"),
        ("setup.py", b"x = " + b"(" * 5000, None, ""),
        ("setup.py", b"x = " + b"-" * 200_000 + b"1\n", None, ""),
        ("setup.cfg", b"[options]\nnonsense\n", 2, "no section"),
        ("requirements.txt", b"numpy\n==1.0 torch\nscipy\n", 2, "no requirement"),
        ("requirements.txt", b"torch 1.9\n", 1, "no requirement"),
        ("requirements.txt", b"torch==\x1b[31mred\n", 1, "no requirement"),
        ("requirements.txt", b"\x7fELF\x00\x00", 0, "NUL"),
        ("requirements.txt", "torch==1.9".encode("utf-16")[:-1], 0, "utf-16"),
        ("requirements.txt", b"torch" * 100_000 + b"\n", 1, "characters"),
        ("requirements.txt", b"-r ../../../etc/passwd\n", 1, "outside the project"),
        ("requirements.txt", b"-r /etc/passwd\n", 1, "outside the project"),
        ("requirements.txt", b"numpy\n-r missing.txt\n", 2, "no such file"),
        ("requirements.txt", b"-r\n", 1, "no value"),
        ("requirements.txt", b"torch>=1; " + b"(" * 3000 + b"python_version>'3'" + b")" * 900 + b"\n", 1, ""),
        ("requirements.txt", b"torch==" + b"1" * 3000 + b".\n", 1, ""),
        ("poetry.lock", b"<<<<<<< HEAD\n[[package]]\n", 1, "merge"),
        ("poetry.lock", b'[[package]]\nname = "a"\nversion = "x y"\n', 3, "no version"),
    ],
)
def test_one_problem_and_the_rest_goes_on(
    tmp_path: Path, name: str, content: bytes, line: int | None, says: str
) -> None:
    table = table_of(tmp_path, {name: content})
    (problem,) = table.problems
    assert problem.path == name and says in problem.message
    if line is not None:
        assert problem.line == line


def test_many_bad_lines_are_counted(tmp_path: Path) -> None:
    table = table_of(tmp_path, {"requirements.txt": b"no requirement at all\n" * 500 + b"numpy==1.0\n"})
    assert len(table.problems) == 6 and any("495 more" in problem.message for problem in table.problems)
    assert len(table.of("numpy")) == 1


def test_large_file_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "requirements.txt"
    with path.open("wb") as file:
        file.truncate(50 * 1024 * 1024)
    table = table_of(tmp_path, {"Dockerfile": b"FROM scratch\n"})
    assert table.problems == ()
    (problem,) = read_dependencies(tmp_path, ["requirements.txt"]).problems
    assert "52 MB" in problem.message and "limit" in problem.message


def test_yaml_tags_build_nothing(tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    text = f"dependencies:\n  - !!python/object/apply:os.system ['touch {mark}']\n  - pytorch=1.9\n"
    table = table_of(tmp_path, {"environment.yml": text.encode()})
    assert not mark.exists()
    assert [one.line for one in table.of("torch") if one.path == "environment.yml"] == [3]


def test_yaml_alias_bomb_is_not_expanded(tmp_path: Path) -> None:
    levels = "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 40))
    text = f"a0: &a0 [x]\n{levels}dependencies:\n  - pytorch=1.9\n  - *a39\n"
    start = time.perf_counter()
    table = table_of(tmp_path, {"environment.yml": text.encode()})
    assert time.perf_counter() - start < 2
    assert table.problems == () and len(table.of("torch")) == 2


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("requirements.txt", b"torch" + b" " * 90_000 + b"x\n"),
        ("requirements.txt", b"-f " + b" " * 90_000 + b"\n" + b"\\\n" * 100_000),
        ("requirements.txt", b"#" * 1_000_000 + b" #" * 100_000),
        ("setup.cfg", b"[options]\n" + b"a" + b" " * 1_000_000 + b"\n"),
        ("Dockerfile", b"RUN pip install " + b"'" * 90_000 + b"\n" + b"RUN " + b"${" * 40_000 + b"\n"),
        ("Dockerfile", b"RUN pip install " + b'"\\' * 40_000 + b"\nARG A=" + b"$A" * 10_000 + b"\n"),
        ("pyproject.toml", b"a = '" + b"\\" * 1_000_000 + b"'\n" + b"#\n" * 100_000),
        ("uv.lock", b"[[package]]\n" * 100_000),
        ("environment.yml", b"dependencies:\n" + b"  - a=1\n" * 5_000),
    ],
)
def test_time_stays_bounded(tmp_path: Path, name: str, content: bytes) -> None:
    start = time.perf_counter()
    table_of(tmp_path, {name: content})
    assert time.perf_counter() - start < 5


def test_argument_that_doubles_itself(tmp_path: Path) -> None:
    text = "ARG A=aaaaaaaaaa\n" + "ARG A=$A$A\n" * 60 + "RUN pip install torch==$A\n"
    table_of(tmp_path, {"Dockerfile": text.encode()})


def test_include_circle(tmp_path: Path) -> None:
    files = {f"requirements-{n}.txt": f"-r requirements-{(n + 1) % 30}.txt\nx{n}\n".encode() for n in range(30)}
    table = table_of(tmp_path, files)
    assert table.problems == () and len(table.requirements) == 31
    assert table.range_of("x3", "train.py") is not None


@pytest.mark.skipif(not hasattr(os, "symlink"), reason="needs symbolic links")
def test_links(tmp_path: Path) -> None:
    root = tmp_path / "project"
    root.mkdir()
    outside = tmp_path / "requirements.txt"
    outside.write_text("secret==1\n")
    (root / "requirements.txt").symlink_to(outside)
    (root / "reqs.txt").symlink_to(root / "reqs.txt")
    (root / "requirements").mkdir()
    (root / "requirements" / "base.txt").symlink_to(root / "real.lst")
    (root / "real.lst").write_text("torch==1.9\n")
    table = read_dependencies(root, ["requirements.txt", "reqs.txt", "requirements/base.txt"])
    assert [problem.path for problem in table.problems] == ["reqs.txt", "requirements.txt"]
    assert "leads out" in table.problems[1].message
    assert [one.path for one in table.requirements] == ["requirements/base.txt"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_what_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "requirements.txt")
    (tmp_path / "setup.py").mkdir()
    table = read_dependencies(tmp_path, ["requirements.txt", "setup.py", "gone/pyproject.toml"])
    assert [problem.path for problem in table.problems] == ["gone/pyproject.toml", "requirements.txt", "setup.py"]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root reads everything")
def test_unreadable_file(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("torch\n")
    (tmp_path / "requirements.txt").chmod(0)
    (problem,) = read_dependencies(tmp_path, ["requirements.txt"]).problems
    assert "cannot be read" in problem.message


NAMES = (
    "requirements.txt", "pyproject.toml", "setup.py", "setup.cfg", "tox.ini", "environment.yml", "Pipfile",
    "Pipfile.lock", "uv.lock", "pixi.toml", "conda-lock.yml", "conda-linux-64.lock", "Dockerfile",
)  # fmt: skip
PARTS = st.sampled_from([
    "torch", "==", "1.9.0", "+cu111", ">=", ",", ";", " ", "\n", "\\\n", "#", "@", "https://x/", "-r", "-c ", "-f ",
    "torch-1.9.0-py3-none-any.whl", "--hash=", "[", "]", "{", "}", '"', "'", "=", "\r", "\t", "dependencies:", "  - ",
    "pip:", "&a", "*a", "!!python/name:x", "[project]\n", "[[package]]\n", 'name = "torch"\n', 'version = "1.9"\n',
    "setup(install_requires=", "RUN pip install ", "FROM pytorch/pytorch:", "ARG A=", "$A", "${A", "<<EOF", "^", "~",
    "|", "*", "é", "\ufeff", "\x85", "\u2028",
])  # fmt: skip
TEXTS = st.one_of(st.text(max_size=80), st.lists(PARTS, max_size=25).map("".join))


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(NAMES), TEXTS)
@example("requirements.txt", "-r .\n")
@example("requirements.txt", "-r \x00\n")
@example("setup.py", "setup(install_requires='\\ud800')")
def test_any_text_is_survived(tmp_path_factory: pytest.TempPathFactory, name: str, text: str) -> None:
    assert is_dependency_file(name)
    data = text.encode("utf-8", "surrogatepass")
    table = read_dependencies(tmp_path_factory.getbasetemp(), [name], {name: data})
    table.range_of("torch", "train.py")
    table.conflicts()
    lines = data.decode("utf-8-sig", "replace").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    for one in table.requirements:
        assert 1 <= one.line <= len(lines) and 1 <= one.column <= one.end_column <= len(lines[one.line - 1]) + 1


LINES = st.text(st.characters(blacklist_characters="\r\n\0", blacklist_categories=["Cs"]), max_size=60)


@settings(max_examples=300, deadline=None)
@given(LINES)
def test_any_requirement_line_is_survived(line: str) -> None:
    content = f"numpy==1.0\n{line}\nscipy==2.0\n".encode()
    table = read_dependencies(Path("/nowhere"), ["requirements.txt"], {"requirements.txt": content})
    assert table.of("numpy")[0].line == 1
    if not line.endswith("\\"):
        assert any(one.line == 3 for one in table.of("scipy"))
