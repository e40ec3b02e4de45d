"""Customers without groups, as the field models them: BG/NBD purchases with gamma-gamma spending.

Fader, Hardie and Lee 2005, "Counting Your Customers" the Easy Way (Marketing Science 24:2), and RFM and CLV (Journal of
Marketing Research 42:4). Each customer buys at a rate drawn from one gamma distribution, stops after a purchase with a
probability drawn from one beta distribution, and spends amounts whose rate is drawn from a third distribution.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize
from scipy.special import gammaln

# With fewer customers who bought again, the parameters are guesses.
LEAST_REPEATERS = 30
# Bounds of the logarithms of the parameters; beyond, distributions are points.
SMALLEST, LARGEST = -7.0, 9.0
# No customer is simulated with more purchases than this.
MOST_PURCHASES = 10_000


class Purchases(NamedTuple):
    """What is known of each customer, (customers,) each.

    orders: number of purchases, at least 1. span: days from the first to the last. age: days from the first to the
    as-of date. spending: their total, net of returns. quantity: the total quantity; nan if the input has none.
    """

    orders: np.ndarray
    span: np.ndarray
    age: np.ndarray
    spending: np.ndarray
    quantity: np.ndarray


class BuyingModel(NamedTuple):
    """The parameters: r, alpha of the purchase rate per day, a, b of dropout, p, q, gamma of spending."""

    r: float
    alpha: float
    a: float
    b: float
    p: float
    q: float
    gamma: float


def fit(purchases: Purchases) -> BuyingModel | None:
    """Return the parameters of maximum likelihood, or None if too few customers bought again or no maximum is found."""
    days = purchases.age.max(initial=0)
    buyers = purchases.spending > 0
    if (purchases.orders > 1).sum() < LEAST_REPEATERS or days <= 0 or buyers.sum() < LEAST_REPEATERS:
        return None
    # In units of a tenth of the longest time, and of the average value, all parameters are of the order of 1.
    unit = days / 10
    repeats, last, age = purchases.orders - 1.0, purchases.span / unit, purchases.age / unit
    buying = maximise(lambda parameters: bg_nbd_likelihood(parameters, repeats, last, age), 4)
    count = purchases.orders[buyers]
    value = purchases.spending[buyers] / count
    typical = value.mean()
    spending = maximise(lambda parameters: gamma_gamma_likelihood(parameters, count, value / typical), 3)
    if buying is None or spending is None:
        return None
    r, alpha, a, b = buying
    p, q, gamma = spending
    return BuyingModel(r, alpha * unit, a, b, p, q, gamma * typical)


def maximise(likelihood, parameters: int) -> np.ndarray | None:
    """Return the positive parameters, (parameters,), at which the mean log-likelihood is largest; None if not found."""
    found = minimize(
        lambda logarithms: -likelihood(np.exp(logarithms)).mean(),
        np.zeros(parameters),
        method="L-BFGS-B",
        bounds=[(SMALLEST, LARGEST)] * parameters,
    )
    return np.exp(found.x) if np.isfinite(found.fun) else None


def bg_nbd_likelihood(parameters: np.ndarray, repeats: np.ndarray, last: np.ndarray, age: np.ndarray) -> np.ndarray:
    """Return the log-likelihood of each customer (Fader, Hardie and Lee 2005, equation 6), (customers,).

    parameters: r, alpha, a, b. repeats: purchases after the first. last: time of the last one, age: time observed, both
    since the first.
    """
    r, alpha, a, b = parameters
    common = gammaln(r + repeats) - gammaln(r) + r * np.log(alpha)
    common += gammaln(a + b) + gammaln(b + repeats) - gammaln(b) - gammaln(a + b + repeats)
    alive = -(r + repeats) * np.log(alpha + age)
    # Without a repeat purchase nobody can have dropped out.
    dropped = np.log(a) - np.log(np.maximum(b + repeats - 1, 1e-300)) - (r + repeats) * np.log(alpha + last)
    return common + np.where(repeats > 0, np.logaddexp(alive, np.where(repeats > 0, dropped, 0.0)), alive)


def gamma_gamma_likelihood(parameters: np.ndarray, count: np.ndarray, value: np.ndarray) -> np.ndarray:
    """Return the log-likelihood of each customer's average value of a purchase, (customers,).

    parameters: p, q, gamma (Fader, Hardie and Lee 2005, RFM and CLV, equation 1a). count: purchases. value: positive.
    """
    p, q, gamma = parameters
    shape = p * count
    likelihood = gammaln(shape + q) - gammaln(shape) - gammaln(q) + q * np.log(gamma)
    return (
        likelihood + (shape - 1) * np.log(value) + shape * np.log(count) - (shape + q) * np.log(gamma + count * value)
    )


def simulate(model: BuyingModel, known: Purchases, generator: np.random.Generator) -> Purchases:
    """Draw as many customers from the model as are known, each observed for as long as one of the known customers.

    Quantities follow the purchases: each customer has the quantity per purchase of a random known customer.
    """
    customers = len(known.orders)
    rate = generator.gamma(model.r, 1 / model.alpha, customers)
    dropout = generator.beta(model.a, model.b, customers)
    count, day, last = np.zeros(customers), np.zeros(customers), np.zeros(customers)
    buying = np.ones(customers, dtype=bool)
    for _ in range(MOST_PURCHASES):
        count[buying] += 1
        last[buying] = day[buying]
        # After a repeat purchase a customer may stop.
        buying &= (count == 1) | (generator.random(customers) > dropout)
        day[buying] += generator.exponential(1 / np.maximum(rate[buying], 1e-12))
        buying &= day < known.age
        if not buying.any():
            break
    spending = generator.gamma(model.p * count, 1 / generator.gamma(model.q, 1 / model.gamma, customers))
    each = known.quantity / known.orders
    return Purchases(count, last, known.age, spending, count * generator.choice(each, customers))


# ---- as a reference of the gap statistic -------------------------------------------------------------------------

# The reference is drawn only where these are clustered, and nothing but them and the features below.
NEEDED = {"total_spending", "transaction_count"}
FEATURES = NEEDED | {
    "total_quantity",
    "days_since_signup",
    "days_since_last_transaction",
    "average_transaction_value",
}


def can_be_simulated(features: list[str]) -> bool:
    """Whether the model describes all clustered features."""
    return NEEDED <= set(features) <= FEATURES


class BuyingReference:
    """Draws scaled features of customers from the model fitted to the customers."""

    def __init__(
        self,
        known: Purchases,
        days_since_signup: np.ndarray,
        features: list[str],
        scaling: dict[str, dict[str, float | str | None]],
    ) -> None:
        """Fit the model to the known customers.

        days_since_signup: (customers,). scaling: {feature: transform, lower_bound, upper_bound, center, scale}, as in
        int_feature_scaling.
        """
        self.known, self.days_since_signup, self.features, self.scaling = known, days_since_signup, features, scaling
        self.model = fit(known)

    def draw(self, columns: np.ndarray, generator: np.random.Generator) -> np.ndarray:
        """Draw as many rows as the columns, (features, n), have: the features of simulated customers."""
        assert self.model is not None
        chosen = generator.integers(len(self.known.orders), size=columns.shape[1])
        drawn = simulate(self.model, Purchases(*(column[chosen] for column in self.known)), generator)
        values = {
            "total_spending": drawn.spending,
            "total_quantity": drawn.quantity,
            "transaction_count": drawn.orders,
            "days_since_signup": self.days_since_signup[chosen],
            "days_since_last_transaction": drawn.age - drawn.span,
            "average_transaction_value": drawn.spending / drawn.orders,
        }
        return np.array([self._scaled(feature, values[feature]) for feature in self.features])

    def _scaled(self, feature: str, values: np.ndarray) -> np.ndarray:
        """A feature capped, transformed and scaled as in training."""
        scaling = self.scaling[feature]
        lower, upper = scaling["lower_bound"], scaling["upper_bound"]
        values = np.clip(values, -np.inf if lower is None else lower, np.inf if upper is None else upper)
        if scaling["transform"] == "log1p":
            values = np.log1p(np.maximum(values, 0))
        return (values - scaling["center"]) / scaling["scale"]
