"""Label files that are damaged: one clear line, and the rest goes on."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mlfix.analyzer.engine import Request, scan
from mlfix.analyzer.findings import Confidence, Problem
from mlfix.analyzer.project.labels import LabelFiles, parquet
from mlfix.analyzer.project.settings import Settings
from mlfix.codemods import all_codemods
from mlfix.rules import all_rules
from mlfix.rules.config._prior_mismatch_cases import INVALID, table

from .test_labels import npy

HEAD = '{"categories": [{"id": 1, "name": "a"}],\n"annotations": ['


def told(name: str, content: bytes, is_plain: bool = True) -> list[tuple[int, str]]:
    """What is said of a file each of two times that it is asked for."""
    problems: list[Problem] = []
    files = LabelFiles([name], {name: content}.__getitem__, problems.append)
    for _ in range(2):
        assert files.of_file(name, is_plain) == ()
    assert problems[: len(problems) // 2] == problems[len(problems) // 2 :]
    assert all(p.path == name for p in problems)
    return [(p.line, p.message) for p in problems[: len(problems) // 2]]


@pytest.mark.parametrize(
    ("name", "content", "line", "message"),
    [
        ("y.csv", b"id,label\na,1\nb,0,7\n", 3, "has 3 fields in a row, and 2 in its header"),
        ("y.csv", b"id,label\na,1\nb\n", 3, "has 1 field in a row, and 2 in its header"),
        ("y.tsv", b'id\tlabel\n"a\nb"\t1\nc\n', 4, "has 1 field in a row, and 2 in its header"),
        ("y.csv", b"id,label\na,1\n\xe9,0\n", 3, "is not UTF-8: invalid continuation byte"),
        ("y.csv", b"", 0, "is empty"),
        ("y.json", HEAD.encode() + b"\n{]}", 3, "is no JSON: Expecting property name enclosed in double quotes"),
        ("y.json", HEAD.encode() + b'{"category_id": 1}, ', 2, "is no JSON: Expecting value"),
        ("y.json", HEAD.encode() + b'"\xe9"]}', 0, "is not UTF-8"),
        ("y.npy", b"", 0, "is no NumPy array"),
        ("y.npy", b"0,1,1\n", 0, "is no NumPy array"),
        ("y.npy", npy([0, 1, 1, 0])[:-4], 0, "is cut off"),
        ("y.npy", b"\x93NUMPY\x01\x00\xff\xff{}", 0, "has a broken header"),
        ("y.parquet", b"PAR1", 0, "is no whole Parquet file"),
        ("y.parquet", b"PAR1 and nothing else", 0, "is no whole Parquet file"),
    ],
)
def test_a_damaged_file_is_told_with_line_and_remedy(name: str, content: bytes, line: int, message: str) -> None:
    assert told(name, content) == [(line, f"{message}: mend it, or leave it out: its labels are not counted")]
    assert told(name, content, is_plain=False) == [], "its program may read it another way"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("y.csv", b"# made by hand\nid,label\na,1\n"),
        ("y.csv", b"0.5,1\n0.7,0\n"),
        ("y.csv", b"version https://git-lfs.github.com/spec/v1\noid sha256:1,2\nsize 3\n"),
        ("y.npy", b"version https://git-lfs.github.com/spec/v1\noid sha256:12\nsize 3\n"),
        ("y.npy", npy([0, 1], "<f8", "<q")),
        ("y.npy", npy([0, 1, 0, 1], shape="(2, 2)")),
        ("y.json", b'{"a": [1, 2'),
        ("y.json", b'{"annotations": 3}'),
    ],
)
def test_what_holds_no_labels_is_not_told(name: str, content: bytes) -> None:
    assert told(name, content) == []


# --- in a scan


def scanned(root: Path, **changed: bytes | None) -> tuple[list[str], list[Problem]]:
    """What a scan finds in a program whose prior is 0.3, and says of its table."""
    files: dict[str, bytes | None] = {k: v.encode() for k, v in dict(INVALID[0].source).items()} | changed  # type: ignore[arg-type]
    for path, data in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        if data is not None:
            (root / path).write_bytes(data)
    rules = [r for r in all_rules() if r.name in ("prior-mismatch", "few-positives")]
    report = scan(
        Request(root, rules, all_codemods(), Settings(confidence=Confidence.LOW), cache_folder=root / "cache")
    )
    return sorted(f.rule for f in report.findings), list(report.problems)


def test_a_scan_tells_it_once_and_goes_on(tmp_path: Path) -> None:
    found, problems = scanned(tmp_path)
    assert "prior-mismatch" in found and problems == []
    broken = table(60, 400).encode() + b"401.png\n"
    for _ in range(2):  # the second time from the cache
        found, problems = scanned(tmp_path, **{"data/train.csv": broken})
        assert "prior-mismatch" not in found
        assert problems == [
            Problem(
                "data/train.csv",
                "has 1 field in a row, and 2 in its header: mend it, or leave it out: its labels are not counted",
                402,
            )
        ]
    assert scanned(tmp_path)[1] == []


@pytest.mark.parametrize(
    "call", ['pd.read_csv(table, encoding="latin-1")', "pd.read_csv(table, **options)", 'wrap(open(table, "w"))']
)
def test_options_of_the_call_are_left_to_the_program(tmp_path: Path, call: str) -> None:
    source = dict(INVALID[0].source)["data.py"].replace("pd.read_csv(table)", call)
    broken = table(60, 400).encode() + b"\xe9.png,1\n"
    assert scanned(tmp_path, **{"data.py": source.encode(), "data/train.csv": broken})[1] == []


# --- Parquet


def parquet_file(**columns: list) -> bytes:
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    out = io.BytesIO()
    pq.write_table(pa.table(columns), out)
    return out.getvalue()


def test_a_parquet_file_is_counted_column_by_column() -> None:
    data = parquet_file(
        id=[f"{i}" for i in range(4)],
        label=[1, 0, 0, 1],
        kind=["cat", "dog", "cat", "cat"],
        is_ill=[True, False, False, False],
        size=[0.5, 0.5, 1.0, 2.0],
        gap=[1, None, 1, 0],
    )
    found = {
        c.column: c.counts for c in LabelFiles(["y.parquet"], {"y.parquet": data}.__getitem__).of_file("y.parquet")
    }
    assert found["label"] == (("0", 2), ("1", 2))
    assert found["kind"] == (("cat", 3), ("dog", 1))
    assert found["is_ill"] == (("0", 3), ("1", 1))
    assert set(found) == {"id", "label", "kind", "is_ill"}


def test_a_damaged_parquet_file_is_told() -> None:
    data = parquet_file(label=[0, 1])
    assert "cannot be read" in told("y.parquet", data[:20] + b"PAR1")[0][1]


@given(st.lists(st.tuples(st.integers(4, 400), st.integers(0, 255)), min_size=1, max_size=6))
@settings(deadline=None)
def test_any_damage_to_a_parquet_file_is_no_more_than_told(changes: list[tuple[int, int]]) -> None:
    data = bytearray(parquet_file(label=[0, 1] * 20, kind=["a", "b", "c", "d"] * 10))
    for place, value in changes:
        data[4 + place % (len(data) - 8)] = value
    LabelFiles(["y.parquet"], {"y.parquet": bytes(data)}.__getitem__).of_file("y.parquet")


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "can_read", lambda: False)
    assert told("y.parquet", b"PAR1....PAR1") == [
        (0, "needs pyarrow for its labels to be counted: install mlfix-torch[parquet]")
    ]


def test_a_prior_is_compared_with_the_labels_of_a_parquet_file(tmp_path: Path) -> None:
    data = parquet_file(image=[f"{i}.png" for i in range(400)], label=[int(i < 60) for i in range(400)])
    source = dict(INVALID[0].source)
    changed = {
        "data.py": source["data.py"].replace("read_csv", "read_parquet").encode(),
        "config.yaml": source["config.yaml"].replace("train.csv", "train.parquet").encode(),
        "data/train.csv": None,
        "data/train.parquet": data,
    }
    found, problems = scanned(tmp_path, **changed)
    assert "prior-mismatch" in found and problems == []
