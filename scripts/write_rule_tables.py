"""Write the rule tables in docs/input.md from the rule catalogue of a warehouse.

Usage: python scripts/write_rule_tables.py [--warehouse warehouse.duckdb] [--document docs/input.md]
"""

from __future__ import annotations

import argparse
import os
import re
from pathlib import Path

import duckdb

HAS_UNDERSCORE = re.compile(r"\b[a-z]+(?:_[a-z]+)+\b")
# {the comment that marks a table: (its columns, the query for its rows)}
TABLES = {
    f"rules for {rows}": (
        ("rule", "a row is rejected when", "remedy"),
        "select rule, meaning, coalesce(remedy, 'none needed') from intermediate.int_rule_catalogue"
        " where kind in ('rejected', 'excluded')"
        f" and (input = '{rows}' or input = 'both' and '{rows}' != 'suppressions')"
        " order by rule_order",
    )
    for rows in ("transactions", "customers", "suppressions")
} | {
    "flags": (
        ("rule", "a row is flagged when", "input"),
        "select rule, meaning, input from intermediate.int_rule_catalogue where kind = 'flagged' order by rule_order",
    )
}


def markdown(columns: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """A Markdown table. Rules, and names with an underscore in the texts, are formatted as code."""
    lines = [columns, ("---",) * len(columns)]
    lines += [(f"`{rule}`", *(HAS_UNDERSCORE.sub(r"`\g<0>`", text) for text in texts)) for rule, *texts in rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def with_tables(document: str, connection: duckdb.DuckDBPyConnection) -> str:
    """The document with its tables replaced. Raises ValueError if it does not have exactly one place for each."""
    for name, (columns, query) in TABLES.items():
        place = re.compile(rf"(<!-- {name} -->\n).*?(<!-- end of {name} -->)", re.DOTALL)
        table = markdown(columns, connection.sql(query).fetchall())
        document, found = place.subn(lambda comments, table=table: comments[1] + table + comments[2], document)
        if found != 1:
            raise ValueError(f"There must be one pair of <!-- {name} --> and <!-- end of {name} -->; found {found}.")
    return document


def main() -> None:
    """Replace the tables in the document."""
    parser = argparse.ArgumentParser(description="Write the rule tables in docs/input.md.")
    parser.add_argument("--warehouse", type=Path, default=os.environ.get("SEGMENTATION_WAREHOUSE", "warehouse.duckdb"))
    parser.add_argument("--document", type=Path, default=Path("docs/input.md"))
    arguments = parser.parse_args()
    with duckdb.connect(str(arguments.warehouse), read_only=True) as connection:
        document = with_tables(arguments.document.read_text(encoding="utf-8"), connection)
    arguments.document.write_text(document, encoding="utf-8")


if __name__ == "__main__":
    main()
