"""The metrics and the refinement of partitions, compared with scikit-learn."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from customers import DATA, matrices
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn.metrics import calinski_harabasz_score, davies_bouldin_score, pairwise_distances

from customer_segmentation.sweep import metrics
from customer_segmentation.sweep.metrics import Metrics
from customer_segmentation.sweep.search import converge, fit
from customer_segmentation.sweep.sources import LocalSource


def measure(values: np.ndarray, labels: np.ndarray, centroids: np.ndarray, squared: np.ndarray) -> Metrics:
    sums = [np.bincount(labels, weights, len(centroids)) for weights in (None, squared, np.sqrt(squared))]
    return metrics.measure(np.array(sums), centroids, values.mean(axis=0))


@given(values=matrices(), k=st.integers(2, 6), seed=st.integers(0, 1_000))
def test_the_metrics_of_any_partition_are_those_of_scikit_learn(values, k, seed):
    assume(len(values) > k)
    labels = np.random.default_rng(seed).permutation(np.arange(len(values)) % k)
    centroids = np.array([values[labels == cluster].mean(axis=0) for cluster in range(k)])
    # The index is undefined if two clusters share a centroid.
    assume(pairwise_distances(centroids)[~np.eye(k, dtype=bool)].min() > 1e-9)
    squared = ((values - centroids[labels]) ** 2).sum(axis=1)
    found = measure(values, labels, centroids, squared)
    assert found.inertia == pytest.approx(squared.sum(), rel=1e-9)
    # scikit-learn's distance of a row to itself is up to 1e-8.
    assert found.davies_bouldin_index == pytest.approx(davies_bouldin_score(values, labels), rel=1e-6, abs=1e-7)
    if found.inertia == 0:
        # Without variance within the clusters the index is infinite; scikit-learn returns 1.
        assert found.calinski_harabasz_index is None
        return
    assert found.calinski_harabasz_index == pytest.approx(calinski_harabasz_score(values, labels), rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("make", DATA)
def test_the_indices_of_large_data_are_exact(make: Callable):
    columns = make(70_000)
    sets = list(fit(LocalSource(columns[:, :2_000]), [2, 5, 9], 4, 0).values())
    sets = converge(LocalSource(columns), sets)
    refinement, sums = metrics.partition(columns, sets)
    assert [each.tobytes() for each in metrics.cluster_sums(columns, sets)] == [each.tobytes() for each in sums]
    for cluster, part, centroids in zip(refinement.clusters, sums, sets, strict=True):
        labels = cluster[refinement.codes]
        found = metrics.measure(part, centroids, columns.mean(axis=1))
        assert found.inertia == pytest.approx(((columns - centroids[labels].T) ** 2).sum(), rel=1e-9)
        assert found.davies_bouldin_index == pytest.approx(davies_bouldin_score(columns.T, labels), rel=1e-9)
        assert found.calinski_harabasz_index == pytest.approx(calinski_harabasz_score(columns.T, labels), rel=1e-9)


@given(seed=st.integers(0, 10_000), rows=st.integers(1, 300), ks=st.lists(st.integers(1, 9), min_size=1, max_size=5))
def test_the_refinement_contains_every_partition(seed, rows, ks):
    generator = np.random.default_rng(seed)
    labels = np.array([generator.integers(0, k, rows) for k in ks], dtype=np.uint8)
    codes, clusters = metrics.refine(labels)
    assert (clusters[:, codes] == labels).all()
    assert len({tuple(each) for each in clusters.T}) == clusters.shape[1] == len(np.unique(codes))
