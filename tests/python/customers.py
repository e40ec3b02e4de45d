"""Made-up customers for the tests of the sweep."""

from __future__ import annotations

import numpy as np


def scaled(columns: np.ndarray) -> np.ndarray:
    """(features, n), each with mean 0 and standard deviation 1."""
    centered = columns - columns.mean(axis=1, keepdims=True)
    return np.ascontiguousarray(centered / centered.std(axis=1, keepdims=True))


def logarithms(n: int, seed: int = 0) -> np.ndarray:
    """Spending, quantity, count and days of five overlapping groups after log1p, as the default settings have them."""
    generator = np.random.default_rng(seed)
    segment = generator.choice(5, n, p=[0.34, 0.27, 0.2, 0.13, 0.06])
    count = 1 + generator.poisson(np.array([2, 6, 14, 30, 70])[segment] * generator.lognormal(0, 0.35, n))
    quantity = count * np.array([1.3, 2.2, 1.6, 3.5, 5])[segment] * generator.lognormal(0, 0.4, n)
    spending = quantity * np.array([18, 9, 40, 14, 55])[segment] * generator.lognormal(0, 0.6, n)
    return scaled(np.vstack([*np.log1p([spending, quantity, count]), generator.uniform(size=n) ** 0.5]))
