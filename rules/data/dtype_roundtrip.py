"""Images that a cast empties or wraps around."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ...analyzer.findings import Confidence, Finding, Level
from ...analyzer.flow.images.casts import Emptied, Wrapped, emptied, wrapped
from ...analyzer.flow.images.scaled import Scaled, scaled_twice
from ...analyzer.graph.graphs import is_test
from ...analyzer.graph.project import Project
from ...analyzer.rule import Rule
from ...analyzer.source.facts import FileFacts
from ...analyzer.source.module import Module
from ._dtype_roundtrip_cases import INVALID, VALID
from ._dtype_roundtrip_proof import PROOF

_LIBRARIES = ("PIL", "cv2", "torchvision", "numpy", "torch", "skimage", "imageio")


_MEANT = re.compile(r"\b25[56]\b|wrap|overflow|underflow|ignore", re.IGNORECASE)
"""What a comment says where unsigned numbers shall wrap: the label 0 becomes 255, which is left out."""


class DtypeRoundtrip(Rule):
    """An image that loses its values on the way to uint8 or in it.

    What it does
    ------------
    Follows the type and the range of an image's values: from readers, divisions by 255, ``clip``, ``sigmoid`` and
    arithmetic with constants, through functions and files. Reports

    - casts to uint8 of values between 0 and 1 (``(image / 255.0).astype(np.uint8)``), which leave 0 nearly everywhere,
    - differences of two uint8 images, a uint8 image minus a whole number, and negated values of one: unsigned numbers
      wrap around, so that 3 - 5 is 254,
    - tensors of floats that are multiplied by 255 and given to torchvision's ``to_pil_image`` or ``ToPILImage``, which
      take floats for 0 to 1 and multiply once more: the bytes wrap around.

    Masks (comparisons, rounded values, names that say so) are left alone: 0 and 1 survive the cast.

    Why it is bad
    -------------
    Nothing fails, and pictures of the right shape and type go on: black ones, or ones with bright specks where values
    wrapped. A map that passes through such a cast is empty, and the network learns to predict nothing.

    What you see
    ------------
    A loss that falls at once to almost nothing, target maps without a bright pixel, noise that augmentation brings in.

    Example
    -------
    Bad::

        Image.fromarray(np.clip(heat, 0.0, 1.0).astype(np.uint8))

    Good::

        Image.fromarray((np.clip(heat, 0.0, 1.0) * 255).round().astype(np.uint8))

    Fix safety
    ----------
    Unsafe: what is trained on changes. A cast is scaled to 0..255 where what comes next takes it for an image of that
    range (PIL, a writer, a division by 255); a difference is computed in a signed type; a tensor that was scaled
    already is divided by 255.

    References
    ----------
    - https://numpy.org/doc/stable/user/basics.types.html#overflow-errors
    - https://docs.pytorch.org/vision/stable/generated/torchvision.transforms.ToTensor.html
    """

    name = "dtype-roundtrip"
    code = "MLF208"
    level = Level.BREAKS
    symptom = "Images or target maps are almost black, or have bright specks where values wrapped around."
    proof = PROOF
    triggers = (b"uint8", b".byte()", b"imread", b"calcHist", b"to_pil_image", b"ToPILImage")
    VALID = VALID
    INVALID = INVALID

    def wants(self, facts: FileFacts) -> bool:
        """Whether the file works on images at all."""
        return any(i.target.partition(".")[0] in _LIBRARIES for i in facts.imports)

    def check(self, module: Module, project: Project) -> Iterator[Finding]:
        """Casts first, then differences."""
        if is_test(module.path):
            return
        for found in emptied(module, project):
            yield self._emptied(module, found)
        for found in wrapped(module, project):
            if not _MEANT.search(module.line_text(found.node).partition("#")[2]):
                yield self._wrapped(module, found)
        for scaled in scaled_twice(module, project):
            yield self._scaled(module, scaled)

    def _scaled(self, module: Module, found: Scaled) -> Finding:
        return self.finding(
            module,
            found.call,
            f"`{module.snippet(found.value)}` is multiplied by 255 once more: it wraps around",
            evidence=[
                module.evidence(found.shown, f"`{module.snippet(found.shown)}`: a tensor"),
                module.evidence(found.call, "torchvision takes a tensor of floats for 0 to 1"),
            ],
            repair={"kind": "unit"},
        )

    def _emptied(self, module: Module, found: Emptied) -> Finding:
        value = module.snippet(found.value)
        evidence = [*found.known.trail, module.evidence(found.call, "the cast leaves 0 of everything below 1")]
        if found.reader is not None:
            evidence.append(module.evidence(found.reader, "what comes next takes it for an image of 0 to 255"))
        shown = Confidence.MEDIUM if found.known.what.assumed else Confidence.HIGH
        return self.finding(
            module,
            found.call,
            f"`{value}` lies between 0 and 1, and is cast to uint8: nearly everything becomes 0",
            evidence=evidence,
            # Without a reader it may be a mask, which the cast leaves as it is.
            confidence=shown if found.reader is not None else Confidence.LOW,
            repair={"kind": "scale", "bounded": not found.known.what.assumed} if found.reader is not None else None,
            no_fix="" if found.reader is not None else "what comes next may want 0 to 1 or 0 to 255",
        )

    def _wrapped(self, module: Module, found: Wrapped) -> Finding:
        text = module.snippet(found.node)
        return self.finding(
            module,
            found.node,
            f"`{text}` is computed in unsigned numbers, and wraps around below 0",
            evidence=[module.evidence(node, note) for node, note in found.notes],
            confidence=Confidence.HIGH if found.is_shown else Confidence.MEDIUM,
            repair={"kind": "signed"},
        )
