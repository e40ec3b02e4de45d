"""Compile the inner loops ahead of the first build: python -m customer_segmentation."""

from __future__ import annotations

import numpy as np

from customer_segmentation.sweep.lloyd import COMPILED_FROM
from customer_segmentation.sweep.metrics import partition
from customer_segmentation.sweep.search import fit
from customer_segmentation.sweep.silhouette import silhouettes
from customer_segmentation.sweep.sources import LocalSource


def main() -> None:
    """Run every compiled function on COMPILED_FROM random rows, so that numba compiles and caches it."""
    columns = np.random.default_rng(0).normal(size=(2, COMPILED_FROM))
    centroids = fit(LocalSource(columns), [2, 3], 1, 0)
    refinement, _ = partition(columns, list(centroids.values()))
    silhouettes(columns, refinement, list(centroids), len(columns[0]), 0, 0)


if __name__ == "__main__":
    main()
