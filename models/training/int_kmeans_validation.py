"""Whether the partition of each k can be trusted.

Does it come back when it is fitted to other customers, and would customers without groups have fallen apart as far?
Both questions are needed. Four clusters of uniform noise in two features come back nearly always.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pandas as pd

from customer_segmentation.lloyd import Rows, assign
from customer_segmentation.search import advance, seeds
from customer_segmentation.tables import drawn, read_frame, read_matrix, returned

STARTS = 3
ITERATIONS = 300
SHIFT = 1e-3


class Gap(NamedTuple):
    """A gap statistic of each k, less that of one cluster, and its standard error; nan where it is not defined."""

    statistic: np.ndarray
    standard_error: np.ndarray


def model(dbt, session):
    """Return one row per k of the sweep with its stability and its gap statistics."""
    features = dbt.config.meta_get("features")
    customers = drawn(
        dbt.ref("int_training_features_scaled"), dbt.config.meta_get("validation_sample_size"), key="customer_id"
    )
    columns = read_matrix(customers, features, order=["customer_id"])
    clusters = read_frame(dbt.ref("int_kmeans_sweep"), order=["k", "cluster"])
    centroids = {int(k): of_k[features].to_numpy(dtype=np.float64) for k, of_k in clusters.groupby("k")}
    return returned(trust(columns.T, centroids, **dbt.config.meta_get("validation")), session)


def trust(
    values: np.ndarray,
    centroids: dict[int, np.ndarray],
    *,
    seed: int,
    stability_refits: int,
    gap_references: int,
) -> pd.DataFrame:
    """Measure the stability of each k and its gap statistics.

    values: (customers, features), scaled, of all customers or a sample. centroids: {k: (k, features)}, what the sweep
    found. A count of 0 leaves the columns that it feeds null; so does k = 1, and a k that there are too few distinct
    rows for.
    """
    ks = sorted(centroids)
    generator = np.random.default_rng([seed, 2])
    distinct = len(np.unique(values, axis=0))
    measured = [k for k in ks if 1 < k < distinct]
    columns = np.ascontiguousarray(values.T)
    stability = stability_of(columns, [centroids[k] for k in measured], stability_refits, generator)
    uniform, gaussian = (
        gap(columns, measured, draw, gap_references, generator) for draw in (draw_uniform, draw_gaussian)
    )
    found = pd.DataFrame(
        {
            "stability_index": stability,
            "gap_uniform": uniform.statistic,
            "gap_uniform_standard_error": uniform.standard_error,
            "gap_gaussian": gaussian.statistic,
            "gap_gaussian_standard_error": gaussian.standard_error,
        },
        index=measured,
        dtype="float64",
    )
    frame = found.reindex(ks).astype("Float64").rename_axis("k").reset_index().astype({"k": "int64"})
    return frame.assign(customers_measured=np.int64(len(values)))


def fit(columns: np.ndarray, ks: list[int], generator: np.random.Generator) -> dict[int, tuple[float, np.ndarray]]:
    """Inertia and centroids, (k, features), of each k: the best of a few starts.

    columns: (features, n). The data and what they are compared with are fitted alike.
    """
    rows = Rows(columns, columns.mean(axis=1), np.empty(0))
    sequences = seeds(rows, max(ks), STARTS, generator)
    pool = {k: [(np.inf, sequence[:k]) for sequence in sequences] for k in ks}
    found = {k: best for k, (best,) in advance(rows, pool, ITERATIONS, 1, SHIFT).items()}
    return {k: (inertia, centroids + rows.center) for k, (inertia, centroids) in found.items()}


# ---- does it come back -------------------------------------------------------------------------------------------


def stability_of(
    columns: np.ndarray, sets: list[np.ndarray], refits: int, generator: np.random.Generator
) -> np.ndarray:
    """For each set of centroids the mean adjusted Rand index between its partition and refits to resampled rows.

    Each refit is to as many rows, drawn with replacement (the bootstrap of Hennig 2007), and assigns all rows. 1: the
    same partition each time; 0: no more alike than by chance. nan without refits.
    """
    if not sets or refits == 0:
        return np.full(len(sets), np.nan)
    count = columns.shape[1]
    served, _ = assign(columns, sets)
    indices = []
    for _ in range(refits):
        resample = np.ascontiguousarray(columns[:, generator.integers(count, size=count)])
        refit = fit(resample, [len(centroids) for centroids in sets], generator)
        found, _ = assign(columns, [centroids for _, centroids in refit.values()])
        indices.append([adjusted_rand_index(*pair) for pair in zip(served, found, strict=True)])
    return np.mean(indices, axis=0)


def adjusted_rand_index(one: np.ndarray, other: np.ndarray) -> float:
    """How far two partitions agree on which rows belong together (Hubert and Arabie 1985), adjusted for chance.

    one, other: (n,), labels from 0 to 254. 1 where both are the same partition.
    """
    together = np.bincount(one.astype(np.int64) * 255 + other, minlength=255 * 255).reshape(255, 255)

    def pairs(counts: np.ndarray) -> float:
        return float((counts * (counts - 1) / 2).sum())

    ones, others = pairs(together.sum(axis=1)), pairs(together.sum(axis=0))
    by_chance = ones * others / pairs(np.array([len(one)]))
    largest = (ones + others) / 2
    return 1.0 if largest == by_chance else (pairs(together) - by_chance) / (largest - by_chance)


# ---- would customers without groups be split as well -------------------------------------------------------------


def gap(columns: np.ndarray, ks: list[int], draw: Callable, references: int, generator: np.random.Generator) -> Gap:
    """The gap statistic (Tibshirani, Walther and Hastie 2001) of each k, less that of one cluster.

    The logarithm of the inertia falls from one cluster to k. The statistic is by how much further it falls than for
    rows that were drawn without any clusters. Its standard error is the standard deviation over the references times
    sqrt(1 + 1 / references).
    """
    if not ks or references == 0:
        return Gap(*np.full((2, len(ks)), np.nan))
    own = log_reductions(columns, ks, generator)
    drawn = np.array([log_reductions(draw(columns, generator), ks, generator) for _ in range(references)])
    return Gap(drawn.mean(axis=0) - own, drawn.std(axis=0) * np.sqrt(1 + 1 / references))


def log_reductions(columns: np.ndarray, ks: list[int], generator: np.random.Generator) -> np.ndarray:
    """The logarithm of the inertia at each k over the inertia of one cluster, (ks,)."""
    one = ((columns - columns.mean(axis=1, keepdims=True)) ** 2).sum()
    return np.log([inertia / one for inertia, _ in fit(columns, ks, generator).values()])


def draw_uniform(columns: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """As many rows, even over the box around them that is aligned with their principal components."""
    mean = columns.mean(axis=1, keepdims=True)
    axes = np.linalg.svd(columns - mean, full_matrices=False)[0]
    projected = axes.T @ (columns - mean)
    low, high = projected.min(axis=1, keepdims=True), projected.max(axis=1, keepdims=True)
    return np.ascontiguousarray(axes @ generator.uniform(low, high, projected.shape) + mean)


def draw_gaussian(columns: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """As many rows from one normal distribution with the mean and the covariance of the rows."""
    mean = columns.mean(axis=1, keepdims=True)
    axes, spread, _ = np.linalg.svd(columns - mean, full_matrices=False)
    drawn = generator.standard_normal((len(spread), columns.shape[1])) * spread[:, None]
    return np.ascontiguousarray(axes @ drawn / np.sqrt(columns.shape[1]) + mean)
