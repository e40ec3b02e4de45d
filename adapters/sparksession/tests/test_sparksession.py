"""The adapter by itself: a tiny dbt project on Sail and, marked `spark`, on Spark; and its parts without an engine."""

from __future__ import annotations

import csv
import datetime as dt
import json
import os
import socket
import subprocess
import sys
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from unittest.mock import MagicMock

import pytest

pytest.importorskip("pyspark")
spark_cluster = pytest.importorskip("spark_cluster")  # tests/python
spark_cluster.let_the_client_be_imported()

from dbt.adapters.sparksession.credentials import SparkSessionCredentials  # noqa: E402
from dbt.adapters.sparksession.leftovers import remove_leftover  # noqa: E402
from dbt.adapters.sparksession.session import _check_cluster, literal, message_of, shared_session  # noqa: E402
from dbt_common.exceptions import DbtRuntimeError  # noqa: E402
from pyspark.errors import PySparkException  # noqa: E402

DBT = Path(sys.executable).with_name("dbt")
WORDS = [
    "it's",
    'a "quoted" word',
    "back\\slash, \\n and \\' and C:\\new\\",
    "first line\nsecond line",
    "tab\there",
    "100% %s %(name)s",
    "${spark.app.name} $5",
    "semicolon; -- comment /* no */",
    "héllo 日本 😀",
    " spaces around ",
    "",
]
HEADER = ["id", "word", "day", "is_good", "amount", "big"]
ROWS = [
    [str(number), word, *cells]
    for number, (word, cells) in enumerate(
        zip(
            WORDS,
            [["2024-02-29", "true", "0.10", "9007199254740993"], ["1999-12-31", "false", "-12345678901234.56", "-1"]]
            + [["", "", "", ""]]
            + [["2020-01-01", "true", "3.00", "0"]] * (len(WORDS) - 3),
            strict=True,
        ),
        start=1,
    )
]
DESCRIPTION = 'One row per word; it\'s "quoted", C:\\new, ${not.a.variable} and 日本.'
COLUMN_DESCRIPTION = "The word's text, \\ and all."
UNIT_TEST_WORD = "it's \\ here, ${spark.app.name}"
# Longer than the 256 characters that Hive's metastore holds.
LONG_DESCRIPTION = "How many letters the word has. " * 12
CUT_DESCRIPTION = "How many letters the word has. " * 8 + "How …"
FILES = {
    "dbt_project.yml": {
        "name": "tiny",
        "version": "1.0",
        "profile": "tiny",
        "flags": {"send_anonymous_usage_stats": False},
        "models": {"tiny": {"+materialized": "table", "+persist_docs": {"relation": True, "columns": True}}},
        "seeds": {"tiny": {"nasty": {"+column_types": {"amount": "decimal(18,2)", "big": "bigint"}}}},
    },
    "models/tiny.yml": {
        "models": [
            {
                "name": "contracted",
                "description": DESCRIPTION,
                "config": {"contract": {"enforced": True}},
                "columns": [
                    {"name": "id", "data_type": "bigint", "constraints": [{"type": "not_null"}]},
                    {
                        "name": "word",
                        "data_type": "string",
                        "description": COLUMN_DESCRIPTION,
                        "data_tests": [{"not_null": {"config": {"severity": "warn", "store_failures": True}}}],
                    },
                    {"name": "amount", "data_type": "double", "data_tests": ["unique"]},
                    {"name": "letters", "data_type": "bigint", "description": LONG_DESCRIPTION},
                ],
            },
            {
                "name": "viewed",
                "description": DESCRIPTION,
                "columns": [
                    {"name": "word", "description": COLUMN_DESCRIPTION},
                    {"name": "id", "description": LONG_DESCRIPTION},
                ],
            },
        ],
        "unit_tests": [
            {
                "name": "an_amount_becomes_a_double",
                "model": "contracted",
                "given": [{"input": "ref('nasty')", "rows": [{"id": 1, "word": UNIT_TEST_WORD, "amount": 2}]}],
                "expect": {"rows": [{"id": 1, "word": UNIT_TEST_WORD, "amount": 3.0, "letters": len(UNIT_TEST_WORD)}]},
            }
        ],
    },
    "models/contracted.sql": """
        select id, word, cast(amount as double) + id as amount, cast(length(word) as bigint) as letters
        from {{ ref('nasty') }}
    """,
    "models/viewed.sql": "{{ config(materialized='view') }} select word, id from {{ ref('nasty') }} where is_good",
    "models/appended.sql": """
        {{ config(materialized='incremental', incremental_strategy='append') }}
        select id, {{ 1 if is_incremental() else 0 }} as run from {{ ref('nasty') }}
        {% if is_incremental() %}where id > (select max(id) - 2 from {{ this }}){% endif %}
    """,
    "models/in_python.py": """
def model(dbt, session):
    frame = dbt.ref("contracted").toPandas()
    frame["length"] = frame["word"].str.len()
    return frame
""",
    "models/in_python_on_spark.py": """
def model(dbt, session):
    return dbt.ref("in_python").where("id > 1")
""",
}
READ = """
import datetime, decimal, json, sys
from pyspark.sql import SparkSession

builder = SparkSession.builder
for name, value in json.loads(sys.argv[1]).items():
    builder = builder.config(name, value)
spark = builder.getOrCreate()
answers = {}
for table in ("nasty", "contracted", "viewed", "appended", "in_python", "in_python_on_spark"):
    frame = spark.table("tiny." + table)
    answers[table] = {
        "types": [list(pair) for pair in frame.dtypes],
        "rows": sorted([[None if cell is None else str(cell) for cell in row] for row in frame.collect()], key=str),
        "description": [[str(cell) for cell in row] for row in spark.sql("describe extended tiny." + table).collect()],
    }
print("\\n" + json.dumps(answers))
"""


