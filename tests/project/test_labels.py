"""Labels that are counted without a run: right for what is readable, and quiet about the rest."""

from __future__ import annotations

import csv
import io
import json
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mlfix.analyzer.findings import Problem
from mlfix.analyzer.project.labels import LabelFiles, Labels, interval
from mlfix.analyzer.source.reader import Unreadable


def labels_of(name: str, content: bytes) -> tuple[Labels, ...]:
    return LabelFiles([name], {name: content}.__getitem__).of_file(name)


def npy(values: list[int], code: str = "<i8", fmt: str = "<q", shape: str | None = None, major: int = 1) -> bytes:
    header = f"{{'descr': '{code}', 'fortran_order': False, 'shape': {shape or f'({len(values)},)'}, }}\n".encode()
    width = "<H" if major == 1 else "<I"
    body = b"".join(struct.pack(fmt, v) for v in values)
    return b"\x93NUMPY" + bytes([major, 0]) + struct.pack(width, len(header)) + header + body


def test_a_table_is_counted_column_by_column():
    found = {c.column: c for c in labels_of("y.csv", b"id,label,site\na,1,east\nb,0,east\nc,0,west\n")}
    assert found["label"].counts == (("0", 2), ("1", 1))
    assert found["label"].positive == ("1", 1)
    assert found["label"].total == 3
    assert found["site"].positive is None


def test_only_the_rows_of_training_count_where_a_column_says_so():
    text = b"id,label,split\na,1,train\nb,0,train\nc,0,val\nd,0,test\n"
    assert {c.column: c.counts for c in labels_of("y.csv", text)}["label"] == (("0", 1), ("1", 1))


@pytest.mark.parametrize(
    ("names", "positive"),
    [
        (("background", "particle"), "particle"),
        (("no", "yes"), "yes"),
        (("non-defect", "defect"), "defect"),
        (("-1", "1"), "1"),
        (("cat", "dog"), None),
        (("0", "-1"), None),
        (("1", "2"), "1"),
    ],
)
def test_which_of_two_labels_is_the_positive_one(names, positive):
    labels = Labels("y.csv", "table", "label", ((names[0], 3), (names[1], 2)))
    assert (labels.positive[0] if labels.positive else None) == positive


@given(
    st.lists(st.sampled_from(["0", "1", "a b", 'q"q', "x,y", "é"]), min_size=1, max_size=60), st.sampled_from(",\t;")
)
def test_a_column_is_counted_as_python_counts_it(values, delimiter):
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter)
    writer.writerows([["name", "label"], *([f"n{i}", v] for i, v in enumerate(values))])
    name = "y.tsv" if delimiter == "\t" else "y.csv"
    found = {c.column: dict(c.counts) for c in labels_of(name, text.getvalue().encode())}
    assert found["label"] == {v: values.count(v) for v in set(values)}


@pytest.mark.parametrize(
    ("code", "fmt"), [("<i8", "<q"), (">i4", ">i"), ("|u1", "<B"), ("|b1", "<?"), ("<u2", "<H"), ("|i1", "<b")]
)
def test_an_array_of_whole_numbers_is_counted(code, fmt):
    for major in (1, 2):
        (found,) = labels_of("y.npy", npy([0, 1, 1, 0, 0], code, fmt, major=major))
        assert found.counts == (("0", 3), ("1", 2))
    (column,) = labels_of("y.npy", npy([0, 1, 1], code, fmt, shape="(3, 1)"))
    assert column.total == 3


def test_the_arrays_of_numpy_itself_are_read():
    numpy = pytest.importorskip("numpy")
    for kind in ("int64", "int32", "uint8", "bool", ">i2"):
        buffer = io.BytesIO()
        numpy.save(buffer, numpy.array([0, 1, 1, 1]).astype(kind))
        (found,) = labels_of("y.npy", buffer.getvalue())
        assert found.counts == (("0", 1), ("1", 3))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x93NUMPY",
        b"\x93NUMPY\x01\x00\xff\xff{}",
        npy([0, 1], "|O", "<q"),
        npy([0, 1], "<f8", "<q"),
        npy([0, 1], shape="(10**9,)"),
        npy([0, 1], shape="(1000000000000,)"),
        npy([0, 1, 0, 1], shape="(2, 2)"),
        npy([0, 1], shape="()"),
        npy([0, 1], shape="(-2,)"),
        npy(list(range(2000))),
        b"\x93NUMPY\x01\x00\x40\x00" + b"(" * 64,
    ],
)
def test_any_other_array_holds_no_labels(content):
    assert labels_of("y.npy", content) == ()


def test_annotations_are_counted_by_category():
    content = {
        "categories": [{"id": 1, "name": "background"}, {"id": 7, "name": "cell"}],
        "annotations": [{"category_id": 7}, {"category_id": 1}, {"category_id": 7}],
    }
    (found,) = labels_of("train.json", json.dumps(content).encode())
    assert found.counts == (("background", 1), ("cell", 2))
    assert found.positive == ("cell", 2)


@pytest.mark.parametrize(
    "content",
    [
        b"{}",
        b"[1, 2]",
        b'{"annotations": 3, "categories": 4}',
        b'{"annotations": [{"category_id": 2}], "categories": []}',
        b'{"annotations": [], "categories": [{"id": 1, "name": "a"}]}',
        b'"annotations""categories"',
        b'{"annotations": ' + b"[" * 100_000 + b'"categories"',
    ],
)
def test_any_other_json_holds_no_labels(content):
    assert labels_of("train.json", content) == ()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe\x00a",
        b"0.5,1\n0.7,0\n",
        b"a,b\n1\n",
        b"a,b\n1,2,3\n",
        b'a,b\n"' + b"x" * 300_000,
        ",".join(f"c{i}" for i in range(1000)).encode(),
        b"a,b\n\x00,1\n" + b"\x00" * 10,
    ],
)
def test_any_other_table_holds_no_labels(content):
    assert all(c.positive is None for c in labels_of("y.csv", content))


def test_identifiers_are_no_labels():
    rows = "\n".join(f"{i},{i % 2}" for i in range(3000))
    assert [c.column for c in labels_of("y.csv", f"id,label\n{rows}\n".encode())] == ["label"]


def test_a_file_that_cannot_be_read_holds_no_labels():
    def refuse(path: str) -> bytes:
        raise Unreadable(Problem(path, "is too large"))

    assert LabelFiles(["y.csv"], refuse).of_file("y.csv") == ()


def test_folders_of_classes_are_counted():
    files = [*(f"data/train/cat/{i}.jpg" for i in range(3)), "data/train/other/deep/1.PNG", "data/train/readme.md"]
    (found,) = LabelFiles(files, lambda _: b"").of_folder("data/train")
    assert found.counts == (("cat", 3), ("other", 1))
    assert found.positive == ("cat", 3)
    assert LabelFiles(files, lambda _: b"").of_folder("data/train/cat") == ()


def test_the_interval_is_wilsons():
    # Published values for 95 %: Newcombe 1998, table I, 81 of 263 and 15 of 148.
    assert interval(81, 263, 1.95996) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert interval(15, 148, 1.95996) == pytest.approx((0.0624, 0.1605), abs=5e-5)
    assert interval(0, 20)[0] == pytest.approx(0.0, abs=1e-12)
    assert interval(20, 20)[1] == pytest.approx(1.0)


@given(st.integers(1, 10_000), st.data())
def test_the_interval_holds_the_share(total, data):
    count = data.draw(st.integers(0, total))
    low, high = interval(count, total)
    assert 0 <= low <= count / total + 1e-12
    assert count / total - 1e-12 <= high <= 1
