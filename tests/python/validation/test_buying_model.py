"""The buying model: against published parameters, the package lifetimes, and the distributions it is made of."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from lifetimes import BetaGeoFitter, GammaGammaFitter

from customer_segmentation.validation import buying_model
from customer_segmentation.validation.buying_model import BuyingModel, BuyingReference, Purchases
from customer_segmentation.validation.validate import validate

# The parameters that Fader, Hardie and Lee (2005) published for CDNOW, in weeks.
CDNOW = BuyingModel(0.243, 4.414, 0.793, 2.426, 6.25, 3.74, 15.45)
SCALING = {
    "total_spending": {"transform": "log1p", "lower_bound": None, "upper_bound": None, "center": 3.0, "scale": 1.5},
    "transaction_count": {"transform": "log1p", "lower_bound": None, "upper_bound": 50.0, "center": 1.0, "scale": 0.5},
    "days_since_signup": {"transform": "none", "lower_bound": None, "upper_bound": None, "center": 30.0, "scale": 5.0},
}


@pytest.fixture(scope="module")
def summary() -> pd.DataFrame:
    """CDNOW's customers: repeat purchases, weeks to the last, weeks observed, and the average value of a repeat."""
    folder = Path(importlib.util.find_spec("lifetimes").origin).parent / "datasets"
    file = folder / "cdnow_customers_summary_with_transactions.csv"
    return pd.read_csv(file, header=0, names=["id", "frequency", "recency", "T", "monetary_value"])


def purchases(orders, span, age, spending=None) -> Purchases:
    columns = [np.asarray(column, dtype=float) for column in (orders, span, age)]
    spending = columns[0] * 10.0 if spending is None else np.asarray(spending, dtype=float)
    return Purchases(*columns, spending, np.full(len(spending), 2.0))


def simulated(customers: int, seed: int = 0) -> Purchases:
    generator = np.random.default_rng(seed)
    known = purchases(np.ones(customers), np.zeros(customers), generator.uniform(27, 39, customers))
    return buying_model.simulate(CDNOW, known, generator)


def test_the_parameters_of_cdnow_are_those_published(summary):
    known = purchases(summary["frequency"] + 1, summary["recency"], summary["T"])
    found = buying_model.fit(known)
    assert found[:4] == pytest.approx(CDNOW[:4], rel=0.002)


def test_the_likelihoods_are_those_of_lifetimes(summary):
    repeats, last, age = (summary[column].to_numpy(dtype=float) for column in ("frequency", "recency", "T"))
    bg = BetaGeoFitter()
    gg = GammaGammaFitter()
    parameters = np.array([0.5, 3.0, 0.7, 2.0])
    expected = bg._negative_log_likelihood(np.log(parameters), repeats, last, age, np.ones(len(age)), 0)
    found = buying_model.bg_nbd_likelihood(parameters, repeats, last, age)
    assert -found.mean() == pytest.approx(expected, rel=1e-9)
    again = summary[(summary["frequency"] > 0) & (summary["monetary_value"] > 0)]
    parameters = np.array([5.0, 4.0, 12.0])
    count, value = again["frequency"].to_numpy(dtype=float), again["monetary_value"].to_numpy(dtype=float)
    expected = gg._negative_log_likelihood(np.log(parameters), count, value, np.ones(len(count)), 0)
    assert -buying_model.gamma_gamma_likelihood(parameters, count, value).mean() == pytest.approx(expected, rel=1e-9)


def test_a_simulated_shop_gives_its_parameters_back():
    found = buying_model.fit(simulated(40_000))
    assert found[:4] == pytest.approx(CDNOW[:4], rel=0.15)
    assert found.p * found.gamma / (found.q - 1) == pytest.approx(CDNOW.p * CDNOW.gamma / (CDNOW.q - 1), rel=0.05)


def test_simulated_customers_are_consistent():
    drawn = simulated(5_000)
    assert drawn.orders.min() == 1
    assert ((drawn.span == 0) == (drawn.orders == 1)).all()
    assert (drawn.span < drawn.age).all()
    assert (drawn.spending > 0).all()
    assert (drawn.quantity == 2 * drawn.orders).all()


@pytest.mark.parametrize(
    "known",
    [
        purchases(np.ones(500), np.zeros(500), np.full(500, 90)),
        purchases([1] * 500 + [2] * 29, [0] * 500 + [5] * 29, [90] * 529),
        purchases(np.full(50, 3), np.zeros(50), np.zeros(50)),
        purchases(np.full(50, 3), np.full(50, 9), np.full(50, 90), spending=np.zeros(50)),
        purchases([], [], []),
    ],
    ids=["nobody came back", "too few came back", "one day", "nothing spent", "nobody"],
)
def test_without_enough_to_go_by_there_is_no_model(known: Purchases):
    assert buying_model.fit(known) is None


def test_only_features_that_the_model_describes_are_simulated():
    assert buying_model.can_be_simulated(["total_spending", "transaction_count", "days_since_signup"])
    assert not buying_model.can_be_simulated(["total_spending", "days_since_signup"])
    assert not buying_model.can_be_simulated(["total_spending", "transaction_count", "birth_year"])


def scaled(known: Purchases, tenure: np.ndarray) -> np.ndarray:
    capped = np.minimum(known.orders, 50)
    return np.column_stack([(np.log1p(known.spending) - 3) / 1.5, (np.log1p(capped) - 1) / 0.5, (tenure - 30) / 5])


def test_a_shop_of_the_model_has_no_gap_against_it_and_one_with_groups_has():
    shop = simulated(2_000, seed=3)
    features = list(SCALING)
    settings = {"seed": 1, "refit_sample_size": 2_000, "stability_refits": 0, "gap_references": 10}

    def measured(known: Purchases) -> pd.Series:
        values = scaled(known, known.age)
        centroids = {2: values[:2], 3: values[:3]}
        reference = BuyingReference(known, known.age, features, SCALING)
        return validate(values, centroids, reference=reference, **settings).set_index("k").loc[2]

    row = measured(shop)
    assert abs(row["buying_gap_statistic"]) < 3 * row["buying_gap_standard_error"]
    # A second group that buys forty times as often.
    often = shop.orders + 40 * (np.arange(2_000) % 2)
    row = measured(shop._replace(orders=often, span=np.where(often > 1, shop.age * 0.9, 0), spending=10 * often))
    assert row["buying_gap_statistic"] > 3 * row["buying_gap_standard_error"]


def test_without_a_model_the_gap_against_it_is_not_measured():
    few = simulated(20)
    reference = BuyingReference(few, few.age, list(SCALING), SCALING)
    values = scaled(few, few.age)
    frame = validate(
        values, {2: values[:2]}, seed=1, refit_sample_size=50, stability_refits=0, gap_references=3, reference=reference
    )
    assert frame["gap_statistic"].notna().all()
    assert frame["buying_gap_statistic"].isna().all()
