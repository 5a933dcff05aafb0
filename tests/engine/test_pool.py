"""How work is spread over processes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from mlfix.analyzer.pool import chunks


@given(st.lists(st.integers(0, 5000), max_size=200), st.integers(1, 8))
def test_bundles_hold_neighbours_and_about_equal_weight(weights: list[int], workers: int) -> None:
    items = list(enumerate(weights))
    bundles = chunks(items, lambda item: item[1], workers)
    assert [item for bundle in bundles for item in bundle] == items
    assert all(bundles) or not items
    share = (sum(weights) + len(weights)) / max(1, len(bundles))
    heaviest = max(weights, default=0) + 1
    for bundle in bundles:
        assert sum(weight + 1 for _, weight in bundle) <= share + 2 * heaviest
