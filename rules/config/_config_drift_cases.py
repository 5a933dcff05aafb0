"""Cases of config-drift."""

from ...analyzer.findings import Confidence
from ...analyzer.rule import Invalid, Valid

_PARSER = """import argparse
import torch
from engine import train

def get_args():
    parser = argparse.ArgumentParser("training")
    parser.add_argument("--lr", default=1e-3, type=float)
    parser.add_argument("--ema-decay", default=0.999, type=float)
    return parser.parse_args()

def main():
    args = get_args()
    {main}

if __name__ == "__main__":
    main()
"""
_ENGINE = """import torch

def train(args):
    model = torch.nn.Linear(4, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=args.lr)
    {line}
"""
_YAML = """# experiment
seed: 1
optim:
  lr: 0.1
  warmup: 500
data:
  root: /data
  batch_size: 8
"""
_LOAD = """import yaml
import torch

def main():
    with open("config.yaml") as f:
        cfg = yaml.safe_load(f)
    torch.manual_seed(cfg["seed"])
    data = cfg["data"]
    print(data["root"], data["batch_size"])
    {line}

main()
"""


def _program(main: str = "train(args)", line: str = "pass") -> dict[str, str]:
    return {"train.py": _PARSER.format(main=main), "engine.py": _ENGINE.format(line=line)}


def _configured(line: str, yaml: str = _YAML) -> dict[str, str]:
    return {"train.py": _LOAD.format(line=line), "config.yaml": yaml}


def _shortened(program: dict[str, str]) -> dict[str, str]:
    """``arg = parser.add_argument`` and ``arg("--lr")``."""
    text = program["train.py"].replace("    parser.add_argument(", "    arg(")
    made = 'parser = argparse.ArgumentParser("training")\n'
    return {**program, "train.py": text.replace(made, f"{made}    arg = parser.add_argument\n")}


