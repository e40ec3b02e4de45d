"""The project on Apache Spark compared with DuckDB: in the dbt process, on a cluster, and through Spark Connect.

A build on Spark takes minutes, so each is built once and read by several tests.
"""

from __future__ import annotations

import datetime as dt
import json
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml
from conftest import (
    DBT,
    PROJECT,
    WITHOUT_TESTS,
    WITHOUT_UNIT_TESTS,
    Built,
    build,
    dbt_folders,
    environment,
    green,
    warm_dbt,
)
from engines import (
    ENGINE_SPECIFIC,
    Table,
    assert_same_lines,
    dbt_on,
    differences,
    differing_tables,
    statuses,
    tables_of_connect,
    tables_of_duckdb,
    tables_of_folder,
)
from spark_cluster import (
    Cluster,
    bytes_collected,
    cluster,
    end,
    event_logs,
    local,
    of_kind,
    on_cluster,
    plan_nodes,
    read_events,
    rows_for_one_task,
    running,
    spark_connect,
    wait_until,
)
from texts import INPUT, NOTATIONS, write_lines, write_shop

from customer_segmentation.audiences.export import Choices, check_owner, export, finish_interrupted, logged_waves
from customer_segmentation.audiences.spark import RELATIONS, SparkExports
from customer_segmentation.publication.publications import publish_marts
from customer_segmentation.publication.spark import fetch_marts

pytestmark = [pytest.mark.spark, pytest.mark.xdist_group("spark")]

# Far below the 23,570 customers of CDNOW: the iterations of the sweep run on the cluster.
SAMPLE_SIZE = 5_000
SAMPLES = dict.fromkeys(["search_sample_size", "validation_sample_size", "second_opinion_sample_size"], SAMPLE_SIZE)
# It has a row for each of up to 20 past days.
SAMPLES["value_sample_size"] = SAMPLE_SIZE // 20
MOST_SECONDS = 900


@dataclass(frozen=True)
class OnSpark:
    """A build on Spark: dbt's output, the warehouse folder, and the events of Spark's event log."""

    built: Built
    warehouse: Path
    events: list[dict[str, Any]]

    def marts(self) -> dict[str, Table]:
        return tables_of_folder(self.warehouse)


# ---- in dbt's process --------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def in_process(tmp_path_factory: pytest.TempPathFactory) -> OnSpark:
    """The sample on local[2], with every test."""
    folder = tmp_path_factory.mktemp("in_process")
    built = green(dbt_on(folder, "spark", local(folder), "build", "--show-all-deprecations"))
    return OnSpark(built, folder / "warehouse", [])


def test_every_mart_has_the_same_rows_in_process(in_process: OnSpark, sample: Built) -> None:
    assert differing_tables(tables_of_duckdb(green(sample).warehouse), in_process.marts()) == {}


def test_only_columns_that_name_the_engine_differ(in_process: OnSpark, sample: Built) -> None:
    ours, theirs = tables_of_duckdb(sample.warehouse), in_process.marts()
    columns = {line.split(":")[0] for name in ours for line in differences(ours[name], theirs[name])}
    assert columns == ENGINE_SPECIFIC - {"previous_model_id", "input_row", "row_hash"}


def test_every_model_and_every_test_runs_on_spark(in_process: OnSpark, sample: Built) -> None:
    ours, theirs = (statuses(built.warehouse.parent) for built in (sample, in_process.built))
    assert set(ours) - set(theirs) == set()
    # DuckDB enforces the constraints of each mart when writing it; on Spark one test per mart checks them.
    marts = {f"constraints_hold_{mart}_{mart}" for mart in sample.columns()}
    assert {name.split(".")[2] for name in set(theirs) - set(ours)} == marts
    assert sum(name.startswith("unit_test.") for name in theirs) > 100
    assert {name for name, status in theirs.items() if status not in ("success", "pass", "no-op")} == set()


def test_spark_warns_of_nothing(in_process: OnSpark) -> None:
    assert "deprecat" not in in_process.built.output.lower()
    assert "WARN=0" in in_process.built.output


