"""Builds of the project on Spark, and the comparison of their marts with those of DuckDB, row by row."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Set
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
from conftest import Built, dbt
from spark_cluster import client
from texts import COLUMNS

# Columns that differ between engines, and columns derived from them; row numbers have no defined order on Spark.
ENGINE_SPECIFIC = {"model_id", "previous_model_id", "input_fingerprint", "engine_version", "input_row", "row_hash"}

Table = tuple[list[str], list[tuple]]


def dbt_on(folder: Path, target: str, settings: dict[str, str], *arguments: str) -> Built:
    """Run dbt on a target with these environment variables."""
    folder.mkdir(parents=True, exist_ok=True)
    return dbt(folder, *arguments, "--target", target, changed=settings, timeout=1_800)


def statuses(folder: Path) -> dict[str, str]:
    """{node: status} of a build, without hooks."""
    results = json.loads((folder / "target" / "run_results.json").read_text())["results"]
    return {each["unique_id"]: each["status"] for each in results if not each["unique_id"].startswith("operation.")}


# ---- reading -----------------------------------------------------------------------------------------------------


def tables_of_duckdb(warehouse: Path, schema: str = "marts") -> dict[str, Table]:
    """Every table of a schema in a DuckDB file: its columns and its rows."""
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        names = connection.execute(
            "select table_name from information_schema.tables where table_schema = ? order by 1", [schema]
        ).fetchall()
        return {name: fetched(connection.execute(f'select * from {schema}."{name}"')) for (name,) in names}


def tables_of_connect(remote: str, names: list[str], schema: str = "marts") -> dict[str, Table]:
    """These tables of a schema, read from a Spark Connect server."""
    with client(remote) as session:
        frames = {name: session.table(f"{schema}.{name}") for name in names}
        return {name: (frame.columns, [tuple(row) for row in frame.collect()]) for name, frame in frames.items()}


def tables_of_folder(warehouse: Path, schema: str = "marts") -> dict[str, Table]:
    """Every table of a schema in a warehouse folder of Spark, read from its Parquet files by DuckDB."""
    return {
        folder.name: fetched(duckdb.execute("select * from read_parquet(?)", [f"{folder}/*.parquet"]))
        for folder in sorted((warehouse / f"{schema}.db").iterdir())
        if folder.is_dir()
    }


def fetched(cursor: duckdb.DuckDBPyConnection) -> Table:
    return [column[0] for column in cursor.description], cursor.fetchall()


# ---- comparing ---------------------------------------------------------------------------------------------------


def differences(ours: Table, theirs: Table, without: Callable[[str], bool] = lambda column: False) -> Iterator[str]:
    """The differences of two tables, whatever the order of their rows. Doubles may differ from the tenth digit on."""
    columns, rows = ours
    if columns != theirs[0]:
        yield f"columns {columns} against {theirs[0]}"
        return
    if len(rows) != len(theirs[1]):
        yield f"{len(rows)} rows against {len(theirs[1])}"
        return
    compared = [place for place, column in enumerate(columns) if not without(column)]
    for row, other in zip(in_order(rows, compared), in_order(theirs[1], compared), strict=True):
        for place in compared:
            if not is_same(row[place], other[place]):
                yield f"{columns[place]}: {row[place]!r} against {other[place]!r}"


def differing_tables(
    ours: dict[str, Table], theirs: dict[str, Table], least: int = 16, without: Set[str] = ENGINE_SPECIFIC
) -> dict[str, list[str]]:
    """The tables that differ in more than the given columns, with the first differences; asserts a least number."""
    assert set(ours) == set(theirs)
    assert len(ours) >= least
    found = {name: list(differences(ours[name], theirs[name], without.__contains__)) for name in ours}
    return {name: lines[:3] for name, lines in found.items() if lines}


def assert_same_lines(ours: Table, theirs: Table, count: int) -> None:
    """Assert that both engines give the same result for this many lines, some of which are rejected."""
    wanted, found = (
        [tuple(row[columns.index(name)] for name in COLUMNS) for row in rows] for columns, rows in (ours, theirs)
    )
    assert len(wanted) == count
    assert any(row[-1] is None for row in wanted)
    assert any(row[-1] is not None for row in wanted)
    assert sorted(map(repr, found)) == sorted(map(repr, wanted))


def in_order(rows: list[tuple], places: list[int]) -> list[tuple]:
    """The rows, sorted so that the last digits of numbers do not matter."""

    def place_of(row: tuple) -> tuple:
        values = [row[place] for place in places]
        exact = [str(value) for value in values if not isinstance(value, float)]
        return *exact, *(f"{value:.6g}" for value in values if isinstance(value, float))

    return sorted(rows, key=place_of)


def is_same(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-9)
    if isinstance(one, Decimal) or isinstance(other, Decimal):
        return type(one) is type(other) and one == other and one.as_tuple().exponent == other.as_tuple().exponent
    return type(one) is type(other) and one == other
