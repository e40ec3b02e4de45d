"""Publications: create one, roll back to an earlier one, list them, find the current one.

A publication is a folder such as publications/000007, with the marts of one build: segments.duckdb, a Parquet file for
each mart, and manifest.json. Once it has this name it is never modified. publications/current is a symbolic link to one
of them; only this link is ever replaced. The folder `publications` is next to the warehouse, unless the environment
variable SEGMENTATION_PUBLICATIONS names another.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from customer_segmentation.folders import name_of, number_of, only_one, sync, sync_files, unfinished_number
from customer_segmentation.publication.copying import DATABASE, OLDEST_READER, copy_marts
from customer_segmentation.publication.damage import find_damage
from customer_segmentation.publication.errors import PublicationError
from customer_segmentation.publication.manifest import Manifest, read_manifest
from customer_segmentation.publication.warehouse import explain, is_locked

CURRENT = "current"
# What the system and DuckDB say when there is no space for a file.
NO_SPACE = tuple(map(os.strerror, (errno.ENOSPC, errno.EDQUOT)))


# ---- finding publications ----------------------------------------------------------------------------------------


def publications_folder(warehouse: Path) -> Path:
    """The folder of a warehouse's publications. It need not exist."""
    return Path(os.environ.get("SEGMENTATION_PUBLICATIONS") or warehouse.parent / "publications")


def publication_numbers(folder: Path) -> list[int]:
    """The numbers of the publications in a folder, in ascending order. Damaged ones count, other folders do not.

    Raises:
        PublicationError: The folder cannot be read.
    """
    try:
        if not folder.is_dir():
            return []
        return sorted(number_of(each.name) for each in folder.iterdir() if _is_publication(each))
    except OSError as error:
        raise _unreadable(folder, error) from error


def _is_publication(path: Path) -> bool:
    """Whether this is a publication by its name and content. One whose manifest is damaged still has its database."""
    number = number_of(path.name)
    return number is not None and path.is_dir() and ((path / DATABASE).exists() or _has_manifest_of(path, number))


def _has_manifest_of(path: Path, number: int) -> bool:
    """Whether the manifest in a folder is that of the publication with this number."""
    try:
        return read_manifest(path).publication == number
    except PublicationError:
        return False


def current_number(folder: Path) -> int | None:
    """The number of the publication that readers see; None if there is none, or if its folder is gone."""
    number = _linked_number(folder)
    return number if number and (folder / name_of(number)).is_dir() else None


def _linked_number(folder: Path) -> int | None:
    """The number to which the link `current` points, whether its folder is there or not; None if there is no link."""
    link = folder / CURRENT
    return number_of(Path(os.readlink(link)).name) if link.is_symlink() else None


def current_database(warehouse: Path, name: str | None = None) -> Path | None:
    """The path, without links, of the database that readers of this warehouse's marts see.

    `name` is that of the file from which the marts were published, unless it is the warehouse's. None if there is no
    publication, or if the publications belong to another warehouse.

    Raises:
        PublicationError: The current publication cannot be read, or its folder is gone.
    """
    folder = publications_folder(warehouse)
    current = folder / CURRENT
    try:
        if not current.is_dir():
            if current.is_symlink():
                raise PublicationError(
                    f"{current} points to {os.readlink(current)}, which is gone; `make rollback` makes the newest "
                    "publication that is left the current one, and `make publish` creates one."
                )
            return None
    except OSError as error:
        raise _unreadable(folder, error) from error
    if not _is_owner(read_manifest(current.resolve()), folder, name or warehouse.name, warehouse):
        return None
    return (current / DATABASE).resolve()


def describe_publications(folder: Path) -> list[str]:
    """One line per publication, newest first: number, time, warehouse, marts and rows, or what is damaged."""
    lines = []
    for number in reversed(publication_numbers(folder)):
        publication = folder / name_of(number)
        damage = find_damage(publication, number)
        if not publication.exists():
            # A publication of another process has just removed it.
            continue
        if damage:
            content = f"damaged: {damage}"
        else:
            manifest = read_manifest(publication)
            rows = sum(mart.rows for mart in manifest.marts.values())
            warehouse = manifest.warehouse_path or manifest.warehouse
            content = f"{manifest.published_at}   {warehouse}   {len(manifest.marts)} marts   {rows} rows"
        mark = "   <- current" if number == current_number(folder) else ""
        lines.append(f"{number:6d}   {content}{mark}")
    return lines


def check_owner(folder: Path, name: str, warehouse: Path) -> None:
    """Check that the publications in a folder, if there are any, belong to the warehouse with this file name and path.

    Raises:
        PublicationError: They belong to another warehouse, the current one cannot be read, or the folder has something
            else that could be taken for a publication.
    """
    _check_only_publications(folder)
    current = current_number(folder)
    manifest = None if current is None else read_manifest(folder / name_of(current))
    if manifest is None or _is_owner(manifest, folder, name, warehouse):
        return
    owner, other = _owner_and_other(manifest, name, warehouse)
    raise PublicationError(
        f"The publications in {folder} belong to the warehouse {owner}, not to {other}; set SEGMENTATION_PUBLICATIONS "
        f"to another folder, or remove {folder / CURRENT} if this warehouse is to replace that one."
    )


