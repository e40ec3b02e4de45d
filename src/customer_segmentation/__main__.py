"""Compile the inner loops now, so that the first build does not wait for it: python -m customer_segmentation."""

from __future__ import annotations

import numpy as np

from customer_segmentation import lloyd
from customer_segmentation.metrics import partition, silhouettes
from customer_segmentation.search import fit
from customer_segmentation.source import LocalRows


def main() -> None:
    """Run everything that is compiled on a few rows."""
    columns = np.random.default_rng(0).normal(size=(2, lloyd.COMPILED_FROM))
    centroids = fit(LocalRows(columns), [2, 3], 1, 0)
    cells, _ = partition(columns, list(centroids.values()))
    silhouettes(columns, cells, list(centroids), len(columns[0]), 0, 0)


if __name__ == "__main__":
    main()
