"""Stability and gap statistics: on data with and without groups, and compared with scikit-learn and plain NumPy."""

from __future__ import annotations

from hashlib import md5
from types import SimpleNamespace

import duckdb
import numpy as np
import pandas as pd
import pytest
from conftest import load_model, packaged
from hypothesis import given
from hypothesis import strategies as st
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score
from sklearn.preprocessing import StandardScaler

from customer_segmentation.validation import gap_statistic, stability
from customer_segmentation.validation.borders import P_VALUE_REQUIRED, measure_borders
from customer_segmentation.validation.validate import validate

SETTINGS = {"seed": 42, "refit_sample_size": 2_000, "stability_refits": 20, "gap_references": 10}
# The values in dbt_project.yml, int_serving_verdicts and int_serving_borders.
STABILITY_REQUIRED, STABILITY_MARGIN, SEPARATED_SHARE_REQUIRED = 0.75, 0.05, 0.3
LOCAL_DENSITY_AT_MOST = 0.8


def fitted(values: np.ndarray, *ks: int) -> dict[int, np.ndarray]:
    return {k: KMeans(k, n_init=10, random_state=1).fit(values).cluster_centers_ for k in ks}


def verdicts(values: np.ndarray, *ks: int) -> dict[int, str]:
    """The rule of int_serving_verdicts, which unit tests check."""
    centroids = fitted(values, *ks)
    stabilities = validate(values, centroids, **SETTINGS).set_index("k")["stability_index"]
    borders = measure_borders(values.T, centroids, seed=1)
    thins_out = (borders["p_value"] <= P_VALUE_REQUIRED) & (borders["local_density_ratio"] <= LOCAL_DENSITY_AT_MOST)
    separated = borders["customers"].where(thins_out.fillna(False), 0).groupby(borders["k"]).sum()
    shares = separated / borders.groupby("k")["customers"].sum()
    return {
        k: "continuum"
        if shares[k] < SEPARATED_SHARE_REQUIRED / 3
        else "not sure"
        if shares[k] < SEPARATED_SHARE_REQUIRED
        else "unstable"
        if stabilities[k] < STABILITY_REQUIRED - STABILITY_MARGIN
        else "not sure"
        if stabilities[k] < STABILITY_REQUIRED + STABILITY_MARGIN
        else "natural groups"
        for k in ks
    }


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
    assert verdicts(values, 4) == {4: "continuum"}


@pytest.mark.parametrize("features", [1, 2, 4])
@pytest.mark.parametrize("correlation", [0.0, 0.8])
def test_one_normal_distribution_never_has_natural_groups(features: int, correlation: float):
    covariance = np.full((features, features), correlation)
    np.fill_diagonal(covariance, 1)
    values = np.random.default_rng(features).multivariate_normal(np.zeros(features), covariance, 1_500)
    assert "natural groups" not in verdicts(values, 2, 3, 5).values()


def test_far_apart_blobs_are_natural_groups():
    assert verdicts(blobs(1_500, 1), 4)[4] == "natural groups"


def test_a_k_that_merges_far_blobs_at_random_is_unstable():
    """Six blobs, all equally far apart, in three clusters: customers thin out between them, but any merger will do."""
    generator = np.random.default_rng(1)
    values = 8 * np.eye(6)[generator.integers(6, size=1_500)] + generator.normal(size=(1_500, 6))
    assert verdicts(values, 3, 6) == {3: "unstable", 6: "natural groups"}


def test_a_k_that_cuts_blobs_at_random_is_not_natural():
    assert verdicts(blobs(1_500, 1), 7)[7] == "continuum"


