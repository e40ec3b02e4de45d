"""Stability: whether KMeans refitted to resampled customers finds the same partition."""

from __future__ import annotations

import numpy as np

from customer_segmentation.sweep.lloyd import assign
from customer_segmentation.validation.refits import refit


def stability(columns: np.ndarray, sets: list[np.ndarray], refits: int, generator: np.random.Generator) -> np.ndarray:
    """Return the mean adjusted Rand index between the partition of each set of centroids and its refits, (sets,).

    columns: (features, n). sets: arrays (k, features). Each refit is fitted to n rows drawn with replacement (the
    bootstrap of Hennig 2007); then all rows are assigned to its centroids. 1: the same partition each time; 0: no more
    agreement than by chance. nan if refits is 0.
    """
    if not sets or refits == 0:
        return np.full(len(sets), np.nan)
    count = columns.shape[1]
    partitions, _ = assign(columns, sets)
    indices = []
    for _ in range(refits):
        resample = np.ascontiguousarray(columns[:, generator.integers(count, size=count)])
        found = refit(resample, [len(centroids) for centroids in sets], generator)
        refitted, _ = assign(columns, [centroids for _, centroids in found.values()])
        indices.append([adjusted_rand_index(*pair) for pair in zip(partitions, refitted, strict=True)])
    return np.mean(indices, axis=0)


def adjusted_rand_index(one: np.ndarray, other: np.ndarray) -> float:
    """Return the adjusted Rand index of two partitions (Hubert and Arabie 1985).

    It measures how far they agree on which rows belong together, adjusted for chance; 1 for identical partitions.
    one, other: (n,), labels from 0 to 254.
    """
    together = np.bincount(one.astype(np.int64) * 255 + other, minlength=255 * 255).reshape(255, 255)

    def pairs(counts: np.ndarray) -> float:
        return float((counts * (counts - 1) / 2).sum())

    ones, others = pairs(together.sum(axis=1)), pairs(together.sum(axis=0))
    by_chance = ones * others / pairs(np.array([len(one)]))
    largest = (ones + others) / 2
    return 1.0 if largest == by_chance else (pairs(together) - by_chance) / (largest - by_chance)
