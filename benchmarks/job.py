"""Measure the whole job beside a hand-written script: a full build, the next day, scoring, and the slowest nodes.

Usage: python benchmarks/job.py [--shops 620x5,100000x10] [--runs script,build,again,day,score] [--memory-limit 8GB]
           [--keep FOLDER] [--pictures FOLDER]

A shop is CUSTOMERSxLINES, with further words after a colon: 1000000x10:csv:365 has a million customers with ten lines
each on average in 365 CSV files. Without them it is one Parquet file. Every column is text, as in a CSV file.

The runs of a shop, each a process of its own, imports included:
  script      job_script.py with one start (script10: with ten)
  build       a build of a new warehouse with its data tests, without unit tests, as `make build` runs it
  again       the same build again
  day         a build after 0.1 % new lines
  score       scoring with the stored model
  empty       dbt alone: as many tables and tests as the build before had, each of one row, built for the second time
Each run's wall time is also given as a ratio to that of the script in the same run of this benchmark. After scoring,
the cluster of every customer is compared with that of scikit-learn's KMeans.predict for the stored centroids.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

import duckdb
import numpy as np
from sklearn.cluster import KMeans

PROJECT = Path(__file__).resolve().parents[1]
SLOWEST = 10
DAYS = 365
COLUMNS = ["transaction_id", "customer_id", "transaction_date", "quantity", "amount"]


class Cost(NamedTuple):
    """The cost of one run. nodes: for each node of dbt, its start and its end in seconds from the first start."""

    wall_seconds: float
    cpu_seconds: float
    peak_gigabytes: float
    nodes: dict[str, tuple[float, float]]


class Shop(NamedTuple):
    """A generated shop: its number of customers and of lines for each, and the files of its lines."""

    customers: int
    lines_each: int
    kind: str = "parquet"
    files: int = 1

    @classmethod
    def parsed(cls, text: str) -> Shop:
        """A shop such as 1000000x10:csv:365."""
        size, *words = text.split(":")
        customers, lines_each = size.split("x")
        kind = next((word for word in words if not word.isdigit()), "parquet")
        files = next((int(word) for word in words if word.isdigit()), 1)
        return cls(int(customers), int(lines_each), kind, files)

    def __str__(self) -> str:
        """The shop in words."""
        files = f"{self.files} {self.kind} file{'s' if self.files > 1 else ''}"
        return f"{self.customers:,} customers with {self.lines_each} lines each, {files}"


def generate(folder: Path, shop: Shop) -> dict[str, object]:
    """Write a shop of four kinds of customers, the same for the same shop; return the settings that read it."""
    people = folder / f"customers.{shop.kind}"
    (folder / "lines").mkdir()
    duckdb.execute(
        f"""
        copy (
            select
                printf('C%08d', i) as customer_id,
                cast(date '2022-01-01' + cast(hash(i) % 900 as integer) as varchar) as signup_date
            from range({shop.customers}) as people (i)
        ) to '{people}'
        """
    )
    # The numbers of lines of the four kinds, whose mean is lines_each.
    most = [max(1, round(shop.lines_each * share)) for share in (1.0, 1.6, 3.2, 1.4)]
    for number in range(shop.files):
        first, last = DAYS * number // shop.files, DAYS * (number + 1) // shop.files
        write_lines(
            folder / "lines" / f"{number:03}.{shop.kind}", shop, most, f"day >= {first} and day < {last}", number
        )
    return {
        "transactions_location": str(folder / "lines" / f"*.{shop.kind}"),
        "transactions_columns": {column: column for column in COLUMNS},
        "customers_location": str(people),
        "customers_columns": {column: column for column in ("customer_id", "signup_date")},
    }


def write_lines(path: Path, shop: Shop, most: list[int], which: str, file: int) -> None:
    """Write the lines of the shop for which a condition on day, i (customer) and j (line) holds."""
    duckdb.execute(
        f"""
        copy (
            select
                printf('T{file:03}%010d', row_number() over ()) as transaction_id,
                printf('C%08d', i) as customer_id,
                cast(date '2024-01-01' + day as varchar) as transaction_date,
                cast(1 + hash(i * 17 + j * 3) % (1 + kind * 3) as varchar) as quantity,
                cast(
                    round(exp(2 + kind * 0.8 + (hash(i * 7919 + j * 104729) % 10000 / 10000.0 - 0.5) * 1.5), 2)
                    as varchar
                ) as amount
            from (
                select
                    i,
                    kind,
                    j,
                    cast(hash(i * 131 + j) % {DAYS} as integer) as day
                from (
                    select
                        i,
                        kind,
                        unnest(range(1 + cast(hash(i * 31) % {most}[kind + 1] as bigint))) as j
                    from (select i, cast(hash(i + 7) % 4 as integer) as kind from range({shop.customers}) as people (i))
                )
            )
            where {which}
        ) to '{path}'
        """
    )


def write_next_day(folder: Path, shop: Shop) -> None:
    """Write a further file with 0.1 % new lines, of the day after the last."""
    lines = max(1, shop.customers * shop.lines_each // 1000)
    duckdb.execute(
        f"""
        copy (
            select
                printf('TN%010d', i) as transaction_id,
                printf('C%08d', cast(hash(i * 97) % {shop.customers} as bigint)) as customer_id,
                cast(date '2024-01-01' + {DAYS} as varchar) as transaction_date,
                '1' as quantity,
                cast(10 + i % 90 as varchar) as amount
            from range({lines}) as lines (i)
        ) to '{folder}/lines/{shop.files:03}.{shop.kind}'
        """
    )


def measured(command: list[str], output: Path, environment: dict[str, str] | None = None) -> Cost:
    """Run a command in a separate process and return its cost; exit if it fails."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    with output.open("w") as stream:
        process = subprocess.Popen(
            command,
            cwd=PROJECT,
            env={**os.environ, **(environment or {})},
            stdout=stream,
            stderr=subprocess.STDOUT,
        )
        peak = 0.0
        while process.poll() is None:
            peak = max(peak, resident_gigabytes(process.pid))
            time.sleep(0.1)
    wall = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if process.returncode:
        sys.exit(f"The run failed; its output is in {output}.")
    return Cost(wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, peak, {})


