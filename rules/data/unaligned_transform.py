"""Images that move without their targets, and predictions that are never brought back."""

from __future__ import annotations

import re
from collections.abc import Iterator
from weakref import WeakKeyDictionary

from ...analyzer.findings import Confidence, Finding, Level
from ...analyzer.flow.images.companions import LeftBehind, left_behind
from ...analyzer.flow.images.dropped import dropped
from ...analyzer.flow.images.formats import columns_are_x_y
from ...analyzer.flow.images.inverses import Forward, Kept, forward_again, unread
from ...analyzer.flow.images.motions import FLIP, MIRROR, has_motion, may_move
from ...analyzer.flow.images.pipelines import Apart, Applied, drawn_apart, may_apply_pipeline, without_targets
from ...analyzer.graph.graphs import is_test
from ...analyzer.graph.project import Project
from ...analyzer.rule import Rule
from ...analyzer.source.facts import FileFacts
from ...analyzer.source.module import Module
from ...analyzer.source.syntax import Syntax
from ._unaligned_transform_cases import INVALID, VALID
from ._unaligned_transform_proof import PROOF

_LIBRARIES = ("PIL", "cv2", "torchvision", "albumentations", "numpy", "torch", "skimage")
_COMPOSED = ("torchvision", "albumentations")
_PICTURES = ("PIL", "cv2", "torchvision", "albumentations", "skimage", "imageio")
_APPLIED = re.compile(r"transforms?$|aug$|augment(?:ation)?s?$|augmentor$|pipeline$", re.I)
_USES: WeakKeyDictionary[Project, bool] = WeakKeyDictionary()


