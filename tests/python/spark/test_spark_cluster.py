"""The engines of spark_cluster.py: each answers, and a cluster survives the loss of one of its two workers."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap

import pytest
import spark_cluster

# 40 tasks of a fifth of a second each, on two cores: long enough to lose a worker in the middle.
APPLICATION = """
import json, sys, time
from pyspark.sql import SparkSession, functions as f

builder = SparkSession.builder
for name, value in json.loads(sys.argv[1]).items():
    builder = builder.config(name, value)
spark = builder.getOrCreate()

def slowly(numbers):
    time.sleep(0.2)
    return numbers

print("the sum is", spark.range(3, numPartitions=2).agg(f.sum("id")).first()[0], flush=True)
total = spark.sparkContext.parallelize(range(1000), 40).mapPartitions(slowly).sum()
print("the sum is", total, flush=True)
spark.stop()
"""


def test_sail_answers_and_a_session_that_is_named_keeps_its_tables(tmp_path):
    script = textwrap.dedent("""
        import sys
        from pyspark.sql import SparkSession
        spark = SparkSession.builder.remote(sys.argv[1]).getOrCreate()
        spark.sql("create table if not exists kept (number int) using parquet")
        spark.sql("insert into kept values (1)")
        print(spark.table("kept").count())
    """)
    with spark_cluster.sail(tmp_path) as remote:
        counts = [
            subprocess.run(
                [sys.executable, "-W", "ignore", "-c", script, remote], capture_output=True, text=True
            ).stdout
            for _ in range(2)
        ]
    assert [count.strip() for count in counts] == ["1", "2"]


@pytest.mark.spark
def test_an_aggregate_on_two_workers_survives_the_kill_of_one(tmp_path):
    with spark_cluster.cluster(tmp_path) as cluster:
        assert cluster.alive() == 2
        application = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", APPLICATION, json.dumps(cluster.settings())],
            env=spark_cluster.spark_environment(),
            stdout=subprocess.PIPE,
            stderr=(tmp_path / "application.log").open("wb"),
            text=True,
        )
        assert application.stdout.readline() == "the sum is 3\n", (tmp_path / "application.log").read_text()[-3000:]
        cluster.kill_worker(0)
        assert application.stdout.read() == f"the sum is {sum(range(1000))}\n"
        assert application.wait(60) == 0
        (log,) = spark_cluster.event_logs(cluster)
    events = spark_cluster.read_events({log})
    assert spark_cluster.of_kind(events, "ExecutorRemoved"), "the worker was killed after the work was done"


@pytest.mark.spark
def test_a_spark_connect_server_runs_on_the_cluster(tmp_path):
    script = textwrap.dedent("""
        import sys
        from pyspark.sql import SparkSession
        print(SparkSession.builder.remote(sys.argv[1]).getOrCreate().range(1000).count())
    """)
    with (
        spark_cluster.cluster(tmp_path / "cluster", workers=1) as cluster,
        spark_cluster.spark_connect(tmp_path / "connect", cluster.settings()) as remote,
    ):
        answer = subprocess.run([sys.executable, "-W", "ignore", "-c", script, remote], capture_output=True, text=True)
    assert answer.stdout.strip() == "1000", answer.stderr[-3000:]
