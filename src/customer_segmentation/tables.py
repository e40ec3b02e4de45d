"""Reading a model's parents and returning its rows, on DuckDB and on Spark.

On DuckDB dbt hands a Python model relations and takes a pandas frame back; on Spark both are DataFrames of PySpark,
which is imported only there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from customer_segmentation.source import LocalRows, Source, SparkRows

if TYPE_CHECKING:
    from duckdb import DuckDBPyRelation
    from pyspark.sql import DataFrame

    Table = DuckDBPyRelation | DataFrame

HASHES = 1 << 52
PLACES_OF_SEEDS = 0x9E3779B97F4A7


def is_spark(table: Any) -> bool:
    """Whether this is a DataFrame, or a session, of classic Spark or Spark Connect."""
    return type(table).__module__.startswith("pyspark.")


# ---- reading -----------------------------------------------------------------------------------------------------


def read(table: Table, columns: list[str], order: list[str]) -> dict[str, np.ndarray]:
    """These columns, each as an array, in the order of some columns. A null is masked, nan or None."""
    if is_spark(table):
        found = table.select(*quoted(dict.fromkeys([*columns, *order]), "`")).orderBy(*quoted(order, "`")).toArrow()
        return {column: found[column].to_numpy() for column in columns}
    return table.order(", ".join(quoted(order, '"'))).project(", ".join(quoted(columns, '"'))).fetchnumpy()


def read_frame(table: Table, order: list[str]) -> pd.DataFrame:
    """All columns as a pandas frame, in the order of some columns."""
    if is_spark(table):
        return table.orderBy(*quoted(order, "`")).toArrow().to_pandas()
    return table.order(", ".join(quoted(order, '"'))).df()


def read_matrix(table: Table, columns: list[str], order: list[str]) -> np.ndarray:
    """These columns of numbers, (columns, rows) float64, in the order of some columns. A null is nan."""
    found = read(table, columns, order)
    values = np.empty((len(columns), len(found[columns[0]])))
    for place, column in enumerate(columns):
        values[place] = np.ma.filled(found.pop(column).astype(np.float64), np.nan)
    return values


def drawn(table: Table, size: int, key: str) -> Table:
    """The table, or as many of its rows as size where it has more: on both engines those with the least hash."""
    if is_spark(table):
        from pyspark.sql import functions as sql

        return table.orderBy(sql.md5(sql.col(f"`{key}`")), f"`{key}`").limit(size) if table.count() > size else table
    ((count,),) = table.aggregate("count(*)").fetchall()
    return table.order(f'md5("{key}"), "{key}"').limit(size) if count > size else table


def quoted(columns: Any, mark: str) -> list[str]:
    """The names of columns between these marks."""
    return [f"{mark}{column}{mark}" for column in columns]


def source_of(table: Table, features: list[str], sample_size: int, seed: int) -> Source:
    """The scaled features of the customers as a source for the sweep, in the order of customer_id.

    Raises ValueError where a feature has values that are missing or not finite.
    """
    first = (seed * PLACES_OF_SEEDS) % HASHES
    if is_spark(table):
        number = f"((cast(conv(substr(md5(customer_id), 1, 13), 16, 10) as bigint) + {first}) % {HASHES}) / {HASHES}.0D"
        rows = SparkRows(table, features, sample_size, number)
        if not rows.is_whole:
            return rows

    def numbers() -> np.ndarray:
        number = f"((('0x' || substr(md5(customer_id), 1, 13))::bigint + {first}) % {HASHES}) / {HASHES}::double"
        return table.order("customer_id").project(f"{number} as number").fetchnumpy()["number"]

    return LocalRows(read_matrix(table, features, ["customer_id"]), features, sample_size, numbers)


# ---- returning ---------------------------------------------------------------------------------------------------


def returned(frame: pd.DataFrame, session: Any) -> pd.DataFrame | DataFrame:
    """What a model returns for this frame: itself on DuckDB, a DataFrame with the same columns and types on Spark.

    Raises ValueError where a column is neither numbers nor booleans nor texts.
    """
    if not is_spark(session):
        return frame
    from pyspark.sql import types

    kinds = {"i": types.LongType, "u": types.LongType, "f": types.DoubleType, "b": types.BooleanType}
    for column, kind in frame.dtypes.items():
        if getattr(kind, "kind", "O") not in {*kinds, "O"}:
            raise ValueError(f"Column {column} is {kind}; on Spark a model returns numbers, booleans and texts.")
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
