"""Compare the expected spending of each segment with what came: builds as of past month ends of the two examples.

Usage: python benchmarks/backtest.py [--shops cdnow,complete_journey] [--k K] [--horizon DAYS] [--keep FOLDER]
       after python examples/prepare.py cdnow and python examples/prepare.py complete_journey

Each build knows nothing after its as-of date. Who is in a segment comes from its mart customer_segments; what they
spent afterwards is added up by pandas from the raw file. A month is the last day of a calendar month after which the
file still covers the whole horizon. Prints Markdown tables.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import yaml

PROJECT = Path(__file__).resolve().parents[1]
# The first month ends after which there is an origin with some history before it.
FIRST_MONTHS = {"cdnow": "1997-05-31", "complete_journey": "2017-05-31"}
MARTS = ("segment_expected_spending", "customer_segments")
# These take time and change no segment.
UNNEEDED = {"second_opinion": False, "gap_references": 0}
# What those who looked like a segment spent by themselves, without a model of buying.
PLAIN = """
    select segment_key, audience, avg(spending_after) as plain_average
    from (
        select segment_key, spending_after, unnest(['everyone', if(is_quiet, 'quiet', 'active')]) as audience
        from intermediate.int_past_customers
        where origin = 1
    )
    group by all
"""


def raw_lines(settings: dict) -> pd.DataFrame:
    """The customer, day and amount of each line of the example's file, read without the project."""
    names, file = settings["transactions_columns"], PROJECT / settings["transactions_location"]
    columns = {names[column]: column for column in ("customer_id", "transaction_date", "amount")}
    frame = pd.read_parquet(file, columns=list(columns)) if file.suffix == ".parquet" else pd.read_csv(file, dtype=str)
    lines = frame[list(columns)].rename(columns=columns)
    return pd.DataFrame(
        {
            "customer_id": lines["customer_id"].astype(str),
            "day": pd.to_datetime(lines["transaction_date"]).dt.normalize(),
            "amount": lines["amount"].astype(float),
        }
    )


def build(settings: dict, warehouse: Path) -> None:
    """Build the marts that are compared in a new warehouse, without tests."""
    warehouse.unlink(missing_ok=True)
    subprocess.run(
        [
            str(Path(sys.executable).with_name("dbt")),
            *("--quiet", "build", "--select", *(f"+{mart}" for mart in MARTS)),
            *("--exclude-resource-type", "unit_test", "test"),
            *("--vars", yaml.safe_dump(settings)),
        ],
        cwd=PROJECT,
        env=os.environ | {"SEGMENTATION_WAREHOUSE": str(warehouse), "DBT_PROFILES_DIR": str(PROJECT)},
        stdout=subprocess.DEVNULL,
        check=True,
    )


def compared(warehouse: Path, lines: pd.DataFrame, month: pd.Timestamp, horizon: int) -> pd.DataFrame:
    """The expectations of a build, with the spending that came."""
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        expected = connection.sql("from marts.segment_expected_spending").df()
        people = connection.sql("select customer_id, segment_key, is_quiet from marts.customer_segments").df()
        plain = connection.sql(PLAIN).df()
    later = lines[(lines["day"] > month) & (lines["day"] <= month + pd.Timedelta(days=horizon))]
    people["spending"] = people["customer_id"].map(later.groupby("customer_id")["amount"].sum()).fillna(0.0)
    quiet = people["is_quiet"].fillna(False).astype(bool)
    groups = {"everyone": people, "active": people[~quiet], "quiet": people[quiet]}
    came = pd.concat(
        group.groupby("segment_key", as_index=False)["spending"].sum().assign(audience=audience)
        for audience, group in groups.items()
    ).rename(columns={"spending": "came"})
    found = expected.merge(came, on=["segment_key", "audience"]).merge(
        plain, on=["segment_key", "audience"], how="left"
    )
    found["plain_spending"] = found["plain_average"] * found["customers"]
    return found.assign(month=month)


def error(found: pd.DataFrame, column: str) -> str:
    """The root mean square of the logarithm of expected to come, as a percentage, and the mean logarithm."""
    both = found[[column, "came"]].astype(float)
    logarithms = np.log(both[column] / both["came"])[(both > 0).all(axis=1)]
    return f"{np.sqrt((logarithms**2).mean()):.0%} ({logarithms.mean():+.0%})"


def summary(found: pd.DataFrame) -> dict[str, object]:
    """How the expectations of some segments and months have held."""
    stated = found[found["expected_spending"].notna()].astype(
        {column: float for column in ("expected_spending_low", "expected_spending_high", "came")}
    )
    within = stated["came"].between(stated["expected_spending_low"], stated["expected_spending_high"])
    return {
        "pairs": len(found),
        "with an expectation": len(stated),
        "within the interval": f"{within.sum()} ({within.mean():.0%})",
        "median high / low": f"{(stated['expected_spending_high'] / stated['expected_spending_low']).median():.2f}",
        "error (bias)": error(stated, "expected_spending"),
        "of BG/NBD alone": error(stated, "model_spending"),
        "of the average alone": error(stated, "plain_spending"),
    }


def table(rows: list[dict[str, object]]) -> str:
    """Rows as a Markdown table."""
    lines = [list(rows[0]), ["---"] * len(rows[0]), *(list(row.values()) for row in rows)]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def main() -> None:
    """Build every month of every shop and print what was expected and what came."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shops", default="cdnow,complete_journey")
    parser.add_argument("--k", type=int)
    parser.add_argument("--horizon", type=int, default=90)
    parser.add_argument("--keep", type=Path)
    given = parser.parse_args()
    folder = given.keep or Path(tempfile.mkdtemp())
    folder.mkdir(parents=True, exist_ok=True)
    summaries, details = [], []
    for shop in given.shops.split(","):
        settings = yaml.safe_load((PROJECT / "examples" / shop / "settings.yml").read_text(encoding="utf-8"))
        settings |= UNNEEDED | {"k": given.k, "value_horizon_days": given.horizon}
        lines = raw_lines(settings)
        months = pd.date_range(FIRST_MONTHS[shop], lines["day"].max() - pd.Timedelta(days=given.horizon), freq="ME")
        parts = []
        for month in months:
            warehouse = folder / f"{shop}_{month:%Y_%m}.duckdb"
            build(settings | {"as_of_date": f"{month:%Y-%m-%d}"}, warehouse)
            parts.append(compared(warehouse, lines, month, given.horizon))
            print(f"{shop} as of {month:%Y-%m-%d} is built.", file=sys.stderr)
        found = pd.concat(parts)
        for name, part in (
            ("segments", found[found["audience"] == "everyone"]),
            ("active and quiet", found[found["audience"] != "everyone"]),
        ):
            summaries.append({"shop": shop, "of": name} | summary(part))
        for row in found[found["audience"] == "everyone"].to_dict("records"):
            amounts = ("expected_spending", "expected_spending_low", "expected_spending_high", "model_spending", "came")
            details.append(
                {"shop": shop, "as of": f"{row['month']:%Y-%m-%d}", "segment": row["segment_name"]}
                | {column: f"{float(row[column]):,.0f}" for column in ("customers", *amounts)}
            )
    print(table(summaries), table(details), sep="\n\n")


if __name__ == "__main__":
    main()
