"""What is expected of the sample's segments, computed again by plain pandas and the package lifetimes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from conftest import FEATURES, Built, Sample
from lifetimes import BetaGeoFitter, GammaGammaFitter

from customer_segmentation.expected_spending import FITTED_CUSTOMERS
from customer_segmentation.validation.buying_model import BuyingModel, Purchases, fit

pytestmark = pytest.mark.xdist_group("sample")

HORIZON, DAYS_APART = 90, 30


@pytest.fixture(scope="module")
def lines(sample_input: Sample) -> pd.DataFrame:
    frame = sample_input.transactions
    return pd.DataFrame(
        {
            "customer_id": frame["customer_id"],
            "transaction_id": frame["transaction_id"],
            "day": pd.to_datetime(frame["transaction_date"]),
            "quantity": frame["quantity"].astype(float),
            "amount": frame["amount"].astype(float),
        }
    )


def features_on(day: pd.Timestamp, lines: pd.DataFrame, signups: pd.Series) -> pd.DataFrame:
    """The features of every customer who is known on this day, and the spending that followed."""
    before, after = lines["day"] <= day, (lines["day"] > day) & (lines["day"] <= day + pd.Timedelta(days=HORIZON))
    found = (
        lines[before]
        .groupby("customer_id")
        .agg(
            total_spending=("amount", "sum"),
            total_quantity=("quantity", "sum"),
            transaction_count=("transaction_id", "nunique"),
            first=("day", "min"),
            last=("day", "max"),
        )
    )
    found = found.join(signups, how="right")
    since = found[["signup_date", "first"]].min(axis=1)
    found = found[since <= day].assign(days_since_signup=(day - since).dt.days)
    found["spending_after"] = lines[after].groupby("customer_id")["amount"].sum()
    found["has_bought_after"] = found["spending_after"].notna()
    return found.fillna({"spending_after": 0.0})


def standing(found: pd.DataFrame) -> pd.DataFrame:
    """How many standard deviations the features of those with a purchase are from their means."""
    values = found.loc[found["transaction_count"] > 0, FEATURES].astype(float)
    values[FEATURES[:3]] = np.log1p(values[FEATURES[:3]])
    return (values - values.mean()) / values.std(ddof=0)


def test_past_customers_are_those_of_pandas(sample: Built, sample_input: Sample, lines: pd.DataFrame):
    """The model was trained as of the as-of date, so its scaling is the standing on that day."""
    signups = pd.to_datetime(sample_input.customers.set_index("customer_id")["signup_date"])
    past = sample.frame("select * from intermediate.int_past_customers").set_index("customer_id")
    model = sample.frame("select * from intermediate.int_serving_model").set_index("segment_key")
    as_of, first = lines["day"].max(), lines["day"].min()
    days = [as_of - pd.Timedelta(days=HORIZON + DAYS_APART * number) for number in range(12)]
    days = [as_of, *(day for day in days if day - first >= pd.Timedelta(days=DAYS_APART))]
    assert sorted(past["origin_date"].unique(), reverse=True) == days
    today = features_on(as_of, lines, signups)
    span = (today["last"] - today["first"]).dt.days
    typical = (
        (span / (today["transaction_count"] - 1))[span > 0].sort_values().iloc[int(np.ceil((span > 0).sum() / 2)) - 1]
    )
    for origin, day in enumerate(days):
        mine, theirs = features_on(day, lines, signups), past[past["origin"] == origin]
        theirs = theirs.reindex(mine.index)
        assert len(theirs) == (past["origin"] == origin).sum()
        bought = mine["transaction_count"] > 0
        for column in ("total_spending", "transaction_count"):
            assert theirs[column].astype(float).to_numpy() == pytest.approx(mine[column].fillna(0).to_numpy())
        if origin:
            assert theirs["spending_after"].astype(float).to_numpy() == pytest.approx(mine["spending_after"].to_numpy())
            assert (theirs["has_bought_after"].astype(bool) == mine["has_bought_after"]).all()
        scaled = standing(mine)
        distances = ((scaled.to_numpy()[:, None] - model[FEATURES].to_numpy()) ** 2).sum(axis=2)
        segments = pd.Series(model.index[distances.argmin(axis=1)], index=scaled.index)
        assert (theirs["segment_key"] == segments.reindex(mine.index).fillna("S0")).all()
        usual = ((mine["last"] - mine["first"]).dt.days + typical) / mine["transaction_count"]
        quiet = bought & ((day - mine["last"]).dt.days > 2 * usual)
        assert (theirs["is_quiet"].astype(bool) == quiet).all()


def test_the_expectation_is_that_of_lifetimes_corrected_by_those_who_looked_alike(sample: Built):
    past = sample.frame("from intermediate.int_past_customers order by origin, customer_id")
    past = past[past["is_clustered"]]
    today = past[past["origin"] == 0]
    assert len(today) <= FITTED_CUSTOMERS
    orders, span, recency, spending = (
        past[column].to_numpy(dtype=float)
        for column in ("transaction_count", "purchase_span_days", "days_since_last_transaction", "total_spending")
    )
    now = (past["origin"] == 0).to_numpy()
    model = fit(Purchases(orders[now], span[now], (span + recency)[now], spending[now], np.empty(0)))
    assert isinstance(model, BuyingModel)
    buying, value = BetaGeoFitter(), GammaGammaFitter()
    buying.params_ = pd.Series({"r": model.r, "alpha": model.alpha, "a": model.a, "b": model.b})
    value.params_ = pd.Series({"p": model.p, "q": model.q, "v": model.gamma})
    purchases = buying.conditional_expected_number_of_purchases_up_to_time(HORIZON, orders - 1, span, span + recency)
    past = past.assign(
        expected=np.asarray(purchases)
        * np.asarray(value.conditional_expected_average_profit(orders, spending / orders)),
        came=past["spending_after"].astype(float),
    )
    mart = sample.frame("from marts.segment_expected_spending where expected_spending is not null")
    assert len(mart) >= 8
    for row in mart.itertuples():
        alike = past[(past["segment_key"] == row.segment_key)]
        if row.audience != "everyone":
            alike = alike[alike["is_quiet"] == (row.audience == "quiet")]
        latest, now = alike[alike["origin"] == 1], alike[alike["origin"] == 0]
        assert len(now) == row.customers == row.customers_measured
        assert row.bought_again_share == pytest.approx(latest["has_bought_after"].astype(bool).mean())
        assert float(row.model_spending) == pytest.approx(now["expected"].sum(), abs=0.01)
        corrected = now["expected"].sum() * latest["came"].sum() / latest["expected"].sum()
        assert float(row.expected_spending) == pytest.approx(corrected, abs=0.01)
        assert row.expected_spending_low < row.expected_spending < row.expected_spending_high
        # The interval is symmetric in the logarithm.
        middle = np.sqrt(float(row.expected_spending_low) * float(row.expected_spending_high))
        assert middle == pytest.approx(float(row.expected_spending), rel=1e-5)


def test_each_action_has_the_expectation_of_its_audience(sample: Built):
    different = sample.rows(
        """
        select actions.segment_key, actions.audience
        from marts.segment_actions as actions
        left join marts.segment_expected_spending as expected using (segment_key, audience)
        where actions.customers is distinct from expected.customers
            or actions.expected_spending is distinct from expected.expected_spending
            or actions.expected_spending_low is distinct from expected.expected_spending_low
            or actions.expected_spending_high is distinct from expected.expected_spending_high
        """
    )
    assert different == []
    assert sample.rows("select count(*) > 0 from marts.segment_actions where expected_spending > 0") == [(True,)]
