"""A corpus of broken input: each case has the result that docs/input.md specifies."""

from __future__ import annotations

import csv
import gzip
import io
import json
from datetime import date
from decimal import Decimal
from pathlib import Path

import duckdb
import pandas as pd
import pyarrow
import pyarrow.parquet
import pytest
from conftest import WITHOUT_UNIT_TESTS, build
from dbt.cli.main import dbtRunnerResult
from dbt_runs import invoke, manifest_for

pytestmark = pytest.mark.xdist_group("broken_input")

HEADER = ["transaction_id", "customer_id", "transaction_date", "quantity", "amount", "flag"]
COLUMNS = {name: name for name in HEADER[:-1]} | {"return_flag": "flag"}
GOOD = {
    "transaction_id": "T1",
    "customer_id": "C1",
    "transaction_date": "2024-01-31",
    "quantity": "2",
    "amount": "5.00",
    "flag": "",
}


def written(rows: list[list[str]], delimiter: str = ",") -> str:
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, lineterminator="\n").writerows(rows)
    return text.getvalue()


def good_file(delimiter: str = ",") -> str:
    """A header and 60 good lines of 12 customers."""
    lines = [
        [f"T{i}", f"C{i % 12}", f"2024-01-{i % 28 + 1:02d}", str(i % 5 + 1), f"{10 + i}.00", ""] for i in range(60)
    ]
    return written([HEADER, *lines], delimiter)


@pytest.fixture(scope="module")
def dbt(tmp_path_factory):
    """Run dbt in this process; return its result and the path of its warehouse."""
    folder = tmp_path_factory.mktemp("broken_input")
    warehouse = folder / "warehouse.duckdb"

    def run(command: str, settings: dict, *arguments: str) -> dbtRunnerResult:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("SEGMENTATION_WAREHOUSE", str(warehouse))
            manifest = manifest_for(settings, folder)
            arguments = ["--quiet", command, *arguments, "--vars", json.dumps(settings)]
            return invoke(folder, arguments, manifest)

    run.warehouse = warehouse
    return run


def query(warehouse: Path, sql: str) -> list[tuple]:
    with duckdb.connect(str(warehouse)) as connection:
        return connection.execute(sql).fetchall()


# ---- rows --------------------------------------------------------------------------------------------------------

REJECTED_TRANSACTIONS = {
    "no customer id": ({"customer_id": ""}, "missing_customer_id"),
    "a blank customer id": ({"customer_id": "   "}, "missing_customer_id"),
    "a no-break blank as customer id": ({"customer_id": "\u00a0"}, "missing_customer_id"),
    "a narrow no-break blank as customer id": ({"customer_id": "\u202f"}, "missing_customer_id"),
    "a customer that is not in the customers input": ({"customer_id": "C99"}, "unknown_customer_id"),
    "a customer id with lost zeros": ({"customer_id": "7"}, "unknown_customer_id"),
    "a customer id from a spreadsheet": ({"customer_id": "17850.0"}, "unknown_customer_id"),
    "a customer id in small letters": ({"customer_id": "c1"}, "unknown_customer_id"),
    "SQL as customer id": ({"customer_id": "C1'); drop table marts.segment_profiles; --"}, "unknown_customer_id"),
    "100,000 characters as customer id": ({"customer_id": "é" * 100_000}, "unknown_customer_id"),
    "no date": ({"transaction_date": ""}, "missing_date"),
    "a word as date": ({"transaction_date": "yesterday"}, "unparsable_date"),
    "a day that does not exist": ({"transaction_date": "2024-02-30"}, "unparsable_date"),
    "a day-first date under iso": ({"transaction_date": "31/01/2024"}, "unparsable_date"),
    "a month-first date under iso": ({"transaction_date": "01/31/2024"}, "unparsable_date"),
    "a two-digit year": ({"transaction_date": "24-01-31"}, "unparsable_date"),
    "a spreadsheet's day number": ({"transaction_date": "45322"}, "unparsable_date"),
    "the year zero": ({"transaction_date": "0000-00-00"}, "unparsable_date"),
    "the year 24": ({"transaction_date": "0024-01-31"}, "unparsable_date"),
    "a name of a date": ({"transaction_date": "epoch"}, "unparsable_date"),
    "infinity as date": ({"transaction_date": "infinity"}, "unparsable_date"),
    "a date before Christ": ({"transaction_date": "2024-01-31 (BC)"}, "unparsable_date"),
    "a date with a tail": ({"transaction_date": "2024-01-31 or so"}, "unparsable_date"),
    "a date in the future": ({"transaction_date": "2099-01-31"}, "date_in_future"),
    "the end of time": ({"transaction_date": "9999-12-31"}, "date_in_future"),
    "no amount": ({"amount": ""}, "missing_amount"),
    "a word as amount": ({"amount": "free"}, "unparsable_amount"),
    "a decimal comma under a point": ({"amount": "1,50"}, "unparsable_amount"),
    "thousands that are not in threes": ({"amount": "1,2345.00"}, "unparsable_amount"),
    "two decimal points": ({"amount": "1.2.3"}, "unparsable_amount"),
    "a currency sign": ({"amount": "$5.00"}, "unparsable_amount"),
    "a percent sign": ({"amount": "5%"}, "unparsable_amount"),
    "an amount in brackets": ({"amount": "(5.00)"}, "unparsable_amount"),
    "a minus behind": ({"amount": "5.00-"}, "unparsable_amount"),
    "underscores between digits": ({"amount": "1_000"}, "unparsable_amount"),
    "not a number": ({"amount": "NaN"}, "unparsable_amount"),
    "infinity as amount": ({"amount": "inf"}, "unparsable_amount"),
    "a hexadecimal amount": ({"amount": "0x10"}, "unparsable_amount"),
    "a formula": ({"amount": "=1+1"}, "unparsable_amount"),
    "too many digits": ({"amount": "99999999999999999"}, "unparsable_amount"),
    "digits of another script": ({"amount": "٣"}, "unparsable_amount"),
    "a null that is a word": ({"amount": "NULL"}, "unparsable_amount"),
    "a word as quantity": ({"quantity": "two"}, "unparsable_quantity"),
    "a range as quantity": ({"quantity": "1-2"}, "unparsable_quantity"),
    "several faults, of which the first counts": (
        {"customer_id": "", "transaction_date": "x", "amount": "y"},
        "missing_customer_id",
    ),
}