# ---- a tiny project ----------------------------------------------------------------------------------------------


def write_project(folder: Path, settings: dict[str, str], **profile) -> None:
    """The project, with a seed that csv writes and a profile with these settings of Spark."""
    target = {"type": "sparksession", "schema": "tiny", "threads": 4, "server_side_parameters": settings, **profile}
    files = FILES | {"profiles.yml": {"tiny": {"target": "it", "outputs": {"it": target}}}}
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content))  # JSON is YAML
    (folder / "seeds").mkdir(exist_ok=True)
    with (folder / "seeds" / "nasty.csv").open("w", newline="") as seed:
        csv.writer(seed).writerows([HEADER, *ROWS])


def dbt(folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("DBT_", "SEGMENTATION_"))}
    return subprocess.run(
        [str(DBT), "--no-use-colors", *arguments],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=600,
    )


def read_tables(settings: dict[str, str]) -> dict[str, dict]:
    """The tables as read by another process, each cell as text."""
    answer = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", READ, json.dumps(settings)], capture_output=True, text=True, timeout=300
    )
    assert answer.returncode == 0, answer.stderr[-3000:]
    return json.loads(answer.stdout.splitlines()[-1])


def check_project(folder: Path, settings: dict[str, str], keeps_comments_of_columns: bool) -> None:
    """Build twice and compare the tables with the seed as read by csv."""
    write_project(folder, settings)
    for _ in range(2):
        built = dbt(folder, "build")
        assert built.returncode == 0, built.stdout[-6000:]
        assert "PASS=8 WARN=1 ERROR=0 SKIP=0" in built.stdout
    tables = read_tables(settings)

    with (folder / "seeds" / "nasty.csv").open(newline="") as seed:
        _, *rows = csv.reader(seed)
    # dbt itself reads an empty cell as null, before any adapter sees it.
    given = [[cell or None for cell in row] for row in rows]
    for row in given:
        row[3] = row[3] and row[3].capitalize()
    nasty = tables["nasty"]
    assert nasty["rows"] == sorted(given, key=str)
    kinds = ["bigint", "string", "date", "boolean", "decimal(18,2)", "bigint"]
    assert nasty["types"] == [list(pair) for pair in zip(HEADER, kinds, strict=True)]

    words = {row[0]: row[1] for row in given}
    contracted = tables["contracted"]
    assert contracted["types"] == [["id", "bigint"], ["word", "string"], ["amount", "double"], ["letters", "bigint"]]
    assert {row[0]: row[1] for row in contracted["rows"]} == words
    assert {row[1]: row[0] for row in tables["viewed"]["rows"]} == {row[0]: row[1] for row in given if row[3] == "True"}
    last = sorted(words, key=int)[-1:]
    assert [row for row in tables["appended"]["rows"] if row[1] == "1"] == [
        [number, "1"] for number in sorted([str(int(last[0]) - 1), *last], key=str)
    ]
    assert len(tables["appended"]["rows"]) == len(words) + 2

    lengths = {row[0]: row[4] and float(row[4]) for row in tables["in_python"]["rows"]}
    assert lengths == {number: word and float(len(word)) for number, word in words.items()}
    assert {row[0] for row in tables["in_python_on_spark"]["rows"]} == set(words) - {"1"}

    assert DESCRIPTION in str(tables["contracted"]["description"][3:]).replace("\\\\", "\\").replace("\\'", "'")
    comments = {name: {row[0]: row[2] for row in tables[name]["description"]} for name in tables}
    assert (comments["viewed"]["word"], comments["viewed"]["id"]) == (COLUMN_DESCRIPTION, CUT_DESCRIPTION)
    if keeps_comments_of_columns:
        assert comments["contracted"]["word"] == COLUMN_DESCRIPTION
        assert comments["contracted"]["letters"] == CUT_DESCRIPTION


