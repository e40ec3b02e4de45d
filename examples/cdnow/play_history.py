"""Replay the months of CDNOW: train, score monthly, retrain once, and print a table from the marts.

Usage: python examples/cdnow/play_history.py    after python examples/prepare.py cdnow

Every tenth customer is held back until 1998 and then appears as a newcomer. The feature days_since_signup is left out
because all customers joined within one quarter. The warehouse examples/cdnow/history.duckdb is recreated.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import duckdb
import pandas as pd
import yaml

HERE = Path(__file__).resolve().parent
PROJECT = HERE.parents[1]
WAREHOUSE = HERE / "history.duckdb"
MONTHS = pd.date_range("1997-09-30", "1998-06-30", freq="ME").strftime("%Y-%m-%d")
TRAINED = ("1997-09-30", "1998-02-28")
NEWCOMERS_FROM = "1998-01-01"

# A customer whose segment keeps its key through a refit has not moved, even if the segment's name changes.
STORY = """
    with moved as (
        select
            build,
            coalesce(sum(customers) filter (where step = 'behaviour' and is_move and from_segment_key is not null), 0)
                as moved_by_behaviour,
            coalesce(sum(customers) filter (where step = 'model' and is_move), 0) as moved_by_model,
            coalesce(sum(total_spending) filter (where step = 'both' and is_move and from_segment_key is not null), 0)
                as their_spending,
            coalesce(sum(customers) filter (where step = 'both' and from_segment_key is null), 0) as newcomers
        from marts.segment_migrations
        group by build
    ),

    drift as (
        select
            build,
            max(value) filter (where measure = 'feature_psi') as feature_psi,
            max(value) filter (where measure = 'mean_distance') / max(training_value)
                filter (where measure = 'mean_distance') as distance_ratio,
            string_agg(subject, ', ' order by subject) filter (where is_exceeded) as warned
        from marts.segment_drift
        group by build
    ),

    keys as (
        select build, string_agg(segment_key || ' ' || customers, ', ' order by segment_key) as segments
        from (
            select builds.build, history.segment_key, count(*) as customers
            from marts.segmentation_builds as builds
            inner join marts.segment_history as history
                on history.valid_from_build <= builds.build
                and coalesce(history.valid_to_build, builds.build + 1) > builds.build
            group by all
        )
        group by build
    )

    select
        cast(builds.as_of_date as varchar) as "as of",
        case when builds.is_trained then 'trained' else 'scored' end as how,
        builds.customers,
        keys.segments as "customers by key",
        coalesce(moved.newcomers, 0) as newcomers,
        coalesce(moved.moved_by_behaviour, 0) as "moved by behaviour",
        coalesce(moved.moved_by_model, 0) as "moved by model",
        coalesce(moved.their_spending, 0) as "their spending",
        round(drift.feature_psi, 2) as "largest PSI",
        round(drift.distance_ratio, 2) as "distance to training"
    from marts.segmentation_builds as builds
    inner join keys on builds.build = keys.build
    inner join drift on builds.build = drift.build
    left join moved on builds.build = moved.build
    order by builds.build
"""


def write_inputs(folder: Path) -> dict[bool, Path]:
    """Write the purchases without every tenth customer; return {whether the file includes newcomers: file}."""
    lines = pd.read_csv(folder / "transactions.csv", dtype=str)
    files = {True: folder / "transactions.csv", False: folder / "transactions_of_early_customers.csv"}
    lines[~lines["customer_id"].str.endswith("7")].to_csv(files[False], index=False)
    return files


def main() -> None:
    """Build month by month and print the history as a Markdown table."""
    files = write_inputs(HERE / "input")
    for remains in (WAREHOUSE, WAREHOUSE.with_name(f"{WAREHOUSE.name}.wal")):
        remains.unlink(missing_ok=True)
    settings = yaml.safe_load((HERE / "settings.yml").read_text(encoding="utf-8"))
    settings |= {"features": ["total_spending", "total_quantity", "transaction_count"], "k": 4}
    for month in MONTHS:
        settings |= {"as_of_date": month, "transactions_location": str(files[month >= NEWCOMERS_FROM])}
        how = [] if month in TRAINED else ["--selector", "score"]
        subprocess.run(
            [
                str(Path(sys.executable).with_name("dbt")),
                *("--quiet", "build", "--exclude-resource-type", "unit_test", *how),
                *("--vars", yaml.safe_dump(settings)),
            ],
            cwd=PROJECT,
            env=os.environ | {"SEGMENTATION_WAREHOUSE": str(WAREHOUSE), "DBT_PROFILES_DIR": str(PROJECT)},
            check=True,
        )
    with duckdb.connect(str(WAREHOUSE), read_only=True) as connection:
        story = connection.execute(STORY).fetchall()
        names = [column[0] for column in connection.description]
    print("|", " | ".join(names), "|")
    print("|", "|".join("---" for _ in names), "|", sep="")
    for row in story:
        print("|", " | ".join(f"{cell:,}" if not isinstance(cell, str) else cell for cell in row), "|")


if __name__ == "__main__":
    main()
