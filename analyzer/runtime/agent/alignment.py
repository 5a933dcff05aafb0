"""Boxes, keypoints and masks against the image that they belong to: where a batch names them as torchvision does."""

from __future__ import annotations

from typing import Any, Dict, Iterator, Mapping, Tuple

from .fields import MOST_DEPTH

SLACK = 1.02  # rounding and half pixels


class Alignment:
    """Counts what lies outside of its image, as it is and with height and width exchanged.

    Args:
        torch: the module.
    """

    def __init__(self, torch: Any) -> None:
        self.torch = torch
        self.rows: Dict[str, Dict[str, Any]] = {}

    def result(self) -> Dict[str, Any]:
        """The counts by kind."""
        return self.rows

    def look(self, batch: Any) -> None:
        """Add a batch: images with a mapping of targets each, or images with masks of one value a pixel."""
        for image, target in self._pairs(batch):
            height, width = int(image.shape[-2]), int(image.shape[-1])
            if "boxes" in target and "labels" in target:
                self._boxes(target["boxes"], height, width)
                self._keypoints(target.get("keypoints"), height, width)
        self._masks(batch)

    def _pairs(self, batch: Any) -> Iterator[Tuple[Any, Mapping[str, Any]]]:
        """Each image with its target, where the two stand side by side in equal numbers."""
        images, targets = batch if isinstance(batch, (tuple, list)) and len(batch) == 2 else ((), ())
        if not isinstance(images, (tuple, list, self.torch.Tensor)) or not isinstance(targets, (tuple, list)):
            return
        if len(images) != len(targets) or not all(isinstance(t, Mapping) for t in targets):
            return
        for image, target in zip(images, targets):
            if isinstance(image, self.torch.Tensor) and image.dim() == 3 and image.shape[0] in (1, 3, 4):
                yield image, target

    def _row(self, kind: str) -> Dict[str, Any]:
        return self.rows.setdefault(kind, {"images": 0, "count": 0, "outside": 0, "outside_exchanged": 0})

    def _boxes(self, boxes: Any, height: int, width: int) -> None:
        """Corners in pixels; other forms are not told apart with certainty, and only counted."""
        if not isinstance(boxes, self.torch.Tensor) or boxes.dim() != 2 or boxes.shape[-1] != 4:
            return
        row = self._row("boxes")
        row["images"] += 1
        row["count"] += len(boxes)
        if len(boxes) and height != width and float(boxes.max()) > 2:
            is_corners = bool((boxes[:, 2:] >= boxes[:, :2]).all())
            if is_corners:
                self._outside("boxes", boxes[:, 2], boxes[:, 3], height, width)

    def _keypoints(self, points: Any, height: int, width: int) -> None:
        if (
            not isinstance(points, self.torch.Tensor)
            or points.dim() != 3
            or points.shape[-1] != 3
            or not points.numel()
        ):
            return
        flat = points.reshape(-1, 3)
        visible = flat[flat[:, 2] > 0]
        if len(visible) and height != width and float(visible[:, :2].max()) > 2:
            row = self._row("keypoints")
            row["images"] += 1
            row["count"] += len(visible)
            self._outside("keypoints", visible[:, 0], visible[:, 1], height, width)

    def _outside(self, kind: str, right: Any, bottom: Any, height: int, width: int) -> None:
        row = self._row(kind)
        row["outside"] += int(((right > width * SLACK) | (bottom > height * SLACK)).sum())
        row["outside_exchanged"] += int(((right > height * SLACK) | (bottom > width * SLACK)).sum())

    def _masks(self, batch: Any) -> None:
        """An image (B, C, H, W) with a mask of whole numbers (B, H, W)."""
        values = list(batch.values()) if isinstance(batch, Mapping) else batch
        if not isinstance(values, (tuple, list)) or len(values) > MOST_DEPTH:
            return
        tensors = [v for v in values if isinstance(v, self.torch.Tensor)]
        images = [t for t in tensors if t.dim() == 4 and t.is_floating_point() and t.shape[1] in (1, 3, 4)]
        masks = [t for t in tensors if t.dim() == 3 and not t.is_floating_point()]
        if len(images) != 1 or len(masks) != 1 or images[0].shape[0] != masks[0].shape[0]:
            return
        size, other = tuple(images[0].shape[-2:]), tuple(masks[0].shape[-2:])
        if size[0] == size[1]:
            return
        row = self.rows.setdefault("masks", {"count": 0, "exchanged": 0, "example": ""})
        row["count"] += int(masks[0].shape[0])
        if other == (size[1], size[0]):
            row["exchanged"] += int(masks[0].shape[0])
            row["example"] = "image %dx%d, mask %dx%d" % (*size, *other)
