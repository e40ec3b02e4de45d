"""The spending to expect of each segment in the days to come if nothing is done, with a prediction interval.

Those who looked like a segment on an earlier day, the origin, say what its customers do next. Their spending is related
to what a model of buying (BG/NBD with gamma-gamma) expected of them: customers of today have grown older, and the model
knows how much less is to be expected of them for it. Where the model cannot be fitted, spending per customer is used.
The interval comes from how far the same rule has been off between earlier origins.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.special import hyp2f1, stdtrit

from customer_segmentation.validation.buying_model import BuyingModel, Purchases, fit

AUDIENCES = ("everyone", "active", "quiet")
# Origins are a third of the horizon apart, as in int_past_customers: what followed one is known three origins later.
ORIGINS_PER_HORIZON = 3
# The average of fewer buyers says too little of anyone else.
LEAST_BUYERS = 10
# An interval from less than a tenth to more than ten times of an amount says that the amount is not known.
WIDEST_FACTOR = 10
# The model is fitted to at most this many customers: its few parameters are then known to a few percent, and what
# followed for those who looked alike corrects it anyway.
FITTED_CUSTOMERS = 5_000
# What is assumed of a shop that has not shown how predictable it is: 90 days differ by about a fifth from what was
# expected, an assumption that weighs as much as three forecasts of its own, the fewest for which Student's t
# distribution has a variance.
ASSUMED_ERROR, ASSUMED_FORECASTS = 0.2, 3.0
PROBABILITY = 0.95
TYPES = {
    "segment_key": "str",
    "audience": "str",
    "customers_measured": "int64",
    "origins": "int64",
    "bought_share": "float64",
    "spending": "float64",
    "spending_low": "float64",
    "spending_high": "float64",
    "model_spending": "float64",
    "reason": "str",
}


class Customers(NamedTuple):
    """Customers as of several origins, (rows,) each, origin 0 being today.

    segment: number of the segment. spending_after, bought_after: what followed within the horizon; 0 today. count,
    span, recency, spending: purchases, days from the first to the last, days since the last, and their total; count is
    0 and the others are ignored without a purchase.
    """

    origin: np.ndarray
    segment: np.ndarray
    is_quiet: np.ndarray
    spending_after: np.ndarray
    bought_after: np.ndarray
    count: np.ndarray
    span: np.ndarray
    recency: np.ndarray
    spending: np.ndarray


class Totals(NamedTuple):
    """Sums over customers, (origins, segments, audiences) each."""

    customers: np.ndarray
    buyers: np.ndarray
    spending: np.ndarray
    exposure: np.ndarray


def expected_spending(customers: Customers, segments: list[str], horizon: float) -> pd.DataFrame:
    """Return one row per segment and audience that has customers today, with amounts per customer.

    spending is the expectation for the horizon, in days, spending_low and spending_high the bounds of its 95 %
    prediction interval, model_spending what BG/NBD and gamma-gamma expect without the experience of this shop. Numbers
    have 12 significant digits; those that are unknown are missing, and the reason says why.
    """
    origins = int(customers.origin.max(initial=0))
    expected = model_expectation(customers, horizon) if origins else None
    exposure = np.ones(len(customers.origin)) if expected is None else np.where(customers.count > 0, expected, 1.0)
    totals = add_up(customers, exposure, len(segments), origins + 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        rate = np.where(totals.buyers >= LEAST_BUYERS, totals.spending / totals.exposure, np.nan)
        rate = np.where(rate > 0, rate, np.nan)
        today = totals.exposure[0] / totals.customers[0]
    rows = []
    for segment, audience in np.argwhere(totals.customers[0] > 0):
        place = (segment, audience)
        row = dict.fromkeys(TYPES) | {"segment_key": segments[segment], "audience": AUDIENCES[audience]}
        row |= {"customers_measured": totals.customers[0][place], "origins": origins}
        if expected is not None and not is_without_purchases(customers, segment):
            row["model_spending"] = today[place]
        row["reason"] = reason_against(totals, place, horizon)
        if origins and totals.customers[1][place]:
            row["bought_share"] = totals.buyers[1][place] / totals.customers[1][place]
        if row["reason"] is None:
            spread, freedom = forecast_error(rate[1:, :, audience], totals.spending[1:, :, audience])
            noise = sampling_variance(customers, exposure, place, rate[1][place])
            noise *= 1 / totals.customers[0][place] + 1 / totals.customers[1][place]
            factor = np.exp(stdtrit(freedom, (1 + PROBABILITY) / 2) * np.sqrt(spread**2 + noise))
            spending = rate[1][place] * today[place]
            if factor <= WIDEST_FACTOR:
                row |= {"spending": spending, "spending_low": spending / factor, "spending_high": spending * factor}
            else:
                row["reason"] = "those who once looked like this spent too differently to expect an amount"
        rows.append(row)
    frame = pd.DataFrame(rows, columns=list(TYPES), dtype=object).astype(TYPES)
    for column in frame.select_dtypes("float64"):
        frame[column] = [float(f"{value:.11e}") for value in frame[column]]
    return frame


def reason_against(totals: Totals, place: tuple[int, int], horizon: float) -> str | None:
    """Return why nothing can be expected of a segment and audience, or None if something can."""
    if len(totals.customers) == 1:
        return f"the purchases do not reach far enough back: {horizon * 4 / 3:.0f} days are needed"
    if totals.buyers[1][place] < LEAST_BUYERS:
        return f"of those who once looked like this, fewer than {LEAST_BUYERS} bought in the next {horizon:.0f} days"
    return None if totals.spending[1][place] > 0 else "those who once looked like this returned more than they bought"


def is_without_purchases(customers: Customers, segment: int) -> bool:
    """Return whether nobody in the segment has made a purchase."""
    return not customers.count[(customers.segment == segment) & (customers.origin == 0)].any()


def add_up(customers: Customers, exposure: np.ndarray, segments: int, origins: int) -> Totals:
    """Return the sums by origin, segment and audience."""
    cell = (customers.origin * segments + customers.segment) * 2 + customers.is_quiet

    def summed(values: np.ndarray) -> np.ndarray:
        halves = np.bincount(cell, values, origins * segments * 2).reshape(origins, segments, 2)
        return np.concatenate([halves.sum(axis=2, keepdims=True), halves], axis=2)

    ones = np.ones(len(cell))
    return Totals(*(summed(each) for each in (ones, customers.bought_after, customers.spending_after, exposure)))


def forecast_error(rate: np.ndarray, weight: np.ndarray) -> tuple[float, float]:
    """Return the scale of the error of a forecast, as a logarithm of a ratio, and its degrees of freedom.

    rate, weight: (origins, segments), the latest first; a rate is nan if unknown. Each origin is predicted by the rate
    of the one that is a horizon earlier, as today is. Errors are pooled over the segments, weighted by their spending.
    Horizons overlap, so ORIGINS_PER_HORIZON errors count as one. The estimate is the posterior of a scaled inverse
    chi-squared prior (Gelman et al. 2013, Bayesian Data Analysis, section 2.6), whose predictive distribution is
    Student's t.
    """
    errors = np.log(rate[:-ORIGINS_PER_HORIZON] / rate[ORIGINS_PER_HORIZON:])
    known = np.isfinite(errors)
    forecasts = known.any(axis=1).sum() / ORIGINS_PER_HORIZON
    square = np.average(errors[known] ** 2, weights=weight[: len(errors)][known]) if forecasts else 0.0
    freedom = ASSUMED_FORECASTS + forecasts
    return np.sqrt((ASSUMED_FORECASTS * ASSUMED_ERROR**2 + forecasts * square) / freedom), freedom


def sampling_variance(customers: Customers, exposure: np.ndarray, place: tuple[int, int], rate: float) -> float:
    """Return the squared coefficient of variation of what one customer spends after the latest origin.

    The variation is that around what is expected of each customer, the rate times the exposure.
    """
    segment, audience = place
    chosen = (customers.origin == 1) & (customers.segment == segment)
    if audience:
        chosen &= customers.is_quiet == (AUDIENCES[audience] == "quiet")
    spending = customers.spending_after[chosen]
    return np.mean((spending - rate * exposure[chosen]) ** 2) / np.mean(spending) ** 2


# ---- what the buying model expects -------------------------------------------------------------------------------


def model_expectation(customers: Customers, horizon: float) -> np.ndarray | None:
    """Return what each customer is expected to spend in the horizon, (rows,), by the model fitted to those of today.

    0 without a purchase; None if the model cannot be fitted or has no finite expectation.
    """
    today, bought = customers.origin == 0, customers.count > 0
    columns = (customers.count, customers.span, customers.span + customers.recency, customers.spending)
    buyers = np.flatnonzero(today & bought)
    fitted = buyers[:: max(1, -(-len(buyers) // FITTED_CUSTOMERS))]
    # Quantities play no part in the fit.
    model = fit(Purchases(*(column[fitted] for column in columns), quantity=np.empty(0)))
    if model is None:
        return None
    count, span, age, spending = (column[bought] for column in columns)
    found = expected_purchases(model, count - 1, span, age, horizon) * expected_value(model, count, spending)
    expected = np.zeros(len(bought))
    expected[bought] = found
    return expected if np.isfinite(found).all() and (found >= 0).all() and found.any() else None


def expected_purchases(
    model: BuyingModel, repeats: np.ndarray, last: np.ndarray, age: np.ndarray, horizon: float
) -> np.ndarray:
    """Return the expected number of purchases in the horizon (Fader, Hardie and Lee 2005, equation 10), (customers,).

    repeats: purchases after the first. last: time of the last one, age: time observed, both since the first; all times
    in the unit of the model.
    """
    r, alpha, b = model.r, model.alpha, model.b
    # The limit at a = 1 is finite, but the formula divides by zero.
    a = model.a if abs(model.a - 1) > 1e-6 else 1 + 1e-6
    with np.errstate(all="ignore"):
        later = alpha + age + horizon
        series = hyp2f1(r + repeats, b + repeats, a + b + repeats - 1, horizon / later)
        purchases = 1 - ((alpha + age) / later) ** (r + repeats) * series
        purchases *= (a + b + repeats - 1) / (a - 1)
        # Without a repeat purchase nobody can have dropped out.
        dropped = a / np.maximum(b + repeats - 1, 1e-300) * ((alpha + age) / (alpha + last)) ** (r + repeats)
        return purchases / (1 + np.where(repeats > 0, dropped, 0.0))


def expected_value(model: BuyingModel, count: np.ndarray, spending: np.ndarray) -> np.ndarray:
    """Return the expected value of a purchase of each customer (RFM and CLV, equation 5), (customers,)."""
    return model.p * (model.gamma + np.maximum(spending, 0.0)) / (model.p * count + model.q - 1)
