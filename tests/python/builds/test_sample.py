"""The sample, built once: the report's numbers, the terminal output, and the columns and rows of the marts."""

from __future__ import annotations

import re
import shutil

import numpy as np
import pandas as pd
import pytest
from conftest import FEATURES, PROJECT, WITHOUT_TESTS, WITHOUT_UNIT_TESTS, Built, Once, Sample, build, green, warm_dbt
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.metrics import davies_bouldin_score
from sklearn.preprocessing import StandardScaler

pytestmark = pytest.mark.xdist_group("sample")

SEGMENTS = ["Low Activity", "Occasional Buyers", "Moderate Spenders", "High Value"]
REPORTED_INDICES = {2: 0.98, 3: 0.83, 4: 0.78, 5: 0.81, 6: 0.84, 7: 0.89, 8: 0.92, 9: 1.01, 10: 1.07}


@pytest.fixture(scope="module")
def scaled(sample_input: Sample) -> pd.DataFrame:
    """The scaled features, computed by pandas and scikit-learn."""
    values = sample_input.features[FEATURES].astype(float)
    values[FEATURES[:3]] = np.log1p(values[FEATURES[:3]])
    return pd.DataFrame(StandardScaler().fit_transform(values), index=values.index, columns=FEATURES)


# ---- the report's numbers ----------------------------------------------------------------------------------------


def test_the_sample_builds_with_all_its_tests(sample: Built):
    green(sample)
    assert re.search(r"Done\. PASS=\d+ WARN=0 ERROR=0 SKIP=0", sample.output)


def test_the_segments_are_those_of_the_report(sample: Built):
    rows = sample.rows(
        "select segment_name, avg_total_spending, avg_quantity, avg_transactions, avg_days_since_signup, cluster_size"
        " from marts.segment_profiles order by cluster_id"
    )
    printed = [
        (name, f"{spending:.2f}", f"{quantity:.1f}", f"{transactions:.1f}", f"{days:.0f}", size)
        for name, spending, quantity, transactions, days, size in rows
    ]
    assert printed == [
        ("Low Activity", "450.75", "15.8", "3.1", "720", 240),
        ("Occasional Buyers", "700.80", "25.7", "4.0", "800", 180),
        ("Moderate Spenders", "1200.50", "40.2", "5.3", "650", 150),
        ("High Value", "3000.20", "80.5", "10.4", "500", 50),
    ]


def test_the_segments_are_natural_groups_and_two_of_three_indices_agree(sample: Built):
    assert sample.rows("select validity, indices_in_favour from marts.k_selection where is_selected") == [
        ("natural groups", 2)
    ]


def test_four_segments_are_selected(sample: Built):
    assert sample.column("select k from marts.k_selection where is_selected") == [4]
    assert sample.column("select k from marts.segmentation_models where is_serving") == [4]
    assert sample.column("select k from marts.k_selection order by k") == list(range(2, 11))


@pytest.mark.parametrize(("k", "index"), [(3, 0.8328), (4, 0.7791), (5, 0.8072), (6, 0.8411), (7, 0.8970), (8, 0.9224)])
def test_the_indices_are_those_of_many_more_starts(sample: Built, k, index):
    (found,) = sample.column(f"select davies_bouldin_index from marts.k_selection where k = {k}")
    assert found == pytest.approx(index, abs=0.01)


@pytest.mark.parametrize("k", [3, 4, 5, 6, 8])
def test_the_reports_index_is_reproduced_to_two_decimals(sample: Built, k):
    (found,) = sample.column(f"select davies_bouldin_index from marts.k_selection where k = {k}")
    assert round(found, 2) == REPORTED_INDICES[k]


@pytest.mark.parametrize("k", [7, 9, 10])
def test_the_reports_index_is_near(sample: Built, k):
    (found,) = sample.column(f"select davies_bouldin_index from marts.k_selection where k = {k}")
    assert round(found, 2) != REPORTED_INDICES[k]
    assert found == pytest.approx(REPORTED_INDICES[k], abs=0.05)


