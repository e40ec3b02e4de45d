"""Publications: readers see the marts of one whole green build, and go back to earlier ones."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
from conftest import DBT, PROJECT, environment

sys.path.insert(0, str(PROJECT / "scripts"))
spec = importlib.util.spec_from_file_location("publish", PROJECT / "scripts" / "publish.py")
publish = importlib.util.module_from_spec(spec)
spec.loader.exec_module(publish)

MARTS = ("first", "second", "third")


def write_warehouse(warehouse: Path, stamp: int, rows: int = 2_000) -> None:
    """A warehouse whose marts all carry one stamp in every row, so that a mixture of two would show."""
    warehouse.unlink(missing_ok=True)
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute("create schema marts; create schema staging; create table staging.secret as select 1 as x")
        for mart in MARTS:
            connection.execute(
                f"create table marts.{mart} (stamp integer not null, row_id integer primary key, money decimal(18, 2))"
            )
            connection.execute(f"insert into marts.{mart} select {stamp}, i, i / 100 from range({rows}) as r(i)")
            connection.execute(f"comment on table marts.{mart} is 'It''s a mart'")
            connection.execute(f"comment on column marts.{mart}.stamp is 'Which; build'")


def publish_stamp(folder: Path, stamp: int, kept: int = 3) -> int:
    warehouse = folder / "warehouse.duckdb"
    write_warehouse(warehouse, stamp)
    with publish.locked(folder / "publications"):
        return publish.publish_marts(warehouse, folder / "publications", kept)


def stamps(database: Path) -> set[int]:
    with duckdb.connect(os.path.realpath(database), read_only=True) as connection:
        return {connection.execute(f"select min(stamp) from marts.{mart}").fetchone()[0] for mart in MARTS}


def command(folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, str(PROJECT / "scripts" / "publish.py"), *arguments],
        cwd=PROJECT,
        env=environment(folder / "warehouse.duckdb"),
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_publication_holds_all_marts_with_their_comments_and_constraints_and_nothing_else(tmp_path):
    assert publish_stamp(tmp_path, 7) == 1
    current = tmp_path / "publications" / "current"
    with duckdb.connect(str(current / "segments.duckdb"), read_only=True) as connection:
        tables = connection.execute("select schema_name, table_name, comment from duckdb_tables() order by all")
        assert tables.fetchall() == [("marts", mart, "It's a mart") for mart in MARTS]
        comment = "select distinct comment from duckdb_columns() where column_name = 'stamp'"
        assert connection.execute(comment).fetchall() == [("Which; build",)]
        kinds = "select distinct constraint_type from duckdb_constraints() order by all"
        assert [row[0] for row in connection.execute(kinds).fetchall()] == ["NOT NULL", "PRIMARY KEY"]
    for mart in MARTS:
        total = duckdb.sql(f"select count(*), sum(money) from '{current / mart}.parquet'").fetchall()[0]
        assert (total[0], str(total[1])) == (2_000, "19990.00")
    told = json.loads((current / "manifest.json").read_text())
    assert told["marts"]["first"] == {"rows": 2_000, "amounts": {"money": "19990.00"}}


def test_a_copy_that_differs_is_not_published(tmp_path, monkeypatch):
    publish_stamp(tmp_path, 1)
    calls = iter(range(100))
    monkeypatch.setattr(publish, "fingerprint", lambda connection, relation: (next(calls), 0))
    with pytest.raises(publish.PublishError, match="The copy of the mart first differs"):
        publish_stamp(tmp_path, 2)
    assert stamps(tmp_path / "publications" / "current" / "segments.duckdb") == {1}


def test_a_reader_keeps_what_it_opened_and_a_new_one_sees_the_new(tmp_path):
    publish_stamp(tmp_path, 1, kept=1)
    link = tmp_path / "publications" / "current" / "segments.duckdb"
    with duckdb.connect(os.path.realpath(link), read_only=True) as reader:
        assert reader.execute("select max(stamp) from marts.first").fetchone() == (1,)
        publish_stamp(tmp_path, 2, kept=1)
        # Its folder is gone by now, and the open file is not.
        assert reader.execute("select max(stamp) from marts.third").fetchone() == (1,)
        assert stamps(link) == {2}


def test_so_many_publications_are_kept_and_the_current_one_always(tmp_path):
    for stamp in range(1, 6):
        publish_stamp(tmp_path, stamp, kept=3)
    folder = tmp_path / "publications"
    assert publish.numbers(folder) == [3, 4, 5]
    assert command(tmp_path, "rollback", "3").returncode == 0
    assert stamps(folder / "current" / "segments.duckdb") == {3}
    publish.forget(folder, 1)
    assert publish.numbers(folder) == [3, 5]


def test_rollback_goes_to_the_one_before_and_says_what_there_is(tmp_path):
    assert "There are no publications" in command(tmp_path, "rollback").stderr
    for stamp in (1, 2):
        publish_stamp(tmp_path, stamp)
    assert "Publication 1 is current" in command(tmp_path, "rollback").stdout
    assert "There is no publication before the current one; there are [1, 2]" in command(tmp_path, "rollback").stderr
    assert "There is no publication 9 to go back to; there are [1, 2]" in command(tmp_path, "rollback", "9").stderr
    assert "1 " in command(tmp_path, "list").stdout
    # Numbers are never used twice, whatever is current.
    assert publish_stamp(tmp_path, 3) == 3


def test_two_publications_at_once_the_second_refuses(tmp_path):
    publish_stamp(tmp_path, 1)
    with publish.locked(tmp_path / "publications"):
        refused = command(tmp_path, "rollback", "1")
    assert (refused.returncode, "Another publication or rollback works in" in refused.stderr) == (1, True)


def test_the_publications_of_one_warehouse_are_not_replaced_by_those_of_another(tmp_path):
    publish_stamp(tmp_path, 1)
    write_warehouse(tmp_path / "other.duckdb", 2)
    with pytest.raises(publish.PublishError, match=r"those of the warehouse warehouse\.duckdb, and this one is other"):
        publish.publish_marts(tmp_path / "other.duckdb", tmp_path / "publications", 3)


MANIFEST = {
    "nodes": {
        "model.a": {"resource_type": "model", "config": {"materialized": "table"}, "tags": []},
        "model.e": {"resource_type": "model", "config": {"materialized": "ephemeral"}, "tags": []},
        "test.a": {"resource_type": "test", "config": {}, "tags": [], "depends_on": {"nodes": ["model.a"]}},
        "model.t": {"resource_type": "model", "config": {"materialized": "table"}, "tags": ["training"]},
        "model.u": {"resource_type": "model", "config": {"materialized": "table"}, "tags": ["training"]},
        "test.t": {"resource_type": "test", "config": {}, "tags": [], "depends_on": {"nodes": ["model.t"]}},
    }
}


@pytest.mark.parametrize(
    ("statuses", "said"),
    [
        ({"model.a": "success", "test.a": "fail"}, "not green: test.a fail"),
        ({"model.a": "success", "test.a": "skipped"}, "not green: test.a skipped"),
        ({"model.a": "success"}, "left out 1 of 2 models, seeds and tests"),
        ({"model.a": "success", "test.a": "warn"}, None),
        # Half a training is neither a training nor a scoring.
        ({"model.a": "success", "test.a": "pass", "model.t": "success"}, "left out 1 of 4 models, seeds and tests"),
    ],
)
def test_only_a_whole_green_build_is_published(statuses, said):
    results = {"results": [{"unique_id": node, "status": status} for node, status in statuses.items()]}
    if said is None:
        publish.check_whole_and_green(results, MANIFEST)
        return
    with pytest.raises(publish.PublishError, match=said):
        publish.check_whole_and_green(results, MANIFEST)


@pytest.mark.parametrize("kept", [0, 1001, "5", True, None])
def test_a_wrong_number_of_publications_is_refused(kept):
    with pytest.raises(publish.PublishError, match=r"'publications_kept' is .*whole number from 1 to 1000"):
        publish.publications_kept({"publications_kept": kept})


# ---- the sample, whole ------------------------------------------------------------------------------------------


@pytest.mark.xdist_group("publication")
def test_a_failed_or_partial_build_leaves_the_publication_and_a_green_one_replaces_it(tmp_path):
    quick = [
        "--exclude-resource-type",
        "unit_test",
        "--target-path",
        str(tmp_path / "target"),
        "--log-path",
        str(tmp_path / "logs"),
    ]
    assert command(tmp_path, "publish", "--", *quick).returncode == 0
    current = tmp_path / "publications" / "current"
    failed = command(tmp_path, "publish", "--", *quick, "--vars", "{rejected_share_warn: 2}")
    assert (failed.returncode, "nothing was published" in failed.stderr) == (1, True)
    partial = command(tmp_path, "publish", "--", *quick, "--select", "marts")
    assert (partial.returncode, "a publication needs a whole build" in partial.stderr) == (1, True)
    assert os.readlink(current) == "000001"
    settings = tmp_path / "settings.yml"
    settings.write_text("k: 3\n")
    assert command(tmp_path, "publish", "--settings", str(settings), "--", *quick).returncode == 0
    with duckdb.connect(os.path.realpath(current / "segments.duckdb"), read_only=True) as connection:
        assert connection.execute("select count(*) from marts.segment_profiles").fetchone() == (3,)
        comment = "select count(*) from duckdb_columns() where schema_name = 'marts' and comment is null"
        assert connection.execute(comment).fetchone() == (0,)


@pytest.mark.xdist_group("publication")
def test_both_readers_of_the_documentation_work_while_a_build_runs(tmp_path):
    publish_stamp(tmp_path, 1)
    text = (PROJECT / "docs" / "serving.md").read_text()
    readers = [block.split("```")[0] for block in text.split("```python\n")[1:]]
    assert len(readers) == 2
    # What the readers ask for, in a publication beside a warehouse that a build holds.
    warehouse = tmp_path / "warehouse.duckdb"
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute("create table marts.segment_profiles as select 'A' as segment_name, 3 as cluster_size")
        connection.execute("create table marts.customer_segments as select 'c' as customer_id, 'A' as segment_name")
    with publish.locked(tmp_path / "publications"):
        publish.publish_marts(warehouse, tmp_path / "publications", 3)
    paths = ["--target-path", str(tmp_path / "t"), "--log-path", str(tmp_path / "l")]
    build = subprocess.Popen(
        [str(DBT), "build", "--exclude-resource-type", "unit_test", *paths],
        cwd=PROJECT,
        env=environment(warehouse),
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        # Probing before dbt holds the file would keep dbt from it.
        assert any("START seed" in line for line in build.stdout)
        probe = "import duckdb, sys; duckdb.connect(sys.argv[1], read_only=True)"
        assert subprocess.run([sys.executable, "-c", probe, str(warehouse)], capture_output=True).returncode != 0
        for reader in readers:
            asked = subprocess.run([sys.executable, "-c", reader], cwd=tmp_path, capture_output=True, text=True)
            assert asked.returncode == 0, asked.stderr
            assert "A" in asked.stdout
        assert build.poll() is None
    finally:
        build.kill()
        build.wait()
