"""Each format: what it says, and that the span is exactly the specifier as written."""

from __future__ import annotations

from pathlib import Path

import pytest
from mlfix.analyzer.project.dependencies import (
    DependencyTable,
    Requirement,
    Role,
    Syntax,
    is_dependency_file,
    read_dependencies,
)


def read_files(root: Path, files: dict[str, str] | dict[str, str | bytes]) -> DependencyTable:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_dependencies(root, list(files))


def written(root: Path, one: Requirement, encoding: str = "utf-8-sig") -> str:
    """The text that the requirement's span covers in its file."""
    text = (root / one.path).read_bytes().decode(encoding)
    line = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")[one.line - 1]
    return line[one.column - 1 : one.end_column - 1]


def facts(root: Path, table: DependencyTable, package: str) -> list[tuple[str, str]]:
    """Specifier and written text of each statement about a package."""
    return [(one.specifier, written(root, one)) for one in table.of(package)]


@pytest.mark.parametrize(
    ("line", "specifier", "text"),
    [
        ("torch==1.9.0+cu111", "==1.9.0", "==1.9.0+cu111"),
        ("torch", "", ""),
        ("torch >= 1.7, < 2  # why", "<2,>=1.7", ">= 1.7, < 2"),
        ("torch[extra] ~=1.9 ; python_version < '3.9'", "~=1.9", "~=1.9"),
        ("torch (>=1.9)", ">=1.9", ">=1.9"),
        ("torch>=1.9.*", ">=1.9", ">=1.9.*"),
        ("torch>=1.13.1+cu117", ">=1.13.1", ">=1.13.1+cu117"),
        ("Torch===1.9.0", "==1.9.0", "===1.9.0"),
        ("-f https://download.pytorch.org/whl/torch_stable.html torch==1.13.1+cpu", "==1.13.1", "==1.13.1+cpu"),
        ("torch==1.13.1+cpu -f https://download.pytorch.org/whl/torch_stable.html", "==1.13.1", "==1.13.1+cpu"),
        ("torch==2.0.1 --hash=sha256:aa --hash=sha256:bb", "==2.0.1", "==2.0.1"),
        ("--pre torch>=2", ">=2", ">=2"),
        ("--extra-index-url=https://x/y torch>=2", ">=2", ">=2"),
        ("pytorch=1.9.0=py3.8_cuda11.1_cudnn8.0.5_0", "==1.9.0", "=1.9.0=py3.8_cuda11.1_cudnn8.0.5_0"),
        (
            "torch @ https://download.pytorch.org/whl/cu111/torch-1.9.0%2Bcu111-cp38-cp38-linux_x86_64.whl",
            "==1.9.0",
            "@ https://download.pytorch.org/whl/cu111/torch-1.9.0%2Bcu111-cp38-cp38-linux_x86_64.whl",
        ),
        (
            "https://x.org/torch-1.9.0+cu111-cp38-cp38-linux_x86_64.whl",
            "==1.9.0",
            "https://x.org/torch-1.9.0+cu111-cp38-cp38-linux_x86_64.whl",
        ),
        ("-e git+https://github.com/pytorch/pytorch.git@v1.9#egg=torch", "", None),
        ("torch @ file:///home/conda/feedstock_root/build/work", "", None),
    ],
)
def test_requirement_line(tmp_path: Path, line: str, specifier: str, text: str | None) -> None:
    table = read_files(tmp_path, {"requirements.txt": f"numpy\n{line}\nscipy\n"})
    assert table.problems == ()
    (one,) = table.of("torch")
    assert (one.specifier, one.line, one.role) == (specifier, 2, Role.DECLARED)
    if text is not None:
        assert written(tmp_path, one) == text
    assert len(table.of("numpy")) == len(table.of("scipy")) == 1


def test_requirement_continued_over_lines(tmp_path: Path) -> None:
    table = read_files(
        tmp_path,
        {"requirements.txt": "torch==1.9.0 \\\n    --hash=sha256:ab \\\n    --hash=sha256:cd\nnumpy>=1,\\\n<2\n"},
    )
    assert facts(tmp_path, table, "torch") == [("==1.9.0", "==1.9.0")]
    (numpy,) = table.of("numpy")
    # The specifier is spread over two lines: known, but not to be edited as one span.
    assert (numpy.specifier, numpy.line, numpy.editable) == ("<2,>=1", 4, False)


