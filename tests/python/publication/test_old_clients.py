"""Publications open in releases of DuckDB that people have, not only in the one that wrote them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import Built, green
from stamped import write_warehouse

from customer_segmentation.publication.publications import locked, publish_marts

# scripts/setup.sh installs the old release beside the packages of this environment.
OLD_DUCKDB = Path(sys.prefix) / "old-duckdb"
READ_EVERYTHING = """
import json, sys
from pathlib import Path
import duckdb
folder = Path(sys.argv[1])
counted = {"version": duckdb.__version__, "marts": {}}
with duckdb.connect(str(folder / "segments.duckdb"), read_only=True) as connection:
    tables = connection.sql("select table_name from duckdb_tables() where schema_name = 'marts'").fetchall()
    for (mart,) in tables:
        of_table = connection.sql(f'select * from marts."{mart}" order by all').fetchall()
        of_file = connection.sql(f"select * from '{folder / mart}.parquet' order by all").fetchall()
        assert of_table == of_file, mart
        counted["marts"][mart] = len(of_table)
print(json.dumps(counted))
"""


def read_by_an_old_client(folder: Path) -> subprocess.CompletedProcess:
    """Read all marts of a publication, as tables and as files, with the old release."""
    return subprocess.run(
        [sys.executable, "-c", READ_EVERYTHING, str(folder)],
        env=os.environ | {"PYTHONPATH": str(OLD_DUCKDB)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_marts_of_the_sample_open_in_an_old_release(sample: Built, tmp_path: Path):
    shutil.copy(green(sample).warehouse, tmp_path / "warehouse.duckdb")
    with locked(tmp_path / "publications"):
        publish_marts(tmp_path / "warehouse.duckdb", tmp_path / "publications", 1)
    current = tmp_path / "publications" / "current"
    found = read_by_an_old_client(current)
    assert found.returncode == 0, found.stderr
    answer = json.loads(found.stdout)
    assert answer["version"] < "1.5"
    manifest = json.loads((current / "manifest.json").read_text())
    assert answer["marts"] == {mart: content["rows"] for mart, content in manifest["marts"].items()}


@pytest.mark.parametrize("storage_version", ["v2.0.0", "latest"])
def test_a_newer_format_can_be_chosen_and_does_not_open_there(tmp_path: Path, storage_version: str):
    write_warehouse(tmp_path / "warehouse.duckdb", 1)
    with locked(tmp_path / "publications"):
        publish_marts(tmp_path / "warehouse.duckdb", tmp_path / "publications", 1, storage_version)
    found = read_by_an_old_client(tmp_path / "publications" / "current")
    assert found.returncode != 0
    assert "storage version" in found.stderr or "newer version" in found.stderr or "older version" in found.stderr
