"""Measure the sweep on Spark beside nine fits of pyspark.ml, on the same rows of one machine.

    python benchmarks/spark_fit.py --customers 1000000 --master 'local[2]'

Both sides read the same Parquet file and end with an index for every k. Prints a Markdown table. The sides share one
JVM, which is warmed by two k of each first; the seconds are those of the wall, as the JVM does the work.
"""

from __future__ import annotations

import argparse
import importlib.util
import math
import os
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow
import pyarrow.parquet
import sweep as one_machine
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as sql

from customer_segmentation import source, tables


def session_of(master: str, folder: str) -> SparkSession:
    """A session of classic Spark that listens on the loopback only."""
    os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
    settings = {
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.memory": "4g",
        "spark.sql.shuffle.partitions": "8",
        "spark.sql.warehouse.dir": folder,
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
    }
    session = SparkSession.builder.master(master).config(map=settings).getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    return session


def write(columns: np.ndarray, file: Path) -> list[str]:
    """Write the features, (features, n), with an id for each row, and return their names."""
    features = [f"feature_{place}" for place in range(len(columns))]
    ids = [f"C{row:08d}" for row in range(columns.shape[1])]
    table = pyarrow.table({"customer_id": ids, **dict(zip(features, columns, strict=True))})
    pyarrow.parquet.write_table(table, file, row_group_size=len(ids) // 8 + 1)
    return features


def ours(table: DataFrame, features: list[str], k_max: int, sample_size: int) -> dict:
    """The sweep of this project: inertia and index of each k, and the aggregations that it took."""
    spec = importlib.util.spec_from_file_location("kmeans_sweep", one_machine.MODEL)
    model = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(model)
    passes = []

    class Counted(source.SparkRows):
        def totals(self, sets: list[np.ndarray]) -> list[source.Totals]:
            passes.append(len(sets))
            return super().totals(sets)

    tables.SparkRows = Counted
    with tables.source_of(table, features, sample_size, 42) as rows:
        found = model.sweep(rows, k_max=k_max, **one_machine.SETTINGS).groupby("k").first()
    index = found["davies_bouldin_index"].astype(float)
    return {"inertia": found["inertia"].to_dict(), "index": index.to_dict(), "passes": len(passes)}


def theirs(table: DataFrame, features: list[str], k_max: int, sample_size: int) -> dict:  # noqa: ARG001
    """KMeans of pyspark.ml for each k, one start of its default, and the Davies-Bouldin index by two aggregations."""
    from pyspark.ml.clustering import KMeans
    from pyspark.ml.feature import VectorAssembler

    rows = VectorAssembler(inputCols=features, outputCol="vector").transform(table).cache()
    inertia, index = {}, {}
    for k in range(2, k_max + 1):
        fitted = KMeans(k=k, seed=42, featuresCol="vector", predictionCol="cluster", maxIter=50).fit(rows)
        inertia[k] = fitted.summary.trainingCost
        centers = fitted.clusterCenters()
        labelled = fitted.transform(rows)
        squared = sum(
            (sql.col(feature) - sql.element_at(sql.lit([float(c[place]) for c in centers]), sql.col("cluster") + 1))
            ** 2
            for place, feature in enumerate(features)
        )
        found = labelled.groupBy("cluster").agg(sql.avg(sql.sqrt(squared)).alias("scatter")).collect()
        scatter = {row["cluster"]: row["scatter"] for row in found}
        index[k] = float(
            np.mean(
                [
                    max((scatter[i] + scatter[j]) / math.dist(centers[i], centers[j]) for j in scatter if j != i)
                    for i in scatter
                ]
            )
        )
    rows.unpersist()
    return {"inertia": inertia, "index": index}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--customers", type=int, default=1_000_000)
    parser.add_argument("--data", default="log", help="log, raw, tails or thin, as in benchmarks/sweep.py")
    parser.add_argument("--master", default="local[2]")
    parser.add_argument("--sample-size", type=int, default=400_000, help="the setting search_sample_size")
    parser.add_argument("--k-max", type=int, default=10)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        spark = session_of(options.master, folder)
        file = Path(folder) / "customers.parquet"
        features = write(one_machine.features(options.data, options.customers), file)
        table, sides = spark.read.parquet(str(file)), {}
        for name, side in {"this project": ours, "pyspark.ml": theirs}.items():
            side(table, features, 3, options.sample_size)
            start = time.perf_counter()
            sides[name] = side(table, features, options.k_max, options.sample_size) | {
                "seconds": time.perf_counter() - start
            }
        spark.stop()
    print(f"{options.customers:,} customers, {len(features)} features, {options.master}, data {options.data}.", end=" ")
    for name, found in sides.items():
        passes = f" ({found['passes']} aggregations)" if "passes" in found else ""
        print(f"{name}: {found['seconds']:.1f} s{passes}.", end=" ")
    print("\n\n| k | inertia, this project | pyspark.ml | difference | index, this project | pyspark.ml |")
    print("|---:|---:|---:|---:|---:|---:|")
    own, other = sides["this project"], sides["pyspark.ml"]
    for k in own["inertia"]:
        apart = 100 * (other["inertia"][k] / own["inertia"][k] - 1)
        print(
            f"| {k} | {own['inertia'][k]:.0f} | {other['inertia'][k]:.0f} | {apart:+.2f} % |"
            f" {own['index'][k]:.4f} | {other['index'][k]:.4f} |"
        )


if __name__ == "__main__":
    main()
