"""Measure the report page of many customers: its size, and how soon it is drawn and its customers can be searched.

Usage: python benchmarks/report_page.py WAREHOUSE [--customers 100000]

The customers of the warehouse are repeated under other ids, with other spending, dates and reasons, so that they do not
compress better than real ones. The browser is Debian's Chromium; times are the median of five openings.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import tempfile
import time
from pathlib import Path

import duckdb
from playwright.sync_api import sync_playwright

from customer_segmentation.report.page import page
from customer_segmentation.report.reading import Marts
from customer_segmentation.report.wording import formatter_for

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
OPENINGS = 5
VARIED = """,
    total_spending + hash(customer_id, copy) % 40000 / 100 as total_spending,
    transaction_count + hash(copy, customer_id) % 7 as transaction_count,
    days_since_last_transaction + hash(customer_id, 'days', copy) % 90 as days_since_last_transaction,
    margin * (0.5 + hash(customer_id, 'margin', copy) % 500 / 1000) as margin,
    regexp_replace(reason, '[0-9]+ %', (hash(customer_id, 'reason', copy) % 20 * 5) || ' %') as reason
"""


def multiply(warehouse: Path, customers: int) -> int:
    """Repeat the customers until there are about this many, and return their number."""
    with duckdb.connect(str(warehouse)) as connection:
        ((there,),) = connection.execute("select count(*) from marts.customer_360").fetchall()
        copies = max(1, round(customers / there))
        for mart in ("customer_segments", "customer_360", "segment_map", "audiences"):
            varied = VARIED if mart.startswith("customer") else ""
            connection.execute(
                "create table marts.grown as select * replace"
                f" (right('00000000' || hash(customer_id, copy) % 100000000, 8) || '-' || copy as customer_id{varied})"
                f" from marts.{mart}, range({copies}) as copies (copy)"
            )
            connection.execute("alter table marts.grown drop copy")
            connection.execute(f"drop table marts.{mart}")
            connection.execute(f"alter table marts.grown rename to {mart}")
    return there * copies


def opened(file: Path) -> tuple[float, float, float]:
    """Seconds until something is painted, until customers can be searched, and until all charts are drawn."""
    seconds = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--headless", "--no-sandbox", "--disable-gpu"]
        )
        for _ in range(OPENINGS):
            tab = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
            started = time.perf_counter()
            tab.goto(file.as_uri())
            tab.wait_for_selector("html[data-customers=ready]")
            searched = time.perf_counter() - started
            tab.wait_for_selector("html[data-charts=drawn]")
            drawn = time.perf_counter() - started
            painted = tab.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime") / 1000
            seconds.append((painted, searched, drawn))
            tab.close()
        browser.close()
    first, second, third = zip(*seconds, strict=True)
    return statistics.median(first), statistics.median(second), statistics.median(third)


def main() -> None:
    """Print one row of the table in report_page.md."""
    parser = argparse.ArgumentParser(description="Measure the report page of many customers.")
    parser.add_argument("warehouse", type=Path)
    parser.add_argument("--customers", type=int, default=100_000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        warehouse, file = Path(folder) / "many.duckdb", Path(folder) / "page.html"
        shutil.copy(arguments.warehouse, warehouse)
        customers = multiply(warehouse, arguments.customers)
        started = time.perf_counter()
        html = page(Marts(warehouse), formatter_for("en_GB", None), "Customers", customers_at_most=customers)
        written = time.perf_counter() - started
        file.write_text(html, encoding="utf-8")
        painted, searched, drawn = opened(file)
        print(
            f"| {customers:,} | {len(html.encode()) / 1e6:.1f} MB | {written:.1f} s | {painted:.2f} s"
            f" | {searched:.2f} s | {drawn:.2f} s |"
        )


if __name__ == "__main__":
    main()
