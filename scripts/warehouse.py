"""Say what is wrong with the warehouse file before a build touches it; move a broken one aside on request.

Usage: python scripts/warehouse.py check      exit code 1 and one sentence where a build could not work
       python scripts/warehouse.py rebuild    moves the file aside, so that the next build makes a new one

The file is the one that profiles.yml names: SEGMENTATION_WAREHOUSE, or warehouse.duckdb.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import duckdb


class WarehouseError(Exception):
    """What stops the work, as a sentence for the person who asked for it."""


def place() -> Path:
    """Where the warehouse is."""
    return Path(os.environ.get("SEGMENTATION_WAREHOUSE", "warehouse.duckdb"))


def problem_of(error: duckdb.Error, warehouse: Path) -> str:
    """What DuckDB said when it opened the file, as a sentence that names the remedy."""
    said = " ".join(str(error).split())
    if "Could not set lock" in said or "Conflicting lock" in said:
        holder = re.search(r"PID (\d+)", said)
        who = f"process {holder[1]}" if holder else "another process"
        return (
            f"The warehouse {warehouse} is held by {who}, such as another build or a query tool; "
            "wait until it ends, or close it, and run this again."
        )
    if "Permission denied" in said or "Read-only file system" in said:
        return f"The warehouse {warehouse} cannot be written; let this user write the file and its folder."
    if isinstance(error, duckdb.OutOfMemoryException):
        return f"The warehouse {warehouse} cannot be opened within the memory limit; give DuckDB more memory."
    return (
        f"The warehouse {warehouse} cannot be read as a DuckDB database: the file is damaged or is something else "
        f"({said[:160].rstrip('.')}); `make build REBUILD=1` moves it aside and builds a new one from the input."
    )


def check(warehouse: Path) -> None:
    """Raise WarehouseError where a build could not work with this file. Nothing is made or changed."""
    folder = warehouse.parent
    if not folder.is_dir():
        raise WarehouseError(f"The warehouse {warehouse} lies in a folder that is not there; make {folder}.")
    if not os.access(folder, os.W_OK):
        raise WarehouseError(
            f"The folder {folder.resolve()} of the warehouse {warehouse.name} cannot be written; let this user write "
            "it, or name another place in SEGMENTATION_WAREHOUSE."
        )
    if not warehouse.exists():
        return
    if not os.access(warehouse, os.W_OK):
        raise WarehouseError(f"The warehouse {warehouse} cannot be written; let this user write the file.")
    try:
        duckdb.connect(str(warehouse)).close()
    except duckdb.Error as error:
        raise WarehouseError(problem_of(error, warehouse)) from error


def move_aside(warehouse: Path) -> Path | None:
    """Rename the file, and its log of unfinished writes, to a name that is free. None where there is no file.

    A file that a running build holds is left alone: WarehouseError.
    """
    if not warehouse.exists():
        return None
    try:
        duckdb.connect(str(warehouse)).close()
    except duckdb.Error as error:
        if "lock" in str(error).lower():
            raise WarehouseError(problem_of(error, warehouse)) from error
    number = 1
    while (aside := warehouse.with_name(f"{warehouse.name}.aside-{number}")).exists():
        number += 1
    log = warehouse.with_name(f"{warehouse.name}.wal")
    if log.exists():
        log.rename(aside.with_name(f"{aside.name}.wal"))
    warehouse.rename(aside)
    return aside


def main(arguments: list[str]) -> None:
    """Do what the command line asks for."""
    if arguments not in (["check"], ["rebuild"]):
        sys.exit("Say what to do with the warehouse: check or rebuild.")
    if arguments == ["rebuild"]:
        aside = move_aside(place())
        if aside:
            print(f"The old warehouse is now {aside}.")
    check(place())


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except WarehouseError as problem:
        sys.exit(str(problem))
