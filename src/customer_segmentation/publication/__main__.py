"""The command line for publications and for the warehouse file.

Usage: python -m customer_segmentation.publication publish [--settings my_shop.yml] [--target spark] [-- further
           arguments of dbt build]
       python -m customer_segmentation.publication rollback [NUMBER]    default: the one before the current one
       python -m customer_segmentation.publication list
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
    publications_folder,
    publish_marts,
    roll_back,
)
from customer_segmentation.publication.spark import fetch_marts, spark_warehouse
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
    folder = publications_folder(warehouse)
    if settings:
        read_settings(settings)  # raises before the build starts
    if on_spark:
        arguments = ["--target", "spark", *arguments]
    else:
        check_warehouse(warehouse)
    # The file from which the marts are published.
    database = f"{warehouse.name}.duckdb" if on_spark else warehouse.name
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


def rollback(number: int | None) -> None:
    """Make an earlier publication the current one."""
    folder = publications_folder(warehouse_path().resolve())
    print(f"Publication {roll_back(folder, number)} is current: {folder / CURRENT / DATABASE}")


def list_publications() -> None:
    """Print the publications, newest first."""
    folder = publications_folder(warehouse_path().resolve())
    lines = describe_publications(folder) or [f"There are no publications in {folder}; `make publish` creates one."]
    print("\n".join(lines))


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
    publishing.add_argument("--target", choices=["spark"], help="build on Apache Spark (default: DuckDB)")
    publishing.add_argument("arguments", nargs="*", metavar="-- ARGUMENTS", help="further arguments of dbt build")
    rolling_back = commands.add_parser("rollback", help="make an earlier publication the current one")
    rolling_back.add_argument("number", type=int, nargs="?", help="default: the one before the current one")
    commands.add_parser("list", help="list the publications")
    commands.add_parser("check-warehouse", help="check that a build can use the warehouse file")
    commands.add_parser("move-warehouse-aside", help="rename the warehouse file, so that a build creates a new one")
    arguments = parser.parse_args(given)
    if arguments.command == "publish":
        publish(arguments.settings, arguments.arguments, on_spark=arguments.target == "spark")
    elif arguments.command == "rollback":
        rollback(arguments.number)
    elif arguments.command == "list":
        list_publications()
    elif arguments.command == "check-warehouse":
        check_warehouse(warehouse_path())
    else:
        move_warehouse_aside()


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except (PublicationError, SettingsError, WarehouseError) as problem:
        sys.exit(str(problem))
