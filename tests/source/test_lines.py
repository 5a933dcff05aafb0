"""Where the lines of a file start."""

from hypothesis import given
from hypothesis import strategies as st
from mlfix.analyzer.source.reader import LINE_END, line_starts


@given(st.text(st.sampled_from("ab\n\r\f\u2028\x85")))
def test_lines_start_where_python_ends_them(text: str) -> None:
    assert line_starts(text) == [0, *(m.end() for m in LINE_END.finditer(text))]