def test_the_buyers_of_cdnow_are_a_continuum():
    lines = pd.read_csv(
        packaged("lifetimes") / "datasets" / "CDNOW_master.txt",
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
    found = verdicts(StandardScaler().fit_transform(values), *range(2, 8))
    assert "natural groups" not in found.values()
    assert found[2] == "continuum"


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

    # One feature has no correlations: the copula draws its values with replacement, once each on average.
    falls = np.array([fall(generator.choice(values, len(values))) for _ in range(200)])
    expected = falls.mean() - fall(values)
    error = falls.std() * np.sqrt(1 + 1 / 200)
    assert row["gap_statistic"] == pytest.approx(expected, abs=4 * error * np.sqrt(2 / 200))
    assert row["gap_standard_error"] == pytest.approx(error, rel=0.35)


@pytest.mark.parametrize("sample_size", [pytest.param(400, marks=pytest.mark.long), 150])
def test_the_stability_is_the_mean_adjusted_rand_index_of_bootstrap_refits(sample_size: int):
    """400 customers: each refit draws all of them, or fewer."""
    values = blobs(400, 2)
    centroids = fitted(values, 3)[3]
    settings = SETTINGS | {"stability_refits": 200, "refit_sample_size": sample_size}
    found = validate(values, {3: centroids}, **settings)["stability_index"].iloc[0]
    generator = np.random.default_rng(8)
    served = ((values[:, None] - centroids) ** 2).sum(axis=2).argmin(axis=1)
    indices = []
    for _ in range(200):
        resample = values[generator.integers(400, size=sample_size)]
        compared = generator.choice(400, sample_size, replace=False)
        refitted = KMeans(3, n_init=10).fit(resample).predict(values[compared])
        indices.append(adjusted_rand_score(served[compared], refitted))
    assert found == pytest.approx(np.mean(indices), abs=5 * np.std(indices) * np.sqrt(2 / 200))


def test_the_references_have_the_features_and_rank_correlations_of_the_data_and_no_groups():
    generator = np.random.default_rng(0)
    group = generator.integers(2, size=20_000)
    spending = np.exp(generator.normal(size=20_000) + 2 * group)
    values = np.column_stack([spending, generator.poisson(1 + spending), generator.exponential(size=20_000)])
    drawn = gap_statistic.draw_copula(values.T, generator).T
    for feature in range(3):
        assert set(drawn[:, feature]) <= set(values[:, feature])
        assert np.quantile(drawn[:, feature], [0.1, 0.5, 0.9]) == pytest.approx(
            np.quantile(values[:, feature], [0.1, 0.5, 0.9]), rel=0.08
        )
    ranks, own = (pd.DataFrame(rows).corr("spearman").to_numpy() for rows in (drawn, values))
    assert ranks == pytest.approx(own, abs=0.03)
    # Two groups, in which both features go together within each, are not drawn again.
    apart = np.column_stack([generator.normal(size=5_000), generator.normal(size=5_000)]) + 8 * group[:5_000, None]
    again = gap_statistic.draw_copula(apart.T, generator).T
    between = ((apart > 3) & (apart < 5)).all(axis=1).mean(), (np.ptp(again, axis=1) > 5).mean()
    assert between[0] < 0.001
    assert between[1] > 0.02


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
    # Neither is read further, because the features are none of the buying model.
    tables |= {name: pd.DataFrame({"feature": ["a"]}) for name in ("int_customer_features", "int_feature_scaling")}
    settings = SETTINGS | {"refit_sample_size": 100}
    meta = {"features": list("abcd"), "validation_sample_size": 300, "threads": 1, "validation": settings}
    connection = duckdb.connect()
    dbt = SimpleNamespace(
        config=SimpleNamespace(meta_get=meta.__getitem__), ref=lambda name: connection.from_df(tables[name])
    )
    frame = load_model("int_kmeans_validation").model(dbt, connection)
    chosen = sorted(sorted(ids, key=lambda one: md5(one.encode()).hexdigest())[:300])
    values = customers.set_index("customer_id").loc[chosen, list("abcd")].to_numpy()
    expected = validate(values, {4: centers[list("abcd")].to_numpy()}, **settings)
    pd.testing.assert_frame_equal(frame, expected)
    assert list(frame["customers_measured"]) == [300]


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
    assert list(frame.index[frame["gap_statistic"].notna()]) == measured
    assert list(frame.index[frame["stability_index"].notna()]) == measured


@pytest.mark.filterwarnings("error")
def test_a_gap_is_not_measured_where_a_reference_has_too_few_distinct_rows():
    """Twelve values drawn with replacement are about eight distinct ones, which ten clusters fit without inertia."""
    values = np.random.default_rng(1).normal(size=(12, 1))
    frame = validate(values, fitted(values, 2, 10), **SETTINGS).set_index("k")
    gaps = frame[["gap_statistic", "gap_standard_error"]]
    assert gaps.loc[10].isna().all()
    assert np.isfinite(gaps.loc[2].astype(float)).all()


def test_nothing_to_cluster_gives_no_rows_and_the_same_types():
    empty = validate(np.empty((0, 4)), {}, **SETTINGS)
    full = validate(blobs(50, 6), fitted(blobs(50, 6), 2), **SETTINGS)
    assert len(empty) == 0
    assert dict(empty.dtypes) == dict(full.dtypes)
