"""Which k are fitted, which of them are admissible, and which one the Davies-Bouldin index selects."""

from __future__ import annotations

import numpy as np


class SelectionError(ValueError):
    """No k can be served; the message names the rule and the remedies."""


def count_distinct_rows(values: np.ndarray, enough: int) -> int:
    """Return the number of distinct rows of values, (n, features); stop counting once there are more than enough."""
    rows = 1_000
    while True:
        found = len(np.unique(values[:rows], axis=0))
        if found > enough or rows >= len(values):
            return found
        rows *= 10


def ks_to_fit(
    customers: int, distinct_rows: int, k_min: int, k_max: int, k: int | None, min_segment_size: int
) -> list[int]:
    """Return the k that the sweep fits: k_min..k_max, as far as there are distinct rows, and a fixed k.

    A k needs at least k + 1 distinct rows: with k of them every cluster is a point and the indices mean nothing. The
    result is [1], one segment, where not even k_min can be fitted, or where there are fewer customers than k_min
    segments of the smallest size need.

    Raises SelectionError where a fixed k cannot be fitted.
    """
    largest = min(k_max, distinct_rows - 1)
    if k is not None and k > 1 and k > largest:
        raise SelectionError(
            f"Setting 'k' is {k}, but the {customers} clustered customers have only {distinct_rows} different "
            f"combinations of feature values, enough for k up to {max(largest, 1)}. Lower k, or unset it."
        )
    if k == 1:
        return [1, *range(k_min, largest + 1)]
    if largest < k_min or (k is None and customers < k_min * min_segment_size):
        return [1]
    return list(range(k_min, largest + 1))


def smallest_size_required(customers: int, min_segment_share: float, min_segment_size: int) -> int:
    """Return the number of customers that the smallest cluster of an admissible k must have."""
    # A share of 0.01 of 700 customers is 7, even though the product of the doubles is 7.000000000000001.
    return max(min_segment_size, int(np.ceil(round(min_segment_share * customers, 6))))


def select_k(indices: dict[int, float | None], admissible: dict[int, bool]) -> int | None:
    """Return the admissible k with the lowest Davies-Bouldin index, the smaller k on a tie; None if none is admissible.

    A k without an index (k = 1) is selected only where it is the only one.
    """
    candidates = [(index, k) for k, index in indices.items() if index is not None and admissible[k]]
    if candidates:
        return min(candidates)[1]
    return 1 if list(indices) == [1] else None


def no_admissible_k(sizes: dict[int, np.ndarray], required: int, customers: int) -> SelectionError:
    """Return the error that says why no k is admissible, and the remedies. sizes: the cluster sizes of each k."""
    smallest = ", ".join(f"{counts.min()} at k = {k}" for k, counts in sizes.items())
    return SelectionError(
        f"No k is admissible: the smallest cluster must hold at least {required} of the {customers} clustered "
        f"customers, and it holds {smallest}. Clusters this small are outliers. Remedies: give the skewed features "
        "the transform log1p (setting 'transforms'), cluster by other features (setting 'features'), lower "
        "'min_segment_share' or 'min_segment_size', or set 'require_admissible_k' to false to serve the lowest index "
        "anyway."
    )