def test_another_process_sees_the_tables(in_process: OnSpark) -> None:
    folder = in_process.warehouse.parent
    arguments = ["test", "--select", "segment_profiles", *WITHOUT_UNIT_TESTS]
    tested = green(dbt_on(folder / "again", "spark", local(folder), *arguments))
    assert set(statuses(folder / "again").values()) == {"pass"}
    assert "PASS=0" not in tested.output


def test_the_marts_are_published_from_a_duckdb_file(in_process: OnSpark, sample: Built, tmp_path: Path) -> None:
    fetch_marts(in_process.warehouse, in_process.warehouse.parent / "target", tmp_path / "spark.duckdb")
    assert publish_marts(tmp_path / "spark.duckdb", tmp_path, 1, "v1.2.0") == 1
    ours = tables_of_duckdb(green(sample).warehouse)
    assert differing_tables(ours, tables_of_duckdb(tmp_path / "current" / "segments.duckdb")) == {}
    # Constraints are those of DuckDB's tables; the attributes of customer_360 have no descriptions.
    of_the_engine = "select table_name, column_name, data_type, is_nullable from duckdb_columns() where not internal"
    assert_same(green(sample).warehouse, tmp_path / "spark.duckdb", f"{of_the_engine} and schema_name = 'marts'")
    described = "select table_name, comment from duckdb_tables() where schema_name = 'marts'"
    assert_same(green(sample).warehouse, tmp_path / "spark.duckdb", described)


def assert_same(ours: Path, theirs: Path, query: str) -> None:
    """Assert that a query has the same rows in two DuckDB files."""
    answers = []
    for file in (ours, theirs):
        with duckdb.connect(str(file), read_only=True) as connection:
            answers.append(sorted(connection.execute(query).fetchall()))
    assert answers[0] == answers[1]


# The last of the tests that read the build of the sample: it adds builds to it.
def test_history_goes_on_after_a_build_that_was_killed(in_process: OnSpark, sample: Built, tmp_path: Path) -> None:
    folder = in_process.warehouse.parent
    settings = {"as_of_date": "2025-01-31", "k": 5}
    arguments = ["build", *WITHOUT_TESTS, "--vars", json.dumps(settings)]
    output = tmp_path / "output.txt"
    command = [str(DBT), "--no-use-colors", *arguments, "--target", "spark", *dbt_folders(tmp_path / "killed")]
    with running(command, output, environment(tmp_path / "none.duckdb") | local(folder), PROJECT) as process:
        at_the_log = "START sql incremental model intermediate.int_build_log"
        wait_until(lambda: at_the_log in output.read_text(), "the build", process, output, MOST_SECONDS)
        end(process, signal.SIGKILL)
    green(dbt_on(tmp_path / "again", "spark", local(folder), *arguments))
    shutil.copy(green(sample).warehouse, tmp_path / "warehouse.duckdb")
    green(build(tmp_path, settings, *WITHOUT_TESTS))
    marts = in_process.marts()
    assert differing_tables(tables_of_duckdb(tmp_path / "warehouse.duckdb"), marts) == {}
    assert [row[0] for row in sorted(marts["segmentation_builds"][1])] == [1, 2]


