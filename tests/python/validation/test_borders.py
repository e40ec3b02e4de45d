"""Borders: on shapes with and without a valley, and compared with SciPy and plain NumPy."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import MODELS
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest
from sklearn.cluster import KMeans
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from customer_segmentation.validation import borders as module
from customer_segmentation.validation.borders import (
    BAND,
    CHANCES,
    LEAST_CUSTOMERS,
    MIDDLE,
    P_VALUE_REQUIRED,
    borders,
    discriminant,
    measure_borders,
    spread_ties,
    valley,
)


def fitted(rows: np.ndarray, k: int) -> np.ndarray:
    return KMeans(k, n_init=10, random_state=1).fit(rows).cluster_centers_


def two_blobs(distance: float, rows: int = 3_000, features: int = 3, share: float = 0.5) -> np.ndarray:
    generator = np.random.default_rng(7)
    offset = np.zeros(features)
    offset[0] = distance
    return generator.normal(size=(rows, features)) + offset * (generator.random(rows) < share)[:, None]


# ---- shapes ------------------------------------------------------------------------------------------------------


def ring(generator: np.random.Generator) -> np.ndarray:
    angle = generator.uniform(0, 2 * np.pi, 4_000)
    return np.column_stack([np.cos(angle), np.sin(angle)]) + 0.08 * generator.normal(size=(4_000, 2))


def stripe(generator: np.random.Generator) -> np.ndarray:
    return np.column_stack([generator.uniform(0, 10, 4_000), generator.normal(size=4_000)])


def tail(generator: np.random.Generator) -> np.ndarray:
    return np.column_stack([generator.exponential(size=4_000), 0.2 * generator.normal(size=4_000)])


def box(generator: np.random.Generator) -> np.ndarray:
    return generator.uniform(size=(4_000, 4))


def bell(generator: np.random.Generator) -> np.ndarray:
    return generator.multivariate_normal(np.zeros(3), 0.5 + 0.5 * np.eye(3), 4_000)


@pytest.mark.parametrize("k", [2, 4, 7])
@pytest.mark.parametrize("shape", [ring, stripe, tail, box, bell])
def test_a_border_through_a_crowd_has_no_valley(shape, k: int):
    rows = shape(np.random.default_rng(k))
    found = borders(rows.T, fitted(rows, k))
    assert found
    weights = np.array([border.customers for border in found])
    has_valley = np.array([border.p_value < 0.01 and border.local_density_ratio < 0.8 for border in found])
    assert weights[has_valley].sum() <= 0.05 * weights.sum()


@pytest.mark.parametrize("features", [2, 5, 8])
def test_two_groups_four_deviations_apart_have_a_valley(features: int):
    rows = two_blobs(4, features=features)
    (border,) = borders(rows.T, fitted(rows, 2))
    assert border.p_value < 1e-6
    assert border.density_ratio < 0.5
    assert border.customers == len(rows)


def test_a_wide_gap_is_empty():
    rows = two_blobs(12)
    (border,) = borders(rows.T, fitted(rows, 2))
    assert (border.density_ratio, border.customers_near) == (0, 0)
    assert border.p_value < 1e-100


def test_a_small_group_beside_a_large_one_has_a_valley():
    rows = two_blobs(6, rows=6_000, share=0.05)
    (border,) = borders(rows.T, fitted(rows, 2))
    assert border.p_value < 1e-6


def test_a_third_group_is_no_neighbour_across_the_second():
    rows = np.vstack([two_blobs(0, rows=500, features=2) + np.array([distance, 0]) for distance in (0, 8, 16)])
    centroids = fitted(rows, 3)
    centroids = centroids[np.argsort(centroids[:, 0])]
    assert [(border.cluster, border.neighbour) for border in borders(rows.T, centroids)] == [(0, 1), (1, 2)]


# ---- the formulas ------------------------------------------------------------------------------------------------


def test_customers_between_and_near_are_counted_as_by_their_definition():
    rows = two_blobs(2, features=2)
    centroids = fitted(rows, 4)
    distances = np.linalg.norm(rows[:, None] - centroids[None], axis=2)
    order = np.argsort(distances, axis=1)
    for border in borders(rows.T, centroids):
        pair = {border.cluster, border.neighbour}
        between = np.array([set(nearest[:2]) == pair for nearest in order])
        assert border.customers == between.sum()
        apart = np.linalg.norm(centroids[border.cluster] - centroids[border.neighbour])
        # The distance to the plane halfway between two points, from the distances to both.
        to_plane = np.abs(distances[:, border.cluster] ** 2 - distances[:, border.neighbour] ** 2) / (2 * apart)
        assert border.customers_near == (between & (to_plane < 0.1 * apart)).sum()


def test_the_axis_is_that_of_the_linear_discriminant_analysis():
    generator = np.random.default_rng(3)
    spread = np.array([[2.0, 0.6, 0.0], [0.6, 1.0, 0.2], [0.0, 0.2, 0.5]])
    rows = generator.multivariate_normal(np.zeros(3), spread, 4_000)
    labels = np.repeat([0, 1], 2_000)
    rows[labels == 1] += [2, 1, 1]
    centroids = np.array([rows[labels == label].mean(axis=0) for label in (0, 1)])
    within = [
        (rows[labels == label] - centroids[label]).T @ (rows[labels == label] - centroids[label]) for label in (0, 1)
    ]
    axis = discriminant(within, np.array([2_000, 2_000]), 0, 1, centroids[1] - centroids[0])
    assert axis @ (centroids[1] - centroids[0]) == pytest.approx(1)
    (expected,) = LinearDiscriminantAnalysis(solver="eigen").fit(rows, labels).coef_
    cosine = axis @ expected / np.linalg.norm(axis) / np.linalg.norm(expected)
    # The ridge turns the axis a little.
    assert cosine == pytest.approx(1, abs=0.002)


def test_the_p_value_is_that_of_two_binomial_tests():
    generator = np.random.default_rng(5)
    positions = np.sort(np.concatenate([generator.normal(-0.5, 0.25, 300), generator.normal(0.5, 0.2, 200)]))
    ratio, p_value = valley(positions)

    def count(center: float) -> int:
        return int(((positions >= center - BAND / 2) & (positions < center + BAND / 2)).sum())

    thinnest = min(count(center) for center in np.arange(-MIDDLE, MIDDLE + 1e-9, 0.05))
    sides = [count(np.median(positions[positions < 0])), count(np.median(positions[positions >= 0]))]
    tests = [binomtest(thinnest, thinnest + side, 0.5, alternative="less").pvalue for side in sides]
    assert ratio == pytest.approx(thinnest / min(sides))
    assert p_value == pytest.approx(CHANCES * max(tests))


def test_positions_on_one_side_have_no_valley():
    assert valley(np.linspace(0.1, 0.9, 50)) == (1.0, 1.0)
    assert valley(np.linspace(-0.9, -0.1, 50)) == (1.0, 1.0)


def test_the_p_value_required_is_that_of_the_verdict():
    verdict = (MODELS / "serving" / "int_serving_borders.sql").read_text(encoding="utf-8")
    assert f"set p_value_required, local_density_at_most, density_of_a_gap = {P_VALUE_REQUIRED}," in verdict


@pytest.mark.parametrize("customers", range(1, 13))
def test_a_border_is_measured_only_where_an_empty_valley_would_be_told_from_chance(customers: int):
    positions = np.repeat([-0.5, 0.5], [customers, 30])
    told = binomtest(0, customers, 0.5, alternative="less").pvalue * CHANCES <= P_VALUE_REQUIRED
    assert (valley(positions) is not None) == told
    found = borders(np.array([positions]), np.array([[-0.5], [0.5]]))
    assert len(found) == told
    assert all(border.p_value <= P_VALUE_REQUIRED for border in found)


def test_customers_outside_the_bands_do_not_make_a_border_measured():
    """Twelve on the left, of whom five are in the band around their median."""
    left = np.concatenate([np.linspace(-3, -2, 4), np.full(5, -0.5), np.full(3, -0.2)])
    assert valley(np.sort(np.concatenate([left, np.full(30, 0.5)]))) is None


# ---- repeated values ---------------------------------------------------------------------------------------------


def test_whole_numbers_without_groups_have_no_valley():
    generator = np.random.default_rng(2)
    counts = np.column_stack([generator.poisson(2, 4_000), generator.poisson(3, 4_000)]).astype(float)
    rows = np.log1p(counts)
    rows = (rows - rows.mean(axis=0)) / rows.std(axis=0)
    frame = measure_borders(rows.T, {2: fitted(rows, 2)}, seed=1)
    assert (frame["p_value"] > 0.01).all()
    # Without the spread the numbers themselves would be the groups.
    assert any(border.p_value < 1e-6 for border in borders(rows.T, fitted(rows, 2)))


@given(st.lists(st.integers(-3, 3), min_size=1, max_size=60), st.integers(0, 9))
def test_a_spread_value_stays_closest_to_itself(values: list[int], seed: int):
    column = np.array([values], dtype=float)
    spread = spread_ties(column, np.random.default_rng(seed))
    distinct = np.unique(column)
    assert spread.shape == column.shape
    for value, moved in zip(column[0], spread[0], strict=True):
        assert abs(moved - value) <= np.abs(distinct - moved).min() + 1e-12


def test_values_that_do_not_repeat_are_not_moved():
    column = np.random.default_rng(1).normal(size=(2, 100))
    assert (spread_ties(column, np.random.default_rng(0)) == column).all()


def test_a_true_gap_is_not_filled():
    column = np.repeat([0.0, 1.0, 2.0, 50.0, 51.0, 52.0], 100)[None]
    spread = spread_ties(column, np.random.default_rng(0))[0]
    assert not ((spread > 2 + module.LOPSIDED / 2 + 1e-9) & (spread < 50 - module.LOPSIDED / 2 - 1e-9)).any()


# ---- the table ---------------------------------------------------------------------------------------------------


def test_the_same_input_gives_the_same_answer():
    rows = np.round(two_blobs(3))
    centroids = {k: fitted(rows, k) for k in (2, 3)}
    first, second = (measure_borders(rows.T, centroids, seed=4) for _ in range(2))
    assert first.equals(second)
    assert set(first["k"]) == {2, 3}
    assert (first["cluster"] < first["neighbour"]).all()
    assert (first["customers_measured"] == len(rows)).all()


@pytest.mark.parametrize(
    ("rows", "centroids"),
    [
        (np.empty((0, 2)), {}),
        (np.zeros((1, 2)), {1: np.zeros((1, 2))}),
        (np.array([[0.0, 0.0]] * 3 + [[1.0, 1.0]] * (LEAST_CUSTOMERS - 1)), {2: np.array([[0.0, 0.0], [1.0, 1.0]])}),
    ],
    ids=["nobody", "one segment", "too few customers"],
)
def test_nothing_to_measure_gives_no_rows_and_the_same_types(rows: np.ndarray, centroids: dict):
    whole = measure_borders(two_blobs(3).T, {2: fitted(two_blobs(3), 2)}, seed=1)
    frame = measure_borders(rows.T, centroids, seed=1)
    assert len(frame) == 0
    assert (frame.dtypes == whole.dtypes).all()


def test_clusters_without_spread_have_a_gap():
    rows = np.repeat([[0.0, 0.0], [1.0, 0.0]], 50, axis=0)
    (border,) = borders(rows.T, np.array([[0.0, 0.0], [1.0, 0.0]]))
    assert (border.density_ratio, border.customers_near) == (0, 0)
    assert border.p_value < 1e-10
