"""What the toy rules look for, as calls that leave a mark in the trace."""

import sys

import sitecustomize

_TRACE = sitecustomize.TRACE
_TRACE.begin()


def old(value=0):
    _TRACE.write("call", name="old")
    return value


def new(value=0):
    _TRACE.write("call", name="new")
    return value


slow = old
fast = new


def step(loss=1.0):
    _TRACE.phase = "train"
    _TRACE.steps += 1
    _TRACE.write("loss", v=loss if loss == loss else "nan")
    _TRACE.write("step", dt=0.01)
    if _TRACE.steps >= (sitecustomize.SETTINGS.get("steps") or 10**9):
        _TRACE.write("stop", why="steps", hard=False)
        sys.exit(0)
