"""The AMP rewrite: failures of other tools, shapes of code, and arguments that land where they were meant to."""

import ast
import builtins
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mlfix.rules import knowledge
from mlfix.rules.environment.amp_import import AmpImport
from packaging.version import Version

from ..rules.harness import findings_of, fixed_files

RULE = AmpImport()
OLD, NEW = "torch==1.9.0", "torch==2.6.0"


def mended(root: Path, pin: str, source: str) -> str:
    files = {"requirements.txt": f"{pin}\n", "train.py": source}
    assert findings_of(root, files, RULE)
    fixed = fixed_files(root, files, RULE)
    assert fixed["requirements.txt"] == files["requirements.txt"]
    compile(fixed["train.py"], "train.py", "exec")
    assert not findings_of(root, fixed, RULE)
    assert unbound(fixed["train.py"]) <= unbound(source)
    return fixed["train.py"]


def unbound(source: str) -> set[str]:
    """Names that the file reads and never binds, and imports it never reads: what a sloppy rewrite leaves behind."""
    tree = ast.parse(source)
    nodes = list(ast.walk(tree))
    bound = {
        a.asname or a.name.partition(".")[0]
        for n in nodes
        if isinstance(n, (ast.Import, ast.ImportFrom))
        for a in n.names
    }
    others = {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    others |= {n.name for n in nodes if isinstance(n, (ast.FunctionDef, ast.ClassDef))}
    others |= {n.arg for n in nodes if isinstance(n, ast.arg)}
    read = {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}
    return (read - bound - others - set(dir(builtins))) | {f"unused {name}" for name in bound - read}


@pytest.mark.parametrize(
    ("pin", "before", "after"),
    [
        (
            NEW,
            "from torch.cuda.amp import autocast\nwith autocast():\n    pass\n",
            'from torch.amp import autocast\nwith autocast("cuda"):\n    pass\n',
        ),
        (
            NEW,
            "from torch.cuda import amp\nwith amp.autocast(False):\n    pass\n",
            'from torch import amp\nwith amp.autocast("cuda", enabled=False):\n    pass\n',
        ),
        (
            NEW,
            "import torch as th\nwith th.cuda.amp.autocast():\n    pass\n",
            'import torch as th\nwith th.amp.autocast("cuda"):\n    pass\n',
        ),
        (
            NEW,
            "import torch\nscaler = torch.cuda.amp.GradScaler(2.**16)\n",
            'import torch\nscaler = torch.amp.GradScaler("cuda", 2.**16)\n',
        ),
        (
            OLD,
            "from torch import amp\nscaler = amp.GradScaler('cuda', 2.**16)\n",
            "from torch.cuda import amp\nscaler = amp.GradScaler(2.**16)\n",
        ),
        (
            "torch==2.1.0",
            "from torch import amp\nwith amp.autocast('cuda'):\n    scaler = amp.GradScaler('cuda')\n",
            "from torch import amp\nfrom torch.cuda.amp import GradScaler\nwith amp.autocast('cuda'):\n    scaler = GradScaler()\n",
        ),
        (
            NEW,
            "from torch import cuda\nimport torch\nwith cuda.amp.autocast(True):\n    cuda.synchronize()\n    torch.zeros(1)\n",
            'from torch import cuda\nimport torch\nwith torch.amp.autocast("cuda", enabled=True):\n    cuda.synchronize()\n'
            "    torch.zeros(1)\n",
        ),
        (
            NEW,
            "import os; from torch.cuda.amp import autocast\nwith autocast(): os.getcwd()\n",
            'import os; from torch.amp import autocast\nwith autocast("cuda"): os.getcwd()\n',
        ),
        (
            NEW,
            "import torch\namp = torch.cuda.amp\ncast = torch.cuda.amp.autocast\nwith amp.autocast(), cast(False):\n    pass\n",
            'import torch\namp = torch.amp\ncast = torch.amp.autocast\nwith amp.autocast("cuda"), cast("cuda", enabled=False):\n'
            "    pass\n",
        ),
        (
            NEW,
            "from torch.cuda.amp import GradScaler\n\nclass Scaler(GradScaler):\n    def __init__(self, on):\n"
            "        super().__init__(2.**8, enabled=on)\n",
            "from torch.amp import GradScaler\n\nclass Scaler(GradScaler):\n    def __init__(self, on):\n"
            '        super().__init__("cuda", 2.**8, enabled=on)\n',
        ),
        (
            NEW,
            "from functools import partial\nimport torch\ncast = partial(torch.cuda.amp.autocast, enabled=True)\n",
            'from functools import partial\nimport torch\ncast = partial(torch.amp.autocast, "cuda", enabled=True)\n',
        ),
        (
            NEW,
            "from torch.cuda.amp import (\n\tautocast,\n\tGradScaler,\n)\nwith autocast():\n\tscaler = GradScaler(\n\t\tenabled=True,\n\t)\n",
            'from torch.amp import (\n\tautocast,\n\tGradScaler,\n)\nwith autocast("cuda"):\n\tscaler = GradScaler(\n\t\t"cuda",\n'
            "\t\tenabled=True,\n\t)\n",
        ),
        (
            OLD,
            "from torch.amp import autocast, GradScaler\r\nwith autocast('cuda', enabled=True):\r\n    scaler = GradScaler()\r\n",
            "from torch.cuda.amp import autocast, GradScaler\r\nwith autocast(enabled=True):\r\n    scaler = GradScaler()\r\n",
        ),
        (
            "torch==2.0.0",
            "from torch.amp import (autocast,  # casts\n                       GradScaler)  # scales\nwith autocast('cuda'):\n"
            "    scaler = GradScaler()\n",
            "from torch.amp import (autocast,  # casts\n)  # scales\nfrom torch.cuda.amp import GradScaler\nwith autocast('cuda'):\n"
            "    scaler = GradScaler()\n",
        ),
        (
            "torch>=2.0",
            "import torch\nGradScaler = None\nscaler = torch.amp.GradScaler('cuda')\n",
            "import torch\nGradScaler = None\nscaler = torch.cuda.amp.GradScaler()\n",
        ),
        (
            OLD,
            "from torch.amp import autocast\ndevice = 'cuda'\nwith autocast(device, enabled=True):\n    pass\n",
            "from torch.cuda.amp import autocast\ndevice = 'cuda'\nwith autocast(enabled=True):\n    pass\n",
        ),
        (
            OLD,
            "import torch\nfrom torch.amp import autocast\nwith autocast('cuda' if torch.cuda.is_available() else 'cpu'):\n    pass\n",
            "import torch\nfrom torch.cuda.amp import autocast\nwith autocast(enabled=torch.cuda.is_available()):\n    pass\n",
        ),
    ],
)  # fmt: skip
def test_the_import_and_every_use_change_together(tmp_path: Path, pin: str, before: str, after: str) -> None:
    assert mended(tmp_path, pin, before) == after


@pytest.mark.parametrize(
    ("pin", "source", "why"),
    [
        (NEW, "from torch.cuda.amp import GradScaler\nscaler = GradScaler(*arguments)\n", "by `*`"),
        (NEW, "from torch.cuda.amp import GradScaler\nmake(GradScaler)\n", "hands `GradScaler` on as a value"),
        (OLD, "from torch.amp import autocast\nwith autocast(**options):\n    pass\n", "may be among them"),
        (OLD, "from torch.amp import autocast\nwith autocast('cpu'):\n    pass\n", "'cpu'"),
        (OLD, "import torch\nwith torch.autocast('cuda', dtype=torch.bfloat16):\n    pass\n", "dtype=torch.bfloat16"),
        ("torch==1.4.0", "from torch.cuda.amp import autocast\nwith autocast():\n    pass\n", "raise requirements.txt:1 to 1.6"),
    ],
)  # fmt: skip
def test_what_cannot_be_followed_is_found_and_left(tmp_path: Path, pin: str, source: str, why: str) -> None:
    (finding,) = findings_of(tmp_path, {"requirements.txt": f"{pin}\n", "train.py": source}, RULE)
    assert finding.fix is None
    assert why in finding.no_fix


def test_a_silenced_use_silences_the_change_of_its_import(tmp_path: Path) -> None:
    source = "from torch.cuda.amp import autocast\n\nwith autocast():  # mlfix: ignore[amp-import]\n    pass\n"
    (finding,) = findings_of(tmp_path, {"requirements.txt": f"{NEW}\n", "train.py": source}, RULE)
    assert finding.location.line == 3


def test_the_message_names_the_file_the_line_and_the_release(tmp_path: Path) -> None:
    pyproject = '[project]\nname = "n"\nversion = "1"\ndependencies = [\n  "torch>=2.2",\n]\n'
    files = {"pyproject.toml": pyproject, "train.py": "import torch\ns = torch.amp.GradScaler()\n"}
    (finding,) = findings_of(tmp_path, files, RULE)
    assert finding.message == "`torch.amp.GradScaler` exists from torch 2.3, but pyproject.toml:5 admits 2.2"
    assert ("pyproject.toml", 5) in [(e.path, e.line) for e in finding.evidence]


VALUES = {
    "enabled": ["True", "False", "flag", "a or b", "on and x"],
    "dtype": ["None", "torch.float16"],
    "cache_enabled": ["None", "True"],
    "init_scale": ["1024.0", "2.0**12"],
    "growth_factor": ["2.0", "factor"],
    "backoff_factor": ["0.5"],
    "growth_interval": ["100", "interval"],
    "device_type": ["'cuda'", "kind"],
    "device": ["'cuda'", "'cuda:0'", "device.type", "where"],
}
SPELLINGS = [
    ("torch.cuda.amp.autocast", NEW),
    ("torch.cuda.amp.GradScaler", NEW),
    ("torch.amp.autocast", OLD),
    ("torch.amp.autocast", "torch==1.10.2"),
    ("torch.autocast", OLD),
    ("torch.amp.GradScaler", OLD),
    ("torch.amp.GradScaler", "torch>=2.0"),
]


@st.composite
def calls(draw: st.DrawFn) -> tuple[str, str, str]:
    name, pin = draw(st.sampled_from(SPELLINGS))
    parameters = knowledge.signatures(name)[-1].positional
    count = draw(st.integers(1 if parameters[0] == "device_type" else 0, len(parameters)))
    given_ = [draw(st.sampled_from(VALUES[p])) for p in parameters[:count]]
    rest = draw(st.lists(st.sampled_from(parameters[count:]), unique=True)) if count < len(parameters) else []
    arguments = [*given_, *(f"{p}={draw(st.sampled_from(VALUES[p]))}" for p in rest)]
    separator = draw(st.sampled_from([", ", ",\n    ", ",  # note\n    "]))
    opening, closing = ("\n    ", draw(st.sampled_from(["\n", ",\n"]))) if "\n" in separator and arguments else ("", "")
    return name, pin, f"{name}({opening}{separator.join(arguments)}{closing})"


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(calls())
def test_arguments_keep_their_meaning(tmp_path: Path, call: tuple[str, str, str]) -> None:
    name, pin, text = call
    source = f"import torch\nx = {text}\n"
    new = mended(tmp_path, pin, source)
    called = next(n for n in ast.walk(ast.parse(new)) if isinstance(n, ast.Call))
    for target in targets_of(new, called):
        for version in admitted(pin, target):
            check_same(name, text, target, called, version)


def targets_of(source: str, call: ast.Call) -> list[str]:
    written = ast.unparse(call.func)
    if "." in written:
        return [written]
    froms = [n for n in ast.walk(ast.parse(source)) if isinstance(n, ast.ImportFrom)]
    return [f"{n.module}.{written}" for n in froms]


def admitted(pin: str, name: str) -> list[Version]:
    if pin.startswith("torch=="):
        return [Version(pin.partition("==")[2])]
    fact = knowledge.api(name)
    assert fact is not None
    lowest = max(fact.first, Version(pin.partition(">=")[2]))
    return [v for v in knowledge.admitted_releases("torch") if v >= lowest]


def check_same(name: str, text: str, target: str, called: ast.Call, version: Version) -> None:
    """Both calls give each parameter the same value; the device may have become part of `enabled`."""
    old_call = ast.parse(text, mode="eval").body
    assert isinstance(old_call, ast.Call)
    signature = knowledge.signature(target, version)
    assert signature is not None, (target, version)
    before = bound(old_call, knowledge.signatures(name)[-1].positional)
    after = bound(called, signature.positional)
    allowed = {p.name for p in signature.parameters}
    assert signature.takes_kwargs or set(after) <= allowed
    device = before.pop("device_type", None) or before.pop("device", None) or "'cuda'"
    new_device = after.pop("device_type", None) or after.pop("device", None) or "'cuda'"
    assert new_device == device or (device not in ("'cuda'",) and new_device == "'cuda'")
    dropped = {"dtype": {"None", "torch.float16"}, "cache_enabled": {"None", "True"}}
    for parameter, value in before.items():
        if parameter == "enabled" or (parameter in dropped and parameter not in after):
            continue
        assert after[parameter] == value
    for parameter in dropped:
        if parameter in before and parameter not in after:
            assert before[parameter] in dropped[parameter]
            assert target == "torch.cuda.amp.autocast"
            assert parameter not in allowed
    enabled, now = before.get("enabled", "True"), after.get("enabled", "True")
    if new_device == device or device == "'cuda:0'":
        assert now == enabled
    elif enabled != "False":
        assert now == on_cuda(enabled, device, name)
    assert set(after) <= {*before, "enabled"}


def on_cuda(enabled: str, device: str, name: str) -> str:
    equal = name.endswith("autocast") or device == "device.type"
    condition = f"{device} == 'cuda'" if equal else f"str({device}).startswith('cuda')"
    whole = (
        condition
        if enabled == "True"
        else f"({enabled}) and {condition}"
        if " or " in enabled
        else f"{enabled} and {condition}"
    )
    return ast.unparse(ast.parse(whole, mode="eval").body)


def bound(call: ast.Call, positional: tuple[str, ...]) -> dict[str, str]:
    assert len(call.args) <= len(positional)
    found = {p: ast.unparse(a) for p, a in zip(positional, call.args, strict=False)}
    for keyword in call.keywords:
        assert keyword.arg is not None
        assert keyword.arg not in found
        found[keyword.arg] = ast.unparse(keyword.value)
    return found