def test_only_the_documented_numbers_are_not_reproduced(sample: Built):
    ((two,), (four, silhouette, inertia)) = (
        sample.rows("select davies_bouldin_index from marts.k_selection where k = 2")[0],
        sample.rows("select k, silhouette_score, inertia from marts.k_selection where is_selected")[0],
    )
    assert (four, round(two, 2), round(silhouette, 2), round(inertia, 1)) == (4, 0.81, 0.51, 511.4)


def test_the_metrics_of_four_segments_are_exact(sample: Built):
    ((inertia, silhouette, standard_error, calinski_harabasz),) = sample.rows(
        "select inertia, silhouette_score, silhouette_standard_error, calinski_harabasz_index"
        " from marts.k_selection where k = 4"
    )
    assert inertia == pytest.approx(511.421, abs=0.001)
    assert silhouette == pytest.approx(0.5090, abs=0.0001)
    assert standard_error == 0
    assert calinski_harabasz == pytest.approx(790.38, abs=0.01)


# ---- against pandas and scikit-learn -----------------------------------------------------------------------------


def test_every_customers_features_equal_those_of_pandas(sample: Built, sample_input: Sample):
    expected = sample_input.features
    found = sample.frame(
        "select customer_id, cast(total_spending * 100 as bigint) as cents, total_quantity, transaction_count,"
        " days_since_signup, days_since_last_transaction, average_transaction_value"
        " from marts.customer_segments order by customer_id"
    ).set_index("customer_id")
    assert list(found.index) == sorted(sample_input.customers["customer_id"])
    for column in ["cents", "total_quantity", "transaction_count", "days_since_signup", "days_since_last_transaction"]:
        assert list(found[column]) == list(expected[column]), column
    average = expected["cents"] / 100 / expected["transaction_count"]
    assert found["average_transaction_value"].to_numpy() == pytest.approx(average.to_numpy(), rel=1e-12)


def test_the_segments_are_the_clusters_of_scikit_learn(sample: Built, scaled: pd.DataFrame):
    labels = KMeans(4, n_init=50, random_state=0).fit(scaled).labels_
    found = sample.frame("select customer_id, cluster_id from marts.customer_segments").set_index("customer_id")
    crossed = pd.crosstab(found.loc[scaled.index, "cluster_id"], labels)
    assert crossed.shape == (4, 4)
    assert (crossed > 0).sum().tolist() == [1] * 4
    assert (crossed > 0).sum(axis=1).tolist() == [1] * 4


@pytest.mark.parametrize("k", [2, 5, 7])
def test_the_alternatives_are_the_clusters_of_scikit_learn(sample: Built, sample_input: Sample, scaled, k):
    labels = KMeans(k, n_init=100, random_state=0).fit(scaled).labels_
    spending = sample_input.features.loc[scaled.index, "total_spending"].astype(float).groupby(labels)
    found = sample.rows(
        f"select customers, avg_total_spending from marts.segment_alternatives where k = {k} order by cluster_id"
    )
    expected = sorted(zip(spending.size(), spending.mean(), strict=True), key=lambda segment: segment[1])
    assert [customers for customers, _ in found] == [customers for customers, _ in expected]
    assert [average for _, average in found] == pytest.approx([average for _, average in expected])


def test_the_index_is_that_of_the_segments_in_the_mart(sample: Built, scaled: pd.DataFrame):
    found = sample.frame("select customer_id, cluster_id from marts.customer_segments").set_index("customer_id")
    expected = davies_bouldin_score(scaled, found.loc[scaled.index, "cluster_id"])
    (index,) = sample.column("select davies_bouldin_index from marts.k_selection where is_selected")
    assert index == pytest.approx(expected, rel=1e-9)


def test_the_distances_are_those_to_the_centers_of_the_segments(sample: Built, scaled: pd.DataFrame):
    found = sample.frame("select customer_id, cluster_id, distance_to_centroid from marts.customer_segments")
    found = found.set_index("customer_id").loc[scaled.index]
    centers = scaled.groupby(found["cluster_id"]).transform("mean")
    expected = np.sqrt(((scaled - centers) ** 2).sum(axis=1))
    assert found["distance_to_centroid"].to_numpy() == pytest.approx(expected.to_numpy(), abs=1e-9)


