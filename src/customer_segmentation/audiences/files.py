"""The files of an export: lists that a spreadsheet opens without executing them, and the manifest."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

# A spreadsheet takes a cell that begins like this for a formula (OWASP, "CSV Injection"); the last four are the
# full-width forms of the first four.
FORMULA = re.compile("^\\s*[=+\\-@\uff1d\uff0b\uff0d\uff20]|^[\t\r\n]")


def safe_cell(value: Any) -> Any:
    """A value that no spreadsheet executes: a text like a formula is preceded by an apostrophe. Numbers stay."""
    return f"'{value}" if isinstance(value, str) and FORMULA.match(value) else value


def write_csv(
    file: Path, header: Sequence[str], rows: Iterable[Sequence[Any]], *, for_spreadsheets: bool = True
) -> int:
    """Write a CSV file and return the number of its rows.

    for_spreadsheets: cells are made safe, and a byte-order mark tells Excel that the file is in UTF-8. Programs that
    read the file otherwise, such as an ad platform, get neither.
    """
    count = 0
    with file.open("w", encoding="utf-8-sig" if for_spreadsheets else "utf-8", newline="") as opened:
        writer = csv.writer(opened)
        writer.writerow(header)
        for row in rows:
            writer.writerow([safe_cell(value) for value in row] if for_spreadsheets else row)
            count += 1
    return count


def write_manifest(folder: Path, content: dict[str, Any]) -> None:
    """Write manifest.json, which describes the export."""
    (folder / "manifest.json").write_text(json.dumps(content, indent=2, default=str) + "\n", encoding="utf-8")


def read_manifest(folder: Path) -> dict[str, Any]:
    """Read manifest.json, of an export or of dbt. Raises OSError or ValueError if it is not there or not whole."""
    return json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
