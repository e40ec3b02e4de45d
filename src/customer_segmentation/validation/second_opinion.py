"""A second opinion: the inertia and the metrics of the served partition by scikit-learn."""

from __future__ import annotations

import numpy as np
import pandas as pd

from customer_segmentation.sweep.lloyd import assign
from customer_segmentation.sweep.metrics import cluster_sums, measure, partition
from customer_segmentation.sweep.search import converge
from customer_segmentation.sweep.silhouette import silhouettes
from customer_segmentation.sweep.sources import LocalSource

# Starts of scikit-learn's KMeans.
STARTS = 10
# The silhouette is compared on at most this many customers, because its cost grows with their square.
SILHOUETTE_ON = 2_000


def second_opinion(columns: np.ndarray, centroids: np.ndarray, *, seed: int) -> pd.DataFrame:
    """Compare a partition with scikit-learn's: one row with inertia_ratio and largest_metric_difference.

    columns: (features, customers), scaled, of all customers or a sample. centroids: (k, features). On a sample they are
    first run to convergence, as scikit-learn's are. inertia_ratio: ours over the inertia of its KMeans with STARTS
    starts. largest_metric_difference: between our Davies-Bouldin index, silhouette and Calinski-Harabasz index and its
    on our labels, relative to its values above 1. Both are null without customers, the latter for one segment.
    """
    ratio = difference = None
    if len(centroids):
        from sklearn.cluster import KMeans

        (found,) = converge(LocalSource(columns), [centroids])
        (sums,) = cluster_sums(columns, [found])
        ours = measure(sums, found, columns.mean(axis=1))
        theirs = KMeans(len(found), n_init=STARTS, random_state=seed).fit(columns.T).inertia_
        ratio = ours.inertia / theirs if theirs > 0 else 1.0
        if len(found) > 1:
            few = columns[:, :SILHOUETTE_ON]
            (silhouette, _), *_ = silhouettes(few, partition(few, [found])[0], [len(found)], SILHOUETTE_ON, 1, seed)
            values = ours.davies_bouldin_index, ours.calinski_harabasz_index, silhouette
            difference = largest_difference(values, columns, few, assign(columns, [found])[0][0])
    row = {"inertia_ratio": ratio, "largest_metric_difference": difference}
    return pd.DataFrame([row], dtype="Float64").assign(customers_compared=np.int64(columns.shape[1]))


def largest_difference(
    ours: tuple[float | None, ...], columns: np.ndarray, few: np.ndarray, labels: np.ndarray
) -> float | None:
    """Return the largest difference between three metrics and scikit-learn's; one that is not defined is left out.

    ours: Davies-Bouldin and Calinski-Harabasz index of the columns, silhouette of the few. labels: (customers,).
    """
    from sklearn.metrics import calinski_harabasz_score, davies_bouldin_score, silhouette_score

    compared = (davies_bouldin_score, columns), (calinski_harabasz_score, columns), (silhouette_score, few)
    differences = []
    for value, (score, data) in zip(ours, compared, strict=True):
        labels_of_data = labels[: data.shape[1]]
        if value is not None and 1 < len(np.unique(labels_of_data)) < data.shape[1]:
            expected = float(score(data.T, labels_of_data))
            differences.append(abs(value - expected) / max(1.0, abs(expected)))
    return max(differences, default=None)
