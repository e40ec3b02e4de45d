"""Marts that disabled_marts leaves out are gone, with all that needs them; such a build is logged like any other."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import PROJECT, Built, build, green

# They share a process, and so the build.
pytestmark = pytest.mark.xdist_group("disabled_marts")

LEFT_OUT = {
    "customer_360",
    "segment_alternative_borders",
    "segment_alternative_map",
    "segment_alternatives",
    "segment_attributes",
    "segment_borders",
    "segment_features",
    "segment_map",
    "segment_map_axes",
    "segment_months",
    "segmentation_model_centroids",
}
LOG = "model.customer_segmentation.int_build_log"
SETTINGS = {"disabled_marts": sorted(LEFT_OUT), "as_of_date": "2025-01-01"}


@pytest.fixture(scope="module")
def built(sample: Built, tmp_path_factory: pytest.TempPathFactory) -> Built:
    """The sample built once whole, and the next day without these marts."""
    folder = tmp_path_factory.mktemp("disabled_marts")
    shutil.copy(green(sample).warehouse, folder / "warehouse.duckdb")
    return green(build(folder, SETTINGS, "--selector", "score"))


def run(module: str, warehouse: Path, *arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", f"customer_segmentation.{module}", *arguments],
        cwd=PROJECT,
        env=os.environ | {"SEGMENTATION_WAREHOUSE": str(warehouse), "DBT_PROFILES_DIR": "."},
        capture_output=True,
        text=True,
        check=False,
    )


def test_disabled_marts_are_dropped_and_all_others_are_there(sample, built):
    assert set(built.columns()) == set(sample.columns()) - LEFT_OUT


def test_nothing_but_the_log_reads_a_mart_that_can_be_left_out(manifest):
    for mart in LEFT_OUT:
        readers = manifest["child_map"][f"model.customer_segmentation.{mart}"]
        assert {reader for reader in readers if reader.startswith("model.")} == {LOG}


def test_a_build_without_them_is_logged(built):
    assert built.column("select build from marts.segmentation_builds order by build") == [1, 2]


def test_what_needs_them_says_so(built, tmp_path):
    settings = tmp_path / "settings.yml"
    settings.write_text(json.dumps(SETTINGS))
    folders = ("--target-path", str(tmp_path / "target"), "--log-path", str(tmp_path / "logs"))
    asked = run("ask", built.warehouse, "what_sets_a_segment_apart", "--vars", json.dumps(SETTINGS), *folders)
    assert asked.returncode == 1
    assert "it reads a mart that the setting disabled_marts leaves out" in asked.stderr
    report = run("report", built.warehouse, "--output", str(tmp_path / "page.html"))
    assert report.returncode == 1
    assert "lacks the marts segment_features, segment_map, segment_map_axes" in report.stderr
    assert "the setting disabled_marts" in report.stderr
    lists = run("audiences", built.warehouse, "--settings", str(settings))
    assert lists.returncode == 1
    assert "take it out of 'disabled_marts'" in lists.stderr
