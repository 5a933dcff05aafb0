"""The command ``mlfix``. Imports almost nothing until it is known what is asked for."""

from __future__ import annotations

import gc
import sys

from ..analyzer.version import __version__


def main() -> None:
    """Entry point of the console script."""
    if sys.argv[1:] == ["--version"]:
        print(f"mlfix {__version__}")
        return
    try:
        from .running import run

        code = run(sys.argv[1:])
    except KeyboardInterrupt:
        print("mlfix: error: interrupted", file=sys.stderr)
        code = 2
    gc.freeze()  # the collector need not walk a whole project once more on the way out
    sys.exit(code)


if __name__ == "__main__":
    main()
