"""What a run shows of a backbone before and after the mending."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ...analyzer.findings import Finding
from ...analyzer.rule import Proof

if TYPE_CHECKING:
    from ...analyzer.runtime.trace import Trace


def measure(trace: Trace, finding: Finding) -> float | None:
    """Parameters of the wanted class that the loss reaches.

    Args:
        trace: one run's.
        finding: its repair names the wanted class, by file and name or by name alone.

    Returns:
        The number over all instances; 0 where models ran and none holds the class. None where no backward pass was
        seen, or what the finding wants is a function, whose class is not known.
    """
    repair = finding.repair or {}
    event = trace.last("paths")
    if event is None:
        return None
    classes = {name: int(count) for name, count in event["classes"].items()}
    wanted = repair.get("wanted")
    path, name = wanted if wanted else (None, repair.get("right"))
    if not name:
        return None
    counts = [count for cls, count in classes.items() if _is(cls, path, name)]
    if counts:
        return float(sum(counts))
    return 0.0 if _names_a_class(repair, classes) else None


def _is(cls: str, path: str | None, name: str) -> bool:
    """Whether a class of the run (``module.Class``) is the one of a file; a script's module is ``__main__``."""
    if cls != name and not cls.endswith("." + name):
        return False
    module = cls[: -len(name) - 1]
    if path is None or module in ("", "__main__"):
        return True
    file = path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    return file == module or file.endswith("." + module) or module.endswith("." + file)


def _names_a_class(repair: Mapping[str, Any], classes: Mapping[str, int]) -> bool:
    if repair.get("wanted"):
        return True
    picked = str(repair.get("picked") or repair.get("right")).rpartition(".")[2]
    return repair.get("kind") == "import" or any(_is(cls, None, picked) for cls in classes)


PROOF = Proof(
    probe="gradient-path",
    quantity="parameters of the wanted class that take part in training",
    measure=measure,
    violated=lambda value: value == 0,
    satisfied=lambda value: value > 0,
)
