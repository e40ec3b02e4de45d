"""Faults: kills, full disks, too little memory. No published data are ever lost.

`make test` runs the short tests, `make test-faults` all; both print how many faults were tried and survived.
"""

from __future__ import annotations

import fcntl
import json
import math
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import pytest
from conftest import PROJECT, WITHOUT_UNIT_TESTS, environment
from stamped import MARTS, MODULE, publish_stamp, publish_warehouse, stamps, write_warehouse

from customer_segmentation.publication.errors import PublicationError
from customer_segmentation.publication.publications import locked, publish_marts

# Seconds that the kernel may take to end a killed process: far more than it needs, even on a busy machine.
SECONDS_TO_END = 60

# ---- invariants after any fault ---------------------------------------------------------------------------------


def contents(database: Path) -> dict[str, tuple[int, int]]:
    """{mart: (rows, sum of the hashes of its rows)}."""
    with duckdb.connect(os.path.realpath(database), read_only=True) as connection:
        marts = connection.execute("select table_name from duckdb_tables() where schema_name = 'marts'").fetchall()
        hashes = "select count(*), sum(hash(each)::hugeint) from marts.{} as each"
        return {mart: connection.execute(hashes.format(mart)).fetchone() for (mart,) in marts}


def check_publication_is_whole(folder: Path) -> int:
    """Assert that the current publication agrees with its manifest and is of one build; return its number."""
    current = folder / "publications" / "current"
    manifest = json.loads((current / "manifest.json").read_text())
    assert {mart: rows for mart, (rows, _) in contents(current / "segments.duckdb").items()} == {
        mart: each["rows"] for mart, each in manifest["marts"].items()
    }
    for mart, each in manifest["marts"].items():
        assert duckdb.sql(f"select count(*) from '{current / mart}.parquet'").fetchall()[0] == (each["rows"],)
    with duckdb.connect(os.path.realpath(current / "segments.duckdb"), read_only=True) as connection:
        counts = (
            "select (select k from marts.segmentation_models where is_serving),"
            " (select count(*) from marts.segment_profiles)"
        )
        chosen, segments = connection.execute(counts).fetchone()
        assert chosen == segments
    return manifest["publication"]


# Marts that only grow: {mart: the columns of a row that later builds do not change}.
GROWING = {
    "segmentation_model_centroids": "*",
    "segmentation_models": "*",
    "segmentation_builds": "*",
    "segment_migrations": "*",
    "segment_events": "*",
    "segment_drift": "*",
    "segment_profiles_by_build": "*",
    "segment_history": "customer_id, segment_key, segment_name, model_id, valid_from_build, valid_from_date",
}


def check_same_but_for_growth(before: Path, after: Path) -> None:
    """Assert that growing marts lost no rows and the others are equal; a killed build may have logged itself."""
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
    """Assert that the model register and the build log, which grow with each build, have no gaps and duplicates."""
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


def publish_arguments(folder: Path, k: int | None = None, **settings: str) -> list[str]:
    """The command that builds the project in a folder and publishes it."""
    variables = json.dumps(settings if k is None else settings | {"k": k})
    # dbt parses the whole project again if the settings of a target folder change.
    paths = ["--target-path", str(folder / f"target_{k}"), "--log-path", str(folder / "logs")]
    return [*MODULE, "publish", "--", *WITHOUT_UNIT_TESTS, *paths, "--vars", variables]