def test_the_map_is_that_of_the_principal_components(sample: Built, scaled: pd.DataFrame):
    pca = PCA(n_components=2).fit(scaled)
    found = sample.frame("select customer_id, x, y from marts.segment_map").set_index("customer_id").loc[scaled.index]
    expected = pca.transform(scaled)
    for position, axis in enumerate(["x", "y"]):
        sign = np.sign(found[axis] @ expected[:, position])
        assert found[axis].to_numpy() == pytest.approx(sign * expected[:, position], abs=1e-9)
    shares = sample.column("select distinct explained_variance_share from marts.segment_map_axes order by 1 desc")
    assert shares == pytest.approx(pca.explained_variance_ratio_, abs=1e-9)


def test_the_shares_and_features_of_the_segments_equal_those_of_pandas(sample: Built, sample_input: Sample):
    found = sample.frame("select customer_id, cluster_id from marts.customer_segments").set_index("customer_id")
    features = sample_input.features
    groups = features.groupby(found.loc[features.index, "cluster_id"])
    profiles = sample.frame("select * from marts.segment_profiles order by cluster_id")
    assert profiles["customer_share"].to_numpy() == pytest.approx((groups.size() / len(features)).to_numpy())
    spending = groups["cents"].sum() / features["cents"].sum()
    assert profiles["spending_share"].to_numpy() == pytest.approx(spending.to_numpy())
    averages = sample.frame("select * from marts.segment_features").set_index(["feature", "cluster_id"]).sort_index()
    for feature in FEATURES:
        assert averages.loc[feature, "average"].to_numpy() == pytest.approx(groups[feature].mean().to_numpy())
        ratio = groups[feature].mean() / features[feature].mean()
        assert averages.loc[feature, "ratio_to_average"].to_numpy() == pytest.approx(ratio.to_numpy())


# ---- what the marts promise --------------------------------------------------------------------------------------

PROMISED = {
    "customer_segments": "customer_id cluster_id segment_name total_spending total_quantity transaction_count"
    " days_since_signup distance_to_centroid",
    "segment_profiles": "cluster_id segment_name archetype description cluster_size customer_share avg_total_spending"
    " avg_quantity avg_transactions avg_days_since_signup spending_share",
    "customer_360": "customer_id segment_key segment_name archetype runner_up_segment_name margin reason total_spending"
    " transaction_count days_since_last_transaction is_quiet is_one_time_buyer region birth_year channel",
    "segment_months": "segment_key segment_name month customers total_spending transaction_count first_purchases",
    "segment_profiles_by_build": "build segment_key segment_name customers total_spending customer_share"
    " spending_share",
    "segment_features": "cluster_id feature average ratio_to_average",
    "segment_actions": "cluster_id segment_name action_rank action objective rationale expected_spending",
    "segment_expected_spending": "segment_key segment_name audience customers expected_spending expected_spending_low"
    " expected_spending_high model_spending bought_again_share reason",
    "segment_borders": "cluster_id neighbour_cluster_id verdict description customers_near density_ratio p_value",
    "segment_map": "customer_id segment_name x y",
    "segment_map_axes": "axis feature loading explained_variance_share",
    "k_selection": "k davies_bouldin_index inertia silhouette_score silhouette_standard_error calinski_harabasz_index"
    " smallest_cluster_size is_local_minimum is_selected reason",
    "segment_alternative_borders": "k cluster_id neighbour_cluster_id segment_name neighbour_segment_name verdict"
    " description customers_between customers_near density_ratio p_value",
    "segment_alternative_map": "k customer_id cluster_id x y",
    "segment_alternatives": "k cluster_id segment_name archetype validity is_selected customers avg_total_spending",
    "segmentation_models": "model_id is_serving as_of_date features transforms seed k customers_clustered"
    " python_version numpy_version scikit_learn_version",
    "data_quality": "input rule row_count amount share",
}


