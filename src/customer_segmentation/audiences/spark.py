"""Export from Spark: the marts come to a DuckDB file, the lists are written from it, and Spark's log gets the wave."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb

from customer_segmentation.audiences.errors import ExportError
from customer_segmentation.audiences.export import Relations, log_wave
from customer_segmentation.audiences.files import read_manifest
from customer_segmentation.publication.copying import literal
from customer_segmentation.publication.dbt_build import target_folder
from customer_segmentation.publication.spark import fetch_marts

TARGET = ("--target", "spark")
# The tables that an export needs besides the marts.
OTHERS = ("int_as_of_date", "int_export_log")
# And, where suppressions are set, this one.
SUPPRESSIONS = "int_suppressions_checked"
RELATIONS = Relations("marts.audiences", "marts.customer_360", "int_as_of_date", "int_export_log")
# The end of dbt's output that an error message shows.
SHOWN = 2_000


def is_suppressed(manifest: dict[str, Any]) -> bool:
    """Whether a build had suppressions, by its manifest: without them their models are disabled."""
    node = manifest["nodes"].get(f"model.customer_segmentation.{SUPPRESSIONS}")
    return node is not None and node["config"].get("enabled", True)


class SparkExports:
    """What an export reads and where it logs, for a build on the target `spark`.

    Args:
        project: The project folder.
        warehouse: The folder of Spark's tables.
        arguments: Arguments of the build, with its target folder.
        settings: The settings of the build.
        folder: A folder for the marts while the export runs, which only its owner can read. Spark reads the wave from
            it, so the driver and the workers must see it and run as that owner.
        umask: The umask of the files of Spark (-1: that of this process).
    """

    def __init__(
        self,
        project: Path,
        warehouse: Path,
        arguments: list[str],
        settings: dict[str, Any],
        folder: Path,
        umask: int = -1,
    ) -> None:
        """Take what the build left."""
        self.project, self.warehouse, self.settings, self.folder = project, warehouse, settings, folder
        self.umask = umask
        self.target = target_folder(project, arguments)
        manifest = read_manifest(self.target)
        self.others = (*OTHERS, SUPPRESSIONS) if is_suppressed(manifest) else OTHERS
        self.relations = replace(RELATIONS, suppressions=SUPPRESSIONS if SUPPRESSIONS in self.others else None)

    @contextmanager
    def connection(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Yield a connection to a DuckDB file with `relations`, which goes when the context ends.

        Raises:
            ExportError: dbt could not read the log.
            PublicationError: A mart is missing, or breaks its constraints.
        """
        with TemporaryDirectory(prefix=".marts-", dir=self.folder) as aside:
            self.aside = Path(aside)
            fetch_marts(self.warehouse, self.target, self.aside / "spark.duckdb")
            self._run("write_tables", {"tables": dict.fromkeys(self.others), "folder": aside})
            with duckdb.connect(str(self.aside / "spark.duckdb")) as connection:
                connection.execute("set TimeZone = 'UTC'")
                for table in self.others:
                    rows = literal(f"{aside}/{table}.parquet/*.parquet")
                    connection.execute(f"create table {table} as from read_parquet({rows})")
                # An empty table was written with one row of nulls.
                connection.execute("delete from int_export_log where wave is null")
                yield connection

    def log(self, connection: duckdb.DuckDBPyConnection, relations: Relations, manifest: dict[str, Any]) -> None:
        """Add the wave to Spark's log, in one step of its catalog."""
        log_wave(connection, relations, manifest)
        path = str(self.aside / "wave.parquet")
        wave = int(manifest["wave"])
        rows = f"select * exclude (wave) from {relations.log} where wave = {wave}"
        connection.execute(f"copy ({rows}) to {literal(path)} (format parquet)")
        self._run("log_exported_wave", {"path": path, "wave": wave})

    def _run(self, operation: str, arguments: dict[str, Any]) -> None:
        command = [str(Path(sys.executable).with_name("dbt")), "--no-use-colors", "run-operation", operation]
        command += ["--args", json.dumps(arguments), "--vars", json.dumps(self.settings), *TARGET]
        command += ["--target-path", str(self.target / "operations")]
        finished = subprocess.run(
            command, cwd=self.project, capture_output=True, text=True, check=False, umask=self.umask
        )
        if finished.returncode:
            raise ExportError(f"dbt could not run {operation} on Spark: {finished.stdout[-SHOWN:].strip()}")
