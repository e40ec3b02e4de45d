"""The search, compared with scikit-learn and with all possible partitions, and on hard or large data."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from itertools import product

import numpy as np
import pytest
from customers import DATA, distinct, far_group, heavy_tails, logarithms, matrices
from hypothesis import assume, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sklearn.cluster import KMeans
from sklearn.metrics import davies_bouldin_score, pairwise_distances_argmin
from threadpoolctl import threadpool_limits

from customer_segmentation.sweep import lloyd, search
from customer_segmentation.sweep.metrics import partition
from customer_segmentation.sweep.silhouette import silhouettes
from customer_segmentation.sweep.sources import LocalSource

KS = list(range(2, 11))


STARTS = 32


@pytest.fixture(scope="module", autouse=True)
def one_thread_for_scikit_learn():
    """Limit scikit-learn to one thread: its threads slow each other down on a busy machine."""
    with threadpool_limits(limits=1):
        yield


def fit(columns: np.ndarray, ks: list[int], starts: int, seed: int) -> dict[int, np.ndarray]:
    return search.fit(LocalSource(columns), ks, starts, seed)


def converge(columns: np.ndarray, centroids: np.ndarray) -> np.ndarray:
    return search.converge(LocalSource(columns), [centroids])[0]


def inertia_of(columns: np.ndarray, centroids: np.ndarray) -> float:
    return float(lloyd.assign(columns, [centroids])[1].sum())


def fit_one(values: np.ndarray, k: int, starts: int = 32) -> tuple[np.ndarray, float]:
    """The centroids of one k and their inertia. values: (n, features)."""
    columns = np.ascontiguousarray(values.T)
    centroids = fit(columns, [k], starts, 42)[k]
    return centroids, inertia_of(columns, centroids)


# ---- small data --------------------------------------------------------------------------------------------------


def smallest_inertia_of_all(values: np.ndarray, k: int) -> float:
    """The lowest inertia of all possible partitions into k clusters."""
    best = np.inf
    for labels in product(range(k), repeat=len(values) - 1):
        assignment = np.array((0, *labels))
        if len(set(assignment)) == k:
            groups = [values[assignment == cluster] for cluster in range(k)]
            best = min(best, sum(((group - group.mean(axis=0)) ** 2).sum() for group in groups))
    return best


@hypothesis_settings(max_examples=15)
@given(values=matrices(most_rows=7, most_features=2), k=st.integers(2, 3))
def test_the_fit_finds_the_best_of_all_partitions(values, k):
    assume(distinct(values) > k)
    _, inertia = fit_one(values, k, starts=30)
    assert inertia == pytest.approx(smallest_inertia_of_all(values, k), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize(("features", "k"), [(1, 4), (3, 2), (3, 6)])
def test_the_fit_is_as_good_as_the_best_of_many_starts_of_scikit_learn(features, k):
    values = np.random.default_rng(features).normal(size=(150, features))
    _, inertia = fit_one(values, k, starts=100)
    best = KMeans(k, n_init=150, random_state=0, tol=0).fit(values).inertia_
    # Rows without groups have many local optima whose inertia differs by up to a tenth of a percent.
    assert inertia <= best * (1 + 1e-3)


def test_the_fit_runs_until_no_centroid_moves():
    """On rows without groups, a typical tolerance would stop much earlier."""
    values = np.random.default_rng(2).uniform(size=(3_000, 2))
    centroids, _ = fit_one(values, 6, starts=10)
    labels = pairwise_distances_argmin(values, centroids)
    means = np.array([values[labels == cluster].mean(axis=0) for cluster in range(6)])
    assert centroids == pytest.approx(means, abs=1e-9)


def test_a_row_is_moved_if_that_lowers_the_inertia():
    """A fixed point of Lloyd's algorithm that is not optimal: moving the middle row lowers the inertia."""
    columns = np.array([[0.0, 2.0, 3.1, 3.1, 3.1, 3.1, 3.1, 3.1]])
    rows = lloyd.Rows(columns, np.zeros(1), np.empty(0))
    start = np.array([[0.0], [2.94]])
    refined = search.hartigan(rows, {2: [(np.inf, start)]})[2][0]
    best = min(sum(((part - part.mean()) ** 2).sum() for part in np.split(columns[0], [cut])) for cut in range(1, 8))
    assert refined[0] == pytest.approx(best)