@pytest.mark.parametrize("mart", PROMISED)
def test_every_mart_has_the_columns_that_people_query(sample: Built, mart):
    columns = sample.columns()
    assert mart in columns
    assert set(PROMISED[mart].split()) - set(columns[mart]) == set()


@pytest.mark.parametrize(
    ("mart", "grain", "rows"),
    [
        ("customer_segments", "customer_id", 620),
        ("segment_profiles", "segment_name", 4),
        ("customer_360", "customer_id", 620),
        ("segment_profiles_by_build", "build, segment_key", 4),
        ("segment_features", "cluster_id, feature", 16),
        ("segment_borders", "cluster_id, neighbour_cluster_id", 3),
        ("segment_map", "customer_id", 620),
        ("segment_map_axes", "axis, feature", 8),
        ("k_selection", "k", 9),
        ("segment_alternative_map", "k, customer_id", 9 * 620),
        ("segment_alternatives", "k, cluster_id", 54),
        ("segmentation_models", "model_id", 1),
    ],
)
def test_every_mart_has_a_row_for_each_thing_that_it_is_about(sample: Built, mart, grain, rows):
    assert sample.rows(f"select count(*), count(distinct ({grain})) from marts.{mart}") == [(rows, rows)]


def test_the_months_of_the_segments_are_those_of_pandas(sample: Built, sample_input: Sample):
    lines = sample_input.transactions.assign(
        amount=sample_input.transactions["amount"].astype(float),
        month=pd.to_datetime(sample_input.transactions["transaction_date"]).dt.to_period("M").dt.to_timestamp(),
    )
    keys = sample.frame("select customer_id, segment_key from marts.customer_segments").set_index("customer_id")
    lines = lines.join(keys, on="customer_id")
    lines["is_first"] = lines["month"] == lines.groupby("customer_id")["month"].transform("min")
    grouped = lines.groupby(["segment_key", "month"])
    expected = pd.DataFrame(
        {
            "customers": grouped["customer_id"].nunique(),
            "spending": grouped["amount"].sum().round(2),
            "transaction_count": grouped["transaction_id"].nunique(),
            "first_purchases": lines[lines["is_first"]].groupby(["segment_key", "month"])["customer_id"].nunique(),
        }
    ).fillna(0)
    found = sample.frame(
        "select segment_key, month, customers, cast(total_spending as double) as spending, transaction_count,"
        " first_purchases from marts.segment_months"
    ).set_index(["segment_key", "month"])
    pd.testing.assert_frame_equal(found.sort_index(), expected.sort_index(), check_dtype=False, check_index_type=False)


def test_the_actions_of_a_segment_are_ranked_from_one(sample: Built):
    ranks = sample.rows(
        "select segment_name, list(action_rank order by action_rank) from marts.segment_actions group by all"
    )
    assert {name for name, _ in ranks} == set(SEGMENTS)
    assert all(found == list(range(1, len(found) + 1)) for _, found in ranks)


def test_a_second_build_on_another_number_of_threads_gives_identical_marts(sample: Built, once: Once):
    def again(folder):
        folder.mkdir()
        shutil.copy(sample.warehouse, folder / "warehouse.duckdb")
        return build(folder, None, "--threads", "1", *WITHOUT_TESTS)

    second = green(once("sample_again", again))
    before, after = sample.marts(), second.marts()
    assert before.keys() == after.keys()
    for mart in before:
        assert before[mart] == after[mart], mart


# ---- the summary on the terminal ---------------------------------------------------------------------------------


def log_lines(output: str) -> list[str]:
    """The lines of the terminal without dbt's timestamps."""
    return [re.sub(r"^\d\d:\d\d:\d\d  ", "", line).rstrip() for line in output.splitlines()]


def has_last_word(output: str) -> bool:
    return any(
        "<- selected" in line or "first action" in line or line.startswith("The warehouse is")
        for line in log_lines(output)
    )


def test_the_summary_shows_each_k_with_its_index_and_which_is_selected(sample: Built):
    lines = log_lines(sample.output)
    for k, index, is_selected in sample.rows("select k, davies_bouldin_index, is_selected from marts.k_selection"):
        (line,) = [line for line in lines if re.match(rf" *{k} +{index:.4f} ", line)]
        assert ("<- selected" in line) == is_selected


