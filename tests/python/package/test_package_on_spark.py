"""The host project on Spark Connect, served by Sail: the same marts as on DuckDB."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from conftest import WITHOUT_TESTS, Built, build, green
from engines import ENGINE_SPECIFIC, Table, differing_tables, tables_of_connect, tables_of_duckdb
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
    assert differing_but_for_the_location(ours, theirs) == {}


@pytest.mark.long
def test_a_host_keeps_everything_in_tables_of_delta_lake(tmp_path: Path) -> None:
    """Two builds, the second with another k, against the same two on DuckDB."""
    for settings in ({}, {"k": 5}):
        ours = green(build(tmp_path / "duckdb", settings, *WITHOUT_TESTS)).warehouse
    marts = tables_of_duckdb(ours)
    host = copy_host(tmp_path / "host")
    host.change({"history_format": "delta"})
    file = host.folder / "dbt_project.yml"
    project = yaml.safe_load(file.read_text())
    project["models"]["+file_format"] = "delta"
    project["seeds"] = {"+file_format": "delta"}
    file.write_text(yaml.safe_dump(project, sort_keys=False))
    with sail(tmp_path) as remote:
        spark = {"SHOP_TARGET": "spark_connect", "SHOP_SPARK_REMOTE": remote}
        host.green("build", "--exclude-resource-type", "unit_test", **spark)
        host.change({"k": 5})
        host.green("build", *SEGMENTS, **spark)
        theirs = tables_of_connect(remote, list(marts), "analytics__segments")
    assert differing_but_for_the_location(marts, theirs) == {}
    assert [row[0] for row in sorted(theirs["segmentation_builds"][1])] == [1, 2]
    tables = {folder for folder in (tmp_path / "warehouse").iterdir() if folder.is_dir()}
    others = {folder.name.split("-")[0] for folder in tables if not (folder / "_delta_log").is_dir()}
    assert len(tables) > 80
    assert others == {"build_in_progress"}


def differing_but_for_the_location(ours: dict[str, Table], theirs: dict[str, Table]) -> dict[str, list[str]]:
    """The tables that differ. The host names another input in data_quality."""
    return differing_tables(ours, theirs, without=ENGINE_SPECIFIC | {"location"})
