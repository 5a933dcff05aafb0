"""The command ``mlfix``. Imports almost nothing until it is known what is asked for."""

from __future__ import annotations

import gc
import sys

from ..analyzer.version import __version__

_NEW_OBJECTS = 100_000
"""After how many the collector looks for cycles: imports and syntax trees are many objects, and hold next to none."""


def main() -> None:
    """Entry point of the console script."""
    if sys.argv[1:] == ["--version"]:
        print(f"mlfix {__version__}")
        return
    gc.set_threshold(_NEW_OBJECTS)
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
