"""Compare the aggregation of transactions to customer features with polars, pandas and plain DuckDB on the same file.

Usage: python benchmarks/features.py [--sizes 100000,1000000] [--repeats 3]

A size is a number of customers with ten transactions each on average. All sides read one Parquet file of typed and
checked lines and return total spending, total quantity, transactions, returned amount, first and last purchase of each
customer. Every run is a separate process, repeated `repeats` times; the table has the lowest CPU time, wall time and
peak memory of each side, and the ratio of its CPU time to this project's. A side that is not installed is marked so.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import re
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import duckdb

PROJECT = Path(__file__).resolve().parents[1]


def plain_duckdb(lines: str, _: str) -> int:
    """Run one aggregation, as an analyst would write it."""
    return duckdb.execute(
        f"""
        create table features as
        select
            customer_id,
            sum(amount) as total_spending,
            sum(quantity) as total_quantity,
            count(distinct transaction_id) filter (not is_return) as transaction_count,
            -sum(amount) filter (is_return) as returned_amount,
            min(transaction_date) filter (not is_return) as first_purchase_date,
            max(transaction_date) filter (not is_return) as last_purchase_date
        from '{lines}'
        group by customer_id
        """
    ).fetchone()[0]


def this_project(lines: str, query: str) -> int:
    """Run the aggregations of int_customer_months and int_customer_features, as dbt compiles them."""
    duckdb.execute(f"create view lines as select *, cast(null as varchar) as failed_rules from '{lines}'")
    return duckdb.execute(f"create table features as {query}").fetchone()[0]


def polars(lines: str, _: str) -> int:
    """Aggregate with polars, lazily, so that it reads only the needed columns."""
    import polars as pl

    bought = ~pl.col("is_return")
    features = (
        pl.scan_parquet(lines)
        .group_by("customer_id")
        .agg(
            pl.col("amount").sum().alias("total_spending"),
            pl.col("quantity").sum().alias("total_quantity"),
            pl.col("transaction_id").filter(bought).n_unique().alias("transaction_count"),
            pl.col("amount").filter(pl.col("is_return")).sum().alias("returned_amount"),
            pl.col("transaction_date").filter(bought).min().alias("first_purchase_date"),
            pl.col("transaction_date").filter(bought).max().alias("last_purchase_date"),
        )
        .collect()
    )
    return len(features)


def pandas(lines: str, _: str) -> int:
    """Aggregate with pandas; decimals are converted to floats, which it sums in C."""
    import pandas as pd

    frame = pd.read_parquet(lines)
    frame[["amount", "quantity"]] = frame[["amount", "quantity"]].astype("float64")
    totals = frame.groupby("customer_id").agg(total_spending=("amount", "sum"), total_quantity=("quantity", "sum"))
    returned = frame[frame["is_return"]].groupby("customer_id")["amount"].sum()
    purchases = frame[~frame["is_return"]].groupby("customer_id")
    dates = purchases["transaction_date"].agg(["min", "max"])
    return len(totals.join([returned, purchases["transaction_id"].nunique(), dates]))


SIDES = {
    "this project": (this_project, "duckdb"),
    "plain DuckDB": (plain_duckdb, "duckdb"),
    "polars": (polars, "polars"),
    "pandas": (pandas, "pandas"),
}


def compiled() -> str:
    """The compiled aggregations of the lines to features, on a relation called `lines`."""
    models = ["int_customer_months", "int_customer_features"]
    with tempfile.TemporaryDirectory() as folder:
        places = ["--target-path", folder, "--log-path", folder, "--profiles-dir", str(PROJECT)]
        dbt = Path(sys.executable).with_name("dbt")
        arguments = ["compile", "--quiet", "--select", *models, *places]
        subprocess.run([str(dbt), *arguments], cwd=PROJECT, check=True, stdout=subprocess.DEVNULL)
        months, features = (next(Path(folder).glob(f"compiled/**/{model}.sql")).read_text() for model in models)

    def part(text: str, name: str) -> str:
        found = re.search(rf"\b{name} as \((.*?)\n\)", text, re.DOTALL)[1]
        return re.sub(r"from (transactions\b|\S*int_transactions_checked\S*)", "from lines", found)

    return f"""
        with purchases as ({part(months, "purchases")}),
        customer_months as ({part(months, "purchases_counted")}),
        purchases_counted as ({part(features, "purchases_counted")}),
        transactions_aggregated as ({part(features, "transactions_aggregated")})
        select * from transactions_aggregated left join purchases_counted using (customer_id)
    """


def measure(side: str, lines: Path, query: str) -> dict[str, float]:
    """Run one side once in a separate process; return wall and CPU seconds, peak GB and the number of customers."""
    command = [sys.executable, __file__, "--side", side, str(lines)]
    return json.loads(subprocess.run(command, input=query, capture_output=True, text=True, check=True).stdout)


def run_side(side: str, lines: str) -> None:
    """Run one side and print its cost, including its imports."""
    query = sys.stdin.read()
    began = time.perf_counter()
    customers = SIDES[side][0](lines, query)
    used = resource.getrusage(resource.RUSAGE_SELF)
    took = {"wall": time.perf_counter() - began, "cpu": used.ru_utime + used.ru_stime, "peak": used.ru_maxrss / 1e6}
    print(json.dumps(took | {"customers": customers}))


def main() -> None:
    """Measure all sides at each size and print a table."""
    if sys.argv[1:2] == ["--side"]:
        run_side(sys.argv[2], sys.argv[3])
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="100000,1000000", help="numbers of customers, separated by commas")
    parser.add_argument("--repeats", type=int, default=3)
    given = parser.parse_args()
    import job

    query = compiled()
    print("| customers | side | CPU s | wall s | peak GB | CPU against this project |\n|---|---|---|---|---|---|")
    for size in (int(text) for text in given.sizes.split(",")):
        with tempfile.TemporaryDirectory() as name:
            raw = job.generate(Path(name), job.Shop(size, 10))["transactions_location"]
            lines = Path(name) / "lines.parquet"
            duckdb.execute(
                f"""
                copy (
                    select
                        customer_id,
                        transaction_id,
                        cast(transaction_date as date) as transaction_date,
                        cast(quantity as decimal(18, 3)) as quantity,
                        cast(amount as decimal(18, 2)) as amount,
                        hash(transaction_id) % 50 = 0 as is_return
                    from '{raw}'
                ) to '{lines}'
                """
            )
            costs = {}
            for side, (_, package) in SIDES.items():
                if importlib.util.find_spec(package) is None:
                    print(f"| {size:,} | {side} | not installed | | | |")
                    continue
                runs = [measure(side, lines, query) for _ in range(given.repeats)]
                least = {what: min(run[what] for run in runs) for what in ("cpu", "wall", "peak", "customers")}
                costs[side] = least
                numbers = (
                    *(least[what] for what in ("cpu", "wall", "peak")),
                    least["cpu"] / costs["this project"]["cpu"],
                )
                print(f"| {size:,} | {side} | {' | '.join(f'{number:.2f}' for number in numbers)} |", flush=True)
            if len({cost["customers"] for cost in costs.values()}) != 1:
                sys.exit("The sides do not agree on the number of customers.")


if __name__ == "__main__":
    main()
