"""The sweep against scikit-learn, against every partition there is, and against its own promises."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd
import pytest
from conftest import FEATURES, Sample
from hypothesis import assume, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sklearn.cluster import KMeans
from sklearn.metrics import (
    calinski_harabasz_score,
    davies_bouldin_score,
    pairwise_distances,
    pairwise_distances_argmin,
    silhouette_samples,
    silhouette_score,
)
from sklearn.preprocessing import StandardScaler

from customer_segmentation import metrics as metrics_module
from customer_segmentation.lloyd import assign as assign_columns
from customer_segmentation.metrics import Cells, Metrics
from customer_segmentation.search import fit as fit_columns
from customer_segmentation.search import seeds as draw_seeds
from customer_segmentation.source import LocalRows

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


def run_sweep(int_kmeans_sweep, values: np.ndarray, **changed) -> pd.DataFrame:
    return int_kmeans_sweep.sweep(LocalRows(values.T), **(SETTINGS | changed))


def fit(values: np.ndarray, k: int, starts: int, seed: int) -> np.ndarray:
    return fit_columns(LocalRows(values.T), [k], starts, seed)[k]


def assign(values: np.ndarray, centroids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    labels, squared = assign_columns(np.ascontiguousarray(values.T), [centroids])
    return labels[0], squared[0]


def measure(values: np.ndarray, labels: np.ndarray, centroids: np.ndarray, squared: np.ndarray) -> Metrics:
    sums = [np.bincount(labels, weights, len(centroids)) for weights in (None, squared, np.sqrt(squared))]
    return metrics_module.measure(np.array(sums), centroids, values.mean(axis=0))


def cells(labels: np.ndarray, k: int) -> Cells:
    """One partition, whose cells are its clusters."""
    return Cells(labels.astype(np.uint16), np.arange(k)[None], np.bincount(labels, minlength=k))


def silhouette(
    values: np.ndarray, labels: np.ndarray, k: int, exact_up_to: int, sample_size: int, seed: int
) -> tuple[float | None, float | None]:
    columns = np.ascontiguousarray(values.T)
    (found,) = metrics_module.silhouettes(columns, cells(labels, k), [k], exact_up_to, sample_size, seed)
    return found


def silhouette_widths(values: np.ndarray, labels: np.ndarray, counts: np.ndarray, queries: np.ndarray) -> np.ndarray:
    columns, everybody = np.ascontiguousarray(values.T), np.arange(len(values))
    k = len(counts)
    (widths,) = metrics_module.silhouette_widths(columns, cells(labels, k), [k], queries, everybody)
    return widths


def selected_k(frame: pd.DataFrame) -> int:
    (k,) = frame.loc[frame["is_best_k"], "k"].unique()
    return int(k)


def centroids_of(frame: pd.DataFrame, k: int, features: list[str]) -> np.ndarray:
    return frame.loc[frame["k"] == k].sort_values("cluster")[features].to_numpy()


def blobs(sizes: list[int], spread: float = 0.3, features: int = 2, seed: int = 0) -> np.ndarray:
    """Groups of these sizes around points 10 apart on the diagonal."""
    generator = np.random.default_rng(seed)
    return np.vstack([generator.normal(10 * group, spread, size=(size, features)) for group, size in enumerate(sizes)])


@st.composite
def matrices(draw, most_rows: int = 60, most_features: int = 4) -> np.ndarray:
    """Random rows: normal, heavy-tailed, or on a coarse grid, where many rows are the same."""
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shape = draw(st.integers(4, most_rows)), draw(st.integers(1, most_features))
    kind = draw(st.sampled_from(["normal", "tails", "grid"]))
    if kind == "normal":
        return generator.normal(size=shape)
    if kind == "tails":
        return generator.standard_t(2, size=shape)
    return generator.integers(0, 4, size=shape).astype(float)


def distinct(values: np.ndarray) -> int:
    return len({tuple(row) for row in values})


# ---- metrics -----------------------------------------------------------------------------------------------------


@given(values=matrices(), k=st.integers(2, 6), seed=st.integers(0, 1_000))
def test_the_metrics_of_any_partition_are_those_of_scikit_learn(int_kmeans_sweep, values, k, seed):
    assume(len(values) > k)
    labels = np.random.default_rng(seed).permutation(np.arange(len(values)) % k)
    centroids = np.array([values[labels == cluster].mean(axis=0) for cluster in range(k)])
    # Two clusters on one point have no index.
    assume(pairwise_distances(centroids)[~np.eye(k, dtype=bool)].min() > 1e-9)
    squared = ((values - centroids[labels]) ** 2).sum(axis=1)
    metrics = measure(values, labels, centroids, squared)
    assert metrics.inertia == pytest.approx(squared.sum(), rel=1e-9)
    # scikit-learn's distance of a row to itself is up to 1e-8.
    assert metrics.davies_bouldin_index == pytest.approx(davies_bouldin_score(values, labels), rel=1e-6, abs=1e-7)
    assert metrics.calinski_harabasz_index == pytest.approx(calinski_harabasz_score(values, labels), rel=1e-6, abs=1e-9)


@given(values=matrices(), k=st.integers(2, 6), seed=st.integers(0, 1_000))
def test_the_exact_silhouette_is_that_of_scikit_learn(int_kmeans_sweep, values, k, seed):
    assume(len(values) > k)
    # Clusters of any size, also of one row, but none empty.
    labels = np.random.default_rng(seed).integers(0, k, size=len(values))
    labels[:k] = np.arange(k)
    score, standard_error = silhouette(values, labels, k, len(values), 100, seed)
    assert score == pytest.approx(silhouette_score(values, labels), abs=1e-9)
    assert standard_error == 0


def test_the_widths_of_some_rows_are_theirs_among_all_rows_in_any_block_size(int_kmeans_sweep, monkeypatch):
    values = np.random.default_rng(3).normal(size=(90, 3))
    labels = np.arange(90) % 4
    queries = np.array([3, 88, 17, 40, 41])
    expected = silhouette_samples(values, labels)[queries]
    assert silhouette_widths(values, labels, np.bincount(labels), queries) == pytest.approx(expected)
    monkeypatch.setattr(metrics_module, "BLOCK", 2)
    assert silhouette_widths(values, labels, np.bincount(labels), queries) == pytest.approx(expected)


def test_one_cluster_has_an_inertia_and_no_index(int_kmeans_sweep):
    values = np.random.default_rng(1).normal(size=(30, 2))
    frame = run_sweep(int_kmeans_sweep, values, k=1)
    (row,) = frame[frame["k"] == 1].to_dict("records")
    assert row["inertia"] == pytest.approx(((values - values.mean(axis=0)) ** 2).sum())
    for metric in ("davies_bouldin_index", "calinski_harabasz_index", "silhouette_score", "silhouette_standard_error"):
        assert row[metric] is None, metric


@pytest.fixture(scope="module")
def simulated_silhouettes(int_kmeans_sweep) -> tuple[float, np.ndarray]:
    """The true mean silhouette of unequal, overlapping clusters, and 200 estimates with their standard errors."""
    generator = np.random.default_rng(11)
    values = np.vstack(
        [generator.normal(center, 1.3, size=(size, 2)) for center, size in ((0, 700), (3, 350), (6, 150))]
    )
    labels = KMeans(3, n_init=5, random_state=0).fit(values).labels_
    estimates = [silhouette(values, labels, 3, 0, 120, seed) for seed in range(200)]
    return silhouette_score(values, labels), np.array(estimates)


def test_the_sampled_silhouette_is_right_on_average(simulated_silhouettes):
    truth, estimates = simulated_silhouettes
    scores = estimates[:, 0]
    assert scores.std() > 0
    assert abs(scores.mean() - truth) < 3 * scores.std(ddof=1) / np.sqrt(len(scores))


def test_two_standard_errors_cover_the_true_silhouette_in_about_95_percent(simulated_silhouettes):
    truth, estimates = simulated_silhouettes
    covered = np.abs(estimates[:, 0] - truth) <= 2 * estimates[:, 1]
    assert 0.88 <= covered.mean() <= 0.99


def test_the_standard_error_is_the_spread_of_the_estimates(simulated_silhouettes):
    _, estimates = simulated_silhouettes
    assert estimates[:, 1].mean() == pytest.approx(estimates[:, 0].std(ddof=1), rel=0.15)


def test_a_sample_of_everybody_is_exact(int_kmeans_sweep):
    values = np.random.default_rng(7).normal(size=(80, 2))
    labels = np.arange(80) % 3
    score, standard_error = silhouette(values, labels, 3, 79, 1_000, 0)
    assert score == pytest.approx(silhouette_score(values, labels), abs=1e-12)
    assert standard_error == 0


def test_the_sweep_samples_the_silhouette_only_beyond_the_stated_size(int_kmeans_sweep):
    values = blobs([60, 60], spread=4)
    exact = run_sweep(int_kmeans_sweep, values, silhouette_exact_up_to=120, silhouette_sample_size=100, k_max=2)
    sampled = run_sweep(int_kmeans_sweep, values, silhouette_exact_up_to=119, silhouette_sample_size=100, k_max=2)
    assert set(exact["silhouette_standard_error"]) == {0}
    assert sampled["silhouette_standard_error"].min() > 0


# ---- fitting -----------------------------------------------------------------------------------------------------


def smallest_inertia_of_all(values: np.ndarray, k: int) -> float:
    """The lowest inertia of every partition into k clusters that there is."""
    best = np.inf
    for labels in product(range(k), repeat=len(values) - 1):
        partition = np.array((0, *labels))
        if len(set(partition)) == k:
            groups = [values[partition == cluster] for cluster in range(k)]
            best = min(best, sum(((group - group.mean(axis=0)) ** 2).sum() for group in groups))
    return best


@hypothesis_settings(max_examples=15)
@given(values=matrices(most_rows=7, most_features=2), k=st.integers(2, 3))
def test_the_fit_finds_the_best_partition_of_all(int_kmeans_sweep, values, k):
    assume(distinct(values) > k)
    centroids = fit(values, k, 30, 42)
    _, squared = assign(values, centroids)
    assert squared.sum() == pytest.approx(smallest_inertia_of_all(values, k), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize(("features", "k"), [(1, 4), (3, 2), (3, 6)])
def test_the_fit_is_as_good_as_the_best_of_many_starts_of_scikit_learn(int_kmeans_sweep, features, k):
    values = np.random.default_rng(features).normal(size=(150, features))
    _, squared = assign(values, fit(values, k, 100, 42))
    best = KMeans(k, n_init=150, random_state=0, tol=0).fit(values).inertia_
    # Rows without any groups have many valleys of nearly the same depth: a tenth of a percent may lie between two.
    assert squared.sum() <= best * (1 + 1e-3)


def test_the_fit_runs_on_until_no_centroid_moves(int_kmeans_sweep):
    """On rows without groups a usual tolerance stops long before."""
    values = np.random.default_rng(2).uniform(size=(3_000, 2))
    centroids = fit(values, 6, 10, 42)
    labels = pairwise_distances_argmin(values, centroids)
    means = np.array([values[labels == cluster].mean(axis=0) for cluster in range(6)])
    assert centroids == pytest.approx(means, abs=1e-9)


@hypothesis_settings(max_examples=15)
@given(values=matrices(), seed=st.integers(0, 1_000))
def test_every_row_of_the_sweep_is_right_about_its_k(int_kmeans_sweep, values, seed):
    assume(distinct(values) >= 3)
    features = names(values.shape[1])
    frame = run_sweep(int_kmeans_sweep, values, seed=seed)
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
        # A converged fit: each centroid is the mean of its customers.
        means = np.array([values[labels == cluster].mean(axis=0) for cluster in range(k)])
        assert centroids == pytest.approx(means, abs=1e-9)


@given(values=matrices(), k=st.integers(1, 6), seed=st.integers(0, 1_000))
def test_each_customer_goes_to_the_nearest_centroid(int_kmeans_sweep, values, k, seed):
    centroids = np.random.default_rng(seed).normal(size=(k, values.shape[1]))
    labels, squared = assign(values, centroids)
    distances = pairwise_distances(values, centroids)
    assert np.sqrt(squared) == pytest.approx(distances.min(axis=1), abs=1e-7)
    assert distances[np.arange(len(values)), labels] == pytest.approx(distances.min(axis=1), abs=1e-7)


def test_a_customer_between_two_centroids_goes_to_the_first(int_kmeans_sweep):
    values = np.array([[0.0, 0.0], [1.0, 1.0], [0.0, 5.0]])
    centroids = np.array([[-1.0, 0.0], [1.0, 0.0], [0.0, -1.0]])
    labels, squared = assign(values, centroids)
    assert list(labels) == [0, 1, 0]
    assert list(squared) == [1, 1, 26]


def test_centroids_stand_in_the_order_of_their_columns(int_kmeans_sweep):
    centroids = np.array([[2.0, 0.0], [1.0, 9.0], [1.0, -9.0], [-3.0, 5.0]])
    assert int_kmeans_sweep.canonical(centroids).tolist() == [[-3.0, 5.0], [1.0, -9.0], [1.0, 9.0], [2.0, 0.0]]


def test_centroids_have_twelve_significant_digits_and_no_negative_zero(int_kmeans_sweep):
    (row,) = int_kmeans_sweep.canonical(np.array([[0.1234567890123456, -98765.43210987654, -0.0, 3e-20 / 7]])).tolist()
    assert [repr(number) for number in row] == ["0.123456789012", "-98765.4321099", "0.0", "4.28571428571e-21"]


def test_all_starts_are_used_and_each_has_rows_of_its_own(monkeypatch):
    made = []

    def counted(rows, k, starts, generator):
        made.append(draw_seeds(rows, k, starts, generator))
        return made[-1]

    monkeypatch.setattr("customer_segmentation.search.seeds", counted)
    fit(np.random.default_rng(0).normal(size=(40, 2)), 3, 23, 42)
    (sequences,) = made
    assert sequences.shape[0] == 23
    assert len({sequence[0].tobytes() for sequence in sequences}) > 10
    assert len({sequence.tobytes() for sequence in sequences}) > 15


# ---- which k are fitted ------------------------------------------------------------------------------------------


@given(seed=st.integers(0, 1_000), rows=st.integers(1, 3_000), kinds=st.integers(1, 40), enough=st.integers(1, 50))
def test_distinct_rows_are_counted_as_far_as_needed(int_kmeans_sweep, seed, rows, kinds, enough):
    values = np.random.default_rng(seed).integers(0, kinds, size=(rows, 1)).astype(float)
    # The rare rows stand at the end, where a count that stops too early misses them.
    values.sort(axis=0)
    found = int_kmeans_sweep.count_distinct_rows(values, enough)
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
def test_every_k_is_fitted_that_has_one_more_distinct_row(int_kmeans_sweep, distinct_rows, k, expected):
    assert int_kmeans_sweep.ks_to_fit(100, distinct_rows, 2, 10, k, 5) == expected


def test_a_k_min_beyond_the_distinct_rows_leaves_one_segment(int_kmeans_sweep):
    assert int_kmeans_sweep.ks_to_fit(100, 5, 4, 10, None, 5) == [4]
    assert int_kmeans_sweep.ks_to_fit(100, 4, 4, 10, None, 5) == [1]


def test_fewer_customers_than_the_smallest_segments_need_are_one_segment(int_kmeans_sweep):
    assert int_kmeans_sweep.ks_to_fit(9, 9, 2, 10, None, 5) == [1]
    assert int_kmeans_sweep.ks_to_fit(10, 10, 2, 4, None, 5) == [2, 3, 4]
    # Whoever fixes k knows what they do.
    assert int_kmeans_sweep.ks_to_fit(9, 9, 2, 4, 3, 5) == [2, 3, 4]


@pytest.mark.parametrize(("distinct_rows", "possible"), [(4, "up to 3"), (1, "up to 1"), (2, "up to 1")])
def test_a_fixed_k_that_is_too_large_stops_with_what_is_possible(int_kmeans_sweep, distinct_rows, possible):
    with pytest.raises(int_kmeans_sweep.SelectionError) as stopped:
        int_kmeans_sweep.ks_to_fit(60, distinct_rows, 2, 10, 7, 5)
    message = str(stopped.value)
    assert "'k' is 7" in message
    assert "60 clustered customers" in message
    assert f"only {distinct_rows} different" in message
    assert possible in message


def test_the_sweep_refuses_a_fixed_k_that_the_rows_cannot_fill(int_kmeans_sweep):
    values = np.repeat([[0.0, 0.0], [5.0, 5.0], [9.0, 0.0]], 20, axis=0)
    with pytest.raises(int_kmeans_sweep.SelectionError, match="Setting 'k' is 3"):
        run_sweep(int_kmeans_sweep, values, k=3)
    assert selected_k(run_sweep(int_kmeans_sweep, values, k=2)) == 2


@pytest.mark.parametrize("different", [1, 2])
def test_customers_who_are_too_much_alike_are_one_segment(int_kmeans_sweep, different):
    values = np.repeat(np.arange(different, dtype=float)[:, None], 30, axis=0)
    frame = run_sweep(int_kmeans_sweep, values)
    assert len(frame) == 1
    (row,) = frame.to_dict("records")
    assert (row["k"], row["cluster"], row["cluster_size"], row["is_best_k"]) == (1, 0, 30 * different, True)
    assert row["feature_0"] == pytest.approx(values.mean())
    assert row["davies_bouldin_index"] is None


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
def test_the_smallest_segment_is_the_larger_of_share_and_size(int_kmeans_sweep, customers, share, size, expected):
    assert int_kmeans_sweep.smallest_size_required(customers, share, size) == expected


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
def test_the_lowest_index_of_the_admissible_k_is_selected(int_kmeans_sweep, indices, not_admissible, expected):
    assert int_kmeans_sweep.select_k(indices, {k: k not in not_admissible for k in indices}) == expected


def test_clusters_of_outliers_are_passed_over(int_kmeans_sweep):
    """Three customers far away make the lowest index, and five make a segment."""
    values = np.vstack([blobs([100, 100], spread=1.5), [[500.0, 500.0], [501.0, 500.0], [500.0, 501.0]]])
    free = run_sweep(int_kmeans_sweep, values, k_max=4)
    bound = run_sweep(int_kmeans_sweep, values, k_max=4, min_segment_size=5, require_admissible_k=False)
    lowest = free.groupby("k")["davies_bouldin_index"].first().idxmin()
    assert selected_k(free) == lowest
    assert free.loc[free["k"] == lowest, "cluster_size"].min() == 3
    assert set(bound["smallest_size_required"]) == {5}
    assert not bound["is_admissible"].any()
    # Nothing is admissible, and the lowest index is asked for all the same.
    assert selected_k(bound) == lowest


def test_no_admissible_k_stops_and_names_the_remedies(int_kmeans_sweep):
    values = np.vstack([blobs([100, 100], spread=1.5), [[500.0, 500.0]]])
    with pytest.raises(int_kmeans_sweep.SelectionError) as stopped:
        run_sweep(int_kmeans_sweep, values, k_max=3, min_segment_share=0.01)
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


def test_an_admissible_k_is_selected_before_a_lower_index_that_is_not(int_kmeans_sweep):
    """k = 2 cuts twelve customers off and k = 3 parts the rest: at 6 % only one of the two is left."""
    values = blobs([100, 80, 12], spread=0.8)
    indices = run_sweep(int_kmeans_sweep, values).groupby("k").first()
    order = indices["davies_bouldin_index"].sort_values().index
    best = int(order[0])
    required = int(indices.loc[best, "smallest_cluster_size"]) + 1
    admissible = [int(k) for k in order if indices.loc[k, "smallest_cluster_size"] >= required]
    assert admissible, "the data must leave a choice"
    bound = run_sweep(int_kmeans_sweep, values, min_segment_size=required)
    assert selected_k(bound) == admissible[0] != best
    marked = bound.groupby("k")["is_admissible"].first()
    assert sorted(marked[marked].index) == sorted(admissible)


def test_a_fixed_k_does_not_need_an_admissible_one_and_leaves_the_mark_alone(int_kmeans_sweep):
    values = np.vstack([blobs([100, 100], spread=1.5), [[500.0, 500.0]]])
    free = run_sweep(int_kmeans_sweep, values)
    fixed = run_sweep(int_kmeans_sweep, values, k=4, min_segment_size=5)
    assert selected_k(fixed) == selected_k(free)
    assert set(fixed["k"]) == set(free["k"])
    alone = run_sweep(int_kmeans_sweep, values, k=1)
    assert list(alone["k"].unique()) == [1, 2, 3, 4, 5]


def test_groups_that_are_there_are_found(int_kmeans_sweep):
    for sizes in ([40, 30], [40, 30, 20], [40, 30, 20, 10]):
        frame = run_sweep(int_kmeans_sweep, blobs(sizes))
        assert selected_k(frame) == len(sizes)
        assert list(frame.loc[frame["is_best_k"], "cluster_size"]) == sizes


# ---- the frame ---------------------------------------------------------------------------------------------------


def test_the_types_do_not_depend_on_there_being_rows(int_kmeans_sweep):
    filled = run_sweep(int_kmeans_sweep, blobs([20, 20]))
    one = run_sweep(int_kmeans_sweep, np.ones((9, 2)))
    empty = int_kmeans_sweep.as_frame([], names(2))
    assert (len(filled), len(one), len(empty)) == (2 + 3 + 4 + 5, 1, 0)
    assert filled.dtypes.to_dict() == one.dtypes.to_dict() == empty.dtypes.to_dict()


def test_no_customers_give_no_rows(int_kmeans_sweep):
    frame = run_sweep(int_kmeans_sweep, np.empty((0, 2)))
    assert len(frame) == 0
    assert list(frame.columns[:4]) == ["k", "cluster", "feature_0", "feature_1"]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_stop_and_name_the_feature(int_kmeans_sweep, bad):
    values = blobs([20, 20], features=3)
    values[7, 1] = bad
    with pytest.raises(ValueError, match="feature_1") as stopped:
        run_sweep(int_kmeans_sweep, values)
    assert "feature_0" not in str(stopped.value)
    assert "feature_2" not in str(stopped.value)


def test_progress_is_told_once_for_each_k(int_kmeans_sweep):
    told = []
    run_sweep(int_kmeans_sweep, blobs([20, 20]), tell=told.append)
    assert [line.split(",")[0] for line in told] == [f"int_kmeans_sweep: k = {k} of 5" for k in (2, 3, 4, 5)]


# ---- the same answer ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def sample_values(sample_input: Sample) -> np.ndarray:
    """The sample's features as the fit sees them, by pandas and scikit-learn."""
    values = sample_input.features[FEATURES].to_numpy(dtype=float)
    values[:, :3] = np.log1p(values[:, :3])
    return StandardScaler().fit_transform(values)


