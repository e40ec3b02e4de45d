"""Dates and amounts as shops write them, and as they should not."""

from __future__ import annotations

from pathlib import Path

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
]  # fmt: skip
AMOUNTS = [
    "5", "5.00", "-5.25", "+5", "1,234.50", "1 234.50", "1'234.50", "1\u202f234.50", "1,50", "1.50", "1.234,50",
    "1.234.567", "1,234,567.891", "1 234,567", "12.345", "12.344999", "1.005", "-1.005", "0.004", "-0.004", "5.", ".5",
    "5,", ",5", ".", ",", "NaN", "inf", "-Infinity", "-", "--5", "9999999999999999.99", "10000000000000000",
    "99999999999999999999", "0x10", "1_000", "5 EUR", "$5", "5%", "(5)", "1 2", "1,2345", "12,34", "1,23,456", "0",
    "-0", "000005", "5.0000000000001", "true", "1d", "5f", "1e", "e5",
]  # fmt: skip

# What is compared, and the settings that the texts are read with.
COLUMNS = ["transaction_id", "transaction_date", "quantity", "amount", "is_return", "is_amount_rounded", "failed_rules"]
NOTATIONS = {
    "a decimal point": {},
    "a decimal comma, the day first": {"decimal_mark": ",", "date_format": "day_first"},
    "the month first, days of Berlin": {"date_format": "month_first", "time_zone": "Europe/Berlin"},
    "ids that are numbers": {"ids_are_whole_numbers": True, "return_id_prefix": "d1"},
}


def write_texts(path: Path) -> None:
    """Lines with every date and every amount, all as text."""
    lines = [(f"d{place}", "17850.0", date, "1", "1") for place, date in enumerate(DATES)]
    lines += [(f"a{place}", "17850.0", "2024-01-31", amount, amount) for place, amount in enumerate(AMOUNTS)]
    with duckdb.connect() as connection:
        columns = ["transaction_id", "customer_id", "transaction_date", "quantity", "amount"]
        connection.execute(f"create table lines ({', '.join(f'{column} text' for column in columns)})")
        connection.executemany("insert into lines values (?, ?, ?, ?, ?)", lines)
        connection.execute(f"copy lines to '{path}' ({'format parquet' if path.suffix == '.parquet' else 'header'})")