FLAGGED_TRANSACTIONS = {
    "a negative amount": ({"amount": "-5.00"}, "return"),
    "a marked return": ({"flag": "Yes"}, "return"),
    "an amount of zero": ({"amount": "0"}, "zero_amount"),
    "a third decimal": ({"amount": "5.005"}, "rounded_amount"),
    "no quantity": ({"quantity": ""}, "missing_quantity"),
    "a purchase before the signup": ({"transaction_date": "2019-01-31"}, "before_signup"),
}

REJECTED_CUSTOMERS = {
    "no customer id": (["", "2020-01-31"], "missing_customer_id"),
    "a word as signup": (["C50", "soon"], "unparsable_signup_date"),
    "a signup in the future": (["C51", "2099-01-31"], "signup_in_future"),
    "a signup that stands for unknown": (["C52", "1900-01-01"], "signup_implausible"),
    "an id twice": (["C1", "2021-01-31"], "duplicate_customer_id"),
}


@pytest.fixture(scope="module")
def dirty_warehouse(dbt, tmp_path_factory):
    """One build with all dirty rows: {row number: first failed rule}, and the counts of data_quality."""
    folder = tmp_path_factory.mktemp("dirty_rows")
    cases = [*REJECTED_TRANSACTIONS.values(), *FLAGGED_TRANSACTIONS.values()]
    lines = [list((GOOD | {"transaction_id": f"T{i}"} | change).values()) for i, (change, _) in enumerate(cases)]
    (folder / "transactions.csv").write_text(written([HEADER, *lines]), encoding="utf-8")
    customers = [["customer_id", "joined"], ["C1", "2020-01-31"], *(row for row, _ in REJECTED_CUSTOMERS.values())]
    (folder / "customers.csv").write_text(written(customers), encoding="utf-8")
    result = dbt(
        "run",
        {
            "transactions_location": str(folder / "transactions.csv"),
            "transactions_columns": COLUMNS,
            "customers_location": str(folder / "customers.csv"),
            "customers_columns": {"customer_id": "customer_id", "signup_date": "joined"},
        },
        "--select",
        "+data_quality",
        "int_rejected_transactions",
        "int_rejected_customers",
    )
    assert result.success, result.exception
    return dbt.warehouse


@pytest.fixture(scope="module")
def rejects(dirty_warehouse):
    return {
        input: dict(query(dirty_warehouse, f"select input_row, first_failed_rule from rejects.int_rejected_{input}"))
        for input in ("transactions", "customers")
    }


@pytest.mark.parametrize("case", REJECTED_TRANSACTIONS)
def test_an_invalid_transaction_is_rejected_with_its_reason(rejects, case):
    row = list(REJECTED_TRANSACTIONS).index(case) + 1
    assert rejects["transactions"].get(row) == REJECTED_TRANSACTIONS[case][1]


