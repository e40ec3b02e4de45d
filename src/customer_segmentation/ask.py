"""Ask the questions in analyses/ by their names.

Usage: python -m customer_segmentation.ask                        lists the questions
       python -m customer_segmentation.ask who_to_call_this_week  answers one; takes further arguments of dbt
"""

from __future__ import annotations

import os
import re
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml

from customer_segmentation.dbt_process import dbt_runner, leave
from customer_segmentation.publication.warehouse import warehouse_path
from customer_segmentation.settings import SettingsError, has_flag, with_one_vars

CATALOGUE = Path("analyses") / "_analyses.yml"


def questions() -> dict[str, dict[str, str]]:
    """The questions by the names of their analyses, each with what it means that no row answers it."""
    described = yaml.safe_load(CATALOGUE.read_text(encoding="utf-8"))["analyses"]
    return {
        each["name"]: {"question": each["description"].strip()} | each.get("config", {}).get("meta", {})
        for each in described
    }


def table(columns: list[str], rows: list[list[Any]]) -> str:
    """Rows as aligned text: numbers to the right with equal decimals, a dash for a missing value."""
    numeric, texts = [], []
    for place in range(len(columns)):
        known = [row[place] for row in rows if row[place] is not None]
        is_number = bool(known) and all(type(value) in (int, Decimal) for value in known)
        decimals = (
            max((-Decimal(value).normalize().as_tuple().exponent for value in known), default=0) if is_number else 0
        )
        pattern = f".{max(decimals, 0)}f" if is_number else ""
        numeric.append(is_number)
        texts.append(["-" if row[place] is None else format(row[place], pattern) for row in rows])
    lines = [columns, *(list(line) for line in zip(*texts, strict=True))]
    widths = [max(len(line[place]) for line in lines) for place in range(len(columns))]
    return "\n".join(
        "   ".join(
            value.rjust(width) if is_number else value.ljust(width)
            for value, width, is_number in zip(line, widths, numeric, strict=True)
        ).rstrip()
        for line in lines
    )


def main(arguments: list[str]) -> int:
    """Print the questions, or the answer to one; return 1 if it is unknown or has no answer."""
    asked = questions()
    if not arguments:
        width = max(map(len, asked))
        print("Ask one of these with `make ask Q=name`:")
        print("\n".join(f"{name:<{width}}   {each['question']}" for name, each in asked.items()))
        return 0
    try:
        name, *further = with_one_vars(arguments)
    except SettingsError as problem:
        print(problem, file=sys.stderr)
        return 1
    if name not in asked:
        print(f"There is no question {name!r}; the questions are {', '.join(asked)}.", file=sys.stderr)
        return 1
    warehouse = warehouse_path()
    is_file = os.environ.get("SEGMENTATION_TARGET", "dev") in ("dev", "ci") and not has_flag(further, "--target", "-t")
    # dbt would create the file.
    if is_file and not warehouse.is_file():
        print(f"{name} has no answer: there is no warehouse {warehouse}. `make build` creates one.", file=sys.stderr)
        return 1
    command = ["--quiet", "--no-use-colors", "show", "--select", name, "--limit", "-1", "--output", "json"]
    result = dbt_runner().invoke([*command, "--log-level", "none", *further])
    if not result.success:
        failed = str(result.exception or "; ".join(str(each.message) for each in result.result.results))
        if re.search(r"Table with name \w+ does not exist", failed):
            failed = f"a mart that it reads is not in {warehouse}. `make build` builds the marts."
        print(f"{name} has no answer: {failed}", file=sys.stderr)
        return 1
    if not result.result.results:
        print(f"{name} has no answer: it reads a mart that the setting disabled_marts leaves out.", file=sys.stderr)
        return 1
    answer = result.result.results[0].agate_table
    print(asked[name]["question"] + "\n")
    if len(answer.rows):
        print(table(list(answer.column_names), [list(row) for row in answer.rows]))
    else:
        print(asked[name].get("no_rows", "No row answers this.").strip())
    return 0


if __name__ == "__main__":
    try:
        code = main(sys.argv[1:])
        sys.stdout.flush()
    except BrokenPipeError:
        # What reads the answer, such as head, has enough of it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    leave(code)
