"""The axes of the map compared with scikit-learn's principal components."""

from __future__ import annotations

from itertools import product
from types import SimpleNamespace

import duckdb
import numpy as np
import pandas as pd
import pytest
from conftest import load_model
from hypothesis import given
from hypothesis import strategies as st
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler

from customer_segmentation.map_axes import map_axes


def names(count: int) -> list[str]:
    return [f"feature_{number}" for number in range(count)]


def axes_of(covariance: np.ndarray, features: list[str]) -> pd.DataFrame:
    return map_axes(covariance.ravel(), features)


def loadings(frame, axis: int) -> np.ndarray:
    return frame.loc[frame["axis"] == axis, "loading"].to_numpy()


def share(frame, axis: int) -> float:
    shares = frame.loc[frame["axis"] == axis, "explained_variance_share"].unique()
    assert len(shares) == 1
    return shares[0]


def correlated(rows: int, features: int, seed: int) -> np.ndarray:
    generator = np.random.default_rng(seed)
    values = generator.normal(size=(rows, features)) @ generator.normal(size=(features, features))
    return StandardScaler().fit_transform(values)


@given(rows=st.integers(10, 200), features=st.integers(2, 6), seed=st.integers(0, 10_000))
def test_the_shares_of_variance_are_those_of_scikit_learn(rows, features, seed):
    values = correlated(rows, features, seed)
    pca = PCA(n_components=2).fit(values)
    frame = axes_of(values.T @ values / rows, names(features))
    for axis in (1, 2):
        assert share(frame, axis) == pytest.approx(pca.explained_variance_ratio_[axis - 1], abs=1e-9)
        assert np.linalg.norm(loadings(frame, axis)) == pytest.approx(1, abs=1e-9)


@given(features=st.integers(2, 6), seed=st.integers(0, 10_000))
def test_the_loadings_are_those_of_scikit_learn_up_to_sign(features, seed):
    """With well separated variances the direction of each component is unique."""
    generator = np.random.default_rng(seed)
    turned, _ = np.linalg.qr(generator.normal(size=(features, features)))
    drawn = generator.normal(size=(400, features))
    values = (drawn - drawn.mean(axis=0)) * 4.0 ** -np.arange(features) @ turned.T
    pca = PCA(n_components=2).fit(values)
    frame = axes_of(values.T @ values / len(values), names(features))
    for axis in (1, 2):
        found, expected = loadings(frame, axis), pca.components_[axis - 1]
        assert found == pytest.approx(expected * np.sign(found @ expected), abs=1e-9)


@given(features=st.integers(1, 6), seed=st.integers(0, 10_000))
def test_the_largest_loading_of_an_axis_is_positive(features, seed):
    values = correlated(50, features, seed)
    frame = axes_of(values.T @ values / 50, names(features))
    for axis in range(1, min(features, 2) + 1):
        found = loadings(frame, axis)
        assert found.max() >= np.abs(found).max() - 1e-9


def test_the_first_of_two_equal_loadings_is_positive():
    frame = axes_of(np.array([[1.0, -0.5], [-0.5, 1.0]]), names(2))
    half = np.sqrt(0.5)
    assert loadings(frame, 1) == pytest.approx([half, -half])
    assert loadings(frame, 2) == pytest.approx([half, half])
    assert (share(frame, 1), share(frame, 2)) == pytest.approx((0.75, 0.25))


@pytest.mark.parametrize("features", [3, 4, 5, 6])
@pytest.mark.parametrize("correlation", [0.1, 0.5, 0.9])
def test_the_last_digits_of_equal_loadings_do_not_decide_the_sign(features, correlation):
    covariance = np.full((features, features), correlation)
    covariance[0] *= -1
    covariance[:, 0] *= -1
    np.fill_diagonal(covariance, 1)
    expected = np.full(features, -1 / np.sqrt(features))
    expected[0] *= -1
    assert loadings(axes_of(covariance, names(features)), 1) == pytest.approx(expected)


def test_the_rows_are_one_per_axis_and_feature_in_their_order():
    frame = axes_of(np.eye(3), ["c", "a", "b"])
    assert list(zip(frame["axis"], frame["feature"], strict=True)) == [
        (axis, feature) for axis in (1, 2) for feature in ("c", "a", "b")
    ]


def test_one_feature_is_the_first_axis_and_the_second_is_zero():
    frame = axes_of(np.array([[1.0]]), names(1))
    assert list(frame["loading"]) == [1, 0]
    assert list(frame["explained_variance_share"]) == [1, 0]


def test_a_constant_feature_has_no_part_in_the_axes():
    values = correlated(80, 3, seed=5)
    values[:, 1] = 0
    frame = axes_of(values.T @ values / 80, names(3))
    pca = PCA(n_components=2).fit(values)
    assert [loadings(frame, axis)[1] for axis in (1, 2)] == pytest.approx([0, 0], abs=1e-12)
    assert [share(frame, axis) for axis in (1, 2)] == pytest.approx(pca.explained_variance_ratio_, abs=1e-9)


def test_features_that_are_all_constant_give_axes_of_zeros():
    frame = axes_of(np.zeros((3, 3)), names(3))
    assert list(frame["loading"]) == [0] * 6
    assert list(frame["explained_variance_share"]) == [0] * 6


def test_a_second_axis_without_variance_is_zero():
    frame = axes_of(np.ones((3, 3)), names(3))
    assert loadings(frame, 1) == pytest.approx([np.sqrt(1 / 3)] * 3)
    assert list(loadings(frame, 2)) == [0, 0, 0]
    assert (share(frame, 1), share(frame, 2)) == (1, 0)


def test_the_numbers_have_twelve_significant_digits():
    frame = axes_of(np.array([[1.0, 0.3], [0.3, 0.5]]), names(2))
    for number in [*frame["loading"], *frame["explained_variance_share"]]:
        assert number == float(f"{number:.11e}")
    # The angle of the principal axis of two features is half that of (variance - variance, 2 covariance).
    angle = np.arctan2(2 * 0.3, 1.0 - 0.5) / 2
    assert loadings(frame, 1) == pytest.approx([np.cos(angle), np.sin(angle)], rel=1e-11, abs=0)
    assert share(frame, 1) == pytest.approx((0.75 + np.hypot(0.25, 0.3)) / 1.5, rel=1e-11, abs=0)


# ---- as a model --------------------------------------------------------------------------------------------------


def as_dbt(features: list[str], covariances: list[float]) -> SimpleNamespace:
    """A stub of the dbt object of a model, with these covariances in int_feature_covariance in the wrong order."""
    orders = list(product(range(1, len(features) + 1), repeat=2))[: len(covariances)]
    rows = [(*order, covariance) for order, covariance in zip(orders, covariances, strict=True)][::-1]
    connection = duckdb.connect()
    connection.execute("create table covariances (row_order bigint, column_order bigint, covariance double)")
    if rows:
        connection.executemany("insert into covariances values (?, ?, ?)", rows)
    return SimpleNamespace(
        config=SimpleNamespace(meta_get={"features": features}.__getitem__),
        ref=lambda name: connection.table("covariances"),
    )


def test_no_rows_give_no_rows_of_the_same_types():
    features = names(2)
    empty = load_model("int_map_axes").model(as_dbt(features, []), None)
    filled = load_model("int_map_axes").model(as_dbt(features, [1.0, 0.5, 0.5, 1.0]), None)
    assert len(empty) == 0
    assert len(filled) == 4
    assert empty.dtypes.to_dict() == filled.dtypes.to_dict()
