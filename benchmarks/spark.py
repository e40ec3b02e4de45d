"""Measure the project on Apache Spark: one worker, two workers, DuckDB, and the sweep against pyspark.ml.

    .venv-spark/bin/python benchmarks/spark.py --customers 1000000
    .venv-spark/bin/python benchmarks/spark.py --workers 2    # builds alone, on two workers, and only to the screen

Needs `make setup-spark` and Java 17. Workers are processes of this machine, with one core each, on the loopback
address. The CPU seconds of the tasks on each worker and the bytes shuffled are read from Spark's event log. The same
shop is built by DuckDB, by one worker and by two; then the sweep and nine fits of pyspark.ml's KMeans run on the
features that the build has scaled. Writes Markdown to benchmarks/spark.md.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import math
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path

import duckdb
import numpy as np
import sweep as one_machine
from job import PROJECT, Shop, dbt_build, generate

sys.path.insert(0, str(PROJECT / "tests" / "python"))
from spark_cluster import Cluster, cluster, event_logs, of_kind, on_cluster, read_events, spark_environment

HERE = Path(__file__).resolve().parent

FEATURES_TABLE = "int_training_features_scaled"
KS = range(2, 11)
MARTS = ("segment_profiles", "k_selection")


# ---- the event log -----------------------------------------------------------------------------------------------


def task_seconds(events: list[dict]) -> dict[str, float]:
    """The CPU seconds of the tasks on each executor."""
    ran: Counter[str] = Counter()
    for event in of_kind(events, "TaskEnd"):
        ran[event["Task Info"]["Executor ID"]] += event["Task Metrics"]["Executor CPU Time"] / 1e9
    return dict(sorted(ran.items()))


def by_table(events: list[dict], measure: Callable[[dict], float]) -> Counter[str]:
    """{table: the sum of a measure over the tasks of the statement that wrote it}; the measure reads their metrics.

    The times of statements that run side by side say less, because each waits for the others.
    """
    tables, statements = {}, {}
    for event in of_kind(events, "SQLExecutionStart"):
        written = re.search(r"\.db/(\w+), false", event["physicalPlanDescription"])
        tables[str(event["executionId"])] = written[1] if written else "everything else"
    for event in of_kind(events, "JobStart"):
        statement = event["Properties"].get("spark.sql.execution.id")
        statements |= dict.fromkeys(event["Stage IDs"], statement)
    found: Counter[str] = Counter()
    for event in of_kind(events, "TaskEnd"):
        table = tables.get(statements.get(event["Stage ID"]), "everything else")
        found[table] += measure(event["Task Metrics"])
    return found


def peak_memory(events: list[dict]) -> dict[str, float]:
    """{executor: its peak in GB}: of the heap, with what Spark's operators and the code of the JVM have beside it."""
    peaks: dict[str, float] = {}
    for event in of_kind(events, "TaskEnd"):
        metrics, executor = event["Task Executor Metrics"], event["Task Info"]["Executor ID"]
        used = (metrics["JVMHeapMemory"] + metrics["JVMOffHeapMemory"] + metrics["OffHeapExecutionMemory"]) / 1e9
        peaks[executor] = max(used, peaks.get(executor, 0))
    return dict(sorted(peaks.items()))


def jobs(events: list[dict], words: str) -> Iterator[tuple[str, list[int]]]:
    """The description and the stages of each job whose description begins with these words."""
    for event in of_kind(events, "JobStart"):
        description = event["Properties"].get("spark.job.description", "")
        if description.startswith(words):
            yield description, event["Stage IDs"]


def shuffled(events: list[dict]) -> dict[int, tuple[int, int, int]]:
    """{stage: (tasks, bytes, rows)} of each stage that wrote shuffle data."""
    found: dict[int, tuple[int, int, int]] = {}
    for event in of_kind(events, "TaskEnd"):
        written = event["Task Metrics"]["Shuffle Write Metrics"]
        if written["Shuffle Records Written"]:
            tasks, size, rows = found.get(event["Stage ID"], (0, 0, 0))
            size += written["Shuffle Bytes Written"]
            found[event["Stage ID"]] = tasks + 1, size, rows + written["Shuffle Records Written"]
    return found


