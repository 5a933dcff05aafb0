"""Which statements decide for a file of code, how they combine, and what counts as a conflict."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mlfix.analyzer.project.dependencies import DependencyTable, Range, Role, read_dependencies
from mlfix.analyzer.project.dependencies.ranges import hull, intersection, simplify
from packaging.specifiers import SpecifierSet
from packaging.version import Version


def table_of(root: Path, files: dict[str, str]) -> DependencyTable:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    return read_dependencies(root, list(files))


def answer(table: DependencyTable, near: str = "train.py", package: str = "torch") -> tuple[str, list[str]]:
    found = table.range_of(package, near)
    assert found is not None
    return str(found.specifier), [one.path for one in found.spoken_by]


def test_nearest_folder_wins(tmp_path: Path) -> None:
    files = {
        "requirements.txt": "torch==1.9.0\ntimm==0.4\n",
        "recipes/a/requirements.txt": "torch>=2.0\n",
        "recipes/b/train.py": "",
    }
    table = table_of(tmp_path, files)
    assert answer(table, "recipes/a/src/deep/train.py") == (">=2.0", ["recipes/a/requirements.txt"])
    assert answer(table, "recipes/b/train.py") == ("==1.9.0", ["requirements.txt"])
    assert answer(table, "train.py") == ("==1.9.0", ["requirements.txt"])
    # The nearer folder says nothing of timm.
    assert answer(table, "recipes/a/train.py", "timm") == ("==0.4", ["requirements.txt"])
    assert table.range_of("jax", "train.py") is None


@pytest.mark.parametrize("folder", ["requirements", "docker", "conda", ".devcontainer", "docker/gpu"])
def test_side_folder_belongs_to_its_parent(tmp_path: Path, folder: str) -> None:
    table = table_of(tmp_path, {f"app/{folder}/requirements.txt": "torch==1.9.0\n"})
    assert answer(table, "app/src/train.py")[0] == "==1.9.0"
    assert table.range_of("torch", "other/train.py") is None


def test_compatible_statements_narrow(tmp_path: Path) -> None:
    files = {
        "setup.py": "from setuptools import setup\nsetup(install_requires=['torch>=1.7'])\n",
        "requirements.txt": "torch<2\n",
        "poetry.lock": '[[package]]\nname = "torch"\nversion = "1.9.1"\n',
    }
    table = table_of(tmp_path, files)
    assert answer(table) == ("==1.9.1", ["poetry.lock"])
    del files["poetry.lock"]
    (tmp_path / "poetry.lock").unlink()
    specifier, speakers = answer(table_of(tmp_path, files))
    assert (SpecifierSet(specifier), sorted(speakers)) == (SpecifierSet(">=1.7,<2"), ["requirements.txt", "setup.py"])


def test_declared_beats_lock_beats_image(tmp_path: Path) -> None:
    lock = '[[package]]\nname = "torch"\nversion = "2.1.0"\n'
    image = "FROM pytorch/pytorch:1.13.1-cuda11.6-cudnn8-runtime\n"
    all_three = table_of(tmp_path / "a", {"requirements.txt": "torch==1.9.0\n", "uv.lock": lock, "Dockerfile": image})
    assert answer(all_three) == ("==1.9.0", ["requirements.txt"])
    assert {(first.path, second.path) for first, second in all_three.conflicts()} == {
        ("Dockerfile", "requirements.txt"),
    }
    assert answer(table_of(tmp_path / "b", {"uv.lock": lock, "Dockerfile": image})) == ("==2.1.0", ["uv.lock"])
    assert answer(table_of(tmp_path / "c", {"Dockerfile": image})) == ("==1.13.1", ["Dockerfile"])
    bare = table_of(tmp_path / "d", {"requirements.txt": "torch\n", "Dockerfile": image})
    assert answer(bare) == ("==1.13.1", ["Dockerfile"])


def test_a_lock_contradicts_what_it_locks(tmp_path: Path) -> None:
    files = {
        "pyproject.toml": '[project]\nname = "n"\nversion = "1"\ndependencies = ["torch>=2.2"]\n',
        "requirements.txt": "torch==2.3.1\n",
        "uv.lock": '[[package]]\nname = "torch"\nversion = "2.1.0"\n',
    }
    conflicts = table_of(tmp_path, files).conflicts()
    assert [(first.path, second.path) for first, second in conflicts] == [("pyproject.toml", "uv.lock")]


def test_images_are_environments_of_their_own(tmp_path: Path) -> None:
    files = {"requirements.txt": "torch>=2.1\n", "docker/a/Dockerfile": "RUN pip install torch==1.13.1\n"}
    files["docker/b/Dockerfile"] = "RUN pip install torch==2.4.0\n"
    assert table_of(tmp_path, files).conflicts() == []


def test_image_that_installs_any_version_does_not_decide(tmp_path: Path) -> None:
    table = table_of(tmp_path, {"requirements.txt": "torch==1.9\n", "serve/Dockerfile": "RUN pip install torch\n"})
    assert answer(table, "serve/app.py") == ("==1.9", ["requirements.txt"])


def test_optional_speaks_only_alone(tmp_path: Path) -> None:
    files = {
        "requirements.txt": "torch>=1.7\n",
        "requirements-ci.txt": "torch==2.8.0+cu128\n",
        "docs/requirements.txt": "torch==1.5\nsphinx==4\n",
        "tests/requirements.txt": "torch==1.4\n",
    }
    table = table_of(tmp_path, files)
    assert answer(table) == (">=1.7", ["requirements.txt"])
    assert answer(table, "tests/test_model.py") == (">=1.7", ["requirements.txt"])
    assert answer(table, package="sphinx") == ("==4", ["docs/requirements.txt"])
    assert table.conflicts() == []


def test_variants_are_alternatives_not_conflicts(tmp_path: Path) -> None:
    table = table_of(
        tmp_path, {"requirements-cpu.txt": "torch==1.9.0\n", "requirements-gpu.txt": "torch==1.13.1+cu117\n"}
    )
    specifier, speakers = answer(table)
    assert SpecifierSet(specifier) == SpecifierSet(">=1.9.0,<=1.13.1")
    assert sorted(speakers) == ["requirements-cpu.txt", "requirements-gpu.txt"]
    assert table.conflicts() == []


def test_markers_are_alternatives(tmp_path: Path) -> None:
    text = 'torch==1.9.0; python_version < "3.10"\ntorch==2.0.0; python_version >= "3.10"\n'
    table = table_of(tmp_path, {"requirements.txt": text})
    found = table.range_of("torch", "train.py")
    assert found and found.admits("1.9.0") and found.admits("2.0.0") and not found.is_exact
    assert table.conflicts() == []


def test_conflicts_of_one_program(tmp_path: Path) -> None:
    files = {
        "requirements.txt": "torch==1.9.0\n",
        "environment.yml": "dependencies:\n  - pytorch=1.13\n",
        "other/requirements.txt": "torch==2.0\n",
    }
    ((first, second),) = table_of(tmp_path, files).conflicts()
    assert (first.path, second.path) == ("environment.yml", "requirements.txt")
    assert (first.line, second.line) == (2, 1)


def test_included_variant_can_conflict(tmp_path: Path) -> None:
    files = {"requirements.txt": "torch==1.9.0\n", "requirements-train.txt": "-r requirements.txt\ntorch>=2\n"}
    assert len(table_of(tmp_path, files).conflicts()) == 1


def test_same_file_twice_is_a_conflict(tmp_path: Path) -> None:
    assert len(table_of(tmp_path, {"requirements.txt": "torch==1.9.0\ntorch>=1.10\n"}).conflicts()) == 1


def test_include_speaks_for_the_including_folder(tmp_path: Path) -> None:
    files = {"shared/base.txt": "torch==1.9.0\n", "recipes/a/requirements.txt": "-r ../../shared/base.txt\n"}
    table = table_of(tmp_path, files)
    assert answer(table, "recipes/a/train.py") == ("==1.9.0", ["shared/base.txt"])


def test_table_travels_small(tmp_path: Path) -> None:
    table = table_of(tmp_path, {"requirements.txt": "torch==1.9.0\n"})
    size = len(pickle.dumps(table))
    table.range_of("torch", "train.py")
    assert len(pickle.dumps(table)) == size
    assert pickle.loads(pickle.dumps(table)) == table


def test_overlay_stands_in_for_the_disk(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("torch==1.9\n")
    table = read_dependencies(tmp_path, ["requirements.txt"], {"requirements.txt": b"torch==2.0\n"})
    assert answer(table) == ("==2.0", ["requirements.txt"])


def ranged(specifier: str) -> Range:
    return Range("torch", SpecifierSet(specifier))


def test_range_questions() -> None:
    releases = [Version(text) for text in ("1.7.1", "1.9.0", "1.9.1", "2.0.0", "2.1.0rc1")]
    found = ranged(">=1.9,<2.1")
    assert found.lowest(releases) == Version("1.9.0") and found.highest(releases) == Version("2.0.0")
    assert not found.unbounded_above and not found.unbounded_below and not found.is_exact
    assert found.admits("1.9.0+cu111") and found.admits(Version("2.0.0rc1")) and not found.admits("2.1")
    assert ranged("==1.9.0").is_exact and ranged(">=1.9,<=1.9").is_exact and not ranged("==1.9.*").is_exact
    assert ranged("").unbounded_above and ranged(">=1.9").unbounded_above and ranged("!=1.9").unbounded_above
    assert ranged("==3").lowest(releases) is None
    assert ranged("==1.9.*").upper == Version("1.10")


VERSIONS = st.builds(lambda parts: ".".join(map(str, parts)), st.lists(st.integers(0, 4), min_size=2, max_size=3))
CLAUSES = st.one_of(
    st.builds("{}{}".format, st.sampled_from(["==", "!=", ">=", "<=", "<", ">", "~="]), VERSIONS),
    st.builds("{}{}.*".format, st.sampled_from(["==", "!="]), VERSIONS),
)
SETS = st.lists(CLAUSES, max_size=4).map(lambda clauses: SpecifierSet(",".join(clauses)))
EVERY = [Version(f"{a}.{b}.{c}") for a in range(6) for b in range(6) for c in range(6)]


def admitted(specifier: SpecifierSet) -> set[Version]:
    return {version for version in EVERY if specifier.contains(version, prereleases=True)}


@given(SETS)
def test_simplify_keeps_the_meaning(specifier: SpecifierSet) -> None:
    assert admitted(simplify(specifier)) == admitted(specifier)


@given(SETS, SETS)
def test_intersection_admits_what_both_admit(first: SpecifierSet, second: SpecifierSet) -> None:
    both = intersection([first, second])
    assert (admitted(both) if both is not None else set()) == admitted(first) & admitted(second)


@given(st.lists(SETS, min_size=1, max_size=3))
def test_hull_covers_every_alternative(alternatives: list[SpecifierSet]) -> None:
    possible = [one for one in alternatives if intersection([one]) is not None]
    covered = admitted(hull(possible))
    assert all(admitted(one) <= covered for one in possible)


def test_role_values_are_stable() -> None:
    assert [role.value for role in Role] == ["declared", "constraint", "locked", "image", "optional"]
