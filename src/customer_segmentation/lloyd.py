"""Lloyd's algorithm for many sets of centroids at once: one read of the rows serves them all."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from importlib.util import find_spec
from types import ModuleType
from typing import NamedTuple

import numpy as np

from customer_segmentation import plain

BLOCK = 512
CHUNK = 32_768
COMPILED_FROM = 1_000
LABELS_UP_TO = 40_000_000
THREADS = min(2, os.cpu_count() or 1)


class Rows(NamedTuple):
    """Rows to cluster: columns (features, n) float64, what they are shifted by (features,), and their weights.

    weights is (n,), or empty where each row counts once. Centroids of such rows are relative to center.
    """

    columns: np.ndarray
    center: np.ndarray
    weights: np.ndarray

    def lloyd(self, sets: list[np.ndarray], iterations: int, shift: float = 0.0) -> Found:
        """Move sets of centroids to the means of these rows, in single precision."""
        return lloyd(self, sets, iterations, shift)


class Found(NamedTuple):
    """Where some sets of centroids ended: the sets, the inertia of each, and whether its rows came to rest."""

    centroids: list[np.ndarray]
    inertia: np.ndarray
    at_rest: np.ndarray


def loops(rows: int) -> ModuleType:
    """The inner loops that suit this many rows: NumPy's, or numba's where it is installed and pays."""
    if rows < COMPILED_FROM or not has_numba():
        return plain
    from customer_segmentation import compiled

    return compiled


@cache
def has_numba() -> bool:
    """Whether numba is installed; without it the same answers take longer."""
    return find_spec("numba") is not None


def block_of(features: int, precision: type) -> np.ndarray:
    """Room for a block of rows: the features, filled up with zeros to a multiple of four."""
    return np.zeros((-(-features // 4) * 4, BLOCK), dtype=precision)


def over_chunks(work: Callable, rows: int, chunk: int = CHUNK) -> list:
    """work(start, stop) for each chunk of the rows, in order. The chunks do not depend on the number of threads."""
    chunks = [(start, min(rows, start + chunk)) for start in range(0, rows, chunk)]
    if len(chunks) == 1 or THREADS == 1:
        return [work(*limits) for limits in chunks]
    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(lambda limits: work(*limits), chunks))


def flat(sets: list[np.ndarray], precision: type) -> tuple[np.ndarray, np.ndarray]:
    """Sets of centroids below each other, padded for the inner loops, and where each set begins and ends."""
    offsets = np.cumsum([0, *(len(centroids) for centroids in sets)])
    features = sets[0].shape[1]
    padded = np.zeros((offsets[-1], -(-features // 4) * 4), dtype=precision)
    padded[:, :features] = np.concatenate(sets)
    return padded, offsets


def spread_around_center(rows: Rows) -> float:
    """The weighted sum of squared distances to the center."""

    def of_chunk(start: int, stop: int) -> float:
        squares = ((rows.columns[:, start:stop] - rows.center[:, None]) ** 2).sum(axis=0)
        return float((squares * rows.weights[start:stop] if len(rows.weights) else squares).sum())

    return sum(over_chunks(of_chunk, rows.columns.shape[1]))


def lloyd(
    rows: Rows, sets: list[np.ndarray], iterations: int, shift: float = 0.0, precision: type = np.float32
) -> Found:
    """Move each set of centroids to the means of its rows until it rests, or for so many iterations.

    sets: arrays (k, features), relative to the center of the rows. A set rests when no row changes its cluster, or when
    none of its centroids moves by more than shift in any feature. Labels are found in the precision; sums are float64.
    The inertia is that of the last assignment around the means of its clusters.
    """
    features, count = rows.columns.shape
    total = spread_around_center(rows)
    _, offsets = flat(sets, precision)
    means = np.concatenate(sets).astype(np.float64)
    sums = np.zeros((len(means), features + 1))
    keeps_labels = count * len(sets) <= LABELS_UP_TO
    labels = np.full((len(sets), -(-count // BLOCK) * BLOCK if keeps_labels else 0), plain.NONE, dtype=np.uint8)
    at_rest = np.zeros(len(sets), dtype=bool)
    inner = loops(count)

    for _ in range(iterations):
        active = np.flatnonzero(~at_rest)
        if len(active) == 0:
            break
        padded, _ = flat([means], precision)

        def of_chunk(start: int, stop: int, padded=padded, active=active) -> tuple[np.ndarray, np.ndarray]:
            into, out = np.zeros((2, len(padded), features + 1))
            changed = np.zeros(len(sets), dtype=np.int64)
            inner.lloyd_chunk(
                rows.columns, rows.center, rows.weights, padded, offsets, active, labels, start, stop,
                block_of(features, precision), into, out, changed,
            )  # fmt: skip
            return into - out, changed

        found = over_chunks(of_chunk, count)
        if not keeps_labels:
            sums[np.repeat(~at_rest, np.diff(offsets))] = 0
        sums += sum(delta for delta, _ in found)
        changed = sum(changed for _, changed in found)
        weight = sums[:, features:]
        moved = np.divide(sums[:, :features], weight, out=means.copy(), where=weight > 0)
        far = np.maximum.reduceat(np.abs(moved - means).max(axis=1), offsets[:-1])
        means = moved
        at_rest[active] = (changed[active] == 0) | (far[active] <= shift)

    weight = np.maximum(sums[:, features], 0)
    inertia = total - np.add.reduceat(weight * (means**2).sum(axis=1), offsets[:-1])
    return Found(np.split(means, offsets[1:-1]), inertia, at_rest)


def assign(
    columns: np.ndarray, sets: list[np.ndarray], start: int = 0, stop: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """For each set of centroids and each row the nearest centroid, the first on a tie, and the squared distance to it.

    columns: (features, n) float64. sets: arrays (k, features). Returns labels and squares, each (sets, stop - start).
    The squares are summed feature by feature from left to right, as the SQL does, so that both see the same ties.
    """
    features, count = columns.shape
    stop = count if stop is None else stop
    labels = np.empty((len(sets), stop - start), dtype=np.uint8)
    nearest = np.empty(labels.shape)
    padded, offsets = flat(sets, np.float64)
    loops(count).label_chunk(columns, padded, offsets, start, stop, block_of(features, np.float64), labels, nearest)
    return labels, nearest
