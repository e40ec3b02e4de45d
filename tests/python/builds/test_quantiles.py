"""The quantiles that count buckets, as Spark finds them, compared with those of DuckDB."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest
from conftest import green, warm_dbt
from hypothesis import given, settings
from hypothesis import strategies as st

SHARES = [0.001, 0.05, 0.25, 0.3, 0.5, 0.7, 0.95, 0.999, 1.0]

# Of some shop: amounts with many ties, days, distances from any power of ten, and numbers beside powers of ten.
AMOUNTS = st.integers(-500, 120_000).map(lambda cents: cents / 100)
DAYS = st.integers(0, 400).map(float)
DISTANCES = st.floats(0, 1e6, allow_subnormal=False)
BESIDE_POWERS = st.builds(lambda power, step: 10.0**power * (1 + step * 1e-5), st.integers(-3, 6), st.integers(-30, 30))
VALUES = st.one_of(*(st.lists(kind | st.none(), max_size=80) for kind in (AMOUNTS, DAYS, DISTANCES, BESIDE_POWERS)))


def queries(folder: Path) -> dict[bool, str]:
    """{whether to interpolate: the query on a table `numbers` with a key and a value}."""
    return {interpolated: compiled(folder, interpolated) for interpolated in (False, True)}


def compiled(folder: Path, interpolated: bool) -> str:
    # One share is asked for twice, as winsorize 0.5 does.
    shares = [*SHARES, 0.5]
    macro = f"quantiles_in_passes('numbers', ['value'], {shares}, ['owner'], interpolated={interpolated})"
    built = green(warm_dbt().run(folder, {}, "--quiet", "compile", "--inline", "{{ " + macro + " }}"))
    return built.output


@pytest.fixture(scope="module")
def query_of(tmp_path_factory: pytest.TempPathFactory) -> dict[bool, str]:
    return queries(tmp_path_factory.mktemp("quantiles"))


@settings(deadline=None, max_examples=150)
@given(of_anna=VALUES, of_bert=VALUES)
def test_quantiles_in_passes_are_those_of_duckdb(
    query_of: dict[bool, str], of_anna: list[float | None], of_bert: list[float | None]
) -> None:
    rows = [("anna", value) for value in of_anna] + [("bert", value) for value in of_bert]
    with duckdb.connect() as connection:
        connection.execute("create table numbers (owner varchar, value double)")
        if rows:
            connection.executemany("insert into numbers values (?, ?)", rows)
        found = {of: connection.execute(query).fetchall() for of, query in query_of.items()}
        discrete, interpolated = (
            connection.execute(
                f"select owner, {name}(value, {SHARES}) from numbers where value is not null group by owner"
            ).fetchall()
            for name in ("quantile_disc", "quantile_cont")
        )
    assert sorted(found[False]) == in_rows(discrete)
    assert [row[:3] for row in sorted(found[True])] == [row[:3] for row in in_rows(interpolated)]
    assert [row[3] for row in sorted(found[True])] == pytest.approx(
        [row[3] for row in in_rows(interpolated)], rel=1e-12
    )


def in_rows(listed: list[tuple[str, list[float]]]) -> list[tuple]:
    """A row for each owner and share, as the query returns them."""
    return sorted(
        (owner, "value", share, value) for owner, values in listed for share, value in zip(SHARES, values, strict=True)
    )
