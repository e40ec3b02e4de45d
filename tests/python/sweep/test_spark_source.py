"""The sweep on this machine compared with the sweep on Spark, and both compared with plain NumPy.

By default Spark is a Sail server, which supports Spark Connect and needs no Java. SPARK_REMOTE names another server;
SPARK_MASTER, for example local[2], selects a session of classic Spark.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from hashlib import md5
from pathlib import Path
from types import ModuleType, SimpleNamespace

import duckdb
import numpy as np
import pandas as pd
import pytest
from conftest import load_model
from customers import logarithms
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from customer_segmentation import tables
from customer_segmentation.sweep import lloyd, search
from customer_segmentation.sweep import sweep as sweep_module
from customer_segmentation.sweep.sources import LocalSource, Source, Totals
from customer_segmentation.sweep.spark_source import SparkSource
from customer_segmentation.sweep.sweep import sweep

pytest.importorskip("pyspark")
pytestmark = pytest.mark.xdist_group("spark")

SETTINGS = {
    "k_min": 2,
    "k_max": 10,
    "k": None,
    "seed": 42,
    "starts": 8,
    "silhouette_exact_up_to": 1_000,
    "silhouette_sample_size": 500,
    "min_segment_share": 0.0,
    "min_segment_size": 1,
    "require_admissible_k": True,
}


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator:
    """A Spark session shared by all tests."""
    from pyspark.sql import SparkSession

    if "SPARK_MASTER" in os.environ:
        os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
        builder = SparkSession.builder.master(os.environ["SPARK_MASTER"]).config("spark.ui.enabled", "false")
        for name in ("spark.driver.host", "spark.driver.bindAddress"):
            builder = builder.config(name, "127.0.0.1")
        builder = builder.config("spark.sql.warehouse.dir", str(tmp_path_factory.mktemp("spark")))
        yield builder.config("spark.sql.shuffle.partitions", "4").getOrCreate()
        return
    remote, server = os.environ.get("SPARK_REMOTE"), None
    if remote is None:
        server = pytest.importorskip("pysail.spark").SparkConnectServer("127.0.0.1", 0)
        server.start(background=True)
        remote = f"sc://127.0.0.1:{server.listening_address[1]}"
    from pyspark.sql.connect.session import SparkSession as ConnectSession

    session = ConnectSession.builder.remote(remote).create()
    yield session
    session.stop()
    if server:
        server.stop()


def identifiers(count: int) -> list[str]:
    """Ids in scrambled order, many of them not ASCII, to reveal sorting differences between the engines."""
    return [f"{('C', 'ä', '顧客', '😀')[place % 4]}-{place * 7919 % count:06d}" for place in range(count)]


def with_a_constant(rows: int) -> np.ndarray:
    columns = logarithms(rows)
    columns[2] = 0
    return columns


def on_a_grid(rows: int) -> np.ndarray:
    """Few different values, so that many customers are identical and many are midway between two centroids."""
    return np.round(logarithms(rows) * 2) / 2


class Engines:
    """The same customers in DuckDB and in Spark."""

    def __init__(self, spark, folder: Path, columns: np.ndarray, ids: list[str] | None = None) -> None:
        self.features = ["total spending", "order", "c", "d", "e", "f"][: len(columns)]
        frame = pd.DataFrame(dict(zip(self.features, columns, strict=True)))
        frame.insert(0, "customer_id", pd.Series(ids or identifiers(len(frame)), dtype="str"))
        self.frame = frame.astype({feature: "float64" for feature in self.features})
        self.connection = duckdb.connect()
        self.relation = self.connection.from_df(self.frame)
        file = folder / f"{len(list(folder.iterdir()))}.parquet"
        self.frame.sample(frac=1, random_state=1).to_parquet(file, index=False)
        self.table = spark.read.parquet(str(file))

    def both(self, sample_size: int, seed: int = 42) -> tuple[Source, Source]:
        return tuple(tables.source_of(table, self.features, sample_size, seed) for table in (self.relation, self.table))


@pytest.fixture
def engines(spark, tmp_path: Path) -> Callable[..., Engines]:
    return lambda *arguments: Engines(spark, tmp_path, *arguments)


def some_sets(columns: np.ndarray, seed: int = 0) -> list[np.ndarray]:
    generator = np.random.default_rng(seed)
    return [columns[:, generator.choice(columns.shape[1], k, replace=False)].T for k in (1, 2, 5, 3)]


def assert_same(found: pd.DataFrame, expected: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(found, expected, check_exact=False, rtol=1e-6, atol=1e-6)
    assert list(found["cluster_size"]) == list(expected["cluster_size"])


# ---- totals ------------------------------------------------------------------------------------------------------


def totals_by_hand(columns: np.ndarray, centroids: np.ndarray) -> list[list]:
    """Count, sums, squares and distances of each cluster, computed row by row; the first centroid wins a tie."""
    squares = ((columns.T[:, None] - centroids) ** 2).sum(axis=2)
    label, nearest = squares.argmin(axis=1), squares.min(axis=1)
    found = []
    for cluster in range(len(centroids)):
        own = label == cluster
        found.append(
            [own.sum(), *columns[:, own].sum(axis=1), nearest[own].sum(), np.sqrt(nearest[own]).sum()],
        )
    return found


def as_rows(totals: Totals) -> np.ndarray:
    return np.column_stack(totals)


@pytest.mark.parametrize("make", [logarithms, with_a_constant])
def test_both_engines_add_up_what_numpy_adds_up(engines, make: Callable):
    made = engines(make(900))
    here, there = made.both(100)
    assert isinstance(there, SparkSource)
    columns = made.frame[made.features].to_numpy().T
    sets = some_sets(columns)
    for one, other, centroids in zip(here.totals(sets), there.totals(sets), sets, strict=True):
        expected = np.array(totals_by_hand(columns, centroids))
        assert as_rows(one) == pytest.approx(expected, abs=1e-9)
        assert as_rows(other) == pytest.approx(expected, abs=1e-9)


def test_a_tie_goes_to_the_first_centroid_on_both_engines(engines):
    """Half of the rows are exactly midway between two centroids."""
    columns = np.array([[0.0, 1.0, 2.0, 1.0] * 50, [0.0, 0.0, 0.0, 3.0] * 50])
    sets = [np.array([[0.0, 0.0], [2.0, 0.0]]), np.array([[2.0, 0.0], [0.0, 0.0], [2.0, 0.0]])]
    for each in engines(columns).both(100):
        two, three = each.totals(sets)
        assert list(two.counts) == [150, 50]
        assert list(three.counts) == [150, 50, 0]


def test_many_features_and_many_centroids_fit_into_one_query_plan(engines):
    columns = np.random.default_rng(0).normal(size=(6, 300))
    sets = [columns[:, :k].T for k in range(2, 31)]
    here, there = engines(columns).both(100)
    for one, other in zip(here.totals(sets), there.totals(sets), strict=True):
        assert as_rows(one) == pytest.approx(as_rows(other), abs=1e-9)


# ---- the same sample ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [logarithms, with_a_constant, on_a_grid])
@pytest.mark.parametrize("seed", [0, 42, 4_294_967_295])
def test_both_engines_draw_the_same_customers_with_the_same_weights(engines, make: Callable, seed: int):
    here, there = engines(make(6_000)).both(1_000, seed)
    assert here.sample.rows.columns.tobytes() == there.sample.rows.columns.tobytes()
    assert here.sample.rows.weights.tobytes() == there.sample.rows.weights.tobytes()
    assert (here.sample.is_uniform == there.sample.is_uniform).all()
    assert 700 < len(here.sample.is_uniform) < 1_300
    assert 400 < here.sample.is_uniform.sum() < 600


def test_the_random_number_is_a_hash_of_the_id_shifted_by_the_seed(engines):
    made = engines(logarithms(2_000))
    here, there = made.both(100, seed=3)
    ids = sorted(made.frame["customer_id"], key=str.encode)
    turn = 3 * tables.SEED_STRIDE
    expected = [(int(md5(one.encode()).hexdigest()[:13], 16) + turn) % 2**52 / 2**52 for one in ids]
    assert list(here.uniforms()) == expected
    found = dict(there.identified.select("customer_id", "uniform").collect())
    assert [found[one] for one in ids] == expected


def test_the_uniform_part_of_the_sample_is_uniform_and_the_weights_are_correct():
    """On average over many seeds, weighted sums equal those of all rows, and the uniform part has their means."""
    columns = logarithms(5_000)
    weighted, uniform = [], []
    for seed in range(60):
        rows = LocalSource(columns, None, 500, lambda seed=seed: np.random.default_rng([seed, 7]).random(5_000))
        sample, is_uniform = rows.sample
        weighted.append((sample.columns * sample.weights).sum(axis=1) / 5_000)
        uniform.append(sample.columns[:, is_uniform].mean(axis=1))
    for found in (np.array(weighted), np.array(uniform)):
        assert np.abs(found.mean(axis=0)).max() < 4 * found.std(axis=0).max() / np.sqrt(60)


def test_rows_equally_far_from_the_center_are_not_all_drawn(engines):
    columns = np.repeat([[-1.0, 1.0]], 2_000, axis=0).reshape(1, -1)
    for each in engines(columns).both(200):
        assert len(each.sample.is_uniform) < 300


def test_the_farthest_rows_are_all_drawn(engines):
    columns = logarithms(3_000)
    columns[:, 17:60] += 100
    for each in engines(columns).both(200):
        assert (each.sample.rows.columns > 50).all(axis=0).sum() == 43


# ---- Lloyd's algorithm -------------------------------------------------------------------------------------------


@hypothesis_settings(max_examples=30)
@given(seed=st.integers(0, 10_000), rows=st.integers(12, 400), features=st.integers(1, 6), steps=st.integers(1, 300))
def test_lloyd_by_totals_agrees_with_the_kernel(seed: int, rows: int, features: int, steps: int):
    """Each is the reference for the other: one sums all rows in each iteration, the other only those that change."""
    columns = np.random.default_rng(seed).standard_t(4, size=(features, rows))
    local = LocalSource(columns, None, 1)
    sets = [centroids[:9] - local.center for centroids in some_sets(columns, seed)]
    found, expected = Source.lloyd(local, sets, steps), lloyd.lloyd(local.rows, sets, steps, precision=np.float64)
    for one, other in zip(found.centroids, expected.centroids, strict=True):
        assert one == pytest.approx(other, abs=1e-9)
    assert found.inertia == pytest.approx(expected.inertia, rel=1e-9, abs=1e-9)
    assert list(found.converged) == list(expected.converged)


def test_beyond_the_sample_size_rows_equal_in_single_precision_are_distinguished():
    """Spark computes in float64, so the kernel must too: a far group moves the center away from rows close together."""
    close = np.random.default_rng(0).normal(size=300) * 1e-5
    local = LocalSource(np.concatenate([close, np.full(30, 1e4)])[None], None, 100)
    sets = [np.array([[-1e-5], [2e-6], [1e4]]) - local.center]
    (moved,), (expected,) = local.lloyd(sets, 2).centroids, Source.lloyd(local, sets, 2).centroids
    assert moved == pytest.approx(expected, abs=1e-9)
    sets = [np.append(close[:9], 1e4)[:, None] - local.center]
    (converged,), (expected,) = local.converge(sets), Source.converge(local, sets)
    assert converged == pytest.approx(expected, abs=1e-9)


def test_a_centroid_without_rows_does_not_move():
    local = LocalSource(np.array([[0.0, 1.0, 2.0]]), None, 1)
    far = np.array([[1.0], [500.0]]) - local.center
    found = Source.lloyd(local, [far], 10)
    assert found.centroids[0] + local.center == pytest.approx(np.array([[1.0], [500.0]]))
    assert found.inertia == pytest.approx([2.0])


def test_converged_sets_are_not_read_again():
    """The other sets share one call per iteration."""

    class Counted(LocalSource):
        asked: list[int] = []  # noqa: RUF012

        def totals(self, sets: list[np.ndarray]) -> list[Totals]:
            self.asked.append(len(sets))
            return super().totals(sets)

    columns = logarithms(2_000)
    local = Counted(columns, None, 1)
    resting = local.converge([columns[:, :2].T - local.center])[0]
    found = Source.lloyd(local, [resting, columns[:, :3].T - local.center, columns[:, :9].T - local.center], 500)
    assert found.converged.all()
    assert local.asked[:2] == [3, 2]
    assert local.asked == sorted(local.asked, reverse=True)


def test_an_iteration_on_spark_is_one_job_for_all_nine_k(engines, monkeypatch):
    """Each iteration collects once, one row per cluster."""
    columns = logarithms(2_000)
    _, there = engines(columns).both(100)
    frame, collected = type(there.frame), []
    collect = frame.collect
    monkeypatch.setattr(frame, "collect", lambda self: collected.append(collect(self)) or collected[-1])
    there.lloyd([columns[:, :k].T - there.center for k in range(2, 11)], 3)
    assert [len(rows) for rows in collected] == [54, 54, 54]


# ---- the whole sweep ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def int_segment_matches() -> ModuleType:
    return load_model("int_segment_matches")


@pytest.mark.parametrize(("rows", "make"), [(620, logarithms), (24_000, logarithms), (3_000, on_a_grid)])
def test_up_to_the_sample_size_spark_gives_the_same_bits(engines, rows: int, make: Callable):
    here, there = engines(make(rows)).both(400_000)
    assert isinstance(there, LocalSource)
    found, expected = (sweep(each, **SETTINGS) for each in (there, here))
    pd.testing.assert_frame_equal(found, expected, check_exact=True)


@pytest.mark.parametrize("make", [logarithms, with_a_constant, on_a_grid])
def test_beyond_the_sample_size_both_engines_give_the_same_model(engines, make: Callable):
    here, there = engines(make(24_000)).both(5_000)
    assert isinstance(there, SparkSource)
    with there:
        found = sweep(there, **SETTINGS)
    expected = sweep(here, **SETTINGS)
    assert_same(found, expected)
    assert set(found["k"]) == set(range(2, 11))
    assert (found["silhouette_standard_error"] > 0).all()


def test_the_served_k_converges_on_both_engines_on_very_large_data(engines, monkeypatch):
    """Every other k has run some iterations on all rows, each shared by all k."""
    for module in (search, sweep_module):
        monkeypatch.setattr(module, "CONVERGE_ALL_UP_TO", 1_000)
    asked, totals = [], SparkSource.totals
    monkeypatch.setattr(SparkSource, "totals", lambda self, sets: asked.append(len(sets)) or totals(self, sets))
    made = engines(logarithms(9_000))
    here, there = made.both(2_000)
    found, expected = (sweep(each, **SETTINGS) for each in (there, here))
    assert_same(found, expected)
    # k = 1 and k = 11 are fitted as neighbours; then come the metrics and the last iterations of the served k.
    assert asked[0] == 11
    assert asked.count(9) >= 2
    assert asked.count(1) > 1
    serving = found[found["is_best_k"]]
    columns = made.frame[made.features].to_numpy().T
    centroids = serving[made.features].to_numpy()
    labels = lloyd.assign(np.ascontiguousarray(columns), [centroids])[0][0]
    means = np.array([columns[:, labels == cluster].mean(axis=1) for cluster in range(len(centroids))])
    assert centroids == pytest.approx(means, abs=1e-9)


def test_a_fifth_of_the_rows_finds_a_model_nearly_as_good_as_all_of_them(engines):
    made = engines(logarithms(24_000))
    sampled, whole = (sweep(made.both(size)[0], **SETTINGS).groupby("k").first() for size in (5_000, 400_000))
    assert (sampled["inertia"] <= whole["inertia"] * 1.01).all()
    assert list(sampled["is_best_k"]) == list(whole["is_best_k"])
    apart = (sampled["silhouette_score"] - whole["silhouette_score"]).abs()
    error = np.hypot(sampled["silhouette_standard_error"], whole["silhouette_standard_error"])
    assert (apart < 4 * error).all()


@pytest.mark.parametrize("columns", [np.empty((2, 0)), np.zeros((2, 1)), np.zeros((2, 400)), np.ones((1, 400))])
def test_no_customers_one_customer_and_identical_customers_are_the_same_on_both_engines(engines, columns: np.ndarray):
    here, there = engines(columns).both(100)
    found, expected = (sweep(each, **SETTINGS) for each in (there, here))
    assert_same(found, expected)
    assert len(found) == min(columns.shape[1], 1)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, None])
@pytest.mark.parametrize("sample_size", [100, 400_000])
def test_missing_or_non_finite_values_stop_both_engines(engines, bad: float | None, sample_size: int):
    columns = logarithms(300)
    columns[1, 7] = np.nan if bad is None else bad
    made = engines(columns)
    for table in (made.relation, made.table):
        with pytest.raises(ValueError, match="The features order have missing"):
            tables.source_of(table, made.features, sample_size, 42)


# ---- the models --------------------------------------------------------------------------------------------------


def as_dbt(meta: dict, found: dict) -> SimpleNamespace:
    return SimpleNamespace(config=SimpleNamespace(meta_get=meta.__getitem__), ref=found.__getitem__)


def on_both(spark, model: ModuleType, meta: dict, parents: dict[str, tuple[pd.DataFrame, str]]) -> tuple:
    """The tables that a model returns on each engine, as pandas DataFrames, and their types on Spark."""
    connection = duckdb.connect()
    here, there = {}, {}
    for name, (frame, schema) in parents.items():
        here[name] = connection.from_df(frame)
        rows = [tuple(None if pd.isna(value) else value for value in row) for row in frame.to_numpy(object).tolist()]
        there[name] = spark.createDataFrame(rows, schema)
    expected = model.model(as_dbt(meta, here), connection)
    found = model.model(as_dbt(meta, there), spark)
    return found.toPandas(), expected, dict(found.dtypes)


def assert_same_rows(found: pd.DataFrame, expected: pd.DataFrame) -> None:
    assert list(found.columns) == list(expected.columns)
    assert len(found) == len(expected)
    for name in found.columns:
        for one, other in zip(found[name], expected[name], strict=True):
            assert (pd.isna(one) and pd.isna(other)) or one == other, name


@pytest.mark.parametrize("rows", [0, 1, 300])
def test_the_sweep_is_the_same_table_on_both_engines(spark, int_kmeans_sweep, rows: int):
    frame = pd.DataFrame(logarithms(300)[:2, :rows].T, columns=["a", "order"]).assign(customer_id=identifiers(rows))
    meta = {"features": ["a", "order"], "search_sample_size": 400_000, "threads": None, "sweep": SETTINGS}
    parents = {"int_training_features_scaled": (frame, "a double, `order` double, customer_id string")}
    found, expected, types = on_both(spark, int_kmeans_sweep, meta, parents)
    assert_same_rows(found, expected)
    assert (types["k"], types["a"], types["is_admissible"]) == ("bigint", "double", "boolean")
    assert (types["silhouette_score"], types["numpy_version"]) == ("double", "string")


@pytest.mark.parametrize("rows", [0, 400])
def test_the_validation_is_the_same_table_on_both_engines(spark, rows: int):
    validation = load_model("int_kmeans_validation")
    frame = pd.DataFrame(logarithms(400)[:2, :rows].T, columns=["a", "b"]).assign(customer_id=identifiers(rows))
    frame_of_ks = sweep(LocalSource(logarithms(400)[:2, :rows], ["a", "b"]), **(SETTINGS | {"k_max": 3}))
    meta = {
        "features": ["a", "b"],
        "validation_sample_size": 150,
        "threads": None,
        "validation": {"seed": 1, "refit_sample_size": 100, "stability_refits": 3, "gap_references": 3},
    }
    parents = {
        "int_training_features_scaled": (frame, "a double, b double, customer_id string"),
        "int_kmeans_sweep": (frame_of_ks[["k", "cluster", "a", "b"]], "k bigint, cluster bigint, a double, b double"),
    }
    # Neither is read further, because the features are none of the buying model.
    for name in ("int_customer_features", "int_feature_scaling"):
        parents[name] = (pd.DataFrame({"feature": ["a"]}), "feature string")
    found, expected, types = on_both(spark, validation, meta, parents)
    assert_same_rows(found, expected)
    assert types == {name: "double" if "_" in name else "bigint" for name in found.columns} | {
        "customers_measured": "bigint"
    }


@pytest.mark.parametrize("rows", [0, 400])
def test_the_borders_are_the_same_table_on_both_engines(spark, rows: int):
    frame = pd.DataFrame(logarithms(400)[:2, :rows].T, columns=["a", "b"]).assign(customer_id=identifiers(rows))
    frame_of_ks = sweep(LocalSource(logarithms(400)[:2, :rows], ["a", "b"]), **(SETTINGS | {"k_max": 3}))
    meta = {"features": ["a", "b"], "validation_sample_size": 350, "seed": 1}
    parents = {
        "int_training_features_scaled": (frame, "a double, b double, customer_id string"),
        "int_kmeans_sweep": (frame_of_ks[["k", "cluster", "a", "b"]], "k bigint, cluster bigint, a double, b double"),
    }
    found, expected, types = on_both(spark, load_model("int_kmeans_borders"), meta, parents)
    assert_same_rows(found, expected)
    measures = {"density_ratio", "p_value", "local_density_ratio"}
    assert types == {name: "double" if name in measures else "bigint" for name in found.columns}


@pytest.mark.parametrize("rows", [0, 4])
def test_the_axes_are_the_same_table_on_both_engines(spark, int_map_axes, rows: int):
    frame = pd.DataFrame(
        {"row_order": [2, 2, 1, 1], "column_order": [2, 1, 2, 1], "covariance": [1.0, 0.3, 0.3, 2.0]}
    ).head(rows)
    parents = {"int_feature_covariance": (frame, "row_order bigint, column_order bigint, covariance double")}
    found, expected, types = on_both(spark, int_map_axes, {"features": ["a", "b"]}, parents)
    assert_same_rows(found, expected)
    assert types == {"axis": "bigint", "feature": "string", "loading": "double", "explained_variance_share": "double"}


@pytest.mark.parametrize("rows", [0, 3])
def test_the_matches_are_the_same_table_on_both_engines(spark, int_segment_matches, rows: int):
    frame = pd.DataFrame(
        {
            "cluster": [0, 1, 2],
            "spending_order": [2, 1, 3],
            "previous_segment_key": pd.Series(["alpha", None, "beta"], dtype=object),
            "shared_customers": [5, 0, 7],
            "jaccard_index": [0.5, 0.0, 0.1],
        }
    ).head(rows)
    schema = (
        "cluster bigint, spending_order bigint, previous_segment_key string, shared_customers bigint,"
        " jaccard_index double"
    )
    parents = {"int_segment_overlaps": (frame, schema)}
    found, expected, types = on_both(spark, int_segment_matches, {"min_key_overlap": 0.3}, parents)
    assert_same_rows(found, expected)
    assert list(found["segment_key"].dropna()) == ["alpha"][:rows]
    assert types["segment_key"] == "string"
