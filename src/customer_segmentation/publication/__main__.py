"""The command line for publications and for the warehouse file.

Usage: python -m customer_segmentation.publication publish [--settings my_shop.yml] [--target spark] [-- further
           arguments of dbt build]
       python -m customer_segmentation.publication rollback [--target spark] [NUMBER]    default: the one that was
           current before the current one
       python -m customer_segmentation.publication list [--target spark]
       python -m customer_segmentation.publication check-warehouse
       python -m customer_segmentation.publication move-warehouse-aside

Run it in the project folder, as `make` does. On an error it prints one sentence and exits with code 1.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from customer_segmentation.publication.dbt_build import build, target_folder
from customer_segmentation.publication.errors import PublicationError
from customer_segmentation.publication.publications import (
    CURRENT,
    DATABASE,
    check_owner,
    describe_publications,
    locked,
    publication_numbers,
    publications_folder,
    publish_marts,
    roll_back,
)
from customer_segmentation.publication.spark import fetch_marts, published_name, spark_warehouse
from customer_segmentation.publication.warehouse import WarehouseError, check_warehouse, move_aside, warehouse_path
from customer_segmentation.settings import SettingsError, project_settings, read_settings


def publish(settings: Path | None, arguments: list[str], *, on_spark: bool = False) -> None:
    """Build and test, then make the marts the current publication.

    Args:
        settings: A YAML settings file.
        arguments: Further arguments of dbt build.
        on_spark: Whether to build on the target `spark`; the marts then go through a DuckDB file.
    """
    project = Path.cwd()
    warehouse = (spark_warehouse() if on_spark else warehouse_path()).resolve()
    folder = folder_of(on_spark=on_spark)
    if settings:
        read_settings(settings)  # raises before the build starts
    if on_spark:
        arguments = ["--target", "spark", *arguments]
    else:
        check_warehouse(warehouse)
    # The file from which the marts are published.
    database = published_name(warehouse) if on_spark else warehouse.name
    with locked(folder), tempfile.TemporaryDirectory() as aside:
        check_owner(folder, database, warehouse)  # raises before the build starts
        given = build(project, settings, arguments, warehouse)
        # Every run of dbt checks the settings, so their values are valid here.
        valid = project_settings(project) | given
        source = warehouse
        if on_spark:
            source = Path(aside) / database
            fetch_marts(warehouse, target_folder(project, arguments), source)
        kept, version = valid["publications_kept"], valid["publication_storage_version"]
        number = publish_marts(source, folder, kept, version, origin=warehouse)
    print(f"Publication {number} is current: {folder / CURRENT / DATABASE}")


def rollback(number: int | None, *, on_spark: bool = False) -> None:
    """Make an earlier publication the current one."""
    folder = folder_of(on_spark=on_spark)
    if not publication_numbers(folder):
        raise PublicationError(nothing_published(on_spark=on_spark))
    warehouse = (spark_warehouse() if on_spark else warehouse_path()).resolve()
    number = roll_back(folder, warehouse, number, published_name(warehouse) if on_spark else None)
    print(f"Publication {number} is current: {folder / CURRENT / DATABASE}")


def list_publications(*, on_spark: bool = False) -> None:
    """Print the publications, newest first."""
    lines = describe_publications(folder_of(on_spark=on_spark)) or [nothing_published(on_spark=on_spark)]
    print("\n".join(lines))


def folder_of(*, on_spark: bool) -> Path:
    """The folder of the publications of the warehouse on Spark, or of the warehouse file."""
    return publications_folder((spark_warehouse() if on_spark else warehouse_path()).resolve())


def nothing_published(*, on_spark: bool) -> str:
    """Say that a folder has no publications, and where there are some."""
    there = f"There are no publications in {folder_of(on_spark=on_spark)}"
    others = folder_of(on_spark=not on_spark)
    if publication_numbers(others):
        remedy = "leave out TARGET=spark" if on_spark else "add TARGET=spark"
        return f"{there}; there are some in {others}: {remedy}."
    return f"{there}; `make publish{' TARGET=spark' if on_spark else ''}` creates one."


def move_warehouse_aside() -> None:
    """Move the warehouse file aside, so that the next build creates a new one."""
    aside = move_aside(warehouse_path())
    if aside:
        print(f"The old warehouse is now {aside}.")
    check_warehouse(warehouse_path())


def main(given: list[str]) -> None:
    """Parse the command line and run the command."""
    parser = argparse.ArgumentParser(
        prog="python -m customer_segmentation.publication",
        description="Publish the marts and check the warehouse file.",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    publishing = commands.add_parser("publish", help="build, test, and publish the marts")
    publishing.add_argument("--settings", type=Path, help="a YAML settings file for the build")
    publishing.add_argument("arguments", nargs="*", metavar="-- ARGUMENTS", help="further arguments of dbt build")
    rolling_back = commands.add_parser("rollback", help="make an earlier publication the current one")
    rolling_back.add_argument("number", type=int, nargs="?", help="default: the one that was current before")
    listing = commands.add_parser("list", help="list the publications")
    for command in (publishing, rolling_back, listing):
        command.add_argument("--target", choices=["spark"], help="the warehouse on Apache Spark (default: on DuckDB)")
    commands.add_parser("check-warehouse", help="check that a build can use the warehouse file")
    commands.add_parser("move-warehouse-aside", help="rename the warehouse file, so that a build creates a new one")
    arguments = parser.parse_args(given)
    on_spark = getattr(arguments, "target", None) == "spark"
    if arguments.command == "publish":
        publish(arguments.settings, arguments.arguments, on_spark=on_spark)
    elif arguments.command == "rollback":
        rollback(arguments.number, on_spark=on_spark)
    elif arguments.command == "list":
        list_publications(on_spark=on_spark)
    elif arguments.command == "check-warehouse":
        check_warehouse(warehouse_path())
    else:
        move_warehouse_aside()


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except (PublicationError, SettingsError, WarehouseError) as problem:
        sys.exit(str(problem))
