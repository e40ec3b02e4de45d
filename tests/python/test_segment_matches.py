"""Matching the clusters of a new model to existing segments."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import adjusted_rand_score

from customer_segmentation.segment_matches import match_segments


def overlaps_of(clusters: list[int], keys: list[str | None]) -> pd.DataFrame:
    """The overlaps of two partitions of the same customers, in the form of int_segment_overlaps."""
    frame = pd.DataFrame({"cluster": clusters, "previous_segment_key": keys})
    rows = []
    for cluster, own in frame.groupby("cluster"):
        known = own["previous_segment_key"].dropna()
        for key, shared in known.value_counts().items():
            either = len(own) + (frame["previous_segment_key"] == key).sum() - shared
            rows.append((cluster, cluster + 1, key, shared, shared / either))
        if known.empty:
            rows.append((cluster, cluster + 1, None, 0, None))
    columns = ["cluster", "spending_order", "previous_segment_key", "shared_customers", "jaccard_index"]
    return pd.DataFrame(rows, columns=columns)


partitions = st.lists(
    st.tuples(st.integers(0, 4), st.sampled_from(["S1", "S2", "S3", "S7", None])), min_size=1, max_size=60
)


@given(partitions, st.sampled_from([0.0, 0.3, 0.6]))
def test_no_other_assignment_keeps_more_customers(customers: list, minimum: float):
    """Compared with all possible assignments of the pairs that overlap enough."""
    overlaps = overlaps_of([cluster for cluster, _ in customers], [key for _, key in customers])
    found = match_segments(overlaps, minimum)
    assert found["cluster"].tolist() == sorted({cluster for cluster, _ in customers})
    assert found["segment_key"].dropna().is_unique
    shared = {
        (row.cluster, row.previous_segment_key): row.shared_customers
        for row in overlaps.itertuples()
        if row.shared_customers and row.jaccard_index >= minimum
    }
    clusters = found["cluster"].tolist()
    keys = ["S1", "S2", "S3", "S7", *[None] * len(clusters)]
    best = (
        max(
            sum(shared.get(pair, 0) for pair in zip(clusters, chosen, strict=True))
            for chosen in itertools.permutations(keys, len(clusters))
        )
        if len(clusters) < 4
        else None
    )
    kept = sum(shared.get((row.cluster, row.segment_key), 0) for row in found.itertuples())
    assert kept == found["shared_customers"].sum()
    assert best is None or kept == best


def test_a_permuted_partition_keeps_all_its_keys():
    generator = np.random.default_rng(5)
    keys = generator.choice(["S1", "S2", "S3", "S4"], 500)
    numbers = {"S1": 2, "S2": 0, "S3": 3, "S4": 1}
    clusters = [numbers[key] for key in keys]
    assert adjusted_rand_score(keys, clusters) == 1
    found = match_segments(overlaps_of(clusters, list(keys)), 0.3)
    assert dict(zip(found["segment_key"], found["cluster"], strict=True)) == numbers


def test_a_split_segment_leaves_its_key_to_the_larger_part():
    found = match_segments(overlaps_of([0] * 60 + [1] * 40 + [2] * 50, ["S1"] * 100 + ["S2"] * 50), 0.3)
    assert found["segment_key"].tolist()[0] == "S1"
    assert found["segment_key"].isna().tolist() == [False, True, False]


def test_parts_that_are_too_small_get_new_keys():
    found = match_segments(overlaps_of([0, 1, 2, 3] * 25, ["S1"] * 100), 0.3)
    assert found["segment_key"].isna().all()
