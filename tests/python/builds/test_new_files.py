"""Files of a pattern, and days of loading of a table, are read once.

A build after some of them came, changed or went equals one that reads them all.
"""

from __future__ import annotations

import json
import os
import random
import signal
import time
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any

import duckdb
import pytest
from conftest import DBT, PROJECT, Built, dbt_folders, environment, green, warm_dbt
from dbt_runs import close_warehouse, invoke, manifest_for
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from spark_cluster import end, running, wait_until

# What is read from the lines, without the models that train.
READ = ["int_customer_features", "int_customer_months", "int_transaction_attributes", "data_quality", "int_as_of_date"]
READ += ["int_rejected_transactions", "int_rejected_customers"]
SELECTED = ["--select", *(f"+{model}" for model in READ)]
IN_LONG_TESTS = {kind: pytest.param(kind, marks=pytest.mark.long) for kind in ("csv", "parquet", "table")}
HEADER = "transaction_id,customer_id,transaction_date,quantity,amount,shop"
MONTHS = [f"2024-0{month}" for month in range(1, 7)]
# Each file's time of change: later than that of the file that it replaces, as on a disk whose clock ticks.
TICKS = count(1_700_000_000)


@dataclass
class Shop:
    """A folder with the lines of a shop, and the settings that read it."""

    folder: Path
    changed: dict = field(default_factory=dict)
    kind: str = "csv"

    def __post_init__(self) -> None:
        (self.folder / "lines").mkdir(parents=True)
        self.write_customers(["anna", "bert", "carl"])

    def write_customers(self, names: list[str]) -> None:
        rows = "".join(f"{name},2024-01-01\n" for name in names)
        (self.folder / "customers.csv").write_text("customer_id,signup_date\n" + rows)

    def write(self, name: str, lines: list[str], header: str = HEADER) -> None:
        """Write a part of the lines, a file or a day of loading, or replace it."""
        tick = next(TICKS)
        text = "".join(f"{line}\n" for line in [header, *lines])
        if self.kind == "csv":
            self.path(name).write_text(text)
        else:
            written = self.folder / "lines.txt"
            written.write_text(text)
            rows = f"select * from read_csv('{written}', all_varchar = true, header = true, delim = ',')"
            if self.kind == "table":
                self.load(name, f"select *, {loaded_at(name)} + to_seconds({tick % 80000}) as loaded from ({rows})")
                return
            duckdb.execute(f"copy ({rows}) to '{self.path(name)}' (format parquet)")
        os.utime(self.path(name), (tick, tick))

    def load(self, name: str, rows: str) -> None:
        """Replace the rows of a day in the table; a new column is null in the others."""
        with duckdb.connect(str(self.folder / "shop.duckdb")) as connection:
            connection.execute(f"create table if not exists lines as {rows} limit 0")
            connection.execute(f"delete from lines where loaded::date = {loaded_at(name)}")
            others = "select * from lines union all by name" if connection.execute("from lines").fetchall() else ""
            connection.execute(f"create or replace table lines as {others} ({rows})")

    def remove(self, name: str) -> None:
        if self.kind == "table":
            with duckdb.connect(str(self.folder / "shop.duckdb")) as connection:
                connection.execute(f"delete from lines where loaded::date = {loaded_at(name)}")
        else:
            self.path(name).unlink()

    def path(self, name: str) -> Path:
        return self.folder / "lines" / f"{name}.{self.kind}"

    def settings(self) -> dict:
        names = ["transaction_id", "customer_id", "transaction_date", "quantity", "amount", "shop"]
        lines = {
            "transactions_location": str(self.folder / "lines" / f"*.{self.kind}"),
            "transactions_columns": {name: name for name in names},
        }
        if self.kind == "table":
            lines["transactions_location"] = "shop.lines"
            lines["transactions_columns"]["loaded_at"] = "loaded"
            lines["attach_databases"] = {"shop": str(self.folder / "shop.duckdb")}
        return {
            **lines,
            "transaction_attributes": {"shop": "most_frequent"},
            "customers_location": str(self.folder / "customers.csv"),
            "customers_columns": {"customer_id": "customer_id", "signup_date": "signup_date"},
            "rejected_share_error": 1,
            **self.changed,
        }

    def run(self, place: str, *arguments: str) -> Built:
        """Run the models that read the lines, in the warehouse of a place."""
        return warm_dbt().run(self.folder / place, self.settings(), "run", *SELECTED, *arguments)


