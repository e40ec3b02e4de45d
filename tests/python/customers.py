"""Synthetic customers for the tests of the sweep, (features, n) unless stated otherwise."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st


def scaled(columns: np.ndarray) -> np.ndarray:
    """(features, n), each with mean 0 and standard deviation 1."""
    centered = columns - columns.mean(axis=1, keepdims=True)
    return np.ascontiguousarray(centered / centered.std(axis=1, keepdims=True))


def logarithms(n: int, seed: int = 0) -> np.ndarray:
    """Spending, quantity, count and days of five overlapping groups, with log1p as in the default settings."""
    generator = np.random.default_rng(seed)
    segment = generator.choice(5, n, p=[0.34, 0.27, 0.2, 0.13, 0.06])
    count = 1 + generator.poisson(np.array([2, 6, 14, 30, 70])[segment] * generator.lognormal(0, 0.35, n))
    quantity = count * np.array([1.3, 2.2, 1.6, 3.5, 5])[segment] * generator.lognormal(0, 0.4, n)
    spending = quantity * np.array([18, 9, 40, 14, 55])[segment] * generator.lognormal(0, 0.6, n)
    return scaled(np.vstack([*np.log1p([spending, quantity, count]), generator.uniform(size=n) ** 0.5]))


def heavy_tails(n: int, seed: int = 0) -> np.ndarray:
    """Spending, quantity and count as mixtures of log-normals, not transformed, and days."""
    generator = np.random.default_rng(seed)
    segment = generator.choice(5, n, p=[0.34, 0.27, 0.2, 0.13, 0.06])
    middle, spread = np.array([0, 1, 2, 0.5, 3])[segment], np.array([1.5, 1.6, 1.7, 2, 1.8])[segment]
    return scaled(np.vstack([*(np.exp(generator.normal(middle, spread)) for _ in range(3)), generator.uniform(size=n)]))


def thin_margin(n: int, seed: int = 0) -> np.ndarray:
    """Three groups that are hardly separated."""
    generator = np.random.default_rng(seed)
    group = generator.integers(0, 3, n) * 2.2
    return scaled(np.vstack([group + generator.normal(size=n), group + generator.normal(size=n)]))


def many_features(n: int, seed: int = 0) -> np.ndarray:
    generator = np.random.default_rng(seed)
    centers = generator.normal(size=(20, 8)) * 1.2
    return scaled(centers[:, generator.integers(0, 8, n)] + generator.normal(size=(20, n)))


def duplicates(n: int, seed: int = 0) -> np.ndarray:
    return scaled(np.rint(1.5 * logarithms(n, seed)))


def far_group(n: int, seed: int = 0) -> np.ndarray:
    """Five customers far from all others."""
    columns = logarithms(n, seed)
    columns[:, n // 2 : n // 2 + 5] += 200
    return scaled(columns)


DATA = [logarithms, heavy_tails, thin_margin, many_features, duplicates, far_group]


def blobs(sizes: list[int], spread: float = 0.3, features: int = 2, seed: int = 0) -> np.ndarray:
    """Return groups of these sizes around points 10 apart on the diagonal, (n, features)."""
    generator = np.random.default_rng(seed)
    return np.vstack([generator.normal(10 * group, spread, size=(size, features)) for group, size in enumerate(sizes)])


@st.composite
def matrices(draw, most_rows: int = 60, most_features: int = 4) -> np.ndarray:
    """Return random rows, (n, features): normal, heavy-tailed, or on a coarse grid, where many rows are the same."""
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shape = draw(st.integers(4, most_rows)), draw(st.integers(1, most_features))
    kind = draw(st.sampled_from(["normal", "tails", "grid"]))
    if kind == "normal":
        return generator.normal(size=shape)
    if kind == "tails":
        return generator.standard_t(2, size=shape)
    return generator.integers(0, 4, size=shape).astype(float)


def distinct(values: np.ndarray) -> int:
    return len({tuple(row) for row in values})