def test_an_export_is_logged_on_spark(in_process: OnSpark, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = in_process.warehouse.parent
    for name, value in local(folder).items():
        monkeypatch.setenv(name, value)
    arguments = ["--target-path", str(folder / "target")]
    exports = SparkExports(PROJECT, in_process.warehouse, arguments, {}, tmp_path)
    choices = Choices(["segment_name"], None, {}, None, None)
    with exports.connection() as connection:
        manifest = export(tmp_path, connection, RELATIONS, choices, exports.log)
    with exports.connection() as connection:
        logged = connection.execute("select wave, action_id, customer_id, is_treated from int_export_log").fetchall()
        assert finish_interrupted(tmp_path, connection, RELATIONS) is None
        # The folder's wave is the one in the log on Spark, by its time too.
        check_owner(tmp_path, logged_waves(connection, exports.relations), "spark-warehouse")
    columns, rows = in_process.marts()["audiences"]
    status, action, customer = map(columns.index, ("status", "action_id", "customer_id"))
    wanted = [(1, row[action], row[customer], row[status] == "treated") for row in rows]
    wanted = [row for row, audience in zip(wanted, rows, strict=True) if audience[status] in ("treated", "holdout")]
    assert sorted(logged) == sorted(wanted)
    assert len(logged) > 100
    assert sorted(manifest["actions"]) == sorted({row[1] for row in logged})
    assert {path.stem for path in (tmp_path / "000001").glob("*.parquet")} == set(manifest["actions"])
    assert not list(tmp_path.glob(".*"))


@pytest.fixture(scope="session")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a session of Spark that one process of dbt keeps from run to run."""
    return tmp_path_factory.mktemp("kept")


def run_in(kept: Path, folder: Path, settings: dict[str, Any], *arguments: str) -> Path:
    """Run dbt in the kept session, and return the folder of its tables."""
    green(warm_dbt("spark", **local(kept)).run(folder, settings, *arguments))
    return kept / "warehouse"


def assert_read_alike(kept: Path, folder: Path, settings: dict, count: int) -> None:
    """Assert that both engines read the lines of this input alike."""
    run = ["run", "--select", "+int_transactions_checked"]
    ours = green(warm_dbt().run(folder / "duckdb", settings, *run)).warehouse
    theirs = run_in(kept, folder / "spark", settings, *run)
    pair = tables_of_duckdb(ours, "intermediate"), tables_of_folder(theirs, "intermediate")
    assert_same_lines(*(tables["int_transactions_checked"] for tables in pair), count)


# Their patterns are read by Java here, by Rust on Sail, and by C++ on DuckDB.
@pytest.mark.parametrize("notation", NOTATIONS.values(), ids=NOTATIONS)
def test_texts_are_read_alike(notation: tuple[str, dict], kept: Path, tmp_path: Path) -> None:
    file, settings = notation
    count = write_lines(tmp_path / file)
    assert_read_alike(kept, tmp_path, {"transactions_location": str(tmp_path / file)} | settings, count)


def test_parquet_files_of_a_pattern_are_read_by_name(kept: Path, tmp_path: Path) -> None:
    lines = {
        "a": "1 as transaction_id, 'c1' as customer_id, '2024-01-31' as transaction_date, 2 as quantity, 5 as amount",
        "b": "7 as amount, 3 as quantity, 'c2' as customer_id, '2024-02-31' as transaction_date, 2 as transaction_id",
        "c": "9 as amount, 'c3' as customer_id, '2024-03-31' as transaction_date, 3 as transaction_id",
    }
    for name, columns in lines.items():
        duckdb.execute(f"copy (select {columns}) to '{tmp_path / name}.parquet'")
    assert_read_alike(kept, tmp_path, {"transactions_location": str(tmp_path / "*.parquet")}, len(lines))


def test_lines_that_differ_by_a_microsecond_are_two_lines(kept: Path, tmp_path: Path) -> None:
    file = tmp_path / "lines.parquet"
    lines = (
        "select '1' as transaction_id, 'c1' as customer_id, 1 as quantity, 'none' as amount,"
        " timestamp '2024-01-31 10:00:00.123456' + to_microseconds(i) as transaction_date,"
        " timestamptz '2024-01-31 10:00:00.654321+02' as loaded_at from range(2) as numbers (i)"
    )
    duckdb.execute(f"copy ({lines}) to '{file}'")
    settings, run = {"transactions_location": str(file)}, ["run", "--select", "+int_rejected_transactions"]
    ours = green(warm_dbt().run(tmp_path / "duckdb", settings, *run)).warehouse
    theirs = run_in(kept, tmp_path / "spark", settings, *run)
    found = []
    for tables in (tables_of_duckdb(ours, "rejects"), tables_of_folder(theirs, "rejects")):
        columns, rows = tables["int_rejected_transactions"]
        row_hash, raw_row = map(columns.index, ("row_hash", "raw_row"))
        assert len({row[row_hash] for row in rows}) == 2
        found.append(sorted(row[raw_row] for row in rows))
    assert found[0] == found[1]


def test_windows_1252_is_read_alike(kept: Path, tmp_path: Path) -> None:
    header, file = ",".join(INPUT), tmp_path / "lines.csv"
    file.write_bytes(f"{header}\n1,“C…€” é,2024-01-31,1,5\n2,C2,never,1,5\n".encode("windows-1252"))
    settings = {"transactions_location": str(file), "csv_encoding": "windows-1252"}
    assert_read_alike(kept, tmp_path, settings, 2)
    file.write_bytes(f"{header}\n1,C1".encode() + b"\x81,2024-01-31,1,5\n")
    run = ["run", "--select", "base_shop__transactions"]
    refused = warm_dbt("spark", **local(kept)).run(tmp_path / "spark", settings, *run)
    assert f"File {file} is not in the encoding windows-1252" in refused.output


REFUSED = {
    "folders of any depth": ({"transactions_location": "/data/**/*.csv"}, '/data/**/*.csv"; Spark reads ** as *,'),
    "a name that begins with _": ({"transactions_location": "/data/_a.csv"}, "whose names begin with _ or with a dot;"),
    "a pattern of such names": ({"transactions_location": "/data/.a*.parquet"}, "Spark leaves out files"),
    "an unknown time zone": (
        {"time_zone": "Europe/Berlinn"},
        "Setting 'time_zone' is \"Europe/Berlinn\"; it is unknown",
    ),
}


@pytest.mark.parametrize(("settings", "said"), REFUSED.values(), ids=REFUSED)
def test_what_spark_does_not_read_is_refused(settings: dict[str, str], said: str, kept: Path, tmp_path: Path) -> None:
    run = ["run", "--select", "base_shop__transactions"]
    refused = warm_dbt("spark", **local(kept)).run(tmp_path, settings, *run)
    assert refused.returncode != 0
    assert said in refused.output


def test_an_input_with_every_fault_gives_the_same_marts_and_rejects(kept: Path, tmp_path: Path) -> None:
    settings = write_shop(tmp_path)
    ours = green(build(tmp_path / "duckdb", settings, *WITHOUT_TESTS)).warehouse
    theirs = run_in(kept, tmp_path / "spark", settings, "build", *WITHOUT_TESTS)
    marts, rejects = tables_of_duckdb(ours), tables_of_duckdb(ours, "rejects")
    assert differing_tables(marts, tables_of_folder(theirs)) == {}
    assert min(len(rows) for _, rows in rejects.values()) > 3
    assert differing_tables(rejects, tables_of_folder(theirs, "rejects"), least=2) == {}


def test_files_whose_columns_have_another_order_are_refused(tmp_path: Path) -> None:
    columns = ["transaction_id", "customer_id", "transaction_date", "quantity", "amount"]
    (tmp_path / "a.csv").write_text(",".join(columns) + "\n1,c1,2024-01-31,1,5\n")
    (tmp_path / "b.csv").write_text(",".join([*columns[:3], *columns[:2:-1]]) + "\n2,c1,2024-01-31,7,2\n")
    settings = json.dumps({"transactions_location": str(tmp_path / "*.csv")})
    run = ["run", "--select", "base_shop__transactions", "--vars", settings]
    built = dbt_on(tmp_path / "spark", "spark", local(tmp_path), *run)
    assert built.returncode != 0
    assert "b.csv" in built.output
    assert "CSV header does not conform to the schema" in built.output
    # Java writes its own output as well; the message of dbt has no stack frames.
    assert "at org.apache" not in (tmp_path / "spark" / "logs" / "dbt.log").read_text()


# ---- CDNOW on a cluster, where its sweep iterates ----------------------------------------------------------------


@pytest.fixture(scope="session")
def cdnow_settings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The settings of the example, with an absolute path, because the workers run in other folders."""
    subprocess.run([sys.executable, "examples/prepare.py", "cdnow"], cwd=PROJECT, check=True, timeout=120)
    settings = yaml.safe_load((PROJECT / "examples" / "cdnow" / "settings.yml").read_text())
    place = str(PROJECT / settings["transactions_location"])
    return settings | {"transactions_location": place} | SAMPLES


@pytest.fixture(scope="session")
def cdnow(cdnow_settings: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Built:
    """The build of CDNOW on DuckDB."""
    return green(build(tmp_path_factory.mktemp("cdnow"), cdnow_settings, *WITHOUT_UNIT_TESTS))


@pytest.fixture(scope="session")
def cdnow_on_cluster(cdnow_settings: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> OnSpark:
    folder = tmp_path_factory.mktemp("cdnow_on_cluster")
    arguments = ["build", *WITHOUT_UNIT_TESTS, "--vars", json.dumps(cdnow_settings)]
    with cluster(folder / "cluster") as spark:
        built = green(dbt_on(folder, "spark", on_cluster(folder, spark), *arguments))
        return OnSpark(built, folder / "warehouse", read_events(event_logs(spark)))


def places(marts: dict[str, Table]) -> dict[str, tuple[tuple, float]]:
    """The segment, the cluster and the margin of each customer."""
    columns, rows = marts["customer_segments"]
    key, segment, number, margin = map(columns.index, ("customer_id", "segment_key", "cluster_id", "margin"))
    return {row[key]: ((row[segment], row[number]), row[margin]) for row in rows}


def test_the_customers_of_cdnow_are_in_the_same_segments(cdnow: Built, cdnow_on_cluster: OnSpark) -> None:
    ours, theirs = places(tables_of_duckdb(cdnow.warehouse)), places(cdnow_on_cluster.marts())
    assert len(ours) == 23_570
    assert set(ours) == set(theirs)
    assert {place for place, _ in ours.values()} == {place for place, _ in theirs.values()}, "another k"
    moved = {customer for customer in ours if ours[customer][0] != theirs[customer][0]}
    ties = {customer for customer in moved if (ours[customer][1] or 0) < 1e-9}
    assert len(moved) <= 0.0001 * len(ours), f"{len(moved)} customers moved, {len(ties)} of them ties"


def test_every_mart_of_cdnow_has_the_same_rows(cdnow: Built, cdnow_on_cluster: OnSpark) -> None:
    assert differing_tables(tables_of_duckdb(cdnow.warehouse), cdnow_on_cluster.marts()) == {}


def test_both_workers_did_tasks(cdnow_on_cluster: OnSpark) -> None:
    tasks = Counter(event["Task Info"]["Executor ID"] for event in of_kind(cdnow_on_cluster.events, "TaskEnd"))
    workers = {event["Executor ID"] for event in of_kind(cdnow_on_cluster.events, "ExecutorAdded")}
    assert len(workers) == 2
    assert set(tasks) == workers
    assert min(tasks.values()) > 100


# The rows of a sample, twice, and some columns of eight bytes for each of them.
MOST_ROWS = 2 * SAMPLE_SIZE
MOST_BYTES = 100 * SAMPLE_SIZE


def test_no_task_of_cdnow_sees_all_customers(cdnow_on_cluster: OnSpark) -> None:
    events = cdnow_on_cluster.events
    assert {query: rows for query, rows in rows_for_one_task(events).items() if rows > MOST_ROWS} == {}
    # Spark's percentiles put the distinct values of all rows into one task, whatever the partitions.
    functions = [node["simpleString"] for node in plan_nodes(events) if "Aggregate" in node["nodeName"]]
    assert len(functions) > 100
    assert [aggregate for aggregate in functions if "percentile" in aggregate] == []


def test_the_driver_collects_no_more_than_samples(cdnow_on_cluster: OnSpark) -> None:
    collected = bytes_collected(cdnow_on_cluster.events)
    assert {stage: size for stage, size in collected.items() if size > MOST_BYTES} == {}
    assert max(collected.values()) > SAMPLE_SIZE * 8


# ---- a worker dies in the middle of the sweep --------------------------------------------------------------------


def seconds(text: str) -> float:
    """A timestamp of dbt's results, in UTC, as seconds since 1970."""
    return dt.datetime.fromisoformat(text.rstrip("Z")).replace(tzinfo=dt.UTC).timestamp()


def wait_for_sweep(folder: Path, spark: Cluster, process: subprocess.Popen, jobs: int = 10) -> None:
    """Return once the sweep has completed some jobs on the cluster."""
    before, until = None, time.monotonic() + MOST_SECONDS
    while time.monotonic() < until:
        output = (folder / "output.txt").read_text()
        assert process.poll() is None, output[-6_000:]
        if "START python table model intermediate.int_kmeans_sweep" in output:
            ended = len(of_kind(read_events(event_logs(spark)), "JobEnd"))
            before = ended if before is None else before
            if ended >= before + jobs:
                return
        time.sleep(0.2)
    raise TimeoutError(output[-6_000:])


# Only the models up to the clusters of all customers, because the other builds compare the marts.
def test_the_sweep_survives_the_loss_of_a_worker(
    cdnow: Built, cdnow_settings: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("disturbed")
    with cluster(folder / "cluster") as spark:
        arguments = ["run", "--select", "+int_training_clusters", "--vars", json.dumps(cdnow_settings)]
        command = [str(DBT), "--no-use-colors", *arguments, "--target", "spark", *dbt_folders(folder)]
        ours = environment(folder / "none.duckdb") | on_cluster(folder, spark)
        with running(command, folder / "output.txt", ours, PROJECT) as process:
            wait_for_sweep(folder, spark, process)
            killed = time.time()
            spark.kill_worker(0)
            returncode = process.wait(MOST_SECONDS)
        assert returncode == 0, (folder / "output.txt").read_text()[-6_000:]
        removed = of_kind(read_events(event_logs(spark)), "ExecutorRemoved")
    results = json.loads((folder / "target" / "run_results.json").read_text())["results"]
    (sweep,) = [each for each in results if each["unique_id"].endswith(".int_kmeans_sweep")]
    (ran,) = [each for each in sweep["timing"] if each["name"] == "execute"]
    start, end = seconds(ran["started_at"]), seconds(ran["completed_at"])
    assert start < killed < end, "the worker was not killed in the middle of the sweep"
    noticed = [event["Timestamp"] / 1000 for event in removed]
    assert any(killed - 1 < moment < end for moment in noticed), "the loss of the executor was not noticed"
    pair = tables_of_duckdb(cdnow.warehouse, "intermediate"), tables_of_folder(folder / "warehouse", "intermediate")
    names = ("int_kmeans_sweep", "int_training_clusters")
    assert differing_tables(*({name: tables[name] for name in names} for tables in pair), least=2) == {}


# ---- Spark Connect -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def by_connect(sample: Built, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Table]:
    """The marts of the sample, built by Apache's Spark Connect server on local[2]."""
    from pyspark.sql import SparkSession

    folder = tmp_path_factory.mktemp("by_connect")
    names = list(tables_of_duckdb(green(sample).warehouse))
    with spark_connect(folder / "server", {"spark.master": "local[2]"}) as remote:
        settings = {"SEGMENTATION_SPARK_REMOTE": remote}
        green(dbt_on(folder, "spark_connect", settings, "build", *WITHOUT_TESTS))
        try:
            return tables_of_connect(remote, names)
        finally:
            # While the server is running: afterwards the client would retry for minutes.
            SparkSession.builder.remote(remote).getOrCreate().stop()


def test_every_mart_has_the_same_rows_by_spark_connect(by_connect: dict[str, Table], sample: Built) -> None:
    assert differing_tables(tables_of_duckdb(sample.warehouse), by_connect) == {}
