"""Bring the marts of a build on Spark into a DuckDB file, from which they are published like those of any other build.

The tables of Spark are Parquet files in the warehouse folder, which this machine sees as the workers do.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import duckdb

from customer_segmentation.publication.copying import identifier, literal
from customer_segmentation.publication.errors import PublicationError

SCHEMA = "marts"


def spark_warehouse() -> Path:
    """The folder of Spark's tables, as in profiles.yml: SEGMENTATION_SPARK_WAREHOUSE, or spark-warehouse."""
    return Path(os.environ.get("SEGMENTATION_SPARK_WAREHOUSE", "spark-warehouse"))


def published_name(warehouse: Path) -> str:
    """The name of the DuckDB file from which the marts of a warehouse on Spark are published."""
    return f"{warehouse.name}.duckdb"


def fetch_marts(warehouse: Path, target: Path, database: Path) -> None:
    """Copy every mart of a complete build on Spark into a new DuckDB file.

    Tables get the types, constraints and descriptions that dbt's manifest has for them.

    Args:
        warehouse: The folder of Spark's tables.
        target: The folder with the manifest of the build.
        database: The file to create.

    Raises:
        PublicationError: The warehouse has no table of a mart, or one that breaks its constraints.
    """
    manifest = json.loads((target / "manifest.json").read_text(encoding="utf-8"))
    with duckdb.connect(str(database)) as connection:
        connection.execute("set TimeZone = 'UTC'")
        connection.execute(f"create schema {SCHEMA}")
        for node in _marts(manifest):
            folder = warehouse / f"{node['schema']}.db" / node["alias"]
            if not any(folder.glob("*.parquet")):
                raise PublicationError(
                    f"The mart {node['alias']} is not in {folder}; Spark's tables must be Parquet files in a folder"
                    " that this machine sees: set SEGMENTATION_SPARK_WAREHOUSE."
                )
            try:
                _fetch(connection, node, folder)
            except duckdb.Error as error:
                said = " ".join(str(error).split())
                raise PublicationError(f"The mart {node['alias']} in {folder} cannot be read: {said}") from error


def _marts(manifest: dict[str, Any]) -> list[dict[str, Any]]:
    """The marts that a build makes, as dbt's manifest describes them."""
    return [
        node
        for node in manifest["nodes"].values()
        if node["resource_type"] == "model"
        and node["config"].get("enabled", True)
        and node["config"].get("schema") == SCHEMA
    ]


def _fetch(connection: duckdb.DuckDBPyConnection, node: dict[str, Any], folder: Path) -> None:
    """Copy one mart, with its constraints and descriptions."""
    table, source = f"{SCHEMA}.{identifier(node['alias'])}", f"read_parquet({literal(str(folder / '*.parquet'))})"
    columns = connection.execute(f"describe from {source}").fetchall()
    described = node["columns"]
    parts, values = [], []
    for name, found, *_ in columns:
        # customer_360 has a column for each attribute of the input besides those in its contract.
        column = described.get(name, {"data_type": found, "constraints": []})
        # A point in time comes with a time zone from Spark; its contract says that it is stored in UTC.
        parts.append(" ".join([identifier(name), column["data_type"], *_constraints(column)]))
        values.append(f"cast({identifier(name)} as {column['data_type']})")
    parts += _constraints(node)
    connection.execute(f"create table {table} ({', '.join(parts)})")
    connection.execute(f"insert into {table} select {', '.join(values)} from {source}")
    connection.execute(f"comment on table {table} is {literal(node['description'])}")
    for name, column in described.items():
        if column["description"]:
            connection.execute(f"comment on column {table}.{identifier(name)} is {literal(column['description'])}")


def _constraints(described: dict[str, Any]) -> list[str]:
    """The constraints of a mart or of a column, in SQL."""
    found = []
    for constraint in described["constraints"]:
        expression = f"({constraint['expression']})" if constraint.get("expression") else ""
        columns = f"({', '.join(map(identifier, constraint['columns']))})" if constraint.get("columns") else ""
        found.append(" ".join(filter(None, [constraint["type"].replace("_", " "), expression or columns])))
    return found
