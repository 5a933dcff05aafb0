"""What the rules on clipping and warm-up share: training that asks for one of them and has neither."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from ...analyzer.findings import Evidence
from ...analyzer.flow.steps.calming import Loop, Need, calming, needs, training_loops
from ...analyzer.graph.project import Project
from ...analyzer.source.facts import FileFacts
from ...analyzer.source.module import Module


class Restless(NamedTuple):
    """A training loop without clipping or warm-up: why it asks for them, and how many files were read for either."""

    loop: Loop
    reasons: dict[Need, Evidence]
    files: int


def trains(facts: FileFacts) -> bool:
    """Whether a file goes backward and steps."""
    names = facts.called
    return {"backward", "step"} <= names


def restless(module: Module, project: Project) -> Iterator[Restless]:
    """The training loops of a file that ask for smaller steps, with nothing that makes them smaller."""
    for loop in training_loops(project, module):
        reasons = needs(project, loop)
        if not reasons:
            continue
        found = calming(project, loop)
        if not (found.clips or found.warms):
            yield Restless(loop, reasons, found.files)
