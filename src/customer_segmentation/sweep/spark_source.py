"""The rows of a Spark DataFrame as a source.

One aggregation of built-in expressions computes the sums for all sets of centroids. Only these sums and the sample
leave the cluster.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Self

import numpy as np

from customer_segmentation.sweep.lloyd import Rows
from customer_segmentation.sweep.sampling import (
    ALWAYS_SAMPLED,
    inclusion_probability,
    next_above,
    round_significant,
)
from customer_segmentation.sweep.sources import Sample, Source, Totals, not_finite, rounded_center

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame


class SparkSource(Source):
    """Rows of a Spark DataFrame that are too many to collect, on classic Spark or Spark Connect.

    frame: customer_id and the features. uniform: SQL for the random number of a row, in [0, 1). Inside a `with` block
    the rows are persisted on the cluster, because every iteration reads them.

    Raises ValueError if a feature has missing or non-finite values.
    """

    def __init__(self, frame: DataFrame, features: list[str], sample_size: int, uniform: str) -> None:
        from pyspark.sql import functions as sql

        self.sql, self.session, self.features, self.sample_size = sql, frame.sparkSession, features, sample_size
        self.names = [f"x{place}" for place in range(len(features))]
        # Spark generates shorter code for non-nullable columns. Nulls become nan, which raises an error below.
        values = [
            sql.coalesce(sql.col(f"`{feature}`").cast("double"), sql.lit(float("nan"))).alias(name)
            for feature, name in zip(features, self.names, strict=True)
        ]
        self.identified = frame.select("customer_id", *values, sql.expr(uniform).alias("uniform"))
        self.frame = frame.select(*values)
        first = self.frame.agg(sql.count(sql.lit(1)), *[sql.avg(name) for name in self.names]).first()
        self.count, mean = first[0], np.array(first[1:], dtype=np.float64)
        if self.count and not np.isfinite(mean).all():
            raise not_finite(features, np.isfinite(mean))
        self.center = rounded_center(mean)

    def __enter__(self) -> Self:
        self.frame = self.frame.persist()
        return self

    def __exit__(self, *_: object) -> None:
        self.frame.unpersist()

    @cached_property
    def sample(self) -> Sample:
        """See Source. The inclusion probability is computed on the cluster and on this machine by the same formula."""
        sql, size = self.sql, self.sample_size
        square = self.squared(self.center.tolist())
        squares = self.frame.select(square.alias("square"))
        total = round_significant(squares.agg(sql.sum("square")).first()[0])
        farthest = squares.orderBy(sql.desc("square")).limit(ALWAYS_SAMPLED + 1).collect()
        certain_from = next_above(min(row[0] for row in farthest))
        probability = sql.lit(size / 2) * (sql.lit(1 / self.count) + sql.col("square") / sql.lit(total or 1.0))
        chosen = (sql.col("uniform") < probability) | (sql.col("square") >= sql.lit(certain_from))
        identified = self.identified.withColumn("square", square)
        found = identified.where(chosen).drop("square").orderBy("customer_id").toArrow()
        columns = np.array([found[name].to_numpy() for name in self.names])
        squared = ((columns - self.center[:, None]) ** 2).sum(axis=0)
        weights = 1 / inclusion_probability(1.0, squared, size, self.count, total, certain_from)
        return Sample(Rows(columns, self.center, weights), found["uniform"].to_numpy() < size / 2 / self.count)

    def squared(self, point: list) -> Column:
        """Return the squared distance of a row to a point, whose coordinates are numbers or columns."""
        found = None
        for name, coordinate in zip(self.names, point, strict=True):
            difference = self.sql.col(name) - coordinate
            square = difference * difference
            found = square if found is None else found + square
        return found

    def totals(self, sets: list[np.ndarray]) -> list[Totals]:
        """See Source. Rows are cross joined with the sets and summed by nearest centroid, in one aggregation.

        The centroids are a broadcast table of one row per set, not literals in the query. Then the code that Spark
        generates is short enough for the JVM to compile, and is the same in every iteration.
        """
        sql, most = self.sql, max(len(centroids) for centroids in sets)
        pairs = self.frame.crossJoin(sql.broadcast(self.table_of(sets, most)))
        points = [[sql.col(f"c{cluster}_{name}") for name in self.names] for cluster in range(most)]
        distances = [f"d{cluster}" for cluster in range(most)]
        pairs = pairs.select(
            *self.names,
            "first",
            *[self.squared(point).alias(name) for point, name in zip(points, distances, strict=True)],
        )
        nearest = sql.least(*distances) if most > 1 else sql.col("d0")
        pairs = pairs.select(*self.names, "first", *distances, nearest.alias("square"))
        label = sql.when(sql.col("d0") == sql.col("square"), 0)
        for cluster in range(1, most - 1):
            label = label.when(sql.col(f"d{cluster}") == sql.col("square"), cluster)
        label = label.otherwise(most - 1)
        rows = (
            pairs.select(*self.names, "square", (sql.col("first") + label).alias("slot"))
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
        """Return one row per set: the slot of its first centroid, and its centroids, the last repeated up to `most`."""
        from pyspark.sql.types import DoubleType, IntegerType, StructField, StructType

        rows, first = [], 0
        for centroids in sets:
            repeated = centroids[np.minimum(np.arange(most), len(centroids) - 1)]
            rows.append((first, *repeated.ravel().tolist()))
            first += len(centroids)
        columns = [f"c{cluster}_{name}" for cluster in range(most) for name in self.names]
        schema = [StructField("first", IntegerType(), False), *[StructField(c, DoubleType(), False) for c in columns]]
        return self.session.createDataFrame(rows, StructType(schema))
