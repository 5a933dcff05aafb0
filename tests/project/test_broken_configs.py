"""A broken configuration file is told in one line where a program surely reads it, and in no other case."""

import time
from collections.abc import Mapping
from pathlib import Path

import pytest
from mlfix.analyzer.engine import Request, scan
from mlfix.analyzer.findings import Problem
from mlfix.analyzer.project.configs import ConfigFiles
from mlfix.analyzer.project.settings import Settings
from mlfix.codemods import all_codemods
from mlfix.rules import all_rules

BROKEN_YAML = b"lr: 0.1\nsteps: [1, 2\nseed: 3\n"
YAML_PROBLEM = Problem("conf/a.yaml", "is no valid YAML (did not find expected ',' or ']'): mend it", 3)
LOADS = 'import yaml\ncfg = yaml.safe_load(open("conf/a.yaml"))\nprint(cfg["lr"])\n'


def problems_of(
    root: Path, files: Mapping[str, bytes | str], cache: Path | None = None, rule: str = "config-drift"
) -> list[Problem]:
    for path, data in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(data.encode() if isinstance(data, str) else data)
    rules = [r for r in all_rules() if r.name == rule]
    return list(scan(Request(root, rules, all_codemods(), Settings(), cache_folder=cache)).problems)


def test_it_is_told_once_and_from_the_cache_until_it_is_mended(tmp_path: Path) -> None:
    root, cache = tmp_path / "project", tmp_path / "cache"
    for files in ({"train.py": LOADS, "eval.py": LOADS, "conf/a.yaml": BROKEN_YAML}, {}, {"eval.py": "import yaml\n"}):
        assert problems_of(root, files, cache) == [YAML_PROBLEM]
    assert problems_of(root, {"conf/a.yaml": "lr: 0.1\n"}, cache) == []


@pytest.mark.parametrize(
    "code",
    [
        'import yaml\nwith open("conf/a.yaml") as f:\n    cfg = yaml.load(f, Loader=yaml.FullLoader)\n',
        'import yaml\nfrom pathlib import Path\ncfg = yaml.safe_load(Path("conf/a.yaml").read_text())\n',
        'import yaml\nfrom pathlib import Path\np = Path("conf/a.yaml")\ncfg = yaml.safe_load(p.open("r"))\n',
        "import yaml\nfrom pathlib import Path\nHERE = Path(__file__).resolve().parent\n"
        'cfg = yaml.safe_load((HERE / "conf" / "a.yaml").read_text())\n',
        "import os, yaml\nhere = os.path.dirname(os.path.abspath(__file__))\n"
        'cfg = yaml.safe_load(open(os.path.join(here, "conf/a.yaml")))\n',
        'from omegaconf import OmegaConf\ncfg = OmegaConf.load("conf/a.yaml")\n',
        'import argparse, yaml\np = argparse.ArgumentParser()\np.add_argument("--config", default="conf/a.yaml")\n'
        "args = p.parse_args()\nwith open(args.config) as f:\n    cfg = yaml.safe_load(f)\nprint(args.config)\n",
        'import yaml\ntry:\n    cfg = yaml.safe_load(open("conf/a.yaml"))\nexcept yaml.YAMLError as e:\n    print(e)\n',
    ],
)
def test_however_the_program_opens_it(tmp_path: Path, code: str) -> None:
    assert problems_of(tmp_path, {"train.py": code, "conf/a.yaml": BROKEN_YAML}) == [YAML_PROBLEM]


