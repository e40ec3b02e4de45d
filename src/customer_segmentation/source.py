"""The customers that are clustered, wherever their rows are: on this machine, or spread over a Spark cluster.

The sweep asks a source for two things: a sample of its rows, and, for some sets of centroids, what the rows of each
cluster add up to. On one machine compiled loops answer. On Spark one aggregation of built-in expressions answers for
all sets at once, and only its sums and the sample leave the cluster. Both draw the same sample: the random number of a
row is a hash of its customer_id. From there on everything is worked out in float64, so that both come to the same
answer. Up to 1.25 times the size of the sample it is the rows themselves, and the search needs no cluster.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple, Self

import numpy as np

from customer_segmentation.lloyd import Found, Rows, assign, lloyd, over_chunks
from customer_segmentation.metrics import partition
from customer_segmentation.search import EXTREMES, beyond, draw_rows, fits_whole, probability_of, significant

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

SAMPLE_SIZE = 400_000
DIGITS = 12
REST = 1e-10
MOST_ITERATIONS = 1_000


class Sample(NamedTuple):
    """Some rows of a source, with their weights, and which of them are a uniform sample, (rows,)."""

    rows: Rows
    is_uniform: np.ndarray


class Totals(NamedTuple):
    """What the rows of each cluster of one partition add up to.

    counts: (k,). sums: (k, features), of their values. squares and distances: (k,), their squared distances to the
    centroid, and their distances.
    """

    counts: np.ndarray
    sums: np.ndarray
    squares: np.ndarray
    distances: np.ndarray


class Source(ABC):
    """Rows to cluster.

    count: how many there are. features: the names of their numbers. center: (features,), their mean.
    sample_size: beyond 1.25 times as many rows the search works on a sample of about this size.
    """

    count: int
    features: list[str]
    center: np.ndarray
    sample_size: int

    @cached_property
    def is_whole(self) -> bool:
        """Whether the sample is the rows themselves."""
        return fits_whole(self.count, self.sample_size)

    @cached_property
    @abstractmethod
    def sample(self) -> Sample:
        """The sample, in the order of the rows; its center is that of all rows."""

    @abstractmethod
    def totals(self, sets: list[np.ndarray]) -> list[Totals]:
        """What the rows add up to, each at the nearest centroid of each set, the first on a tie; one read of the rows.

        sets: arrays (k, features). The squares of a distance are summed feature by feature from left to right.
        """

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def spreads(self, sets: list[np.ndarray]) -> list[np.ndarray]:
        """For each set (3, k): the rows of each cluster, their summed squared distances, their summed distances."""
        return [np.array([each.counts, each.squares, each.distances]) for each in self.totals(sets)]

    def lloyd(self, sets: list[np.ndarray], iterations: int, shift: float = 0.0) -> Found:
        """Move each set of centroids, relative to the center, to the means of its rows; see lloyd.lloyd().

        One read of the rows an iteration, for all sets that move. Sums that are added up in another order each time
        never repeat to the last bit, so a set rests when no centroid moves by more than shift, or than REST.
        """
        means = [centroids + self.center for centroids in sets]
        inertia, at_rest = np.full(len(sets), np.nan), np.zeros(len(sets), dtype=bool)
        for _ in range(iterations):
            active = np.flatnonzero(~at_rest)
            if len(active) == 0:
                break
            for place, found in zip(active, self.totals([means[place] for place in active]), strict=True):
                before, weight = means[place], found.counts[:, None]
                means[place] = np.divide(found.sums, weight, out=before.copy(), where=weight > 0)
                moved = means[place] - before
                inertia[place] = found.squares.sum() - (weight * moved**2).sum()
                at_rest[place] = np.abs(moved).max() <= max(shift, REST)
        return Found([each - self.center for each in means], inertia, at_rest)

    def rested(self, sets: list[np.ndarray]) -> list[np.ndarray]:
        """Sets of centroids, relative to the center, moved until each centroid is the mean of its rows."""
        return self.lloyd(sets, MOST_ITERATIONS).centroids


class LocalRows(Source):
    """Rows in the memory of this machine.

    columns: (features, n) float64, in a fixed order of customers; copied where a feature's values do not lie side by
    side. numbers: gives the random number of each row, (n,), at least 0 and below 1; called only where a sample is
    drawn. Without it they are drawn here.
    """

    def __init__(
        self,
        columns: np.ndarray,
        features: list[str] | None = None,
        sample_size: int = SAMPLE_SIZE,
        numbers: Callable[[], np.ndarray] | None = None,
    ) -> None:
        self.columns = np.ascontiguousarray(columns, dtype=np.float64)
        self.count, self.sample_size = self.columns.shape[1], sample_size
        self.features = features or [f"feature_{place}" for place in range(len(self.columns))]
        if not np.isfinite(self.columns.sum()):
            refuse(self.features, np.isfinite(self.columns).all(axis=1))
        self.numbers = numbers or (lambda: np.random.default_rng(self.count).random(self.count))
        center = self.columns.mean(axis=1) if self.count else np.zeros(len(self.columns))
        self.center = center if self.is_whole else rounded_center(center)
        self.rows = Rows(self.columns, self.center, np.empty(0))

    @cached_property
    def sample(self) -> Sample:
        """See Source."""
        if self.is_whole:
            return Sample(self.rows, np.ones(self.count, dtype=bool))
        numbers = self.numbers()
        chosen, weights = draw_rows(self.rows, self.sample_size, lambda start, stop: numbers[start:stop], True)
        rows = Rows(np.ascontiguousarray(self.columns[:, chosen]), self.center, weights)
        return Sample(rows, numbers[chosen] < self.sample_size / 2 / self.count)

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

        found = [sum(parts) for parts in zip(*over_chunks(of_chunk, self.count), strict=True)]
        return [Totals(each[0], each[1:-2].T, each[-2], each[-1]) for each in found]

    def spreads(self, sets: list[np.ndarray]) -> list[np.ndarray]:
        """See Source."""
        return partition(self.columns, sets, with_cells=False)[1]

    def lloyd(self, sets: list[np.ndarray], iterations: int, shift: float = 0.0) -> Found:
        """See Source. The kernel remembers the labels, and looks only at the rows that change theirs."""
        precision = np.float32 if self.is_whole else np.float64
        return lloyd(self.rows, sets, iterations, shift, precision)

    def rested(self, sets: list[np.ndarray]) -> list[np.ndarray]:
        """See Source. The last step adds the sums up afresh."""
        quick = [(np.float32, MOST_ITERATIONS)] if self.is_whole else []
        for precision, iterations in (*quick, (np.float64, MOST_ITERATIONS), (np.float64, 1)):
            sets = lloyd(self.rows, sets, iterations, precision=precision).centroids
        return sets


def refuse(features: list[str], is_finite: np.ndarray) -> None:
    """Name the features that have values the sweep cannot work with."""
    bad = [feature for feature, is_good in zip(features, is_finite, strict=True) if not is_good]
    raise ValueError(f"The features {', '.join(bad)} have values that are missing or not finite.")


def rounded_center(center: np.ndarray) -> np.ndarray:
    """The center of scaled features to 12 decimals, which sums in any order agree on."""
    return np.round(center, DIGITS) + 0.0  # no negative zero


# ---- Spark -------------------------------------------------------------------------------------------------------


class SparkRows(Source):
    """Rows of a Spark DataFrame, too many to be collected; classic Spark and Spark Connect alike.

    frame: customer_id and the features. number: SQL for the random number of a row. The rows are kept in the cluster's
    memory between `with` and its end, as every iteration reads them.
    """

    def __init__(self, frame: DataFrame, features: list[str], sample_size: int, number: str) -> None:
        from pyspark.sql import functions as sql

        self.sql, self.session, self.features, self.sample_size = sql, frame.sparkSession, features, sample_size
        self.names = [f"x{place}" for place in range(len(features))]
        # Columns that cannot be null make shorter code. Nulls stop the sweep before.
        values = [
            sql.coalesce(sql.col(f"`{feature}`").cast("double"), sql.lit(float("nan"))).alias(name)
            for feature, name in zip(features, self.names, strict=True)
        ]
        self.identified = frame.select("customer_id", *values, sql.expr(number).alias("number"))
        self.frame = frame.select(*values)
        first = self.frame.agg(sql.count(sql.lit(1)), *[sql.avg(name) for name in self.names]).first()
        self.count, mean = first[0], np.array(first[1:], dtype=np.float64)
        if self.count and not np.isfinite(mean).all():
            refuse(features, np.isfinite(mean))
        self.center = rounded_center(mean)

    def __enter__(self) -> Self:
        self.frame = self.frame.persist()
        return self

    def __exit__(self, *_: object) -> None:
        self.frame.unpersist()

    @cached_property
    def sample(self) -> Sample:
        """See Source. The rows with a number below their probability, which is worked out there and here alike."""
        sql, size = self.sql, self.sample_size
        spread = self.squared(self.center.tolist())
        spreads = self.frame.select(spread.alias("spread"))
        total = significant(spreads.agg(sql.sum("spread")).first()[0])
        extreme = beyond(min(row[0] for row in spreads.orderBy(sql.desc("spread")).limit(EXTREMES + 1).collect()))
        probability = sql.lit(size / 2) * (sql.lit(1 / self.count) + sql.col("spread") / sql.lit(total or 1.0))
        chosen = (sql.col("number") < probability) | (sql.col("spread") >= sql.lit(extreme))
        identified = self.identified.withColumn("spread", spread)
        found = identified.where(chosen).drop("spread").orderBy("customer_id").toArrow()
        columns = np.array([found[name].to_numpy() for name in self.names])
        squares = ((columns - self.center[:, None]) ** 2).sum(axis=0)
        weights = 1 / probability_of(1.0, squares, size, self.count, total, extreme)
        return Sample(Rows(columns, self.center, weights), found["number"].to_numpy() < size / 2 / self.count)

    def squared(self, point: list) -> Column:
        """The squared distance of a row to a point, whose coordinates are numbers or columns."""
        found = None
        for name, coordinate in zip(self.names, point, strict=True):
            difference = self.sql.col(name) - coordinate
            square = difference * difference
            found = square if found is None else found + square
        return found

    def totals(self, sets: list[np.ndarray]) -> list[Totals]:
        """See Source. Each row meets each set once, and is added to the nearest of its centroids, in one aggregation.

        The centroids come as a table with one row a set, not as numbers in the query: the code that Spark makes of the
        query is then short enough to be compiled by the JVM, and the same in every iteration.
        """
        sql, most = self.sql, max(len(centroids) for centroids in sets)
        met = self.frame.crossJoin(sql.broadcast(self.table_of(sets, most)))
        points = [[sql.col(f"c{cluster}_{name}") for name in self.names] for cluster in range(most)]
        distances = [f"d{cluster}" for cluster in range(most)]
        met = met.select(
            *self.names,
            "first",
            *[self.squared(point).alias(name) for point, name in zip(points, distances, strict=True)],
        )
        nearest = sql.least(*distances) if most > 1 else sql.col("d0")
        met = met.select(*self.names, "first", *distances, nearest.alias("square"))
        label = sql.when(sql.col("d0") == sql.col("square"), 0)
        for cluster in range(1, most - 1):
            label = label.when(sql.col(f"d{cluster}") == sql.col("square"), cluster)
        label = label.otherwise(most - 1)
        rows = (
            met.select(*self.names, "square", (sql.col("first") + label).alias("slot"))
            .groupBy("slot")
            .agg(
                sql.count(sql.lit(1)).alias("count"),
                *[sql.sum(name).alias(name) for name in self.names],
                sql.sum("square").alias("square"),
                sql.sum(sql.sqrt("square")).alias("distance"),
            )
            .collect()
        )
        offsets = np.cumsum([0, *(len(centroids) for centroids in sets)])
        summed = np.zeros((offsets[-1], len(self.features) + 3))
        for slot, *sums in rows:
            summed[slot] = sums
        return [Totals(part[:, 0], part[:, 1:-2], part[:, -2], part[:, -1]) for part in np.split(summed, offsets[1:-1])]

    def table_of(self, sets: list[np.ndarray], most: int) -> DataFrame:
        """One row a set: the number of its first centroid, and the centroids. A smaller set repeats its last one."""
        from pyspark.sql.types import DoubleType, IntegerType, StructField, StructType

        rows, first = [], 0
        for centroids in sets:
            repeated = centroids[np.minimum(np.arange(most), len(centroids) - 1)]
            rows.append((first, *repeated.ravel().tolist()))
            first += len(centroids)
        numbers = [f"c{cluster}_{name}" for cluster in range(most) for name in self.names]
        schema = [StructField("first", IntegerType(), False), *[StructField(n, DoubleType(), False) for n in numbers]]
        return self.session.createDataFrame(rows, StructType(schema))
