"""The package customer_segmentation against scikit-learn on data that are hard or large, and against itself."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable

import numpy as np
import pytest
from customers import logarithms, scaled
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sklearn.cluster import KMeans
from sklearn.metrics import calinski_harabasz_score, davies_bouldin_score, silhouette_score
from threadpoolctl import threadpool_limits

from customer_segmentation import lloyd, metrics, plain, search
from customer_segmentation.source import LocalRows

KS = list(range(2, 11))
STARTS = 32


def heavy_tails(n: int, seed: int = 0) -> np.ndarray:
    """Spending, quantity and count as mixtures of log-normals, not transformed, and days."""
    generator = np.random.default_rng(seed)
    segment = generator.choice(5, n, p=[0.34, 0.27, 0.2, 0.13, 0.06])
    middle, spread = np.array([0, 1, 2, 0.5, 3])[segment], np.array([1.5, 1.6, 1.7, 2, 1.8])[segment]
    return scaled(np.vstack([*(np.exp(generator.normal(middle, spread)) for _ in range(3)), generator.uniform(size=n)]))


def thin_margin(n: int, seed: int = 0) -> np.ndarray:
    """Three groups that hardly part."""
    generator = np.random.default_rng(seed)
    group = generator.integers(0, 3, n) * 2.2
    return scaled(np.vstack([group + generator.normal(size=n), group + generator.normal(size=n)]))


def many_features(n: int, seed: int = 0) -> np.ndarray:
    generator = np.random.default_rng(seed)
    centers = generator.normal(size=(20, 8)) * 1.2
    return scaled(centers[:, generator.integers(0, 8, n)] + generator.normal(size=(20, n)))


def duplicates(n: int, seed: int = 0) -> np.ndarray:
    return scaled(np.rint(1.5 * logarithms(n, seed)))


def far_group(n: int, seed: int = 0) -> np.ndarray:
    """Five customers far from all others."""
    columns = logarithms(n, seed)
    columns[:, n // 2 : n // 2 + 5] += 200
    return scaled(columns)


@pytest.fixture(scope="module", autouse=True)
def one_thread_for_scikit_learn():
    """Its threads get into each other's way on a busy machine."""
    with threadpool_limits(limits=1):
        yield


DATA = [logarithms, heavy_tails, thin_margin, many_features, duplicates, far_group]


def fit(columns: np.ndarray, ks: list[int], starts: int, seed: int) -> dict[int, np.ndarray]:
    return search.fit(LocalRows(columns), ks, starts, seed)


def polish(columns: np.ndarray, centroids: np.ndarray) -> np.ndarray:
    return search.polish(LocalRows(columns), centroids)


def inertia_of(columns: np.ndarray, centroids: np.ndarray) -> float:
    return float(lloyd.assign(columns, [centroids])[1].sum())


# ---- quality -----------------------------------------------------------------------------------------------------


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
            # Ten starts have missed the better partition; the index of the worse one says nothing.
            best = KMeans(k, init=found[k], n_init=1).fit(columns.T)
        labels = lloyd.assign(columns, [found[k]])[0][0]
        indices[k], expected[k] = (davies_bouldin_score(columns.T, each) for each in (labels, best.labels_))
    assert min(indices, key=indices.get) == min(expected, key=expected.get)


@pytest.mark.parametrize("make", [logarithms, heavy_tails, far_group])
def test_a_sample_of_large_data_misses_nothing(make: Callable):
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


def test_beyond_the_limit_one_k_is_polished(monkeypatch):
    monkeypatch.setattr(search, "POLISH_ALL_UP_TO", 10_000)
    columns = logarithms(50_000)
    centroids = polish(columns, fit(columns, [4], STARTS, 42)[4])
    labels = lloyd.assign(columns, [centroids])[0][0]
    means = np.array([columns[:, labels == cluster].mean(axis=1) for cluster in range(4)])
    assert centroids == pytest.approx(means, abs=1e-9)


def test_a_row_is_moved_where_that_lowers_the_inertia():
    """A fixed point of Lloyd's algorithm that is not the best: the middle row is better off on the other side."""
    columns = np.array([[0.0, 2.0, 3.1, 3.1, 3.1, 3.1, 3.1, 3.1]])
    rows = lloyd.Rows(columns, np.zeros(1), np.empty(0))
    start = np.array([[0.0], [2.94]])
    settled = search.settle(rows, {2: [(np.inf, start)]})[2][0]
    best = min(sum(((part - part.mean()) ** 2).sum() for part in np.split(columns[0], [cut])) for cut in range(1, 8))
    assert settled[0] == pytest.approx(best)


# ---- exact metrics -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", DATA)
def test_the_indices_of_large_data_are_exact(make: Callable):
    columns = make(70_000)
    sets = list(fit(columns[:, :2_000], [2, 5, 9], 4, 0).values())
    sets = [polish(columns, centroids) for centroids in sets]
    cells, sums = metrics.partition(columns, sets)
    for cluster, part, centroids in zip(cells.clusters, sums, sets, strict=True):
        labels = cluster[cells.codes]
        found = metrics.measure(part, centroids, columns.mean(axis=1))
        assert found.inertia == pytest.approx(((columns - centroids[labels].T) ** 2).sum(), rel=1e-9)
        assert found.davies_bouldin_index == pytest.approx(davies_bouldin_score(columns.T, labels), rel=1e-9)
        assert found.calinski_harabasz_index == pytest.approx(calinski_harabasz_score(columns.T, labels), rel=1e-9)


