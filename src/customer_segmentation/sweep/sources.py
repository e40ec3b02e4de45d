"""The customers to cluster, on this machine or distributed over a Spark cluster (see spark_source).

A source provides two things: a sample of its rows, and, for given sets of centroids, the sums over the rows of each
cluster. Every source draws the same sample, because the random number of a row is a hash of its customer_id. If there
are at most 1.25 times as many rows as the sample size, the sample is the rows themselves; otherwise everything outside
the sample is computed in float64, so that all sources give the same result.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import cached_property
from typing import NamedTuple, Self

import numpy as np

from customer_segmentation.sweep import metrics
from customer_segmentation.sweep.lloyd import LloydResult, Rows, assign, lloyd, map_chunks
from customer_segmentation.sweep.sampling import draw_rows, needs_no_sample

# The default of the setting search_sample_size.
SAMPLE_SIZE = 400_000
# Decimals of the center of scaled features that do not depend on the order of summation.
CENTER_DECIMALS = 12
# Sums added in a different order each time differ in their last bits. A set has converged when no coordinate moves by
# more than this.
SHIFT_OF_ROUNDING = 1e-10
# Far more iterations than Lloyd's algorithm needs.
MAX_ITERATIONS = 1_000


class Sample(NamedTuple):
    """Rows of a source with their weights, and which of them form a uniform sample, (rows,) bool."""

    rows: Rows
    is_uniform: np.ndarray


class Totals(NamedTuple):
    """Sums over the rows of each cluster of one partition.

    counts: (k,). sums: (k, features), of the values. squares and distances: (k,), of the squared distances to the
    centroid and of the distances.
    """

    counts: np.ndarray
    sums: np.ndarray
    squares: np.ndarray
    distances: np.ndarray


class Source(ABC):
    """Rows to cluster.

    count: the number of rows. features: the names of their columns. center: (features,), their mean.
    sample_size: if there are more than 1.25 times as many rows, the search uses a sample of about this size.
    """

    count: int
    features: list[str]
    center: np.ndarray
    sample_size: int

    @cached_property
    def is_whole(self) -> bool:
        """Whether the sample is the rows themselves."""
        return needs_no_sample(self.count, self.sample_size)

    @cached_property
    @abstractmethod
    def sample(self) -> Sample:
        """The sample, in the order of the rows; its center is that of all rows."""

    @abstractmethod
    def totals(self, sets: list[np.ndarray]) -> list[Totals]:
        """Assign each row to the nearest centroid of each set, the first on a tie, and return the sums per cluster.

        sets: arrays (k, features). The rows are read once. Squares are summed feature by feature from left to right.
        """

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def cluster_sums(self, sets: list[np.ndarray]) -> list[np.ndarray]:
        """Return the sums of metrics.cluster_sums(), (3, k), for each set."""
        return [np.array([each.counts, each.squares, each.distances]) for each in self.totals(sets)]

    def lloyd(self, sets: list[np.ndarray], iterations: int, tolerance: float = 0.0) -> LloydResult:
        """Run Lloyd's algorithm on each set of centroids, relative to the center; see lloyd.lloyd().

        Each iteration reads the rows once for all sets that have not converged.
        """
        means = [centroids + self.center for centroids in sets]
        inertia, converged = np.full(len(sets), np.nan), np.zeros(len(sets), dtype=bool)
        for _ in range(iterations):
            active = np.flatnonzero(~converged)
            if len(active) == 0:
                break
            for place, found in zip(active, self.totals([means[place] for place in active]), strict=True):
                before, weight = means[place], found.counts[:, None]
                means[place] = np.divide(found.sums, weight, out=before.copy(), where=weight > 0)
                moved = means[place] - before
                inertia[place] = found.squares.sum() - (weight * moved**2).sum()
                converged[place] = np.abs(moved).max() <= max(tolerance, SHIFT_OF_ROUNDING)
        return LloydResult([each - self.center for each in means], inertia, converged)

    def converge(self, sets: list[np.ndarray]) -> list[np.ndarray]:
        """Return the sets, relative to the center, after running Lloyd's algorithm until they converge."""
        return self.lloyd(sets, MAX_ITERATIONS).centroids


