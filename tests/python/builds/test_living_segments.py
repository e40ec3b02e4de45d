"""Storing, scoring with and replacing models; stable segment keys; history, migrations and drift."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest
from conftest import (
    FEATURES,
    QUICK,
    WITHOUT_TESTS,
    WITHOUT_UNIT_TESTS,
    Built,
    Once,
    build,
    copy_of_project,
    green,
    many_dbt_runs,
    warm_dbt,
    write_inputs,
)
from sklearn.cluster import KMeans

pytestmark = pytest.mark.xdist_group("living")

SCORE = ("--selector", "score")


# ---- seven builds ------------------------------------------------------------------------------------------------

DAYS = pd.to_datetime(
    ["2024-03-31", "2024-05-31", "2024-06-30", "2024-08-31", "2024-09-30", "2024-11-30", "2024-12-31"]
)
LAST = len(DAYS)
# The builds that train a model; the others score. Build 5 lists the features in another order, which changes the
# numbers of the clusters.
TRAINED = [1, 3, 5, 6]
REVERSED_IN_BUILD = 5
# Without days_since_signup: it grows equally for everyone, and newcomers would form a separate cluster.
CLUSTERED = ["total_spending", "total_quantity", "transaction_count", "average_transaction_value"]
GONE_IN_BUILD = 4
GONE = [f"C{number:03d}" for number in range(0, 300, 40)]
TRIED_AGAIN_AFTER = 2


def shop(until: pd.Timestamp, generator_seed: int = 3) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The input of a shop on a given day: four kinds of customers, some of whom change their kind halfway."""
    generator = np.random.default_rng(generator_seed)
    kinds = {"rare": (0.2, 10), "steady": (2.0, 40), "big": (2.0, 800), "often": (14.0, 20)}
    lines, people = [], []
    for number in range(300):
        customer = f"C{number:03d}"
        kind = list(kinds)[number % 4]
        # Every fifteenth customer signs up late; every twelfth buys like another kind from July on.
        first = pd.Timestamp("2023-06-01") + pd.Timedelta(days=int(generator.integers(0, 200)))
        if number % 15 == 0:
            first = pd.Timestamp("2024-05-15") + pd.Timedelta(days=int(generator.integers(0, 120)))
        later = list(kinds)[(number + 1) % 4] if number % 12 == 0 else kind
        people.append((customer, first))
        for day in pd.date_range(first, "2024-12-31", freq="7D"):
            rate, amount = kinds[later if day >= pd.Timestamp("2024-07-01") else kind]
            for _ in range(generator.poisson(rate / 2)):
                paid = round(float(amount * generator.lognormal(0, 0.3)), 2)
                lines.append((f"T{len(lines)}", customer, day, int(generator.integers(1, 5)), paid))
        lines.append((f"T{len(lines)}", customer, first, 1, round(float(kinds[kind][1]), 2)))
    transactions = pd.DataFrame(
        lines, columns=["transaction_id", "customer_id", "transaction_date", "quantity", "amount"]
    )
    customers = pd.DataFrame(people, columns=["customer_id", "signup_date"])
    return transactions[transactions["transaction_date"] <= until], customers[customers["signup_date"] <= until]


@dataclass(frozen=True)
class Played:
    """The result of seven builds: the outcome of each dbt run, and a copy of the warehouse after each."""

    answers: list[dict]
    copies: dict[int, Path]

    def last(self) -> Built:
        return Built(0, "", self.copies[LAST])


