"""Small warehouses whose marts all carry one stamp, their publications, and the command line."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import duckdb
from conftest import PROJECT, environment

from customer_segmentation.publication.publications import locked, publish_marts

MARTS = ("first", "second", "third")
MODULE = [sys.executable, "-m", "customer_segmentation.publication"]


def write_warehouse(warehouse: Path, stamp: int, rows: int = 2_000) -> None:
    """Write a warehouse whose marts have one stamp in every row, so that a mixture of two builds is visible."""
    warehouse.unlink(missing_ok=True)
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute("create schema marts; create schema staging; create table staging.secret as select 1 as x")
        for mart in MARTS:
            connection.execute(
                f"create table marts.{mart} (stamp integer not null, row_id integer primary key, money decimal(18, 2))"
            )
            connection.execute(f"insert into marts.{mart} select {stamp}, i, i / 100 from range({rows}) as r(i)")
            connection.execute(f"comment on table marts.{mart} is 'It''s a mart'")
            connection.execute(f"comment on column marts.{mart}.stamp is 'Which; build'")


def publish_warehouse(folder: Path, kept: int = 3) -> int:
    """Publish the warehouse of a folder, without building it, and return the number of the publication."""
    with locked(folder / "publications"):
        return publish_marts(folder / "warehouse.duckdb", folder / "publications", kept)


def publish_stamp(folder: Path, stamp: int, kept: int = 3) -> int:
    """Write a warehouse with this stamp into a folder, and publish it."""
    write_warehouse(folder / "warehouse.duckdb", stamp)
    return publish_warehouse(folder, kept)


def stamps(database: Path) -> set[int]:
    """The stamps of a published database: one, unless it mixes builds."""
    with duckdb.connect(os.path.realpath(database), read_only=True) as connection:
        return {connection.execute(f"select min(stamp) from marts.{mart}").fetchone()[0] for mart in MARTS}


def command(folder: Path, *arguments: str, **changed: str) -> subprocess.CompletedProcess:
    """Run the command line for the warehouse of a folder; `changed` are environment variables."""
    return subprocess.run(
        [*MODULE, *arguments],
        cwd=PROJECT,
        env=environment(folder / "warehouse.duckdb") | changed,
        capture_output=True,
        text=True,
        check=False,
    )
