"""The questions in analyses/: each compiles, runs on the sample, and returns the expected answer."""

from __future__ import annotations

import shutil
from pathlib import Path

import duckdb
import pytest
import yaml
from conftest import PROJECT, Built, Once, green, warm_dbt

ANALYSES = sorted(path.stem for path in (PROJECT / "analyses").glob("*.sql"))
# These return no rows on the sample, because its data are clean and there was no build before.
MAY_BE_EMPTY = {"data_quality_worth_fixing", "movers_down"}


@pytest.fixture(scope="session")
def compiled(once: Once, sample: Built) -> dict[str, str]:
    """The compiled SQL of every analysis."""

    def make(folder: Path) -> dict[str, str]:
        folder.mkdir(parents=True, exist_ok=True)
        # dbt compile opens the warehouse for writing, while other tests read the sample.
        shutil.copy(green(sample).warehouse, folder / "warehouse.duckdb")
        green(warm_dbt().run(folder, {}, "compile", "--select", "resource_type:analysis"))
        return {path.stem: path.read_text() for path in (folder / "target" / "compiled").rglob("analyses/*.sql")}

    return once("analyses", make)


def answer(compiled: dict[str, str], sample: Built, name: str) -> list[dict]:
    with duckdb.connect(str(sample.warehouse), read_only=True) as connection:
        asked = connection.execute(compiled[name])
        columns = [column[0] for column in asked.description]
        return [dict(zip(columns, row, strict=True)) for row in asked.fetchall()]


@pytest.mark.parametrize("name", ANALYSES)
def test_an_analysis_opens_with_its_question_and_runs(name, compiled, sample) -> None:
    first_line = (PROJECT / "analyses" / f"{name}.sql").read_text().splitlines()[0]

    assert first_line.startswith("-- ")
    assert first_line.endswith("?")
    rows = answer(compiled, sample, name)
    assert rows or name in MAY_BE_EMPTY


def test_every_analysis_is_described(compiled) -> None:
    described = yaml.safe_load((PROJECT / "analyses" / "_analyses.yml").read_text())["analyses"]

    assert sorted(one["name"] for one in described) == ANALYSES == sorted(compiled)
    for one in described:
        first_line = (PROJECT / "analyses" / f"{one['name']}.sql").read_text().splitlines()[0]
        assert one["description"].strip() == first_line.removeprefix("-- ")


def test_the_shares_of_the_revenue_add_up(compiled, sample) -> None:
    rows = answer(compiled, sample, "revenue_share_by_segment")

    assert sum(row["spending_percent"] for row in rows) == pytest.approx(100, abs=0.3)
    assert rows[-1]["spending_percent_so_far"] == 100
    assert rows[0]["segment_name"] == "High Value"


def test_customers_near_a_border_are_those_with_the_smallest_margins(compiled, sample) -> None:
    rows = answer(compiled, sample, "customers_near_a_border")
    margins = sample.column("select margin from marts.customer_segments where margin is not null order by margin")

    assert [row["margin"] for row in rows] == [round(margin, 3) for margin in margins if margin < 0.1]
    assert 0 < len(rows) < len(margins)


def test_customers_to_call_have_gone_quiet_and_are_in_the_top_segment(compiled, sample) -> None:
    rows = answer(compiled, sample, "who_to_call_this_week")

    assert 0 < len(rows) <= 20
    assert {row["segment_name"] for row in rows} == {"High Value"}
    assert {row["action"] for row in rows} == {"Ask personally what they miss"}
    spending = [row["total_spending"] for row in rows]
    assert spending == sorted(spending, reverse=True)
    # The usual interval is rounded.
    assert all(row["days_since_last_transaction"] > 2 * row["usual_interval_days"] - 1 for row in rows)
    # Nobody who is suppressed or held out.
    due = sample.column(
        "select customer_id from marts.audiences inner join marts.customer_segments using (customer_id)"
        " where status = 'treated' and is_quiet and action_id = 'ask_what_they_miss'"
    )
    assert sorted(row["customer_id"] for row in rows) == sorted(due)
    assert len(due) < len(sample.column("select 1 from marts.customer_segments where is_quiet and cluster_id = 3"))