def loaded_at(name: str) -> str:
    """SQL: the first moment of the day on which a month was loaded."""
    return f"timestamp '{name}-01'"


def read(built: Built) -> dict[str, list]:
    """What the models hold, without the numbers and files of rows."""
    with duckdb.connect(str(green(built).warehouse), read_only=True) as connection:
        found = {}
        for model in READ:
            schema = {"data_quality": "marts"}.get(model, "rejects" if "rejected" in model else "intermediate")
            columns = "* exclude (input_row)" if schema == "rejects" else "*"
            found[model] = connection.execute(f"select {columns} from {schema}.{model} order by all").fetchall()
        return found


def files_read(built: Built) -> dict[str, int]:
    """{file: lines}, each with a number of its own."""
    with duckdb.connect(str(built.warehouse), read_only=True) as connection:
        rows = connection.execute(
            "select parse_filename(input_file), count(*), count(distinct input_row)"
            " from intermediate.int_transactions_checked group by all order by all"
        ).fetchall()
    assert all(lines == numbers for _, lines, numbers in rows)
    return {file: lines for file, lines, _ in rows}


def assert_as_if_all_were_read(shop: Shop) -> None:
    """The warehouse that has followed the files equals one that sees them for the first time."""
    followed = read(shop.run("followed"))
    fresh = shop.folder / "fresh"
    for path in fresh.glob("warehouse.duckdb*"):
        path.unlink()
    assert followed == read(shop.run("fresh"))


@pytest.fixture
def kind() -> str:
    return "csv"


@pytest.fixture
def shop(kind, tmp_path) -> Shop:
    """A shop of two months whose lines have been read."""
    made = Shop(tmp_path, kind=kind)
    made.write(
        "2024-01", ["T1,anna,2024-01-05,1,10.00,A", "T2,bert,2024-01-06,2,20.00,B", "T3,nobody,2024-01-07,1,5,A"]
    )
    made.write("2024-02", ["T4,anna,2024-02-05,1,30.00,A", "T5,carl,never,1,1.00,B"])
    green(made.run("followed"))
    return made


# ---- what happens to files ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["csv", IN_LONG_TESTS["parquet"]])
def test_a_new_file_is_read_and_the_others_are_not(shop):
    # Of the same size and age, so that only reading it would tell.
    path = shop.folder / "lines" / f"2024-01.{shop.kind}"
    before = path.stat()
    shop.write(
        "2024-01", ["T1,anna,2024-01-05,1,99.00,A", "T2,bert,2024-01-06,2,99.00,B", "T3,nobody,2024-01-07,1,9,A"]
    )
    os.utime(path, ns=(before.st_mtime_ns, before.st_mtime_ns))
    assert path.stat().st_size == before.st_size
    shop.write("2024-03", ["T6,bert,2024-03-05,1,7.50,B"])
    built = green(shop.run("followed"))
    assert list(files_read(built).values()) == [3, 2, 1]
    with duckdb.connect(str(built.warehouse), read_only=True) as connection:
        spent = connection.execute("select sum(amount) from staging.stg_shop__transactions").fetchall()
    assert spent == [(Decimal("73.50"),)]


@pytest.mark.parametrize("kind", ["csv", "table"])
def test_after_a_new_file_the_models_are_as_if_all_were_read(shop):
    shop.write("2024-03", ["T6,bert,2024-03-05,1,7.50,B", "T7,nobody,2024-03-06,1,2,A", "T4,anna,2024-02-05,1,30.00,A"])
    assert_as_if_all_were_read(shop)