@pytest.mark.parametrize("case", FLAGGED_TRANSACTIONS)
def test_an_unusual_transaction_is_used_and_flagged(dirty_warehouse, rejects, case):
    row = len(REJECTED_TRANSACTIONS) + list(FLAGGED_TRANSACTIONS).index(case) + 1
    rule = FLAGGED_TRANSACTIONS[case][1]
    assert row not in rejects["transactions"]
    expected = sum(flagged == rule for _, flagged in FLAGGED_TRANSACTIONS.values())
    assert query(
        dirty_warehouse, f"select row_count from marts.data_quality where outcome = 'flagged' and rule = '{rule}'"
    ) == [(expected,)]


@pytest.mark.parametrize("case", REJECTED_CUSTOMERS)
def test_an_invalid_customer_is_rejected_with_its_reason(rejects, case):
    row = list(REJECTED_CUSTOMERS).index(case) + 2
    assert rejects["customers"].get(row) == REJECTED_CUSTOMERS[case][1]


def test_used_and_rejected_rows_add_up_to_the_input(dirty_warehouse):
    assert query(
        dirty_warehouse,
        "select input, sum(row_count) from marts.data_quality where outcome in ('used', 'rejected')"
        " group by input order by input",
    ) == [
        ("customers", 1 + len(REJECTED_CUSTOMERS)),
        ("transactions", len(REJECTED_TRANSACTIONS) + len(FLAGGED_TRANSACTIONS)),
    ]


def test_a_rejected_row_is_kept_unchanged(dirty_warehouse):
    row = list(REJECTED_TRANSACTIONS).index("SQL as customer id") + 1
    raw = query(dirty_warehouse, f"select raw_row from rejects.int_rejected_transactions where input_row = {row}")[0][0]
    assert json.loads(raw)["customer_id"] == REJECTED_TRANSACTIONS["SQL as customer id"][0]["customer_id"]


# ---- files -------------------------------------------------------------------------------------------------------

REFUSED_FILES = {
    "an empty file": ("", {}, "the file is empty"),
    "a header only": (",".join(HEADER) + "\n", {}, "it has no rows"),
    "two columns of one name": (
        good_file().replace("amount", "Quantity", 1),
        {},
        "has two columns of the name 'Quantity'",
    ),
    "another delimiter": (good_file(";"), {}, "is csv_delimiter right?"),
    "a missing column": (good_file().replace("amount", "betrag", 1), {}, "there is no column 'amount'"),
    "no header": ("\n".join(good_file().splitlines()[1:]), {}, "there is no column 'transaction_id'"),
    "a line that is too short": (good_file() + "T99,C1\n", {}, "line 62: Expected Number of Columns: 6 Found: 2"),
    "a line that is too long": (good_file() + "T99,C1,2024-01-31,1,5,,7\n", {}, "line 62: Expected Number of Columns"),
    "a quote that is never closed": (good_file() + 'T99,"C1,2024-01-31,1,5,\n', {}, "broken.csv"),
    "bytes of another encoding": ((good_file() + "T99,Cü,2024-01-31,1,5,\n").encode("latin-1"), {}, "not utf-8"),
    "a byte that Windows-1252 does not define": (
        good_file().encode() + b"T99,C\x81,2024-01-31,1,5,\n",
        {"csv_encoding": "windows-1252"},
        "is not in the encoding windows-1252: line 62 has the byte 0x81",
    ),
    "Parquet that is none": (good_file(), {"suffix": ".parquet"}, "broken.parquet"),
    "gzip that is none": (good_file(), {"suffix": ".csv.gz"}, "broken.csv.gz"),
    "a file of an unknown kind": (good_file(), {"suffix": ".xlsx"}, "it must be a file that ends in"),
    "a missing currency column": (
        good_file(),
        {"transactions_columns": COLUMNS | {"currency": "waehrung"}},
        "there is no column 'waehrung'",
    ),
    "an excluded column that is not there": (
        good_file(),
        {"excluded_lines": {"kind": ["x"]}},
        "there is no column 'kind'",
    ),
    "no mapping for the amount": (
        good_file(),
        {
            "transactions_columns": {"customer_id": "customer_id", "transaction_date": "transaction_date"},
            "features": ["total_spending"],
        },
        "it must name a column for 'amount'",
    ),
}

