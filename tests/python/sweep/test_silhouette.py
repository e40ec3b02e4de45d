"""The silhouette compared with scikit-learn, and the standard error of its estimate compared with simulations."""

from __future__ import annotations

import numpy as np
import pytest
from customers import logarithms, matrices, thin_margin
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn.cluster import KMeans
from sklearn.metrics import silhouette_samples, silhouette_score

from customer_segmentation.sweep import silhouette
from customer_segmentation.sweep.metrics import Refinement, partition
from customer_segmentation.sweep.search import fit
from customer_segmentation.sweep.sources import LocalSource


def refinement_of(labels: np.ndarray, k: int) -> Refinement:
    """The refinement of a single partition, whose parts are its clusters."""
    return Refinement(labels.astype(np.uint16), np.arange(k)[None], np.bincount(labels, minlength=k))


def mean_silhouette(
    values: np.ndarray, labels: np.ndarray, k: int, exact_up_to: int, sample_size: int, seed: int
) -> tuple[float | None, float | None]:
    columns = np.ascontiguousarray(values.T)
    (found,) = silhouette.silhouettes(columns, refinement_of(labels, k), [k], exact_up_to, sample_size, seed)
    return found


def widths_of(values: np.ndarray, labels: np.ndarray, k: int, rows: np.ndarray) -> np.ndarray:
    columns, everybody = np.ascontiguousarray(values.T), np.arange(len(values))
    (widths,) = silhouette.silhouette_widths(columns, refinement_of(labels, k), [k], rows, everybody)
    return widths


# ---- exact -------------------------------------------------------------------------------------------------------


@given(values=matrices(), k=st.integers(2, 6), seed=st.integers(0, 1_000))
def test_the_exact_silhouette_is_that_of_scikit_learn(values, k, seed):
    assume(len(values) > k)
    # Clusters of any size, including one row, but none empty.
    labels = np.random.default_rng(seed).integers(0, k, size=len(values))
    labels[:k] = np.arange(k)
    score, standard_error = mean_silhouette(values, labels, k, len(values), 100, seed)
    assert score == pytest.approx(silhouette_score(values, labels), abs=1e-9)
    assert standard_error == 0


def test_the_widths_of_some_rows_are_theirs_among_all_rows_in_any_block_size(monkeypatch):
    values = np.random.default_rng(3).normal(size=(90, 3))
    labels = np.arange(90) % 4
    queries = np.array([3, 88, 17, 40, 41])
    expected = silhouette_samples(values, labels)[queries]
    assert widths_of(values, labels, 4, queries) == pytest.approx(expected)
    monkeypatch.setattr(silhouette, "BLOCK", 2)
    assert widths_of(values, labels, 4, queries) == pytest.approx(expected)


def test_a_sample_of_all_customers_is_exact():
    values = np.random.default_rng(7).normal(size=(80, 2))
    labels = np.arange(80) % 3
    score, standard_error = mean_silhouette(values, labels, 3, 79, 1_000, 0)
    assert score == pytest.approx(silhouette_score(values, labels), abs=1e-12)
    assert standard_error == 0


def test_all_partitions_share_one_set_of_distances_and_are_exact():
    columns = thin_margin(1_500)
    found = fit(LocalSource(columns), [2, 3, 6], 32, 42)
    refinement, _ = partition(columns, list(found.values()))
    scores = silhouette.silhouettes(columns, refinement, list(found), len(columns[0]), 0, 0)
    for (score, error), cluster in zip(scores, refinement.clusters, strict=True):
        assert score == pytest.approx(silhouette_score(columns.T, cluster[refinement.codes]), abs=1e-9)
        assert error == 0


# ---- estimated ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def simulated_silhouettes() -> tuple[float, np.ndarray]:
    """The true mean silhouette of unequal, overlapping clusters, and 200 estimates with their standard errors."""
    generator = np.random.default_rng(11)
    values = np.vstack(
        [generator.normal(center, 1.3, size=(size, 2)) for center, size in ((0, 700), (3, 350), (6, 150))]
    )
    labels = KMeans(3, n_init=5, random_state=0).fit(values).labels_
    estimates = [mean_silhouette(values, labels, 3, 0, 120, seed) for seed in range(200)]
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


@pytest.fixture(scope="module")
def sampled() -> tuple[list[float], np.ndarray]:
    """The true silhouettes of three partitions of 6,000 rows, and 150 estimates of each with their standard errors.

    Both sides are sampled: 300 rows are compared with about 1,500.
    """
    columns = logarithms(6_000)
    ks = [2, 4, 7]
    refinement, _ = partition(columns, list(fit(LocalSource(columns), ks, 32, 42).values()))
    truth = [silhouette_score(columns.T, cluster[refinement.codes]) for cluster in refinement.clusters]
    patched = pytest.MonkeyPatch()
    patched.setattr(silhouette, "COMPARISON_ROWS", 1_000)
    patched.setattr(silhouette, "COMPARISON_ROWS_PER_PART", 8)
    estimates = [silhouette.silhouettes(columns, refinement, ks, 0, 300, seed) for seed in range(150)]
    patched.undo()
    return truth, np.array(estimates)


def test_sampling_the_compared_rows_keeps_the_standard_error_correct(sampled):
    truth, estimates = sampled
    for k, true in enumerate(truth):
        scores, errors = estimates[:, k].T
        assert 0.89 <= (np.abs(scores - true) <= 2 * errors).mean() <= 0.99
        assert abs(scores.mean() - true) < 3 * scores.std(ddof=1) / np.sqrt(len(scores))
        assert errors.mean() == pytest.approx(scores.std(ddof=1), rel=0.15)


# ---- of a sample of the customers ----------------------------------------------------------------------------------


@pytest.mark.parametrize("exact_up_to", [0, 100])
def test_a_cluster_without_rows_in_the_sample_is_ignored(exact_up_to: int):
    columns = np.array([[0.0, 0.1, 0.2, 5.0, 5.1, 9.0]])
    near, far = np.array([[0.1], [5.0], [9.0]]), np.array([[0.1], [5.0], [9.0], [1_000.0]])
    sets = [near, far, np.array([[4.0], [1_000.0]])]
    refinement, _ = partition(columns, sets)
    with np.errstate(all="raise"):
        one, other, alone = silhouette.silhouettes(columns, refinement, [3, 4, 2], exact_up_to, 100, 0, population=60)
    assert one == other
    assert alone == (None, None)


@pytest.mark.parametrize("exact_up_to", [0, 1_000])
def test_the_standard_error_of_a_sample_agrees_with_its_actual_error(exact_up_to: int):
    columns = logarithms(4_000)
    sets = [columns[:, :3].T]
    refinement, _ = partition(columns, sets)
    ((truth, none),) = silhouette.silhouettes(columns, refinement, [3], 4_000, 100, 0)
    assert none == 0
    scores, errors = [], []
    for seed in range(100):
        part = np.ascontiguousarray(columns[:, np.random.default_rng([seed, 7]).random(4_000) < 0.1])
        refinement, _ = partition(part, sets)
        ((score, error),) = silhouette.silhouettes(part, refinement, [3], exact_up_to, 200, seed, population=4_000)
        scores.append(score)
        errors.append(error)
    assert 0.88 <= (np.abs(np.array(scores) - truth) <= 2 * np.array(errors)).mean() <= 0.99
    assert np.mean(errors) == pytest.approx(np.std(scores), rel=0.25)
