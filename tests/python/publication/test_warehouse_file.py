"""The warehouse file: a build refuses an unusable file with one sentence, and can move a damaged one aside."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
from conftest import dbt
from stamped import command, publish_stamp, stamps

from customer_segmentation.publication.warehouse import WarehouseError, move_aside

HOLDER = "import duckdb, sys, time; c = duckdb.connect(sys.argv[1]); print('held', flush=True); time.sleep(120)"


@pytest.mark.short_faults
def test_a_second_build_refuses_with_a_sentence_that_names_the_first(tmp_path, survived):
    warehouse = tmp_path / "warehouse.duckdb"
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(warehouse)], stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout.readline() == "held\n"
        refused = [command(tmp_path, verb) for verb in ("check-warehouse", "publish", "move-warehouse-aside")]
    finally:
        holder.kill()
        holder.wait()
    for each in refused:
        assert (each.returncode, each.stdout) == (1, "")
        assert f"The warehouse {warehouse} is in use by process {holder.pid}" in each.stderr
        assert len(each.stderr.strip().splitlines()) == 1
    assert warehouse.exists()
    survived(3)


@pytest.mark.short_faults
@pytest.mark.parametrize("offset", [pytest.param(0, id="file header"), pytest.param(4_096, id="database header")])
def test_a_damaged_warehouse_is_reported_and_moved_aside_on_request(tmp_path, survived, offset):
    warehouse = tmp_path / "warehouse.duckdb"
    publish_stamp(tmp_path, 1)
    with warehouse.open("r+b") as file:
        file.seek(offset)
        file.write(b"\xff" * 12_288)
    damaged = warehouse.read_bytes()
    for verb in ("check-warehouse", "publish"):
        ended = command(tmp_path, verb)
        assert ended.returncode == 1
        assert "cannot be read as a DuckDB database" in ended.stderr
        assert "make build REBUILD=1" in ended.stderr
    assert stamps(tmp_path / "publications" / "current" / "segments.duckdb") == {1}
    moved = command(tmp_path, "move-warehouse-aside")
    assert (moved.returncode, "The old warehouse is now" in moved.stdout) == (0, True), moved.stderr
    assert not warehouse.exists()
    assert (tmp_path / "warehouse.duckdb.aside-1").read_bytes() == damaged
    survived(1)


def test_moving_aside_uses_a_free_name_and_moves_the_write_ahead_log(tmp_path):
    warehouse = tmp_path / "warehouse.duckdb"
    assert command(tmp_path, "move-warehouse-aside").stdout == ""
    for number in (1, 2):
        warehouse.write_bytes(b"not a database")
        (tmp_path / "warehouse.duckdb.wal").write_bytes(b"a log")
        assert f"aside-{number}" in command(tmp_path, "move-warehouse-aside").stdout
    names = {each.name for each in tmp_path.iterdir()}
    assert names == {f"warehouse.duckdb.aside-{number}{end}" for number in (1, 2) for end in ("", ".wal")}


def test_a_warehouse_that_cannot_be_renamed_is_reported(tmp_path, monkeypatch):
    duckdb.connect(str(tmp_path / "warehouse.duckdb")).close()

    def denied(path, _):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    monkeypatch.setattr(Path, "rename", denied)
    said = rf"warehouse\.duckdb cannot be renamed \(Permission denied\); give this user write access to .* {tmp_path}"
    with pytest.raises(WarehouseError, match=said):
        move_aside(tmp_path / "warehouse.duckdb")


@pytest.mark.short_faults
def test_a_folder_that_cannot_be_written_or_does_not_exist_is_reported(tmp_path, small_disk, survived):
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    ended = command(small_disk, "check-warehouse")
    assert (ended.returncode, "is not writable" in ended.stderr) == (1, True)
    ended = command(tmp_path / "nowhere", "check-warehouse")
    assert (ended.returncode, "does not exist; create" in ended.stderr) == (1, True)
    survived(2)


@pytest.mark.short_faults
@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Marts", "has the same name as the schema 'marts'"),
        ("Main", "has the name 'main', which DuckDB keeps for itself"),
        ("system", "has the name 'system', which DuckDB keeps for itself"),
        ("information_schema", "has the name 'information_schema', which DuckDB keeps for itself"),
        ("temp.2024", "has the name 'temp', which DuckDB keeps for itself"),
    ],
)
def test_a_warehouse_whose_name_is_taken_stops_before_any_work(tmp_path, survived, name: str, said: str):
    warehouse = tmp_path / f"{name}.duckdb"
    ended = dbt(tmp_path, "build", changed={"SEGMENTATION_WAREHOUSE": str(warehouse)})
    assert ended.returncode != 0
    assert said in ended.output
    if warehouse.exists():
        with duckdb.connect(str(warehouse), read_only=True) as connection:
            assert connection.execute("from duckdb_tables()").fetchall() == []
    survived(1)