def play(folder: Path) -> Played:
    folder.mkdir(parents=True)
    runs, copies = [], {}
    warehouse = str(folder / "warehouse.duckdb")
    for number, day in enumerate(DAYS, start=1):
        transactions, customers = shop(day)
        if number >= GONE_IN_BUILD:
            customers = customers[~customers["customer_id"].isin(GONE)]
            transactions = transactions[~transactions["customer_id"].isin(GONE)]
        settings = write_inputs(folder / f"input_{number}", transactions, customers) | QUICK | {"k": 4, "starts": 10}
        settings["features"] = CLUSTERED if number < REVERSED_IN_BUILD else CLUSTERED[::-1]
        copies[number] = folder / f"build_{number}.duckdb"
        # The first build loads the seeds. To save time, only the last one runs the data tests.
        what = "build" if number in (1, TRIED_AGAIN_AFTER, LAST) else "run"
        arguments = [what] if number in TRAINED else [what, *SCORE]
        arguments += WITHOUT_UNIT_TESTS if what == "build" else []
        run = {"arguments": arguments, "variables": settings, "warehouse": warehouse, "copy_to": str(copies[number])}
        runs.append(run)
        if number == TRIED_AGAIN_AFTER:
            failing = settings | {"k": 3, "earliest_signup_date": "2023-06-10"}
            failing |= {"rejected_share_warn": 0, "rejected_share_error": 0}
            runs += [
                run | {"arguments": ["run", *SCORE]},
                run | {"arguments": ["run", "--empty"], "copy_to": None},
                run | {"arguments": ["build", *WITHOUT_UNIT_TESTS], "variables": failing, "copy_to": None},
                run,
            ]
    return Played(many_dbt_runs(folder / "runs", runs), copies)


@pytest.fixture(scope="module")
def played(once: Once) -> Played:
    return once("living", play)


def tables(path: Path, sql: str) -> pd.DataFrame:
    with duckdb.connect(str(path), read_only=True) as connection:
        return connection.sql(sql).df()


def states(path: Path) -> dict[str, tuple[str, str]]:
    """{customer: (segment_key, name)} as the mart of the customers has it."""
    frame = tables(path, "select customer_id, segment_key, model_segment_name from marts.customer_segments")
    return {row[0]: (row[1], row[2]) for row in frame.itertuples(index=False)}


def test_every_build_succeeds_except_the_one_meant_to_fail(played: Played):
    failed = [(number, answer["message"]) for number, answer in enumerate(played.answers) if not answer["success"]]
    assert [number for number, _ in failed] == [TRIED_AGAIN_AFTER + 2], failed
    assert "rejected" in played.answers[TRIED_AGAIN_AFTER + 2]["message"]


def test_builds_are_numbered_but_not_empty_failed_and_identical_runs(played: Played):
    builds = played.last().frame("select * from marts.segmentation_builds order by build")
    assert builds["build"].tolist() == list(range(1, LAST + 1))
    assert builds.loc[builds["is_trained"], "build"].tolist() == TRAINED
    assert builds["as_of_date"].dt.date.is_monotonic_increasing
    assert builds.loc[builds["is_model_changed"], "build"].tolist() == TRAINED[1:]


def test_the_history_reproduces_every_build(played: Played):
    """The rows of the history valid in a build are its customer_segments: no gaps, overlaps or extra customers."""
    history = played.last().frame("select * from marts.segment_history")
    for number, path in played.copies.items():
        holds = (history["valid_from_build"] <= number) & ~(history["valid_to_build"] <= number).fillna(False)
        then = history[holds]
        assert not then["customer_id"].duplicated().any()
        assert {row.customer_id: (row.segment_key, row.segment_name) for row in then.itertuples()} == states(path), (
            number
        )


def test_the_history_of_a_customer_who_left_ends(played: Played):
    history = played.last().frame("select * from marts.segment_history")
    closed = history[history["customer_id"].isin(GONE)].groupby("customer_id")["valid_to_build"].max()
    known = states(played.copies[GONE_IN_BUILD - 1]).keys()
    assert closed.index.tolist() == [customer for customer in GONE if customer in known]
    assert (closed == GONE_IN_BUILD).all()
    assert not history.loc[history["customer_id"].isin(GONE), "is_current"].any()


