"""Build, test, and export whom each action is to reach.

Usage: python -m customer_segmentation.audiences [--settings my_shop.yml] [--contact-date 2026-11-30] [--target spark]
           [--fewer-suppressions] [-- dbt arguments]

Run it in the project folder, as `make audiences` does. On an error it prints one sentence and exits with code 1.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path

import duckdb

from customer_segmentation.audiences.contacts import PLATFORMS
from customer_segmentation.audiences.errors import ExportError
from customer_segmentation.audiences.export import (
    FEWER_SUPPRESSIONS,
    Choices,
    Relations,
    audiences_folder,
    export,
    finish_interrupted,
    locked,
    log_wave,
)
from customer_segmentation.audiences.spark import SUPPRESSIONS, TARGET, SparkExports, is_suppressed
from customer_segmentation.publication.dbt_build import build, target_folder
from customer_segmentation.publication.errors import PublicationError
from customer_segmentation.publication.spark import spark_warehouse
from customer_segmentation.publication.warehouse import WarehouseError, check_warehouse, explain, warehouse_path
from customer_segmentation.settings import SettingsError, project_settings


def relations_of(manifest: dict) -> Relations:
    """The tables of an export, by the names that dbt gave them."""

    def name(model: str) -> str:
        return manifest["nodes"][f"model.customer_segmentation.{model}"]["relation_name"]

    return Relations(
        name("audiences"),
        name("customer_360"),
        name("int_as_of_date"),
        name("int_export_log"),
        name(SUPPRESSIONS) if is_suppressed(manifest) else None,
    )


@contextmanager
def on_duckdb(project: Path, warehouse: Path, arguments: list[str]) -> Iterator[tuple[duckdb.DuckDBPyConnection, dict]]:
    """Yield a connection to the warehouse, and what an export is to know of it."""
    manifest = target_folder(project, arguments) / "manifest.json"
    relations = relations_of(json.loads(manifest.read_text(encoding="utf-8")))
    try:
        connection = duckdb.connect(str(warehouse))
    except duckdb.Error as error:
        raise WarehouseError(explain(error, warehouse)) from error
    with connection:
        yield connection, {"relations": relations, "log": log_wave}


@contextmanager
def on_spark(
    project: Path, warehouse: Path, arguments: list[str], given: dict, folder: Path, umask: int
) -> Iterator[tuple[duckdb.DuckDBPyConnection, dict]]:
    """The same for the tables of Spark."""
    exports = SparkExports(project, warehouse, arguments, given, folder, umask)
    with exports.connection() as connection:
        yield connection, {"relations": exports.relations, "log": exports.log}


def run(
    settings: Path | None,
    contact_date: date | None,
    arguments: list[str],
    *,
    is_on_spark: bool = False,
    has_fewer_suppressions: bool = False,
) -> None:
    """Build and test, then export.

    settings: a YAML settings file. is_on_spark: build on the target `spark`. has_fewer_suppressions: export although
    far fewer customers are suppressed than at the last export.
    """
    project = Path.cwd()
    warehouse = (spark_warehouse() if is_on_spark else warehouse_path()).resolve()
    folder = audiences_folder(warehouse)
    arguments = [*TARGET, *arguments] if is_on_spark else arguments
    # Before the build starts, which takes long.
    chosen = project_settings(project, settings)
    if "customer_360" in (chosen.get("disabled_marts") or ()):
        raise SettingsError("The lists are written from the mart customer_360; take it out of 'disabled_marts'.")
    if is_on_spark and chosen.get("history_format") == "none":
        raise SettingsError(
            "With history_format: none, the next build on Spark would forget whom these lists reached: it would propose"
            " the same actions again, and measure no results. Set parquet, iceberg or delta."
        )
    if not is_on_spark:
        check_warehouse(warehouse)
    with locked(folder) as umask:
        dbt_arguments = ["--exclude-resource-type", "unit_test", *arguments]
        # Each build on Spark writes files of its own, which others may read as before.
        umask = umask if is_on_spark else -1
        given = build(project, settings, dbt_arguments, warehouse, "nothing was exported", umask)
        # Every run of dbt checks the settings, so their values are valid here.
        valid = project_settings(project) | given
        choices = Choices(
            valid["audience_columns"],
            valid["contacts_location"],
            valid["contacts_columns"],
            valid["contacts_country"],
            contact_date,
            valid["ids_are_whole_numbers"],
            valid["suppressions_location"],
            valid["row_count_drop_warn"],
            has_fewer_suppressions,
        )
        made = (project, warehouse, arguments)
        with on_spark(*made, given, folder, umask) if is_on_spark else on_duckdb(*made) as (connection, places):
            places["relations"] = replace(places["relations"], warehouse=str(warehouse))
            completed = finish_interrupted(folder, connection, places["relations"])
            if completed is not None:
                print(
                    f"Export {completed} had been interrupted after it was logged. Its files are complete now, in "
                    f"{folder / f'{completed:06d}'}. Nothing new was exported; run this again for the next wave."
                )
                return
            exported = export(folder, connection, choices=choices, **places)
    print(summary(folder, exported))


def summary(folder: Path, exported: dict | None) -> str:
    """Say what an export has written, by its manifest (None if there is none)."""
    actions = exported["actions"] if exported else {}
    lines = []
    if not any(counts["treated"] for counts in actions.values()):
        lines.append("Nobody is to be contacted: the mart audiences says why, in status and status_reason.")
    if exported:
        lines.append(f"Export {exported['wave']} is in {folder / format(exported['wave'], '06d')}:")
    for action, counts in actions.items():
        if counts["treated"]:
            without = _without_contact(counts, "without_contact")
            lines.append(f"  {action}.csv: {counts['treated']} customers; {counts['holdout']} held out{without}")
        if counts.get("withheld"):
            lines.append(
                f"  {action}.*.csv for the platforms: {counts['withheld']} addresses and numbers left out, which"
                " customers suppressed or held out have too"
            )
        if counts["went"]:
            without = _without_contact(counts, "went_without_contact")
            lines.append(f"  {action}.removed.csv: {counts['went']} customers to take off the last list{without}")
        elif any(counts.get(f"removed_contacts_for_{platform}") for platform in PLATFORMS):
            lines.append(f"  {action}.removed.*.csv: addresses and numbers to take off the platforms")
    return "\n".join(lines)


def _without_contact(counts: dict, key: str) -> str:
    return f"; {counts[key]} without a valid contact" if key in counts else ""


def main(given: list[str]) -> None:
    """Parse the command line and run the export."""
    parser = argparse.ArgumentParser(
        prog="python -m customer_segmentation.audiences", description="Build, test, and export the audiences."
    )
    parser.add_argument("--settings", type=Path, help="a YAML settings file for the build")
    parser.add_argument(
        "--contact-date", type=date.fromisoformat, help="the day of the contact; by default the as-of date"
    )
    parser.add_argument("--target", choices=["spark"], help="build on Apache Spark (default: DuckDB)")
    parser.add_argument("arguments", nargs="*", metavar="-- ARGUMENTS", help="further arguments of dbt build")
    parser.add_argument(
        FEWER_SUPPRESSIONS,
        action="store_true",
        help="export although far fewer customers are suppressed than at the last export; can be among the ARGUMENTS",
    )
    # `make audiences` passes its ARGS after the two dashes, where dbt's are.
    arguments = parser.parse_args([each for each in given if each != FEWER_SUPPRESSIONS])
    run(
        arguments.settings,
        arguments.contact_date,
        arguments.arguments,
        is_on_spark=arguments.target == "spark",
        has_fewer_suppressions=FEWER_SUPPRESSIONS in given,
    )


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except (ExportError, PublicationError, SettingsError, WarehouseError) as problem:
        sys.exit(str(problem))