# ---- the sides of the sweep: each is a process that prints its result ---------------------------------------------


def ours(path: str, features: list[str]) -> dict:
    """Run this project's sweep; return inertia and index by k, and the sets and seconds of each pass."""
    from pyspark.sql import SparkSession

    from customer_segmentation import tables
    from customer_segmentation.sweep import spark_source
    from customer_segmentation.sweep.sources import SAMPLE_SIZE, Totals
    from customer_segmentation.sweep.sweep import sweep

    spark, passes = SparkSession.active(), []

    class Counted(spark_source.SparkSource):
        def totals(self, sets: list[np.ndarray]) -> list[Totals]:
            start = time.perf_counter()
            spark.sparkContext.setJobDescription(f"pass of {len(sets)} sets, {sum(map(len, sets))} centroids")
            try:
                return super().totals(sets)
            finally:
                passes.append((len(sets), time.perf_counter() - start))
                spark.sparkContext.setJobDescription(None)

    spark_source.SparkSource = Counted
    with tables.source_of(spark.read.parquet(path), features, SAMPLE_SIZE, 42) as rows:
        found = sweep(rows, k_max=KS[-1], **one_machine.SETTINGS)
    first = found.groupby("k").first()
    return {
        "inertia": first["inertia"].to_dict(),
        "index": first["davies_bouldin_index"].astype(float).to_dict(),
        "passes": passes,
    }


def theirs(path: str, features: list[str]) -> dict:
    """Run KMeans of pyspark.ml with its defaults for each k, and one aggregation for the Davies-Bouldin index."""
    from pyspark.ml.clustering import KMeans
    from pyspark.ml.feature import VectorAssembler
    from pyspark.sql import SparkSession
    from pyspark.sql import functions as sql

    table = SparkSession.active().read.parquet(path)
    rows = VectorAssembler(inputCols=features, outputCol="vector").transform(table).select(*features, "vector").cache()
    inertia, index = {}, {}
    for k in KS:
        fitted = KMeans(k=k, seed=42, featuresCol="vector", predictionCol="cluster").fit(rows)
        inertia[k], centers = fitted.summary.trainingCost, fitted.clusterCenters()
        squared = sum(
            (sql.col(feature) - sql.element_at(sql.lit([float(c[place]) for c in centers]), sql.col("cluster") + 1))
            ** 2
            for place, feature in enumerate(features)
        )
        labelled = fitted.transform(rows).groupBy("cluster").agg(sql.avg(sql.sqrt(squared)).alias("scatter"))
        scatter = {row["cluster"]: row["scatter"] for row in labelled.collect()}
        worst = [
            max((scatter[i] + scatter[j]) / math.dist(centers[i], centers[j]) for j in scatter if j != i)
            for i in scatter
        ]
        index[k] = float(np.mean(worst))
    return {"inertia": inertia, "index": index}


SIDES: dict[str, Callable[[str, list[str]], dict]] = {"this project": ours, "pyspark.ml, nine fits": theirs}


def run_side(name: str, settings: dict[str, str], path: str, features: list[str]) -> None:
    """Run a side in this process and print its result and wall time, excluding the start of the session."""
    from pyspark.sql import SparkSession

    spark = SparkSession.builder.config(map=settings).getOrCreate()
    spark.read.parquet(path).selectExpr(f"sum({features[0]})").collect()  # starts the executors
    start = time.perf_counter()
    found = SIDES[name](path, features)
    print(json.dumps(found | {"seconds": time.perf_counter() - start}))
    spark.stop()