VALID = (
    Valid(
        {
            "probe.py": "import json\nimport os\nimport torch\n\n\ndef probe(folder, name):\n"
            '    state = torch.load(os.path.join(folder, "last.pt"))\n'
            '    found = {"run": name, "accuracy": state["accuracy"], "history": state["history"]}\n'
            '    with open(os.path.join(folder, f"{name}_probe.json"), "w") as f:\n        json.dump(found, f)\n',
            "report.py": "import json\n\n\ndef report(prefix):\n    path = prefix + '_probe.json'\n"
            "    found = json.load(open(path))\n    print(found['accuracy'], found['seed'])\n\n\n"
            "report('results/color')\n",
            "results/color_probe.json": '{\n  "run": "color",\n  "accuracy": 0.9,\n  "seed": 1\n}\n',
        },
        "results, which another program has written",
    ),
    Valid(
        {
            "train.py": 'import argparse\nimport yaml\nparser = argparse.ArgumentParser()\nparser.add_argument("--config", '
            'default="runs/wide.yaml")\nargs = parser.parse_args()\ncfg = yaml.safe_load(open(args.config))\n'
            'print(cfg["start"], cfg["width"])\n',
            "search.py": 'import argparse\nimport yaml\nparser = argparse.ArgumentParser()\nparser.add_argument("--config", '
            'default="runs/wide.yaml")\nparser.add_argument("--start", default="best")\nargs = parser.parse_args()\n'
            'cfg = yaml.safe_load(open(args.config))\ncfg["start"] = args.start\nprint(cfg["start"], cfg["width"])\n',
            "runs/wide.yaml": 'start: ""\nwidth: 8\n',
        },
        "what one program overwrites counts in the other",
    ),
    Valid(
        {
            "src/__init__.py": 'import yaml\n\n\ndef load(path="src/net.yml"):\n    with open(path) as f:\n'
            "        return yaml.safe_load(f)\n\n\nsettings = load()\n",
            "src/tools/__init__.py": "from .. import settings as cfg\nfrom .plots import show\n",
            "src/tools/plots.py": 'from . import *\n\n\ndef show(p):\n    return p > cfg["global"]["cut"]\n',
            "src/train.py": "from src import settings as cfg\nfrom src.tools import show\n\n"
            'print(cfg["global"]["device"], cfg["global"]["seed"], show(0.5))\n',
            "src/net.yml": "global:\n  device: cuda\n  seed: 1\n  cut: 0.6\n",
        },
        "read under a name that a package hands on with a star",
    ),
    Valid(
        _configured('print(cfg["optim"]["lr"], cfg["optim"]["warmup"])', yaml="- seed\n- data\n- optim\n"),
        "a file of which no key is known",
    ),
    Valid(
        {
            "train.py": """import torch
from engine import default_argument_parser

parser = default_argument_parser("training")
parser.add_argument("--ema-decay", default=0.999, type=float)
args = parser.parse_args()
model = torch.nn.Linear(4, 2)
optimizer = torch.optim.SGD(model.parameters(), lr=args.lr)
ema = Ema(model, decay=args.ema_decay)
""",
        },
        "a parser that another library makes, with options of its own",
    ),
    Valid(
        {
            "tools/__init__.py": "",
            "tools/util/__init__.py": "from .training import parser_helper\n",
            "tools/util/training.py": """import argparse

def parser_helper(description=None):
    parser = argparse.ArgumentParser(description)
    parser.add_argument("-i", "--input", required=True)
    parser.add_argument("--lr", type=float, default=0.1)
    return parser
""",
            "experiments/train.py": """import torch
import tools

def main():
    parser = tools.util.parser_helper()
    parser.add_argument("--ema-decay", default=0.999, type=float)
    args = parser.parse_args()
    model = torch.nn.Linear(4, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=args.lr)
    fit(model, optimizer, read(args.input), args.ema_decay)

main()
""",
        },
        "a parser of the project's own library",
    ),
    Valid(
        {
            "options.py": _PARSER.replace("from engine import train\n", "").format(main="print(args)"),
            "run.py": """import torch
from Segmenter import options

args = options.get_args()
model = torch.nn.Linear(4, 2)
optimizer = torch.optim.SGD(model.parameters(), lr=args.lr)
ema = Ema(model, decay=args.ema_decay)
""",
        },
        "imported under the name of the project's own folder",
    ),
    Valid(
        _program(main='state = {k: v for k, v in args._get_kwargs()}\n    train(args)\n    print(state["ema_decay"])'),
        "the namespace as a dictionary",
    ),
    Valid(_shortened(_program(line="ema = Ema(model, decay=args.ema_decay)")), "declared under a shorter name"),
    Valid(_program(line="ema = Ema(model, decay=args.ema_decay)"), "read in another file, by an attribute"),
    Valid(_program(line='decay = getattr(args, "ema_decay", 0.99)'), "read by getattr"),
    Valid(_program(line="fit(model, **vars(args))"), "all of it is given on"),
    Valid(_program(line='decay = vars(args)["ema_decay"]'), "read as an item"),
    Valid(
        _program(main="import lightning as L; L.Trainer.from_argparse_args(args); train(args)"),
        "another library reads it",
    ),
    Valid(
        _program(line="for name in FIELDS:\n        setattr(model, name, getattr(args, name))"),
        "read by computed names",
    ),
    Valid(
        {
            "train.py": _PARSER.format(main="run = Runner(args)\n    run.fit()").replace(
                "import train", "import Runner"
            ),
            "engine.py": "class Runner:\n    def __init__(self, hp):\n        self.hp = hp\n        print(hp.lr)\n\n"
            "    def fit(self):\n        self.ema = self.hp.ema_decay\n",
        },
        "kept in an object under another name and read by a method",
    ),
    Valid(
        _PARSER.format(main="print(args.lr)")
        .replace('"--ema-decay", default=0.999, type=float', '"--local_rank", default=0, type=int')
        .replace("from engine import train\n", ""),
        "the launcher gives it",
    ),
    Valid(
        _PARSER.format(main="print(args.lr)").replace(
            "type=float)\n    return", 'type=float, help="deprecated")\n    return'
        ),
        "it is said to do nothing",
    ),
    Valid(
        {"options.py": _PARSER.split("def main")[0].replace("from engine import train\n", "")},
        "a library: whoever calls it reads the options",
    ),
    Valid(_configured('print(cfg["optim"]["lr"], cfg["optim"]["warmup"])'), "every key is read"),
    Valid(_configured('torch.optim.SGD([], **cfg["optim"])'), "the keys become arguments"),
    Valid(
        _configured('build(cfg["optim"])\n\ndef build(optim):\n    return make(optim)'),
        "given to code that is not known",
    ),
    Valid(
        _configured("run = SimpleNamespace(**cfg)\n    step(run)"), "given to code that is not known, as a namespace"
    ),
    Valid({"train.py": "print(1)\n", "config.yaml": _YAML}, "no code of the repository loads it"),
    Valid(
        {
            **_configured('print(cfg["optim"]["lr"], cfg["optim"]["warmup"])'),
            ".github/workflows/ci.yml": "jobs:\n  x: 1\n",
        },
        "a file of another tool",
    ),
    Valid(
        _configured('print(cfg["optim"]["lr"], cfg["optim"].get("warmup"), cfg["optim"].get("nesterov", False))'),
        "a default stands in for the key",
    ),
    Valid(
        {
            "train.py": "import argparse\nimport yaml\nparser = argparse.ArgumentParser()\n"
            'parser.add_argument("--lr", type=float)\nargs = parser.parse_args()\n'
            'cfg = yaml.safe_load(open("config.yaml"))\nif args.lr is not None:\n    cfg["lr"] = args.lr\nprint(cfg["lr"])\n',
            "config.yaml": "lr: 0.1\n",
        },
        "the option counts only where it is given",
    ),
    Valid(
        {
            "a.py": 'import yaml\ncfg = yaml.safe_load(open("config.yaml"))\nprint(cfg["lr"])\n',
            "b.py": 'import yaml\ncfg = yaml.safe_load(open("config.yaml"))\nprint(cfg["seed"])\n',
            "config.yaml": "lr: 0.1\nseed: 1\nname: x\n",
        },
        "each of two programs reads its own keys",
    ),
    Valid(
        {
            "train.py": "import argparse\nimport yaml\nparser = argparse.ArgumentParser()\n"
            'for key, value in yaml.safe_load(open("config.yaml")).items():\n'
            '    parser.add_argument(f"--{key}", default=value, type=type(value))\n'
            "args = parser.parse_args()\nprint(args.lr, args.epochs)\n",
            "config.yaml": "lr: 0.1\nepochs: 3\n",
        },
        "the file's keys become options",
    ),
    Valid(
        {
            "config.py": "import yaml\nfrom yacs.config import CfgNode as CN\n\n_C = CN()\n_C.MODEL = CN()\n_C.MODEL.WIDTH = 8\n\n\n"
            "def update(config, path):\n    with open(path) as f:\n        parts = yaml.load(f, Loader=yaml.FullLoader)\n"
            '    for base in parts.setdefault("BASE", [""]):\n        print(base)\n    config.merge_from_file(path)\n',
            "main.py": "import sys\nfrom config import _C, update\nupdate(_C, sys.argv[1])\nprint(_C.MODEL.WIDTH)\n",
            "configs/wide.yaml": "MODEL:\n  WIDTH: 16\n  DEPTH: 2\n",
        },
        "the file is merged by its name as well",
    ),
    Valid(
        {
            "lib/__init__.py": "from .config import get_config\n",
            "lib/config.py": "import argparse\n\n\ndef get_config(values):\n    parser = argparse.ArgumentParser()\n"
            '    parser.add_argument("--uratio", type=int, default=7)\n    args = parser.parse_args("")\n'
            "    for key in values:\n        setattr(args, key, values[key])\n    return args\n",
        },
        "a library gives the options to its users",
    ),
)

