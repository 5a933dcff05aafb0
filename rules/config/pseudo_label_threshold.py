"""Pseudo-label thresholds that hardly any prediction passes."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from ...analyzer.findings import Confidence, Evidence, Finding, Level, Location
from ...analyzer.flow.predictions.masked import LOSSES, Mask, masks, may_have_mask
from ...analyzer.flow.settings import Configured, Setting, settings_of
from ...analyzer.flow.values.frames import Known, Operand
from ...analyzer.graph.graphs import is_test
from ...analyzer.graph.project import Project
from ...analyzer.rule import Rule
from ...analyzer.source.facts import FileFacts
from ...analyzer.source.module import Module
from ...analyzer.source.scopes import Kind, key_of
from ...analyzer.source.syntax import Syntax
from ._label_state import State, state_of
from ._pseudo_label_threshold_cases import INVALID, VALID
from ._pseudo_label_threshold_proof import PROOF

_HIGH = 0.9
_LOWERED = "0.75"
_TWO = 2
_DEEPEST = 8
_LARGEST = frozenset({"max", "amax", "topk"})


class PseudoLabelThreshold(Rule):
    """A confidence threshold that lets hardly any pseudo-label through.

    What it does
    ------------
    Finds a threshold of 0.9 and more - in a configuration file, an option, a dataclass or the code - with which the
    largest probability of a prediction is compared to mask a loss, and which stays the same for the whole training.
    It is reported by default where the model has ten labels a class or fewer, or two classes alone; elsewhere with low
    confidence, since only a run shows what passes (``mlfix probe``: ``pseudo-label-use``).

    Thresholds that follow the model (FlexMatch, FreeMatch, a ramp) are left alone.

    Why it is bad
    -------------
    A model that has seen few labels is hardly ever so sure. The mask is 0 nearly everywhere, the unlabelled data take
    no part, and training is supervised on the few labels alone. 0.95 is the choice of FixMatch for a thousand epochs
    on ten classes of natural images.

    What you see
    ------------
    The unsupervised loss is 0 or close to it, the share of used pseudo-labels stays near 0, and more unlabelled data
    change nothing.

    Example
    -------
    Bad::

        num_classes: 2
        threshold: 0.95

    Good::

        num_classes: 2
        threshold: 0.75

    Fix safety
    ----------
    Unsafe: a lower threshold lets wrong pseudo-labels through as well. The value alone is changed, in place or, with
    ``--write-copy``, in a copy beside the file.

    References
    ----------
    - Sohn et al. 2020, FixMatch: https://arxiv.org/abs/2001.07685
    - Zhang et al. 2021, FlexMatch: https://arxiv.org/abs/2110.08263
    - Wang et al. 2023, FreeMatch: https://arxiv.org/abs/2205.07246
    """

    name = "pseudo-label-threshold"
    code = "MLF801"
    level = Level.BREAKS
    symptom = "The unlabelled data hardly take part: nearly every pseudo-label is masked out of the loss."
    proof = PROOF
    triggers = (b"softmax", b"sigmoid")
    VALID = VALID
    INVALID = INVALID

    def wants(self, facts: FileFacts) -> bool:
        """A confidence is the largest probability, or a sigmoid's value beside a loss of torch's."""
        names = facts.called
        return not names.isdisjoint(_LARGEST) or ("sigmoid" in names and not names.isdisjoint(LOSSES))

    def screen(self, syntax: Syntax, facts: FileFacts) -> bool:
        """A comparison that may be a mask; tests compare what they like."""
        return not is_test(facts.path) and may_have_mask(syntax)

    def check(self, module: Module, project: Project) -> Iterator[Finding]:
        """The thresholds of one file's masks, wherever they are configured."""
        if is_test(module.path):
            return
        seen: set[Location] = set()
        found = list(masks(project, module))
        for mask in found:
            op = project.flow.operand(module, mask.threshold)
            if any(_scales(other.threshold, mask.threshold) for other in found) or not _is_fixed(project, op, 0):
                continue
            known = [k for k in settings_of(project, op) if _is_high(k.what)]
            for one in known:
                if one.what.location not in seen:
                    seen.add(one.what.location)
                    yield self._found(project, mask, one)

    def _found(self, project: Project, mask: Mask, known: Known[Setting]) -> Finding:
        setting = known.what
        state = state_of(project, setting, mask.module.path)
        is_likely = state.is_few or (state.classes is not None and state.classes <= _TWO)
        where = setting.location
        name = f"`{setting.name}`" if setting.name else "the threshold"
        return self.finding_at(
            where,
            f"{name} lets only predictions of {setting.text} and more through, for the whole training{_given(state)}",
            subject=f"{setting.name}={setting.text}",
            evidence=[
                Evidence(where.path, where.line, f"the threshold: `{setting.text}`"),
                *mask.trail[-2:],
                mask.module.evidence(mask.node, f"compared with it: `{mask.module.snippet(mask.node)}`"),
                mask.module.evidence(mask.use, "what is below takes no part in the loss"),
                *state.evidence[:2],
            ],
            confidence=Confidence.MEDIUM if is_likely else Confidence.LOW,
            repair={"place": setting.place, "value": _LOWERED} if setting.editable else None,
            no_fix="" if setting.editable else "the value is computed where it stands",
        )


def _given(state: State) -> str:
    return f", with {state.words}" if state.words else ""


def _is_high(setting: Setting) -> bool:
    return setting.number is not None and _HIGH <= setting.number < 1


def _scales(other: ast.expr, threshold: ast.expr) -> bool:
    """Whether another mask of the file scales the same threshold: an adaptive one, that only reports by the plain."""
    if not isinstance(other, ast.BinOp):
        return False
    key = key_of(threshold)
    return key is not None and any(isinstance(n, ast.expr) and key_of(n) == key for n in ast.walk(other))


def _is_fixed(project: Project, op: Operand, depth: int) -> bool:
    """Whether all that a threshold may be is configured: nothing computes or changes it in the course of training."""
    if key_of(op.node) is None or depth > _DEEPEST:
        return bool(Configured(project).evaluate(op))
    sources = project.flow.sources(op)
    if not sources:
        return bool(Configured(project).evaluate(op))
    for source in sources:
        if source.binding is not None and source.binding.kind in (Kind.AUGMENT, Kind.UPDATE, Kind.ITERATE):
            return False
        if source.operand is None or source.index or not _is_fixed(project, source.operand, depth + 1):
            return False
    return True
