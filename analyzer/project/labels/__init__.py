"""Labels at hand: how many of each there are, counted without running the repository.

Tables (CSV, TSV), NumPy arrays (``.npy``, one dimension of whole numbers or truth values), COCO-style JSON and folders
of classes are read, each by a small reader of its own within limits of size; Parquet by pyarrow, where that is
installed. Nothing is unpickled. A file that cannot be counted is no label file, and a damaged one is told; neither ever
stops a scan.
"""

from .counting import LabelFiles
from .interval import interval
from .model import BadLabels, Labels

__all__ = ["BadLabels", "LabelFiles", "Labels", "interval"]
