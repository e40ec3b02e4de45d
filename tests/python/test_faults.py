"""Faults: kills, full disks, too little memory, damaged and held files. Nothing that was published is ever lost.

`make test` runs the short ones; `make test-faults` runs all, and both print how many faults were tried and survived.
"""

from __future__ import annotations

import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pytest
import test_publication
from conftest import DBT, PROJECT, WITHOUT_UNIT_TESTS, environment
from test_publication import publish, publish_stamp, stamps, write_warehouse

SCRIPT = PROJECT / "scripts" / "publish.py"


@pytest.fixture
def survived(record_property) -> Callable[[int], None]:
    """Call it with the number of faults that a test has tried, once they are survived."""
    return lambda count: record_property("faults", count)


# ---- what must hold after any fault -----------------------------------------------------------------------------


def contents(database: Path) -> dict[str, tuple[int, int]]:
    """{mart: (rows, sum of the hashes of its rows)}."""
    with duckdb.connect(os.path.realpath(database), read_only=True) as connection:
        marts = connection.execute("select table_name from duckdb_tables() where schema_name = 'marts'").fetchall()
        return {mart: publish.fingerprint(connection, f'marts."{mart}"') for (mart,) in marts}


def check_publication_is_whole(folder: Path) -> int:
    """The current publication holds what its manifest says, of one build alone. Returns its number."""
    current = folder / "publications" / "current"
    told = json.loads((current / "manifest.json").read_text())
    assert {mart: rows for mart, (rows, _) in contents(current / "segments.duckdb").items()} == {
        mart: each["rows"] for mart, each in told["marts"].items()
    }
    for mart, each in told["marts"].items():
        assert duckdb.sql(f"select count(*) from '{current / mart}.parquet'").fetchall()[0] == (each["rows"],)
    with duckdb.connect(os.path.realpath(current / "segments.duckdb"), read_only=True) as connection:
        counts = (
            "select (select k from marts.segmentation_models where is_serving),"
            " (select count(*) from marts.segment_profiles)"
        )
        chosen, segments = connection.execute(counts).fetchone()
        assert chosen == segments
    return told["publication"]


# What only grows: {mart: what stays of a row when later builds come}.
GROWING = {
    "segmentation_model_centroids": "*",
    "segmentation_models": "*",
    "segmentation_builds": "*",
    "segment_migrations": "*",
    "segment_events": "*",
    "segment_drift": "*",
    "segment_history": "customer_id, segment_key, segment_name, model_id, valid_from_build, valid_from_date",
}


def check_same_but_for_growth(before: Path, after: Path) -> None:
    """A killed build may have stored its model, or itself; whatever was there stays, and the other marts are equal."""
    ours, theirs = contents(before), contents(after)
    assert {mart: rows for mart, rows in ours.items() if mart not in GROWING} == {
        mart: rows for mart, rows in theirs.items() if mart not in GROWING
    }
    with duckdb.connect() as connection:
        connection.execute(f"attach '{before}' as before (read_only)")
        connection.execute(f"attach '{os.path.realpath(after)}' as after (read_only)")
        for mart, columns in GROWING.items():
            lost = f"select {columns} from before.marts.{mart} except all select {columns} from after.marts.{mart}"
            assert connection.execute(lost).fetchall() == [], mart


def check_history(warehouse: Path) -> None:
    """The register and the log, which grow from build to build, have no gap and no duplicate; each is one statement."""
    none_of = {
        "a gap between builds": "select build from intermediate.int_build_log where is_build"
        " qualify build != row_number() over (order by build)",
        "a customer twice in a build": "select build, customer_id from intermediate.int_build_log where not is_build"
        " group by all having count(*) > 1",
        "a change without its build": "select build from intermediate.int_build_log group by build"
        " having count(case when is_build then 1 end) != 1",
        "a model twice": "select model_id from intermediate.int_model_register group by all having count(*) > 1",
        "a gap between models": "select sequence from intermediate.int_model_register"
        " qualify sequence != row_number() over (order by sequence)",
        "a build by a model that is not stored": "select model_id from intermediate.int_build_log where is_build"
        " and model_id not in (select model_id from intermediate.int_model_register)",
    }
    with duckdb.connect(str(warehouse)) as connection:
        for problem, sql in none_of.items():
            assert connection.execute(sql).fetchall() == [], problem


