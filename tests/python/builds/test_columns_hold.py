"""Tests of a build fail with each kind of rule that the columns of a table break, and with customers who repeat."""

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


@pytest.mark.parametrize(
    ("mart", "test"),
    [
        ("customer_segments", "assert_customer_segments_has_every_customer_once"),
        ("customer_360", "columns_hold_customer_360_customer_id"),
        ("audiences", "columns_hold_audiences__customer_id_action_id_"),
        ("segment_map", "columns_hold_segment_map_customer_id"),
        ("segment_history", "assert_history_has_no_gap_and_no_overlap"),
    ],
)
def test_a_customer_who_repeats_in_a_mart_without_a_primary_key_is_found(sample: Built, mart: str, test: str, tmp_path):
    shutil.copy(green(sample).warehouse, tmp_path / "warehouse.duckdb")
    with duckdb.connect(str(tmp_path / "warehouse.duckdb")) as connection:
        connection.execute(f"insert into marts.{mart} from marts.{mart} limit 1")
    broken = warm_dbt().run(tmp_path, {}, "test", "--select", test)
    assert broken.returncode != 0
    assert "Got 1 result, configured to fail if != 0" in broken.output
