"""What is shown of a command's output."""

from __future__ import annotations

from mlfix.analyzer.runtime.environment import AGENT_BOOT
from mlfix.analyzer.runtime.jobs import without_agent

AGENT = AGENT_BOOT.parent


def test_tracebacks_show_no_frame_of_the_agent() -> None:
    lines = [
        "loading",
        "Traceback (most recent call last):",
        '  File "/repo/train.py", line 3, in <module>',
        "    from torch.amp import autocast",
        f'  File "{AGENT}/hiding.py", line 42, in guarded',
        "    self._refuse(name, fromlist or ())",
        "    ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^",
        f'  File "{AGENT}/hiding.py", line 66, in _refuse',
        "    raise ImportError(name)",
        "ImportError: cannot import name 'autocast' from 'torch.amp'",
    ]
    assert without_agent(lines) == [*lines[:4], lines[-1]]


def test_other_output_stays() -> None:
    lines = [f"{AGENT}/hiding.py", "    indented", '  File "/repo/agent/hiding.py", line 1, in f', "    g()"]
    assert without_agent(lines) == lines
