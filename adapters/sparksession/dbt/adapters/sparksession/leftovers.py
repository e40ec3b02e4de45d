"""Folders that a killed run left in the warehouse, and that Spark refuses to write a new table to."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from urllib.parse import unquote, urlsplit

REFUSED = re.compile(r"\[LOCATION_ALREADY_EXISTS\].*?location '(?P<location>file:[^']+)'", re.DOTALL)
# What Spark's writers call their files: part-00000-..., _SUCCESS, _temporary and the checksums beside them.
WRITTEN_BY_SPARK = re.compile(r"\.?(part-|_SUCCESS|_temporary|_started|_committed|\.spark-staging).*|\..*\.crc")


def refused_folder(message: str, warehouse: str | None) -> Path | None:
    """The folder that Spark's error names, where it is a local one within the warehouse."""
    found = REFUSED.search(message)
    if found is None or not warehouse:
        return None
    folder = Path(unquote(urlsplit(found["location"]).path)).resolve()
    inside = Path(urlsplit(warehouse).path).resolve()
    return folder if inside in folder.parents and folder.is_dir() else None


def holds_only_data_of_spark(folder: Path) -> bool:
    """Whether each file was written by a Spark job: nothing else in the folder can be lost."""
    for path in folder.rglob("*"):
        parts = path.relative_to(folder).parts
        if path.is_symlink():
            return False
        if path.is_file() and not WRITTEN_BY_SPARK.fullmatch(path.name) and "_temporary" not in parts:
            return False
    return True


def remove_leftover(message: str, warehouse: str | None) -> bool:
    """Remove the folder that stands in the way of a new table.

    Args:
        message: What Spark said.
        warehouse: spark.sql.warehouse.dir of a session in this process; the folders of a server are not ours.

    Returns:
        Whether a folder was removed, so that the query can be run again. Spark refuses only a folder that the catalog
        knows no table in; it is removed where it is within the warehouse and holds nothing but files of Spark's.
    """
    folder = refused_folder(message, warehouse)
    if folder is None or not holds_only_data_of_spark(folder):
        return False
    shutil.rmtree(folder)
    return True