def test_marker_and_group_are_kept(tmp_path: Path) -> None:
    table = read_files(tmp_path, {"requirements.txt": 'torch==1.9; sys_platform == "linux"\n'})
    assert table.of("torch")[0].marker == 'sys_platform == "linux"'


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig", "utf-8"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_encodings_and_line_ends(tmp_path: Path, encoding: str, end: str) -> None:
    text = end.join(["numpy==1.21.0", "# Größe", "torch==1.9.0+cu111", ""])
    table = read_files(tmp_path, {"requirements.txt": text.encode(encoding)})
    (one,) = table.of("torch")
    assert table.problems == () and (one.line, one.column, one.end_column) == (3, 6, 19)
    assert len(table.of("numpy")) == 1


def test_includes_follow_and_circles_end(tmp_path: Path) -> None:
    files = {
        "requirements.txt": "-r reqs/base.list\n-c pins.txt\n",
        "reqs/base.list": "torch>=1.7\n-r ../requirements.txt\n",
        "pins.txt": "torch==1.9.0\n",
    }
    table = read_files(tmp_path, files)
    assert table.problems == ()
    assert {one.path: one.role for one in table.of("torch")} == {
        "reqs/base.list": Role.DECLARED,
        "pins.txt": Role.CONSTRAINT,
    }
    assert str(table.range_of("torch", "train.py").specifier) == "==1.9.0"  # type: ignore[union-attr]


def test_pyproject_standard_tables(tmp_path: Path) -> None:
    text = """\
[project]
name = "x"
requires-python = ">=3.8,<3.12"
dependencies = [
  "numpy", # first
  'torch>=1.9,<2', "torchvision == 0.10.0 ; python_version >= '3.7'",
]
[project.optional-dependencies]
audio = ["torchaudio~=0.9"]
[dependency-groups]
test = [{include-group = "lint"}, "pytest>=7"]
lint = ["ruff"]
"""
    table = read_files(tmp_path, {"pyproject.toml": text})
    assert table.problems == ()
    assert facts(tmp_path, table, "torch") == [("<2,>=1.9", ">=1.9,<2")]
    assert facts(tmp_path, table, "torchvision") == [("==0.10.0", "== 0.10.0")]
    assert facts(tmp_path, table, "python") == [("<3.12,>=3.8", ">=3.8,<3.12")]
    assert facts(tmp_path, table, "pytest") == [(">=7", ">=7")]
    (audio,) = table.of("torchaudio")
    assert (audio.role, audio.marker, audio.line) == (Role.OPTIONAL, "extra audio", 9)


@pytest.mark.parametrize(
    ("constraint", "specifier"),
    [
        ("^1.9", "<2,>=1.9"),
        ("^0.10.1", "<0.11,>=0.10.1"),
        ("^0.0.3", "<0.0.4,>=0.0.3"),
        ("~1.9.1", "<1.10,>=1.9.1"),
        ("~1", "<2,>=1"),
        ("1.9.0", "==1.9.0"),
        ("1.9.*", "==1.9.*"),
        ("*", ""),
        (">=1.9,<2.0", "<2.0,>=1.9"),
        (">=1.9 <2.0", "<2.0,>=1.9"),
        ("^1.9 || ^2.1", "<3,>=1.9"),
        ("==1.9.0+cu111", "==1.9.0"),
    ],
)
def test_poetry_constraint(tmp_path: Path, constraint: str, specifier: str) -> None:
    text = f'[tool.poetry.dependencies]\npython = "^3.8"\ntorch = "{constraint}"\n'
    table = read_files(tmp_path, {"pyproject.toml": text})
    assert facts(tmp_path, table, "torch") == [(specifier, constraint)]
    assert facts(tmp_path, table, "python") == [("<4,>=3.8", "^3.8")]
    assert table.of("torch")[0].syntax is Syntax.POETRY