def test_keys_persist_through_refits_and_renumbering(played: Played):
    keys = {number: {state[0] for state in states(path).values()} for number, path in played.copies.items()}
    assert all(found == keys[1] for found in keys.values())
    assert keys[1] == {"S1", "S2", "S3", "S4"}
    models = played.last().frame(
        "select distinct model_id, cluster, segment_key from marts.segmentation_model_centroids"
    )
    numbering = {tuple(model.sort_values("cluster")["segment_key"]) for _, model in models.groupby("model_id")}
    assert len(numbering) > 1, "no model numbers its clusters in another order than another"
    for number in TRAINED[1:]:
        before, after = states(played.copies[number - 1]), states(played.copies[number])
        kept = [after[customer][0] == before[customer][0] for customer in before.keys() & after.keys()]
        assert np.mean(kept) > 0.85, number


def test_migrations_add_up_to_the_customers(played: Played):
    migrations = played.last().frame("select * from marts.segment_migrations")
    for number in range(2, LAST + 1):
        before, after = states(played.copies[number - 1]), states(played.copies[number])
        spending = tables(played.copies[number], "select customer_id, total_spending from marts.customer_segments")
        spending = spending.set_index("customer_id")["total_spending"].astype(float)
        expected: dict[tuple, tuple] = {}
        for customer in before.keys() | after.keys():
            pair = before.get(customer, (None,))[0], after.get(customer, (None,))[0]
            count, money = expected.get(pair, (0, 0.0))
            expected[pair] = count + 1, money + spending.get(customer, 0.0)
        found = migrations[migrations["build"] == number]
        both = found[found["step"] == "both"]
        assert {
            (row.from_segment_key or None, row.to_segment_key or None): row.customers
            for row in both.fillna("").itertuples()
        } == {pair: count for pair, (count, _) in expected.items()}, number
        assert float(both["total_spending"].astype(float).sum()) == pytest.approx(spending.sum(), abs=0.005)
        model = found[found["step"] == "model"]
        assert model["customers"].sum() == len(after)
        assert (number in TRAINED) or not model["is_move"].any()
        behaviour = found[found["step"] == "behaviour"]
        assert behaviour["customers"].sum() == len(before.keys() | after.keys())


def test_the_behaviour_step_is_the_old_model_applied_to_current_features(played: Played):
    """Recomputed in NumPy for a refit: scale current features with the old model and take its nearest centroid."""
    number = TRAINED[1]
    old_models = tables(played.copies[number - 1], "select * from marts.segmentation_model_centroids")
    today = tables(played.copies[number], "select * from marts.customer_segments where cluster_id is not null")
    keys = nearest_keys(today, old_models)
    before = states(played.copies[number - 1])
    expected: dict[tuple, int] = {}
    for customer, key in zip(today["customer_id"], keys, strict=True):
        pair = before.get(customer, (None,))[0], key
        expected[pair] = expected.get(pair, 0) + 1
    found = tables(
        played.copies[number],
        f"select * from marts.segment_migrations where build = {number} and step = 'behaviour'",
    )
    found = found[found["to_segment_key"].notna()].fillna("")
    assert {(row.from_segment_key or None, row.to_segment_key): row.customers for row in found.itertuples()} == expected


def nearest_keys(customers: pd.DataFrame, model: pd.DataFrame) -> list[str]:
    """The segment of each customer under a stored model, by scikit-learn's predict."""
    scaled = []
    features = list(dict.fromkeys(model["feature"]))
    for feature in features:
        row = model[model["feature"] == feature].iloc[0]
        value = customers[feature].astype(float).to_numpy()
        if row["transform"] == "log1p":
            value = np.log1p(value.clip(min=0))
        scaled.append((value - row["center"]) / row["scale"])
    centroids = model.pivot(index="cluster", columns="feature", values="centroid")[features]
    fitted = KMeans(len(centroids), init=centroids.to_numpy(), n_init=1, max_iter=1).fit(centroids.to_numpy())
    fitted.cluster_centers_ = centroids.to_numpy()
    keys = model.drop_duplicates("cluster").set_index("cluster")["segment_key"]
    return [keys[cluster] for cluster in fitted.predict(np.column_stack(scaled))]


def test_a_scored_build_is_the_predict_of_its_model(played: Played):
    number = LAST
    cards = tables(played.copies[number], "select model_id from marts.segmentation_models where is_serving")
    models = tables(played.copies[number], "select * from marts.segmentation_model_centroids")
    today = tables(played.copies[number], "select * from marts.customer_segments where cluster_id is not null")
    assert nearest_keys(today, models[models["model_id"] == cards["model_id"].iloc[0]]) == today["segment_key"].tolist()