def _check_only_publications(folder: Path) -> None:
    """Raise PublicationError if something in a folder has a number for a name and is not a publication."""
    try:
        numbered = [each for each in folder.iterdir() if each.name.isdecimal()] if folder.is_dir() else []
        others = sorted(each.name for each in numbered if not _is_publication(each))
    except OSError as error:
        raise _unreadable(folder, error) from error
    if others:
        raise PublicationError(
            f"The folder {folder} has {others[0]}, which is not a publication; in a folder of publications, only these "
            f"may have numbers for names. Set SEGMENTATION_PUBLICATIONS to a folder of its own, or move {others[0]} "
            "elsewhere."
        )


def _is_owner(manifest: Manifest, folder: Path, name: str, warehouse: Path) -> bool:
    """Whether a publication in a folder belongs to the warehouse with this file name and path.

    The path decides only between warehouses that could share the folder: it may differ if the old one is gone, because
    the warehouse was moved, or if the folder is beside this one, because both may be a copy.
    """
    if manifest.warehouse != name:
        return False
    warehouse, path = warehouse.resolve(), manifest.warehouse_path
    return path in (None, str(warehouse)) or not os.path.exists(path) or folder.resolve().parent == warehouse.parent


def _owner_and_other(manifest: Manifest, name: str, warehouse: Path) -> tuple[str, str]:
    """What to call the owner of a publication, and another warehouse, so that they differ."""
    if manifest.warehouse != name:
        return manifest.warehouse, name
    return str(manifest.warehouse_path), str(warehouse)


def _unreadable(folder: Path, error: OSError) -> PublicationError:
    """The error that this user cannot read a publications folder."""
    return PublicationError(
        f"The publications in {folder} cannot be read ({error.strerror}: {error.filename}); give this user read "
        "access, or set SEGMENTATION_PUBLICATIONS to another folder."
    )


# ---- changing what readers see -----------------------------------------------------------------------------------


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Lock the folder, so that one publication or rollback runs at a time. The lock ends with the process.

    Raises:
        PublicationError: Another process holds the lock, or the folder cannot be written.
    """
    refusal = f"Another publication or rollback is running in {folder}; wait until it ends and run this again."
    with only_one(folder, PublicationError(refusal), "SEGMENTATION_PUBLICATIONS"):
        yield


def publish_marts(
    warehouse: Path, folder: Path, kept: int, storage_version: str = OLDEST_READER, origin: Path | None = None
) -> int:
    """Make the marts of a warehouse the current publication, and return its number. The folder must be locked.

    `origin` is the warehouse from which this file was copied, if it was. Afterwards all but the newest `kept`
    publications are removed. Any failure before the link is replaced, including a kill or a full disk, leaves the
    current publication unchanged.

    Raises:
        PublicationError: The publications belong to another warehouse, the current one cannot be read, there are no
            marts, a copy differs from its source, or the warehouse cannot be read or the folder written.
    """
    before = current_number(folder)
    origin = (origin or warehouse).resolve()
    check_owner(folder, warehouse.name, origin)
    # The publication to which the link points may have been removed by hand; its number is not used again.
    number = max([*publication_numbers(folder), _linked_number(folder) or 0]) + 1
    unfinished = folder / f".{name_of(number)}.partial"
    try:
        _remove_unfinished(folder)
        unfinished.mkdir()
        marts = copy_marts(warehouse, unfinished, storage_version)
        now = datetime.now(UTC).isoformat(timespec="seconds")
        Manifest(number, warehouse.name, str(origin), now, marts, before).write(unfinished)
        sync_files(unfinished)
        os.replace(unfinished, folder / name_of(number))
        sync(folder)
    except (OSError, duckdb.Error) as error:
        if isinstance(error, duckdb.Error) and is_locked(error):
            raise PublicationError(explain(error, warehouse)) from error
        still = "there is no publication yet" if before is None else f"readers still see publication {before}"
        said = " ".join(str(error).split()).rstrip(".")
        remedy = "Free some space" if any(words in said for words in NO_SPACE) else "Remedy this"
        raise PublicationError(
            f"The publication could not be written to {folder} ({said}); {still}. {remedy} and run it again."
        ) from error
    finally:
        # After the rename there is nothing left to remove.
        shutil.rmtree(unfinished, ignore_errors=True)
    try:
        _point_current_to(folder, number)
    except PublicationError:
        if current_number(folder) != number:
            _remove(folder, number)
        raise
    remove_old(folder, kept)
    return number


def roll_back(folder: Path, warehouse: Path, number: int | None = None, name: str | None = None) -> int:
    """Make another publication of a warehouse the current one, and return its number.

    By default this is the one that was current before the current one was published. If the current one is gone, it is
    the newest that can be made current. `name` is that of the file from which the marts were published, unless it is
    the warehouse's.

    Raises:
        PublicationError: There is no such publication, it is damaged, it or the current one belongs to another
            warehouse, another process holds the lock, or the folder cannot be written.
    """
    if not publication_numbers(folder):
        raise PublicationError(f"There are no publications in {folder}; `make publish` creates one.")
    name, warehouse = name or warehouse.name, warehouse.resolve()
    with locked(folder):
        current = current_number(folder)
        owner = None if current is None else _other_owner(folder, current, name, warehouse)
        if owner:
            raise PublicationError(
                f"Publication {current}, the current one in {folder}, is of {owner}. Name its warehouse with "
                f"SEGMENTATION_WAREHOUSE or TARGET=spark, or remove {folder / CURRENT} if this warehouse is to replace "
                "that one."
            )
        numbers = publication_numbers(folder)
        available = (each for each in reversed(numbers) if not _why_not(folder, each, name, warehouse))
        if number is not None:
            absent = f"There is no publication {number} to roll back to"
        elif current is None:
            number, absent = next(available, None), f"No publication in {folder} can be made current"
        else:
            number, absent = _previous(folder, current, name, warehouse)
        refusal = _why_not(folder, number, name, warehouse) if number in numbers else absent
        if refusal:
            choice = sorted(available)
            remedy = "Choose one with TO=." if choice else "`make publish` creates one."
            raise PublicationError(f"{refusal}; available: {choice}. {remedy}")
        _point_current_to(folder, number)
    return number


def _previous(folder: Path, current: int, name: str, warehouse: Path) -> tuple[int | None, str]:
    """The publication before the current one, and what to say if it is not there.

    If its manifest does not say which one that was, it is the last one of this warehouse before it by number.
    """
    try:
        previous = read_manifest(folder / name_of(current)).previous
    except PublicationError:
        previous = None
    if previous is not None:
        return previous, f"Publication {previous}, which was current before publication {current}, is gone"
    earlier = [each for each in publication_numbers(folder) if each < current]
    ours = [each for each in earlier if not _other_owner(folder, each, name, warehouse)]
    return (ours[-1] if ours else None), "There is no publication before the current one"


def _why_not(folder: Path, number: int, name: str, warehouse: Path) -> str | None:
    """Say why a publication cannot be made the current one of a warehouse; None if it can."""
    damage = find_damage(folder / name_of(number), number)
    if damage:
        return f"Publication {number} is damaged: {damage}"
    owner = _other_owner(folder, number, name, warehouse)
    return f"Publication {number} is of {owner}" if owner else None


def _other_owner(folder: Path, number: int, name: str, warehouse: Path) -> str | None:
    """Say which other warehouse a publication belongs to; None if it is this one's, or if nobody can tell."""
    try:
        manifest = read_manifest(folder / name_of(number))
    except PublicationError:
        return None
    if _is_owner(manifest, folder, name, warehouse):
        return None
    owner, other = _owner_and_other(manifest, name, warehouse)
    return f"the warehouse {owner}, not of {other}"


