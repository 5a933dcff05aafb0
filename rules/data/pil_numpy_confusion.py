"""Sizes and pictures of Pillow read as NumPy's, and the other way round."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from ...analyzer.findings import Confidence, Evidence, Finding, Level
from ...analyzer.flow.images.clamps import Clamp, exchanged_bounds
from ...analyzer.flow.images.colours import exchanged_colours
from ...analyzer.flow.images.extents import Extent
from ...analyzer.flow.images.mixups import Given, Mixups, Unpacked
from ...analyzer.graph.graphs import is_test
from ...analyzer.graph.project import Project
from ...analyzer.rule import Rule
from ...analyzer.source.facts import FileFacts
from ...analyzer.source.module import Module
from ._pil_numpy_confusion_cases import INVALID, VALID
from ._pil_numpy_confusion_proof import PROOF

_LIBRARIES = ("PIL", "cv2", "torchvision", "skimage", "imageio")


class PilNumpyConfusion(Rule):
    """An image's size in the wrong order, or its channels.

    What it does
    ------------
    Follows images and their sizes from where they are read. Pillow counts ``(width, height)`` in ``.size``,
    ``resize`` and ``Image.new``, and so does OpenCV in ``cv2.resize`` and ``cv2.warpAffine``; the ``.shape`` of an
    array, torchvision and ``interpolate`` count ``(height, width)``. Reports ``h, w = image.size`` (and
    ``w, h = array.shape[:2]``) whose names are used as they say, calls that are given a size in the other order, and
    coordinates of both axes that are bounded by the other axis' length. Two exchanges that cancel are left alone. Where
    nothing in the code gives them a value, a parameter or an option of the command line that is declared as a height
    or a width counts as one, at low confidence. Also reports ``Image.fromarray`` of an image whose channels are
    still in OpenCV's order, blue first.

    Why it is bad
    -------------
    Nothing fails: the picture is squeezed into a frame that stands upright where it should lie, and boxes, polygons
    and masks are scaled by the wrong side. Square images hide it. With red and blue exchanged, a network that was
    trained on photographs sees colours that it does not know.

    What you see
    ------------
    Targets that lie beside their objects, metrics near zero on wide images and right ones on square images.

    Example
    -------
    Bad::

        height, width = image.size
        scale = min(target_h / height, target_w / width)

    Good::

        width, height = image.size
        scale = min(target_h / height, target_w / width)

    Fix safety
    ----------
    Unsafe: what the network is shown changes. Names are exchanged where the size is taken apart, if all that follows
    reads them as they are called; else the call's own argument is turned round, or the bounds' places.

    References
    ----------
    - https://pillow.readthedocs.io/en/stable/reference/Image.html#PIL.Image.Image.size
    - https://docs.opencv.org/4.x/da/d54/group__imgproc__transform.html (dsize)
    - https://docs.pytorch.org/vision/stable/generated/torchvision.transforms.Resize.html
    """

    name = "pil-numpy-confusion"
    code = "MLF207"
    level = Level.BREAKS
    symptom = "Targets lie beside their objects on all images that are not square, or colours are exchanged."
    proof = PROOF
    triggers = (b".size", b".shape", b"size[", b"fromarray", b"resize(", b"warpAffine(", b"warpPerspective(")
    VALID = VALID
    INVALID = INVALID

    def wants(self, facts: FileFacts) -> bool:
        """Whether the file works on images at all."""
        return any(i.target.partition(".")[0] in _LIBRARIES for i in facts.imports)

    def check(self, module: Module, project: Project) -> Iterator[Finding]:
        """Sizes first, then channels."""
        if is_test(module.path):
            return
        mixups = Mixups(module, project)
        for found in mixups.found():
            yield self._unpacked(module, found) if isinstance(found, Unpacked) else self._given(module, found)
        for clamps in exchanged_bounds(module, project, mixups.extents):
            yield self._bounded(module, clamps)
        for call, known in exchanged_colours(module, project):
            image = module.snippet(call.args[0])
            yield self.finding(
                module,
                call,
                f"`{image}` has OpenCV's channels (blue, green, red), and PIL takes them for red, green, blue",
                evidence=(*known.trail, module.evidence(call, "PIL reads the first channel as red")),
                confidence=Confidence.MEDIUM,
                repair={"kind": "colours"},
            )

    def _unpacked(self, module: Module, found: Unpacked) -> Finding:
        first, second = module.snippet(found.first), module.snippet(found.second)
        order = ", ".join(a.value for a in found.known.what.axes)
        notes = [module.evidence(s.call, f"`{s.name}` wants {s.order}") for s in found.wrong]
        named = module.evidence(found.statement, f"its lengths are called `{first}` and `{second}`")
        notes += [module.evidence(n, f"`{module.snippet(n)}` meets the other side's length") for n in found.columns[:2]]
        # Names alone may be exchanged once more where they are used.
        confidence = Confidence.HIGH if found.wrong else Confidence.MEDIUM if found.columns else Confidence.LOW
        repair: dict[str, object] | None = {"kind": "unpack", "places": found.places}
        read = module.snippet(found.statement.value)
        if found.partner is not None:
            repair = {"kind": "indices", "partner": module.span(found.partner)}
            read = f"{read}`, `{module.snippet(found.partner.value)}"
        return self.finding(
            module,
            found.statement,
            f"`{read}` is ({order}), and is taken apart as `{first}`, `{second}`",
            evidence=(*_trail(found.known.trail, module, found.statement), named, *notes),
            confidence=confidence,
            repair=None if found.is_mixed else repair,
            no_fix="some calls of the function read the names as they are, others exchanged" if found.is_mixed else "",
        )

    def _bounded(self, module: Module, clamps: tuple[Clamp, ...]) -> Finding:
        first = clamps[0]
        counted = first.known.what.axes[0].value
        notes = [
            module.evidence(
                c.call, f"`{module.snippet(c.bound)}` is the {c.known.what.axes[0].value}, for the other axis"
            )
            for c in clamps
        ]
        return self.finding(
            module,
            first.call,
            f"`{module.snippet(first.bound)}` is the {counted}, and bounds the {first.axis.value}",
            evidence=(*first.known.trail, *notes),
            confidence=Confidence.LOW if any(c.known.what.named for c in clamps) else Confidence.MEDIUM,
            repair={"kind": "bounds", "places": [module.span(c.bound) for c in clamps]},
        )

    def _given(self, module: Module, found: Given) -> Finding:
        place = found.slot
        order = ", ".join(a.value for a in found.known.what.axes[:2])
        return self.finding(
            module,
            place.value,
            f"`{place.name}` wants ({place.order}), and `{module.snippet(place.value)}` is ({order})",
            evidence=(*found.known.trail, module.evidence(place.call, f"`{place.name}` wants {place.order}")),
            confidence=_confidence(found.known.what),
            repair={"kind": "given"},
        )


def _confidence(extent: Extent) -> Confidence:
    """A name alone makes no finding that is shown by default: an array may have its width first."""
    if extent.named:
        return Confidence.LOW
    return Confidence.MEDIUM if extent.assumed else Confidence.HIGH


def _trail(trail: tuple[Evidence, ...], module: Module, statement: ast.stmt) -> tuple[Evidence, ...]:
    return tuple(
        e
        for e in trail
        if (e.path, e.line) != (module.path, statement.lineno) or "counts" in e.note or "pair" in e.note
    )