def test_poetry_tables_lists_and_groups(tmp_path: Path) -> None:
    text = """\
[tool.poetry.dependencies]
torch = [
  {version = "1.9.0", markers = "sys_platform == 'darwin'"},
  {url = "https://x.org/torch-1.9.0%2Bcu111-cp38-cp38-linux_x86_64.whl", markers = "sys_platform == 'linux'"},
]
torchvision = {version = "^0.10", source = "pytorch"}
torchaudio = {version = "0.9.0", optional = true}
lightning = {git = "https://github.com/x/y.git"}
[tool.poetry.group.dev.dependencies]
pytest = "^7"
[tool.poetry.group.gpu.dependencies]
xformers = "0.0.16"
"""
    table = read_files(tmp_path, {"pyproject.toml": text})
    assert table.problems == ()
    assert [one.specifier for one in table.of("torch")] == ["==1.9.0", "==1.9.0"]
    assert table.of("torch")[0].marker == "sys_platform == 'darwin'"
    assert facts(tmp_path, table, "torchvision") == [("<0.11,>=0.10", "^0.10")]
    assert table.of("torchaudio")[0].role is Role.OPTIONAL
    assert table.of("lightning")[0].specifier == ""
    assert table.of("pytest")[0].role is Role.OPTIONAL
    assert table.of("xformers")[0].role is Role.DECLARED


def test_toml_shapes_that_hide_a_string(tmp_path: Path) -> None:
    text = '''\
"quoted.key" = """ "torch>=9" \\""" """
a.b = [ [1, 2.5, 1979-05-27 07:32:00], { c = 'x=y', d = "]" } ]  # "torch>=8"
[[tool.thing]]
name = "torch>=7"
[[tool.thing]]
name = "torch>=6"
[project]
dependencies = ["numpy\\u003e=1", """torch>=1.9""", 'scipy']
'''
    table = read_files(tmp_path, {"pyproject.toml": text.replace("\n", "\r\n")})
    assert table.problems == ()
    assert facts(tmp_path, table, "torch") == [(">=1.9", ">=1.9")]
    (numpy,) = table.of("numpy")
    assert (numpy.specifier, numpy.editable) == (">=1", False)


def test_pdm_uv_hatch_pixi(tmp_path: Path) -> None:
    text = """\
[tool.pdm.dev-dependencies]
test = ["pytest>=7"]
[tool.uv]
dev-dependencies = ["ruff==0.5"]
constraint-dependencies = ["torch<2.4"]
[tool.hatch.envs.docs]
dependencies = ["sphinx"]
[tool.pixi.dependencies]
pytorch = ">=2.1,<3"
[tool.pixi.pypi-dependencies]
timm = "==0.9"
"""
    table = read_files(tmp_path, {"pyproject.toml": text})
    assert table.problems == ()
    assert {(one.name, one.specifier, one.role) for one in table.requirements} == {
        ("pytest", ">=7", Role.OPTIONAL),
        ("ruff", "==0.5", Role.OPTIONAL),
        ("torch", "<2.4", Role.CONSTRAINT),
        ("sphinx", "", Role.OPTIONAL),
        ("torch", "<3,>=2.1", Role.DECLARED),
        ("timm", "==0.9", Role.DECLARED),
    }


def test_setup_py_shapes(tmp_path: Path) -> None:
    text = """\
from setuptools import setup
größe = "ä"; base = ["torch>=1.7", 'numpy']
base += ["scipy==1.5"]
base.append("tqdm")
extras = {"audio": ["torchaudio==0.9"]}
extras["text"] = ["torchtext"]
setup(
    install_requires=base + ["torchvision~=0.8"] + list(("einops",)),
    extras_require=extras,
    python_requires=">=3.7",
)
"""
    table = read_files(tmp_path, {"setup.py": text})
    assert table.problems == ()
    assert facts(tmp_path, table, "torch") == [(">=1.7", ">=1.7")]
    assert facts(tmp_path, table, "torchvision") == [("~=0.8", "~=0.8")]
    assert facts(tmp_path, table, "python") == [(">=3.7", ">=3.7")]
    assert facts(tmp_path, table, "torchaudio") == [("==0.9", "==0.9")]
    assert {one.name for one in table.requirements if one.role is Role.DECLARED} == {
        "torch", "numpy", "scipy", "tqdm", "torchvision", "einops", "python",
    }  # fmt: skip
    assert {one.marker for one in table.requirements if one.role is Role.OPTIONAL} == {"extra audio", "extra text"}