def test_a_project_on_sail(tmp_path):
    with spark_cluster.sail(tmp_path / "sail") as remote:
        check_project(tmp_path / "tiny", {"spark.remote": remote}, keeps_comments_of_columns=False)


def classic(folder: Path) -> dict[str, str]:
    """Settings of an in-process session whose catalog outlives it."""
    return {
        "spark.master": "local[2]",
        "spark.sql.warehouse.dir": str(folder / "warehouse"),
        "spark.sql.catalogImplementation": "hive",
        "spark.hadoop.javax.jdo.option.ConnectionURL": f"jdbc:derby:;databaseName={folder}/catalog;create=true",
        "spark.driver.extraJavaOptions": "-Dderby.stream.error.file=/dev/null",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.ui.enabled": "false",
        "spark.sql.shuffle.partitions": "2",
        "spark.sql.ansi.enabled": "true",
        "spark.log.level": "ERROR",
    }


@pytest.mark.spark
def test_a_project_on_spark_in_the_process(tmp_path):
    folder = tmp_path / "tiny"
    # The folder of a killed run, which is not in the catalog.
    left = folder / "warehouse" / "tiny.db" / "contracted"
    left.mkdir(parents=True)
    (left / "part-00000-1.snappy.parquet").write_bytes(b"half a file")
    check_project(folder, classic(folder), keeps_comments_of_columns=True)


@pytest.mark.spark
def test_a_project_on_spark_connect(tmp_path):
    with spark_cluster.spark_connect(tmp_path / "server", {"spark.master": "local[2]"}) as remote:
        check_project(tmp_path / "tiny", {"spark.remote": remote}, keeps_comments_of_columns=True)


# ---- errors ------------------------------------------------------------------------------------------------------


