"""Run dbt several times in one process, because most of the time of a short run is the start of dbt.

Usage: python dbt_runs.py FOLDER    reads FOLDER/runs.json, writes FOLDER/answers.json; see conftest.many_dbt_runs
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from functools import cache
from pathlib import Path
from typing import Any

from dbt.cli.main import dbtRunner, dbtRunnerResult
from dbt.contracts.graph.manifest import Manifest


def invoke(folder: Path, arguments: list[str], manifest: Manifest | None = None) -> dbtRunnerResult:
    """Run dbt, with all its output except the warehouse in the folder."""
    folders = ["--target-path", str(folder / "target"), "--log-path", str(folder / "logs")]
    return dbtRunner(manifest=manifest).invoke(["--no-use-colors", "--quiet", *arguments, *folders])


@cache
def default_manifest(folder: Path) -> Manifest:
    """The project, parsed with the settings of dbt_project.yml."""
    return invoke(folder, ["parse"]).result


def answer(run: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The result of one dbt run."""
    os.environ["SEGMENTATION_WAREHOUSE"] = run["warehouse"]
    variables = run["variables"] if isinstance(run["variables"], str) else json.dumps(run["variables"])
    manifest = default_manifest(folder) if run.get("is_parsed_before") else None
    result = invoke(folder, [*run["arguments"], "--vars", variables], manifest)
    if run.get("copy_to"):
        # dbt holds the file open, so the last writes are still in the write-ahead log next to it.
        for suffix in ("", ".wal"):
            if Path(run["warehouse"] + suffix).exists():
                shutil.copy(run["warehouse"] + suffix, run["copy_to"] + suffix)
    nodes = [node for node in getattr(result.result, "results", None) or [] if node.node.resource_type != "operation"]
    failed = [node.message for node in nodes if node.status not in ("success", "pass", "warn", "skipped")]
    return {
        "success": bool(result.success),
        "message": "\n".join([str(result.exception or ""), *map(str, failed)]),
        "imports_scikit_learn": "sklearn" in sys.modules,
        "nodes": [node.node.name for node in nodes if node.status != "skipped"],
    }


def main(folder: Path) -> None:
    """Execute the runs of a folder, one after the other."""
    runs = json.loads((folder / "runs.json").read_text())
    answers = [answer(run, folder) for run in runs]
    (folder / "answers.json").write_text(json.dumps(answers))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