def run_script(folder: Path, settings: dict[str, object], starts: int) -> Cost:
    """Run the hand-written script."""
    output = folder / "script.duckdb"
    output.unlink(missing_ok=True)
    script = str(PROJECT / "benchmarks" / "job_script.py")
    inputs = [str(settings["transactions_location"]), str(settings["customers_location"]), str(output)]
    return measured([sys.executable, script, *inputs, "--starts", str(starts)], folder / "script.txt")


def dbt_build(
    folder: Path, settings: dict[str, object], *arguments: str, environment: dict[str, str] | None = None
) -> Cost:
    """Run dbt once, as `make build` does, and return its cost; exit if the build fails."""
    places = ["--target-path", str(folder / "target"), "--log-path", str(folder / "logs")]
    command = [sys.executable, "-m", "customer_segmentation.dbt_command", "build", "--vars", json.dumps(settings)]
    ours = {"SEGMENTATION_WAREHOUSE": str(folder / "warehouse.duckdb"), "DBT_PROFILES_DIR": "."}
    cost = measured(
        [*command, *arguments, "--exclude-resource-type", "unit_test", *places],
        folder / "output.txt",
        {**ours, **(environment or {})},
    )
    results = json.loads((folder / "target" / "run_results.json").read_text())["results"]
    return cost._replace(nodes=node_times(results))


def build_nothing(folder: Path, nodes: Collection[str]) -> Cost:
    """Build a project of dbt with as many tables and tests as these nodes, each of one row, for the second time."""
    project, tests = folder / "empty", sum(name.startswith("test ") for name in nodes)
    (project / "models").mkdir(parents=True, exist_ok=True)
    tables = [f"table_{number}" for number in range(len(nodes) - tests)]
    for number, name in enumerate(tables):
        before = f"{{{{ ref('{tables[(number - 1) // 2]}') }}}}" if number else "(select 1 as one)"
        (project / "models" / f"{name}.sql").write_text(f"select one from {before}\n")
    tested = [{"name": name, "columns": [{"name": "one", "data_tests": ["not_null"]}]} for name in tables[:tests]]
    output = {"type": "duckdb", "path": str(project / "empty.duckdb"), "threads": 2}
    files = {
        "models/models.yml": {"models": tested},
        "dbt_project.yml": {"name": "empty", "profile": "empty", "models": {"+materialized": "table"}},
        "profiles.yml": {"empty": {"target": "dev", "outputs": {"dev": output}}},
    }
    for name, content in files.items():
        (project / name).write_text(json.dumps(content))
    places = ["--project-dir", str(project), "--profiles-dir", str(project)]
    command = [sys.executable, "-m", "customer_segmentation.dbt_command", "build", *places]
    return [measured(command, folder / "empty.txt") for _ in range(2)][-1]


def node_times(results: list[dict]) -> dict[str, tuple[float, float]]:
    """The start and the end of every node in dbt's results, in seconds from the first start."""
    times = {}
    for result in results:
        kind, _, name = result["unique_id"].split(".")[:3]
        name = f"test {name}" if kind == "test" else name
        for timing in result["timing"]:
            if timing["name"] == "execute" and timing["started_at"]:
                times[name] = [dt.datetime.fromisoformat(timing[end]) for end in ("started_at", "completed_at")]
    first = min((start for start, _ in times.values()), default=None)
    return {name: tuple((time - first).total_seconds() for time in both) for name, both in times.items()}


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


