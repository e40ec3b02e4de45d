"""`make publish`: only a complete, successful build of the project is published."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

import duckdb
import pytest
from conftest import DBT, PROJECT, WITHOUT_UNIT_TESTS, dbt_folders, environment
from stamped import command, publish_warehouse, write_warehouse

from customer_segmentation.publication.dbt_build import build, check_whole_and_green, target_folder
from customer_segmentation.publication.errors import PublicationError

MANIFEST = {
    "nodes": {
        "model.a": {"resource_type": "model", "config": {"materialized": "table"}, "tags": []},
        "model.e": {"resource_type": "model", "config": {"materialized": "ephemeral"}, "tags": []},
        "test.a": {"resource_type": "test", "config": {}, "tags": [], "depends_on": {"nodes": ["model.a"]}},
        # The test of a disabled model, which dbt lists and never runs.
        "test.d": {"resource_type": "test", "config": {"enabled": False}, "tags": [], "depends_on": {"nodes": []}},
        "model.t": {"resource_type": "model", "config": {"materialized": "table"}, "tags": ["training"]},
        "model.u": {"resource_type": "model", "config": {"materialized": "table"}, "tags": ["training"]},
        "test.t": {"resource_type": "test", "config": {}, "tags": [], "depends_on": {"nodes": ["model.t"]}},
    }
}


GREEN = {"model.a": "success", "test.a": "pass"}


def results_of(statuses, **arguments):
    """The content of run_results.json."""
    return {
        "metadata": {"invocation_id": "this run"},
        "args": {"vars": {}, "empty": False} | arguments,
        "results": [{"unique_id": node, "status": status} for node, status in statuses.items()],
    }


@pytest.mark.parametrize(
    ("statuses", "said"),
    [
        ({"model.a": "success", "test.a": "fail"}, "did not succeed: test.a fail"),
        ({"model.a": "success", "test.a": "skipped"}, "did not succeed: test.a skipped"),
        ({"model.a": "success"}, "left out 1 of 2 models, seeds and tests"),
        ({"model.a": "success", "test.a": "warn"}, None),
        # A run of some training models is neither a full run nor a scoring run.
        ({"model.a": "success", "test.a": "pass", "model.t": "success"}, "left out 1 of 4 models, seeds and tests"),
    ],
)
def test_only_a_complete_successful_build_is_published(statuses, said):
    results = results_of(statuses)
    if said is None:
        check_whole_and_green(results, MANIFEST)
        return
    with pytest.raises(PublicationError, match=said):
        check_whole_and_green(results, MANIFEST)


@pytest.mark.parametrize(
    ("argument", "value", "option"),
    [
        ("empty", True, "--empty"),
        ("sample", "3 days", "--sample"),
        ("event_time_end", "2024-01-01", "--event-time-end"),
    ],
)
def test_a_build_of_a_part_of_the_input_is_not_published(argument, value, option, tmp_path, monkeypatch):
    said = f"A build with {option} does not read all rows of the input; nothing was published. Run it without {option}"
    with pytest.raises(PublicationError, match=said):
        check_whole_and_green(results_of(GREEN, **{argument: value}), MANIFEST)
    # It would empty the warehouse.
    monkeypatch.setattr("subprocess.run", lambda *_, **__: pytest.fail("dbt ran"))
    for given in ([option, "3 days"], [f"{option}=3 days"]):
        with pytest.raises(PublicationError, match=said):
            build(tmp_path, None, given, tmp_path / "warehouse.duckdb")
    # A target of that name is no option.
    with pytest.raises(pytest.fail.Exception, match="dbt ran"):
        build(tmp_path, None, ["--target", argument], tmp_path / "warehouse.duckdb")


@pytest.mark.parametrize("place", ["warehouse.duckdb", "spark"])
def test_a_build_that_wrote_another_database_is_not_published(tmp_path, monkeypatch, place):
    """A target of the user's own can have another path than the warehouse, which then holds an earlier build."""
    warehouse, table = tmp_path / place, tmp_path / place
    if place == "spark":
        table = warehouse / "marts.db" / "segment_profiles"
        table.mkdir(parents=True)
    else:
        write_warehouse(warehouse, 1)
    (tmp_path / "target").mkdir()
    written = []

    def dbt(*_, **__):
        (tmp_path / "target" / "run_results.json").write_text(json.dumps(results_of(GREEN)))
        (tmp_path / "target" / "manifest.json").write_text(json.dumps(MANIFEST))
        for each in written:
            os.utime(each)
        return subprocess.CompletedProcess([], 0)

    monkeypatch.delenv("DBT_TARGET_PATH", raising=False)
    monkeypatch.setattr(subprocess, "run", dbt)
    said = f"wrote nothing to the warehouse {warehouse}, so its target or profile names another database; nothing was"
    with pytest.raises(PublicationError, match=said):
        build(tmp_path, None, ["--target", "prod"], warehouse)
    (tmp_path / "target" / "run_results.json").unlink()
    written.append(table)
    assert build(tmp_path, None, [], warehouse) == {}