def run(folder: Path, arguments: list[str], limit: int | None = None) -> subprocess.CompletedProcess:
    """Run a command to its end; `limit` is the maximum file size in blocks of 512 bytes."""
    if limit:
        # The shell sets it: a function between fork and exec would abort in a process that has loaded gRPC.
        arguments = ["sh", "-c", f'ulimit -f {limit} && exec "$@"', "sh", *arguments]
    return subprocess.run(
        arguments,
        cwd=PROJECT,
        env=environment(folder / "warehouse.duckdb"),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def start(folder: Path, arguments: list[str]) -> subprocess.Popen:
    """Start a command in a new process group."""
    return subprocess.Popen(
        arguments,
        cwd=PROJECT,
        env=environment(folder / "warehouse.duckdb"),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def kill(process: subprocess.Popen, warehouse: Path) -> None:
    """Kill a command and its children, and return once none of them holds the warehouse.

    dbt is a child of the command. The kernel ends it some time after the command, and closes its files last, so waiting
    only for the command is not enough.
    """
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    deadline = time.monotonic() + SECONDS_TO_END
    with warehouse.open("r+b") as file:
        while True:
            try:
                # The lock that DuckDB takes on a file that it opens.
                fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except (BlockingIOError, PermissionError):
                assert time.monotonic() < deadline, f"{warehouse} is still held after the kill"
                time.sleep(0.01)


def kill_build(folder: Path, arguments: list[str], progress: float, delay: float) -> None:
    """Build and publish; kill it some seconds after this share of its nodes (above 1: during the publication)."""
    process = start(folder, arguments)
    for line in process.stdout:
        started = re.search(r"(\d+) of (\d+) START", line)
        if started and int(started[1]) >= math.ceil(progress * int(started[2])):
            break
        if "Done. PASS=" in line:
            break
    time.sleep(delay)
    kill(process, folder / "warehouse.duckdb")


@pytest.fixture
def published(tmp_path, sample) -> Path:
    """A folder with the warehouse of the sample and its publication."""
    shutil.copy(sample.warehouse, tmp_path / "warehouse.duckdb")
    publish_warehouse(tmp_path)
    return tmp_path


def kill_and_build_again(folder: Path, kills: int, seed: int) -> None:
    """Kill this many builds at random moments, each starting from what the last one left, and build again."""
    moments = random.Random(seed)
    sample = Path(shutil.copy(folder / "publications" / "current" / "segments.duckdb", folder / "sample_marts.duckdb"))
    for turn in range(kills):
        before = check_publication_is_whole(folder)
        # Half of the runs publish different data, so that old and new can be distinguished.
        arguments = publish_arguments(folder, 3 if turn % 2 == 0 else None)
        progress = moments.uniform(0, 1.2)
        kill_build(folder, arguments, progress, moments.uniform(0, 0.1 if progress < 1 else 1.0))
        after = check_publication_is_whole(folder)
        assert after in (before, before + 1)
        check_history(folder / "warehouse.duckdb")
    again = run(folder, publish_arguments(folder))
    assert again.returncode == 0, again.stdout[-4_000:]
    check_publication_is_whole(folder)
    check_history(folder / "warehouse.duckdb")
    check_same_but_for_growth(sample, folder / "publications" / "current" / "segments.duckdb")


@pytest.mark.short_faults
@pytest.mark.xdist_group("publication")
def test_a_build_is_killed_and_built_again(published, survived):
    kill_and_build_again(published, 1, seed=1)
    survived(1)


@pytest.mark.faults
@pytest.mark.parametrize("seed", range(2, 8))
def test_builds_are_killed_at_random_moments_and_built_again(published, survived, seed):
    kill_and_build_again(published, 5, seed)
    survived(5)


PUBLISH_ALONE = """
import sys
from pathlib import Path
from customer_segmentation.publication.publications import locked, publish_marts
print("publishing", flush=True)
folder = Path(sys.argv[1])
with locked(folder / "publications"):
    publish_marts(folder / "warehouse.duckdb", folder / "publications", 3)
"""


@pytest.mark.short_faults
def test_the_copying_of_marts_is_killed_at_random_moments(tmp_path, survived):
    publish_stamp(tmp_path, 0)
    alone = [sys.executable, "-c", PUBLISH_ALONE, str(tmp_path)]
    with start(tmp_path, alone) as process:
        assert process.stdout.readline() == "publishing\n"
        began = time.monotonic()
    assert process.returncode == 0
    lasts = time.monotonic() - began
    moments = random.Random(0)
    link = tmp_path / "publications" / "current" / "segments.duckdb"
    for stamp in range(1, 21):
        (before,) = stamps(link)
        write_warehouse(tmp_path / "warehouse.duckdb", stamp)
        process = start(tmp_path, alone)
        assert process.stdout.readline() == "publishing\n"
        time.sleep(moments.uniform(0, 1.1) * lasts)
        kill(process, tmp_path / "warehouse.duckdb")
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
def test_a_reader_never_sees_two_builds_while_twenty_are_published(tmp_path, survived):
    publish_stamp(tmp_path, 0)
    folder = tmp_path / "publications"
    arguments = [sys.executable, "-c", READER, str(folder), ",".join(MARTS)]
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
def test_a_publication_over_the_file_size_limit_keeps_the_previous_one(tmp_path, survived):
    publish_stamp(tmp_path, 1)
    write_warehouse(tmp_path / "warehouse.duckdb", 2)
    ended = run(tmp_path, [sys.executable, "-c", PUBLISH_ALONE, str(tmp_path)], limit=400)
    assert ended.returncode == 1
    assert "could not be written to" in ended.stdout
    assert "readers still see publication 1" in ended.stdout
    assert stamps(tmp_path / "publications" / "current" / "segments.duckdb") == {1}
    survived(1)


@pytest.mark.short_faults
def test_a_full_disk_keeps_the_previous_publication(tmp_path, small_disk, survived, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    warehouse, folder = tmp_path / "warehouse.duckdb", small_disk / "publications"
    write_warehouse(warehouse, 1, rows=100)
    with locked(folder):
        publish_marts(warehouse, folder, 3)
        # Random digits, which hardly compress.
        write_warehouse(warehouse, 2, rows=400_000)
        with duckdb.connect(str(warehouse)) as connection:
            connection.execute("update marts.first set money = (hash(row_id) % 1000000000000) / 100")
        with pytest.raises(PublicationError, match=r"could not be written .* readers still see publication 1"):
            publish_marts(warehouse, folder, 3)
    assert stamps(folder / "current" / "segments.duckdb") == {1}
    survived(1)


@pytest.mark.faults
@pytest.mark.parametrize("fault", ["disk", "memory"])
def test_a_build_out_of_disk_or_memory_reports_it_and_keeps_the_publication(published, survived, fault):
    before = contents(published / "publications" / "current" / "segments.duckdb")
    if fault == "disk":
        (published / "warehouse.duckdb").unlink()
        ended = run(published, publish_arguments(published, 3), limit=500_000)
        said = "File too large"
    else:
        ended = run(published, publish_arguments(published, 3, memory_limit="2MB"))
        said = "Out of Memory"
    assert ended.returncode == 1
    assert said in ended.stdout, ended.stdout[-3_000:]
    assert "nothing was published" in ended.stdout
    assert contents(published / "publications" / "current" / "segments.duckdb") == before
    again = run(published, publish_arguments(published))
    assert again.returncode == 0, again.stdout[-3_000:]
    survived(1)