READ_FILES = {
    "a header only, if that is meant": (",".join(HEADER) + "\n", {"allow_empty_transactions": True}, 0),
    "a byte order mark": (b"\xef\xbb\xbf" + good_file().encode(), {}, 60),
    "line ends of Windows": (good_file().replace("\n", "\r\n"), {}, 60),
    "no line end at the end": (good_file().rstrip("\n"), {}, 60),
    "empty lines at the end": (good_file() + "\n\n\n", {}, 60),
    "more columns than are mapped": (good_file().replace("flag", "flag,note", 1).replace(",\n", ",,x\n"), {}, 60),
    "capitals in the header": (good_file().replace(",".join(HEADER), ",".join(HEADER).upper(), 1), {}, 60),
    "quotes, commas and line ends in a value": (good_file() + 'T99,"C, ""1""\nof Köln",2024-01-31,1,5,\n', {}, 61),
    "emoji": (good_file() + "T99,C😀,2024-01-31,1,5,\n", {}, 61),
    "a number sign, which is no comment": (good_file() + "#T99,C1,2024-01-31,1,5,\n", {}, 61),
    "a compressed file": (gzip.compress(good_file().encode()), {"suffix": ".csv.gz"}, 60),
    "semicolons": (good_file(";"), {"csv_delimiter": ";"}, 60),
    "latin-1": ((good_file() + "T99,Cü,2024-01-31,1,5,\n").encode("latin-1"), {"csv_encoding": "latin-1"}, 61),
    "Windows-1252": (
        (good_file() + "T98,“C…€”,2024-01-31,1,5,\nT99,Cü,2024-01-31,1,5,\n").encode("windows-1252"),
        {"csv_encoding": "windows-1252"},
        62,
    ),
    "compressed Windows-1252": (
        gzip.compress((good_file() + "T99,C€,2024-01-31,1,5,\n").encode("windows-1252")),
        {"csv_encoding": "windows-1252", "suffix": ".csv.gz"},
        61,
    ),
    "a quote in the file's name": (good_file(), {"suffix": " it's; drop.csv"}, 60),
}


def placed(folder: Path, content: str | bytes, settings: dict) -> dict:
    path = folder / f"broken{settings.get('suffix', '.csv')}"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    rest = {name: value for name, value in settings.items() if name != "suffix"}
    return {"transactions_location": str(path), "transactions_columns": COLUMNS} | rest


@pytest.mark.parametrize("case", REFUSED_FILES)
def test_a_file_that_cannot_be_read_stops_the_run(dbt, tmp_path, case):
    content, settings, sentence = REFUSED_FILES[case]
    result = dbt("run", placed(tmp_path, content, settings), "--select", "base_shop__transactions")
    assert not result.success
    assert result.result is None or not result.result.results, "something was built"
    assert sentence in str(result.exception)


@pytest.mark.parametrize("case", READ_FILES)
def test_an_unusual_file_is_read_completely(dbt, tmp_path, case):
    content, settings, rows = READ_FILES[case]
    result = dbt("run", placed(tmp_path, content, settings), "--select", "base_shop__transactions")
    assert result.success, result.exception
    found = query(dbt.warehouse, "select count(*), count(customer_id) from staging.base_shop__transactions")
    assert found == [(rows, rows)]


def test_the_letters_of_windows_1252_are_those_of_the_file(dbt, tmp_path):
    content = (good_file() + "T98,“Cé…€”,2024-01-31,1,5,\n").encode("windows-1252")
    settings = placed(tmp_path, content, {"csv_encoding": "windows-1252"})
    assert dbt("run", settings, "--select", "base_shop__transactions").success
    found = query(dbt.warehouse, "select customer_id from staging.base_shop__transactions where transaction_id = 'T98'")
    assert found == [("“Cé…€”",)]
    (copies,) = Path(dbt.warehouse).parent.glob("*.utf-8")
    assert all(folder.stat().st_mode & 0o077 == 0 for folder in copies.iterdir())


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("T99,C1,2024-01-31,1,5,,7", "line 50002: Expected Number of Columns: 6 Found: 7. Correct the line"),
        ("T99,Cü,2024-01-31,1,5,", "line 50002: Invalid unicode (byte sequence mismatch) detected"),
    ],
)
def test_an_error_far_down_in_a_file_is_explained_at_the_end(tmp_path, line, said):
    lines = [HEADER] + [[f"T{n}", f"C{n % 40}", "2024-01-31", "1", "5", ""] for n in range(50_000)]
    file = tmp_path / "deep.csv"
    file.write_bytes((written(lines).rstrip("\n") + "\n" + line + "\n").encode("latin-1"))
    ended = build(
        tmp_path / "run", {"transactions_location": str(file), "transactions_columns": COLUMNS}, *WITHOUT_UNIT_TESTS
    )
    assert ended.returncode != 0
    (sentence,) = [each for each in ended.output.splitlines() if each.startswith(f"File {file} cannot be read as CSV")]
    assert said in sentence
    assert 'csv_encoding (now "utf-8")' in sentence


