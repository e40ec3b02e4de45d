"""Which k are fitted, which are admissible, and which one the Davies-Bouldin index selects."""

from __future__ import annotations

import numpy as np


class SelectionError(ValueError):
    """No k can be served; the message names the rule and the remedies."""


def count_distinct_rows(values: np.ndarray, enough: int) -> int:
    """Return the number of distinct rows of values, (n, features), or any number above `enough` if there are more."""
    rows = 1_000
    while True:
        found = len(np.unique(values[:rows], axis=0))
        if found > enough or rows >= len(values):
            return found
        rows *= 10


def ks_to_fit(
    customers: int, distinct_rows: int, k_min: int, k_max: int, k: int | None, min_segment_size: int
) -> list[int]:
    """Return the k that the sweep fits: k_min..k_max, as far as there are enough distinct rows, and k = 1 if fixed.

    A k needs at least k + 1 distinct rows: with only k, every cluster is a single point and the indices are
    meaningless. The result is [1], one segment, if k_min cannot be fitted, or if k is not fixed and there are fewer
    customers than k_min * min_segment_size.

    Raises SelectionError if a fixed k cannot be fitted.
    """
    largest = min(k_max, distinct_rows - 1)
    if k is not None and k > 1 and k > largest:
        raise SelectionError(
            f"Setting 'k' is {k}, but the {customers} clustered customers have only {distinct_rows} different "
            f"combinations of feature values, enough for k up to {max(largest, 1)}. Lower k, or set it to null."
        )
    if k == 1:
        return [1, *range(k_min, largest + 1)]
    if largest < k_min or (k is None and customers < k_min * min_segment_size):
        return [1]
    return list(range(k_min, largest + 1))


def smallest_size_required(customers: int, min_segment_share: float, min_segment_size: int) -> int:
    """Return the number of customers that the smallest cluster of an admissible k must have."""
    # 0.07 * 100 is 7.000000000000001 in floating point; without rounding, 8 customers would be required.
    return max(min_segment_size, int(np.ceil(round(min_segment_share * customers, 6))))


def select_k(indices: dict[int, float | None], admissible: dict[int, bool]) -> int | None:
    """Return the admissible k with the lowest Davies-Bouldin index, the smaller k on a tie; None if none is admissible.

    k = 1 has no index; it is selected only if it is the only k.
    """
    candidates = [(index, k) for k, index in indices.items() if index is not None and admissible[k]]
    if candidates:
        return min(candidates)[1]
    return 1 if list(indices) == [1] else None


def no_admissible_k(sizes: dict[int, np.ndarray], required: int, customers: int) -> SelectionError:
    """Return the error that says why no k is admissible, and the remedies. sizes: {k: (k,)}, the cluster sizes."""
    smallest = ", ".join(f"{counts.min()} at k = {k}" for k, counts in sizes.items())
    return SelectionError(
        f"No k is admissible: the smallest cluster must hold at least {required} of the {customers} clustered "
        f"customers, and it holds {smallest}. Clusters this small are outliers. Remedies: give the skewed features "
        "the transform log1p (setting 'transforms'), cluster by other features (setting 'features'), lower "
        "'min_segment_share' or 'min_segment_size', or set 'require_admissible_k' to false to serve the k with the "
        "lowest index anyway."
    )
