"""Inputs in the forms in which shops write them, valid and invalid."""

from __future__ import annotations

import csv
import random
from pathlib import Path
from typing import Any

import duckdb

DATES = [
    "2024-01-31", "2024-1-5", "2024/01/31", "2024 01 31", "20240131", "2024-01-31T10:00:00", "2024-01-31 10:00",
    "2024-01-31 10:00:00.123456", "2024-01-31T23:30:00+05:00", "2024-01-31T23:30:00 +05:00", "2024-01-31T23:30:00Z",
    "2024-01-31T23:30:00-0500", "2024-01-31T23:30:00+01", "2024-02-29", "2023-02-29", "2024-02-30", "2024-13-01",
    "1900-01-01T00:30:00+05:00", "1899-12-31T23:30:00-05:00", "31/12/1899", "31/12/1900", "18991231",
    "2024-00-10", "2024-04-31", "31/01/2024", "01/31/2024", "5/6/2024", "05/06/2024", "31.01.2024", "31.01.2024 10:15",
    "31-01-2024 10:15:30", "31/01/2024 10:15 PM", "01/31/2024 01:15:30 am", "31/01/24", "1/1/0024", "1899-12-31",
    "1900-01-01", "10000-01-01", "0000-00-00", "2024", "2024-01", "2024-01-31 foo", "2024-01-31 25:00:00", "202401310",
    "soon", " 2024-01-31 ", "\u00a02024-01-31\t", "-2024-01-31", "2024-01/31", "2024-01-31-", "31/01-2024", "99999999",
    "\uff12\uff10\uff12\uff14-01-31", "\u0662\u0660\u0662\u0664\u0660\u0661\u0663\u0661",
]  # fmt: skip
AMOUNTS = [
    "5", "5.00", "-5.25", "+5", "1,234.50", "1 234.50", "1'234.50", "1\u202f234.50", "1,50", "1.50", "1.234,50",
    "1.234.567", "1,234,567.891", "1 234,567", "12.345", "12.344999", "1.005", "-1.005", "0.004", "-0.004", "5.", ".5",
    "5,", ",5", ".", ",", "NaN", "inf", "-Infinity", "-", "--5", "9999999999999999.99", "10000000000000000",
    "99999999999999999999", "0x10", "1_000", "5 EUR", "$5", "5%", "(5)", "1 2", "1,2345", "12,34", "1,23,456", "0",
    "-0", "000005", "5.0000000000001", "true", "1d", "5f", "1e", "e5",
    "\uff11\uff12", "\u0661\u0662", "\uff11,\uff12\uff13\uff14",
]  # fmt: skip

# Lines as in a Parquet file written by a program: ids are doubles because one is missing, dates are timestamps.
TYPED = [
    (12345678.0, "2023-12-31 23:30:00+00", 2.5, 12345678.5),
    (17850.0, "2024-06-30 22:30:00+00", 1, 0.1),
    (17850.0, "2024-06-30 21:59:59.999+00", 1e7, 1e7),
    (None, "2024-01-31 00:00:00+00", None, -5.25),
    (123456789012345.0, "2024-01-31 10:00:00+00", 0.001, float("nan")),
    (1.5, None, 3, 1e15),
    (12345678.5, "2024-01-31 00:00:00+00", 2.5e7, 12345678.5),
    (-0.0005, "2024-01-31 00:00:00+00", 0.0005, 0.0005),
    (1e16, "2024-01-31 00:00:00+00", 1e-5, 0.25),
    (float("inf"), "2024-01-31 00:00:00+00", 1, -1e20),
    (float("nan"), "2024-01-31 00:00:00+00", 1, 1e-5),
]

