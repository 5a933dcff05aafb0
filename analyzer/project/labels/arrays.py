"""Labels of NumPy's files: one dimension of whole numbers or truth values, read without NumPy.

The format: numpy.lib.format (https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html).
"""

from __future__ import annotations

import ast
import math
import struct
from collections import Counter
from typing import Any

from .model import MOST_CLASSES, BadLabels, BrokenLabels, Labels

_MAGIC = b"\x93NUMPY"
_LONGEST_HEADER = 10_000
_CODES = {"b1": "?", "i1": "b", "u1": "B", "i2": "h", "u2": "H", "i4": "i", "u4": "I", "i8": "q", "u8": "Q"}


def count_array(path: str, data: bytes) -> Labels:
    """The values of a ``.npy`` file.

    Raises:
        BadLabels: it holds anything but one dimension of whole numbers or truth values, of few kinds.
        BrokenLabels: it is no NumPy array, or not a whole one.
    """
    header, start = _header(data)
    kind, shape = header.get("descr"), header.get("shape")
    if not isinstance(kind, str) or kind[1:] not in _CODES or kind[0] not in "<>|=":
        raise BadLabels("holds no whole numbers")
    if not isinstance(shape, tuple) or not all(isinstance(n, int) and n >= 0 for n in shape):
        raise BrokenLabels("has a broken shape")
    number = math.prod(shape)
    if len(shape) == 0 or number != max(shape, default=0):
        raise BadLabels("has more than one dimension")
    order = ">" if kind[0] == ">" else "<"
    size = struct.calcsize(order + _CODES[kind[1:]])
    if len(data) - start < number * size:
        raise BrokenLabels("is cut off")
    counts: Counter[int] = Counter()
    for (value,) in struct.iter_unpack(order + _CODES[kind[1:]], data[start : start + number * size]):
        counts[int(value)] += 1
        if len(counts) > MOST_CLASSES:
            raise BadLabels("holds too many different numbers")
    return Labels(path, "array", "", tuple((str(k), n) for k, n in sorted(counts.items())))


def _header(data: bytes) -> tuple[dict[str, Any], int]:
    if not data.startswith(_MAGIC) or len(data) < 12 or data[6] not in (1, 2, 3):
        raise BrokenLabels("is no NumPy array")
    width = 2 if data[6] == 1 else 4
    length = int.from_bytes(data[8 : 8 + width], "little")
    start = 8 + width + length
    if length > _LONGEST_HEADER or start > len(data):
        raise BrokenLabels("has a broken header")
    try:
        header = ast.literal_eval(data[8 + width : start].decode("latin-1").strip())
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        raise BrokenLabels("has a broken header") from None
    if not isinstance(header, dict):
        raise BrokenLabels("has a broken header")
    return header, start