def test_setup_py_text_kwargs_and_file(tmp_path: Path) -> None:
    text = '''\
import setuptools
options = dict(install_requires="""
    torch==1.9
    # numpy==9
    numpy>=1.20
""")
with open("deps/req-train.txt") as f:
    more = f.read().splitlines()
setuptools.setup(name="x", **options)
setuptools.setup(install_requires=open("deps/req-train.txt").read().splitlines())
'''
    table = read_files(tmp_path, {"setup.py": text, "deps/req-train.txt": "timm==0.4\n"})
    assert table.problems == ()
    assert facts(tmp_path, table, "torch") == [("==1.9", "==1.9")]
    assert table.of("torch")[0].line == 3
    assert facts(tmp_path, table, "numpy") == [(">=1.20", ">=1.20")]
    assert ("setup.py", "deps/req-train.txt") in table.includes


def test_setup_py_is_not_run(tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    text = f"open({str(mark)!r}, 'w').close()\nfrom setuptools import setup\nsetup(install_requires=['torch==1.9'])\n"
    table = read_files(tmp_path, {"setup.py": text})
    assert len(table.of("torch")) == 1 and not mark.exists()


def test_setup_cfg_and_tox(tmp_path: Path) -> None:
    cfg = """\
[metadata]
name = x
[options]
python_requires = >=3.6
install_requires =
    torch>=1.7  # why
    # torch==9
    torchvision ; python_version > "3.6"
[options.extras_require]
test = pytest>=6
"""
    tox = "[testenv]\ndeps =\n    torch19: torch==1.9.0\n    -r requirements.txt\n    pytest\n"
    table = read_files(tmp_path, {"setup.cfg": cfg, "tox.ini": tox})
    assert table.problems == ()
    assert facts(tmp_path, table, "torch") == [(">=1.7", ">=1.7"), ("==1.9.0", "==1.9.0")]
    assert [one.role for one in table.of("torch")] == [Role.DECLARED, Role.OPTIONAL]
    assert facts(tmp_path, table, "python") == [(">=3.6", ">=3.6")]
    assert table.of("torchvision")[0].marker == 'python_version > "3.6"'


@pytest.mark.parametrize(
    ("spec", "specifier", "text"),
    [
        ("pytorch=1.9.0=py3.8_cuda11.1_cudnn8.0.5_0", "==1.9.0", "=1.9.0=py3.8_cuda11.1_cudnn8.0.5_0"),
        ("pytorch=1.9", "==1.9.*", "=1.9"),
        ("pytorch=1!1.9.0=py38_0", "==1!1.9.0", "=1!1.9.0=py38_0"),
        ("pytorch!=1.9.0", "!=1.9.0", "!=1.9.0"),
        ("pytorch==1.9.1", "==1.9.1", "==1.9.1"),
        ("pytorch=1.9.*", "==1.9.*", "=1.9.*"),
        ("pytorch 1.9.*", "==1.9.*", "1.9.*"),
        ('"pytorch>=1.9,<2"', "<2,>=1.9", ">=1.9,<2"),
        ("pytorch >=1.9", ">=1.9", ">=1.9"),
        ("conda-forge::pytorch=1.9.0=*cuda*", "==1.9.0", "=1.9.0=*cuda*"),
        ("'pytorch=1.9|1.10.*'", None, "=1.9|1.10.*"),
        ("pytorch", "", ""),
    ],
)
def test_conda_spec(tmp_path: Path, spec: str, specifier: str | None, text: str) -> None:
    content = (
        f"name: x\ndependencies:\n  - python=3.8\n  - openssl=1.1.1k=h27cfd23_0\n  - {spec}\n  - pytorch-cuda=11.7\n"
    )
    table = read_files(tmp_path, {"environment.yml": content})
    assert table.problems == ()
    (one,) = table.of("torch")
    assert one.line == 5 and written(tmp_path, one) == text
    if specifier is not None:
        assert one.specifier == specifier
    else:
        answer = table.range_of("torch", "train.py")
        assert answer and answer.admits("1.9.1") and answer.admits("1.10.2") and not answer.admits("1.11")
    assert table.of("python")[0].specifier == "==3.8.*"


def test_conda_pip_list(tmp_path: Path) -> None:
    content = """\
channels: [pytorch, defaults]
dependencies:
  - pip
  - pip:
      - --find-links https://download.pytorch.org/whl/torch_stable.html
      - "torch==1.9.0+cu111"
      - -r requirements.txt
"""
    table = read_files(
        tmp_path, {"conda/environment-gpu.yaml": content, "conda/requirements.txt": "torchvision==0.10.0\n"}
    )
    assert table.problems == ()
    assert facts(tmp_path, table, "torch") == [("==1.9.0", "==1.9.0+cu111")]
    assert ("conda/environment-gpu.yaml", "conda/requirements.txt") in table.includes


def test_other_tools_yaml_is_left_alone(tmp_path: Path) -> None:
    table = read_files(tmp_path, {"env.yaml": "lr: !!python/object:os.system [x]\nname: {{ broken\n"})
    assert table.requirements == () and table.problems == ()


def test_pipfile_and_lock(tmp_path: Path) -> None:
    pipfile = """\
[packages]
torch = "==1.9.0"
numpy = "*"
timm = {version = ">=0.4", index = "pypi"}
[dev-packages]
pytest = "*"
[requires]
python_version = "3.8"
"""
    lock = """\
{
    "_meta": {},
    "default": {
        "torch": {
            "hashes": ["sha256:a"],
            "version": "==1.9.0"
        }
    },
    "develop": {
        "pytest": {
            "version": "==7.0"
        }
    }
}
"""
    table = read_files(tmp_path, {"Pipfile": pipfile, "Pipfile.lock": lock})
    assert table.problems == ()
    assert facts(tmp_path, table, "torch") == [("==1.9.0", "==1.9.0"), ("==1.9.0", "==1.9.0")]
    assert [one.role for one in table.of("torch")] == [Role.DECLARED, Role.LOCKED]
    assert [one.role for one in table.of("pytest")] == [Role.OPTIONAL, Role.OPTIONAL]
    assert facts(tmp_path, table, "python") == [("==3.8.*", "3.8")]
    assert facts(tmp_path, table, "numpy") == [("", "*")]


def test_toml_locks(tmp_path: Path) -> None:
    text = """\
version = 1
requires-python = ">=3.9"

[[package]]
name = "mine"
version = "0.1.0"
source = { editable = "." }
dependencies = [
    { name = "torch", version = "9.9" },
]

[[package]]
name = "torch"
version = "2.1.0+cu121"
source = { registry = "https://download.pytorch.org/whl/cu121" }

[package.optional-dependencies]
name = "numpy"
version = "3"

[metadata]
version = "4"
"""
    table = read_files(tmp_path, {"uv.lock": text, "sub/poetry.lock": text, "sub/pdm.lock": text})
    assert table.problems == ()
    assert {one.name for one in table.requirements} == {"python", "torch"}
    assert [(one.specifier, one.line, written(tmp_path, one), one.role) for one in table.of("torch")] == [
        ("==2.1.0", 14, "2.1.0+cu121", Role.LOCKED)
    ] * 3


def test_conda_locks(tmp_path: Path) -> None:
    unified = """\
package:
- name: pytorch
  version: 2.1.0
  platform: linux-64
- name: pytorch
  version: 2.1.0
  platform: osx-64
- name: jpeg
  version: 9e
"""
    explicit = "@EXPLICIT\nhttps://conda.anaconda.org/pytorch/linux-64/pytorch-2.1.0-py3.10_cuda12.1_0.tar.bz2#abcdef\n"
    table = read_files(tmp_path, {"conda-lock.yml": unified, "conda-linux-64.lock": explicit})
    assert table.problems == ()
    assert facts(tmp_path, table, "torch") == [("==2.1.0", "2.1.0"), ("==2.1.0", "2.1.0")]
    assert table.of("jpeg") == ()


def test_dockerfile(tmp_path: Path) -> None:
    text = """\
ARG PYTORCH="1.9.0"
ARG CUDA=11.1
FROM pytorch/pytorch:${PYTORCH}-cuda${CUDA}-cudnn8-devel
ENV TIMM 0.4.12
# comment
RUN apt-get update && \\
    # in between
    pip install --no-cache-dir -i https://pypi.org/simple \\
        'torchvision==0.10.0' "timm==${TIMM}" einops>=0.3 && \\
    FOO=1 python3 -m pip install -r requirements.txt numpy==1.21
RUN ["pip", "install", "scipy==1.5"]
RUN conda install -y -c pytorch torchaudio=0.9.0 && conda clean -ya
RUN pip install nothing==$UNKNOWN
"""
    table = read_files(tmp_path, {"docker/Dockerfile": text})
    assert table.problems == ()
    assert {one.role for one in table.requirements} == {Role.IMAGE}
    assert facts(tmp_path, table, "torch") == [("==1.9.0", "1.9.0")]
    assert (table.of("torch")[0].line, table.of("torch")[0].editable) == (1, True)
    assert facts(tmp_path, table, "torchvision") == [("==0.10.0", "==0.10.0")]
    assert table.of("timm")[0].specifier == "==0.4.12"
    # The shell takes an unquoted `>=` for a redirection.
    assert table.of("einops")[0].specifier == ""
    assert facts(tmp_path, table, "numpy") == [("==1.21", "==1.21")]
    assert facts(tmp_path, table, "scipy") == [("==1.5", "==1.5")]
    assert facts(tmp_path, table, "torchaudio") == [("==0.9.0", "=0.9.0")]
    assert table.of("nothing") == () and table.of("requirements-txt") == ()


def test_dockerfile_later_statement_wins_within_a_stage(tmp_path: Path) -> None:
    text = """\
FROM pytorch/pytorch:1.8.0-cuda11.1
RUN pip install torch==1.9.0
RUN <<EOF
pip install torchvision==0.10.0
EOF
RUN pip install timm
"""
    table = read_files(tmp_path, {"Dockerfile.gpu": text})
    assert [one.specifier for one in table.of("torch")] == ["==1.9.0"]
    assert facts(tmp_path, table, "torchvision") == [("==0.10.0", "==0.10.0")]
    assert len(table.of("timm")) == 1


def test_dockerfile_python_image(tmp_path: Path) -> None:
    table = read_files(tmp_path, {"Dockerfile": "FROM --platform=linux/amd64 python:3.8-slim AS base\n"})
    assert facts(tmp_path, table, "python") == [("==3.8.*", "3.8")]


@pytest.mark.parametrize(
    "path",
    [
        "requirements.txt", "requirements-dev.txt", "requirements_gpu.txt", "pip_requirements.txt", "reqs.txt",
        "requirements/base.txt", "a/requirements/x.in",
        "constraints.txt", "constraints-3.8.txt", "setup.py", "pyproject.toml",
        "environment.yml", "environment_gpu.yaml", "conda_env.yml", "env.yml", "conda-lock.yml", "Pipfile.lock",
        "Pipfile",
        "poetry.lock", "uv.lock", "pdm.lock", "pylock.toml", "pixi.toml", "tox.ini", "Dockerfile", "Dockerfile.gpu",
        "docker/train.Dockerfile", "sub/Dockerfile-cpu",
    ],
)  # fmt: skip
def test_dependency_file_names(path: str) -> None:
    assert is_dependency_file(path)


@pytest.mark.parametrize(
    "path",
    ["train.py", "data.txt", "notes/required_reading.md", "environment.py", ".github/workflows/ci.yml", "dockerfile.py",
     "config.yaml", "environment/cartpole.yaml", "Cargo.lock", "labels/base.txt"],
)  # fmt: skip
def test_other_names(path: str) -> None:
    assert not is_dependency_file(path)


def test_setup_py_with_a_table_of_requirements(tmp_path: Path) -> None:
    text = """\
import re
from setuptools import setup

_wanted = ["tqdm", "torch>=1.4,!=1.12.0", "numpy>=1.17"]
wanted = {b: a for a, b in (re.findall(r"^(([^!=<>~]+)(?:[!=<>~].*)?$)", x)[0] for x in _wanted)}


def pick(*names):
    return [wanted[name] for name in names]


extras = {}
extras["train"] = pick("torch", "tqdm")
setup(name="n", install_requires=[wanted["numpy"]], extras_require=extras)
"""
    table = read_files(tmp_path, {"setup.py": text})
    stated = {(one.name, one.specifier, one.line, one.role) for one in table.requirements}
    assert ("numpy", ">=1.17", 4, Role.DECLARED) in stated
    assert ("tqdm", "", 4, Role.OPTIONAL) in stated
    assert {(name, line, role) for name, specifier, line, role in stated if name == "torch" and "1.4" in specifier} == {
        ("torch", 4, Role.OPTIONAL)
    }