def test_customers_to_call_are_those_of_the_segment_that_overrides_name(compiled, sample, tmp_path) -> None:
    """An override into the top segment is called for the action of that segment, and one out of it is not."""
    overridden = Built(0, "", tmp_path / "warehouse.duckdb")
    shutil.copy(sample.warehouse, overridden.warehouse)
    before = [row["customer_id"] for row in answer(compiled, sample, "who_to_call_this_week")]
    put_there = sample.column("select min(customer_id) from marts.customer_segments where cluster_id = 0 and is_quiet")
    (key,) = sample.column("select segment_key from marts.segment_profiles where segment_name = 'High Value'")
    with duckdb.connect(str(overridden.warehouse)) as connection:
        for customer, segment in ((put_there[0], "High Value"), (before[0], "Low Value")):
            connection.execute(
                "update marts.customer_segments set segment_name = ?, is_overridden = true,"
                " total_spending = 1000000 where customer_id = ?",
                [segment, customer],
            )
        connection.execute("delete from marts.audiences where customer_id = ?", [put_there[0]])
        connection.execute(
            "insert into marts.audiences (customer_id, action_id, segment_key, segment_name, status, action_rank)"
            " values (?, 'ask_what_they_miss', ?, 'High Value', 'treated', 1)",
            [put_there[0], key],
        )

    after = [row["customer_id"] for row in answer(compiled, overridden, "who_to_call_this_week")]
    assert after == [put_there[0], *before[1:]]


def test_the_spending_at_risk_is_that_of_quiet_customers(compiled, sample) -> None:
    rows = answer(compiled, sample, "spending_at_risk")
    customers = sample.rows(
        "select segment_name, total_spending, is_quiet from marts.customer_segments where cluster_id is not null"
    )

    assert sum(row["customers"] for row in rows) == len(customers)
    for row in rows:
        own = [spending for name, spending, is_quiet in customers if name == row["segment_name"] and is_quiet]
        assert (row["quiet_customers"], row["spending_of_quiet_customers"]) == (len(own), sum(own))


def test_nobody_of_the_sample_bought_once(compiled, sample) -> None:
    rows = answer(compiled, sample, "one_time_buyers")

    assert sum(row["customers"] for row in rows) == 620
    assert {row["one_time_buyers"] for row in rows} == {0}


def test_the_first_build_moves_nobody(compiled, sample) -> None:
    assert answer(compiled, sample, "movers_down") == []


def test_a_segment_that_is_renamed_hides_no_move(compiled, sample, tmp_path) -> None:
    renamed = Built(0, "", tmp_path / "warehouse.duckdb")
    shutil.copy(sample.warehouse, renamed.warehouse)
    with duckdb.connect(str(renamed.warehouse)) as connection:
        richest, poorest = connection.execute(
            "select max_by(segment_key, avg_total_spending), min_by(segment_key, avg_total_spending)"
            " from marts.segment_profiles where cluster_id is not null"
        ).fetchone()
        moved = "C0001"
        connection.execute("delete from marts.segment_history where customer_id = ?", [moved])
        for key, rest in (
            (richest, "'Rich', false, 1, 2"),
            (poorest, "'Poor', false, 2, 3"),
            (poorest, "'Renamed', true, 3, null"),
        ):
            connection.execute(
                "insert into marts.segment_history (customer_id, segment_key, segment_name, is_current,"
                f" valid_from_build, valid_to_build, valid_from_date) select ?, ?, {rest}, date '2024-12-31'",
                [moved, key],
            )

    assert [row["customer_id"] for row in answer(compiled, renamed, "movers_down")] == [moved]
    # An override keeps the customer where it puts them.
    with duckdb.connect(str(renamed.warehouse)) as connection:
        connection.execute("update marts.customer_segments set is_overridden = true where customer_id = ?", [moved])
    assert answer(compiled, renamed, "movers_down") == []


def test_returns_reconcile_with_the_marts(compiled, sample) -> None:
    rows = answer(compiled, sample, "returns_by_segment")

    assert sum(row["customers"] for row in rows) == sample.column("select count(*) from marts.customer_segments")[0]


def test_overridden_customers_count_in_the_segment_of_the_model(compiled, sample, tmp_path) -> None:
    overridden = Built(0, "", tmp_path / "warehouse.duckdb")
    shutil.copy(sample.warehouse, overridden.warehouse)
    with duckdb.connect(str(overridden.warehouse)) as connection:
        connection.execute(
            "update marts.customer_segments set segment_name = 'High Value', is_overridden = true"
            " where segment_name = 'Occasional Buyers' and (margin < 0.1 or is_quiet)"
        )

    for name in ("one_time_buyers", "returns_by_segment", "spending_at_risk"):
        assert answer(compiled, overridden, name) == answer(compiled, sample, name)
    expected = [
        row for row in answer(compiled, sample, "customers_near_a_border") if row["segment_name"] != "Occasional Buyers"
    ]
    assert answer(compiled, overridden, "customers_near_a_border") == expected
