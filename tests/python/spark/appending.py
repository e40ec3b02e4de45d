"""Append to a table of Spark, build after build, while another thread reads it; until somebody kills this process.

Usage: python appending.py MECHANISM WAREHOUSE FIRST ROWS    the number of the first build, and the rows of each

Prints `appended N` after each build, and `torn N ROWS` when the reader has seen a part of one. The mechanisms:

    partition   insert overwrite ... partition (build), as history_config does: the catalog gets the partition last
    append      insert into
    view        a table for each build, and a view of all of them, which is replaced last
"""

from __future__ import annotations

import itertools
import sys
import threading

from pyspark.sql import SparkSession
from pyspark.sql.utils import AnalysisException


def session_of(warehouse: str) -> SparkSession:
    """A session with the catalog of profiles.yml."""
    catalog = f"jdbc:derby:;databaseName={warehouse}/metastore_db;create=true"
    return (
        SparkSession.builder.master("local[2]")
        .config("spark.sql.warehouse.dir", warehouse)
        .config("spark.sql.catalogImplementation", "hive")
        .config("spark.hadoop.javax.jdo.option.ConnectionURL", catalog)
        .config("spark.sql.sources.partitionOverwriteMode", "DYNAMIC")
        .config("spark.driver.extraJavaOptions", "-Dderby.stream.error.file=/dev/null")
        .config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        .config("spark.log.level", "OFF")
        .getOrCreate()
    )


def append(spark: SparkSession, mechanism: str, build: int, rows: int) -> None:
    """Append a build to the table `log`, in eight files."""
    selected = f"select concat('C', id) as customer_id, cast({build} as int) as build from range(0, {rows}, 1, 8)"
    if mechanism == "view":
        spark.sql(f"drop table if exists log_{build}")
        spark.sql(f"create table log_{build} using parquet as {selected}")
        every = [f"log_{each}" for each in range(1, build + 1)]
        spark.sql(f"create or replace view log as {' union all '.join(f'select * from {each}' for each in every)}")
    elif not spark.catalog.tableExists("log"):
        partitioned = "partitioned by (build)" if mechanism == "partition" else ""
        spark.sql(f"create table log using parquet {partitioned} as {selected}")
    elif mechanism == "partition":
        spark.sql(f"insert overwrite table log partition (build) {selected}")
    else:
        spark.sql(f"insert into log {selected}")


def sizes(spark: SparkSession) -> dict[int, int]:
    """The number of rows of each build in the table, or none if there is no table."""
    try:
        spark.sql("refresh table log")
        return dict(map(tuple, spark.sql("select build, count(*) from log group by build").collect()))
    except AnalysisException:
        return {}


def read(spark: SparkSession, whole: int) -> None:
    """Read the table again and again, and print each build of which only a part is there."""
    while True:
        try:
            found = sizes(spark)
        except Exception as error:  # a file that is there no more
            print(f"torn 0 {type(error).__name__}", flush=True)
            continue
        for build, rows in found.items():
            if rows != whole:
                print(f"torn {build} {rows}", flush=True)


def main(mechanism: str, warehouse: str, first: int, rows: int) -> None:
    """Print what is there, then append builds from this number on."""
    spark = session_of(warehouse)
    print(f"found {sizes(spark)}", flush=True)
    threading.Thread(target=read, args=[spark, rows], daemon=True).start()
    for build in itertools.count(first):
        append(spark, mechanism, build, rows)
        print(f"appended {build}", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:3], *map(int, sys.argv[3:]))
