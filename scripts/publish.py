"""Publish the marts: build, test, copy, compare, swap. Or go back to an earlier publication, or list them.

Usage: python scripts/publish.py publish [--settings my_shop.yml] [-- further arguments of dbt build]
       python scripts/publish.py rollback [NUMBER]    without a number: the one before the current one
       python scripts/publish.py list

A publication is a folder, publications/000007, with the marts of one build: segments.duckdb, a Parquet file for each
mart, and manifest.json. It never changes once it has its name. publications/current is a symbolic link to one of them,
and the only thing that is ever replaced. Where: the folder `publications` beside the warehouse, or
SEGMENTATION_PUBLICATIONS.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import yaml

sys.path.insert(0, str(Path(__file__).resolve().parent))
from warehouse import WarehouseError, check, place, problem_of

PROJECT = Path(__file__).resolve().parents[1]
DATABASE = "segments.duckdb"
GREEN = ("success", "pass", "warn", "no-op")


class PublishError(Exception):
    """What stops a publication, as a sentence for the person who asked for it."""


# ---- the folder of publications ----------------------------------------------------------------------------------


def folder_of(warehouse: Path) -> Path:
    """Where the publications of a warehouse are."""
    return Path(os.environ.get("SEGMENTATION_PUBLICATIONS") or warehouse.parent / "publications")


def numbers(folder: Path) -> list[int]:
    """The publications that are there, the oldest first."""
    if not folder.is_dir():
        return []
    return sorted(int(each.name) for each in folder.iterdir() if each.name.isdecimal() and each.is_dir())


def name_of(number: int) -> str:
    """A publication's folder: names sort as numbers do."""
    return f"{number:06d}"


def current(folder: Path) -> int | None:
    """The publication that readers see."""
    link = folder / "current"
    return int(os.readlink(link)) if link.is_symlink() else None


def published_warehouse(folder: Path) -> str | None:
    """The file name of the warehouse whose marts readers see; None where there is no publication."""
    manifest = folder / "current" / "manifest.json"
    return json.loads(manifest.read_text(encoding="utf-8"))["warehouse"] if manifest.is_file() else None


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the folder for one publication at a time. The lock goes with its process, however that ends."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise PublishError(
                f"Another publication or rollback works in {folder}; wait until it ends and run this again."
            ) from error
        yield


def to_disk(path: Path) -> None:
    """Return once a file, or the names in a folder, are on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def swap(folder: Path, number: int) -> None:
    """Let readers see this publication. Renaming a link over another is atomic: there is always exactly one."""
    link = folder / ".current"
    link.unlink(missing_ok=True)
    link.symlink_to(name_of(number))
    os.replace(link, folder / "current")
    to_disk(folder)


def forget(folder: Path, kept: int) -> None:
    """Remove all but the newest so many publications; the current one always stays."""
    for number in numbers(folder)[:-kept]:
        if number != current(folder):
            # Under another name first: a folder with a number is always whole.
            leaving = folder / f".{name_of(number)}.leaving"
            os.replace(folder / name_of(number), leaving)
            shutil.rmtree(leaving)


def clear_remains(folder: Path) -> None:
    """Remove what a killed publication has left. The folder must be locked."""
    for each in folder.glob(".*"):
        if each.is_dir() and not each.is_symlink():
            shutil.rmtree(each)


# ---- copying the marts -------------------------------------------------------------------------------------------


def name(text: str) -> str:
    """A name, quoted for SQL."""
    return '"' + text.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text, quoted for SQL."""
    return "'" + text.replace("'", "''") + "'"


def fingerprint(connection: duckdb.DuckDBPyConnection, relation: str) -> tuple[int, int]:
    """How many rows a relation has, and the sum of their hashes: equal for equal rows in any order."""
    row = connection.execute(f"select count(*), coalesce(sum(hash(t)::hugeint), 0) from {relation} as t").fetchone()
    return int(row[0]), int(row[1])