def test_files_of_a_glob_can_have_their_columns_in_another_order(dbt, tmp_path):
    (tmp_path / "part-1.csv").write_text(good_file())
    reordered = [line.split(",")[::-1] for line in good_file().splitlines()]
    (tmp_path / "part-2.csv").write_text(written(reordered))
    settings = {"transactions_location": str(tmp_path / "part-*.csv"), "transactions_columns": COLUMNS}
    assert dbt("run", settings, "--select", "base_shop__transactions").success
    assert query(
        dbt.warehouse,
        "select count(*), count(distinct customer_id), sum(try_cast(amount as decimal(18, 2)))"
        " from staging.base_shop__transactions",
    ) == [(120, 12, 2 * sum(10 + i for i in range(60)))]


def test_two_columns_of_one_name_in_a_file_of_a_glob_stop_the_run(dbt, tmp_path):
    (tmp_path / "part-1.csv").write_text(good_file())
    (tmp_path / "part-2.csv").write_text(good_file().replace("amount", "Quantity", 1))
    settings = {"transactions_location": str(tmp_path / "part-*.csv"), "transactions_columns": COLUMNS}
    result = dbt("run", settings, "--select", "base_shop__transactions")
    assert not result.success
    assert f"File {tmp_path / 'part-2.csv'} has two columns of the name 'Quantity'" in str(result.exception)


def write_parquet(file: Path, **changed: str) -> None:
    """Write a line of a shop as Parquet, with some columns, by name, as other SQL expressions."""
    line = {"transaction_id": "'T1'", "customer_id": "7", "transaction_date": "date '2024-01-01'", "quantity": "2"}
    line |= {"amount": "1.25"} | changed
    columns = ", ".join(f'{value} as "{name}"' for name, value in line.items())
    duckdb.execute(f"copy (select {columns}) to '{file}' (format parquet)")


def read_parquet_files(dbt, folder: Path, settings: dict):
    columns = {name: name for name in HEADER[:5]}
    settings = {"transactions_location": str(folder / "*.parquet"), "transactions_columns": columns} | settings
    return dbt("run", settings, "--select", "base_shop__transactions", "stg_shop__transactions")


@pytest.mark.parametrize(
    ("changed", "settings", "types"),
    [
        ({"customer_id": "7.0::double"}, {}, ("INTEGER", "DOUBLE")),
        ({"transaction_date": "timestamptz '2024-01-01 00:00:00+00'"}, {}, ("DATE", "TIMESTAMP WITH TIME ZONE")),
        ({"quantity": "'1,234'"}, {"decimal_mark": ","}, ("INTEGER", "VARCHAR")),
    ],
)
def test_parquet_files_that_duckdb_would_read_otherwise_together_stop_the_run(dbt, tmp_path, changed, settings, types):
    one, other = tmp_path / "a.parquet", tmp_path / "b.parquet"
    write_parquet(one)
    write_parquet(other, **changed)
    result = read_parquet_files(dbt, tmp_path, settings)
    assert not result.success
    assert result.result is None or not result.result.results, "something was built"
    said = f"'{next(iter(changed))}' of {tmp_path / '*.parquet'} is {types[0]} in {one} and {types[1]} in {other}."
    assert said in str(result.exception)


def test_parquet_columns_that_differ_in_case_alone_stop_the_run(dbt, tmp_path):
    file = tmp_path / "a.parquet"
    pd.DataFrame([["T1", "7", "2024-01-01", 2, 1.25, 2.5]], columns=[*HEADER[:5], "AMOUNT"]).to_parquet(file)
    result = read_parquet_files(dbt, tmp_path, {})
    assert not result.success
    assert f"File {file} has two columns of the name 'AMOUNT', if upper and lower case" in str(result.exception)


