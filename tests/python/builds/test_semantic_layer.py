"""The metrics: what `mf query` answers about the sample, compared with the marts and with the input."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from conftest import PROJECT, WITHOUT_TESTS, Built, build, environment, green

pytestmark = pytest.mark.xdist_group("sample")

MF = Path(sys.executable).with_name("mf")
Query = Callable[..., pd.DataFrame]


@pytest.fixture(scope="module")
def two_builds(sample: Built, tmp_path_factory: pytest.TempPathFactory) -> Built:
    """The sample, built a second time with another number of segments, so that customers have moved."""
    folder = tmp_path_factory.mktemp("two_builds")
    shutil.copy(sample.warehouse, folder / "warehouse.duckdb")
    return green(build(folder, {"k": 5}, *WITHOUT_TESTS))


@pytest.fixture(scope="module")
def query(sample: Built, two_builds: Built, tmp_path_factory: pytest.TempPathFactory) -> Query:
    """A function that asks `mf query` for metrics by dimensions and returns its table."""
    folder = tmp_path_factory.mktemp("metricflow")
    (folder / "target").mkdir()
    for name in ("dbt_project.yml", "profiles.yml"):
        shutil.copy(PROJECT / name, folder)
    shutil.copy(sample.warehouse.parent / "target" / "semantic_manifest.json", folder / "target")

    def answer(*metrics: str, by: tuple[str, ...], where: str | None = None) -> pd.DataFrame:
        file = folder / "answer.csv"
        file.unlink(missing_ok=True)
        asked = [str(MF), "query", "--metrics", ",".join(metrics), "--group-by", ",".join(by), "--csv", str(file)]
        finished = subprocess.run(
            asked + (["--where", where] if where else []),
            cwd=folder,
            # mf would ask PyPI for a newer version.
            env=environment(two_builds.warehouse) | {"HTTPS_PROXY": "http://127.0.0.1:9", "DO_NOT_TRACK": "1"},
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert finished.returncode == 0, finished.stdout + finished.stderr
        return pd.read_csv(file)

    return answer


def assert_same_rows(found: pd.DataFrame, expected: list[tuple]) -> None:
    """Assert that two tables have the same rows in any order; numbers may differ from the ninth digit on."""
    rows = sorted(found.itertuples(index=False, name=None))
    assert len(rows) == len(expected) > 1
    for row, wanted in zip(rows, sorted(expected), strict=True):
        for one, other in zip(row, wanted, strict=True):
            assert one == (other if isinstance(other, str) else pytest.approx(other, rel=1e-9))


def test_spending_by_segment_and_month_is_that_of_the_lines(query: Query, two_builds: Built):
    found = query("segment_spending", "segment_purchases", by=("segment__segment_name", "metric_time__month"))
    found["metric_time__month"] = found["metric_time__month"].str[:7]
    found = found[["segment__segment_name", "metric_time__month", "segment_spending", "segment_purchases"]]
    assert_same_rows(
        found,
        two_builds.rows(
            "select model_segment_name, strftime(transaction_date, '%Y-%m'), cast(sum(amount) as double),"
            " count(distinct transaction_id) from intermediate.int_transactions_checked as lines"
            " join marts.customer_segments using (customer_id) where lines.failed_rules is null group by 1, 2"
        ),
    )


def test_customers_who_moved_are_those_of_the_history(query: Query, two_builds: Built):
    names = ("segment_migration__from_segment_key", "segment_migration__to_segment_key")
    moves = query("segment_moves", by=names)
    moves = moves[moves["segment_moves"] > 0][[*names, "segment_moves"]]
    assert_same_rows(
        moves,
        two_builds.rows(
            "select before.segment_key, after.segment_key, count(*) from marts.segment_history as before"
            " join marts.segment_history as after using (customer_id)"
            " where before.valid_from_build = 1 and after.is_current and before.segment_key != after.segment_key"
            " group by 1, 2"
        ),
    )
    one = tuple(moves.iloc[0])
    where = " and ".join(f"{{{{ Dimension('{name}') }}}} = '{key}'" for name, key in zip(names, one[:2], strict=True))
    assert query("segment_moves", by=("segment_migration__build",), where=where).to_numpy().tolist() == [[2, one[2]]]


def test_stability_is_the_share_of_customers_who_stayed(query: Query, two_builds: Built):
    (stayed,) = two_builds.column(
        "select sum(case when not is_move then customers end) / 620 from marts.segment_migrations where step = 'both'"
    )
    found = query(
        "segment_stability",
        "segment_moves",
        "segment_moves_by_behaviour",
        "segment_moves_by_model",
        by=("segment_migration__build",),
    )
    assert 0 < stayed < 1
    # The input is the same, so only the model has moved customers.
    moved = round((1 - stayed) * 620)
    assert found.to_dict("records") == [
        {
            "segment_migration__build": 2,
            "segment_stability": pytest.approx(stayed),
            "segment_moves": moved,
            "segment_moves_by_behaviour": 0,
            "segment_moves_by_model": moved,
        }
    ]


def test_customers_and_shares_are_those_of_the_profiles(query: Query, two_builds: Built):
    found = query(
        "segment_customers",
        "segment_quiet_share",
        "segment_customer_share",
        "segment_spending_share",
        by=("segment__segment_name",),
    )
    found = found[
        [
            "segment__segment_name",
            "segment_customers",
            "segment_quiet_share",
            "segment_customer_share",
            "segment_spending_share",
        ]
    ]
    assert_same_rows(
        found,
        two_builds.rows(
            "select segment_name, customers, quiet_share, customer_share, spending_share from marts.segment_profiles"
        ),
    )
