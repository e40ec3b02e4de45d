"""The host project on Spark Connect, served by Sail: the same marts as on DuckDB."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import WITHOUT_TESTS, Built, build, green
from engines import Table, differing_tables, tables_of_connect, tables_of_duckdb
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
    assert_differing_in_the_location_alone(ours, theirs)


@pytest.mark.long
def test_a_host_keeps_everything_in_tables_of_delta_lake(tmp_path: Path) -> None:
    """Two builds, the second with another k, against the same two on DuckDB."""
    for settings in ({}, {"k": 5}):
        ours = green(build(tmp_path / "duckdb", settings, *WITHOUT_TESTS)).warehouse
    marts = tables_of_duckdb(ours)
    host = copy_host(tmp_path / "host")
    host.change({"history_format": "delta"})
    with host.project() as project:
        project["models"]["+file_format"] = "delta"
        project["seeds"] = {"+file_format": "delta"}
    with sail(tmp_path) as remote:
        spark = {"SHOP_TARGET": "spark_connect", "SHOP_SPARK_REMOTE": remote}
        host.green("build", "--exclude-resource-type", "unit_test", **spark)
        host.change({"k": 5})
        host.green("build", *SEGMENTS, **spark)
        theirs = tables_of_connect(remote, list(marts), "analytics__segments")
    assert_differing_in_the_location_alone(marts, theirs)
    assert [row[0] for row in sorted(theirs["segmentation_builds"][1])] == [1, 2]
    tables = {folder for folder in (tmp_path / "warehouse").iterdir() if folder.is_dir()}
    others = {folder.name.split("-")[0] for folder in tables if not (folder / "_delta_log").is_dir()}
    assert len(tables) > 80
    assert others == {"build_in_progress"}


def assert_differing_in_the_location_alone(ours: dict[str, Table], theirs: dict[str, Table]) -> None:
    """Assert that the tables are the same; the host names another input in data_quality."""
    differing = differing_tables(ours, theirs)
    assert set(differing) <= {"data_quality"}
    assert all("location" in line for lines in differing.values() for line in lines)