@pytest.mark.parametrize(
    "code",
    [
        "import yaml\nprint(yaml)\n",
        'import sys, yaml\ncfg = yaml.safe_load(open(sys.argv[1]))\nprint(cfg["lr"])\n',
        'import sys, yaml\ncfg = yaml.safe_load(open(sys.argv[1] + "/a.yaml"))\nprint(cfg["lr"])\n',
        'import yaml\ntext = open("conf/a.yaml").read()\ntext = text.replace("@", "")\ncfg = yaml.safe_load(text)\n',
        'import yaml\nfrom string import Template\ncfg = yaml.safe_load(Template(open("conf/a.yaml").read()).substitute())\n',
        'import yaml\nfrom jinja2 import Template\nt = Template(open("conf/a.yaml").read())\ncfg = yaml.load(t.render())\n',
        'import yaml\ncfg = yaml.safe_load(open("conf/a.yaml").read().format(x=1))\n',
        'import yaml\ncfg = yaml.safe_load(open("conf/a.yaml").read() % {"x": 1})\n',
        'import yaml\ncfg = yaml.safe_load("conf/a.yaml")\n',
        'import anyconfig\ncfg = anyconfig.load("conf/a.yaml", ac_template=True)\n',
        'from mmcv import Config\ncfg = Config.fromfile("conf/a.yaml")\n',
        'import json\ncfg = json.load(open("conf/a.yaml"))\n',
        'import yaml\ncfg = yaml.safe_load(open("other/conf/a.yaml"))\n',
    ],
)
def test_what_the_program_may_not_read_as_it_is_makes_no_noise(tmp_path: Path, code: str) -> None:
    assert problems_of(tmp_path, {"train.py": code, "conf/a.yaml": BROKEN_YAML}) == []


def test_code_of_tests_may_read_what_is_broken(tmp_path: Path) -> None:
    assert problems_of(tmp_path, {"tests/test_a.py": LOADS, "conf/a.yaml": BROKEN_YAML}) == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a: 1\n---\nb: [\n",
        "a: !include b.yaml\nc: !!python/object/apply:os.system [ls]\nd: !!python/tuple [1, 2]\n",
        "a: ${b}\nb: '${oc.env:HOME}'\ndefaults:\n  - _self_\n  - model: none\n",
        "a: {{ cookiecutter.name }}\n{% if x %}\nb: 1\n{% endif %}\n",
        "a: 1\na: 2\n",
        "- 1\n- 2\n",
        "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize: [\n",
        "a: &a [1, *a]\n",
    ],
)
def test_what_is_no_fault(tmp_path: Path, text: str) -> None:
    assert (
        problems_of(tmp_path, {"train.py": 'import yaml\ncfg = yaml.load(open("conf/a.yaml"))\n', "conf/a.yaml": text})
        == []
    )