def test_parquet_files_of_other_types_of_number_and_day_are_read_together(dbt, tmp_path):
    """A field of a structure has a name of its own, whatever the columns are called, and a column need not have one."""
    write_parquet(tmp_path / "a.parquet", details="{'amount': 1, 'Quantity': 2}", transaction_id="5::decimal(9, 0)")
    write_parquet(tmp_path / "b.parquet", amount="2.5::double", quantity="2::tinyint", transaction_id="6")
    write_parquet(tmp_path / "c.parquet", transaction_date="timestamp '2024-01-01 10:00:00'", customer_id="'7'")
    line = {"transaction_id": [8], "customer_id": [7], "transaction_date": [date(2024, 1, 1)], "quantity": [2]}
    pyarrow.parquet.write_table(
        pyarrow.table(line | {"amount": pyarrow.nulls(1), "": [3]}), str(tmp_path / "d.parquet")
    )
    assert read_parquet_files(dbt, tmp_path, {}).success
    found = query(
        dbt.warehouse,
        "select customer_id, transaction_date, sum(quantity), sum(amount) from staging.stg_shop__transactions"
        " where failed_rules is null group by all",
    )
    assert found == [("7", date(2024, 1, 1), Decimal("6.000"), Decimal("5.00"))]
    rejected = "select transaction_id, failed_rules from staging.stg_shop__transactions where failed_rules is not null"
    assert query(dbt.warehouse, rejected) == [("8", "missing_amount")]


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_folder_of_a_hive_partition_is_a_column_and_a_file_may_be_empty(dbt, tmp_path, suffix):
    for day in ("2024-01-01", "2024-02-01"):
        folder = tmp_path / f"transaction_date={day}"
        folder.mkdir()
        line = "select 'T1' as transaction_id, 'C1' as customer_id, 2 as quantity, 1 as amount"
        duckdb.execute(f"copy ({line}) to '{folder}/part{suffix}'")
    if suffix == ".csv":
        (tmp_path / "transaction_date=2024-02-01" / "empty.csv").touch()
    columns = {name: name for name in HEADER[:5]}
    settings = {"transactions_location": f"{tmp_path}/*/*{suffix}", "transactions_columns": columns}
    assert dbt("run", settings, "--select", "base_shop__transactions", "stg_shop__transactions").success
    found = query(dbt.warehouse, "select transaction_date, failed_rules from staging.stg_shop__transactions order by 1")
    assert found == [(date(2024, 1, 1), None), (date(2024, 2, 1), None)]


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_file_of_a_pattern_without_the_column_of_the_customers_stops_the_run(dbt, tmp_path, suffix):
    for name, column in (("a", "customer_id"), ("b", "customer")):
        line = f"select 'T1' as transaction_id, 'C1' as {column}, '2024-01-01' as transaction_date, 1 as amount"
        duckdb.execute(f"copy ({line}) to '{tmp_path}/{name}{suffix}'")
    columns = {name: name for name in ("transaction_id", "customer_id", "transaction_date", "amount")}
    settings = {"transactions_location": f"{tmp_path}/*{suffix}", "transactions_columns": columns}
    settings |= {"features": ["total_spending"]}
    result = dbt("run", settings, "--select", "base_shop__transactions")
    assert not result.success
    assert f"File {tmp_path}/b{suffix} has no column 'customer_id' (for customer_id)" in str(result.exception)
    assert "its columns are: transaction_id, customer, transaction_date, amount." in str(result.exception)


def test_numbers_that_are_numbers_have_no_decimal_mark(dbt, tmp_path):
    with duckdb.connect() as connection:
        connection.execute(
            "copy (select 'T' || i as transaction_id, 'C1' as customer_id, date '2024-01-01' as transaction_date,"
            " cast(2 as decimal(10, 3)) as quantity, cast(2.5 as double) as amount,"
            " cast(1.25 as decimal(10, 3)) as price, '1,125' as flag, cast(5.5e-17 as double) as tiny"
            " from range(3) as lines (i))"
            f" to '{tmp_path}/typed.parquet'"
        )
    settings = {"transactions_location": f"{tmp_path}/typed.parquet", "decimal_mark": ","}
    selected = ("--select", "base_shop__transactions", "stg_shop__transactions")
    read = {
        "amount": ("amount", "2.50"),
        "price": ("unit_price", "2.50"),
        "flag": ("amount", "1.13"),
        "tiny": ("amount", "0.00"),
    }
    for theirs, (ours, amount) in read.items():
        columns = {name: name for name in HEADER[:4]} | {ours: theirs}
        assert dbt("run", settings | {"transactions_columns": columns}, *selected).success
        found = query(
            dbt.warehouse, "select distinct quantity, amount, failed_rules from staging.stg_shop__transactions"
        )
        assert found == [(Decimal("2.000"), Decimal(amount), None)], theirs


def test_a_card_number_as_an_amount_does_not_stop_the_scaling(dbt, tmp_path):
    settings = placed(tmp_path, good_file() + "T99,C1,2024-01-31,1,4111111111111111.00,\n", {})
    assert dbt("run", settings, "--select", "+int_feature_scaling").success
    found = query(
        dbt.warehouse,
        "select feature, skew_before from intermediate.int_feature_scaling where feature like '%spending'",
    )
    # One customer of twelve has nearly everything: (n - 2) / sqrt(n - 1).
    assert found == [("total_spending", pytest.approx(10 / 11**0.5, rel=1e-6))]


