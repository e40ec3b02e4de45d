"""Read the parents of a Python model and return its table, on DuckDB and on Spark.

On DuckDB, dbt passes relations to a Python model and expects a pandas DataFrame; on Spark it passes and expects
PySpark DataFrames. PySpark is imported only there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from customer_segmentation.sweep.sources import LocalSource, Source

if TYPE_CHECKING:
    from duckdb import DuckDBPyRelation
    from pyspark.sql import DataFrame

    Table = DuckDBPyRelation | DataFrame

# A customer's random number is the first 13 hexadecimal digits of a hash, which a double represents exactly.
HASHES = 1 << 52
# An odd number close to HASHES divided by the golden ratio, so that consecutive seeds shift the hashes far apart.
SEED_STRIDE = 0x9E3779B97F4A7


def is_spark(table: Any) -> bool:
    """Return whether this is a DataFrame or a session of classic Spark or Spark Connect."""
    return type(table).__module__.startswith("pyspark.")


# ---- reading -----------------------------------------------------------------------------------------------------


def read(table: Table, columns: list[str], order: list[str]) -> dict[str, np.ndarray]:
    """Return {column: (rows,)}, sorted by the columns `order`. A null is masked, nan or None, by engine and type."""
    if is_spark(table):
        found = table.select(*quoted(dict.fromkeys([*columns, *order]), "`")).orderBy(*quoted(order, "`")).toArrow()
        return {column: found[column].to_numpy() for column in columns}
    return table.order(", ".join(quoted(order, '"'))).project(", ".join(quoted(columns, '"'))).fetchnumpy()


def read_frame(table: Table, order: list[str]) -> pd.DataFrame:
    """Return all columns as a pandas DataFrame, sorted by the columns `order`."""
    if is_spark(table):
        return table.orderBy(*quoted(order, "`")).toArrow().to_pandas()
    return table.order(", ".join(quoted(order, '"'))).df()


def read_matrix(table: Table, columns: list[str], order: list[str]) -> np.ndarray:
    """Return numeric columns, (columns, rows) float64, sorted by the columns `order`. A null is nan."""
    found = read(table, columns, order)
    values = np.empty((len(columns), len(found[columns[0]])))
    for place, column in enumerate(columns):
        values[place] = np.ma.filled(found.pop(column).astype(np.float64), np.nan)
    return values


def sample_of(table: Table, size: int, key: str) -> Table:
    """Return the `size` rows with the smallest hashes of the key, or all rows; the same rows on both engines."""
    if is_spark(table):
        from pyspark.sql import functions as sql

        return table.orderBy(sql.md5(sql.col(f"`{key}`")), f"`{key}`").limit(size) if table.count() > size else table
    ((count,),) = table.aggregate("count(*)").fetchall()
    return table.order(f'md5("{key}"), "{key}"').limit(size) if count > size else table


def quoted(columns: Any, mark: str) -> list[str]:
    """Return the column names, each between quotation marks."""
    return [f"{mark}{column}{mark}" for column in columns]


def source_of(table: Table, features: list[str], sample_size: int, seed: int) -> Source:
    """Return the scaled features of the customers as a source for the sweep, sorted by customer_id.

    Raises ValueError if a feature has missing or non-finite values.
    """
    first = (seed * SEED_STRIDE) % HASHES
    if is_spark(table):
        from customer_segmentation.sweep.spark_source import SparkSource

        hashed = "cast(conv(substr(md5(customer_id), 1, 13), 16, 10) as bigint)"
        uniform = f"(({hashed} + {first}) % {HASHES}) / {HASHES}.0D"
        source = SparkSource(table, features, sample_size, uniform)
        if not source.is_whole:
            return source

    def uniforms() -> np.ndarray:
        uniform = f"((('0x' || substr(md5(customer_id), 1, 13))::bigint + {first}) % {HASHES}) / {HASHES}::double"
        return table.order("customer_id").project(f"{uniform} as uniform").fetchnumpy()["uniform"]

    return LocalSource(read_matrix(table, features, ["customer_id"]), features, sample_size, uniforms)


# ---- returning ---------------------------------------------------------------------------------------------------


def to_engine(frame: pd.DataFrame, session: Any) -> pd.DataFrame | DataFrame:
    """Return the frame in the form that dbt expects: unchanged on DuckDB, as a Spark DataFrame on Spark.

    Integers become long, floats double and other columns string. Raises ValueError if a column holds anything but
    numbers, booleans and strings.
    """
    if not is_spark(session):
        return frame
    from pyspark.sql import types

    kinds = {"i": types.LongType, "u": types.LongType, "f": types.DoubleType, "b": types.BooleanType}
    for column, kind in frame.dtypes.items():
        if getattr(kind, "kind", "O") not in {*kinds, "O"}:
            raise ValueError(f"Column {column} is {kind}; on Spark a model returns numbers, booleans and strings.")
    schema = types.StructType(
        [
            types.StructField(column, kinds.get(getattr(kind, "kind", ""), types.StringType)())
            for column, kind in frame.dtypes.items()
        ]
    )
    rows = [
        tuple(None if pd.isna(value) else getattr(value, "item", lambda value=value: value)() for value in row)
        for row in frame.itertuples(index=False, name=None)
    ]
    return session.createDataFrame(rows, schema)
