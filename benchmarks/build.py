"""Measure full builds of generated shops: the cost of a build and of scoring, and the slowest nodes.

Usage: python benchmarks/build.py [--sizes 10000,1000000] [--memory-limit 8GB] [--keep FOLDER]

A size is a number of customers; each has ten transactions on average, as Parquet files with text columns. For each
size it runs `dbt build`, then `dbt build --selector score`, both with data tests and without unit tests, and prints
wall time, CPU time, peak memory, the summed time of all nodes and the slowest nodes. After the scoring run, the cluster
of every customer is compared with scikit-learn's KMeans.predict for the stored centroids.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import duckdb
import numpy as np
from sklearn.cluster import KMeans

PROJECT = Path(__file__).resolve().parents[1]
SLOWEST = 8


class Cost(NamedTuple):
    """The cost of one run of dbt."""

    wall_seconds: float
    cpu_seconds: float
    peak_gigabytes: float
    node_seconds: dict[str, float]


def generate(folder: Path, customers: int) -> dict[str, object]:
    """Write a shop of four kinds of customers, the same for the same number; return the settings that read it."""
    lines, people = folder / "transactions.parquet", folder / "customers.parquet"
    duckdb.execute(
        f"""
        copy (
            select
                printf('C%08d', i) as customer_id,
                cast(date '2022-01-01' + cast(hash(i) % 900 as integer) as varchar) as signup_date
            from range({customers}) as people (i)
        ) to '{people}'
        """
    )
    duckdb.execute(
        f"""
        copy (
            select
                printf('T%010d', row_number() over ()) as transaction_id,
                printf('C%08d', i) as customer_id,
                cast(date '2024-01-01' + cast(hash(i * 131 + j) % 365 as integer) as varchar) as transaction_date,
                cast(1 + hash(i * 17 + j * 3) % (1 + kind * 3) as varchar) as quantity,
                cast(
                    round(exp(2 + kind * 0.8 + (hash(i * 7919 + j * 104729) % 10000 / 10000.0 - 0.5) * 1.5), 2)
                    as varchar
                ) as amount
            from (
                select
                    i,
                    kind,
                    unnest(range(1 + cast(hash(i * 31) % [11, 17, 33, 15][kind + 1] as bigint))) as j
                from (select i, cast(hash(i + 7) % 4 as integer) as kind from range({customers}) as people (i)) as kinds
            ) as purchases
        ) to '{lines}'
        """
    )
    columns = ["transaction_id", "customer_id", "transaction_date", "quantity", "amount"]
    return {
        "transactions_location": str(lines),
        "transactions_columns": {column: column for column in columns},
        "customers_location": str(people),
        "customers_columns": {column: column for column in ("customer_id", "signup_date")},
    }


def dbt_build(
    folder: Path, settings: dict[str, object], *arguments: str, environment: dict[str, str] | None = None
) -> Cost:
    """Run dbt once in a separate process and return its cost; exit if the build fails."""
    places = ["--target-path", str(folder / "target"), "--log-path", str(folder / "logs")]
    command = [str(Path(sys.executable).with_name("dbt")), "build", "--vars", json.dumps(settings), *arguments, *places]
    ours = {"SEGMENTATION_WAREHOUSE": str(folder / "warehouse.duckdb"), "DBT_PROFILES_DIR": "."}
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    with (folder / "output.txt").open("w") as output:
        process = subprocess.Popen(
            [*command, "--exclude-resource-type", "unit_test"],
            cwd=PROJECT,
            env={**os.environ, **ours, **(environment or {})},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        peak = 0.0
        while process.poll() is None:
            peak = max(peak, resident_gigabytes(process.pid))
            time.sleep(0.2)
    wall = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if process.returncode:
        sys.exit(f"The build failed; its output is in {folder / 'output.txt'}.")
    results = json.loads((folder / "target" / "run_results.json").read_text())["results"]
    nodes = {result["unique_id"].split(".")[2]: result["execution_time"] for result in results}
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Cost(wall, cpu, peak, nodes)


def resident_gigabytes(process: int) -> float:
    """The resident memory of a process in GB; 0 if it has ended."""
    try:
        pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    except (OSError, IndexError):
        return 0.0
    return pages * os.sysconf("SC_PAGESIZE") / 1e9


def customers_that_predict_puts_elsewhere(warehouse: Path) -> tuple[int, int]:
    """How many customers KMeans.predict assigns to another cluster for the stored centroids, and of how many."""
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        model = connection.execute("from intermediate.int_serving_model order by cluster").fetchnumpy()
        features = (
            connection.execute(
                "select string_agg(feature, ', ' order by feature_order) from intermediate.int_serving_scaling"
            )
            .fetchone()[0]
            .split(", ")
        )
        found = connection.execute(
            f"select {', '.join(features)}, cluster from intermediate.int_customer_features_scaled"
            " inner join intermediate.int_customer_clusters using (customer_id)"
        ).fetchnumpy()
    centroids = np.column_stack([model[feature] for feature in features])
    values = np.column_stack([found[feature] for feature in features])
    predictor = KMeans(len(centroids), init=centroids, n_init=1, max_iter=1).fit(centroids)
    predictor.cluster_centers_ = centroids
    predicted = np.asarray(model["cluster"])[predictor.predict(values)]
    return int((predicted != found["cluster"]).sum()), len(predicted)


def main() -> None:
    """Build and score each size, and print tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="10000,100000", help="numbers of customers, separated by commas")
    parser.add_argument("--memory-limit", help="the setting memory_limit, such as 8GB")
    parser.add_argument("--keep", type=Path, help="work in this folder and keep the files")
    given = parser.parse_args()
    for size in (int(text) for text in given.sizes.split(",")):
        folder = (given.keep or Path(tempfile.mkdtemp())) / str(size)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        settings = generate(folder, size)
        if given.memory_limit:
            settings["memory_limit"] = given.memory_limit
        lines = duckdb.execute(f"select count(*) from '{settings['transactions_location']}'").fetchone()[0]
        print(f"\n### {size:,} customers, {lines:,} transactions\n")
        print("| run | wall s | CPU s | peak GB | sum of nodes, s |\n|---|---|---|---|---|")
        costs = {}
        for name, arguments in (("build", ()), ("score", ("--selector", "score"))):
            cost = costs[name] = dbt_build(folder, settings, *arguments)
            print(
                f"| {name} | {cost.wall_seconds:.1f} | {cost.cpu_seconds:.1f} | {cost.peak_gigabytes:.2f} |"
                f" {sum(cost.node_seconds.values()):.1f} |",
                flush=True,
            )
        wall, cpu = (getattr(costs["score"], kind) / getattr(costs["build"], kind) for kind in Cost._fields[:2])
        elsewhere, compared = customers_that_predict_puts_elsewhere(folder / "warehouse.duckdb")
        print(f"\nScoring takes {wall:.2f} of the wall time of a build and {cpu:.2f} of its CPU time.")
        print(f"KMeans.predict assigns {elsewhere} of {compared:,} customers to another cluster.")
        slowest = sorted(costs["build"].node_seconds.items(), key=lambda node: -node[1])[:SLOWEST]
        print("Slowest nodes of the build: " + ", ".join(f"{name} {seconds:.1f} s" for name, seconds in slowest) + ".")
        if not given.keep:
            shutil.rmtree(folder)


if __name__ == "__main__":
    main()