def test_the_summary_shows_each_segment_with_its_first_action(sample: Built):
    lines = log_lines(sample.output)
    rows = sample.rows(
        "select p.segment_name, p.cluster_size, a.action, a.audience, a.customers from marts.segment_profiles as p"
        " join marts.segment_actions as a on p.segment_name = a.segment_name and a.action_rank = 1"
        " order by p.cluster_id"
    )
    assert [row[0] for row in rows] == SEGMENTS
    shown = [line for line in lines if re.match(rf"({'|'.join(SEGMENTS)}) +\d+ ", line)]
    assert len(shown) == 4
    for line, (name, size, action, audience, customers) in zip(shown, rows, strict=True):
        reached = {"everyone": "all", "active": f"{customers} active", "quiet": f"{customers} gone quiet"}[audience]
        assert re.match(rf"{name} +{size} +\d+ % .* {action} \({reached}\)$", line)


def test_the_summary_says_where_the_warehouse_is(sample: Built):
    assert f"The warehouse is {sample.warehouse}; the marts are in its schema marts." in log_lines(sample.output)


def test_the_readme_shows_what_a_build_prints(sample: Built):
    """The first block of code of the README, whose lines can be wrapped."""
    shown = (PROJECT / "README.md").read_text(encoding="utf-8").split("```")[1]
    printed = " ".join(sample.output[sample.output.index(" k   Davies-Bouldin") :].split())
    start, end = printed.split("The warehouse is ")
    assert " ".join(shown.split()).split("The warehouse is ")[0] == start
    assert "the marts are in its schema marts." in end


def test_the_figures_of_the_sample_in_the_documentation_are_those_of_a_build(sample: Built):
    ((k, stability, gaps, borders, share, validity),) = sample.rows(
        "select k, stability_index, borders_with_a_gap, borders, separated_share, validity from marts.k_selection"
        " where is_selected"
    )
    row = f"| the sample | {k} | {stability:.2f} | {gaps} of {borders} | {share:.0%} | {validity} | `make build` |"
    assert row.replace("%", " %") in (PROJECT / "docs" / "choosing_k.md").read_text(encoding="utf-8")


def test_nothing_in_the_project_is_deprecated(sample: Built):
    """The build shows all deprecations of dbt; Python's warnings contain the same word."""
    assert [line for line in log_lines(sample.output) if "deprecat" in line.lower()] == []


def test_there_is_no_summary_after_a_test_run(sample: Built, tmp_path):
    shutil.copy(sample.warehouse, tmp_path / "warehouse.duckdb")
    selected = ("--select", "segment_actions", "k_selection", *WITHOUT_UNIT_TESTS)
    tested = green(warm_dbt().run(tmp_path, {}, "test", *selected))
    assert "PASS" in tested.output
    assert not has_last_word(tested.output)


def test_there_is_no_summary_after_a_failed_build(sample: Built, tmp_path):
    """The marts of the summary are built, and one unrelated test fails."""
    project = tmp_path / "project"
    left_out = shutil.ignore_patterns(
        ".*", "target", "logs", "*.duckdb", "*.wal", "examples", "docs", "reports", "python", "node_modules"
    )
    shutil.copytree(PROJECT, project, ignore=left_out)
    (project / "tests" / "assert_this_never_holds.sql").write_text("select 1 as wrong\n")
    shutil.copy(sample.warehouse, tmp_path / "warehouse.duckdb")
    failed = build(
        tmp_path,
        None,
        *("--select", "segment_actions", "k_selection", "assert_this_never_holds"),
        *WITHOUT_UNIT_TESTS,
        project=project,
    )
    assert failed.returncode == 1
    assert re.search(r"OK created sql table model marts\.segment_actions", failed.output)
    assert re.search(r"Done\. PASS=\d+ WARN=0 ERROR=1 SKIP=0", failed.output)
    assert not has_last_word(failed.output)
