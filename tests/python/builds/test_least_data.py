"""Data minimisation and quoting: personal columns stay out of the marts and logs, and no value is run as SQL."""

from __future__ import annotations

import json

import duckdb
import pandas as pd
import pytest
from conftest import QUICK, WITHOUT_UNIT_TESTS, build, dbt, green

MARKERS = {"full_name": "Zyxwora Quillfeather", "email": "zyxwora@quill.invalid"}
# Quotes, semicolons and comments, but not Jinja: dbt itself evaluates it in --vars, before any check.
EVIL = [
    pytest.param('a"b', marks=pytest.mark.long),
    pytest.param("a'b", marks=pytest.mark.long),
    pytest.param("a;drop table x;--", marks=pytest.mark.long),
    'x" from y; create table injected(i int); --',
]


def inputs(folder, names: dict[str, str] | None = None, prefix: str = "") -> dict:
    """An input with personal columns, under the given file and column names."""
    folder.mkdir(parents=True)
    names = names or {}
    customers = pd.DataFrame(
        {"customer_id": f"C{n:03}", "signup_date": f"2023-{n % 12 + 1:02}-01", **MARKERS} for n in range(40)
    )
    transactions = pd.DataFrame(
        {
            "transaction_id": f"T{n:04}",
            "customer_id": f"C{n % 40:03}",
            "transaction_date": f"2024-{n % 12 + 1:02}-15",
            "quantity": n % 7 + 1,
            "amount": f"{(n % 40 + 1) ** 2}.50",
        }
        for n in range(200)
    )
    transactions.rename(columns=names).to_csv(folder / f"{prefix}transactions.csv", index=False)
    customers.to_csv(folder / f"{prefix}customers.csv", index=False)
    return {
        "transactions_location": str(folder / f"{prefix}transactions.csv"),
        "transactions_columns": {name: names.get(name, name) for name in transactions.columns},
        "customers_location": str(folder / f"{prefix}customers.csv"),
        "customers_columns": {"customer_id": "customer_id", "signup_date": "signup_date"},
        "attribute_bands": {},
    }


def test_an_unlisted_attribute_is_in_no_table_and_no_log(tmp_path):
    variables = ["--vars", json.dumps(inputs(tmp_path / "input"))]
    (tmp_path / "run").mkdir()
    built = green(dbt(tmp_path / "run", "--log-level-file", "debug", "build", *WITHOUT_UNIT_TESTS, *variables))
    assert 'from "warehouse"."intermediate"' in (tmp_path / "run" / "logs" / "dbt.log").read_text(encoding="utf-8")
    said = [built.output, *map(repr, built.marts().items())]
    for folder in ("logs", "target"):
        for file in (tmp_path / "run" / folder).rglob("*"):
            if file.is_file():
                said.append(file.read_bytes().decode("utf-8", errors="replace"))
    assert len(said) > 20
    # The search finds the ids, so it would find other values too.
    assert any("C017" in text for text in said)
    for marker in MARKERS.values():
        assert not [text[:200] for text in said if marker in text]


@pytest.mark.parametrize("evil", EVIL)
def test_names_of_columns_files_and_databases_are_never_run_as_sql(tmp_path, evil):
    other = tmp_path / "other's.duckdb"
    duckdb.connect(str(other)).close()
    settings = inputs(tmp_path / "input", {"amount": evil}, prefix=evil.replace("/", ""))
    settings |= QUICK | {
        "attach_databases": {evil: str(other)},
        "excluded_lines": {evil: [evil]},
        "return_flag_values": [evil],
        "return_id_prefix": evil,
        "customers_columns": settings["customers_columns"] | {"attribute": "full_name"},
    }
    built = green(build(tmp_path / "run", settings, *WITHOUT_UNIT_TESTS, "--exclude-resource-type", "test"))
    assert built.rows("select count(*) from marts.customer_segments") == [(40,)]
    assert not [name for name in built.relations() if "injected" in name]


@pytest.mark.parametrize(
    ("attribute", "said"),
    [
        ("email", "The values of the attribute attribute look like e-mail addresses or telephone numbers"),
        ("card", "The attribute attribute has another value for nearly every customer (60 values for 60 customers)"),
    ],
)
def test_an_attribute_that_tells_who_somebody_is_is_refused(tmp_path, attribute, said):
    settings = inputs(tmp_path / "input")
    customers = pd.read_csv(settings["customers_location"])
    more = customers.head(20).assign(customer_id=[f"D{n:03}" for n in range(20)])
    customers = pd.concat([customers, more]).assign(card=[f"card {n}" for n in range(60)])
    customers.to_csv(settings["customers_location"], index=False)
    settings["customers_columns"] |= {"attribute": attribute}
    ended = build(tmp_path / "run", settings, *WITHOUT_UNIT_TESTS, "--exclude-resource-type", "test")
    assert ended.returncode != 0
    assert said in " ".join(ended.output.split())
    assert "segment_attributes" not in " ".join(ended.relations())