def test_scoring_trains_nothing_and_imports_no_scikit_learn(played: Played, tmp_path):
    for suffix in ("", ".wal"):
        if Path(f"{played.copies[LAST]}{suffix}").exists():
            shutil.copy(f"{played.copies[LAST]}{suffix}", tmp_path / f"warehouse.duckdb{suffix}")
    run = {
        "arguments": ["run", *SCORE],
        "variables": QUICK | {"features": CLUSTERED[::-1], "k": 4, "starts": 10} | written(played, LAST),
        "warehouse": str(tmp_path / "warehouse.duckdb"),
    }
    (answer,) = many_dbt_runs(tmp_path / "runs", [run])
    assert answer["success"], answer["message"]
    assert not answer["imports_scikit_learn"]
    assert "int_customer_clusters" in answer["nodes"]
    assert not {"int_kmeans_sweep", "int_feature_scaling", "int_model_register", "int_segment_matches"} & set(
        answer["nodes"]
    )


def written(played: Played, number: int) -> dict:
    folder = played.copies[1].parent / f"input_{number}"
    return {
        "transactions_location": str(folder / "transactions.csv"),
        "customers_location": str(folder / "customers.csv"),
        "customers_columns": {"customer_id": "customer_id", "signup_date": "signup_date"},
    }


def test_there_is_no_drift_in_the_build_that_trained(played: Played):
    drift = played.last().frame("select * from marts.segment_drift")
    trained = drift[drift["build"].isin(TRAINED)]
    assert (trained.loc[trained["measure"].str.endswith("stability"), "value"] == 0).all()
    same = trained[trained["measure"].isin(["segment_share", "mean_distance"])]
    assert np.allclose(same["value"], same["training_value"], rtol=1e-11)
    # By build 4 every customer has two more months of purchases than in the training of build 3.
    assert drift.query("build == 4 and subject == 'total_spending'")["value"].iloc[0] > 0.01


def test_the_population_stability_index_is_that_of_pandas(played: Played):
    number = 2
    trained = tables(played.copies[1], "select * from marts.customer_segments where cluster_id is not null")
    today = tables(played.copies[number], "select * from marts.customer_segments where cluster_id is not null")
    drift = tables(played.copies[number], f"select * from marts.segment_drift where build = {number}")
    for feature in CLUSTERED:
        before, now = trained[feature].astype(float), today[feature].astype(float)
        edges = np.unique(np.quantile(before, np.arange(1, 10) / 10, method="inverted_cdf"))
        shares = [
            np.bincount(np.searchsorted(edges, values, side="left"), minlength=len(edges) + 1) / len(values)
            for values in (before, now)
        ]
        floored = [share.clip(min=0.0001) for share in shares]
        expected = ((floored[1] - floored[0]) * np.log(floored[1] / floored[0])).sum()
        found = drift.query("measure == 'feature_psi' and subject == @feature")["value"].iloc[0]
        assert found == pytest.approx(expected, rel=1e-6), feature


# ---- what stops scoring ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"features": FEATURES[:3]}, "'features'"),
        ({"transforms": dict.fromkeys(FEATURES, "none")}, "'transforms'"),
        ({"winsorize": 0.9}, "'winsorize'"),
        ({"observation_window_days": 90}, "'observation_window_days' is 90"),
        ({"tenure_from": "first_purchase"}, "'tenure_from' is \"first_purchase\""),
        ({"k": 3}, "'k' is 3"),
        ({"k_max": 3}, "'k_max' is 3"),
        ({"model_id": "nobody"}, "'model_id' is \"nobody\""),
    ],
)
def test_scoring_under_other_settings_stops_with_a_sentence(sample: Built, tmp_path, settings: dict, said: str):
    shutil.copy(green(sample).warehouse, tmp_path / "warehouse.duckdb")
    refused = warm_dbt().run(tmp_path, settings, "build", *SCORE, parsed_with={})
    assert refused.returncode != 0
    assert said in refused.output
    assert "model" in refused.output
    assert "1 of " not in refused.output.split("on-run-start")[-1].split("Done")[-1]


