"""The warehouse file: where it is, whether a build can use it, and how to move it aside.

The path is the one in profiles.yml: the environment variable SEGMENTATION_WAREHOUSE, or warehouse.duckdb.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import duckdb

# The most characters of DuckDB's message that an error quotes.
QUOTED_CHARACTERS = 160


class WarehouseError(Exception):
    """The warehouse file cannot be used; the message is a sentence for the user."""


def warehouse_path() -> Path:
    """The path of the warehouse, relative to the current folder as in profiles.yml. The file need not exist."""
    return Path(os.environ.get("SEGMENTATION_WAREHOUSE", "warehouse.duckdb"))


def is_locked(error: duckdb.Error) -> bool:
    """Whether DuckDB could not open a file because another process has it open."""
    return any(phrase in str(error) for phrase in ("Could not set lock", "Conflicting lock"))


def explain(error: duckdb.Error, warehouse: Path) -> str:
    """Return one sentence that says why DuckDB could not open a warehouse, and what to do about it."""
    said = " ".join(str(error).split())
    if is_locked(error):
        holder = re.search(r"PID (\d+)", said)
        who = f"process {holder[1]}" if holder else "another process"
        return (
            f"The warehouse {warehouse} is in use by {who}, such as another build or a query tool; "
            "wait until it ends, or close it, and run this again."
        )
    if "Permission denied" in said or "Read-only file system" in said:
        return f"The warehouse {warehouse} is not writable; give this user write access to the file and its folder."
    if isinstance(error, duckdb.OutOfMemoryException):
        return f"The warehouse {warehouse} cannot be opened within the memory limit; give DuckDB more memory."
    return (
        f"The warehouse {warehouse} cannot be read as a DuckDB database: the file is damaged or has another format "
        f"({said[:QUOTED_CHARACTERS].rstrip('.')}); `make build REBUILD=1` moves it aside and builds a new one from "
        "the input."
    )


def check_warehouse(warehouse: Path) -> None:
    """Check that a build can use or create this file, without creating or changing it.

    Raises:
        WarehouseError: The folder does not exist, the folder or the file is not writable, another process has the
            file open, or it is not a DuckDB database.
    """
    folder = warehouse.parent
    if not folder.is_dir():
        raise WarehouseError(f"The folder of the warehouse {warehouse} does not exist; create {folder}.")
    if not os.access(folder, os.W_OK):
        raise WarehouseError(
            f"The folder {folder.resolve()} of the warehouse {warehouse.name} is not writable; give this user "
            "write access, or set SEGMENTATION_WAREHOUSE to another path."
        )
    if not warehouse.exists():
        return
    if not os.access(warehouse, os.W_OK):
        raise WarehouseError(f"The warehouse {warehouse} is not writable; give this user write access.")
    try:
        duckdb.connect(str(warehouse)).close()
    except duckdb.Error as error:
        raise WarehouseError(explain(error, warehouse)) from error


def move_aside(warehouse: Path) -> Path | None:
    """Rename the warehouse and its write-ahead log to an unused name; return its path, None if there is no file.

    Raises:
        WarehouseError: Another process, such as a running build, has the file open, or its folder is not writable.
    """
    if not warehouse.exists():
        return None
    try:
        duckdb.connect(str(warehouse)).close()
    except duckdb.Error as error:
        if is_locked(error):
            raise WarehouseError(explain(error, warehouse)) from error
    number = 1
    while (aside := warehouse.with_name(f"{warehouse.name}.aside-{number}")).exists():
        number += 1
    log = warehouse.with_name(f"{warehouse.name}.wal")
    try:
        if log.exists():
            log.rename(aside.with_name(f"{aside.name}.wal"))
        warehouse.rename(aside)
    except OSError as error:
        raise WarehouseError(
            f"The warehouse {warehouse} cannot be renamed ({error.strerror}); give this user write access to its "
            f"folder {warehouse.parent.resolve()}."
        ) from error
    return aside