@pytest.mark.parametrize("stray", ["", "unknown"])
def test_a_clustered_attribute_without_a_number_stops_the_run(dbt, tmp_path, stray):
    # C99 has no purchase and is not clustered.
    tiers = {f"C{number}": str(number) for number in range(12)} | {"C3": stray, "C99": ""}
    lines = ["customer_id,tier", *(f"{customer},{tier}" for customer, tier in tiers.items())]
    (tmp_path / "customers.csv").write_text("\n".join(lines) + "\n")
    settings = placed(tmp_path, good_file(), {}) | {
        "customers_location": str(tmp_path / "customers.csv"),
        "customers_columns": {"customer_id": "customer_id", "tier": "tier"},
        "features": ["total_spending", "tier"],
    }
    result = dbt("run", settings, "--select", "+int_customer_features")
    assert not result.success
    assert "the attribute tier, but customer C3, who has a purchase, has no number in it. Complete the" in str(
        [node.message for node in result.result.results]
    )


def test_values_of_excluded_lines_are_compared_without_white_space(dbt, tmp_path):
    content = good_file().replace(",\n", ", FUEL \n", 10)
    settings = placed(tmp_path, content, {"excluded_lines": {"flag": ["FUEL"]}})
    assert dbt("run", settings, "--select", "base_shop__transactions", "stg_shop__transactions").success
    assert query(
        dbt.warehouse, "select count(*) from staging.stg_shop__transactions where failed_rules = 'excluded_line'"
    ) == [(10,)]


def test_a_rejected_customer_of_a_view_is_kept_as_it_came(dbt, tmp_path):
    with duckdb.connect(str(tmp_path / "crm.duckdb")) as connection:
        connection.execute(
            "create table visits as select 'C' || (i % 30000) as id,"
            " date '2020-01-01' + cast(i * 7919 % 1000 as integer) as day from range(300000) as visits (i)"
        )
        # Grouping gives its rows in another order each time.
        connection.execute(
            "create view customers as select id, if(hash(id) % 50 = 0, 'soon', min(day)::varchar) as joined"
            " from visits group by id"
        )
    settings = placed(tmp_path, good_file(), {}) | {
        "attach_databases": {"crm": str(tmp_path / "crm.duckdb")},
        "customers_location": "crm.main.customers",
        "customers_columns": {"customer_id": "id", "signup_date": "joined"},
        "rejected_share_error": 1,
    }
    selected = ("--select", "+int_customers_checked", "int_rejected_customers", "--full-refresh")
    assert dbt("run", settings, *selected).success
    others = "select count(*) from rejects.int_rejected_customers where raw_row->>'joined' != 'soon'"
    assert query(dbt.warehouse, others) == [(0,)]
    kind = "select table_type from information_schema.tables where table_name = 'base_shop__customers'"
    assert query(dbt.warehouse, kind) == [("BASE TABLE",)]


def test_a_view_with_other_rows_at_each_reading_stops_the_run(dbt, tmp_path):
    with duckdb.connect(str(tmp_path / "till.duckdb")) as connection:
        connection.execute(
            "create view lines as select 'T1' as transaction_id, 'C1' as customer_id, 'never' as transaction_date,"
            " 1 as quantity, 10 as amount, now() as extracted_at"
        )
    settings = {
        "attach_databases": {"till": str(tmp_path / "till.duckdb")},
        "transactions_location": "till.main.lines",
        "rejected_share_error": 1,
    }
    result = dbt("run", settings, "--select", "+int_rejected_transactions")
    assert not result.success
    assert "If they are a view with a column such as now(), leave the column out" in str(
        [node.message for node in result.result.results]
    )


def test_suppressions_without_a_row_stop_the_run(dbt, tmp_path):
    (tmp_path / "suppressions.csv").write_text("customer_id\n")
    settings = placed(tmp_path, good_file(), {}) | {
        "suppressions_location": str(tmp_path / "suppressions.csv"),
        "suppressions_columns": {"customer_id": "customer_id"},
    }
    result = dbt("run", settings, "--select", "base_shop__transactions")
    assert "Setting 'suppressions_location' is" in str(result.exception)
    assert "it has no rows. Check that the export is complete; if it is meant, set suppressions" in str(
        result.exception
    )


# Tests are not selected indirectly: tests that also read models outside the selection do not run.
NARROW = ("--indirect-selection", "cautious", "--exclude-resource-type", "unit_test")


# ---- suppressions ------------------------------------------------------------------------------------------------


def suppressing(folder: Path, ids: list[str]) -> dict:
    """Settings of a shop of the good customers and of three with numbers, with these ids suppressed."""
    lines = [[f"N{i}", i, "2024-01-15", "1", "5.00", ""] for i in ("00815", "815", "17850")]
    (folder / "suppressions.csv").write_text("".join(f"{one}\n" for one in ["customer_id", *ids]))
    return placed(folder, good_file() + written(lines), {}) | {
        "suppressions_location": str(folder / "suppressions.csv"),
        "suppressions_columns": {"customer_id": "customer_id"},
    }