# ---- building and publishing the sample --------------------------------------------------------------------------


def planned(folder: Path, k: int | None = None, **settings: str) -> list[str]:
    variables = json.dumps(settings if k is None else settings | {"k": k})
    paths = ["--target-path", str(folder / "target"), "--log-path", str(folder / "logs")]
    return [sys.executable, str(SCRIPT), "publish", "--", *WITHOUT_UNIT_TESTS, *paths, "--vars", variables]


def run(folder: Path, arguments: list[str], limit: int | None = None, **changed: str) -> subprocess.CompletedProcess:
    """Run to the end; `limit` is the size in bytes that no file may exceed."""
    limited = None if limit is None else lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    return subprocess.run(
        arguments,
        cwd=PROJECT,
        env=environment(folder / "warehouse.duckdb") | changed,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=limited,
    )


def killed_after(folder: Path, arguments: list[str], seconds: float) -> None:
    """Start, and kill it and all that it has started after so many seconds."""
    process = subprocess.Popen(
        arguments,
        cwd=PROJECT,
        env=environment(folder / "warehouse.duckdb"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def kill_and_build_again(folder: Path, kills: int, seed: int) -> None:
    """Publish, kill so many runs at random moments, each on top of what the last one left, and publish again."""
    began = time.monotonic()
    first = run(folder, planned(folder))
    assert first.returncode == 0, first.stdout[-4_000:]
    lasts = time.monotonic() - began
    moments = random.Random(seed)
    sample = Path(shutil.copy(folder / "publications" / "current" / "segments.duckdb", folder / "sample_marts.duckdb"))
    for turn in range(kills):
        before = check_publication_is_whole(folder)
        # Half of the runs publish something else, so that old and new can be told apart.
        killed_after(folder, planned(folder, 3 if turn % 2 == 0 else None), moments.uniform(0.3, 1.05) * lasts)
        after = check_publication_is_whole(folder)
        assert after in (before, before + 1)
        check_history(folder / "warehouse.duckdb")
    again = run(folder, planned(folder))
    assert again.returncode == 0, again.stdout[-4_000:]
    check_publication_is_whole(folder)
    check_history(folder / "warehouse.duckdb")
    check_same_but_for_growth(sample, folder / "publications" / "current" / "segments.duckdb")


@pytest.mark.short_faults
@pytest.mark.xdist_group("faults")
def test_a_build_is_killed_and_built_again(tmp_path, survived):
    kill_and_build_again(tmp_path, 1, seed=1)
    survived(1)


@pytest.mark.faults
@pytest.mark.parametrize("seed", range(2, 8))
def test_builds_are_killed_at_random_moments_and_built_again(tmp_path, survived, seed):
    kill_and_build_again(tmp_path, 5, seed)
    survived(5)


PUBLISH_ALONE = """
import sys
sys.path.insert(0, sys.argv[1])
import publish
from pathlib import Path
folder = Path(sys.argv[2])
with publish.locked(folder / "publications"):
    publish.publish_marts(folder / "warehouse.duckdb", folder / "publications", 3)
"""


@pytest.mark.short_faults
def test_the_publication_alone_is_killed_at_random_moments(tmp_path, survived):
    publish_stamp(tmp_path, 0)
    alone = [sys.executable, "-c", PUBLISH_ALONE, str(PROJECT / "scripts"), str(tmp_path)]
    began = time.monotonic()
    assert run(tmp_path, alone).returncode == 0
    lasts = time.monotonic() - began
    moments = random.Random(0)
    link = tmp_path / "publications" / "current" / "segments.duckdb"
    for stamp in range(1, 21):
        (before,) = stamps(link)
        write_warehouse(tmp_path / "warehouse.duckdb", stamp)
        killed_after(tmp_path, alone, moments.uniform(0.3, 1.1) * lasts)
        assert stamps(link) in ({before}, {stamp})
    publish_stamp(tmp_path, 99)
    assert stamps(link) == {99}
    assert [each.name for each in (tmp_path / "publications").glob(".*")] == [".lock"]
    survived(20)


# ---- readers ----------------------------------------------------------------------------------------------------

READER = """
import os, sys, duckdb
marts, folder, seen = sys.argv[2].split(","), sys.argv[1], set()
print("reading", flush=True)
while not os.path.exists(folder + "/stop"):
    here = os.path.realpath(folder + "/current")
    found = set()
    with duckdb.connect(here + "/segments.duckdb", read_only=True) as connection:
        for mart in marts:
            found.add(connection.execute(f"select min(stamp), max(stamp), count(*) from marts.{mart}").fetchone())
    for mart in marts:
        found.add(duckdb.sql(f"select min(stamp), max(stamp), count(*) from '{here}/{mart}.parquet'").fetchall()[0])
    assert len(found) == 1, found
    low, high, _ = found.pop()
    assert low == high
    seen.add(low)
print(len(seen))
"""


@pytest.mark.short_faults
def test_a_reader_sees_only_whole_publications_while_twenty_are_made(tmp_path, survived):
    publish_stamp(tmp_path, 0)
    folder = tmp_path / "publications"
    arguments = [sys.executable, "-c", READER, str(folder), ",".join(test_publication.MARTS)]
    reader = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert reader.stdout.readline() == "reading\n"
    for stamp in range(1, 21):
        publish_stamp(tmp_path, stamp, kept=20)
    (folder / "stop").touch()
    said, wrong = reader.communicate(timeout=60)
    assert reader.returncode == 0, wrong
    assert int(said) > 1
    survived(20)


# ---- disk and memory --------------------------------------------------------------------------------------------


@pytest.mark.short_faults
def test_a_publication_that_the_disk_cannot_hold_leaves_the_one_before(tmp_path, survived):
    publish_stamp(tmp_path, 1)
    write_warehouse(tmp_path / "warehouse.duckdb", 2)
    alone = [sys.executable, "-c", PUBLISH_ALONE, str(PROJECT / "scripts"), str(tmp_path)]
    ended = run(tmp_path, alone, limit=200_000)
    assert ended.returncode == 1
    assert "could not be written to" in ended.stdout
    assert "readers still see publication 1" in ended.stdout
    assert stamps(tmp_path / "publications" / "current" / "segments.duckdb") == {1}
    survived(1)


@pytest.fixture
def small_disk(tmp_path) -> Iterator[Path]:
    """A file system of 4 MB; skipped where this user cannot mount one."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("no file system can be mounted here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.short_faults
def test_a_full_disk_leaves_the_publication_before(tmp_path, small_disk, survived, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    warehouse, folder = tmp_path / "warehouse.duckdb", small_disk / "publications"
    write_warehouse(warehouse, 1, rows=100)
    with publish.locked(folder):
        publish.publish_marts(warehouse, folder, 3)
        # Random digits, which do not compress.
        write_warehouse(warehouse, 2, rows=400_000)
        with duckdb.connect(str(warehouse)) as connection:
            connection.execute("update marts.first set money = (hash(row_id) % 1000000000000) / 100")
        with pytest.raises(publish.PublishError, match=r"could not be written .* readers still see publication 1"):
            publish.publish_marts(warehouse, folder, 3)
    assert stamps(folder / "current" / "segments.duckdb") == {1}
    survived(1)


@pytest.mark.faults
@pytest.mark.parametrize("fault", ["disk", "memory"])
def test_a_build_without_disk_or_memory_says_so_and_leaves_the_publication(tmp_path, survived, fault):
    assert run(tmp_path, planned(tmp_path)).returncode == 0
    before = contents(tmp_path / "publications" / "current" / "segments.duckdb")
    if fault == "disk":
        (tmp_path / "warehouse.duckdb").unlink()
        ended = run(tmp_path, planned(tmp_path, 3), limit=500_000)
        said = "File too large"
    else:
        ended = run(tmp_path, planned(tmp_path, 3, memory_limit="2MB"))
        said = "Out of Memory"
    assert ended.returncode == 1
    assert said in ended.stdout, ended.stdout[-3_000:]
    assert "nothing was published" in ended.stdout
    assert contents(tmp_path / "publications" / "current" / "segments.duckdb") == before
    again = run(tmp_path, planned(tmp_path))
    assert again.returncode == 0, again.stdout[-3_000:]
    survived(1)


# ---- the warehouse file -----------------------------------------------------------------------------------------

HOLDER = "import duckdb, sys, time; c = duckdb.connect(sys.argv[1]); print('held', flush=True); time.sleep(120)"


@pytest.mark.short_faults
def test_a_second_build_refuses_with_a_sentence_that_names_the_first(tmp_path, survived):
    warehouse = tmp_path / "warehouse.duckdb"
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(warehouse)], stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout.readline() == "held\n"
        ended = run(tmp_path, planned(tmp_path))
        rebuilt = run(tmp_path, [sys.executable, str(PROJECT / "scripts" / "warehouse.py"), "rebuild"])
    finally:
        holder.kill()
        holder.wait()
    for each in (ended, rebuilt):
        assert each.returncode == 1
        assert f"The warehouse {warehouse} is held by process {holder.pid}" in each.stdout
        assert len(each.stdout.strip().splitlines()) == 1
    assert warehouse.exists()
    survived(2)


@pytest.mark.short_faults
def test_a_damaged_warehouse_is_told_and_moved_aside_on_request(tmp_path, survived):
    warehouse = tmp_path / "warehouse.duckdb"
    publish_stamp(tmp_path, 1)
    # The headers of the file are overwritten: what a failing disk does.
    with warehouse.open("r+b") as file:
        file.write(b"\xff" * 16_384)
    damaged = warehouse.read_bytes()
    ended = run(tmp_path, planned(tmp_path))
    assert ended.returncode == 1
    assert "cannot be read as a DuckDB database" in ended.stdout
    assert "make build REBUILD=1" in ended.stdout
    assert stamps(tmp_path / "publications" / "current" / "segments.duckdb") == {1}
    rebuilt = run(tmp_path, [sys.executable, str(PROJECT / "scripts" / "warehouse.py"), "rebuild"])
    assert rebuilt.returncode == 0
    assert not warehouse.exists()
    assert (tmp_path / "warehouse.duckdb.aside-1").read_bytes() == damaged
    survived(1)


@pytest.mark.short_faults
def test_a_read_only_folder_is_told(small_disk, survived):
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    ended = run(small_disk, [sys.executable, str(PROJECT / "scripts" / "warehouse.py"), "check"])
    assert (ended.returncode, "cannot be written" in ended.stdout) == (1, True)
    survived(1)


@pytest.mark.short_faults
def test_a_warehouse_named_like_a_schema_stops_before_any_work(tmp_path, survived):
    warehouse = tmp_path / "Marts.duckdb"
    arguments = [str(DBT), "build", "--target-path", str(tmp_path / "t"), "--log-path", str(tmp_path / "l")]
    ended = run(tmp_path, arguments, SEGMENTATION_WAREHOUSE=str(warehouse))
    assert ended.returncode != 0
    assert "has the name of the schema 'marts'" in ended.stdout
    assert not warehouse.exists() or not contents(warehouse)
    survived(1)