class UnalignedTransform(Rule):
    """A geometric transform that reaches the image and not its target.

    What it does
    ------------
    Finds images that are mirrored, turned or warped without what belongs to them:

    - the result of the transform is thrown away (``np.fliplr(image)`` as a statement),
    - a block moves the image alone, while another block of the code moves image and target together, and both are
      returned,
    - an image and its mask go through random transforms separately, so that each gets a draw of its own,
    - an albumentations pipeline is given the image alone, and boxes, keypoints or a mask are returned beside it,
    - an inverse matrix is kept for the way back, nothing reads it, and predictions are sent forward once more.

    Flags that tell the caller of the motion, shared seeds, photometric transforms and class labels are left alone.

    Why it is bad
    -------------
    Half of the targets lie where their object is not. The network learns the average of both places: blurred masks,
    boxes in the middle, keypoints on the axis of symmetry. On the way back, right predictions are counted as wrong.

    What you see
    ------------
    The loss falls and the metric stays near zero, or well below what it reaches without augmentation.

    Example
    -------
    Bad::

        if random.random() < 0.5:
            image = ImageOps.mirror(image)
        return image, boxes

    Good::

        if random.random() < 0.5:
            image = ImageOps.mirror(image)
            boxes[:, [0, 2]] = image.width - boxes[:, [2, 0]]
        return image, boxes

    Fix safety
    ----------
    Unsafe: what is trained or measured changes. Written only where the target's format is known from the code: points
    with x and y in their last dimension, an image that takes the same call. Everything else is for a person to mend.

    References
    ----------
    - https://docs.pytorch.org/vision/stable/transforms.html (transforms of images with their boxes and masks)
    - https://albumentations.ai/docs/3-basic-usage/keypoint-augmentations/
    """

    name = "unaligned-transform"
    code = "MLF209"
    level = Level.BREAKS
    symptom = "The loss falls, and the metric stays near zero or below what it reaches without augmentation."
    proof = PROOF
    triggers = (b"flip", b"mirror", b"rotat", b"warp", b"Compose", b"FLIP_", b"rot90", b"ransform", b"aug")
    VALID = VALID
    INVALID = INVALID

    def wants(self, facts: FileFacts) -> bool:
        """Whether the file works on images at all, and moves them or may apply what does."""
        libraries = {i.target.partition(".")[0] for i in facts.imports}
        if libraries.isdisjoint(_LIBRARIES):
            return False
        return not libraries.isdisjoint(_PICTURES) or may_move(facts) or _makes_items(facts)

    def screen(self, syntax: Syntax, facts: FileFacts) -> bool:
        """A statement that moves an image, or a call that may be that of a pipeline."""
        return not is_test(facts.path) and (has_motion(syntax, facts) or may_apply_pipeline(syntax))

    def check(self, module: Module, project: Project) -> Iterator[Finding]:
        """What is seen in one file."""
        if is_test(module.path):
            return
        for statement, found in dropped(module, project):
            yield self.finding(
                module,
                statement,
                f"`{module.snippet(statement)}` gives a new image, which is thrown away: "
                f"`{module.snippet(found.image)}` stays as it was",
                evidence=[module.evidence(statement, f"`{found.name}` leaves its argument alone")],
                repair={"kind": "dropped"},
            )
        for found in left_behind(module, project):
            yield self._left(module, project, found)
        if _is_composed(project):
            for apart in drawn_apart(module, project):
                yield self._apart(module, apart)
            for applied, target in without_targets(module, project):
                yield self._alone(module, applied, target)

    def check_project(self, project: Project) -> Iterator[Finding]:
        """Inverses that nothing reads."""
        for kept in unread(project):
            forwards = list(forward_again(kept, project))
            for found in forwards:
                yield self._forward(found)
            if not forwards:
                yield self._unread(kept)

    def _left(self, module: Module, project: Project, found: LeftBehind) -> Finding:
        moved = found.moved
        kind, name = moved.motion.kind, moved.motion.name
        held = "PIL" if name.startswith(("PIL", "Image.")) else "array"
        known = kind in (MIRROR, FLIP) and not name.startswith("torch") and columns_are_x_y(found, module, project)
        return self.finding(
            module,
            moved.statement,
            f"`{moved.image}` is moved by `{name}`, and `{found.companion}` stays where it was",
            evidence=[
                module.evidence(found.pattern.statement, f"here `{found.pattern.image}` is moved"),
                module.evidence(found.update, f"and `{found.companion}` with it"),
                module.evidence(moved.statement, f"here `{moved.image}` is moved alone"),
            ],
            repair={"kind": "points", "name": found.companion, "motion": kind, "image": moved.image, "held": held}
            if known
            else None,
            no_fix="" if known else f"in what form `{found.companion}` holds its coordinates is not known for certain",
        )

    def _apart(self, module: Module, found: Apart) -> Finding:
        image, target = module.snippet(found.image.given), module.snippet(found.target.given)
        step = found.step
        again = "the same pipeline draws again" if found.is_same else "another pipeline, with draws of its own"
        return self.finding(
            module,
            found.target.call,
            f"`{image}` and `{target}` are transformed separately: `{step.text()}` moves them differently",
            evidence=[
                step.module.evidence(step.node, f"`{step.text()}` draws anew in each call"),
                module.evidence(found.image.call, f"`{module.snippet(found.image.call)}`"),
                module.evidence(found.target.call, f"`{module.snippet(found.target.call)}`: {again}"),
            ],
            confidence=Confidence.MEDIUM,
            no_fix="give both to one call (torchvision.transforms.v2 with tv_tensors.Mask), or seed both calls alike",
        )

    def _alone(self, module: Module, found: Applied, target: str) -> Finding:
        step = found.motions[0]
        return self.finding(
            module,
            found.call,
            f"`{step.text()}` moves the image, and `{target}` is not given to the pipeline",
            evidence=[
                step.module.evidence(step.node, f"`{step.text()}` moves pixels"),
                module.evidence(found.call, "only the image is given"),
            ],
            confidence=Confidence.MEDIUM,
            no_fix="give the target to the pipeline, with bbox_params or keypoint_params in its Compose",
        )

    def _forward(self, found: Forward) -> Finding:
        kept, module = found.kept, found.module
        return self.finding(
            module,
            found.read,
            f"predictions are mapped by `{kept.matrix_key}`, which leads away from the original image; "
            f"`{kept.key}`, the way back, is read by nothing",
            evidence=[
                kept.module.evidence(kept.call, f"`{kept.key}` is made here, and no code reads it"),
                kept.module.evidence(found.there, "the way forward, for the targets"),
                module.evidence(found.use, "the same way once more, for predictions"),
            ],
            repair={"kind": "key", "key": kept.key},
        )

    def _unread(self, kept: Kept) -> Finding:
        return self.finding(
            kept.module,
            kept.call,
            f"the inverse is kept as `{kept.key}`, and no code reads it: predictions are never brought back",
            evidence=[kept.module.evidence(kept.call, f"`{kept.key}` appears nowhere else in the project")],
            confidence=Confidence.LOW,
            no_fix="where predictions should be brought back is for a person to say",
        )


def _makes_items(facts: FileFacts) -> bool:
    """Whether a file may apply a composed transform: it has a dataset, or calls something that is named so."""
    if any("__getitem__" in c.methods for c in facts.classes):
        return True
    return any(_APPLIED.search(name) for name in facts.called)


def _is_composed(project: Project) -> bool:
    """Whether the project imports a library of composed transforms at all."""
    known = _USES.get(project)
    if known is None:
        imports = (i.target.partition(".")[0] for f in project.files.values() for i in f.imports)
        known = _USES[project] = any(library in _COMPOSED for library in imports)
    return known
