"""What is put inside the user's process. The standard library and torch alone, Python 3.8 on.

``boot/sitecustomize.py`` loads this package under the name ``_mlfix_agent`` and calls :func:`arm`. Nothing heavy is
imported before torch is: a process that never trains pays about a millisecond.
"""

from __future__ import annotations


def arm() -> None:
    """Wait for torch, and note how the process ends."""
    from .process import Process

    Process().arm()
