"""Where values are configured: files, options, fields, literals."""

import pytest
from mlfix.analyzer.flow.settings import settings_of

from ..projects import only, project_of


def found(files: dict[str, str], code: str = "target", path: str = "train.py") -> list[str]:
    project = project_of(files)
    module = project.module(path)
    op = project.flow.operand(module, only(module, code))
    return sorted(
        f"{k.what.location.path}:{k.what.location.line}:{k.what.location.column} {k.what.name}={k.what.value} {k.what.form.value}"
        for k in settings_of(project, op)
    )


YAML = "# a comment\nmodel:\n  name: resnet\noptim:\n  lr: 0.1  # high\n  betas: [0.9, 0.99]\ntau: 0.95\n"
IN_YAML = ["cfg.yaml:7:6 tau=0.95 file"]
SHAPES = {
    "subscript": "import yaml\ncfg = yaml.safe_load(open('cfg.yaml'))\ntarget = cfg['tau']\nuse(target)\n",
    "with": "import yaml\nwith open('cfg.yaml') as f:\n    cfg = yaml.load(f, Loader=yaml.FullLoader)\ntarget = cfg['tau']\nuse(target)\n",
    "read": "import yaml\nwith open('cfg.yaml') as f:\n    cfg = yaml.load(f.read(), yaml.Loader)\ntarget = cfg['tau']\nuse(target)\n",
    "pathlib": "import yaml\nfrom pathlib import Path\nROOT = Path(__file__).parent\ncfg = yaml.safe_load((ROOT / 'cfg.yaml').read_text())\ntarget = cfg.get('tau')\nuse(target)\n",
    "omegaconf": "from omegaconf import OmegaConf\ncfg = OmegaConf.load('cfg.yaml')\ntarget = cfg.tau\nuse(target)\n",
    "easydict": "import yaml\nfrom easydict import EasyDict\ncfg = EasyDict(yaml.safe_load(open('cfg.yaml')))\ntarget = cfg.tau\nuse(target)\n",
    "function": "import yaml\ndef load(path):\n    with open(path) as f:\n        return yaml.safe_load(f)\ndef main():\n    cfg = load('cfg.yaml')\n    run(cfg)\ndef run(config):\n    target = config['tau']\n    use(target)\nmain()\n",
    "class": "import yaml\nclass Trainer:\n    def __init__(self, cfg):\n        self.cfg = cfg\n        self.tau = cfg['tau']\n    def step(self):\n        target = self.tau\n        use(target)\nTrainer(yaml.safe_load(open('cfg.yaml'))).step()\n",
    "option": "import argparse, yaml\np = argparse.ArgumentParser()\np.add_argument('--config', default='cfg.yaml')\nargs = p.parse_args()\ncfg = yaml.safe_load(open(args.config))\ntarget = float(cfg['tau'])\nuse(target)\n",
    "required": "import argparse, yaml\np = argparse.ArgumentParser()\np.add_argument('config')\nargs = p.parse_args()\ncfg = yaml.safe_load(open(args.config))\ntarget = cfg['tau']\nuse(target)\n",
    "argv": "import sys, yaml\ncfg = yaml.safe_load(open(sys.argv[1]))\ntarget = cfg['tau']\nuse(target)\n",
    "getattr": "from omegaconf import OmegaConf\ncfg = OmegaConf.load('cfg.yaml')\ntarget = getattr(cfg, 'tau')\nuse(target)\n",
    "hydra": "import hydra\n@hydra.main(config_path='.', config_name='cfg')\ndef main(cfg):\n    target = cfg.tau\n    use(target)\nmain()\n",
    "wrapper class": "import yaml\nclass Config:\n    def __init__(self, d):\n        for k, v in d.items():\n            setattr(self, k, v)\ncfg = Config(yaml.safe_load(open('cfg.yaml')))\ntarget = cfg.tau\nuse(target)\n",
    "namespace": "import argparse, yaml\nargs = argparse.Namespace(**yaml.safe_load(open('cfg.yaml')))\ntarget = args.tau\nuse(target)\n",
}


@pytest.mark.parametrize("shape", SHAPES)
def test_a_key_of_a_file(shape):
    assert found({"train.py": SHAPES[shape], "cfg.yaml": YAML}) == IN_YAML


def test_a_nested_key():
    code = "import yaml\ncfg = yaml.safe_load(open('cfg.yaml'))\nopt = cfg['optim']\ntarget = opt['lr']\nuse(target)\n"
    assert found({"train.py": code, "cfg.yaml": YAML}) == ["cfg.yaml:5:7 optim.lr=0.1 file"]


OPTIONS = "import argparse\np = argparse.ArgumentParser()\np.add_argument('--tau', type=float, default=0.9)\nargs = p.parse_args()\n"


def test_an_option():
    assert found({"train.py": OPTIONS + "target = args.tau\nuse(target)\n"}) == ["train.py:3:45 tau=0.9 option"]


@pytest.mark.parametrize(
    "lay",
    [
        "for k in d:\n    setattr(args, k, d[k])\n",
        "for k, v in d.items():\n    setattr(args, k, v)\n",
        "vars(args).update(d)\n",
        "args.__dict__.update(d)\n",
        "p.set_defaults(**d)\n",
    ],
)
def test_a_file_laid_over_options(lay):
    code = OPTIONS + f"import yaml\nd = yaml.safe_load(open('cfg.yaml'))\n{lay}target = args.tau\nuse(target)\n"
    assert found({"train.py": code, "cfg.yaml": YAML}) == [*IN_YAML, "train.py:3:45 tau=0.9 option"]


