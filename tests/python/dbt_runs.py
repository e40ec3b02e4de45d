"""Run dbt many times in one process, because most of the time of a short run is dbt starting and parsing.

Usage: python dbt_runs.py FOLDER    reads FOLDER/runs.json, writes FOLDER/answers.json; see conftest.many_dbt_runs
       python dbt_runs.py           answers one run per line of standard input; see conftest.WarmDbt

The folder PARSED_PROJECTS has the projects that dbt has parsed.
"""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from dbt.adapters.duckdb.connections import DuckDBConnectionManager
from dbt.cli.main import dbtRunner, dbtRunnerResult
from dbt.contracts.graph.manifest import Manifest


def invoke(
    folder: Path, arguments: list[str], manifest: Manifest | None = None, see: Callable[[Any], None] | None = None
) -> dbtRunnerResult:
    """Run dbt, with all its output except the warehouse in the folder; `see` is called with each event."""
    folders = ["--target-path", str(folder / "target"), "--log-path", str(folder / "logs")]
    # A log file with every statement would take a sixth of a build, and files about the project half of a short run.
    flags = ["--no-use-colors", "--log-level-file", "none", "--no-write-json"]
    # Two threads of dbt wait for each other's Python, and two processes run tests. Other engines do more at once.
    alone = [] if {"--threads", "--target"} & {*arguments} else ["--threads", "1"]
    return dbtRunner(manifest=manifest, callbacks=[see] if see else []).invoke([*flags, *arguments, *alone, *folders])


def close_warehouse() -> None:
    """Close the file of a run in this process; the connections of Python models stay open, and with them the file."""
    with suppress(Exception):
        DuckDBConnectionManager.env().close()
    DuckDBConnectionManager.close_all_connections()


# ---- reading the project -----------------------------------------------------------------------------------------

# The Python models get their settings from YAML files, which dbt renders while it reads the project.
READ_WHILE_PARSED = r"var\('(\w+)'\)"
# Where an input is, is read then only if it is a model or a source of another project.
OF_ANOTHER_PROJECT = r" *(ref|source) *\("


@cache
def default_settings() -> dict[str, Any]:
    return yaml.safe_load(Path("dbt_project.yml").read_text(encoding="utf-8"))["vars"]


@cache
def settings_read_while_parsed() -> frozenset[str]:
    texts = [path.read_text(encoding="utf-8") for path in Path("models").rglob("*.yml")]
    return frozenset(name for text in texts for name in re.findall(READ_WHILE_PARSED, text))


MANIFESTS: dict[str, Manifest | None] = {}


def manifest_for(settings: dict[str, Any], folder: Path, *target: str) -> Manifest | None:
    """The project as dbt reads it with these settings: read once for all runs and processes it would be the same for.

    What a model refers to can depend on whether a setting is null, and the name of a relation on the name of the file.
    None where dbt refuses the settings, so that the run itself says why.
    """
    read = {
        name: value
        for name, value in settings.items()
        if name in settings_read_while_parsed()
        and (not name.endswith("_location") or re.match(OF_ANOTHER_PROJECT, str(value)))
    }
    unlike = [name for name in settings if (settings[name] is None) != (default_settings().get(name) is None)]
    database = Path(os.environ["SEGMENTATION_WAREHOUSE"]).stem
    # How a model is made is read with the project, too. The files of a pattern, and the days of loading of a table, are
    # read by an incremental model. Customers and suppressions are stored as they came if their rows have no fixed
    # order, as those of a view.
    made = [
        settings.get("history_format"),
        "*" in str(settings.get("transactions_location")),
        "loaded_at" in str(settings.get("transactions_columns")),
        *(
            bool(location) and not re.search(r"[.](csv|tsv|txt|parquet)\b", str(location), re.IGNORECASE)
            for location in (settings.get("customers_location"), settings.get("suppressions_location"))
        ),
    ]
    alike = json.dumps([read, sorted(unlike), target, database, made], sort_keys=True, default=str)
    if alike not in MANIFESTS:
        # dbt takes seconds to parse the project, and to load it takes a tenth of one.
        parsed = Path(os.environ["PARSED_PROJECTS"], hashlib.sha256(alike.encode()).hexdigest())
        if not parsed.exists():
            parse = ["--quiet", "parse", *target, "--vars", json.dumps(settings, default=str)]
            with tempfile.NamedTemporaryFile(dir=parsed.parent, delete=False) as file:
                pickle.dump(invoke(folder, parse).result, file)
            Path(file.name).rename(parsed)
        MANIFESTS[alike] = pickle.loads(parsed.read_bytes())
    return MANIFESTS[alike]


# ---- runs that are planned together ------------------------------------------------------------------------------


def answer(run: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The result of one dbt run."""
    os.environ["SEGMENTATION_WAREHOUSE"] = run["warehouse"]
    variables, parse = run["variables"], run.get("parse", "shared")
    written = variables if isinstance(variables, str) else json.dumps(variables)
    manifest = None if parse == "alone" else manifest_for(yaml.safe_load(written) if parse == "shared" else {}, folder)
    result = invoke(folder, ["--quiet", *run["arguments"], "--vars", written], manifest)
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


# ---- one run after the other -------------------------------------------------------------------------------------


@contextmanager
def output_to(path: Path) -> Iterator[None]:
    """Write what this process says to a file."""
    sys.stdout.flush()
    kept = os.dup(1), os.dup(2)
    with path.open("wb") as file:
        for descriptor in (1, 2):
            os.dup2(file.fileno(), descriptor)
    try:
        yield
    finally:
        sys.stdout.flush()
        for descriptor, original in zip((1, 2), kept, strict=True):
            os.dup2(original, descriptor)
            os.close(original)


def run_once(run: dict[str, Any], parsed_in: Path) -> int:
    """Do one run, {arguments, settings, parsed_with, target, folder, warehouse}, and return its exit code."""
    os.environ["SEGMENTATION_WAREHOUSE"] = run["warehouse"]
    settings, target = run["settings"], ["--target", run["target"]] if run["target"] else []
    manifest = manifest_for(run["parsed_with"], parsed_in, *target)
    result = invoke(Path(run["folder"]), [*run["arguments"], *target, "--vars", json.dumps(settings)], manifest)
    close_warehouse()
    if result.exception:
        print(result.exception)
    return 0 if result.success else 2 if result.exception else 1


def serve() -> None:
    """Answer each line of standard input with an exit code, until it ends; what dbt says is in the folder's output."""
    answers = os.fdopen(os.dup(1), "w")
    with tempfile.TemporaryDirectory() as parsed_in:
        for line in sys.stdin:
            run = json.loads(line)
            with output_to(Path(run["folder"]) / "output.txt"):
                code = run_once(run, Path(parsed_in))
            print(code, file=answers, flush=True)


def main(folder: Path) -> None:
    """Execute the runs of a folder, one after the other."""
    runs = json.loads((folder / "runs.json").read_text())
    answers = [answer(run, folder) for run in runs]
    (folder / "answers.json").write_text(json.dumps(answers))


if __name__ == "__main__":
    main(Path(sys.argv[1])) if sys.argv[1:] else serve()