def amounts(connection: duckdb.DuckDBPyConnection, relation: str) -> dict[str, str]:
    """The sum of each decimal column, to the last digit."""
    columns = [
        row[0]
        for row in connection.execute(f"describe select * from {relation}").fetchall()
        if row[1].startswith("DECIMAL")
    ]
    sums = [connection.execute(f"select sum({name(column)}) from {relation}").fetchone()[0] for column in columns]
    return {column: str(total) for column, total in zip(columns, sums, strict=True) if total is not None}


def copy_comments(connection: duckdb.DuckDBPyConnection, mart: str) -> None:
    """The descriptions of a mart and of its columns."""
    of_table = connection.execute(
        "select comment from duckdb_tables() where database_name = 'warehouse' and schema_name = 'marts'"
        " and table_name = ? and comment is not null"
        " union all select comment from duckdb_views() where database_name = 'warehouse' and schema_name = 'marts'"
        " and view_name = ? and comment is not null",
        [mart, mart],
    ).fetchall()
    for (comment,) in of_table:
        connection.execute(f"comment on table marts.{name(mart)} is {literal(comment)}")
    of_columns = connection.execute(
        "select column_name, comment from duckdb_columns() where database_name = 'warehouse'"
        " and schema_name = 'marts' and table_name = ? and comment is not null",
        [mart],
    ).fetchall()
    for column, comment in of_columns:
        connection.execute(f"comment on column marts.{name(mart)}.{name(column)} is {literal(comment)}")


def write(warehouse: Path, target: Path) -> dict[str, Any]:
    """Copy whatever the schema marts of a warehouse holds into an empty folder, and compare the copy with it.

    Returns {mart: {rows, amounts}}. Raises PublishError where there are no marts, or a copy differs. All is read from
    one connection that holds the warehouse, so that no build can change it meanwhile.
    """
    connection = duckdb.connect(str(target / DATABASE))
    try:
        connection.execute(f"attach {literal(str(warehouse))} as warehouse (read_only)")
        connection.execute("set TimeZone = 'UTC'")
        connection.execute("create schema marts")
        marts = connection.execute(
            "select table_name, sql from duckdb_tables() where database_name = 'warehouse' and schema_name = 'marts'"
            " union all select view_name, null from duckdb_views() where database_name = 'warehouse'"
            " and schema_name = 'marts' and not internal order by 1"
        ).fetchall()
        if not marts:
            raise PublishError(f"The warehouse {warehouse} has no marts to publish; run `make build` and see why.")
        told = {}
        for mart, statement in marts:
            source, copied = f"warehouse.marts.{name(mart)}", f"marts.{name(mart)}"
            if statement:
                # The statement that the table was made with keeps its constraints.
                connection.execute(statement)
                connection.execute(f"insert into {copied} from {source}")
            else:
                connection.execute(f"create table {copied} as from {source}")
            copy_comments(connection, mart)
            file = target / f"{mart}.parquet"
            connection.execute(f"copy (from {copied}) to {literal(str(file))} (format parquet, compression zstd)")
            expected = fingerprint(connection, source), amounts(connection, source)
            for relation in (copied, f"read_parquet({literal(str(file))})"):
                if (fingerprint(connection, relation), amounts(connection, relation)) != expected:
                    raise PublishError(
                        f"The copy of the mart {mart} differs from the warehouse {warehouse}; nothing was published."
                    )
            told[mart] = {"rows": expected[0][0], "amounts": expected[1]}
        connection.execute("detach warehouse")
        connection.execute("checkpoint")
    finally:
        connection.close()
    return told