class LocalSource(Source):
    """Rows in the memory of this machine.

    columns: (features, n) float64, in a fixed order of customers; copied if it is not C-contiguous. uniforms: returns
    the random number of each row, (n,), in [0, 1); called only if a sample is drawn. By default a generator seeded with
    n draws them.

    Raises ValueError if a feature has missing or non-finite values.
    """

    def __init__(
        self,
        columns: np.ndarray,
        features: list[str] | None = None,
        sample_size: int = SAMPLE_SIZE,
        uniforms: Callable[[], np.ndarray] | None = None,
    ) -> None:
        self.columns = np.ascontiguousarray(columns, dtype=np.float64)
        self.count, self.sample_size = self.columns.shape[1], sample_size
        self.features = features or [f"feature_{place}" for place in range(len(self.columns))]
        if not np.isfinite(self.columns.sum()):
            raise not_finite(self.features, np.isfinite(self.columns).all(axis=1))
        self.uniforms = uniforms or (lambda: np.random.default_rng(self.count).random(self.count))
        center = self.columns.mean(axis=1) if self.count else np.zeros(len(self.columns))
        self.center = center if self.is_whole else rounded_center(center)
        self.rows = Rows(self.columns, self.center, np.empty(0))

    @cached_property
    def sample(self) -> Sample:
        """See Source."""
        if self.is_whole:
            return Sample(self.rows, np.ones(self.count, dtype=bool))
        uniforms = self.uniforms()
        chosen, weights = draw_rows(self.rows, self.sample_size, lambda start, stop: uniforms[start:stop], True)
        rows = Rows(np.ascontiguousarray(self.columns[:, chosen]), self.center, weights)
        return Sample(rows, uniforms[chosen] < self.sample_size / 2 / self.count)

    def totals(self, sets: list[np.ndarray]) -> list[Totals]:
        """See Source."""

        def of_chunk(start: int, stop: int) -> list[np.ndarray]:
            labels, squares = assign(self.columns, sets, start, stop)
            return [
                np.array(
                    [
                        np.bincount(label, each, len(centroids))
                        for each in (None, *self.columns[:, start:stop], square, np.sqrt(square))
                    ]
                )
                for label, square, centroids in zip(labels, squares, sets, strict=True)
            ]

        found = [sum(parts) for parts in zip(*map_chunks(of_chunk, self.count), strict=True)]
        return [Totals(each[0], each[1:-2].T, each[-2], each[-1]) for each in found]

    def cluster_sums(self, sets: list[np.ndarray]) -> list[np.ndarray]:
        """See Source."""
        return metrics.cluster_sums(self.columns, sets)

    def lloyd(self, sets: list[np.ndarray], iterations: int, tolerance: float = 0.0) -> LloydResult:
        """See Source. The inner loops keep the labels and sum only the rows that change their cluster."""
        precision = np.float32 if self.is_whole else np.float64
        return lloyd(self.rows, sets, iterations, tolerance, precision)

    def converge(self, sets: list[np.ndarray]) -> list[np.ndarray]:
        """See Source. Single precision first, because it is faster; the last iteration sums all rows again."""
        fast = [(np.float32, MAX_ITERATIONS)] if self.is_whole else []
        for precision, iterations in (*fast, (np.float64, MAX_ITERATIONS), (np.float64, 1)):
            sets = lloyd(self.rows, sets, iterations, precision=precision).centroids
        return sets


def not_finite(features: list[str], is_finite: np.ndarray) -> ValueError:
    """Return the error that names the features with missing or non-finite values. is_finite: (features,)."""
    bad = [feature for feature, is_good in zip(features, is_finite, strict=True) if not is_good]
    return ValueError(
        f"The features {', '.join(bad)} have missing or non-finite values. Every customer with a purchase needs a "
        "finite number in each clustered feature: complete the column in int_customer_features, for example "
        f"with coalesce, or remove {' and '.join(bad)} from the setting features."
    )


def rounded_center(center: np.ndarray) -> np.ndarray:
    """Return the center of scaled features rounded to CENTER_DECIMALS."""
    return np.round(center, CENTER_DECIMALS) + 0.0  # no negative zero
