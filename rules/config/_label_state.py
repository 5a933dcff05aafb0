"""How much a model can know: labels and classes, as the configuration beside a setting or the labels at hand say."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from ...analyzer.findings import Evidence
from ...analyzer.flow.priors.reading import labels_read, program_of
from ...analyzer.flow.settings import Form, Setting
from ...analyzer.flow.settings.options import options_of
from ...analyzer.graph.project import Project

_LABELS = re.compile(
    r"(?:num|n|nb|number_of)_?(?:of_)?(?:labels|labell?ed(?:_\w+)?|lb|label)|labell?ed_num|label_num|n_lab", re.I
)
_PER_CLASS = re.compile(r"(?:\w*labels?|\w*shots?|n_lb|num_labell?ed)_per_class(?:es)?", re.IGNORECASE)
_CLASSES = re.compile(r"(?:num|n|nb)_?(?:class|classes)|nclass(?:es)?", re.IGNORECASE)
_FEW_A_CLASS = 10
_FEW = 100


class State(NamedTuple):
    """What is known of the labels: their number and the number of classes, None where not known."""

    labels: float | None
    classes: float | None
    evidence: tuple[Evidence, ...]

    @property
    def is_few(self) -> bool:
        """Whether a model has too few labels to be sure of much: ten a class, or a hundred in all."""
        if self.labels is None:
            return False
        return self.labels <= (_FEW_A_CLASS * self.classes if self.classes else _FEW)

    @property
    def words(self) -> str:
        """The state in words; "" where nothing is known."""
        labels = f"{self.labels:g} labels" if self.labels is not None else ""
        classes = f"{self.classes:g} classes" if self.classes is not None else ""
        return " for ".join(part for part in (labels, classes) if part)


def state_of(project: Project, setting: Setting, program: str) -> State:
    """The labels and classes of the run that a setting is for.

    Args:
        project: the repository.
        setting: in a configuration file, or an option's default.
        program: the file whose code uses it.
    """
    labels = classes = None
    per_class = False
    evidence: list[Evidence] = []
    for name, value, where in _beside(project, setting):
        if value <= 0:
            continue
        if _PER_CLASS.fullmatch(name):
            labels, per_class = value, True
        elif _LABELS.fullmatch(name) and not per_class:
            labels = value
        elif _CLASSES.fullmatch(name):
            classes = value
        else:
            continue
        evidence.append(where)
    if per_class and labels is not None:
        labels = labels * classes if classes else labels * 2
    if labels is None and classes is None:
        read = labels_read(project, program_of(project, program))
        if len(read) == 1:
            counted = read[0].labels
            return State(counted.total, len(counted.counts), read[0].evidence)
    return State(labels, classes, tuple(evidence))


def _beside(project: Project, setting: Setting) -> Iterator[tuple[str, float, Evidence]]:
    """The numbers beside a setting: the other keys of its file, or the other options of its parser."""
    path = setting.location.path
    if setting.form is Form.FILE:
        config = project.configs.file(path)
        for entry in config.entries() if config is not None else ():
            if isinstance(entry.value, (int, float)) and not isinstance(entry.value, bool):
                name = str(entry.key[-1])
                yield name, float(entry.value), Evidence(path, entry.at.line, f"`{entry.name}: {entry.text}`")
    elif setting.form is Form.OPTION:
        for option in options_of(project.module(path)):
            default = option.setting
            if default is not None and default.number is not None:
                where = Evidence(path, default.location.line, f"`--{option.name}` is {default.text} by default")
                yield option.name, default.number, where