def test_a_file_laid_over_options_by_a_helper():
    helper = "import yaml\ndef over(args, yml):\n    with open(yml) as f:\n        dic = yaml.load(f.read(), Loader=yaml.Loader)\n        for k in dic:\n            setattr(args, k, dic[k])\n"
    code = (
        "from helper import over\nimport argparse\ndef main(args):\n    target = args.tau\n    use(target)\n"
        "if __name__ == '__main__':\n    p = argparse.ArgumentParser()\n    p.add_argument('--tau', default=0.9)\n"
        "    p.add_argument('--c', default='')\n    args = p.parse_args()\n    over(args, args.c)\n    main(args)\n"
    )
    files = {"fixmatch.py": code, "helper.py": helper, "config/fixmatch/a.yaml": "tau: 0.95\n"}
    files |= {"flexmatch.py": "print(1)\n", "config/flexmatch/b.yaml": "tau: 0.95\n"}
    assert found(files, path="fixmatch.py") == [
        "config/fixmatch/a.yaml:1:6 tau=0.95 file",
        "fixmatch.py:8:37 tau=0.9 option",
    ]


def test_options_of_another_file():
    code = "from options import parse\nargs = parse()\ntarget = args.tau\nuse(target)\n"
    options = "import argparse\ndef parse():\n    p = argparse.ArgumentParser()\n    p.add_argument('-t', '--tau', default=-0.9)\n    return p.parse_args()\n"
    assert found({"train.py": code, "options.py": options}) == ["options.py:4:43 tau=-0.9 option"]


def test_a_parser_made_elsewhere():
    code = "from options import parser\nargs = parser().parse_args()\ntarget = args.tau\nuse(target)\n"
    options = "import argparse\ndef parser():\n    p = argparse.ArgumentParser()\n    p.add_argument('--tau', default=0.9)\n    return p\n"
    assert found({"train.py": code, "options.py": options}) == ["options.py:4:37 tau=0.9 option"]


def test_fields_of_dataclasses():
    code = (
        "from dataclasses import dataclass, field\n@dataclass\nclass Config:\n    tau: float = 0.95\n    beta: float = field(default=0.5)\n"
        "def run(cfg: Config):\n    target = cfg.tau\n    use(target)\n    use(cfg.beta)\nrun(Config())\n"
    )
    assert found({"train.py": code}) == ["train.py:4:18 tau=0.95 field"]
    assert found({"train.py": code}, "cfg.beta") == ["train.py:5:33 default=0.5 code"]


def test_class_attributes_and_literals():
    assert found({"train.py": "class Cfg:\n    tau = 0.95\ncfg = Cfg()\ntarget = cfg.tau\nuse(target)\n"}) == [
        "train.py:2:11 tau=0.95 field"
    ]
    assert found({"train.py": "opt = Adam(p, lr=0.1)\n"}, "0.1") == ["train.py:1:18 lr=0.1 code"]


def test_yacs():
    defaults = "from yacs.config import CfgNode as CN\n_C = CN()\n_C.SSL = CN()\n_C.SSL.TAU = 0.9\ndef get():\n    return _C.clone()\n"
    code = "from defaults import get\ncfg = get()\ncfg.merge_from_file('cfg.yaml')\ntarget = cfg.SSL.TAU\nuse(target)\n"
    files = {"train.py": code, "defaults.py": defaults, "cfg.yaml": "SSL:\n  TAU: 0.95\n"}
    assert found(files) == ["cfg.yaml:2:8 SSL.TAU=0.95 file", "defaults.py:4:14 TAU=0.9 field"]


def test_a_composition():
    code = SHAPES["hydra"].replace("'.'", "'conf'").replace("cfg.tau", "cfg.ssl.tau")
    files = {
        "train.py": code,
        "conf/cfg.yaml": "defaults:\n  - ssl: fix\n  - _self_\n",
        "conf/ssl/fix.yaml": "tau: 0.95\n",
    }
    assert found(files) == ["conf/ssl/fix.yaml:1:6 tau=0.95 file"]


def test_click():
    code = "import click\n@click.command()\n@click.option('--tau', default=0.95)\ndef main(tau):\n    use(tau)\n"
    assert found({"train.py": code}, "tau") == ["train.py:3:32 tau=0.95 option"]


def test_what_is_computed_is_not_known():
    assert found({"train.py": OPTIONS + "target = args.tau * n\nuse(target)\n"}) == []
    assert found({"train.py": OPTIONS + "args.tau = 0.5\ntarget = args.tau\nuse(target)\n"}) == [
        "train.py:5:12 tau=0.5 code"
    ]


def test_files_of_ci_and_documentation_are_no_configurations():
    project = project_of(dict.fromkeys(
        [".github/workflows/ci.yml", "mkdocs.yml", "docker-compose.yaml", "package.json", "docs/conf.yaml", "pyproject.toml",
         "environment.yml", ".pre-commit-config.yaml", "codecov.yml", "configs/train.yaml", "config.json", "exp.toml"],
        "a: 1\n",
    ))  # fmt: skip
    assert sorted(project.configs.paths) == ["config.json", "configs/train.yaml", "exp.toml"]
