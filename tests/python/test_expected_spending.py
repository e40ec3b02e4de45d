"""Expected spending: against published figures, the package lifetimes, and shops whose future is known."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from lifetimes import BetaGeoFitter, GammaGammaFitter

from customer_segmentation.expected_spending import (
    ASSUMED_ERROR,
    ASSUMED_FORECASTS,
    LEAST_BUYERS,
    Customers,
    expected_purchases,
    expected_spending,
    expected_value,
    forecast_error,
)
from customer_segmentation.validation.buying_model import BuyingModel

# The parameters that Fader, Hardie and Lee (2005) published for CDNOW, in weeks.
CDNOW = BuyingModel(0.243, 4.414, 0.793, 2.426, 6.25, 3.74, 15.45)
HORIZON = 90.0


# ---- the formulas ------------------------------------------------------------------------------------------------


def test_a_customer_of_cdnow_is_expected_to_buy_as_often_as_was_published():
    """Two repeat purchases, the last after 30.43 of 38.86 weeks: 1.226 more are expected in the next 39.

    Fader, Hardie and Lee 2005, Implementing the BG/NBD Model for Customer Base Analysis in Excel.
    """
    (expected,) = expected_purchases(CDNOW, np.array([2.0]), np.array([30.43]), np.array([38.86]), 39.0)
    assert expected == pytest.approx(1.226, abs=0.0005)


@pytest.mark.parametrize("a", [0.2, 0.793, 1.0, 1.7, 8.0])
def test_expected_purchases_are_those_of_lifetimes(a):
    model = CDNOW._replace(a=a)
    age = np.full(15, 38.86)
    repeats, last = (each.ravel() for each in np.meshgrid([0.0, 1.0, 2.0, 9.0, 60.0], [1.0, 20.0, 38.0]))
    last = np.where(repeats == 0, 0.0, last)
    theirs = BetaGeoFitter()
    # lifetimes divides by zero at a = 1.
    beside = a + 1e-6 if a == 1 else a
    theirs.params_ = pd.Series({"r": model.r, "alpha": model.alpha, "a": beside, "b": model.b})
    expected = theirs.conditional_expected_number_of_purchases_up_to_time(13.0, repeats, last, age)
    assert expected_purchases(model, repeats, last, age, 13.0) == pytest.approx(expected)


def test_expected_values_are_those_of_lifetimes():
    count, average = np.array([1.0, 2.0, 30.0]), np.array([35.0, 4.0, 12.5])
    theirs = GammaGammaFitter()
    theirs.params_ = pd.Series({"p": CDNOW.p, "q": CDNOW.q, "v": CDNOW.gamma})
    expected = theirs.conditional_expected_average_profit(count, average)
    assert expected_value(CDNOW, count, count * average) == pytest.approx(np.asarray(expected))


def test_the_error_of_a_forecast_is_that_of_earlier_ones_beside_what_is_assumed():
    """Seven origins give four errors, which count as 4 / 3 because they overlap.

    Three are ln 1.5 in a segment that spends three times as much as the other, which has none.
    """
    rate = np.array([[1.5, 2.0]] * 4 + [[1.0, 2.0]] * 3)
    errors = np.log(np.array([1.0, 1.5, 1.5, 1.5]))
    spread, freedom = forecast_error(rate, np.array([[3.0, 1.0]] * 7))
    assert freedom == pytest.approx(ASSUMED_FORECASTS + 4 / 3)
    square = 0.75 * np.mean(errors**2)
    assert spread**2 == pytest.approx((ASSUMED_FORECASTS * ASSUMED_ERROR**2 + 4 / 3 * square) / freedom)


@pytest.mark.parametrize("origins", [1, 3])
def test_without_earlier_forecasts_the_error_is_what_is_assumed(origins):
    found = forecast_error(np.full((origins, 2), 1.7), np.ones((origins, 2)))
    assert found == pytest.approx((ASSUMED_ERROR, ASSUMED_FORECASTS))


# ---- shops whose future is known ---------------------------------------------------------------------------------


def shop(seed: int, customers: int = 1000, origins: int = 6, dropout: bool = False) -> SimpleNamespace:
    """Customers of two segments, known to differ in their rate, who buy at random for 1,000 days and 90 more.

    With dropout nearly everybody joins at once and stops after a purchase with a probability of a tenth.
    """
    generator = np.random.default_rng(seed)
    segment = generator.integers(2, size=customers)
    rate = generator.gamma(2.0, np.where(segment == 0, 0.005, 0.015))
    joined = generator.uniform(0, 60 if dropout else 400, customers)
    days, values = [], []
    for start, per_day in zip(joined, rate, strict=True):
        gaps = generator.exponential(1 / per_day, 200)
        if dropout:
            gaps = gaps[: generator.geometric(0.1)]
        bought = np.concatenate([[start], start + gaps.cumsum()])
        bought = bought[bought <= 1090]
        days.append(bought)
        values.append(generator.gamma(6.0, 5.0, len(bought)))
    parts = []
    for origin in range(origins + 1):
        at = 1000.0 if origin == 0 else 910.0 - 30 * (origin - 1)
        for who in np.flatnonzero(joined <= at):
            before = days[who] <= at
            after = ~before & (days[who] <= at + 90) & (origin > 0)
            seen, value = days[who][before], values[who]
            followed = (value[after].sum(), float(after.any()))
            known = (before.sum(), seen[-1] - seen[0], at - seen[-1], value[before].sum())
            parts.append((origin, segment[who], 0, *followed, *known))
    columns = [np.array(column) for column in zip(*parts, strict=True)]
    came = [
        sum(values[who][days[who] > 1000].sum() for who in np.flatnonzero(segment == number)) for number in range(2)
    ]
    return SimpleNamespace(customers=Customers(*columns), came=came)


def everyone(found: pd.DataFrame) -> pd.DataFrame:
    return found[found["audience"] == "everyone"].reset_index(drop=True)


@pytest.mark.parametrize("dropout", [False, True])
def test_what_comes_is_within_the_interval_and_near_the_expectation(dropout):
    within, came, expected = [], 0.0, 0.0
    for seed in range(5):
        made = shop(seed, dropout=dropout)
        found = everyone(expected_spending(made.customers, ["A", "B"], HORIZON))
        measured = found["customers_measured"]
        within += list(
            (measured * found["spending_low"] <= made.came) & (made.came <= measured * found["spending_high"])
        )
        came, expected = came + sum(made.came), expected + (measured * found["spending"]).sum()
    assert np.mean(within) >= 0.9
    assert expected == pytest.approx(came, rel=0.1)


def test_a_cohort_that_dwindles_is_not_expected_to_go_on_as_before():
    """What it spent in the last 90 days is more than it will spend."""
    made = shop(3, dropout=True)
    found = everyone(expected_spending(made.customers, ["A", "B"], HORIZON))
    latest = made.customers.origin == 1
    before = made.customers.spending_after[latest].sum()
    expected = (found["spending"] * found["customers_measured"]).sum()
    assert expected < 0.9 * before
    assert expected == pytest.approx(sum(made.came), rel=0.2)


# ---- too little --------------------------------------------------------------------------------------------------


def of_origins(customers: Customers, chosen: np.ndarray) -> Customers:
    return Customers(*(column[chosen] for column in customers))


def test_without_an_earlier_day_nothing_is_expected_and_nothing_is_fitted(monkeypatch):
    monkeypatch.setattr("customer_segmentation.expected_spending.fit", lambda purchases: pytest.fail("fitted"))
    made = shop(0, customers=100).customers
    found = expected_spending(of_origins(made, made.origin == 0), ["A", "B"], HORIZON)
    assert set(found["reason"]) == {"the purchases do not reach far enough back: 120 days are needed"}
    assert found[["spending", "spending_low", "spending_high", "model_spending", "bought_share"]].isna().all(axis=None)


def test_without_customers_there_are_no_rows():
    made = shop(0, customers=10).customers
    assert expected_spending(of_origins(made, made.origin < 0), [], HORIZON).empty


def test_a_segment_of_which_few_bought_has_a_reason_instead_of_an_expectation():
    made = shop(0, customers=400).customers
    few = (made.segment == 0) & (made.origin == 1) & (np.cumsum((made.segment == 0) & (made.origin == 1)) > 8)
    found = everyone(expected_spending(of_origins(made, ~few), ["A", "B"], HORIZON)).set_index("segment_key")
    assert found["reason"]["A"].startswith(f"of those who once looked like this, fewer than {LEAST_BUYERS}")
    assert np.isnan(found["spending"]["A"])
    assert pd.isna(found["reason"]["B"])
    assert found["spending_low"]["B"] < found["spending"]["B"] < found["spending_high"]["B"]


def test_who_returned_more_than_they_bought_have_no_expectation():
    made = shop(0, customers=400).customers
    made = made._replace(spending_after=np.where(made.segment == 0, -made.spending_after, made.spending_after))
    found = everyone(expected_spending(made, ["A", "B"], HORIZON)).set_index("segment_key")
    assert found["reason"]["A"] == "those who once looked like this returned more than they bought"
    assert found["spending"].notna().tolist() == [False, True]


def test_one_customer_who_spent_nearly_everything_is_no_measure_of_the_others():
    made = shop(0, customers=400).customers
    largest = np.argmax(np.where((made.segment == 0) & (made.origin == 1), made.spending_after, 0))
    made.spending_after[largest] = 1e6
    found = everyone(expected_spending(made, ["A", "B"], HORIZON)).set_index("segment_key")
    assert found["reason"]["A"] == "those who once looked like this spent too differently to expect an amount"
    assert np.isnan(found["spending"]["A"])
    assert not (found["spending_high"] > 10 * found["spending"]).any()


def test_where_no_model_can_be_fitted_past_averages_are_expected():
    """Too few bought more than once for BG/NBD."""
    made = shop(0, customers=200).customers
    made = made._replace(count=np.minimum(made.count, 1), span=np.zeros(len(made.span)))
    found = everyone(expected_spending(made, ["A", "B"], HORIZON))
    assert found["model_spending"].isna().all()
    for number in range(2):
        latest = (made.origin == 1) & (made.segment == number)
        assert found["spending"][number] == pytest.approx(made.spending_after[latest].mean())
