"""Folders that a killed run left in the warehouse, where Spark refuses to create a new table."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from urllib.parse import unquote, urlsplit

REFUSED = re.compile(r"\[LOCATION_ALREADY_EXISTS\].*?location '(?P<location>file:[^']+)'", re.DOTALL)
# File names that Spark's writers use: part-00000-..., _SUCCESS, _temporary and their checksums.
WRITTEN_BY_SPARK = re.compile(r"\.?(part-|_SUCCESS|_temporary|_started|_committed|\.spark-staging).*|\..*\.crc")


def refused_folder(message: str, warehouse: str | None) -> Path | None:
    """The folder named in Spark's error, if it is a local folder within the warehouse; else None."""
    found = REFUSED.search(message)
    if found is None or not warehouse:
        return None
    folder = Path(unquote(urlsplit(found["location"]).path)).resolve()
    inside = Path(urlsplit(warehouse).path).resolve()
    return folder if inside in folder.parents and folder.is_dir() else None


def holds_only_data_of_spark(folder: Path) -> bool:
    """Whether every file in the folder was written by a Spark job, so that nothing else is lost by removing it."""
    for path in folder.rglob("*"):
        parts = path.relative_to(folder).parts
        if path.is_symlink():
            return False
        if path.is_file() and not WRITTEN_BY_SPARK.fullmatch(path.name) and "_temporary" not in parts:
            return False
    return True


def remove_leftover(message: str, warehouse: str | None) -> bool:
    """Remove the leftover folder that prevents the creation of a table.

    Spark refuses only a folder that belongs to no table in the catalog. It is removed if it is within the warehouse and
    contains only files written by Spark.

    Args:
        message: Spark's error message.
        warehouse: spark.sql.warehouse.dir of a session in this process; folders of a server must not be removed.

    Returns:
        Whether a folder was removed, so that the query can be run again.
    """
    folder = refused_folder(message, warehouse)
    if folder is None or not holds_only_data_of_spark(folder):
        return False
    shutil.rmtree(folder)
    return True