INVALID = (
    Invalid(
        _shortened(_program(line="ema = Ema(model, decay=0.99)")),
        at=[("train.py", 9)],
        confidence=Confidence.MEDIUM,
        why="declared under a shorter name, never read",
    ),
    Invalid(
        _shortened(_program(line="print(args.ema_decay, args.weight_decay)")),
        at=[("engine.py", 6)],
        confidence=Confidence.MEDIUM,
        why="declared under a shorter name, but for this one",
    ),
    Invalid(
        _program(line="ema = Ema(model, decay=0.99)"),
        at=[("train.py", 8)],
        confidence=Confidence.MEDIUM,
        why="parsed, passed on, never read",
    ),
    Invalid(
        {**_program(), "run.sh": "#!/bin/sh\npython train.py --lr 0.1 \\\n    --ema-decay 0.9999\n"},
        at=[("train.py", 8)],
        why="a script sets it in vain",
    ),
    Invalid(
        {**_program(main="print(args)\n    train(args)"), "README.md": "Run `python train.py --ema-decay 0.9`.\n"},
        at=[("train.py", 8)],
        why="printing the namespace reads nothing of it",
    ),
    Invalid(
        _program(main='torch.save({"args": args, "epoch": 1}, "x.pt")\n    train(args)', line="print(args.lr)"),
        at=[("train.py", 8)],
        confidence=Confidence.MEDIUM,
        why="kept in the checkpoint and read nowhere",
    ),
    Invalid(
        _program(main='for k, v in vars(args).items():\n        print(f"{k}: {v}")\n    train(args)'),
        at=[("train.py", 8)],
        confidence=Confidence.MEDIUM,
        why="a loop that prints them all",
    ),
    Invalid(
        _program(line="print(args.ema_decay, args.weight_decay)"),
        at=[("engine.py", 6)],
        confidence=Confidence.MEDIUM,
        why="read, and declared by no parser",
    ),
    Invalid(
        _configured('print(cfg["optim"]["lr"])'),
        at=[("config.yaml", 5)],
        confidence=Confidence.MEDIUM,
        why="a key that is left over",
    ),
    Invalid(
        {
            "train.py": "from omegaconf import OmegaConf\n\ndef main():\n    cfg = OmegaConf.load('config.yaml')\n"
            "    print(cfg.seed, cfg.optim.lr, cfg.data.root, cfg.data.batch_size)\n\nmain()\n",
            "config.yaml": _YAML,
        },
        at=[("config.yaml", 5)],
        confidence=Confidence.MEDIUM,
        why="the same by attributes",
    ),
    Invalid(
        _configured('print(cfg["optim"]["lr"], cfg["optim"]["warmup"], cfg["optim"]["momentum"])'),
        at=[("train.py", 10)],
        confidence=Confidence.MEDIUM,
        why="a key that the file does not have",
    ),
    Invalid(
        {
            "train.py": "import argparse\nimport yaml\nparser = argparse.ArgumentParser()\n"
            'parser.add_argument("--lr", type=float, default=0.01)\nargs = parser.parse_args()\n'
            'cfg = yaml.safe_load(open("config.yaml"))\ncfg["lr"] = args.lr\nprint(cfg["lr"])\n',
            "config.yaml": "lr: 0.1\n",
        },
        at=[("config.yaml", 1)],
        confidence=Confidence.MEDIUM,
        why="the option's default takes the file's place",
    ),
    Invalid(
        {
            "train.py": "import argparse\nimport yaml\nparser = argparse.ArgumentParser()\n"
            'parser.add_argument("--lr", type=float, default=0.01)\nparser.add_argument("--config", default="config.yaml")\n'
            "args = parser.parse_args()\ncfg = yaml.safe_load(open(args.config))\ncfg.update(vars(args))\nprint(cfg['lr'])\n",
            "config.yaml": "lr: 0.1\n",
        },
        at=[("config.yaml", 1)],
        confidence=Confidence.MEDIUM,
        why="all options' defaults are laid over the file",
    ),
)