@pytest.mark.parametrize("kind", ["table"])
def test_a_day_of_loading_is_read_once(shop):
    """A mark in the typed lines tells that they are those of before."""
    with duckdb.connect(str(shop.folder / "followed" / "warehouse.duckdb")) as connection:
        connection.execute("update staging.stg_shop__transactions set return_flag = 'seen'")
    shop.write("2024-03", ["T6,bert,2024-03-05,1,7.50,B"])
    built = green(shop.run("followed"))
    assert files_read(built) == {"2024-01-01": 3, "2024-02-01": 2, "2024-03-01": 1}
    with duckdb.connect(str(built.warehouse), read_only=True) as connection:
        seen = connection.execute("select input_file, return_flag from staging.stg_shop__transactions group by all")
        assert sorted(seen.fetchall()) == [("2024-01-01", "seen"), ("2024-02-01", "seen"), ("2024-03-01", None)]


@pytest.mark.parametrize("kind", ["table"])
def test_a_row_that_is_changed_in_its_place_is_read_again(shop):
    with duckdb.connect(str(shop.folder / "shop.duckdb")) as connection:
        connection.execute("update lines set amount = '99.00' where transaction_id = 'T1'")
    assert_as_if_all_were_read(shop)


@pytest.mark.parametrize("kind", ["table"])
def test_rows_without_a_time_of_loading_are_read_together(shop):
    shop.load("2024-03", "select 'T6', 'bert', '2024-03-05', '1', '7.50', 'B', null::timestamp")
    assert_as_if_all_were_read(shop)
    with duckdb.connect(str(shop.folder / "shop.duckdb")) as connection:
        connection.execute("update lines set amount = '8.50' where loaded is null")
    assert_as_if_all_were_read(shop)


@pytest.mark.parametrize("kind", ["table"])
def test_another_table_has_its_rows_read(shop):
    with duckdb.connect(str(shop.folder / "shop.duckdb")) as connection:
        connection.execute("create table others as select * replace ('99.00' as amount) from lines")
    shop.changed = {"transactions_location": "shop.others"}
    assert_as_if_all_were_read(shop)


# DuckDB has one hash for 1000 and 10.00, and for a row whatever the names of its columns.
@pytest.mark.parametrize("kind", ["table"])
@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "* replace (cast(cast(amount as decimal(18, 2)) * 100 as integer) as amount)",
            "* replace (cast(amount as decimal(18, 2)) as amount)",
        ),
        pytest.param(
            "* exclude (quantity, amount), quantity as amount, amount as quantity",
            "* exclude (quantity, amount), quantity, amount",
            marks=pytest.mark.long,
        ),
    ],
    ids=["cents", "exchanged"],
)
def test_a_corrected_column_of_a_view_has_all_read_again(shop, before, after):
    shop.changed = {"transactions_location": "shop.sold"}
    for columns in (before, after):
        with duckdb.connect(str(shop.folder / "shop.duckdb")) as connection:
            connection.execute(f"create or replace view sold as select {columns} from lines")
        assert_as_if_all_were_read(shop)


@pytest.mark.long
@pytest.mark.parametrize("kind", ["parquet"])
def test_a_column_of_another_type_in_a_new_file_has_all_read_again(shop):
    # As pandas writes whole numbers where one is missing.
    for name, type_of_id in (("2024-01", "bigint"), ("2024-02", "bigint"), ("2024-03", "double")):
        duckdb.execute(
            f"copy (select 'T{name}' as transaction_id, unnest([1001, 1002])::{type_of_id} as customer_id,"
            f" '{name}-05' as transaction_date, 1 as quantity, 10 as amount, 'A' as shop)"
            f" to '{shop.path(name)}' (format parquet)"
        )
        shop.changed = {"customers_location": None}
        assert_as_if_all_were_read(shop)


@pytest.mark.long
def test_corrected_headings_have_all_read_again(shop):
    shipped = HEADER + ",shipped"
    months = {
        "2024-01": ["T1,anna,2024-01-05,1,10.00,A,2024-03-08", "T3,nobody,2024-01-07,1,5,A,2024-03-09"],
        "2024-02": ["T4,anna,2024-02-05,1,30.00,A,2024-04-09"],
    }
    for header in (shipped.replace("transaction_date", "sold").replace("shipped", "transaction_date"), shipped):
        for month, lines in months.items():
            shop.write(month, lines, header=header)
        assert_as_if_all_were_read(shop)