def remove_old(folder: Path, kept: int) -> None:
    """Remove all but the newest `kept` publications and the current one. The folder must be locked.

    If more than one is kept, so is the one to which a rollback returns, which after an earlier rollback can be older. A
    folder without the manifest of its number is never removed, and is not counted.

    Raises:
        PublicationError: One of them cannot be removed.
    """
    ours = [number for number in publication_numbers(folder) if _has_manifest_of(folder / name_of(number), number)]
    current = current_number(folder)
    needed = {current}
    if kept > 1 and current in ours:
        needed.add(read_manifest(folder / name_of(current)).previous)
    for number in ours[:-kept]:
        if number not in needed:
            _remove(folder, number)


def _remove(folder: Path, number: int) -> None:
    """Remove a publication. It is renamed first, because a folder whose name is a number is always complete."""
    leaving = folder / f".{name_of(number)}.leaving"
    try:
        os.replace(folder / name_of(number), leaving)
        shutil.rmtree(leaving)
    except OSError as error:
        raise PublicationError(
            f"Publication {number} could not be removed from {folder} ({error.strerror}: {error.filename}); "
            f"publication {current_number(folder)} is current. Give this user write access and run it again."
        ) from error


def _remove_unfinished(folder: Path) -> None:
    """Remove what a killed process has left behind, and nothing else, such as the .git of a user."""
    for each in folder.glob(".*"):
        is_ours = unfinished_number(each.name) or unfinished_number(each.name, "leaving")
        if is_ours and each.is_dir() and not each.is_symlink():
            shutil.rmtree(each)


def _point_current_to(folder: Path, number: int) -> None:
    """Make this publication the current one. The link is replaced by an atomic rename, so it always exists.

    Raises:
        PublicationError: The link cannot be made or replaced.
    """
    link, current = folder / f".{CURRENT}", folder / CURRENT
    try:
        link.unlink(missing_ok=True)
        link.symlink_to(name_of(number))
        os.replace(link, current)
        sync(folder)
    except OSError as error:
        remedy = (
            f"Rename this folder; {CURRENT} must be a link"
            if current.is_dir() and not current.is_symlink()
            else "Set SEGMENTATION_PUBLICATIONS to a folder with symbolic links that this user can write"
        )
        raise PublicationError(f"The link {current} could not be replaced ({error.strerror}). {remedy}.") from error