def publish_marts(warehouse: Path, folder: Path, kept: int) -> int:
    """Make the marts of a warehouse the current publication, and return its number. The folder must be locked.

    Whatever stops it before the swap, a kill or a full disk included, leaves the publication before it in place.
    """
    clear_remains(folder)
    before, published = current(folder), published_warehouse(folder)
    if published not in (None, warehouse.name):
        raise PublishError(
            f"The publications in {folder} are those of the warehouse {published}, and this one is "
            f"{warehouse.name}; name another place in SEGMENTATION_PUBLICATIONS."
        )
    number = max(numbers(folder), default=0) + 1
    making = folder / f".{name_of(number)}.partial"
    try:
        making.mkdir()
        marts = write(warehouse, making)
        manifest = {
            "publication": number,
            "warehouse": warehouse.name,
            "published_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "marts": marts,
        }
        (making / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
        for file in making.iterdir():
            to_disk(file)
        to_disk(making)
        os.replace(making, folder / name_of(number))
        to_disk(folder)
        swap(folder, number)
    except (OSError, duckdb.Error) as error:
        shutil.rmtree(making, ignore_errors=True)
        if isinstance(error, duckdb.Error) and "lock" in str(error).lower():
            raise PublishError(problem_of(error, warehouse)) from error
        stays = "there is none yet" if before is None else f"readers still see publication {before}"
        said = " ".join(str(error).split()).rstrip(".")
        raise PublishError(
            f"The publication could not be written to {folder} ({said}); {stays}. Make room and run it again."
        ) from error
    forget(folder, kept)
    return number


# ---- building ----------------------------------------------------------------------------------------------------


def settings_of(file: Path | None) -> dict[str, Any]:
    """The settings of dbt_project.yml, with those of the file over them."""
    found = yaml.safe_load((PROJECT / "dbt_project.yml").read_text(encoding="utf-8"))["vars"]
    if file:
        if not file.is_file():
            raise PublishError(f"--settings must name a YAML file of settings; there is no file {file}.")
        try:
            given = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
        except yaml.YAMLError as error:
            raise PublishError(f"The file of settings {file} is not YAML; correct it.") from error
        if not isinstance(given, dict):
            raise PublishError(f"The file of settings {file} must hold lines such as `k: 5`; correct it.")
        found |= given
    return found


def publications_kept(settings: dict[str, Any]) -> int:
    """How many publications to keep. macros/settings.sql has the same rule; no build need have run here."""
    kept = settings.get("publications_kept")
    if isinstance(kept, bool) or not isinstance(kept, int) or not 1 <= kept <= 1000:
        raise PublishError(
            f"Setting 'publications_kept' is {json.dumps(kept, default=str)}; it must be a whole number from 1 to "
            "1000. Change it under vars in dbt_project.yml or in --vars."
        )
    return kept


def target_folder(arguments: list[str]) -> Path:
    """Where dbt writes what a run came to."""
    for position, argument in enumerate(arguments):
        if argument == "--target-path" and position + 1 < len(arguments):
            return Path(arguments[position + 1])
        if argument.startswith("--target-path="):
            return Path(argument.partition("=")[2])
    return Path(os.environ.get("DBT_TARGET_PATH") or PROJECT / "target")


def run_results(target: Path) -> dict[str, Any]:
    """What the last run of dbt in this folder came to; empty where there was none."""
    file = target / "run_results.json"
    return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}


def check_whole_and_green(results: dict[str, Any], manifest: dict[str, Any]) -> None:
    """Raise PublishError unless every model, seed and data test of the project ran, and none failed.

    Unit tests may be left out: they say something about the code, and nothing about the data that is published. So may
    the training (tag `training`) and its tests: a run that scores makes every mart with the stored model.
    """
    statuses = {result["unique_id"]: result["status"] for result in results["results"]}
    failed = sorted(node for node, status in statuses.items() if status not in GREEN)
    if failed:
        raise PublishError(f"The build is not green: {failed[0]} {statuses[failed[0]]}; nothing was published.")
    training = {node for node, described in manifest["nodes"].items() if "training" in described["tags"]}
    needed = {
        node
        for node, described in manifest["nodes"].items()
        if described["resource_type"] in ("model", "seed", "snapshot", "test")
        and described["config"].get("materialized") != "ephemeral"
        and node not in training
        and not (described["resource_type"] == "test" and training & set(described["depends_on"]["nodes"]))
    }
    if training & set(statuses):
        needed |= {node for node in training if manifest["nodes"][node]["resource_type"] == "model"}
    left_out = sorted(needed - set(statuses))
    if left_out:
        raise PublishError(
            f"The build left out {len(left_out)} of {len(needed)} models, seeds and tests ({left_out[0]}); a "
            "publication needs a whole build: leave --select and --exclude away."
        )


