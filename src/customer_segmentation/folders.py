"""Folders that are written whole or not at all: one writer at a time, and files that are on the disk.

Each result is a folder with a number for a name, such as 000007; an unfinished one is .000007.partial.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def name_of(number: int) -> str:
    """The name of a numbered folder: padded with zeros, so that names sort in order."""
    return f"{number:06d}"


def number_of(name: str) -> int | None:
    """The number of which this is the name; None for the names of other folders, such as 7 or 2024."""
    number = int(name) if name.isdecimal() else 0
    return number if number > 0 and name == name_of(number) else None


def unfinished_number(name: str, suffix: str = "partial") -> int | None:
    """The number of the unfinished folder that has this name, such as .000007.partial; None for other names."""
    parts = name.split(".")
    return number_of(parts[1]) if len(parts) == 3 and (parts[0], parts[2]) == ("", suffix) else None


@contextmanager
def only_one(folder: Path, refusal: Exception, variable: str, mode: int = 0o777) -> Iterator[None]:
    """Create a folder with this mode unless it exists, and lock it. The lock ends with the process.

    Raises `refusal` if another process holds the lock, and an error of the same type if the folder cannot be used;
    `variable` is the environment variable that names another.
    """
    try:
        folder.mkdir(mode=mode, parents=True, exist_ok=True)
        lock = (folder / ".lock").open("a")
    except OSError as error:
        raise type(refusal)(
            f"The folder {folder} cannot be written ({error.strerror}: {error.filename}); give this user write access, "
            f"or set {variable} to another folder."
        ) from error
    with lock:
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
