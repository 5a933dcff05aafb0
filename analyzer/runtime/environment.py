"""The environment through which the agent comes into every Python process of a command, and of what it starts."""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from .settings import SETTINGS_VARIABLE, TRACE_VARIABLE, RunSettings

AGENT_BOOT = Path(__file__).resolve().parent / "agent" / "boot"
"""Holds ``sitecustomize.py``, which Python imports from ``PYTHONPATH`` at its start."""
_LONGEST_TEMPORARY = 65
"""Characters: multiprocessing puts sockets below it, whose paths of some 35 more may have 103 in all."""
_ALWAYS = ("python", "python3")
_LAUNCHERS = ("torchrun", "accelerate", "deepspeed", "lightning", "fabric", "composer", "horovodrun", "ipython")
_OFTEN_ACTIVATED = ("torchrun", "accelerate", "deepspeed")
_VERSIONS = tuple(f"python3.{minor}" for minor in range(8, 20))

# A script that sets PYTHONPATH anew loses the agent: each of these names puts it back before the real program starts.
_SHIM = """#!/bin/sh
name=${0##*/}
case "$PYTHONPATH:" in
"$MLFIX_AGENT_BOOT:"*) ;;
*) PYTHONPATH="$MLFIX_AGENT_BOOT${PYTHONPATH:+:$PYTHONPATH}"; export PYTHONPATH ;;
esac
old_ifs=$IFS
IFS=:
for folder in $PATH; do
    [ "$folder" = "$MLFIX_AGENT_SHIMS" ] && continue
    if [ -f "${folder:-.}/$name" ] && [ -x "${folder:-.}/$name" ]; then
        IFS=$old_ifs
        exec "${folder:-.}/$name" "$@"
    fi
done
echo "$name: command not found" >&2
exit 127
"""
_BASH = """[ -z "$MLFIX_AGENT_BASH_ENV" ] || . "$MLFIX_AGENT_BASH_ENV"
"""


def run_environment(
    base: Mapping[str, str],
    settings: RunSettings,
    folder: Path,
    trace: Path,
    threads: int,
    boot: Path = AGENT_BOOT,
) -> dict[str, str]:
    """The environment of one run.

    Args:
        base: the user's own environment.
        settings: what the run is told.
        folder: a folder of the run's own, for the shims and temporary files.
        trace: an existing folder for the trace.
        threads: compute threads; results differ in their last digits between numbers of them.
        boot: the folder whose ``sitecustomize`` starts the agent.

    Returns:
        A new environment.
    """
    shims = folder / "bin"
    hidden = folder / "later"
    names = list(_shim_names(base.get("PATH", os.defpath)))
    # An activated virtual environment comes before the shims on PATH, and may bring launchers that were not there.
    later = [name for name in _OFTEN_ACTIVATED if name not in names]
    _write_shims(shims, names)
    _write_shims(hidden, later)
    bash = folder / "bash_env"
    # Functions come before everything on PATH.
    functions = [f'{name}() {{ "$MLFIX_AGENT_SHIMS/{name}" "$@"; }}' for name in names]
    functions += [f'{name}() {{ {shlex.quote(str(hidden / name))} "$@"; }}' for name in later]
    bash.write_text(_BASH + "\n".join(functions) + "\n")
    env = dict(base)
    temporary = folder / "tmp"
    if len(os.fsencode(temporary)) <= _LONGEST_TEMPORARY:
        temporary.mkdir(exist_ok=True)
        env["TMPDIR"] = str(temporary)
    # Torch makes this folder in the first step of an optimizer, also where nothing is compiled.
    env.setdefault("TORCHINDUCTOR_CACHE_DIR", str(folder / "inductor"))
    env.update(
        {
            TRACE_VARIABLE: str(trace),
            SETTINGS_VARIABLE: settings.to_json(),
            "MLFIX_AGENT_BOOT": str(boot),
            "MLFIX_AGENT_SHIMS": str(shims),
            "MLFIX_AGENT_BASH_ENV": base.get("BASH_ENV", ""),
            "PYTHONPATH": os.pathsep.join(filter(None, (str(boot), base.get("PYTHONPATH", "")))),
            "PATH": os.pathsep.join((str(shims), base.get("PATH", os.defpath))),
            "BASH_ENV": str(bash),
            "PYTHONHASHSEED": "0",
            "PYTHONFAULTHANDLER": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
            "WANDB_MODE": "offline",
        }
    )
    env.setdefault("OMP_NUM_THREADS", str(threads))
    # Threads that wait by spinning take the cores from the other runs, and from whatever else the machine does.
    env.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    if not settings.keep_compile:
        env["TORCHDYNAMO_DISABLE"] = "1"
    if settings.device == "cpu":
        env["CUDA_VISIBLE_DEVICES"] = ""
    # Lightning decides by the batch's index, which cutting a loader short does not change.
    for variable, count in (
        ("PL_TRAINER_LIMIT_TRAIN_BATCHES", settings.train_batches),
        ("PL_TRAINER_LIMIT_VAL_BATCHES", settings.validation_batches),
    ):
        if count is not None:
            env[variable] = str(count)
    return env


def _write_shims(folder: Path, names: Iterable[str]) -> None:
    folder.mkdir(exist_ok=True)
    script = folder / ".shim"
    script.write_text(_SHIM)
    script.chmod(0o755)
    for name in names:
        (folder / name).symlink_to(script.name)


def _shim_names(path: str) -> Iterator[str]:
    yield from _ALWAYS
    yield from (name for name in (*_LAUNCHERS, *_VERSIONS) if shutil.which(name, path=path))