def test_the_same_input_gives_the_same_frame(int_kmeans_sweep, sample_values):
    first, second = (run_sweep(int_kmeans_sweep, sample_values) for _ in range(2))
    pd.testing.assert_frame_equal(first, second, check_exact=True)


def test_shuffled_rows_give_the_same_model(int_kmeans_sweep, sample_values):
    options = {"k_max": 6, "starts": 50}
    ordered = run_sweep(int_kmeans_sweep, sample_values, **options)
    shuffled = run_sweep(int_kmeans_sweep, np.random.default_rng(1).permutation(sample_values), **options)
    pd.testing.assert_frame_equal(ordered, shuffled, check_exact=False, rtol=1e-9)
    assert selected_k(shuffled) == 4


def test_twenty_seeds_select_four_segments_with_the_same_centroids(int_kmeans_sweep, sample_values):
    found = []
    for seed in range(20):
        frame = run_sweep(
            int_kmeans_sweep, sample_values, seed=seed, k_max=6, min_segment_size=5, min_segment_share=0.01
        )
        assert selected_k(frame) == 4, seed
        found.append(centroids_of(frame, 4, names(4)).tolist())
    assert found == [found[0]] * 20
    oracle = KMeans(4, n_init=50, random_state=0, tol=0).fit(sample_values)
    oracle_order = oracle.cluster_centers_[np.lexsort(oracle.cluster_centers_.T[::-1])]
    assert np.array(found[0]) == pytest.approx(oracle_order, abs=1e-9)
