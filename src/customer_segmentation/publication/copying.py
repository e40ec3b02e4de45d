"""Copy the marts of a warehouse into the folder of a publication, and compare each copy with its source."""

from __future__ import annotations

from pathlib import Path

import duckdb

from customer_segmentation.publication.errors import PublicationError
from customer_segmentation.publication.manifest import MartSummary

DATABASE = "segments.duckdb"
# The oldest release of DuckDB that can read the database, unless a setting names another.
OLDEST_READER = "v1.2.0"


def copy_marts(warehouse: Path, target: Path, storage_version: str = OLDEST_READER) -> dict[str, MartSummary]:
    """Copy every table and view of the schema `marts` into an empty folder, as a DuckDB database and as Parquet files.

    Tables keep their constraints and descriptions; views become tables. One connection holds the warehouse open
    throughout, so no build can change it meanwhile. The database is in DuckDB's format of `storage_version`, so that
    releases from this one on can open it; "latest" is the newest format.

    Returns the summary of each mart by its name.

    Raises:
        PublicationError: There are no marts, or a copy differs from its source.
        duckdb.Error: The warehouse cannot be read, or the folder cannot be written.
    """
    with duckdb.connect() as connection:
        connection.execute(
            f"attach {literal(str(target / DATABASE))} as segments (storage_version {literal(storage_version)})"
        )
        connection.execute("use segments")
        connection.execute(f"attach {literal(str(warehouse))} as warehouse (read_only)")
        connection.execute("set TimeZone = 'UTC'")
        connection.execute("create schema marts")
        marts = connection.execute(
            "select table_name, sql from duckdb_tables() where database_name = 'warehouse' and schema_name = 'marts'"
            " union all select view_name, null from duckdb_views() where database_name = 'warehouse'"
            " and schema_name = 'marts' and not internal order by 1"
        ).fetchall()
        if not marts:
            raise PublicationError(
                f"The warehouse {warehouse} has no marts to publish; run `make build` and check its output."
            )
        summaries = {}
        for mart, create_table in marts:
            source, copy = f"warehouse.marts.{identifier(mart)}", f"marts.{identifier(mart)}"
            parquet = literal(str(target / f"{mart}.parquet"))
            if create_table:
                # The original `create table` statement includes the constraints.
                connection.execute(create_table)
                connection.execute(f"insert into {copy} from {source}")
            else:
                connection.execute(f"create table {copy} as from {source}")
            _copy_comments(connection, mart)
            connection.execute(f"copy (from {copy}) to {parquet} (format parquet, compression zstd)")
            rows, hashes, amounts = _content(connection, source)
            for relation in (copy, f"read_parquet({parquet})"):
                if _content(connection, relation) != (rows, hashes, amounts):
                    raise PublicationError(
                        f"The copy of the mart {mart} differs from the warehouse {warehouse}; nothing was published."
                    )
            summaries[mart] = MartSummary(rows, amounts)
        connection.execute("detach warehouse")
        connection.execute("checkpoint")
        connection.execute("use memory")
        connection.execute("detach segments")
    return summaries


def _content(connection: duckdb.DuckDBPyConnection, relation: str) -> tuple[int, int, dict[str, str]]:
    """Summarise the content of a relation, independently of the order of its rows.

    Returns the number of rows, the sum of their hashes, and the sum of each decimal column that is not entirely null.
    """
    rows, hashes = connection.execute(
        f"select count(*), coalesce(sum(hash(t)::hugeint), 0) from {relation} as t"
    ).fetchone()
    amounts = {}
    for column, kind, *_ in connection.execute(f"describe select * from {relation}").fetchall():
        if kind.startswith("DECIMAL"):
            (total,) = connection.execute(f"select sum({identifier(column)}) from {relation}").fetchone()
            if total is not None:
                amounts[column] = str(total)
    return int(rows), int(hashes), amounts


def _copy_comments(connection: duckdb.DuckDBPyConnection, mart: str) -> None:
    """Copy the descriptions of a mart and of its columns."""
    of_mart = connection.execute(
        "select comment from duckdb_tables() where database_name = 'warehouse' and schema_name = 'marts'"
        " and table_name = ? and comment is not null"
        " union all select comment from duckdb_views() where database_name = 'warehouse' and schema_name = 'marts'"
        " and view_name = ? and comment is not null",
        [mart, mart],
    ).fetchall()
    for (comment,) in of_mart:
        connection.execute(f"comment on table marts.{identifier(mart)} is {literal(comment)}")
    of_columns = connection.execute(
        "select column_name, comment from duckdb_columns() where database_name = 'warehouse'"
        " and schema_name = 'marts' and table_name = ? and comment is not null",
        [mart],
    ).fetchall()
    for column, comment in of_columns:
        connection.execute(f"comment on column marts.{identifier(mart)}.{identifier(column)} is {literal(comment)}")


def identifier(name: str) -> str:
    """Quote a name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Quote a text as an SQL string literal."""
    return "'" + text.replace("'", "''") + "'"