# The columns to compare, and the files and settings that the lines are read with.
COLUMNS = [
    "transaction_id",
    "customer_id",
    "transaction_date",
    "quantity",
    "amount",
    "is_return",
    "is_amount_rounded",
    "failed_rules",
]
NOTATIONS = {
    "a decimal point": ("lines.parquet", {}),
    "a decimal comma, the day first": ("lines.parquet", {"decimal_mark": ",", "date_format": "day_first"}),
    "the month first, days of Berlin": ("lines.parquet", {"date_format": "month_first", "time_zone": "Europe/Berlin"}),
    "ids that are numbers": ("lines.parquet", {"ids_are_whole_numbers": True, "return_id_prefix": "d1"}),
    "a CSV file": ("lines.csv", {}),
    "columns with types": ("typed.parquet", {"ids_are_whole_numbers": True}),
    "columns with types, a decimal comma": ("typed.parquet", {"decimal_mark": ","}),
    "columns with types, days of Berlin": ("typed.parquet", {"time_zone": "Europe/Berlin"}),
}
INPUT = ["transaction_id", "customer_id", "transaction_date", "quantity", "amount"]


def write_lines(path: Path) -> int:
    """Write the input with this file name, and return its number of lines."""
    lines = [(f"d{place}", "17850.0", date, "1", "1") for place, date in enumerate(DATES)]
    lines += [(f"a{place}", "17850.0", "2024-01-31", amount, amount) for place, amount in enumerate(AMOUNTS)]
    kinds = ["text"] * len(INPUT)
    if path.stem == "typed":
        lines = [(place, *line) for place, line in enumerate(TYPED)]
        kinds = ["bigint", "double", "timestamptz", "float", "double"]
    columns = ", ".join(f"{column} {kind}" for column, kind in zip(INPUT, kinds, strict=True))
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        connection.execute(f"create table lines ({columns})")
        connection.executemany("insert into lines values (?, ?, ?, ?, ?)", lines)
        connection.execute(f"copy lines to '{path}' ({'format parquet' if path.suffix == '.parquet' else 'header'})")
    return len(lines)


def write_shop(folder: Path) -> dict[str, Any]:
    """Write two CSV files that combine all common faults, and return the settings that read them."""
    chance = random.Random(3)
    people = []
    for place in range(300):
        day = f"{chance.choice(['1', '15', '31'])}.{chance.choice(['1', '03', '12'])}.2022"
        region = chance.choice(["north", "süd", 'it\'s, "far"', ""])
        people.append(
            (f"{10_000_000 + place}", day, region, chance.choice(["0.125", "0.3", "1_0", "5f", "2", "nan", ""]))
        )
    people += [*people[:3], ("", "1.1.2022", "north", "1"), ("999", "soon", "north", "1")]
    lines = []
    for place in range(3_000):
        day = f"{chance.randrange(1, 29)}.{chance.randrange(1, 13)}.2023"
        amount = f"{'-' if place % 18 == 0 else ''}{chance.randrange(1, 90_000) / 100}".replace(".", ",")
        kind = chance.choice(["sale", "sale", "sale", "fuel"])
        quantity = chance.choice(["1", "2,5", "", "3"])
        who = f"{10_000_000 + chance.randrange(310)}.0"
        lines.append((f"t{place // 2}", who, day, quantity, amount, "EUR", kind))
    # Lines with the same key that differ only in a blank quantity.
    lines += [(*line[:3], "", *line[4:]) for line in lines[:40]] + lines[:40]
    lines += [
        ("x1", "10000001.0", "never", "1", "1", "EUR", "sale"),
        ("x2", "", "1.2.2023", "one", "1,50,0", "", "sale"),
    ]
    files = {"customers": people, "lines": lines}
    header = {
        "customers": ["customer_id", "signup_date", "region", "score"],
        "lines": [*INPUT, "currency", "kind"],
    }
    for name, rows in files.items():
        with (folder / f"{name}.csv").open("w", newline="") as file:
            csv.writer(file, delimiter=";").writerows([header[name], *rows])
    return {
        "transactions_location": str(folder / "lines.csv"),
        "transactions_columns": {column: column for column in [*INPUT, "currency"]},
        "customers_location": str(folder / "customers.csv"),
        "customers_columns": {name: name for name in header["customers"]},
        "csv_delimiter": ";", "decimal_mark": ",", "date_format": "day_first", "ids_are_whole_numbers": True,
        "excluded_lines": {"kind": ["fuel"]}, "unique_key": ["transaction_id", "customer_id", "amount"],
        "attribute_bands": {"score": 0.25}, "winsorize": 0.99, "observation_window_days": 300,
        "rejected_share_warn": 0.9, "rejected_share_error": 0.9,
    }  # fmt: skip
