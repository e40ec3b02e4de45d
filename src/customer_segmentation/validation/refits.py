"""KMeans for the many small data sets that a partition is compared with."""

from __future__ import annotations

import numpy as np

from customer_segmentation.sweep.lloyd import Rows
from customer_segmentation.sweep.search import LloydRun, advance, kmeans_plus_plus

# Starts of a refit. The data and what they are compared with are fitted alike, so a fit may miss the best optimum.
STARTS = 3
RUN = LloydRun(iterations=300, keep=1, tolerance=1e-3)


def refit(columns: np.ndarray, ks: list[int], generator: np.random.Generator) -> dict[int, tuple[float, np.ndarray]]:
    """Return inertia and centroids, (k, features), of each k: the best of a few starts. columns: (features, n)."""
    rows = Rows(columns, columns.mean(axis=1), np.empty(0))
    sequences = kmeans_plus_plus(rows, max(ks), STARTS, generator)
    pool = {k: [(np.inf, sequence[:k]) for sequence in sequences] for k in ks}
    found = {k: best for k, (best,) in advance(rows, pool, RUN).items()}
    return {k: (inertia, centroids + rows.center) for k, (inertia, centroids) in found.items()}