def measure_side(name: str, spark: Cluster, path: Path, features: list[str]) -> dict:
    """Run a side on the cluster in a separate process; return its result and the events of its log."""
    before = event_logs(spark)
    settings = spark.settings() | {
        "spark.driver.memory": "2g",
        "spark.sql.shuffle.partitions": "8",
        "spark.sql.ansi.enabled": "true",
        "spark.ui.showConsoleProgress": "false",
    }
    answer = subprocess.run(
        [sys.executable, "-W", "ignore", __file__, "--side", json.dumps([name, settings, str(path), features])],
        env=spark_environment(),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    events = read_events(event_logs(spark) - before)
    return json.loads(answer.stdout.splitlines()[-1]) | {"events": events}


# ---- measurements ------------------------------------------------------------------------------------------------


def builds(folder: Path, settings: dict, memory: str, numbers: list[int]) -> Iterator[str]:
    """Build the same shop with DuckDB, and with each number of workers; yield Markdown."""
    rows, marts, share, events = [], {}, {}, []
    on_spark = [(f"Spark, {number} worker{'s' if number > 1 else ''}", number) for number in numbers]
    for name, workers in [("DuckDB, 2 threads", 0), *on_spark]:
        place = folder / f"on_{workers}"
        place.mkdir()
        if workers:
            with cluster(folder / f"cluster_{workers}", workers, memory=memory) as spark:
                environment = on_cluster(place, spark) | {"SEGMENTATION_SPARK_DRIVER_MEMORY": "3g"}
                cost = dbt_build(place, settings, "--target", "spark", environment=environment)
                events = read_events(event_logs(spark))
                ran = task_seconds(events)
            marts[name] = [
                duckdb.execute(f"from '{place}/warehouse/marts.db/{mart}/*.parquet' order by all").df()
                for mart in MARTS
            ]
            share[name] = ", ".join(f"{seconds:.0f} ({seconds / sum(ran.values()):.0%})" for seconds in ran.values())
        else:
            cost = dbt_build(place, settings)
            with duckdb.connect(str(place / "warehouse.duckdb"), read_only=True) as connection:
                marts[name] = [connection.execute(f"from marts.{mart} order by all").df() for mart in MARTS]
        seconds = {node: end - start for node, (start, end) in cost.nodes.items()}
        sweep = seconds["int_kmeans_sweep"]
        slowest = sorted(seconds.items(), key=lambda node: -node[1])[:4]
        rows.append((name, cost.wall_seconds, sweep, share.get(name, ""), slowest))
    yield "| engine | build, wall s | of it the sweep, s | tasks on each worker, CPU s | slowest nodes |"
    yield "|---|---:|---:|---|---|"
    for name, wall, sweep, tasks, slowest in rows:
        nodes = ", ".join(f"{node} {seconds:.0f} s" for node, seconds in slowest)
        yield f"| {name} | {wall:.0f} | {sweep:.1f} | {tasks} | {nodes} |"
    yield ""
    first, *others = marts.values()
    k = int(first[1].query("is_selected")["k"].iloc[0])
    apart = max(
        float(np.abs(mine[column] / theirs[column] - 1).max())
        for other in others
        for mine, theirs in zip(first, other, strict=True)
        for column in ("davies_bouldin_index", "avg_total_spending")
        if column in mine
    )
    sizes = [mine["cluster_size"].tolist() for mine, _ in marts.values()]
    same = "are the same" if sizes.count(sizes[0]) == len(sizes) else f"differ: {sizes}"
    cpu = by_table(events, lambda metrics: metrics["Executor CPU Time"] / 1e9)
    sent = by_table(events, lambda metrics: metrics["Shuffle Write Metrics"]["Shuffle Bytes Written"] / 1e9)
    spilled = sum(event["Task Metrics"]["Disk Bytes Spilled"] for event in of_kind(events, "TaskEnd")) / 1e9
    seconds = ", ".join(f"{table} {number:.0f} s" for table, number in cpu.most_common(12))
    gigabytes = ", ".join(f"{table} {number:.2f} GB" for table, number in sent.most_common(8))
    peaks = " and ".join(f"{peak:.1f} GB" for peak in peak_memory(events).values())
    yield f"On {name.removeprefix('Spark, ')}, by the table that a statement wrote:\n"
    yield f"- CPU time of tasks, {sum(cpu.values()):.0f} s: {seconds}."
    yield f"- Shuffled, {sum(sent.values()):.2f} GB: {gigabytes}.\n"
    yield f"Peak memory of the executors: {peaks}, with {spilled:.1f} GB spilled to disk.\n"
    yield (
        f"All of them select k = {k}; the sizes of the clusters {same}."
        f" The relative difference of Davies-Bouldin indices and average spending is at most {apart:.1e}."
    )


def sweeps(folder: Path, memory: str) -> Iterator[str]:
    """Run the sweep and nine fits on the features of the build, on a cluster of two workers; yield Markdown."""
    path = folder / "on_2" / "warehouse" / "intermediate.db" / FEATURES_TABLE
    kinds = duckdb.execute(f"describe from '{path}/*.parquet'").fetchall()
    features = [name for name, kind, *_ in kinds if kind == "DOUBLE"]
    found = {}
    with cluster(folder / "cluster_sweeps", 2, memory=memory) as spark:
        for name in SIDES:
            found[name] = measure_side(name, spark, path, features)
    yield "| | wall s | tasks, CPU s | shuffled MB | inertia against the other's, at worst | k |"
    yield "|---|---:|---:|---:|---:|---:|"
    for name, other in zip(found, reversed(found), strict=True):
        side, rival = found[name], found[other]
        worse = max(side["inertia"][k] / rival["inertia"][k] - 1 for k in side["inertia"])
        size = sum(each[1] for each in shuffled(side["events"]).values()) / 1e6
        ran = sum(task_seconds(side["events"]).values())
        best = min(side["index"], key=side["index"].get)
        yield f"| {name} | {side['seconds']:.1f} | {ran:.0f} | {size:.2f} | {worse:+.2%} | {best} |"
    mine, f = found["this project"], len(features)
    stages = shuffled(mine["events"])
    yield f"\n{len(mine['passes'])} passes, in the order of the sweep:\n"
    yield "| pass | wall s | partitions | rows shuffled | bytes shuffled | partitions x centroids x 8 x (f + 4) |"
    yield "|---|---:|---:|---:|---:|---:|"
    described = jobs(mine["events"], "pass of")
    seconds = iter(seconds for _, seconds in mine["passes"])
    for description, ids in described:
        for stage in ids:
            if stage in stages:
                tasks, size, rows = stages[stage]
                centroids = int(description.split()[-2])
                yield (
                    f"| {description.removeprefix('pass of ')} | {next(seconds):.2f} | {tasks} | {rows} | {size:,} |"
                    f" {tasks * centroids * 8 * (f + 4):,} |"
                )


def main() -> None:
    """Measure and write Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", type=int, default=1_000_000, help="with ten transactions each")
    parser.add_argument("--memory", default="4g", help="memory of each worker")
    parser.add_argument("--workers", type=int, help="only builds, on this number of workers and on DuckDB")
    parser.add_argument("--keep", type=Path, help="work in this folder and keep the files")
    parser.add_argument("--output", type=Path, help="the file to write; by default benchmarks/spark.md")
    parser.add_argument("--side", type=json.loads, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.side:
        return run_side(*given.side)
    folder = given.keep or Path(tempfile.mkdtemp())
    folder.mkdir(parents=True, exist_ok=True)
    settings = generate(folder, Shop(given.customers, 10))
    lines = duckdb.execute(f"select count(*) from '{settings['transactions_location']}'").fetchone()[0]
    command = f"python benchmarks/spark.py --customers {given.customers} --memory {given.memory}"
    said = [
        "# The project on Apache Spark",
        "",
        f"{dt.date.today()}, {os.cpu_count()} cores, Python {platform.python_version()}, pyspark {version('pyspark')},"
        f" duckdb {version('duckdb')}. {given.customers:,} customers, {lines:,} transactions. `{command}`",
        "",
        "Master, workers (one core each) and driver share the cores of one machine, so a second worker cannot halve the"
        " time: with one worker, the driver has a core to itself. The run with two workers shows how the work is"
        " distributed.",
        "",
    ]
    numbers = [given.workers] if given.workers else [1, 2]
    parts = [("Full builds with data tests, without unit tests", builds(folder, settings, given.memory, numbers))]
    if not given.workers:
        parts.append(("The sweep against nine fits of pyspark.ml, on two workers", sweeps(folder, given.memory)))
    for title, rows in parts:
        said += [f"## {title}", ""]
        for row in rows:
            print(row, flush=True)
            said.append(row)
        said.append("")
    output = given.output or (None if given.workers else HERE / "spark.md")
    if output:
        output.write_text("\n".join(said).replace("\n\n\n", "\n\n").rstrip() + "\n")
    if not given.keep:
        shutil.rmtree(folder)
    return None


if __name__ == "__main__":
    main()