def test_an_id_that_is_written_otherwise_suppresses_whom_it_can_mean(dbt, tmp_path):
    """Not C1 for C10, and not 815 where 00815 is there as written."""
    settings = suppressing(tmp_path, ["C2", " c1 ", "017850.0", "nobody@example.com"])
    models = ("--select", "+data_quality", "+int_suppressed_customers")
    assert dbt("build", settings, *NARROW, *models).success
    suppressed = "select customer_id from intermediate.int_suppressed_customers order by all"
    counted = "select outcome, rule, row_count, remedy is not null from marts.data_quality"
    with duckdb.connect(str(dbt.warehouse)) as connection:
        assert connection.execute(suppressed).fetchall() == [("17850",), ("C1",), ("C2",)]
        assert connection.execute(f"{counted} where input = 'suppressions' order by all").fetchall() == [
            ("flagged", "customer_id_written_otherwise", 2, True),
            ("rejected", "suppression_of_unknown_customer", 1, True),
            ("used", "used", 3, False),
        ]
    for ids, customers in ((["0815.0"], ["00815", "815"]), (["00815"], ["00815"]), (["815"], ["815"])):
        assert dbt("build", suppressing(tmp_path, ids), *NARROW, "--select", "+int_suppressed_customers").success
        with duckdb.connect(str(dbt.warehouse)) as connection:
            assert [row[0] for row in connection.execute(suppressed).fetchall()] == customers


def test_suppressions_that_name_no_customer_stop_the_build(dbt, tmp_path):
    settings = suppressing(tmp_path, ["anna@example.com", "bert@example.com", '""'])
    result = dbt("build", settings, *NARROW, "--select", "+int_suppressions_checked")
    assert not result.success
    messages = " ".join(node.message or "" for node in result.result.results)
    assert (
        f"suppressions (suppressions_location: {settings['suppressions_location']}) name no customer: 3 of 3"
        in messages
    )
    assert "'suppression_of_unknown_customer'" in messages
    assert "give the ids of customers" in messages
    assert "leave suppressions_location out" in messages
    assert "anna" not in messages, "an id is in the log"
    # A list whose suppressions have all ended is one of customers.
    (tmp_path / "suppressions.csv").write_text("customer_id,until\nC1,2001-01-01\n")
    settings["suppressions_columns"] = {"customer_id": "customer_id", "until": "until"}
    assert dbt("build", settings, *NARROW, "--select", "+int_suppressions_checked").success


# ---- too much ----------------------------------------------------------------------------------------------------


def test_a_rule_that_rejects_too_much_stops_the_build_with_rule_count_rows_and_remedy(dbt, tmp_path):
    settings = placed(tmp_path, good_file().replace("2024-01-", "31/01/2024 "), {})
    result = dbt("build", settings, *NARROW, "--select", "+int_transactions_checked")
    assert not result.success
    messages = " ".join(node.message or "" for node in result.result.results)
    assert "Rule 'unparsable_date' rejects 60 of 60 rows of the transactions (100.00 %)" in messages
    assert "rows 1, 2, 3" in messages
    assert "date_format" in messages
    assert "rejected_share_error" in messages
    assert "C1" not in messages, "an id is in the log"


def test_two_currencies_stop_the_build(dbt, tmp_path):
    content = good_file().replace("flag", "currency", 1).replace(",\n", ",EUR\n", 59).replace(",\n", ",USD\n")
    columns = {name: name for name in [*HEADER[:-1], "currency"]}
    settings = placed(tmp_path, content, {"transactions_columns": columns})
    arguments = (*NARROW, "--select", "+int_transactions_checked")
    result = dbt("build", settings, *arguments)
    assert not result.success
    messages = " ".join(node.message or "" for node in result.result.results)
    assert "2 currencies: EUR (59 rows), USD (1 rows)" in messages
    assert dbt("build", settings | {"excluded_lines": {"currency": ["USD"]}}, *arguments).success


def test_a_sharp_drop_of_the_row_count_warns(dbt, tmp_path):
    """Also after a build that failed or was killed, such as one that does not reach the models at the end."""
    complete, half = good_file(), "\n".join(good_file().splitlines()[:20]) + "\n"

    def warned(content: str, *models: str) -> list[str]:
        result = dbt("build", placed(tmp_path, content, {}), *NARROW, "--select", "+int_input_volumes", *models)
        assert result.success
        return [node.node.name for node in result.result.results if node.status == "warn"]

    drop = ["assert_row_counts_do_not_collapse"]
    warned(complete, "int_completed_volumes")
    assert warned(half) == drop
    assert warned(half, "int_completed_volumes", "--empty") == []
    assert warned(half, "int_completed_volumes") == drop
    assert warned(half, "int_completed_volumes") == []