def draw_nodes(nodes: dict[str, tuple[float, float]], title: str, path: Path) -> None:
    """Draw when each node of a build ran, those of more than half a percent of the whole."""
    import altair as alt
    import pandas as pd

    whole = max(end for _, end in nodes.values())
    shown = [
        {"node": name, "start": start, "end": end, "kind": "test" if name.startswith("test ") else "model"}
        for name, (start, end) in nodes.items()
        if end - start > 0.005 * whole
    ]
    chart = alt.Chart(pd.DataFrame(shown), title=title, width=700)
    chart = chart.mark_bar().encode(
        alt.X("start", title="seconds"),
        alt.X2("end"),
        alt.Y("node", title=None, sort=alt.EncodingSortField("start"), axis=alt.Axis(labelLimit=400)),
        alt.Color("kind", title=None, scale=alt.Scale(domain=["model", "test"], range=["#2f6f9f", "#c9823b"])),
    )
    chart.save(path)


def draw_sizes(seconds: list[dict[str, object]], path: Path) -> None:
    """Draw the cost per customer of each run against the number of customers."""
    import altair as alt
    import pandas as pd

    chart = alt.Chart(pd.DataFrame(seconds), title="CPU time per customer", width=500)
    chart = chart.mark_line(point=True).encode(
        alt.X("customers:Q", scale=alt.Scale(type="log"), title="customers"),
        alt.Y("microseconds:Q", scale=alt.Scale(type="log"), title="microseconds of CPU per customer"),
        alt.Color("run:N", title=None),
    )
    chart.save(path)


def measure(shop: Shop, runs: list[str], folder: Path, memory_limit: str | None) -> dict[str, Cost]:
    """Generate a shop, measure the runs in their order and print them as a table."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    settings = generate(folder, shop)
    if memory_limit:
        settings["memory_limit"] = memory_limit
    print(f"\n### {shop}\n")
    print("| run | wall s | of the script | CPU s | peak GB | warehouse GB |\n|---|---:|---:|---:|---:|---:|")
    costs: dict[str, Cost] = {}
    for run in runs:
        if run.startswith("script"):
            cost = run_script(folder, settings, int(run.removeprefix("script") or 1))
        elif run == "empty":
            cost = build_nothing(folder, costs["build"].nodes)
        else:
            if run == "day":
                write_next_day(folder, shop)
            cost = dbt_build(folder, settings, *(("--selector", "score") if run == "score" else ()))
        costs[run] = cost
        warehouse = folder / "warehouse.duckdb"
        size = f"{warehouse.stat().st_size / 1e9:.2f}" if cost.nodes else ""
        ratio = f"{cost.wall_seconds / costs['script'].wall_seconds:.2f}" if "script" in costs else ""
        times = f"{cost.wall_seconds:.1f} | {ratio} | {cost.cpu_seconds:.1f}"
        print(f"| {run} | {times} | {cost.peak_gigabytes:.2f} | {size} |", flush=True)
    for run in ("build", "day"):
        if run in costs:
            slowest = sorted(costs[run].nodes.items(), key=lambda node: node[1][0] - node[1][1])[:SLOWEST]
            listed = ", ".join(f"{name} {end - start:.1f} s" for name, (start, end) in slowest)
            print(f"\nSlowest nodes of {run}: {listed}.")
    for run, other in (("day", "build"), ("score", "build")):
        if run in costs and other in costs:
            print(f"\n{run} / {other}: {costs[run].wall_seconds / costs[other].wall_seconds:.2f} of the wall time.")
    if "score" in costs:
        elsewhere, compared = customers_that_predict_puts_elsewhere(folder / "warehouse.duckdb")
        print(f"\nKMeans.predict assigns {elsewhere} of {compared:,} customers to another cluster.")
    return costs


def main() -> None:
    """Measure each shop and print tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shops", default="620x5,100000x10", help="shops, separated by commas")
    parser.add_argument("--runs", default="script,build,again,day,score", help="runs, separated by commas")
    parser.add_argument("--memory-limit", help="the setting memory_limit, such as 8GB")
    parser.add_argument("--keep", type=Path, help="work in this folder and keep the files")
    parser.add_argument("--pictures", type=Path, help="draw the nodes of each build and the cost by size here")
    given = parser.parse_args()
    runs = given.runs.split(",")
    if "empty" in runs and "build" not in runs[: runs.index("empty")]:
        parser.error("the run empty has as many nodes as a build: name the run build before it")
    per_customer = []
    for text in given.shops.split(","):
        shop = Shop.parsed(text)
        folder = (given.keep or Path(tempfile.mkdtemp())) / text.replace(":", "_")
        costs = measure(shop, runs, folder, given.memory_limit)
        for run, cost in costs.items():
            share = cost.cpu_seconds / shop.customers * 1e6
            per_customer.append({"run": run, "customers": shop.customers, "microseconds": share})
        if given.pictures:
            given.pictures.mkdir(parents=True, exist_ok=True)
            if "build" in costs:
                picture = given.pictures / f"job_{text.replace(':', '_')}.png"
                draw_nodes(costs["build"].nodes, f"A build of {shop}", picture)
            draw_sizes(per_customer, given.pictures / "job_by_size.png")
        if not given.keep:
            shutil.rmtree(folder.parent)


if __name__ == "__main__":
    main()