def test_a_file_with_its_columns_in_another_order_repeats_lines_of_others(shop):
    shop.write("2024-03", ["A,30.00,1,2024-02-05,anna,T4"], header=",".join(HEADER.split(",")[::-1]))
    assert_as_if_all_were_read(shop)
    # Their rows are looked up in files that were read before.
    shop.write_customers(["bert"])
    assert_as_if_all_were_read(shop)


def test_a_name_with_brackets_is_no_pattern(shop):
    shop.write("r1", ["T6,bert,2024-03-05,1,7.50,B", "T7,anna,2024-03-06,1,2.50,B"])
    shop.write("r[1]", ["T8,carl,2024-03-07,1,4.00,B"])
    assert_as_if_all_were_read(shop)
    assert files_read(shop.run("followed")) == {"2024-01.csv": 3, "2024-02.csv": 2, "r1.csv": 2, "r[1].csv": 1}


def test_a_file_that_changes_during_the_run_keeps_its_lines(shop, monkeypatch):
    shop.write("2024-03", ["T6,bert,2024-03-05,1,7.50,B"])
    monkeypatch.setenv("SEGMENTATION_WAREHOUSE", str(shop.folder / "followed" / "warehouse.duckdb"))
    seen = []

    def change(event: Any) -> None:
        is_planned = event.info.name == "WritingInjectedSQLForNode"
        if is_planned and event.data.node_info.node_name == "stg_shop__transactions":
            shop.write("2024-02", ["T4,anna,2024-02-05,1,31.00,A", "T5,carl,never,1,1.00,B"])
            seen.append(event)

    arguments = ["--quiet", "run", *SELECTED, "--vars", json.dumps(shop.settings())]
    folder = shop.folder / "followed"
    assert invoke(folder, arguments, manifest_for(shop.settings(), folder), change).success
    close_warehouse()
    assert len(seen) == 1
    with duckdb.connect(str(shop.folder / "followed" / "warehouse.duckdb"), read_only=True) as connection:
        amounts = connection.execute("select amount from staging.stg_shop__transactions where transaction_id = 'T4'")
        assert amounts.fetchall() == [(Decimal("30.00"),)]
    assert_as_if_all_were_read(shop)


def test_a_file_that_comes_late_counts(shop):
    shop.write("2023-12", ["T0,carl,2024-01-02,1,3.00,A"])
    assert_as_if_all_were_read(shop)


@pytest.mark.parametrize("kind", ["csv", IN_LONG_TESTS["parquet"], IN_LONG_TESTS["table"]])
def test_a_corrected_file_replaces_its_lines(shop):
    shop.write("2024-01", ["T1,anna,2024-01-05,1,11.00,A"])
    assert_as_if_all_were_read(shop)


@pytest.mark.parametrize("kind", ["table", IN_LONG_TESTS["csv"], IN_LONG_TESTS["parquet"]])
def test_a_removed_file_takes_its_lines_with_it(shop):
    shop.remove("2024-02")
    assert_as_if_all_were_read(shop)


@pytest.mark.parametrize("kind", ["csv", IN_LONG_TESTS["table"]])
def test_a_customer_who_is_known_now_gets_the_lines_of_before(shop):
    shop.write_customers(["anna", "bert", "carl", "nobody"])
    assert_as_if_all_were_read(shop)
    # And a customer who is no longer known loses them: their rows are looked up in files that were read before.
    shop.write_customers(["anna"])
    assert_as_if_all_were_read(shop)


@pytest.mark.parametrize("kind", ["csv", IN_LONG_TESTS["table"]])
def test_a_file_with_another_column_has_all_read_again(shop):
    shop.write("2024-03", ["T6,bert,2024-03-05,1,7.50,B,x"], header=HEADER + ",note")
    assert_as_if_all_were_read(shop)


@pytest.mark.long
def test_files_that_lack_a_column_are_read_beside_those_that_have_it(shop):
    shop.write(
        "2023-12", ["T0,carl,2024-01-02,1,3.00"], header="transaction_id,customer_id,transaction_date,quantity,amount"
    )
    assert_as_if_all_were_read(shop)
    # And once more, with nothing new.
    assert_as_if_all_were_read(shop)


