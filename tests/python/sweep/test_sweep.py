"""The sweep end to end: its table compared with scikit-learn, the selected k, and reproducibility."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from conftest import FEATURES, Sample
from customers import blobs, distinct, matrices
from hypothesis import assume, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sklearn.cluster import KMeans
from sklearn.metrics import (
    calinski_harabasz_score,
    davies_bouldin_score,
    pairwise_distances,
    pairwise_distances_argmin,
    silhouette_score,
)
from sklearn.preprocessing import StandardScaler

from customer_segmentation.sweep.selection import SelectionError
from customer_segmentation.sweep.sources import LocalSource
from customer_segmentation.sweep.sweep import as_frame, canonical, sweep

SETTINGS = {
    "k_min": 2,
    "k_max": 5,
    "k": None,
    "seed": 42,
    "starts": 10,
    "silhouette_exact_up_to": 10_000,
    "silhouette_sample_size": 2_000,
    "min_segment_share": 0.0,
    "min_segment_size": 1,
    "require_admissible_k": True,
}


def names(count: int) -> list[str]:
    return [f"feature_{number}" for number in range(count)]


def run_sweep(values: np.ndarray, **changed) -> pd.DataFrame:
    return sweep(LocalSource(values.T), **(SETTINGS | changed))


def selected_k(frame: pd.DataFrame) -> int:
    (k,) = frame.loc[frame["is_best_k"], "k"].unique()
    return int(k)


def centroids_of(frame: pd.DataFrame, k: int, features: list[str]) -> np.ndarray:
    return frame.loc[frame["k"] == k].sort_values("cluster")[features].to_numpy()


# ---- the rows of the frame ---------------------------------------------------------------------------------------


@hypothesis_settings(max_examples=15)
@given(values=matrices(), seed=st.integers(0, 1_000))
def test_every_row_of_the_sweep_has_the_metrics_of_its_k(values, seed):
    assume(distinct(values) >= 3)
    features = names(values.shape[1])
    frame = run_sweep(values, seed=seed)
    assert list(frame["k"].unique()) == list(range(2, min(5, distinct(values) - 1) + 1))
    for k, rows in frame.groupby("k"):
        assert list(rows["cluster"]) == list(range(k))
        centroids = rows[features].to_numpy()
        labels = pairwise_distances_argmin(values, centroids)
        sizes = np.bincount(labels, minlength=k)
        distances = np.sort(pairwise_distances(values, centroids), axis=1)
        if (distances[:, 1] - distances[:, 0]).min() < 1e-9:
            continue  # who stands between two centroids is a matter of digits here; ties have a test of their own
        assert list(rows["cluster_size"]) == list(sizes)
        assert set(rows["smallest_cluster_size"]) == {sizes.min()}
        assert sizes.min() > 0
        for metric, expected in {
            "inertia": (distances[:, 0] ** 2).sum(),
            "davies_bouldin_index": davies_bouldin_score(values, labels),
            "calinski_harabasz_index": calinski_harabasz_score(values, labels),
            "silhouette_score": silhouette_score(values, labels),
        }.items():
            assert rows[metric].nunique() == 1
            assert rows[metric].iloc[0] == pytest.approx(expected, rel=1e-6, abs=1e-8), (k, metric)
        # The fit has converged: each centroid is the mean of its customers.
        means = np.array([values[labels == cluster].mean(axis=0) for cluster in range(k)])
        assert centroids == pytest.approx(means, abs=1e-9)


def test_one_cluster_has_an_inertia_and_no_index():
    values = np.random.default_rng(1).normal(size=(30, 2))
    frame = run_sweep(values, k=1)
    (row,) = frame[frame["k"] == 1].to_dict("records")
    assert row["inertia"] == pytest.approx(((values - values.mean(axis=0)) ** 2).sum())
    for metric in ("davies_bouldin_index", "calinski_harabasz_index", "silhouette_score", "silhouette_standard_error"):
        assert row[metric] is None, metric


def test_the_sweep_samples_the_silhouette_only_beyond_the_exact_size():
    values = blobs([60, 60], spread=4)
    exact = run_sweep(values, silhouette_exact_up_to=120, silhouette_sample_size=100, k_max=2)
    sampled = run_sweep(values, silhouette_exact_up_to=119, silhouette_sample_size=100, k_max=2)
    assert set(exact["silhouette_standard_error"]) == {0}
    assert sampled["silhouette_standard_error"].min() > 0


def test_centroids_are_in_lexicographic_order():
    centroids = np.array([[2.0, 0.0], [1.0, 9.0], [1.0, -9.0], [-3.0, 5.0]])
    assert canonical(centroids).tolist() == [[-3.0, 5.0], [1.0, -9.0], [1.0, 9.0], [2.0, 0.0]]


def test_centroids_have_twelve_significant_digits_and_no_negative_zero():
    (row,) = canonical(np.array([[0.1234567890123456, -98765.43210987654, -0.0, 3e-20 / 7]])).tolist()
    assert [repr(number) for number in row] == ["0.123456789012", "-98765.4321099", "0.0", "4.28571428571e-21"]


def test_the_types_are_the_same_without_rows():
    filled = run_sweep(blobs([20, 20]))
    one = run_sweep(np.ones((9, 2)))
    empty = as_frame([], names(2))
    assert (len(filled), len(one), len(empty)) == (2 + 3 + 4 + 5, 1, 0)
    assert filled.dtypes.to_dict() == one.dtypes.to_dict() == empty.dtypes.to_dict()


def test_no_customers_give_no_rows():
    frame = run_sweep(np.empty((0, 2)))
    assert len(frame) == 0
    assert list(frame.columns[:4]) == ["k", "cluster", "feature_0", "feature_1"]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_non_finite_values_stop_the_sweep_and_name_the_feature(bad):
    values = blobs([20, 20], features=3)
    values[7, 1] = bad
    with pytest.raises(ValueError, match="feature_1") as stopped:
        run_sweep(values)
    assert "feature_0" not in str(stopped.value)
    assert "feature_2" not in str(stopped.value)


def test_a_large_sweep_reports_its_progress_once_for_each_k():
    lines = []
    run_sweep(blobs([10_000, 10_000]), k_max=4, starts=2, silhouette_exact_up_to=0, on_progress=lines.append)
    assert [line.split(",")[0] for line in lines] == [f"int_kmeans_sweep: k = {k} of 4" for k in (2, 3, 4)]
    small = []
    run_sweep(blobs([20, 20]), on_progress=small.append)
    assert small == []


# ---- which k is selected -----------------------------------------------------------------------------------------


def test_the_sweep_refuses_a_fixed_k_without_enough_distinct_rows():
    values = np.repeat([[0.0, 0.0], [5.0, 5.0], [9.0, 0.0]], 20, axis=0)
    with pytest.raises(SelectionError, match="Setting 'k' is 3"):
        run_sweep(values, k=3)
    assert selected_k(run_sweep(values, k=2)) == 2


@pytest.mark.parametrize("different", [1, 2])
def test_customers_who_are_too_similar_are_one_segment(different):
    values = np.repeat(np.arange(different, dtype=float)[:, None], 30, axis=0)
    frame = run_sweep(values)
    assert len(frame) == 1
    (row,) = frame.to_dict("records")
    assert (row["k"], row["cluster"], row["cluster_size"], row["is_best_k"]) == (1, 0, 30 * different, True)
    assert row["feature_0"] == pytest.approx(values.mean())
    assert row["davies_bouldin_index"] is None


def test_clusters_of_outliers_are_not_selected():
    """A cluster of three far customers has the lowest index, but a segment needs five."""
    values = np.vstack([blobs([100, 100], spread=1.5), [[500.0, 500.0], [501.0, 500.0], [500.0, 501.0]]])
    free = run_sweep(values, k_max=4)
    bound = run_sweep(values, k_max=4, min_segment_size=5, require_admissible_k=False)
    lowest = free.groupby("k")["davies_bouldin_index"].first().idxmin()
    assert selected_k(free) == lowest
    assert free.loc[free["k"] == lowest, "cluster_size"].min() == 3
    assert set(bound["smallest_size_required"]) == {5}
    assert not bound["is_admissible"].any()
    # No k is admissible, but the lowest index is requested anyway.
    assert selected_k(bound) == lowest


def test_no_admissible_k_stops_and_names_the_remedies():
    values = np.vstack([blobs([100, 100], spread=1.5), [[500.0, 500.0]]])
    with pytest.raises(SelectionError) as stopped:
        run_sweep(values, k_max=3, min_segment_share=0.01)
    message = str(stopped.value)
    assert "at least 3 of the 201 clustered customers" in message
    assert "1 at k = 2, 1 at k = 3" in message
    for remedy in (
        "log1p",
        "'transforms'",
        "'features'",
        "'min_segment_share'",
        "'min_segment_size'",
        "'require_admissible_k'",
    ):
        assert remedy in message


def test_an_admissible_k_is_selected_before_a_lower_index_that_is_not():
    """k = 3 has the lowest index, but its smallest cluster holds twelve; if 13 are required, k = 2 is selected."""
    values = blobs([100, 80, 12], spread=0.8)
    indices = run_sweep(values).groupby("k").first()
    order = indices["davies_bouldin_index"].sort_values().index
    best = int(order[0])
    required = int(indices.loc[best, "smallest_cluster_size"]) + 1
    admissible = [int(k) for k in order if indices.loc[k, "smallest_cluster_size"] >= required]
    assert admissible, "the data must leave a choice"
    bound = run_sweep(values, min_segment_size=required)
    assert selected_k(bound) == admissible[0] != best
    marked = bound.groupby("k")["is_admissible"].first()
    assert sorted(marked[marked].index) == sorted(admissible)


def test_a_fixed_k_needs_no_admissible_k_and_leaves_is_best_k_unchanged():
    values = np.vstack([blobs([100, 100], spread=1.5), [[500.0, 500.0]]])
    free = run_sweep(values)
    fixed = run_sweep(values, k=4, min_segment_size=5)
    assert selected_k(fixed) == selected_k(free)
    assert set(fixed["k"]) == set(free["k"])
    alone = run_sweep(values, k=1)
    assert list(alone["k"].unique()) == [1, 2, 3, 4, 5]


def test_existing_groups_are_found():
    for sizes in ([40, 30], [40, 30, 20], [40, 30, 20, 10]):
        frame = run_sweep(blobs(sizes))
        assert selected_k(frame) == len(sizes)
        assert list(frame.loc[frame["is_best_k"], "cluster_size"]) == sizes


# ---- the same answer ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def sample_values(sample_input: Sample) -> np.ndarray:
    """The scaled features of the sample, computed by pandas and scikit-learn."""
    values = sample_input.features[FEATURES].to_numpy(dtype=float)
    values[:, :3] = np.log1p(values[:, :3])
    return StandardScaler().fit_transform(values)


def test_the_same_input_gives_the_same_frame(sample_values):
    first, second = (run_sweep(sample_values) for _ in range(2))
    pd.testing.assert_frame_equal(first, second, check_exact=True)


def test_shuffled_rows_give_the_same_model(sample_values):
    options = {"k_max": 6, "starts": 50}
    ordered = run_sweep(sample_values, **options)
    shuffled = run_sweep(np.random.default_rng(1).permutation(sample_values), **options)
    pd.testing.assert_frame_equal(ordered, shuffled, check_exact=False, rtol=1e-9)
    assert selected_k(shuffled) == 4


def test_twenty_seeds_select_four_segments_with_the_same_centroids(sample_values):
    found = []
    for seed in range(20):
        frame = run_sweep(sample_values, seed=seed, k_max=6, min_segment_size=5, min_segment_share=0.01)
        assert selected_k(frame) == 4, seed
        found.append(centroids_of(frame, 4, names(4)).tolist())
    assert found == [found[0]] * 20
    oracle = KMeans(4, n_init=50, random_state=0, tol=0).fit(sample_values)
    oracle_order = oracle.cluster_centers_[np.lexsort(oracle.cluster_centers_.T[::-1])]
    assert np.array(found[0]) == pytest.approx(oracle_order, abs=1e-9)
