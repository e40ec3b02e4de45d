"""Stability and gap statistics: on data with and without groups, and compared with scikit-learn and plain NumPy."""

from __future__ import annotations

import importlib.util
from hashlib import md5
from pathlib import Path
from types import SimpleNamespace

import duckdb
import numpy as np
import pandas as pd
import pytest
from conftest import load_model
from hypothesis import given
from hypothesis import strategies as st
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score
from sklearn.preprocessing import StandardScaler

from customer_segmentation.validation import gap_statistic, stability
from customer_segmentation.validation.validate import validate

SETTINGS = {"seed": 42, "stability_refits": 20, "gap_references": 10}
# The values in dbt_project.yml.
STABILITY_REQUIRED, ERRORS_REQUIRED = 0.75, 3


def fitted(values: np.ndarray, *ks: int) -> dict[int, np.ndarray]:
    return {k: KMeans(k, n_init=10, random_state=1).fit(values).cluster_centers_ for k in ks}


def verdict(row: pd.Series) -> str:
    """The rule of k_selection, which unit tests check."""
    if row["stability_index"] < STABILITY_REQUIRED:
        return "unstable"
    beyond = [
        row[f"gap_{kind}"] > ERRORS_REQUIRED * row[f"gap_{kind}_standard_error"] for kind in ("uniform", "gaussian")
    ]
    return "natural groups" if all(beyond) else "continuum"


def verdicts(values: np.ndarray, *ks: int, **changed) -> dict[int, str]:
    frame = validate(values, fitted(values, *ks), **(SETTINGS | changed))
    return {row["k"]: verdict(row) for _, row in frame.iterrows()}


def blobs(rows: int, seed: int) -> np.ndarray:
    generator = np.random.default_rng(seed)
    corners = np.array([[0, 0, 0, 0], [4, 0, 0, 4], [0, 4, 4, 0], [4, 4, 4, 4]])
    return corners[generator.integers(4, size=rows)] + generator.normal(size=(rows, 4))


# ---- data of known structure -------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
def test_uniform_noise_is_stable_without_natural_groups(seed: int):
    """The case in which stability alone is not sufficient."""
    values = np.random.default_rng(seed).uniform(size=(1_500, 2))
    row = validate(values, fitted(values, 4), **SETTINGS).iloc[0]
    assert row["stability_index"] > 0.9
    assert row["gap_gaussian"] > 10 * row["gap_gaussian_standard_error"]
    assert verdict(row) == "continuum"


@pytest.mark.parametrize("features", [1, 2, 4])
@pytest.mark.parametrize("correlation", [0.0, 0.8])
def test_one_normal_distribution_never_has_natural_groups(features: int, correlation: float):
    covariance = np.full((features, features), correlation)
    np.fill_diagonal(covariance, 1)
    values = np.random.default_rng(features).multivariate_normal(np.zeros(features), covariance, 1_500)
    assert "natural groups" not in verdicts(values, 2, 3, 5).values()


def test_far_apart_blobs_are_natural_groups():
    assert verdicts(blobs(1_500, 1), 4)[4] == "natural groups"


def test_a_k_that_cuts_blobs_at_random_is_unstable():
    assert verdicts(blobs(1_500, 1), 7)[7] == "unstable"


def test_the_buyers_of_cdnow_are_a_continuum():
    package = importlib.util.find_spec("lifetimes")
    if package is None:
        pytest.skip("the package lifetimes is not installed")
    lines = pd.read_csv(
        Path(package.origin).parent / "datasets" / "CDNOW_master.txt",
        sep=r"\s+",
        header=0,
        names=["customer", "day", "quantity", "amount"],
    )
    lines["day"] = pd.to_datetime(lines["day"].astype(str), format="%Y%m%d")
    found = lines.groupby("customer").agg(
        spending=("amount", "sum"), quantity=("quantity", "sum"), count=("day", "size"), first=("day", "min")
    )
    found[["spending", "quantity", "count"]] = np.log1p(found[["spending", "quantity", "count"]])
    found["first"] = (found["first"].max() - found["first"]).dt.days
    values = found.to_numpy(dtype=float)
    assert verdicts(StandardScaler().fit_transform(values), 2)[2] == "continuum"


# ---- the numbers, by other means ---------------------------------------------------------------------------------


def test_the_gap_of_tight_distant_blobs_follows_the_formula():
    """At k = 2 on two tight pairs of points every fit has one optimum, which plain NumPy can compute."""
    generator = np.random.default_rng(5)
    values = np.concatenate([generator.normal(-9, 1, (40, 1)), generator.normal(9, 1, (40, 1))])
    row = validate(values, fitted(values, 2), **(SETTINGS | {"gap_references": 200})).iloc[0]

    def two_means(rows: np.ndarray) -> float:
        """The lowest inertia of two clusters on a line: the best of all cuts."""
        rows = np.sort(rows[:, 0])
        return min(rows[:cut].var() * cut + rows[cut:].var() * (len(rows) - cut) for cut in range(1, len(rows)))

    def fall(rows: np.ndarray) -> float:
        return float(np.log(two_means(rows) / (rows.var() * len(rows))))

    for kind, draw in (
        ("uniform", lambda: generator.uniform(values.min(), values.max(), values.shape)),
        ("gaussian", lambda: generator.normal(values.mean(), values.std(), values.shape)),
    ):
        falls = np.array([fall(draw()) for _ in range(200)])
        expected = falls.mean() - fall(values)
        error = falls.std() * np.sqrt(1 + 1 / 200)
        assert row[f"gap_{kind}"] == pytest.approx(expected, abs=4 * error * np.sqrt(2 / 200)), kind
        assert row[f"gap_{kind}_standard_error"] == pytest.approx(error, rel=0.35), kind


