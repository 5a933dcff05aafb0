"""Labels of tables: the columns of CSV and TSV files with few distinct values."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterator

from .model import MOST_CLASSES, BadLabels, BrokenLabels, Labels

_MOST_COLUMNS = 300
_LONGEST_VALUE = 200
_LONGEST_FIELD = 100_000
_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
_SPLIT = re.compile(r"split|subset|fold|set|phase|partition", re.IGNORECASE)
_TRAINING = re.compile(r"train(?:ing)?|trn", re.IGNORECASE)


def count_table(path: str, data: bytes) -> list[Labels]:
    """The columns of a table that may hold labels.

    Where a column named like ``split`` marks rows of the training, only those are counted.

    Args:
        path: names the file in what is returned; its ending decides between commas and tabs.
        data: its bytes, UTF-8.

    Raises:
        BadLabels: it is no table with a header.
        BrokenLabels: it is damaged: not UTF-8, empty, or with rows of different lengths.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BrokenLabels(f"is not UTF-8: {error.reason}", data.count(b"\n", 0, error.start) + 1) from None
    if not text.strip():
        raise BrokenLabels("is empty")
    table = _Rows(text, "\t" if path.lower().endswith((".tsv", ".tab")) else _delimiter(text))
    rows = iter(table)
    try:
        header = next(rows, [])
        names = [name.strip() for name in header]
        if not names or len(names) > _MOST_COLUMNS or any(_NUMBER.fullmatch(n) or not n for n in names[1:]):
            raise BadLabels("has no header")
        return _count(path, names, rows, table)
    except csv.Error as error:
        raise BadLabels(f"is no table: {error}") from None


def _delimiter(text: str) -> str:
    first = text.partition("\n")[0]
    return max(",;\t", key=first.count)


class _Rows:
    """The rows of a table; ``line`` is the last one's place in the file, from 1."""

    def __init__(self, text: str, delimiter: str) -> None:
        self._reader = csv.reader(text.splitlines(), delimiter=delimiter)

    @property
    def line(self) -> int:
        return self._reader.line_num

    def __iter__(self) -> Iterator[list[str]]:
        limit = csv.field_size_limit(_LONGEST_FIELD)
        try:
            yield from self._reader
        finally:
            csv.field_size_limit(limit)


def _count(path: str, names: list[str], rows: Iterator[list[str]], table: _Rows) -> list[Labels]:
    split = next((i for i, name in enumerate(names) if _SPLIT.fullmatch(name)), None)
    counters: list[Counter[str] | None] = [Counter() for _ in names]
    training: list[Counter[str] | None] = [Counter() for _ in names]
    for row in rows:
        if len(row) != len(names):
            if not row:
                continue
            if len(names) == 1:
                raise BadLabels("has no header")
            fields = f"{len(row)} field{'s' if len(row) > 1 else ''}"
            raise BrokenLabels(f"has {fields} in a row, and {len(names)} in its header", table.line)
        _add(counters, row)
        if split is not None and _TRAINING.fullmatch(row[split].strip()):
            _add(training, row)
    chosen = training if any(training) else counters
    return [
        Labels(path, "table", name, tuple(sorted(found.items())), 1)
        for i, (name, found) in enumerate(zip(names, chosen, strict=True))
        if found and i != split
    ]


def _add(counters: list[Counter[str] | None], row: list[str]) -> None:
    for place, value in enumerate(row):
        counter = counters[place]
        if counter is None:
            continue
        value = value.strip()
        if len(value) > _LONGEST_VALUE:
            counters[place] = None
            continue
        counter[value] += 1
        if len(counter) > MOST_CLASSES:
            counters[place] = None
