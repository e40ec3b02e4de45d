"""The gap statistic: whether the inertia falls further than for data without groups."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.special import ndtr

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
    standard deviation over the reference data sets times sqrt(1 + 1 / references). Both are nan where k is not
    below the number of distinct rows of each data set.
    """
    if not ks or references == 0:
        return Gap(*np.full((2, len(ks)), np.nan))
    own = log_reductions(columns, ks, generator)
    drawn = np.array([log_reductions(draw(columns, generator), ks, generator) for _ in range(references)])
    return Gap(drawn.mean(axis=0) - own, drawn.std(axis=0) * np.sqrt(1 + 1 / references))


def log_reductions(columns: np.ndarray, ks: list[int], generator: np.random.Generator) -> np.ndarray:
    """Return log(inertia of k clusters / inertia of one cluster) for each k, (ks,).

    nan where k is not below the number of distinct rows, so that the inertia is 0.
    """
    distinct = np.unique(columns, axis=1).shape[1]
    fitted = [k for k in ks if k < distinct]
    reductions = np.full(len(ks), np.nan)
    if fitted:
        one = ((columns - columns.mean(axis=1, keepdims=True)) ** 2).sum()
        inertias = [inertia for inertia, _ in refit(columns, fitted, generator).values()]
        reductions[np.isin(ks, fitted)] = np.log(inertias / one)
    return reductions


def draw_copula(columns: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Draw as many rows with the distribution of each feature and the rank correlations of the rows, and no groups.

    A Gaussian copula: normal variables whose correlations give the rank correlations of the rows (Pearson 1907: the
    correlation is 2 sin(pi / 6 times Spearman's)), turned into values of the features by their quantiles.
    """
    count = columns.shape[1]
    # Equal values share a rank. A constant feature is correlated with nothing.
    spearman = pd.DataFrame(columns.T).corr("spearman").fillna(0).to_numpy(copy=True)
    np.fill_diagonal(spearman, 1)
    variances, axes = np.linalg.eigh(2 * np.sin(np.pi / 6 * spearman))
    # Rank correlations of counts need not be those of any normal distribution: the nearest ones are taken.
    spread = axes * np.sqrt(np.maximum(variances, 0))
    spread /= np.linalg.norm(spread, axis=1, keepdims=True)
    uniform = ndtr(spread @ generator.standard_normal((len(columns), count)))
    places = np.minimum((uniform * count).astype(np.int64), count - 1)
    return np.take_along_axis(np.sort(columns, axis=1), places, axis=1)
