"""Labels of Parquet files: the columns with few distinct values, read by pyarrow where it is installed."""

from __future__ import annotations

import importlib.util
from collections import Counter
from typing import Any

from .model import MOST_CLASSES, BadLabels, BrokenLabels, Labels, MissingReader

_MOST_COLUMNS = 300
_MOST_ROWS = 5_000_000
_LONGEST_REASON = 200
_EXTRA = "mlfix-torch[parquet]"
_MAGIC, _ENCRYPTED = b"PAR1", b"PARE"
_LEAST = 12  # both marks and the footer's length


def can_read() -> bool:
    """Whether pyarrow is there; it is not imported for the answer."""
    return importlib.util.find_spec("pyarrow") is not None


def count_parquet(path: str, data: bytes) -> list[Labels]:
    """The columns of a Parquet file that may hold labels: whole numbers, truth values or texts.

    Args:
        path: names the file in what is returned.
        data: its bytes.

    Raises:
        MissingReader: pyarrow is not installed.
        BadLabels: it is encrypted, or too large.
        BrokenLabels: it is no whole Parquet file.
    """
    if data.endswith(_ENCRYPTED):
        raise BadLabels("is encrypted")
    if len(data) < _LEAST or not (data.startswith(_MAGIC) and data.endswith(_MAGIC)):
        raise BrokenLabels("is no whole Parquet file")
    if not can_read():
        raise MissingReader(f"needs pyarrow for its labels to be counted: install {_EXTRA}")
    try:
        found = _read(data)
    except BadLabels:
        raise
    except Exception as error:  # whatever the bytes make of pyarrow
        raise BrokenLabels(f"cannot be read: {' '.join(str(error).split())[:_LONGEST_REASON]}") from None
    return [Labels(path, "table", name, tuple(sorted(counts.items()))) for name, counts in found if counts]


def _read(data: bytes) -> list[tuple[str, Counter[str] | None]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    file = pq.ParquetFile(pa.BufferReader(data))
    if file.metadata.num_rows > _MOST_ROWS or len(file.schema_arrow) > _MOST_COLUMNS:
        raise BadLabels("is too large")
    names = [field.name for field in file.schema_arrow if _may_be_labels(pa, field.type)]
    table = file.read(columns=names)
    return [(name, _counts(table.column(name))) for name in names]


def _may_be_labels(pa: Any, kind: Any) -> bool:  # noqa: ANN401 - a package that may be missing
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    types = pa.types
    return types.is_integer(kind) or types.is_boolean(kind) or types.is_string(kind) or types.is_large_string(kind)


def _counts(column: Any) -> Counter[str] | None:  # noqa: ANN401
    """How often each value occurs; None where they are too many to be labels, or some are missing."""
    if column.null_count:
        return None
    rows = column.value_counts()
    if len(rows) > MOST_CLASSES:
        return None
    return Counter({_text(row["values"]): int(row["counts"]) for row in rows.to_pylist()})


def _text(value: object) -> str:
    return str(int(value)) if isinstance(value, bool) else str(value)
