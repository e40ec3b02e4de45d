"""Compare three publication mechanisms: how often does a reader see tables of two builds?

Usage: python benchmarks/publication_mechanisms.py [publications]

A writer publishes two tables repeatedly. A reader in another process reads from each table the build that it is from,
following only the protocol of the mechanism. docs/serving.md says which mechanism is used.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import duckdb

ROWS = 20_000
KEPT = 3
TABLES = ("profiles", "customers")


def write_database(file: Path, build: int) -> None:
    """Write both tables to a new database file."""
    with duckdb.connect(str(file)) as connection:
        for table in TABLES:
            connection.execute(f"create table {table} as select {build} as build, range as customer from range({ROWS})")


def write_parquet(file: Path, build: int) -> None:
    """Write one table to a Parquet file."""
    duckdb.execute(f"copy (select {build} as build, range as customer from range({ROWS})) to '{file}'")


def build_in(file: Path, table: str | None = None) -> int:
    """The build that a reader finds in a Parquet file, or in a table of a database file, opened for this read."""
    if table is None:
        return duckdb.execute(f"select any_value(build) from '{file}'").fetchone()[0]
    with duckdb.connect(str(file), read_only=True) as connection:
        return connection.execute(f"select any_value(build) from {table}").fetchone()[0]


def publish_renamed_database(folder: Path, build: int) -> None:
    """Replace one database file by a rename; replace the same tables as Parquet files one by one."""
    write_database(folder / "new.duckdb", build)
    os.replace(folder / "new.duckdb", folder / "marts.duckdb")
    for table in TABLES:
        write_parquet(folder / "new.parquet", build)
        os.replace(folder / "new.parquet", folder / f"{table}.parquet")


def publish_manifest(folder: Path, build: int) -> None:
    """Write Parquet files under new names and a manifest that lists them, and plain names for readers without it."""
    for table in TABLES:
        write_parquet(folder / f"{table}_{build}.parquet", build)
        (folder / f"{table}_{build - KEPT}.parquet").unlink(missing_ok=True)
    for table in TABLES:
        shutil.copy(folder / f"{table}_{build}.parquet", folder / "new.parquet")
        os.replace(folder / "new.parquet", folder / f"{table}.parquet")
    (folder / "new.json").write_text(json.dumps({table: f"{table}_{build}.parquet" for table in TABLES}))
    os.replace(folder / "new.json", folder / "manifest.json")


def publish_link(folder: Path, build: int) -> None:
    """Write a folder for each publication, and replace one symbolic link by a rename."""
    made = folder / str(build)
    made.mkdir()
    write_database(made / "marts.duckdb", build)
    for table in TABLES:
        write_parquet(made / f"{table}.parquet", build)
    (folder / "new").symlink_to(made.name)
    os.replace(folder / "new", folder / "current")
    shutil.rmtree(folder / str(build - KEPT), ignore_errors=True)


def read_manifest(folder: Path) -> list[int]:
    """Read both tables through the manifest."""
    valid = json.loads((folder / "manifest.json").read_text())
    return [build_in(folder / valid[table]) for table in TABLES]


def read_link(folder: Path) -> list[int]:
    """Read one table from the database and one from Parquet, resolving the link once."""
    publication = (folder / "current").resolve()
    return [build_in(publication / "marts.duckdb", TABLES[0]), build_in(publication / f"{TABLES[1]}.parquet")]


READERS: dict[str, tuple[Callable[[Path, int], None], Callable[[Path], list[int]]]] = {
    "renamed database, opened once a table": (
        publish_renamed_database,
        lambda folder: [build_in(folder / "marts.duckdb", table) for table in TABLES],
    ),
    "renamed database, and Parquet beside it": (
        publish_renamed_database,
        lambda folder: [build_in(folder / "marts.duckdb", TABLES[0]), build_in(folder / f"{TABLES[1]}.parquet")],
    ),
    "Parquet and manifest, plain names": (
        publish_manifest,
        lambda folder: [build_in(folder / f"{table}.parquet") for table in TABLES],
    ),
    "Parquet and manifest, through the manifest": (publish_manifest, read_manifest),
    "folder and link": (publish_link, read_link),
}


def poll(mechanism: str, folder: Path) -> None:
    """Read until the file `stop` exists, and print how many reads were of one build, of two, and failed."""
    found = {"whole": 0, "mixed": 0, "failed": 0}
    while not (folder / "stop").exists():
        try:
            builds = READERS[mechanism][1](folder)
        except (OSError, duckdb.Error):
            found["failed"] += 1
        else:
            found["whole" if len(set(builds)) == 1 else "mixed"] += 1
    print(json.dumps(found))


def main() -> None:
    """Publish with each mechanism while one reader polls, and print a table."""
    if len(sys.argv) == 3 + 1:
        poll(sys.argv[2], Path(sys.argv[3]))
        return
    publications = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    print("| mechanism and reader | whole reads | of two builds | failed |\n|---|---|---|---|")
    for mechanism, (publish, _) in READERS.items():
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            publish(folder, 0)
            reader = subprocess.Popen(
                [sys.executable, __file__, "poll", mechanism, name], stdout=subprocess.PIPE, text=True
            )
            for build in range(1, publications + 1):
                publish(folder, build)
            (folder / "stop").touch()
            found = json.loads(reader.communicate()[0])
        print(f"| {mechanism} | {found['whole']} | {found['mixed']} | {found['failed']} |")


if __name__ == "__main__":
    main()
