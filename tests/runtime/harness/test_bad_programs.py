"""Programs that fail, hang, flee or flood: each ends in time as `not run`, with cause, phase and the user's line."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
import time
from pathlib import Path

import pytest
from mlfix.analyzer.runtime import launching
from mlfix.analyzer.runtime.environment import AGENT_BOOT
from mlfix.analyzer.runtime.settings import RunSettings

from .projects import Lab, processes_with

pytestmark = pytest.mark.slow
needs_torch = pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="the program needs torch")
HANG = "import time\ndef download():\n    while True:\n        time.sleep(0.05)\ndownload()\n"


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launching, "KILL_AFTER", 1.0)
    monkeypatch.setattr(launching.launch, "__kwdefaults__", {**launching.launch.__kwdefaults__, "kill_after": 1.0})


def test_a_command_that_is_not_there(one: Lab) -> None:
    run = one.run("", "no-such-program", "train.py")
    assert (run.cause, run.phase, run.exit) == ("no-such-program: command not found", "start", None)


def test_a_program_file_that_is_not_there(one: Lab) -> None:
    run = one.run("", "./run.sh")
    assert (run.cause, run.phase) == ("./run.sh: no such file", "start")


def test_a_script_that_is_not_there(lab: Lab) -> None:
    run = lab.run("", sys.executable, "missing.py")
    assert "can't open file" in run.cause
    assert run.phase == "start"


def test_a_crash_at_once(lab: Lab) -> None:
    run = lab.run("def main():\n    raise ValueError('no such thing')\nmain()\n")
    assert "ValueError: no such thing" in run.cause
    assert run.frame == "train.py:2 main"


def test_a_crash_after_torch_is_there(lab: Lab) -> None:
    run = lab.run("import torch\ntorch.step()\nopen('data/missing.h5')\n")
    assert "FileNotFoundError" in run.cause
    assert "data/missing.h5" in run.cause
    assert (run.phase, run.frame) == ("train", "train.py:3 <module>")


def test_an_exit_without_a_word(one: Lab) -> None:
    run = one.run("import sys\nsys.exit('dataset not found: get it first')\n")
    assert run.cause == "exit code 1: dataset not found: get it first"


def test_no_step_at_all(one: Lab) -> None:
    assert one.run("import torch\nprint('done')\n").cause == "the command ended without a training step"
    assert "none of its processes imported torch" in one.run("print('done')\n").cause


def test_a_hang_before_torch(lab: Lab) -> None:
    run = lab.run(HANG, timeout=2, boot=AGENT_BOOT)
    assert "within 2 s" in run.cause
    assert run.phase == "setup"
    assert run.frame == "train.py:4 download"
    assert lab.seconds < 8


def test_a_hang_that_swallows_the_stop(lab: Lab) -> None:
    program = "import signal\nfor s in (signal.SIGTERM, signal.SIGINT): signal.signal(s, lambda *_: None)\n" + HANG
    run = lab.run(program, timeout=2, boot=AGENT_BOOT)
    assert "within 2 s" in run.cause
    assert run.frame == "train.py:6 download"
    assert lab.seconds < 10


@needs_torch
def test_a_program_that_swallows_the_end_of_its_steps(one: Lab) -> None:
    program = """
import torch, sys
sys.excepthook = lambda *_: None
p = torch.nn.Parameter(torch.ones(2))
o = torch.optim.SGD([p], lr=0.1)
while True:
    try:
        o.zero_grad(); (p * p).sum().backward(); o.step()
    except BaseException:
        pass
"""
    run = one.run(program, timeout=60, boot=AGENT_BOOT, settings=RunSettings(steps=3, grace=1.0))
    assert run.ran, run
    assert run.steps == 3


@needs_torch
def test_a_gpu_that_is_not_there(one: Lab) -> None:
    program = "import torch\ndef build():\n    return torch.zeros(2).cuda(99)\nbuild()\n"
    run = one.run(program, timeout=60, boot=AGENT_BOOT)
    assert run.phase == "setup"
    assert run.frame == "train.py:3 build"
    assert "CUDA" in run.cause or "device" in run.cause


@needs_torch
def test_a_gpu_that_was_asked_for_and_is_not_there(one: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    program = "import torch\np = torch.ones(2, requires_grad=True)\nfor _ in range(3): (p * p).sum().backward()\n"
    run = one.run(program, timeout=60, boot=AGENT_BOOT, settings=RunSettings(steps=3, device="cuda"))
    assert "no CUDA device" in run.cause


@needs_torch
def test_missing_data_in_a_worker(one: Lab) -> None:
    program = """
import torch
from torch.utils.data import DataLoader, Dataset
class Data(Dataset):
    def __len__(self): return 4
    def __getitem__(self, i): return open(f"scans/{i}.h5").read()
if __name__ == "__main__":
    for batch in DataLoader(Data(), num_workers=1):
        pass
