"""Run `dbt build`, and check that it was complete and successful."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from customer_segmentation.publication.errors import PublicationError
from customer_segmentation.settings import has_flag, read_settings, with_one_vars

GREEN = ("success", "pass", "warn", "no-op")
# Options of dbt that build the tables without some or all of their rows, and their names in run_results.json.
PARTIAL = {
    "--empty": "empty",
    "--sample": "sample",
    "--event-time-start": "event_time_start",
    "--event-time-end": "event_time_end",
}


def build(
    project: Path,
    settings: Path | None,
    arguments: list[str],
    warehouse: Path,
    consequence: str = "nothing was published",
    umask: int = -1,
) -> dict[str, Any]:
    """Run `dbt build` in a separate process, and return the settings given on its command line.

    `settings` is a YAML settings file, `arguments` are further arguments of dbt, `warehouse` is the file or, on Spark,
    the folder that the build must write, `consequence` ends the sentence of an error, and `umask` is that of dbt's
    files (-1: as that of this process).

    Raises:
        PublicationError: The build failed, was incomplete, or wrote another database.
        SettingsError: The settings and the arguments cannot be put together.
    """
    # Before the build, because it would empty the warehouse; after it, because variables of the environment count too.
    _check_rows_are_read([option for option in PARTIAL if has_flag(arguments, option)], consequence)
    target = target_folder(project, arguments)
    before = _run_results(target).get("metadata", {}).get("invocation_id")
    tables_before = _last_changes(warehouse)
    variables = ["--vars", json.dumps(read_settings(settings), default=str)] if settings else []
    dbt = Path(sys.executable).with_name("dbt")
    command = [str(dbt), "build", *with_one_vars([*variables, *arguments])]
    finished = subprocess.run(command, cwd=project, check=False, umask=umask)
    if finished.returncode:
        raise PublicationError(f"The build failed, see above; {consequence}.")
    results = _run_results(target)
    if not results or results["metadata"]["invocation_id"] == before:
        raise PublicationError(f"dbt wrote no results for this run to {target}; {consequence}.")
    manifest = json.loads((target / "manifest.json").read_text(encoding="utf-8"))
    check_whole_and_green(results, manifest, consequence)
    if _last_changes(warehouse) == tables_before:
        raise PublicationError(
            f"The build wrote nothing to the warehouse {warehouse}, so its target or profile names another database; "
            f"{consequence}. Run it with the target whose path in profiles.yml is this warehouse, or set "
            "SEGMENTATION_WAREHOUSE (on Spark SEGMENTATION_SPARK_WAREHOUSE) to the one that the build writes."
        )
    return results["args"]["vars"]


def check_whole_and_green(
    results: dict[str, Any], manifest: dict[str, Any], consequence: str = "nothing was published"
) -> None:
    """Check that every model, seed and data test of the project ran, and that none failed.

    `results` and `manifest` are the content of dbt's run_results.json and manifest.json. Unit tests may be left out,
    because they test the code and not the published data. So may the training (tag `training`) and its tests, because
    a run that only scores builds every mart with the stored model. If part of the training ran, all of it must have.

    Raises:
        PublicationError: Something failed, was skipped, did not run, or was built without all of its rows.
    """
    _check_rows_are_read([option for option, name in PARTIAL.items() if results["args"].get(name)], consequence)
    statuses = {result["unique_id"]: result["status"] for result in results["results"]}
    failed = sorted(node for node, status in statuses.items() if status not in GREEN)
    if failed:
        raise PublicationError(f"The build did not succeed: {failed[0]} {statuses[failed[0]]}; {consequence}.")
    # dbt lists the tests of a disabled model among the nodes, although it never runs them.
    nodes = {
        node: described for node, described in manifest["nodes"].items() if described["config"].get("enabled", True)
    }
    training = {node for node, described in nodes.items() if "training" in described["tags"]}
    needed = {
        node
        for node, described in nodes.items()
        if described["resource_type"] in ("model", "seed", "snapshot", "test")
        and described["config"].get("materialized") != "ephemeral"
        and node not in training
        and not (described["resource_type"] == "test" and training & set(described["depends_on"]["nodes"]))
    }
    # A run of some training models is neither a full run nor a scoring run.
    if training & set(statuses):
        needed |= {node for node in training if nodes[node]["resource_type"] == "model"}
    left_out = sorted(needed - set(statuses))
    if left_out:
        raise PublicationError(
            f"The build left out {len(left_out)} of {len(needed)} models, seeds and tests ({left_out[0]}); "
            f"{consequence}. It needs a complete build: run it without --select and --exclude."
        )


def _check_rows_are_read(partial: list[str], consequence: str) -> None:
    """Raise PublicationError if there are options with which a build does not read all rows."""
    for option in partial:
        raise PublicationError(
            f"A build with {option} does not read all rows of the input; {consequence}. Run it without {option}."
        )


def target_folder(project: Path, arguments: list[str]) -> Path:
    """The folder where `dbt build` with these arguments writes run_results.json and manifest.json."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--target-path", default=os.environ.get("DBT_TARGET_PATH") or "target")
    return project / parser.parse_known_args(arguments)[0].target_path


def _run_results(target: Path) -> dict[str, Any]:
    """The content of run_results.json in this target folder; empty if there is no such file."""
    file = target / "run_results.json"
    return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}


def _last_changes(warehouse: Path) -> dict[Path, int]:
    """When the files of a warehouse, or the folders of its tables on Spark, were last changed.

    Every complete build writes tables, even one that changes no row.
    """
    log = warehouse.with_name(f"{warehouse.name}.wal")
    parts = warehouse.glob("*.db/*") if warehouse.is_dir() else [warehouse, log]
    return {part: part.stat().st_mtime_ns for part in parts if part.exists()}
