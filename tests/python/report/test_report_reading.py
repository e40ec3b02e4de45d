"""What the report reads from the marts, without a browser."""

from __future__ import annotations

import shutil
from pathlib import Path

import duckdb
import pytest
from conftest import Built

from customer_segmentation.report.reading import Marts


@pytest.fixture
def warehouse(sample: Built, tmp_path: Path) -> Path:
    """A copy of the sample's warehouse."""
    return Path(shutil.copy(sample.warehouse, tmp_path / "warehouse.duckdb"))


def test_a_suppressed_customer_of_a_segment_without_an_action_is_marked(warehouse) -> None:
    """Whoever only some actions must not reach is still told with the action."""
    with duckdb.connect(str(warehouse)) as connection:
        (partly,) = connection.execute("select min(customer_id) from marts.audiences").fetchone()
        connection.execute(
            "update marts.audiences set status = 'suppressed', status_reason = 'staff' where customer_id = ?"
            " and action_rank = (select min(action_rank) from marts.audiences where customer_id = ?)",
            [partly, partly],
        )
        for customer in ("C0100", "C0101"):
            connection.execute(
                "update marts.customer_360 set suppression_reason = 'opted out' where customer_id = ?", [customer]
            )
        connection.execute("delete from marts.audiences where customer_id = 'C0100'")
        connection.execute(
            "update marts.audiences set status = 'suppressed', status_reason = 'opted out' where customer_id = 'C0101'"
        )

    marts = Marts(warehouse)
    told = [(row["customer_id"], row["reason"], row["is_every_action"]) for row in marts.suppressed_customers()]
    assert told[:2] == [("C0100", "opted out", True), ("C0101", "opted out", True)]
    assert [row[:2] for row in told[2:]] == [(partly, "staff")]
    assert "suppression_reason" not in marts.customers()


def test_verdicts_stay_on_the_page_while_later_waves_wait(warehouse) -> None:
    """Waves 4 and 6 had removed files alone, and so have no results. The others but 1, 2 and 3 wait."""
    with duckdb.connect(str(warehouse)) as connection:
        for wave in (1, 2, 3, 5, 7, 8, 9, 10):
            for days in (30, 60):
                verdict = "more" if wave <= 3 and days == 30 else "too early"
                connection.execute(
                    "insert into marts.action_results (action_id, wave, horizon_days, contact_date, customers_treated,"
                    " customers_held_out, verdict) values (?, ?, ?, date '2024-01-01' + ?::integer, 90, 10, ?)",
                    ["call", wave, days, wave, verdict],
                )

    shown = [(row["contacted_on"].day - 1, row["verdict"]) for row in Marts(warehouse).latest_results()]
    assert shown == [(wave, "Too early") for wave in (10, 9, 8)] + [(wave, "They spent more") for wave in (3, 2, 1)]