def test_the_stability_is_the_mean_adjusted_rand_index_of_bootstrap_refits():
    values = blobs(400, 2)
    centroids = fitted(values, 3)[3]
    found = validate(values, {3: centroids}, **(SETTINGS | {"stability_refits": 200}))["stability_index"].iloc[0]
    generator = np.random.default_rng(8)
    served = ((values[:, None] - centroids) ** 2).sum(axis=2).argmin(axis=1)
    indices = []
    for _ in range(200):
        resample = values[generator.integers(400, size=400)]
        indices.append(adjusted_rand_score(served, KMeans(3, n_init=10).fit(resample).predict(values)))
    assert found == pytest.approx(np.mean(indices), abs=5 * np.std(indices) * np.sqrt(2 / 200))


def test_the_references_have_the_expected_distribution():
    """The normal one has the mean and covariance of the data; the uniform one fills the box along the components."""
    generator = np.random.default_rng(0)
    values = generator.normal(size=(20_000, 3)) * [1, 2, 5] @ np.linalg.qr(generator.normal(size=(3, 3)))[0] + [7, 8, 9]
    drawn = gap_statistic.draw_gaussian(values.T, generator).T
    assert drawn.mean(axis=0) == pytest.approx(values.mean(axis=0), abs=0.15)
    assert np.cov(drawn.T) == pytest.approx(np.cov(values.T), abs=0.6)
    axes = np.linalg.eigh(np.cov(values.T))[1]
    even, own = gap_statistic.draw_uniform(values.T, generator).T @ axes, values @ axes
    assert even.min(axis=0) == pytest.approx(own.min(axis=0), abs=0.05)
    assert even.max(axis=0) == pytest.approx(own.max(axis=0), abs=0.05)
    thirds = (even - own.min(axis=0)) / np.ptp(own, axis=0)
    assert ((thirds < 1 / 3).mean(axis=0)) == pytest.approx(1 / 3, abs=0.02)


@given(rows=st.integers(2, 200), clusters=st.integers(1, 9), seed=st.integers(0, 1_000))
def test_the_adjusted_rand_index_is_that_of_scikit_learn(rows: int, clusters: int, seed: int):
    one, other = np.random.default_rng(seed).integers(clusters, size=(2, rows)).astype(np.uint8)
    expected = adjusted_rand_score(one, other)
    assert stability.adjusted_rand_index(one, other) == pytest.approx(expected, abs=1e-12)


# ---- edges -------------------------------------------------------------------------------------------------------


def test_the_same_input_gives_the_same_answer():
    values = blobs(300, 3)
    one, other = (validate(values, fitted(values, 2, 4), **SETTINGS) for _ in range(2))
    pd.testing.assert_frame_equal(one, other)


def test_more_customers_than_the_sample_size_are_sampled_by_a_hash_of_their_ids():
    ids = [f"C{place}" for place in range(5_000)]
    customers = pd.DataFrame(blobs(5_000, 4), columns=list("abcd")).assign(customer_id=ids)
    centers = pd.DataFrame(fitted(blobs(500, 4), 4)[4], columns=list("abcd")).assign(k=4, cluster=range(4))
    tables = {"int_training_features_scaled": customers, "int_kmeans_sweep": centers}
    meta = {"features": list("abcd"), "validation_sample_size": 300, "threads": 1, "validation": SETTINGS}
    connection = duckdb.connect()
    dbt = SimpleNamespace(
        config=SimpleNamespace(meta_get=meta.__getitem__), ref=lambda name: connection.from_df(tables[name])
    )
    frame = load_model("int_kmeans_validation").model(dbt, connection)
    chosen = sorted(sorted(ids, key=lambda one: md5(one.encode()).hexdigest())[:300])
    values = customers.set_index("customer_id").loc[chosen, list("abcd")].to_numpy()
    expected = validate(values, {4: centers[list("abcd")].to_numpy()}, **SETTINGS)
    pd.testing.assert_frame_equal(frame, expected)
    assert list(frame["customers_measured"]) == [300]
    assert verdict(frame.iloc[0]) == "natural groups"


def test_a_count_of_zero_leaves_its_columns_null():
    values = blobs(200, 5)
    frame = validate(values, fitted(values, 2), **(SETTINGS | {"stability_refits": 0, "gap_references": 0}))
    assert frame.drop(columns=["k", "customers_measured"]).isna().all(axis=None)


@pytest.mark.parametrize("distinct", [1, 2, 3])
def test_a_k_without_enough_distinct_rows_is_not_measured(distinct: int):
    values = np.repeat(np.arange(distinct, dtype=float), 50)[:, None] * [1.0, 2.0]
    centroids = {k: np.arange(k, dtype=float)[:, None] * [1.0, 2.0] for k in (1, 2, 3)}
    frame = validate(values, centroids, **SETTINGS).set_index("k")
    measured = [k for k in (2, 3) if k < distinct]
    assert list(frame.index[frame["gap_uniform"].notna()]) == measured
    assert list(frame.index[frame["stability_index"].notna()]) == measured


def test_nothing_to_cluster_gives_no_rows_and_the_same_types():
    empty = validate(np.empty((0, 4)), {}, **SETTINGS)
    full = validate(blobs(50, 6), fitted(blobs(50, 6), 2), **SETTINGS)
    assert len(empty) == 0
    assert dict(empty.dtypes) == dict(full.dtypes)
