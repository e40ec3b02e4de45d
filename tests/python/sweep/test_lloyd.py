"""Lloyd's algorithm and its inner loops: nearest centroids, and bit-identical results of numba, NumPy and threads."""

from __future__ import annotations

import sys
from collections.abc import Callable

import numpy as np
import pytest
from customers import DATA, heavy_tails, matrices
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sklearn.metrics import pairwise_distances

from customer_segmentation import threads
from customer_segmentation.sweep import lloyd, metrics, reference_loops
from customer_segmentation.sweep.search import fit
from customer_segmentation.sweep.silhouette import silhouettes
from customer_segmentation.sweep.sources import LocalSource


def assign(values: np.ndarray, centroids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    labels, squared = lloyd.assign(np.ascontiguousarray(values.T), [centroids])
    return labels[0], squared[0]


@given(values=matrices(), k=st.integers(1, 6), seed=st.integers(0, 1_000))
def test_each_customer_goes_to_the_nearest_centroid(values, k, seed):
    centroids = np.random.default_rng(seed).normal(size=(k, values.shape[1]))
    labels, squared = assign(values, centroids)
    distances = pairwise_distances(values, centroids)
    assert np.sqrt(squared) == pytest.approx(distances.min(axis=1), abs=1e-7)
    assert distances[np.arange(len(values)), labels] == pytest.approx(distances.min(axis=1), abs=1e-7)


def test_a_customer_between_two_centroids_goes_to_the_first():
    values = np.array([[0.0, 0.0], [1.0, 1.0], [0.0, 5.0]])
    centroids = np.array([[-1.0, 0.0], [1.0, 0.0], [0.0, -1.0]])
    labels, squared = assign(values, centroids)
    assert list(labels) == [0, 1, 0]
    assert list(squared) == [1, 1, 26]


# ---- the same bits -----------------------------------------------------------------------------------------------


def answer(columns: np.ndarray, exact_up_to: int = 0) -> list[bytes]:
    """All results of the package, to the last bit."""
    found = fit(LocalSource(columns), [2, 3, 5], 8, 42)
    refinement, sums = metrics.partition(columns, list(found.values()))
    scores = silhouettes(columns, refinement, list(found), exact_up_to, 200, 42)
    return [each.tobytes() for each in [*found.values(), refinement.codes, *sums, np.array(scores)]]


@pytest.mark.skipif(not lloyd.has_numba(), reason="numba is not installed")
@pytest.mark.parametrize("make", DATA)
def test_numpy_without_numba_gives_the_same_bits(make: Callable, monkeypatch):
    columns = make(9_000)
    compiled = answer(columns)
    monkeypatch.setattr(lloyd, "has_numba", lambda: False)
    assert lloyd.inner_loops(len(columns[0])) is reference_loops
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
        patched.setattr(lloyd, "has_numba", lambda: False)
        assert answer(columns, rows) == compiled


@pytest.mark.skipif(not lloyd.has_numba(), reason="numba is not installed")
def test_few_rows_use_the_compiled_loops_once_they_are_loaded(monkeypatch):
    monkeypatch.delitem(sys.modules, lloyd.COMPILED_LOOPS, raising=False)
    assert lloyd.inner_loops(lloyd.COMPILED_FROM - 1) is reference_loops
    compiled = lloyd.inner_loops(lloyd.COMPILED_FROM)
    assert compiled is not reference_loops
    assert lloyd.inner_loops(1) is compiled


def test_the_number_of_threads_changes_nothing():
    columns = heavy_tails(150_000)
    found = []
    for count in (1, 2, 5, 8):
        with threads.thread_limit(count):
            assert threads.thread_count() == count
            found.append(answer(columns))
    assert found == [found[0]] * 4


def test_without_a_limit_every_available_cpu_is_used():
    with threads.thread_limit(None):
        assert threads.thread_count() == threads.available_cpus() >= 1