@contextmanager
def mute_server():
    """A server that accepts connections but never answers."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


def debug(folder: Path, port: int) -> str:
    remote = {"spark.remote": f"sc://127.0.0.1:{port}"}
    write_project(folder, remote, connect_timeout=2, address_variable="THE_ADDRESS")
    answer = dbt(folder, "seed")
    assert answer.returncode != 0
    (sentence,) = {line.strip() for line in answer.stdout.splitlines() if "No Spark Connect server" in line}
    return sentence


def test_a_missing_server_is_named_in_one_sentence(tmp_path):
    port = spark_cluster.free_port()
    sentence = debug(tmp_path, port)
    assert sentence.startswith(f"No Spark Connect server answered at 127.0.0.1:{port} within 2 s")
    assert sentence.endswith("THE_ADDRESS names another.")


def test_a_server_that_does_not_answer_is_named_in_one_sentence(tmp_path):
    with mute_server() as port:
        sentence = debug(tmp_path, port)
    assert sentence.startswith(f"No Spark Connect server answered at 127.0.0.1:{port} within 2 s")


@pytest.mark.parametrize("remote", ["10.0.0.1:15002", "sc://", "sc://host:15002;token=secret", "http://host:15002"])
def test_an_invalid_address_is_refused_without_showing_its_token(remote):
    credentials = SparkSessionCredentials(schema="tiny", server_side_parameters={"spark.remote": remote})
    with pytest.raises(DbtRuntimeError, match=r"must have the form sc://host:15002") as refusal:
        shared_session(credentials)
    assert "secret" not in str(refusal.value)


def check_cluster(master: str, **settings: str) -> None:
    named = {name.replace("_", "."): value for name, value in settings.items()}
    _check_cluster(
        SparkSessionCredentials(
            schema="tiny", connect_timeout=1, server_side_parameters={"spark.master": master, **named}
        )
    )


def test_settings_on_which_a_cluster_would_hang_are_refused():
    port = spark_cluster.free_port()
    with pytest.raises(DbtRuntimeError, match=r"'spark-warehouse', a relative path: each worker .* a different folder"):
        check_cluster(f"spark://127.0.0.1:{port}")
    for masters in (f"127.0.0.1:{port}", f"127.0.0.1:{port},127.0.0.1", "127.0.0.1:99999"):
        with pytest.raises(DbtRuntimeError, match=r"No Spark master answered within 1 s \(127\.0\.0\.1"):
            check_cluster(f"spark://{masters}", spark_sql_warehouse_dir="/shared")
    with mute_server() as port:
        here = {"spark_sql_warehouse_dir": "/shared", "spark_driver_host": "127.0.0.1"}
        check_cluster(f"spark://127.0.0.1:{spark_cluster.free_port()},127.0.0.1:{port}", **here)
    check_cluster("local[2]")


def test_a_driver_that_workers_cannot_reach_is_refused(monkeypatch):
    connection = MagicMock()
    connection.__enter__.return_value.getsockname.return_value = ("10.0.0.9", 50000)
    connection.__enter__.return_value.getpeername.return_value = ("10.0.0.1", 7077)
    monkeypatch.setattr(socket, "create_connection", lambda *_, **__: connection)
    there = {"spark_sql_warehouse_dir": "/shared"}
    check_cluster("spark://10.0.0.1:7077", spark_driver_host="10.0.0.9", **there)
    with pytest.raises(DbtRuntimeError, match=r"spark\.driver\.host is 127\.0\.0\.1, which the workers"):
        check_cluster("spark://10.0.0.1:7077", spark_driver_host="127.0.0.1", **there)


@pytest.mark.spark
def test_a_folder_that_the_workers_do_not_share_is_refused(tmp_path):
    folder = tmp_path / "tiny"
    (folder / "warehouse").mkdir(parents=True)
    # The worker has a separate file system mounted on the warehouse folder, as on another machine.
    elsewhere = ["unshare", "--mount", "sh", "-c", f'mount -t tmpfs none {folder}/warehouse && exec "$@"', "sh"]
    if subprocess.run([*elsewhere, "true"], check=False).returncode:
        pytest.skip("only root may give a process another file system")
    with spark_cluster.cluster(tmp_path / "cluster", workers=1, wrapper=elsewhere) as cluster:
        write_project(
            folder, classic(folder) | {"spark.executor.memory": cluster.memory, "spark.master": cluster.master}
        )
        answer = dbt(folder, "seed")
    assert answer.returncode != 0
    assert f"wrote into {folder}/warehouse, 0 could be read back. The folder of" in answer.stdout
    assert not list((folder / "warehouse").iterdir())


def test_a_missing_pyspark_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyspark", None)
    with pytest.raises(DbtRuntimeError, match="make setup-spark"):
        SparkSessionCredentials(schema="tiny", server_side_parameters={"spark.master": "local"})


@pytest.mark.parametrize("settings", [{}, {"spark.master": "local", "spark.remote": "sc://127.0.0.1"}])
def test_a_profile_names_a_master_or_a_server_and_not_both(settings):
    with pytest.raises(DbtRuntimeError, match=r"exactly one of spark\.master and spark\.remote"):
        SparkSessionCredentials(schema="tiny", server_side_parameters=settings)


def test_the_profile_decides_on_ansi_mode():
    settings = {"spark.master": "local", "spark.sql.ansi.enabled": "true"}
    assert SparkSessionCredentials(schema="tiny", server_side_parameters=settings).server_side_parameters == settings


def test_an_error_has_its_causes_and_no_frames():
    said = "Job aborted.\n\tat org.apache.spark.A.b(A.scala:1)\nCaused by: no header at all\n\t... 40 more"
    assert message_of(PySparkException(said)) == "Job aborted.\nCaused by: no header at all"


# ---- parts -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        ("", "''"),
        ("None", "'None'"),
        ("it's \\ $5", "'it\\'s \\\\ \\u00245'"),
        (True, "true"),
        (9007199254740993, "'9007199254740993'"),
        (Decimal("0.10"), "'0.10'"),
        (Decimal("1E+3"), "'1000'"),
        (dt.date(2024, 2, 29), "'2024-02-29'"),
        (dt.datetime(2024, 2, 29, 1, 2, 3, 456789), "'2024-02-29 01:02:03.456789'"),
    ],
)
def test_a_value_is_written_as_a_literal(value, text):
    assert literal(value) == text


def refusal(folder: Path) -> str:
    return (
        f"[LOCATION_ALREADY_EXISTS] Cannot name the table, as its associated location 'file:{folder}' already exists."
    )


def test_leftover_files_of_spark_are_removed(tmp_path):
    folder = tmp_path / "warehouse" / "tiny.db" / "words"
    (folder / "_temporary" / "0").mkdir(parents=True)
    for name in ("part-0000.parquet", ".part-0000.parquet.crc", "_SUCCESS"):
        (folder / name).touch()
    assert remove_leftover(refusal(folder), str(tmp_path / "warehouse"))
    assert not folder.exists()


def test_folders_with_other_files_are_kept(tmp_path):
    ours, outside = tmp_path / "warehouse" / "tiny.db" / "words", tmp_path / "elsewhere" / "words"
    for folder in (ours, outside):
        folder.mkdir(parents=True)
        (folder / "part-0000.parquet").touch()
    (ours / "letter.txt").touch()
    assert not remove_leftover(refusal(ours), str(tmp_path / "warehouse"))
    assert not remove_leftover(refusal(outside), str(tmp_path / "warehouse"))
    assert not remove_leftover(refusal(outside), None)
    assert not remove_leftover("[PARSE_SYNTAX_ERROR]", str(tmp_path / "warehouse"))
    assert ours.exists()
    assert outside.exists()
