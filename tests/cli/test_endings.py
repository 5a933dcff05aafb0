"""However a command ends - Ctrl-C, a closed pipe, an odd terminal, a full disk - it ends with a clear line and code."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote

import pytest

from .conftest import BAD, CONFIG, GOOD, Place

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals and terminals as POSIX has them")

SLEEPY = """
import time
from pathlib import Path
from toy_rules import OldCall as Base, fix

class Sleepy(Base):
    \"\"\"Finds nothing, slowly.\"\"\"
    name, code = "sleepy", "TOY201"
    def check(self, module, project):
        Path("started").touch()
        time.sleep(SECONDS)
        return iter(())
"""
WAIT = 60


def sleeping(place: Place, seconds: float) -> Place:
    """A project with a rule that takes its time, so that a test can come in between."""
    place.write({"sleepy.py": SLEEPY.replace("SECONDS", str(seconds)), "mlfix.toml": 'rules = ["sleepy"]\n'})
    place.write({".gitignore": "sleepy.py\n"})
    return place


def begun(place: Place, *arguments: str, **options: object) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([os.environ["PYTHONPATH"], str(place.root)])}
    process = place.started(*arguments, env=environment, **options)
    deadline = time.monotonic() + WAIT
    while not (place.root / "started").exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return process


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize("command", ["scan", "apply"])
def test_ctrl_c_is_one_line(empty: Place, interrupt: Callable, command: str, jobs: int) -> None:
    files: dict[str, str | bytes] = {f"m{n}.py": BAD for n in range(40)}
    sleeping(empty.write(files), seconds=WAIT)
    before = empty.contents()
    process = begun(empty, command, "--no-cache", f"-j{jobs}")
    out, err = interrupt(process)
    assert process.returncode == 2
    assert out == b""
    lines = err.decode().strip().splitlines()
    assert len(lines) == 1, err.decode()
    assert lines[0].startswith("mlfix: error: interrupted")
    after = empty.contents()
    after.pop("started")
    assert after == before


def test_ctrl_c_before_the_first_import_is_one_line() -> None:
    code = (
        "import sys\n"
        "class Interrupt:\n"
        "    def find_spec(self, name, path, target=None):\n"
        "        if name == 'click': raise KeyboardInterrupt\n"
        "sys.meta_path.insert(0, Interrupt())\n"
        "sys.argv = ['mlfix', 'scan']\n"
        "from mlfix.cli.main import main\n"
        "main()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", "mlfix: error: interrupted\n")


def test_ctrl_c_at_a_question(place: Place, interrupt: Callable) -> None:
    main, side = pty.openpty()
    process = place.started("apply", "--interactive", stdin=side, stderr=side)
    shown = b""
    while b"apply?" not in shown:
        shown += os.read(main, 4096)
    interrupt(process)
    shown += os.read(main, 4096)
    os.close(side)
    os.close(main)
    assert process.returncode == 2
    assert b"mlfix: error: no answer: " in shown
    assert place.read("train.py") == BAD.encode()


def test_a_closed_pipe_is_silent(empty: Place) -> None:
    empty.write({f"m{n}.py": BAD for n in range(400)})
    process = empty.started("scan")
    assert process.stdout is not None
    assert process.stderr is not None
    assert process.stdout.readline().startswith(b"m0.py")
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait(timeout=WAIT) in (1, 2)
    process.stderr.close()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_standard_output_on_a_full_disk(place: Place) -> None:
    with Path("/dev/full").open("wb") as full:
        process = place.started("scan", stdout=full)
    _, err = process.communicate(timeout=WAIT)
    assert process.returncode == 2
    assert err == b"mlfix: error: standard output: cannot be written: No space left on device\n"


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "utf-8"])
@pytest.mark.parametrize("format_", ["text", "concise", "json", "sarif", "github", "gitlab"])
def test_a_terminal_without_the_characters(empty: Place, encoding: str, format_: str) -> None:
    empty.write({"日本.py": "import torch\ns = 'naïve 日本語'; torch.old(s)\n"})
    done = empty.process("scan", "--format", format_, env={**os.environ, "PYTHONIOENCODING": encoding})
    assert (done.returncode, done.stderr) == (1, b"")
    # An ASCII terminal is taken for one that nobody set up (click does so), and gets UTF-8.
    is_unicode = encoding in ("ascii", "utf-8")
    text = done.stdout.decode("utf-8" if is_unicode else encoding)
    if format_ in ("json", "sarif", "gitlab"):
        assert text.isascii()
        assert "日本.py" in unquote(json.dumps(json.loads(text), ensure_ascii=False))
    else:
        assert ("日本.py" if is_unicode else r"\u65e5\u672c.py") in text


def test_other_commands_on_a_terminal_without_the_characters(empty: Place) -> None:
    empty.write({"日本.py": BAD})
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    for arguments in (["apply", "--diff"], ["apply"], ["undo"], ["rules"], ["init"], ["scan", "日本"]):
        assert b"Traceback" not in empty.process(*arguments, env=environment).stderr


def test_an_internal_error_is_no_finding(place: Place) -> None:
    place.write({"faulty.py": "from toy_rules import OldCall\nclass Faulty(OldCall):\n    code = name = 'faulty'\n"
                              "    def wants(self, facts): raise RuntimeError('oh no')\n"})  # fmt: skip
    place.write({"mlfix.toml": 'rules = ["faulty"]\n'})
    done = place.process("scan", env={**os.environ, "PYTHONPATH": os.environ["PYTHONPATH"] + os.pathsep + "."})
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == b"mlfix: error: internal error: please report it with the lines above"


def test_version_imports_next_to_nothing(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "sys.argv = ['mlfix', '--version']\n"
        "from mlfix.cli.main import main\n"
        "main()\n"
        "print(*sorted(sys.modules))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    version, modules = done.stdout.splitlines()
    assert version.startswith("mlfix ")
    loaded = {name.partition(".")[0] for name in modules.split()}
    assert loaded.isdisjoint({"click", "libcst", "networkx", "rich", "yaml", "jinja2", "pathspec", "packaging"})


def test_a_command_imports_no_more_than_it_needs() -> None:
    code = "import sys\nfrom mlfix.cli import commands\nprint(*sorted(sys.modules))\n"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert loaded.isdisjoint({"libcst", "networkx", "rich", "yaml", "jinja2"})


# --- terminals ------------------------------------------------------------------------------------------------------


def on_terminal(place: Place, *arguments: str, **variables: str) -> bytes:
    """What a command shows with both of its outputs on a terminal."""
    main, side = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "100", **variables}
    with place.started(*arguments, stdout=side, stderr=side, env=environment) as process:
        os.close(side)
        shown = b""
        while True:
            try:
                chunk = os.read(main, 65536)
            except OSError:  # Linux's way of saying that the other side is closed
                chunk = b""
            if not chunk:
                break
            shown += chunk
        process.wait(timeout=WAIT)
    os.close(main)
    return shown


COMMANDS = [["scan"], ["scan", "--diff"], ["apply", "--diff"]]


@pytest.mark.parametrize("arguments", COMMANDS)
def test_colour_on_a_terminal_only(place: Place, arguments: list[str]) -> None:
    assert b"\x1b[" in on_terminal(place, *arguments)
    assert b"\x1b" not in place.process(*arguments).stdout
    assert b"\x1b" not in on_terminal(place, *arguments, NO_COLOR="1")
    assert b"\x1b" not in on_terminal(place, *arguments, TERM="dumb")


@pytest.mark.parametrize("arguments", COMMANDS[:2])
def test_no_colour_in_a_file(place: Place, arguments: list[str]) -> None:
    on_terminal(place, *arguments, "--output", "report.txt")
    assert b"torch.new" in place.read("report.txt")
    assert b"\x1b" not in place.read("report.txt")


def test_a_progress_bar_for_long_work_on_a_terminal(empty: Place) -> None:
    files: dict[str, str | bytes] = {f"m{n}.py": BAD for n in range(40)}
    sleeping(empty.write(files), seconds=0.1)
    path = os.pathsep.join([os.environ["PYTHONPATH"], str(empty.root)])
    arguments = ("scan", "--no-cache", "-j2")
    assert b"checking" in on_terminal(empty, *arguments, PYTHONPATH=path)
    piped = empty.process(*arguments, env={**os.environ, "PYTHONPATH": path})
    assert b"checking" not in piped.stdout + piped.stderr


def test_no_progress_bar_for_short_work(place: Place) -> None:
    place.write({"train.py": GOOD, "mlfix.toml": CONFIG})
    assert b"reading" not in on_terminal(place, "scan")
