"""The gap statistic: whether the inertia falls further than for data without groups."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from customer_segmentation.validation.refits import refit


class Gap(NamedTuple):
    """The gap statistic of each k minus that of one cluster, and its standard error, (ks,) each; nan if unmeasured."""

    statistic: np.ndarray
    standard_error: np.ndarray


def gap_statistic(
    columns: np.ndarray, ks: list[int], draw: Callable, references: int, generator: np.random.Generator
) -> Gap:
    """Return the gap statistic (Tibshirani, Walther and Hastie 2001) of each k, minus that of one cluster.

    columns: (features, n). draw(columns, generator): draws a reference data set without clusters, (features, n).
    references: how many are drawn; with 0 the result is nan. From one cluster to k, the logarithm of the inertia falls.
    The statistic is how much further it falls than on average for the reference data sets. The standard error is the
    standard deviation over the reference data sets times sqrt(1 + 1 / references).
    """
    if not ks or references == 0:
        return Gap(*np.full((2, len(ks)), np.nan))
    own = log_reductions(columns, ks, generator)
    drawn = np.array([log_reductions(draw(columns, generator), ks, generator) for _ in range(references)])
    return Gap(drawn.mean(axis=0) - own, drawn.std(axis=0) * np.sqrt(1 + 1 / references))


def log_reductions(columns: np.ndarray, ks: list[int], generator: np.random.Generator) -> np.ndarray:
    """Return log(inertia of k clusters / inertia of one cluster) for each k, (ks,)."""
    one = ((columns - columns.mean(axis=1, keepdims=True)) ** 2).sum()
    return np.log([inertia / one for inertia, _ in refit(columns, ks, generator).values()])


def draw_uniform(columns: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Draw as many rows uniformly from the bounding box along the principal components, (features, n)."""
    mean = columns.mean(axis=1, keepdims=True)
    axes = np.linalg.svd(columns - mean, full_matrices=False)[0]
    projected = axes.T @ (columns - mean)
    low, high = projected.min(axis=1, keepdims=True), projected.max(axis=1, keepdims=True)
    return np.ascontiguousarray(axes @ generator.uniform(low, high, projected.shape) + mean)


def draw_gaussian(columns: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Draw as many rows from a normal distribution with the mean and covariance of the data, (features, n)."""
    mean = columns.mean(axis=1, keepdims=True)
    axes, singular_values, _ = np.linalg.svd(columns - mean, full_matrices=False)
    drawn = generator.standard_normal((len(singular_values), columns.shape[1])) * singular_values[:, None]
    return np.ascontiguousarray(axes @ drawn / np.sqrt(columns.shape[1]) + mean)