@given(seed=st.integers(0, 10_000), rows=st.integers(1, 300), ks=st.lists(st.integers(1, 9), min_size=1, max_size=5))
def test_the_cells_hold_every_partition(seed, rows, ks):
    generator = np.random.default_rng(seed)
    labels = np.array([generator.integers(0, k, rows) for k in ks], dtype=np.uint8)
    codes, clusters = metrics.cells_of(labels)
    assert (clusters[:, codes] == labels).all()
    assert len({tuple(each) for each in clusters.T}) == clusters.shape[1] == len(np.unique(codes))


# ---- the sampled silhouette ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sampled() -> tuple[list[float], np.ndarray]:
    """The true silhouettes of three partitions of 6,000 rows, and 150 estimates of each with their standard errors.

    Both sides are sampled: 300 rows are compared with some 1,500.
    """
    columns = logarithms(6_000)
    ks = [2, 4, 7]
    cells, _ = metrics.partition(columns, list(fit(columns, ks, STARTS, 42).values()))
    truth = [silhouette_score(columns.T, cluster[cells.codes]) for cluster in cells.clusters]
    patched = pytest.MonkeyPatch()
    patched.setattr(metrics, "OTHERS", 1_000)
    patched.setattr(metrics, "LEAST_OF_A_CELL", 8)
    estimates = [metrics.silhouettes(columns, cells, ks, 0, 300, seed) for seed in range(150)]
    patched.undo()
    return truth, np.array(estimates)


def test_a_sample_of_the_other_side_leaves_the_standard_error_honest(sampled):
    truth, estimates = sampled
    for k, true in enumerate(truth):
        scores, errors = estimates[:, k].T
        assert 0.89 <= (np.abs(scores - true) <= 2 * errors).mean() <= 0.99
        assert abs(scores.mean() - true) < 3 * scores.std(ddof=1) / np.sqrt(len(scores))
        assert errors.mean() == pytest.approx(scores.std(ddof=1), rel=0.15)


def test_all_partitions_share_one_set_of_distances_and_are_exact():
    columns = thin_margin(1_500)
    found = fit(columns, [2, 3, 6], STARTS, 42)
    cells, _ = metrics.partition(columns, list(found.values()))
    scores = metrics.silhouettes(columns, cells, list(found), len(columns[0]), 0, 0)
    for (score, error), cluster in zip(scores, cells.clusters, strict=True):
        assert score == pytest.approx(silhouette_score(columns.T, cluster[cells.codes]), abs=1e-9)
        assert error == 0


# ---- the same answer -----------------------------------------------------------------------------------------------


def answer(columns: np.ndarray, exact_up_to: int = 0) -> list[bytes]:
    """Everything that the package computes, to the last bit."""
    found = fit(columns, [2, 3, 5], 8, 42)
    cells, sums = metrics.partition(columns, list(found.values()))
    scores = metrics.silhouettes(columns, cells, list(found), exact_up_to, 200, 42)
    return [each.tobytes() for each in [*found.values(), cells.codes, *sums, np.array(scores)]]


@pytest.mark.skipif(not lloyd.has_numba(), reason="numba is not installed")
@pytest.mark.parametrize("make", DATA)
def test_numpy_alone_gives_the_same_bits_as_numba(make: Callable, monkeypatch):
    columns = make(9_000)
    compiled = answer(columns)
    monkeypatch.setattr(lloyd, "has_numba", lambda: False)
    assert lloyd.loops(len(columns[0])) is plain
    assert answer(columns) == compiled


@pytest.mark.skipif(not lloyd.has_numba(), reason="numba is not installed")
@hypothesis_settings(max_examples=20)
@given(seed=st.integers(0, 10_000), rows=st.integers(12, 700), features=st.integers(1, 9))
def test_numpy_and_numba_agree_on_any_small_data(seed, rows, features):
    columns = np.round(np.random.default_rng(seed).standard_t(3, size=(features, rows)), seed % 3)
    if len(np.unique(columns, axis=1).T) < 6:
        return
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(lloyd, "COMPILED_FROM", 0)
        compiled = answer(columns, rows)
        patched.setattr(lloyd, "COMPILED_FROM", 10**9)
        assert answer(columns, rows) == compiled


def test_the_number_of_threads_changes_nothing(monkeypatch):
    columns = heavy_tails(150_000)
    found = []
    for threads in (1, 2, 5):
        monkeypatch.setattr(lloyd, "THREADS", threads)
        found.append(answer(columns))
    assert found == [found[0]] * 3


# ---- memory --------------------------------------------------------------------------------------------------------


def test_large_data_take_little_more_memory_than_their_columns():
    columns = logarithms(2_000_000)
    single = columns.size * 4
    tracemalloc.start()
    found = fit(columns, [2, 3, 4], 4, 42)
    cells, _ = metrics.partition(columns, list(found.values()))
    metrics.silhouettes(columns, cells, list(found), 5_000, 500, 42)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # The sample is of a fixed size; what grows with the rows is half of a float32 copy.
    assert peak < 60e6 + 0.5 * single