def build(settings: Path | None, arguments: list[str]) -> None:
    """Run dbt build in a process of its own, and raise PublishError unless this very run was whole and green."""
    target = target_folder(arguments)
    before = run_results(target).get("metadata", {}).get("invocation_id")
    variables = ["--vars", settings.read_text(encoding="utf-8")] if settings else []
    dbt = Path(sys.executable).with_name("dbt")
    ended = subprocess.run([str(dbt), "build", *variables, *arguments], cwd=PROJECT, check=False)
    if ended.returncode:
        raise PublishError("The build failed, as said above; nothing was published.")
    results = run_results(target)
    if not results or results["metadata"]["invocation_id"] == before:
        raise PublishError(f"dbt left no results of this run in {target}; nothing was published.")
    manifest = json.loads((target / "manifest.json").read_text(encoding="utf-8"))
    check_whole_and_green(results, manifest)


# ---- the command line --------------------------------------------------------------------------------------------


def publish(settings: Path | None, arguments: list[str]) -> None:
    """Build, test and swap."""
    warehouse = place().resolve()
    folder = folder_of(warehouse)
    kept = publications_kept(settings_of(settings))
    check(warehouse)
    with locked(folder):
        build(settings, arguments)
        number = publish_marts(warehouse, folder, kept)
    print(f"Publication {number} is current: {folder / 'current' / DATABASE}")


def rollback(to: int | None) -> None:
    """Let readers see an earlier publication."""
    folder = folder_of(place().resolve())
    if not numbers(folder):
        raise PublishError(f"There are no publications in {folder}; `make publish` makes one.")
    with locked(folder):
        there = numbers(folder)
        earlier = [number for number in there if number < (current(folder) or 0)]
        if to is None and not earlier:
            raise PublishError(f"There is no publication before the current one; there are {there}.")
        number = earlier[-1] if to is None else to
        if number not in there:
            raise PublishError(
                f"There is no publication {number} to go back to; there are {there}. Say TO=one of them."
            )
        swap(folder, number)
    print(f"Publication {number} is current: {folder / 'current' / DATABASE}")


def list_publications() -> None:
    """Print the publications, the newest first."""
    folder = folder_of(place().resolve())
    for number in reversed(numbers(folder)):
        manifest = json.loads((folder / name_of(number) / "manifest.json").read_text(encoding="utf-8"))
        rows = sum(mart["rows"] for mart in manifest["marts"].values())
        mark = "   <- current" if number == current(folder) else ""
        print(f"{number:6d}   {manifest['published_at']}   {len(manifest['marts'])} marts   {rows} rows{mark}")
    if not numbers(folder):
        print(f"There are no publications in {folder}; `make publish` makes one.")


def main(given: list[str]) -> None:
    """Do what the command line asks for."""
    parser = argparse.ArgumentParser(description="Publish the marts.")
    commands = parser.add_subparsers(dest="command", required=True)
    publishing = commands.add_parser("publish", help="build, test and swap")
    publishing.add_argument("--settings", type=Path, help="the YAML file of settings for the build")
    publishing.add_argument("arguments", nargs="*", metavar="-- ARGUMENTS", help="further arguments of dbt build")
    going_back = commands.add_parser("rollback", help="let readers see an earlier publication")
    going_back.add_argument("to", type=int, nargs="?", help="its number")
    commands.add_parser("list", help="print the publications")
    arguments = parser.parse_args(given)
    if arguments.command == "publish":
        publish(arguments.settings, arguments.arguments)
    elif arguments.command == "rollback":
        rollback(arguments.to)
    else:
        list_publications()


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except (PublishError, WarehouseError) as problem:
        sys.exit(str(problem))
