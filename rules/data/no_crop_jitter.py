"""Training crops that always have the object in their middle."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

from ...analyzer.findings import Confidence, Finding, Level
from ...analyzer.flow.crops.centred import Centred, centred_crops, cutting_functions
from ...analyzer.flow.items.making import Item, items_of
from ...analyzer.flow.items.phases import runs_in_training
from ...analyzer.flow.values.functions import own_calls, self_name
from ...analyzer.graph.graphs import is_test
from ...analyzer.graph.project import Project
from ...analyzer.rule import Rule
from ...analyzer.source.facts import FileFacts
from ...analyzer.source.module import Module
from ._no_crop_jitter_cases import INVALID, VALID
from ._no_crop_jitter_plan import plan
from ._no_crop_jitter_proof import PROOF


class NoCropJitter(Rule):
    """Crops for training that are cut exactly around the object, every time.

    What it does
    ------------
    Looks at ``__getitem__`` of datasets and every function that it reaches, for a window whose start is the centre of
    an object less half of the window (``int(centre) - size // 2``), where the centre is measured on the data: the mean
    position of a mask, ``center_of_mass``, a region's ``centroid``. That other items of the same list are cut at places
    that are drawn (background beside the objects) changes nothing for the objects. It says nothing where anything
    random is added, in the same place, in a helper or by a transform (``RandomCrop``, ``RandomAffine``), for
    evaluation, and for centres that are looked up (a pixel whose own class is asked for must be in the middle).

    Why it is bad
    -------------
    The object is at the same place in every crop, so the network can learn to look at that place alone, and two
    augmented views of an object agree there without any feature of it. A crop that is a few voxels off finds it blind.

    What you see
    ------------
    A contrastive loss that falls early and features that separate little; scores that drop when the object is not
    exactly in the middle.

    Example
    -------
    Bad::

        start = int(round(centre)) - size // 2

    Good::

        start = int(round(centre)) - size // 2 + int(torch.randint(-8, 9, ()))

    Fix safety
    ----------
    Unsafe: other crops are trained on. The shift is up to 8 voxels (and a quarter of the crop) on each axis, drawn from
    torch's own generator; the function gets a parameter ``jitter``, 0 by default, that only the calls on the way from
    ``__getitem__`` set, so that evaluation goes on with centred crops. There is a fix where the start is clamped to the
    volume afterwards and the dataset is not used for evaluation as well.

    References
    ----------
    - Chen et al. 2020, A Simple Framework for Contrastive Learning (of all augmentations, random crops matter most)
    """

    name = "no-crop-jitter"
    code = "MLF202"
    level = Level.DEGRADES
    symptom = "The network looks at the middle of the crop: features are weak, and a shifted object is missed."
    proof = PROOF
    triggers = (b"argwhere", b"nonzero", b"where(", b"center_of_mass", b"centroid")
    VALID = VALID
    INVALID = INVALID

    def wants(self, facts: FileFacts) -> bool:
        """Whether the file may measure where something is."""
        return not is_test(facts.path)

    def check(self, module: Module, project: Project) -> Iterator[Finding]:
        """Each function of the file that cuts around a centre, for the dataset whose items it makes."""
        centred = cutting_functions(project.flow, module)
        if not centred:
            return
        reported: set[str] = set()
        for item in items_of(project):
            crops = [c for c in centred_crops(project.flow, item) if _is_trained_on(project, item, c)]
            for name in centred:
                here = [c for c in crops if (c.visit.module.path, c.visit.scope.qualname) == (module.path, name)]
                if here and name not in reported:
                    reported.add(name)
                    yield self._report(project, item, here)

    def _report(self, project: Project, item: Item, crops: list[Centred]) -> Finding:
        first = crops[0]
        module = first.visit.module
        planned: dict[str, Any] | str = plan(project, item, crops)
        evidence = [
            *first.centre.trail,
            module.evidence(first.start.node, f"the crop starts at `{first.start.text()}`"),
        ]
        for op in first.visit.chain:
            evidence.append(op.module.evidence(op.node, f"`{op.text()}` is reached from `{item.klass.qualname}`"))
        return self.finding(
            module,
            first.start.node,
            f"crops of `{item.klass.qualname}` are cut exactly around the object: `{first.start.text()}` has no jitter",
            evidence=evidence,
            confidence=Confidence.HIGH if first.is_alone and not _gives_transforms(item) else Confidence.MEDIUM,
            repair=planned if isinstance(planned, dict) else None,
            no_fix=planned if isinstance(planned, str) else "",
        )


def _is_trained_on(project: Project, item: Item, crop: Centred) -> bool:
    return runs_in_training(project.flow, item, crop.visit, crop.start.node)


def _gives_transforms(item: Item) -> bool:
    """Whether ``__getitem__`` calls what the dataset was given (``self.transform(x)``): its code may shift the item."""
    scope = item.getter.scope
    own = self_name(scope)
    return any(
        isinstance(call.func, ast.Attribute)
        and isinstance(call.func.value, ast.Name)
        and call.func.value.id == own
        and id(call) not in item.entered
        for call in own_calls(scope)
    )
