"""Match each cluster of a new model to the existing segment that it continues."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.optimize import linear_sum_assignment

TYPES = {
    "cluster": "int64",
    "spending_order": "int64",
    "segment_key": "str",
    "shared_customers": "int64",
    "jaccard_index": "float64",
}


def match_segments(overlaps: pd.DataFrame, min_key_overlap: float) -> pd.DataFrame:
    """Match clusters to segment keys so that as many customers as possible keep their key.

    overlaps: one row per cluster and previous_segment_key that share customers, with spending_order,
    shared_customers and jaccard_index; a cluster that shares customers with no segment has one row without a key.
    A pair whose Jaccard index (customers in both over customers in either) is below min_key_overlap is not a candidate.
    The assignment is optimal (Kuhn 1955, as implemented in scipy.optimize.linear_sum_assignment): no other one keeps
    more customers. Returns one row per cluster; segment_key is null for a new segment.
    """
    clusters = overlaps.drop_duplicates("cluster")[["cluster", "spending_order"]].sort_values("cluster")
    candidates = overlaps[overlaps["previous_segment_key"].notna() & (overlaps["jaccard_index"] >= min_key_overlap)]
    keys = sorted(candidates["previous_segment_key"].unique())
    positions = {cluster: position for position, cluster in enumerate(clusters["cluster"])}
    shared = np.zeros((len(clusters), len(keys)), dtype=np.int64)
    jaccard = np.zeros_like(shared, dtype=np.float64)
    for row in candidates.itertuples():
        place = positions[row.cluster], keys.index(row.previous_segment_key)
        shared[place], jaccard[place] = row.shared_customers, row.jaccard_index
    matched = {
        cluster: (keys[key], shared[cluster, key], jaccard[cluster, key])
        for cluster, key in zip(*linear_sum_assignment(shared, maximize=True), strict=True)
        if shared[cluster, key] > 0
    }
    rows = [
        (row.cluster, row.spending_order, *matched.get(positions[row.cluster], (None, 0, 0.0)))
        for row in clusters.itertuples()
    ]
    return pd.DataFrame(rows, columns=list(TYPES)).astype(TYPES)