def test_the_results_are_read_where_dbt_writes_them(tmp_path, monkeypatch):
    monkeypatch.delenv("DBT_TARGET_PATH", raising=False)
    assert target_folder(tmp_path, ["--select", "marts"]) == tmp_path / "target"
    assert target_folder(tmp_path, ["--target-path", "there", "--full-refresh"]) == tmp_path / "there"
    assert target_folder(tmp_path, ["--target-path=/elsewhere"]) == tmp_path / "/elsewhere"
    monkeypatch.setenv("DBT_TARGET_PATH", "of_the_environment")
    assert target_folder(tmp_path, []) == tmp_path / "of_the_environment"


def test_the_command_line_does_not_import_the_libraries_of_models_and_report():
    """Every `make build` starts it."""
    heavy = "{'pandas', 'numpy', 'numba', 'sklearn', 'altair', 'dbt'}"
    program = f"import sys, customer_segmentation.publication.__main__; print(sorted({heavy} & sys.modules.keys()))"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True).stdout.strip() == "[]"


def test_an_invalid_settings_file_is_refused_before_the_build(tmp_path):
    settings = tmp_path / "settings.yml"
    settings.write_text("- k")
    ended = command(tmp_path, "publish", "--settings", str(settings))
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith(f"The settings file {settings} must be a mapping, with lines such as")


@pytest.mark.xdist_group("publication")
def test_a_failed_or_partial_build_keeps_the_publication_and_a_complete_one_replaces_it(tmp_path, sample):
    shutil.copy(sample.warehouse, tmp_path / "warehouse.duckdb")
    publish_warehouse(tmp_path)
    quick = [*WITHOUT_UNIT_TESTS, *dbt_folders(tmp_path)]
    current = tmp_path / "publications" / "current"
    failed = command(tmp_path, "publish", "--", *quick, "--vars", "{publications_kept: 0}")
    assert (failed.returncode, "nothing was published" in failed.stderr) == (1, True)
    assert "Setting 'publications_kept' is 0; it must be a whole number from 1 to 1000" in failed.stdout
    partial = command(tmp_path, "publish", "--", *quick, "--select", "feature_catalogue")
    assert (partial.returncode, "It needs a complete build" in partial.stderr) == (1, True)
    assert os.readlink(current) == "000001"
    settings = tmp_path / "settings.yml"
    settings.write_text("k: 3\npublications_kept: 1\n")
    green = command(tmp_path, "publish", "--settings", str(settings), "--", *quick)
    assert (green.returncode, "Publication 2 is current" in green.stdout) == (0, True)
    assert [each.name for each in (tmp_path / "publications").glob("0*")] == ["000002"]
    with duckdb.connect(os.path.realpath(current / "segments.duckdb"), read_only=True) as connection:
        assert connection.execute("select count(*) from marts.segment_profiles").fetchone() == (3,)
        comment = "select count(*) from duckdb_columns() where schema_name = 'marts' and comment is null"
        assert connection.execute(comment).fetchone() == (0,)


@pytest.mark.xdist_group("publication")
def test_both_readers_of_the_documentation_work_while_a_build_runs(tmp_path):
    text = (PROJECT / "docs" / "serving.md").read_text()
    readers = [block.split("```")[0] for block in text.split("```python\n")[1:]]
    assert len(readers) == 2
    # The readers query a publication while a build holds the warehouse.
    warehouse = tmp_path / "warehouse.duckdb"
    write_warehouse(warehouse, 1)
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute("create table marts.segment_profiles as select 'A' as segment_name, 3 as customers")
        connection.execute("create table marts.customer_segments as select 'c' as customer_id, 'A' as segment_name")
    publish_warehouse(tmp_path)
    build = subprocess.Popen(
        [str(DBT), "build", *WITHOUT_UNIT_TESTS, *dbt_folders(tmp_path)],
        cwd=PROJECT,
        env=environment(warehouse),
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        # Opening the file before dbt holds it would block dbt.
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
