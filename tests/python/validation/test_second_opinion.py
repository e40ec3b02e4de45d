"""The second opinion: it agrees with a good fit, and finds a bad one."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.cluster import KMeans

from customer_segmentation.validation import second_opinion as module
from customer_segmentation.validation.second_opinion import second_opinion


def blobs(count: int = 600) -> np.ndarray:
    generator = np.random.default_rng(1)
    corners = np.array([[0, 0], [6, 0], [0, 6], [6, 6]])
    return corners[generator.integers(4, size=count)] + generator.normal(size=(count, 2))


def test_a_good_fit_is_confirmed():
    rows = blobs()
    centroids = KMeans(4, n_init=10, random_state=5).fit(rows).cluster_centers_
    (row,) = second_opinion(rows.T, centroids, seed=42).itertuples(index=False)
    assert row.inertia_ratio == pytest.approx(1, abs=1e-6)
    assert 0 <= row.largest_metric_difference < 1e-9
    assert row.customers_compared == 600


def test_a_worse_local_optimum_is_found():
    generator = np.random.default_rng(1)
    rows = np.repeat([[0.0, 0.0], [50.0, 0.0], [56.0, 0.0]], 200, axis=0) + generator.normal(size=(600, 2))
    # Two centroids share one group, and one is between the two others: Lloyd's algorithm does not leave this optimum.
    centroids = np.array([[-0.8, 0.0], [0.8, 0.0], [53.0, 0.0]])
    (row,) = second_opinion(rows.T, centroids, seed=42).itertuples(index=False)
    assert row.inertia_ratio > 1.5


@pytest.mark.parametrize("metric", ["davies_bouldin_index", "calinski_harabasz_index"])
def test_a_wrong_metric_is_found(monkeypatch, metric: str):
    rows = blobs()
    centroids = KMeans(4, n_init=10, random_state=5).fit(rows).cluster_centers_
    right = module.measure
    monkeypatch.setattr(
        module, "measure", lambda *given: (found := right(*given))._replace(**{metric: getattr(found, metric) * 1.001})
    )
    (row,) = second_opinion(rows.T, centroids, seed=42).itertuples(index=False)
    assert row.largest_metric_difference > 1e-4


def test_a_sample_is_compared_after_convergence():
    rows = blobs(20_000)
    centroids = KMeans(4, n_init=10, random_state=5).fit(rows).cluster_centers_
    (row,) = second_opinion(rows[:3_000].T, centroids, seed=42).itertuples(index=False)
    assert row.inertia_ratio == pytest.approx(1, abs=1e-6)
    assert row.largest_metric_difference < 1e-9


def test_one_segment_has_no_metrics():
    (row,) = second_opinion(blobs().T, blobs().mean(axis=0)[None], seed=42).itertuples(index=False)
    assert row.inertia_ratio == pytest.approx(1)
    assert second_opinion(blobs().T, blobs().mean(axis=0)[None], seed=42)["largest_metric_difference"].isna().all()


def test_nobody_gives_a_row_of_nulls_with_the_same_types():
    frame = second_opinion(np.empty((2, 0)), np.empty((0, 2)), seed=42)
    assert frame[["inertia_ratio", "largest_metric_difference"]].isna().all(axis=None)
    assert (frame.dtypes == second_opinion(blobs().T, blobs()[:2], seed=42).dtypes).all()
