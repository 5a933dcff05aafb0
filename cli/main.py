"""The command ``mlfix``. Imports almost nothing until it is known what is asked for."""

from __future__ import annotations

import sys

from ..analyzer.version import __version__


def main() -> None:
    """Entry point of the console script."""
    if sys.argv[1:] == ["--version"]:
        print(f"mlfix {__version__}")
        return
    from .commands import cli

    cli(prog_name="mlfix")


if __name__ == "__main__":
    main()
