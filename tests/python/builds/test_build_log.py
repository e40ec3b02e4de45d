"""Which runs are logged as a build: full runs, training or scoring. Runs of some models are not."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from conftest import QUICK, WITHOUT_TESTS, Built, build, dbt, green

NOT_LOGGED = "This run built only some of the models, so it was not logged as a build."


@pytest.fixture(scope="module")
def logged_once(sample: Built, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a warehouse that has one logged build."""
    folder = tmp_path_factory.mktemp("logged_once")
    shutil.copy(sample.warehouse, folder / "warehouse.duckdb")
    return folder


def builds(built: Built) -> list[tuple]:
    return built.rows("select build, is_trained from marts.segmentation_builds order by build")


def test_a_partial_run_is_not_logged_and_says_so(logged_once):
    partial = green(build(logged_once, QUICK | {"k": 3}, "--select", "int_selected_k+", *WITHOUT_TESTS))
    assert NOT_LOGGED in partial.output
    assert partial.column("select k from marts.segmentation_models where is_serving") == [3]
    assert builds(partial) == [(1, True)]
    # The next full runs, training and scoring, are logged as if the partial run had not happened.
    whole = green(build(logged_once, QUICK | {"k": 5}, *WITHOUT_TESTS))
    assert NOT_LOGGED not in whole.output
    assert builds(whole) == [(1, True), (2, True)]
    assert whole.column("select previous_model_id is not null from marts.segmentation_builds") == [False, True]
    first, second = whole.column("select customers from marts.segmentation_builds order by build")
    moved = whole.column("select sum(customers) from marts.segment_migrations where build = 2 and step = 'both'")
    assert moved == [first] == [second]
    settings = QUICK | {"k": 5, "as_of_date": "2024-12-01"}
    scored = green(build(logged_once, settings, "--selector", "score", *WITHOUT_TESTS))
    assert NOT_LOGGED not in scored.output
    assert builds(scored) == [(1, True), (2, True), (3, False)]


def test_a_retry_is_refused(tmp_path: Path) -> None:
    failed = dbt(tmp_path, "run", "--select", "int_days")
    assert "int_customer_features does not exist" in failed.output
    refused = dbt(tmp_path, "retry")
    assert refused.returncode != 0
    assert "dbt retry cannot continue a build" in refused.output