@pytest.mark.parametrize(
    "changed",
    [
        {"unique_key": ["transaction_id"]},
        pytest.param({"excluded_lines": {"shop": ["A"]}}, marks=pytest.mark.long),
        pytest.param(
            {
                "features": ["total_spending", "transaction_count"],
                "transaction_attributes": {},
                "transactions_columns": {
                    "transaction_id": "transaction_id",
                    "customer_id": "customer_id",
                    "transaction_date": "transaction_date",
                    "amount": "amount",
                },
            },
            marks=pytest.mark.long,
        ),
    ],
    ids=json.dumps,
)
def test_a_changed_setting_has_the_lines_typed_again(shop, changed):
    shop.changed = changed
    assert_as_if_all_were_read(shop)


@pytest.mark.long
def test_a_full_refresh_reads_all_files(shop):
    shop.write("2024-02", ["T4,anna,2024-02-05,1,30.00,A", "T5,carl,never,1,2.00,B"])
    before = (shop.folder / "lines" / f"2024-01.{shop.kind}").stat()
    shop.write(
        "2024-01", ["T1,anna,2024-01-05,1,10.00,A", "T2,bert,2024-01-06,2,20.00,B", "T3,nobody,2024-01-07,1,6,A"]
    )
    path = shop.folder / "lines" / f"2024-01.{shop.kind}"
    os.utime(path, (before.st_mtime, before.st_mtime))
    assert read(shop.run("followed", "--full-refresh")) == read(shop.run("fresh"))


def test_a_line_in_the_future_is_looked_at_again_each_day(shop):
    shop.write("2024-03", ["T6,bert,2999-03-05,1,7.50,B"])
    first = files_read(green(shop.run("followed")))
    assert first == files_read(green(shop.run("followed")))
    # Only the time tells that the file is the same: it is read again though it has not changed.
    path = shop.folder / "lines" / f"2024-03.{shop.kind}"
    when = path.stat().st_mtime_ns
    path.write_text(path.read_text().replace("7.50", "8.50"))
    os.utime(path, ns=(when, when))
    built = green(shop.run("followed"))
    with duckdb.connect(str(built.warehouse), read_only=True) as connection:
        amounts = connection.execute("select max(amount) from staging.stg_shop__transactions where amount < 10")
        assert amounts.fetchall() == [(Decimal("8.50"),)]
    assert_as_if_all_were_read(shop)


def test_a_line_of_tomorrow_counts_from_tomorrow_on(shop):
    shop.write("2024-03", [f"T6,bert,{date.today()},1,7.50,B"])
    built = green(shop.run("followed"))
    # The table as a build of yesterday leaves it.
    with duckdb.connect(str(built.warehouse)) as connection:
        yesterday = "update staging.stg_shop__transactions set failed_rules = 'date_in_future'"
        assert connection.execute(f"{yesterday} where transaction_id = 'T6'").fetchone() == (1,)
    assert_as_if_all_were_read(shop)


def test_a_file_that_cannot_be_read_keeps_the_lines_of_before(shop):
    broken = shop.folder / "lines" / f"2024-03.{shop.kind}"
    broken.write_bytes(b'transaction_id,customer_id\n"\xff')
    assert shop.run("followed").returncode != 0
    broken.unlink()
    assert_as_if_all_were_read(shop)


@pytest.mark.faults
def test_a_build_that_is_killed_while_it_reads_new_files_loses_and_doubles_nothing(shop, survived):
    """A file comes, another one is corrected and a third one goes; the build after the kill finds all of it."""
    moments = random.Random(5)
    for number in range(6):
        shop.write(f"2024-0{3 + number}", [f"N{number},bert,2024-03-05,1,7.50,B"])
        shop.write("2024-02", [f"T4,anna,2024-02-05,1,{30 + number}.00,A"])
        if number:
            shop.remove(f"2024-0{2 + number}")
        kill_while_reading(shop, moments.uniform(0, 1.5))
        assert_as_if_all_were_read(shop)
    survived(6)


