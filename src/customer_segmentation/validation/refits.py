"""KMeans refits of resampled customers and of reference data sets."""

from __future__ import annotations

import numpy as np

from customer_segmentation.sweep.lloyd import Rows
from customer_segmentation.sweep.search import LloydRun, advance, kmeans_plus_plus

# Starts per refit. The gap statistic fits the data and the references alike, so a fit may miss the global optimum.
STARTS = 3
RUN = LloydRun(iterations=300, keep=1, tolerance=1e-3)


def refit(columns: np.ndarray, ks: list[int], generator: np.random.Generator) -> dict[int, tuple[float, np.ndarray]]:
    """Return {k: (inertia, centroids)}, the best of STARTS. columns: (features, n). centroids: (k, features)."""
    rows = Rows(columns, columns.mean(axis=1), np.empty(0))
    sequences = kmeans_plus_plus(rows, max(ks), STARTS, generator)
    pool = {k: [(np.inf, sequence[:k]) for sequence in sequences] for k in ks}
    found = {k: best for k, (best,) in advance(rows, pool, RUN).items()}
    return {k: (inertia, centroids + rows.center) for k, (inertia, centroids) in found.items()}
