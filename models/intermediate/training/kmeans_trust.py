"""Whether the partition of each k can be trusted.

Does it come back when it is fitted to other customers, and would customers without groups have fallen apart as far?
Both questions are needed. Four clusters of uniform noise in two features come back nearly always.
"""

from __future__ import annotations

import warnings
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.spatial.distance import cdist
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import adjusted_rand_score
from threadpoolctl import threadpool_limits

STARTS = 3


class Gap(NamedTuple):
    """A gap statistic of each k, less that of one cluster, and its standard error; nan where it is not defined."""

    statistic: np.ndarray
    standard_error: np.ndarray


def model(dbt, session):
    """Return one row per k of the sweep with its stability and its gap statistics."""
    features = dbt.config.meta_get("features")
    customers = dbt.ref("int_training_features_scaled").order("customer_id").fetchnumpy()
    clusters = dbt.ref("kmeans_sweep").order("k, cluster").fetchnumpy()
    values, centers = (
        np.column_stack([np.asarray(columns[feature], dtype=np.float64) for feature in features])
        for columns in (customers, clusters)
    )
    ks = np.asarray(clusters["k"])
    centroids = {int(k): centers[ks == k] for k in np.unique(ks)}
    return trust(values, centroids, **dbt.config.meta_get("trust"))


def trust(
    values: np.ndarray,
    centroids: dict[int, np.ndarray],
    *,
    seed: int,
    trust_sample_size: int,
    stability_refits: int,
    gap_references: int,
) -> pd.DataFrame:
    """Measure the stability of each k and its gap statistics.

    values: (customers, features), scaled. centroids: {k: (k, features)}, what the sweep found. With more customers than
    trust_sample_size a sample of that size is measured. A count of 0 leaves the columns that it feeds null; so does
    k = 1, and a k that the sample has too few distinct rows for.
    """
    ks = sorted(centroids)
    generator = np.random.default_rng([seed, 2])
    if len(values) > trust_sample_size:
        values = values[np.sort(generator.choice(len(values), trust_sample_size, replace=False))]
    distinct = len(np.unique(values, axis=0))
    measured = [k for k in ks if 1 < k < distinct]
    with threadpool_limits(limits=1), warnings.catch_warnings():
        # A resample can have fewer distinct rows than k.
        warnings.simplefilter("ignore", ConvergenceWarning)
        stability = {k: stability_of(values, centroids[k], stability_refits, generator) for k in measured}
        uniform, gaussian = (
            gap(values, measured, draw, gap_references, generator) for draw in (draw_uniform, draw_gaussian)
        )
    found = pd.DataFrame(
        {
            "stability_index": [stability[k] for k in measured],
            "gap_uniform": uniform.statistic,
            "gap_uniform_error": uniform.standard_error,
            "gap_gaussian": gaussian.statistic,
            "gap_gaussian_error": gaussian.standard_error,
        },
        index=measured,
        dtype="float64",
    )
    frame = found.reindex(ks).astype("Float64").rename_axis("k").reset_index().astype({"k": "int64"})
    return frame.assign(customers_measured=np.int64(len(values)))


def fit(values: np.ndarray, k: int, generator: np.random.Generator) -> KMeans:
    """The best of a few starts. The data and what they are compared with are fitted alike."""
    return KMeans(k, n_init=STARTS, random_state=int(generator.integers(2**31))).fit(values)


# ---- does it come back -------------------------------------------------------------------------------------------


def stability_of(values: np.ndarray, centroids: np.ndarray, refits: int, generator: np.random.Generator) -> float:
    """The mean adjusted Rand index (Hubert and Arabie 1985) between a partition and its refits on resampled rows.

    Each refit is to as many rows, drawn with replacement (the bootstrap of Hennig 2007), and assigns all rows. 1: the
    same partition each time; 0: no more alike than by chance. nan without refits.
    """
    served = cdist(values, centroids).argmin(axis=1)
    indices = []
    for _ in range(refits):
        resample = values[generator.integers(len(values), size=len(values))]
        refit = fit(resample, len(centroids), generator)
        indices.append(adjusted_rand_score(served, refit.predict(values)))
    return float(np.mean(indices)) if indices else np.nan


# ---- would customers without groups be split as well -------------------------------------------------------------


def gap(values: np.ndarray, ks: list[int], draw, references: int, generator: np.random.Generator) -> Gap:
    """The gap statistic (Tibshirani, Walther and Hastie 2001) of each k, less that of one cluster.

    The logarithm of the inertia falls from one cluster to k. The statistic is by how much further it falls than for
    rows that were drawn without any clusters. Its standard error is the standard deviation over the references times
    sqrt(1 + 1 / references).
    """
    if not ks or references == 0:
        return Gap(*np.full((2, len(ks)), np.nan))
    own = log_reductions(values, ks, generator)
    drawn = np.array([log_reductions(draw(values, generator), ks, generator) for _ in range(references)])
    return Gap(drawn.mean(axis=0) - own, drawn.std(axis=0) * np.sqrt(1 + 1 / references))


def log_reductions(values: np.ndarray, ks: list[int], generator: np.random.Generator) -> np.ndarray:
    """The logarithm of the inertia at each k over the inertia of one cluster, (ks,)."""
    one = ((values - values.mean(axis=0)) ** 2).sum()
    return np.log([fit(values, k, generator).inertia_ / one for k in ks])


def draw_uniform(values: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """As many rows, even over the box around the values that is aligned with their principal components."""
    mean = values.mean(axis=0)
    axes = np.linalg.svd(values - mean, full_matrices=False)[2]
    projected = (values - mean) @ axes.T
    drawn = generator.uniform(projected.min(axis=0), projected.max(axis=0), (len(values), len(axes)))
    return drawn @ axes + mean


def draw_gaussian(values: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """As many rows from one normal distribution with the mean and the covariance of the values."""
    mean = values.mean(axis=0)
    _, spread, axes = np.linalg.svd(values - mean, full_matrices=False)
    drawn = generator.standard_normal((len(values), len(axes))) * spread / np.sqrt(len(values))
    return drawn @ axes + mean