def test_every_start_is_a_different_sequence():
    columns = np.random.default_rng(0).normal(size=(2, 40))
    rows = lloyd.Rows(columns, columns.mean(axis=1), np.empty(0))
    sequences = search.kmeans_plus_plus(rows, 3, 23, np.random.default_rng(42))
    assert sequences.shape == (23, 3, 2)
    assert len({sequence[0].tobytes() for sequence in sequences}) > 10
    assert len({sequence.tobytes() for sequence in sequences}) > 15
    points = {point.tobytes() for point in (columns - rows.center[:, None]).T}
    assert {seed.tobytes() for sequence in sequences for seed in sequence} <= points


# ---- hard and large data -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", DATA)
@pytest.mark.parametrize("n", [600, 8_000])
def test_every_k_is_as_good_as_the_best_of_ten_starts_of_scikit_learn(make: Callable, n: int):
    columns = make(n)
    ks = [2, 3, 5, 8]
    found = fit(columns, KS, STARTS, 42)
    indices, expected = {}, {}
    for k in ks:
        best = KMeans(k, n_init=10, random_state=42).fit(columns.T)
        inertia = inertia_of(columns, found[k])
        assert inertia <= best.inertia_ * 1.001, k
        if inertia < best.inertia_ * 0.999:
            # If ten starts missed the better partition, the index of the worse one is not comparable.
            best = KMeans(k, init=found[k], n_init=1).fit(columns.T)
        labels = lloyd.assign(columns, [found[k]])[0][0]
        indices[k], expected[k] = (davies_bouldin_score(columns.T, each) for each in (labels, best.labels_))
    assert min(indices, key=indices.get) == min(expected, key=expected.get)


@pytest.mark.parametrize("make", [logarithms, heavy_tails, far_group])
def test_a_sample_of_large_data_misses_no_cluster(make: Callable):
    columns = make(60_000)
    found = fit(columns, KS, STARTS, 42)
    for k in (2, 4, 7):
        best = KMeans(k, n_init=3, random_state=0).fit(columns.T)
        assert inertia_of(columns, found[k]) <= best.inertia_ * 1.001, k


def test_five_far_customers_in_a_hundred_thousand_get_a_cluster():
    columns = far_group(100_000)
    labels, _ = lloyd.assign(columns, [fit(columns, [2], STARTS, 42)[2]])
    assert np.bincount(labels[0]).min() == 5
    assert set(np.flatnonzero(labels[0] == np.bincount(labels[0]).argmin())) == set(range(50_000, 50_005))


@pytest.mark.parametrize("n", [3_000, 30_000])
def test_centroids_are_the_means_of_their_rows(n: int):
    columns = logarithms(n)
    for k, centroids in fit(columns, [3, 6], STARTS, 42).items():
        labels = lloyd.assign(columns, [centroids])[0][0]
        means = np.array([columns[:, labels == cluster].mean(axis=1) for cluster in range(k)])
        assert centroids == pytest.approx(means, abs=1e-9)


def test_beyond_the_limit_converge_completes_one_k(monkeypatch):
    monkeypatch.setattr(search, "CONVERGE_ALL_UP_TO", 10_000)
    columns = logarithms(50_000)
    centroids = converge(columns, fit(columns, [4], STARTS, 42)[4])
    labels = lloyd.assign(columns, [centroids])[0][0]
    means = np.array([columns[:, labels == cluster].mean(axis=1) for cluster in range(4)])
    assert centroids == pytest.approx(means, abs=1e-9)


def test_large_data_take_little_more_memory_than_their_columns():
    columns = logarithms(2_000_000)
    single = columns.size * 4
    tracemalloc.start()
    found = fit(columns, [2, 3, 4], 4, 42)
    refinement, _ = partition(columns, list(found.values()))
    silhouettes(columns, refinement, list(found), 5_000, 500, 42)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # The sample has a fixed size; only half of a float32 copy grows with the rows.
    assert peak < 60e6 + 0.5 * single
