"""Which k are fitted, and which one is selected."""

from __future__ import annotations

import numpy as np
import pytest
from customers import distinct
from hypothesis import given
from hypothesis import strategies as st

from customer_segmentation.sweep import selection

# ---- which k are fitted ------------------------------------------------------------------------------------------


@given(seed=st.integers(0, 1_000), rows=st.integers(1, 3_000), kinds=st.integers(1, 40), enough=st.integers(1, 50))
def test_distinct_rows_are_counted_as_far_as_needed(seed, rows, kinds, enough):
    values = np.random.default_rng(seed).integers(0, kinds, size=(rows, 1)).astype(float)
    # The rare rows are at the end, where a count that stops too early misses them.
    values.sort(axis=0)
    found = selection.count_distinct_rows(values, enough)
    assert min(found, enough + 1) == min(distinct(values), enough + 1)


@pytest.mark.parametrize(
    ("distinct_rows", "k", "expected"),
    [
        (0, None, [1]),
        (1, None, [1]),
        (2, None, [1]),
        (3, None, [2]),
        (4, None, [2, 3]),
        (11, None, list(range(2, 11))),
        (99, None, list(range(2, 11))),
        (99, 4, list(range(2, 11))),
        (99, 1, [1, *range(2, 11)]),
        (4, 1, [1, 2, 3]),
        (4, 3, [2, 3]),
        (1, 1, [1]),
    ],
)
def test_every_k_is_fitted_that_has_one_more_distinct_row(distinct_rows, k, expected):
    assert selection.ks_to_fit(100, distinct_rows, 2, 10, k, 5) == expected


def test_a_k_min_beyond_the_distinct_rows_leaves_one_segment():
    assert selection.ks_to_fit(100, 5, 4, 10, None, 5) == [4]
    assert selection.ks_to_fit(100, 4, 4, 10, None, 5) == [1]


def test_fewer_customers_than_the_smallest_segments_need_are_one_segment():
    assert selection.ks_to_fit(9, 9, 2, 10, None, 5) == [1]
    assert selection.ks_to_fit(10, 10, 2, 4, None, 5) == [2, 3, 4]
    # A fixed k is served even if its segments are small.
    assert selection.ks_to_fit(9, 9, 2, 4, 3, 5) == [2, 3, 4]


@pytest.mark.parametrize(("distinct_rows", "possible"), [(4, "up to 3"), (1, "up to 1"), (2, "up to 1")])
def test_a_fixed_k_that_is_too_large_raises_an_error_with_the_largest_k(distinct_rows, possible):
    with pytest.raises(selection.SelectionError) as stopped:
        selection.ks_to_fit(60, distinct_rows, 2, 10, 7, 5)
    message = str(stopped.value)
    assert "'k' is 7" in message
    assert "60 clustered customers" in message
    assert f"only {distinct_rows} different" in message
    assert possible in message


# ---- which k is selected -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("customers", "share", "size", "expected"),
    [
        (700, 0.01, 5, 7),
        (701, 0.01, 5, 8),
        (620, 0.01, 5, 7),
        (100, 0.01, 5, 5),
        # The product of these doubles is 7.000000000000001.
        (100, 0.07, 5, 7),
        (1_000_000, 0.01, 5, 10_000),
        (700, 0.0, 1, 1),
        (10, 0.5, 1, 5),
        (11, 0.5, 1, 6),
    ],
)
def test_the_smallest_segment_is_the_larger_of_share_and_size(customers, share, size, expected):
    assert selection.smallest_size_required(customers, share, size) == expected


@pytest.mark.parametrize(
    ("indices", "not_admissible", "expected"),
    [
        ({2: 0.9, 3: 0.7, 4: 0.8}, [], 3),
        ({2: 0.9, 3: 0.7, 4: 0.8}, [3], 4),
        ({2: 0.7, 3: 0.7, 4: 0.7}, [], 2),
        ({4: 0.7, 3: 0.7, 2: 0.9}, [], 3),
        ({2: 0.9, 3: 0.7}, [2, 3], None),
        ({1: None}, [], 1),
        ({1: None, 2: 0.9, 3: 0.8}, [], 3),
        ({1: None, 2: 0.9, 3: 0.8}, [2, 3], None),
    ],
)
def test_the_lowest_index_of_the_admissible_k_is_selected(indices, not_admissible, expected):
    assert selection.select_k(indices, {k: k not in not_admissible for k in indices}) == expected