BOMB = "a0: &a0 {k: 1}\n" + "".join(f"a{n}: &a{n}\n  <<: [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12))
FAULTS: dict[str, tuple[bytes, int, str]] = {
    "syntax.yaml": (BROKEN_YAML, 3, "is no valid YAML (did not find expected ',' or ']'): mend it"),
    "conflict.yaml": (b"<<<<<<< HEAD\nx: 1\n=======\nx: 2\n>>>>>>> b\n", 2, "is no valid YAML (mapping values"),
    "control.yaml": (b"x: 1\ny: \x07\n", 2, "is no valid YAML (control characters are not allowed): mend it"),
    "syntax.json": (b'{"x": 1,\n "y": }\n', 2, "is no valid JSON (Expecting value): mend it"),
    "cut.json": (b'{"x": {"y"', 1, "is no valid JSON"),
    "syntax.toml": (b"x = 1\ny = \n", 2, "is no valid TOML"),
    "encoding.yaml": ("x: 1\nname: é\n".encode("latin-1"), 2, "is not UTF-8, so its settings are not known: save it"),
    "utf16.yaml": ("x: 1\n".encode("utf-16"), 1, "is UTF-16, so its settings are not known: save it as UTF-8"),
    "nul.toml": (b"x = 1\ny = '\0'\n", 2, "holds NUL bytes, so its settings are not known: write it anew"),
    "deep.yaml": (b"x: " + b"[" * 5000 + b"]" * 5000, 1, "is nested too deeply or too large to be read: exclude it"),
    "deep.json": (b'{"a":' * 5000 + b"1" + b"}" * 5000, 0, "is nested too deeply or too large, so its settings are"),
    "deep.toml": (b"x = " + b"[" * 5000 + b"]" * 5000, 0, "nests too deeply: flatten or exclude it"),
    "large.yaml": (b"x: 1\n" * 200_000, 0, "1.0 MB is over the limit of 0.4 MB for a configuration, so its settings"),
    "huge.yaml": (b"\0" * 50_000_000, 0, "50 MB is over the limit of 4 MB"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_each_fault_has_its_line_and_remedy(tmp_path: Path, name: str) -> None:
    data, line, words = FAULTS[name]
    module = name.rpartition(".")[2]
    load = {"yaml": "yaml.safe_load", "json": "json.load", "toml": "toml.load"}[module]
    files: dict[str, bytes | str] = {
        "train.py": f'import {module}\ncfg = {load}(open("{name}"))\nx = cfg["x"]\n',
        name: data,
    }
    started = time.perf_counter()
    [problem] = problems_of(tmp_path, files)
    assert time.perf_counter() - started < 20
    assert (problem.path, problem.line) == (name, line)
    assert words in problem.message
    assert problem.message.isprintable()


def test_large_data_in_json_are_no_configuration(tmp_path: Path) -> None:
    code = 'import json\nx = json.load(open("words.json"))\ny = json.load(open("more.json"))\n'
    data = b'{"a": [' + b"1, " * 200_000 + b"1]}"
    assert problems_of(tmp_path, {"train.py": code, "words.json": data, "more.json": data * 10}) == []


def test_json_by_lines_is_read_by_what_comes_after_the_failure(tmp_path: Path) -> None:
    code = (
        'import json\ntry:\n    rows = json.load(open("a.json"))\nexcept ValueError:\n'
        '    rows = [json.loads(line) for line in open("a.json")]\n'
    )
    assert problems_of(tmp_path, {"train.py": code, "a.json": '{"a": 1}\n{"a": 2}\n'}) == []


def test_merges_within_merges_cost_no_time() -> None:
    files = {"a.yaml": (BOMB + "z:\n  <<: *a11\n").encode()}
    configs = ConfigFiles(files, files.__getitem__)
    started = time.perf_counter()
    assert configs.find("a.yaml", ("z", "missing")) == []
    assert [e.value for e in configs.find("a.yaml", ("z", "k"))] == [1]
    assert time.perf_counter() - started < 2


def test_of_a_key_that_is_written_twice_the_last_counts() -> None:
    for path, text in (("a.yaml", b"lr: 1\nlr: 2\n"), ("a.json", b'{"lr": 1, "lr": 2}')):
        configs = ConfigFiles([path], {path: text}.__getitem__)
        assert [e.value for e in configs.find(path, ("lr",))] == [2]


def test_tens_of_thousands_of_keys_are_looked_at_in_time(tmp_path: Path) -> None:
    keys = "".join(f"k{n}: {n % 9}\n" for n in range(33_000))
    started = time.perf_counter()
    assert problems_of(tmp_path, {"train.py": LOADS, "conf/a.yaml": "lr: 1\n" + keys}) == []
    assert time.perf_counter() - started < 20


def test_hydra_reads_the_file_and_the_parts_that_it_names(tmp_path: Path) -> None:
    code = (
        'import hydra, torch\n@hydra.main(config_path="conf", config_name="main")\ndef main(cfg):\n'
        "    torch.optim.Adam([], lr=cfg.optim.lr)\n"
    )
    files = {"train.py": code, "conf/main.yaml": "defaults:\n  - optim: a\n", "conf/optim/a.yaml": BROKEN_YAML}
    files["conf/optim/other.yaml"] = BROKEN_YAML
    assert [p.path for p in problems_of(tmp_path, {**files}, rule="learning-rate")] == ["conf/optim/a.yaml"]