def kill_while_reading(shop: Shop, delay: float) -> None:
    """Run the models that read the lines, and kill dbt some seconds after it begins to read them."""
    folder, output = shop.folder / "followed", shop.folder / "output.txt"
    arguments = ["run", *SELECTED, "--vars", json.dumps(shop.settings()), *dbt_folders(folder)]
    command = [str(DBT), "--no-use-colors", *arguments]
    with running(command, output, environment(folder / "warehouse.duckdb"), PROJECT) as process:
        begins = "START sql incremental model staging.stg_shop__transactions"
        wait_until(lambda: begins in output.read_text(), "dbt", process, output)
        time.sleep(delay)
        end(process, signal.SIGKILL)


# ---- whose purchases are counted again ---------------------------------------------------------------------------


def purchases_counted(built: Built) -> dict[str, int]:
    """{customer: purchases}."""
    with duckdb.connect(str(green(built).warehouse), read_only=True) as connection:
        return dict(
            connection.execute(
                "select customer_id, transaction_count from intermediate.int_customer_features"
            ).fetchall()
        )


@pytest.mark.parametrize(
    ("months", "changed", "arguments", "of_anna"),
    [
        (2, {}, (), 100),
        (1, {}, (), 50),
        pytest.param(2, {"excluded_lines": {"shop": ["C"]}}, (), 2, marks=pytest.mark.long),
        (2, {}, ("--full-refresh",), 2),
    ],
    ids=["a pattern of files", "one file", "a changed setting", "a full refresh"],
)
def test_purchases_are_counted_again_for_those_whose_lines_changed(shop, months, changed, arguments, of_anna):
    """A wrong count in the warehouse, 50 purchases a month, tells that it was taken over."""
    if months == 1:
        shop.changed = {"transactions_location": str(shop.path("2024-01"))}
    assert purchases_counted(shop.run("followed"))["anna"] == months
    with duckdb.connect(str(shop.folder / "followed" / "warehouse.duckdb")) as connection:
        connection.execute("update intermediate.int_customer_months set transaction_count = 50")
    shop.write(
        "2024-01",
        [
            "T1,anna,2024-01-05,1,10.00,A",
            "T2,bert,2024-01-06,2,20.00,B",
            "T8,bert,2024-01-06,2,20.00,B",
            "T3,nobody,2024-01-07,1,5,A",
        ],
    )
    shop.changed |= changed
    counted = purchases_counted(shop.run("followed", *arguments))
    assert (counted["anna"], counted["bert"]) == (of_anna, 2)


# ---- any order ---------------------------------------------------------------------------------------------------

LINE = st.tuples(
    st.integers(1, 6),
    st.sampled_from(["anna", "bert", "carl", "nobody", ""]),
    st.sampled_from(MONTHS),
    st.integers(1, 28),
    st.sampled_from(["1.00", "2.50", "-1", "x", ""]),
    st.sampled_from(["A", "B", ""]),
).map(lambda made: f"T{made[0]},{made[1]},{made[2]}-{made[3]:02},1,{made[4]},{made[5]}")
FILES = st.dictionaries(st.sampled_from(MONTHS), st.lists(LINE, max_size=4), min_size=1, max_size=4)
KEYED = st.sampled_from([{}, {"unique_key": ["transaction_id"]}, {"observation_window_days": 60}])


@pytest.mark.long
@settings(
    max_examples=3,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    days=st.lists(FILES, min_size=2, max_size=3),
    removed=st.sampled_from([None, *MONTHS]),
    changed=KEYED,
    kind=st.sampled_from(["csv", "table"]),
)
def test_files_in_any_order_give_what_one_reading_of_all_gives(tmp_path_factory, days, removed, changed, kind):
    shop = Shop(tmp_path_factory.mktemp("shop"), changed=changed, kind=kind)
    shop.write("2023-12", ["T0,anna,2024-01-01,1,1.00,A"])
    for files in days:
        for name, lines in files.items():
            shop.write(name, lines)
        green(shop.run("followed"))
    if removed and any(removed in files for files in days):
        shop.remove(removed)
    assert_as_if_all_were_read(shop)
