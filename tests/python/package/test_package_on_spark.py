"""The host project on Spark Connect, served by Sail: the same marts as on DuckDB."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import Built, green
from engines import differing_tables, tables_of_connect, tables_of_duckdb
from spark_cluster import sail
from test_package import SEGMENTS, copy_host

pytestmark = pytest.mark.xdist_group("sail")


@pytest.mark.long
def test_the_marts_of_a_host_on_spark_are_those_of_duckdb(sample: Built, tmp_path: Path) -> None:
    ours = tables_of_duckdb(green(sample).warehouse)
    host = copy_host(tmp_path / "host")
    with sail(tmp_path) as remote:
        spark = {"SHOP_TARGET": "spark_connect", "SHOP_SPARK_REMOTE": remote}
        host.green("build", *SEGMENTS, **spark)
        theirs = tables_of_connect(remote, list(ours), "analytics__segments")
    # The host names another input.
    differing = differing_tables(ours, theirs)
    assert set(differing) <= {"data_quality"}
    assert all("location" in line for lines in differing.values() for line in lines)