"""
    run = one.run(program, timeout=60, boot=AGENT_BOOT)
    assert "FileNotFoundError" in run.cause
    assert "scans/0.h5" in run.cause
    assert (run.phase, run.frame) == ("first-batch", "train.py:6 __getitem__")


def test_an_excepthook_of_its_own(one: Lab) -> None:
    program = "import sys\nsys.excepthook = lambda *_: print('oops')\nimport torch\nraise KeyError('DATA_DIR')\n"
    run = one.run(program)
    assert "KeyError" in run.cause
    assert run.frame == "train.py:4 <module>"


DAEMON = """
import os, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.execve(sys.executable, [sys.executable, "-c", "import time; time.sleep(77.25)"], {})
    os._exit(0)
time.sleep(0.3)
"""


def test_daemons_end_with_the_run(lab: Lab) -> None:
    run = lab.run(DAEMON + "import torch\nfor _ in range(9): torch.step()\n")
    assert run.ran
    assert processes_with("time.sleep(77.25)") == []


def test_work_that_goes_on_in_the_background_is_told(one: Lab) -> None:
    run = one.run(DAEMON)
    assert "left processes behind" in run.cause
    assert processes_with("time.sleep(77.25)") == []


def test_endless_output_is_bounded(one: Lab) -> None:
    run = one.run("while True:\n    print('x' * 1000)\n", timeout=2)
    assert "within 2 s" in run.cause
    assert sum(map(len, run.output)) < 200_000


def test_a_disk_that_fills(one: Lab) -> None:
    free = shutil.disk_usage(one.temporary).free
    program = "import time\nwith open('big', 'wb') as f:\n    while True:\n        f.write(b'x' * 2**22); f.flush(); time.sleep(0.05)\n"
    run = one.run(program, least_free=free - 2**28, timeout=30)
    assert "disk" in run.cause
    assert one.seconds < 25


def test_a_disk_that_is_full(one: Lab) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full")
    run = one.run(
        "import torch\ndef save():\n    with open('/dev/full', 'w') as f:\n        f.write('x' * 10**6)\nsave()\n"
    )
    assert "No space left" in run.cause
    assert run.frame == "train.py:4 save"


def test_writes_outside_of_the_tree_end_as_any_run(lab: Lab) -> None:
    target = lab.outside / "made.txt"
    run = lab.run(f"open({str(target)!r}, 'w').write('x')\nimport torch\nfor _ in range(9): torch.step()\n")
    assert run.ran
    assert target.read_text() == "x"  # not held back, and not undone: the documentation says so


def test_a_signal_that_kills_it(one: Lab) -> None:
    run = one.run("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n")
    assert run.cause == "the command was ended by SIGKILL (out of memory?)"


def test_a_signal_after_all_its_work(one: Lab) -> None:
    run = one.run(
        "import os, torch\nclass Late:\n    def __del__(self, abort=os.abort):\n        abort()\n"
        "late = Late()\nfor _ in range(3): torch.step()\n"
    )
    assert run.cause == "the command was ended by SIGABRT while Python shut down, after its program had ended"
    assert (run.exit, run.phase, run.frame, run.steps) == (-6, "train", "", 3)


@pytest.mark.parametrize("script", ["export PYTHONPATH=.\npython train.py\n", "PYTHONPATH=. python3 train.py\n"])
def test_shell_scripts_that_lose_the_agent(one: Lab, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"])))
    one.write({"run.sh": script, "train.py": "import torch\nfor _ in range(9): torch.step()\n"})
    assert one.run("", "sh", "run.sh").ran
    assert one.run("", "bash", "run.sh").ran


def test_a_shell_script_that_activates_an_environment(one: Lab) -> None:
    (one.outside / "venv").mkdir()
    (one.outside / "venv" / "python").symlink_to(sys.executable)
    script = f"export PATH={one.outside / 'venv'}:$PATH\nexport PYTHONPATH=.\npython train.py\n"
    one.write({"run.sh": script, "train.py": "import torch\nfor _ in range(9): torch.step()\n"})
    assert one.run("", "bash", "run.sh").ran


def test_a_launcher_that_an_environment_brings(one: Lab) -> None:
    (one.outside / "venv").mkdir()
    launcher = one.outside / "venv" / "torchrun"
    launcher.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    launcher.chmod(0o755)
    script = f"export PATH={one.outside / 'venv'}:$PATH\nexport PYTHONPATH=.\ntorchrun train.py\n"
    one.write({"run.sh": script, "train.py": "import torch\nfor _ in range(9): torch.step()\n"})
    assert one.run("", "bash", "run.sh").ran


def test_a_run_is_ended_when_the_user_says_so(one: Lab, tmp_path: Path) -> None:
    import threading

    from mlfix.analyzer.runtime.launching import launch

    stop = tmp_path / "stop"
    threading.Timer(0.5, stop.touch).start()
    started = time.monotonic()
    ended = launch([sys.executable, "-c", HANG], tmp_path, {"PATH": "/usr/bin:/bin"}, tmp_path, 60, stop=stop)
    assert ended.reason == "stopped"
    assert time.monotonic() - started < 6
