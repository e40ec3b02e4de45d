"""Whether a publication is sound: its files can be read, and have the rows that its manifest lists."""

from __future__ import annotations

from pathlib import Path

import duckdb

from customer_segmentation.publication.copying import DATABASE, identifier, literal
from customer_segmentation.publication.errors import PublicationError
from customer_segmentation.publication.manifest import MANIFEST, Manifest, read_manifest
from customer_segmentation.publication.warehouse import is_locked

# The headers at the beginning of a DuckDB file, before its blocks.
HEADER_BYTES = 3 * 4096
# The most characters of DuckDB's message that an error quotes.
QUOTED_CHARACTERS = 160


def find_damage(publication: Path, number: int) -> str | None:
    """Say which file of the publication with this number is damaged, and how; None if it is sound.

    Rows are counted from the metadata of the files, so this is quick however large the marts are. What is in a database
    that another process has open to write is not known.
    """
    try:
        manifest = read_manifest(publication)
    except PublicationError as error:
        said = error.__cause__.strerror if isinstance(error.__cause__, OSError) else "it is not a manifest"
        return f"{publication / MANIFEST} cannot be read ({said})"
    if manifest.publication != number:
        return f"{publication / MANIFEST} is that of publication {manifest.publication}"
    return _damage_of_database(publication / DATABASE, manifest) or _damage_of_parquet(publication, manifest)


def _damage_of_database(database: Path, manifest: Manifest) -> str | None:
    """Say what is wrong with the DuckDB file of a publication."""
    if not database.is_file():
        return f"{database} is missing"
    try:
        # Without links, because DuckDB reuses an open database if this process opens the same path again.
        with duckdb.connect(str(database.resolve()), read_only=True) as connection:
            tables = connection.execute(
                "select table_name from duckdb_tables() where database_name = current_database()"
                " and schema_name = 'marts'"
            ).fetchall()
            absent = sorted(manifest.marts.keys() - {table for (table,) in tables})
            if absent:
                return f"{database} has no mart {absent[0]}"
            for mart, summary in manifest.marts.items():
                ((rows,),) = connection.execute(f"select count(*) from marts.{identifier(mart)}").fetchall()
                if rows != summary.rows:
                    return f"{database} has {rows} rows of {mart} instead of {summary.rows}"
            ((blocks,),) = connection.execute("select total_blocks * block_size from pragma_database_size()").fetchall()
            if database.stat().st_size < HEADER_BYTES + blocks:
                return f"{database} is cut short"
    except (OSError, duckdb.Error) as error:
        if not (isinstance(error, duckdb.Error) and is_locked(error)):
            return _unreadable(database, error)
        if database.stat().st_size < HEADER_BYTES:
            return f"{database} is cut short"
    return None


def _damage_of_parquet(publication: Path, manifest: Manifest) -> str | None:
    """Say what is wrong with the Parquet files of a publication."""
    with duckdb.connect() as connection:
        for mart, summary in manifest.marts.items():
            file = publication / f"{mart}.parquet"
            if not file.is_file():
                return f"{file} is missing"
            try:
                ((rows,),) = connection.execute(
                    f"select num_rows from parquet_file_metadata({literal(str(file))})"
                ).fetchall()
            except duckdb.Error as error:
                return _unreadable(file, error)
            if rows != summary.rows:
                return f"{file} has {rows} rows instead of {summary.rows}"
    return None


def _unreadable(file: Path, error: Exception) -> str:
    """Say that a file cannot be read, in DuckDB's words."""
    said = " ".join(str(error).split())[:QUOTED_CHARACTERS].rstrip(".")
    return f"{file} cannot be read ({said})"
