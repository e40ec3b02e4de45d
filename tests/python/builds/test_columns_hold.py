"""The test of the columns of a table fails with each kind of rule that its rows break."""

from __future__ import annotations

import shutil

import duckdb
import pytest
from conftest import Built, green, warm_dbt

BREAKS = {
    "a column that must not be null": (
        "int_customer_features",
        "update intermediate.int_customer_features set transaction_count = null where customer_id = 'C0001'",
    ),
    "a column whose values are unique": (
        "int_customer_features",
        "insert into intermediate.int_customer_features from intermediate.int_customer_features limit 1",
    ),
    "columns that are unique together": (
        "int_segment_features",
        "insert into intermediate.int_segment_features from intermediate.int_segment_features limit 1",
    ),
    "a column with certain values": (
        "int_feature_catalogue",
        "update intermediate.int_feature_catalogue set unit = 'miles' where feature = 'total_spending'",
    ),
    "a condition": (
        "int_customer_features",
        "update intermediate.int_customer_features set days_since_signup = null where customer_id = 'C0001'",
    ),
    "a column that is unique in some rows": (
        "int_customers_checked",
        "update intermediate.int_customers_checked set customer_id = 'C0001' where customer_id = 'C0002'",
    ),
}


@pytest.mark.parametrize("rule", BREAKS)
def test_a_broken_rule_is_found(sample: Built, rule: str, tmp_path):
    model, change = BREAKS[rule]
    shutil.copy(green(sample).warehouse, tmp_path / "warehouse.duckdb")
    select = ("test", "--select", f"{model},test_name:columns_hold")
    green(warm_dbt().run(tmp_path, {}, *select))
    with duckdb.connect(str(tmp_path / "warehouse.duckdb")) as connection:
        connection.execute(change)
    broken = warm_dbt().run(tmp_path, {}, *select)
    assert broken.returncode != 0
    assert "Got 1 result, configured to fail if != 0" in broken.output
