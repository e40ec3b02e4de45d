"""Lloyd's algorithm (Lloyd 1982) for many sets of centroids at once: an iteration reads the rows once for all sets."""

from __future__ import annotations

import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import NamedTuple

import numpy as np

from customer_segmentation.sweep import reference_loops
from customer_segmentation.threads import thread_count

# Rows per block of the inner loops; equal to compiled_loops.BLOCK, which explains the size.
BLOCK = 512
# Rows per unit of work of a thread: 64 blocks. Sums are added chunk by chunk, so the last digits depend on this size.
CHUNK = 32_768
# Below this many rows the NumPy loops finish before numba is imported.
COMPILED_FROM = 1_000
COMPILED_LOOPS = "customer_segmentation.sweep.compiled_loops"
# Labels, one byte per row and set, are kept if they take at most 40 MB; otherwise each iteration sums all rows again.
LABELS_UP_TO = 40_000_000


class Rows(NamedTuple):
    """Rows to cluster, in the memory of this machine.

    columns: (features, n) float64. center: (features,); centroids of these rows are relative to it. weights: (n,), or
    empty if each row counts once.
    """

    columns: np.ndarray
    center: np.ndarray
    weights: np.ndarray

    def lloyd(self, sets: list[np.ndarray], iterations: int, tolerance: float = 0.0) -> LloydResult:
        """Run Lloyd's algorithm on these rows in single precision; see the function of the same name."""
        return lloyd(self, sets, iterations, tolerance)


class LloydResult(NamedTuple):
    """The result of Lloyd's algorithm.

    centroids: for each set, (k, features), relative to the center. inertia: (sets,). converged: (sets,) bool.
    """

    centroids: list[np.ndarray]
    inertia: np.ndarray
    converged: np.ndarray


def inner_loops(rows: int) -> ModuleType:
    """Return the implementation of the inner loops that suits this many rows: NumPy's if they are few.

    Once the compiled loops are loaded, they suit any number.
    """
    if (rows < COMPILED_FROM and COMPILED_LOOPS not in sys.modules) or not has_numba():
        return reference_loops
    return import_module(COMPILED_LOOPS)


@cache
def has_numba() -> bool:
    """Return whether numba is installed; without it the results are the same but take longer."""
    return find_spec("numba") is not None


def working_block(features: int, precision: type) -> np.ndarray:
    """Return working space for a block of rows, (features, BLOCK), padded with zeros to a multiple of four features."""
    return np.zeros((-(-features // 4) * 4, BLOCK), dtype=precision)


def map_chunks(work: Callable, rows: int, chunk: int = CHUNK) -> list:
    """Return the result of work(start, stop) for each chunk of the rows, in order.

    The chunks do not depend on the number of threads, so sums of the results taken in order do not either.
    """
    chunks = [(start, min(rows, start + chunk)) for start in range(0, rows, chunk)]
    threads = min(thread_count(), len(chunks))
    if threads <= 1:
        return [work(*limits) for limits in chunks]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(lambda limits: work(*limits), chunks))


def stack(sets: list[np.ndarray], precision: type) -> tuple[np.ndarray, np.ndarray]:
    """Return the stacked sets of centroids, (all centroids, 4 i features), and the offsets of the sets, (sets + 1,)."""
    offsets = np.cumsum([0, *(len(centroids) for centroids in sets)])
    features = sets[0].shape[1]
    padded = np.zeros((offsets[-1], -(-features // 4) * 4), dtype=precision)
    padded[:, :features] = np.concatenate(sets)
    return padded, offsets


def inertia_around_center(rows: Rows) -> float:
    """Return the weighted sum of squared distances to the center: the inertia of one cluster."""

    def of_chunk(start: int, stop: int) -> float:
        squares = ((rows.columns[:, start:stop] - rows.center[:, None]) ** 2).sum(axis=0)
        return float((squares * rows.weights[start:stop] if len(rows.weights) else squares).sum())

    return sum(map_chunks(of_chunk, rows.columns.shape[1]))


def lloyd(
    rows: Rows, sets: list[np.ndarray], iterations: int, tolerance: float = 0.0, precision: type = np.float32
) -> LloydResult:
    """Run Lloyd's algorithm on each set of centroids until it converges or reaches the number of iterations.

    sets: arrays (k, features), relative to the center of the rows. A set has converged when no row changes its cluster,
    or when no coordinate of its centroids moves by more than the tolerance. precision: the type in which distances are
    computed; sums are float64. The inertia is that of the last assignment around the means of its clusters.
    """
    features, count = rows.columns.shape
    total = inertia_around_center(rows)
    _, offsets = stack(sets, precision)
    means = np.concatenate(sets).astype(np.float64)
    sums = np.zeros((len(means), features + 1))
    keeps_labels = count * len(sets) <= LABELS_UP_TO
    labels = np.full(
        (len(sets), -(-count // BLOCK) * BLOCK if keeps_labels else 0), reference_loops.UNASSIGNED, dtype=np.uint8
    )
    converged = np.zeros(len(sets), dtype=bool)
    loops = inner_loops(count)

    for _ in range(iterations):
        active = np.flatnonzero(~converged)
        if len(active) == 0:
            break
        padded, _ = stack([means], precision)

        def of_chunk(start: int, stop: int, padded=padded, active=active) -> tuple[np.ndarray, np.ndarray]:
            into, out = np.zeros((2, len(padded), features + 1))
            changed = np.zeros(len(sets), dtype=np.int64)
            loops.lloyd_chunk(
                rows.columns, rows.center, rows.weights, padded, offsets, active, labels, start, stop,
                working_block(features, precision), into, out, changed,
            )  # fmt: skip
            return into - out, changed

        found = map_chunks(of_chunk, count)
        if not keeps_labels:
            sums[np.repeat(~converged, np.diff(offsets))] = 0
        sums += sum(delta for delta, _ in found)
        changed = sum(changed for _, changed in found)
        weight = sums[:, features:]
        moved = np.divide(sums[:, :features], weight, out=means.copy(), where=weight > 0)
        shift = np.maximum.reduceat(np.abs(moved - means).max(axis=1), offsets[:-1])
        means = moved
        converged[active] = (changed[active] == 0) | (shift[active] <= tolerance)

    weight = np.maximum(sums[:, features], 0)
    inertia = total - np.add.reduceat(weight * (means**2).sum(axis=1), offsets[:-1])
    return LloydResult(np.split(means, offsets[1:-1]), inertia, converged)


def assign(
    columns: np.ndarray, sets: list[np.ndarray], start: int = 0, stop: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Assign each row from start to stop to the nearest centroid of each set, the first on a tie.

    columns: (features, n) float64. sets: arrays (k, features). Returns the labels and the squared distances, each
    (sets, stop - start). Squares are summed feature by feature from left to right, as in the SQL, so that ties are the
    same in both.
    """
    features, count = columns.shape
    stop = count if stop is None else stop
    labels = np.empty((len(sets), stop - start), dtype=np.uint8)
    nearest = np.empty(labels.shape)
    padded, offsets = stack(sets, np.float64)
    block = working_block(features, np.float64)
    inner_loops(count).label_chunk(columns, padded, offsets, start, stop, block, labels, nearest)
    return labels, nearest