@pytest.mark.long
def test_scoring_uses_the_cap_of_the_training(tmp_path):
    """Scoring on the training date reproduces the training's segments; scoring on another date succeeds."""
    settings = QUICK | {"winsorize": 0.95, "starts": 1, "k_max": 4}
    trained = green(build(tmp_path, settings, *WITHOUT_TESTS))
    before = trained.rows("select * from marts.customer_segments order by customer_id")
    again = green(build(tmp_path, settings, *SCORE, *WITHOUT_TESTS))
    assert again.rows("select * from marts.customer_segments order by customer_id") == before
    later = green(build(tmp_path, settings | {"as_of_date": "2024-11-30"}, *SCORE, *WITHOUT_TESTS))
    assert later.rows("select is_trained from marts.segmentation_builds order by build") == [(True,), (False,)]


def test_scoring_without_a_model_stops_with_a_sentence(tmp_path):
    refused = build(tmp_path, {}, *SCORE)
    assert refused.returncode != 0
    assert "There is no stored model in" in refused.output
    assert "Train one first: make build" in refused.output


def test_scoring_with_a_table_that_an_earlier_version_made_stops_with_a_sentence(sample: Built, tmp_path):
    shutil.copy(green(sample).warehouse, tmp_path / "warehouse.duckdb")
    with duckdb.connect(str(tmp_path / "warehouse.duckdb")) as connection:
        connection.execute("alter table intermediate.int_alternative_sums drop column returners")
    refused = warm_dbt().run(tmp_path, {}, "build", *SCORE)
    assert refused.returncode != 0
    assert "The table int_alternative_sums lacks the column returners, which training makes" in refused.output
    assert "Train one first: make build" in refused.output


# ---- manual overrides --------------------------------------------------------------------------------------------


def build_with_overrides(folder: Path, lines: list[str]) -> Built:
    """The sample with this file of overrides, in a copy of the project."""
    project = copy_of_project(folder / "project")
    path = project / "seeds" / "playbook" / "segment_overrides.csv"
    path.write_text("\n".join([path.read_text().strip(), *lines]) + "\n")
    return build(folder, {"starts": 10}, *WITHOUT_UNIT_TESTS, project=project)


@pytest.mark.long
def test_an_override_changes_only_segments_and_actions_of_its_customers(sample: Built, tmp_path):
    built = green(
        build_with_overrides(tmp_path, ["C0001,High Value,Founder of the club,", "C0002,High Value,Was one,2024-12-30"])
    )
    changed = built.rows(
        "select customer_id, segment_name, archetype, model_segment_name, override_reason from marts.customer_segments"
        " where is_overridden or segment_name != model_segment_name"
    )
    model_says = sample.column("select segment_name from marts.customer_segments where customer_id = 'C0001'")[0]
    assert model_says != "High Value"
    assert changed == [("C0001", "High Value", "High Value", model_says, "Founder of the club")]
    assert built.rows("select customers_overridden from marts.segmentation_builds") == [(1,)]
    ours, theirs = built.marts(), sample.marts()
    model = "select model_id from marts.segmentation_models where is_serving"
    one, other = built.column(model)[0], sample.column(model)[0]
    for mart in ("segment_profiles", "segment_map", "segment_attributes", "segment_history", "segment_features"):
        assert [row.replace(one, other) for row in ours[mart]] == theirs[mart], mart


@pytest.mark.long
def test_an_override_of_an_unknown_customer_or_segment_stops_the_build(tmp_path):
    built = build_with_overrides(tmp_path, ["nobody,High Value,,", "C0001,No Such Segment,,"])
    assert built.returncode != 0
    assert "FAIL 2 assert_overrides_name_customers_and_segments" in built.output
    assert built.rows("select count(*) from information_schema.tables where table_name = 'int_build_log'") == [(0,)]
