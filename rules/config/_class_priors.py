"""What the rules on class priors share: the risks of a file, where their prior is set, and the labels at hand."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from ...analyzer.findings import Evidence
from ...analyzer.flow.priors.reading import Read, labels_read, program_of
from ...analyzer.flow.priors.risks import Risk, pu_risks
from ...analyzer.flow.priors.supervised import learnt_from
from ...analyzer.flow.settings import Setting, settings_of
from ...analyzer.flow.values.frames import Known
from ...analyzer.graph.project import Project
from ...analyzer.source.facts import FileFacts
from ...analyzer.source.module import Module

_PRIORS = frozenset({b"prior", b"nnPU", b"nnpu", b"PULoss", b"self.pi", b"_pi"})
_LOSSES = frozenset(
    {
        *(b"loss", b"Loss", b"LOSS", b"risk", b"Risk", b"igmoid", b"oftplus", b"ogistic", b"hinge", b"Hinge"),
        *(b"cross_entropy", b"bce", b"BCE", b"Bce", b"crit", b"Crit"),
    }
)
TRIGGERS = tuple(sorted(_PRIORS | _LOSSES))


class Weighed(NamedTuple):
    """A PU risk, where its prior is set, and the labels that its program reads."""

    risk: Risk
    settings: tuple[Known[Setting], ...]
    read: Read
    marked: Evidence | None
    """What shows that both classes are marked."""


def may_weigh(facts: FileFacts) -> bool:
    """Whether a file's text speaks of a prior and of a loss."""
    return not facts.tokens.isdisjoint(_PRIORS) and not facts.tokens.isdisjoint(_LOSSES)


def weighed(module: Module, project: Project) -> Iterator[Weighed]:
    """The risks of a file whose labels can be counted without doubt which they are."""
    for risk in pu_risks(module):
        program = program_of(project, module.path)
        reads = [r for r in labels_read(project, program) if r.labels.positive is not None]
        if len(reads) != 1:
            continue
        settings = tuple(settings_of(project, project.flow.operand(module, risk.prior)))
        reader = {e.path for e in reads[0].evidence}
        yield Weighed(risk, settings, reads[0], learnt_from(project, reader))
