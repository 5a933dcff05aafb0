"""Labels of folders: one folder a class, as torchvision's ``ImageFolder`` reads them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from .model import MOST_CLASSES, Labels

_DATA = (
    *(".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp", ".gif"),
    *(".npy", ".npz", ".mrc", ".mrcs", ".wav", ".flac", ".mp3", ".nii", ".gz", ".dcm", ".h5", ".pt", ".mp4", ".avi"),
)


def count_folders(root: str, paths: Iterable[str]) -> Labels | None:
    """The data files below each folder of a root.

    Args:
        root: the folder of the class folders, relative, with ``/``.
        paths: every file of the repository.

    Returns:
        None where there are no two class folders with data.
    """
    head = f"{root.rstrip('/')}/" if root not in ("", ".") else ""
    counts: Counter[str] = Counter()
    for path in paths:
        if path.startswith(head) and path.lower().endswith(_DATA):
            name, _, rest = path[len(head) :].partition("/")
            if rest:
                counts[name] += 1
    if not 2 <= len(counts) <= MOST_CLASSES:
        return None
    return Labels(root, "folders", "", tuple(sorted(counts.items())))
