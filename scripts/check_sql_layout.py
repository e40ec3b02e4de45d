"""Check the layout of the text of SQL files: width, indentation, trailing blanks.

Usage: python scripts/check_sql_layout.py [file or folder ...]

sqlfluff measures rendered Jinja, so it reports a short line as too long if a macro call expands in it, and loses the
indentation where a loop writes the commas. It does not read macro files at all. This script reads the source text.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

FOLDERS = ["models", "macros", "tests", "analyses"]
SQL_WIDTH = 88
# Comments are sentences, and Jinja is code: they may be as wide as Python.
TEXT_WIDTH = 120
INDENT = 4


def problems(text: str, is_macro: bool) -> Iterator[tuple[int, str]]:
    """The line number and the description of each problem in a file's text."""
    in_jinja = False
    for number, line in enumerate(text.splitlines(), start=1):
        stripped = line.lstrip()
        opens = max(line.rfind("{%"), line.rfind("{#"))
        closes = max(line.rfind("%}"), line.rfind("#}"))
        is_text = is_macro or in_jinja or stripped.startswith(("--", "{%", "{#"))
        if opens > closes:
            in_jinja = True
        elif closes > opens:
            in_jinja = False
        width = TEXT_WIDTH if is_text else SQL_WIDTH
        if len(line) > width:
            yield number, f"is {len(line)} characters wide; at most {width} are allowed"
        if "\t" in line:
            yield number, "has a tab; indent by four spaces"
        elif (len(line) - len(stripped)) % INDENT and stripped:
            yield number, "is not indented by a multiple of four spaces"
        if line != line.rstrip():
            yield number, "ends in blanks"
    if text and not text.endswith("\n"):
        yield text.count("\n") + 1, "has no line break at the end of the file"


def main(arguments: list[str]) -> int:
    """Print the problems in the given files, or in all, and return the exit code."""
    found = 0
    for place in map(Path, arguments or FOLDERS):
        files = [place] if place.is_file() else sorted(place.rglob("*.sql"))
        for file in files:
            is_macro = "macros" in file.parts or "generic" in file.parts
            for number, sentence in problems(file.read_text(encoding="utf-8"), is_macro):
                print(f"{file}:{number}: {sentence}")
                found += 1
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
