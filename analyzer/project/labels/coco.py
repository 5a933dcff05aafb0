"""Labels of COCO-style annotations: how many annotations each category has."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from .model import MOST_CLASSES, BadLabels, BrokenLabels, Labels


def count_coco(path: str, data: bytes) -> Labels:
    """The annotations of each category, by the category's name. The layout: https://cocodataset.org/#format-data.

    Raises:
        BadLabels: it is no JSON with ``annotations`` and ``categories``.
        BrokenLabels: it would be, and is damaged.
    """
    if b'"annotations"' not in data and b'"categories"' not in data:
        raise BadLabels("holds no annotations")
    try:
        content: Any = json.loads(data)
    except UnicodeDecodeError:
        raise BrokenLabels("is not UTF-8") from None
    except json.JSONDecodeError as error:
        raise BrokenLabels(f"is no JSON: {error.msg}", error.lineno) from None
    except (ValueError, RecursionError):
        raise BadLabels("is no COCO-style JSON") from None
    try:
        names = {row["id"]: str(row["name"]) for row in content["categories"]}
        counts = Counter(names[row["category_id"]] for row in content["annotations"])
    except (ValueError, KeyError, TypeError, RecursionError):
        raise BadLabels("is no COCO-style JSON") from None
    if not counts or len(names) > MOST_CLASSES:
        raise BadLabels("holds no annotations")
    return Labels(path, "coco", "", tuple((name, counts[name]) for name in names.values()))
