"""Stability: whether KMeans refitted to resampled customers finds the same partition."""

from __future__ import annotations

import numpy as np

from customer_segmentation.sweep.lloyd import assign
from customer_segmentation.validation.refits import refit


def stability(
    columns: np.ndarray, sets: list[np.ndarray], refits: int, size: int, generator: np.random.Generator
) -> np.ndarray:
    """Return the mean adjusted Rand index between the partition of each set of centroids and its refits, (sets,).

    columns: (features, n). sets: arrays (k, features). Each refit is fitted to min(n, size) rows drawn with replacement
    (the bootstrap of Hennig 2007); then as many rows, each once, are assigned to its centroids. Every refit draws from
    all n rows, so that their mean hardly depends on one draw. 1: the same partition each time; 0: no more agreement
    than by chance. nan if refits is 0.
    """
    if not sets or refits == 0:
        return np.full(len(sets), np.nan)
    count = columns.shape[1]
    indices = []
    for _ in range(refits):
        resample = np.ascontiguousarray(columns[:, generator.integers(count, size=min(count, size))])
        found = refit(resample, [len(centroids) for centroids in sets], generator)
        rows = drawn(columns, size, generator)
        partitions, _ = assign(rows, sets)
        refitted, _ = assign(rows, [centroids for _, centroids in found.values()])
        indices.append([adjusted_rand_index(*pair) for pair in zip(partitions, refitted, strict=True)])
    return np.mean(indices, axis=0)


def drawn(columns: np.ndarray, size: int, generator: np.random.Generator) -> np.ndarray:
    """Return min(n, size) of the rows, each once. columns: (features, n)."""
    count = columns.shape[1]
    return columns if count <= size else np.ascontiguousarray(columns[:, generator.choice(count, size, replace=False)])


def adjusted_rand_index(one: np.ndarray, other: np.ndarray) -> float:
    """Return the adjusted Rand index of two partitions (Hubert and Arabie 1985).

    It measures how far they agree on which rows belong together, adjusted for chance; 1 for identical partitions.
    one, other: (n,), labels from 0 on.
    """
    size = int(max(one.max(), other.max())) + 1
    together = np.bincount(one.astype(np.int64) * size + other, minlength=size * size).reshape(size, size)

    def pairs(counts: np.ndarray) -> float:
        return float((counts * (counts - 1) / 2).sum())

    ones, others = pairs(together.sum(axis=1)), pairs(together.sum(axis=0))
    by_chance = ones * others / pairs(np.array([len(one)]))
    largest = (ones + others) / 2
    return 1.0 if largest == by_chance else (pairs(together) - by_chance) / (largest - by_chance)
