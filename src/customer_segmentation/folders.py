"""Folders that are written whole or not at all: one writer at a time, and files that are on the disk."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def only_one(folder: Path, refusal: Exception) -> Iterator[None]:
    """Lock a folder that exists. The lock ends with the process. Raises `refusal` if another process holds it."""
    with (folder / ".lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise refusal from error
        yield


def sync(path: Path) -> None:
    """Flush a file, or the entries of a folder, to disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_files(folder: Path) -> None:
    """Flush the files of a folder, and its entries, to disk."""
    for file in folder.iterdir():
        sync(file)
    sync(folder)
