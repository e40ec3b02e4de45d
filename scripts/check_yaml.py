"""Parse the project and fail on every warning (misspelt keys, deprecated syntax) and on missing descriptions.

Usage: python scripts/check_yaml.py [project folder]

dbt has schemas for its YAML files but checks them for four adapters only. DuckDB's is not among them, so a misspelt
`descriptoin` gives no warning. This script adds DuckDB to that list and parses the project; it leaves no files behind.
"""

from __future__ import annotations

import re
import sys
import tempfile
from pathlib import Path

from dbt.cli.main import dbtRunner
from dbt.contracts.graph.manifest import Manifest
from dbt.jsonschemas import jsonschemas
from dbt_common.events.base_types import EventLevel, EventMsg

# The summary of deprecations that dbt prints at the end, after reporting each one.
SUMMARIES = {"DeprecationsSummary"}


def warnings_of(project: Path) -> list[str]:
    """The warnings and errors of dbt when it parses a project, and missing descriptions; empty if there are none."""
    found: list[str] = []

    def listen(event: EventMsg) -> None:
        if event.info.level in (EventLevel.WARN, EventLevel.ERROR) and event.info.name not in SUMMARIES:
            found.append(" ".join(event.info.msg.split()))

    jsonschemas._JSONSCHEMA_SUPPORTED_ADAPTERS.add("duckdb")
    with tempfile.TemporaryDirectory() as scratch:
        outcome = dbtRunner(callbacks=[listen]).invoke(
            [
                *("--quiet", "--no-use-colors"),
                *("--log-level", "none", "--log-level-file", "none", "--log-path", scratch),
                "--show-all-deprecations",
                *("--no-partial-parse", "parse"),
                *("--target-path", scratch, "--project-dir", str(project), "--profiles-dir", str(project)),
            ]
        )
    if not outcome.success:
        return list(dict.fromkeys(found)) or [str(outcome.exception)]
    return list(dict.fromkeys(found)) + undescribed(outcome.result)


def undescribed(manifest: Manifest) -> list[str]:
    """The models, seeds, columns and macros without a description, and the macros whose arguments are not described."""
    found = []
    for node in manifest.nodes.values():
        if node.resource_type not in ("model", "seed"):
            continue
        missing = [] if node.description else [node.name]
        missing += [f"{node.name}.{column.name}" for column in node.columns.values() if not column.description]
        found += [f"{name} has no description" for name in missing]
    for macro in manifest.macros.values():
        # The implementation for one engine is described with the macro that dispatches to it.
        if re.match("(default|spark)__", macro.name):
            continue
        if macro.package_name != manifest.metadata.project_name or macro.original_file_path.startswith("tests"):
            continue
        if not macro.description:
            found.append(f"The macro {macro.name} has no description")
        signature = re.search(r"macro\s+\w+\s*\((.*?)\)\s*-?%}", macro.macro_sql, re.DOTALL)
        arguments = [part.split("=")[0].strip() for part in signature[1].split(",") if part.strip()]
        described = [argument.name for argument in macro.arguments if argument.description]
        if arguments != described:
            found.append(f"The macro {macro.name} takes the arguments {arguments} but describes {described}")
    return found


def main(arguments: list[str]) -> int:
    """Print the problems, or that there are none, and return the exit code."""
    found = warnings_of(Path(arguments[0] if arguments else "."))
    for warning in found:
        print(warning)
    if not found:
        print("No problems in the project's YAML.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
