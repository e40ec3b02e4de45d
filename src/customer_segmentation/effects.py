"""Whether an action worked: net spending of treated customers compared with a holdout that was drawn at random.

The interval inverts a permutation test (Fisher 1935; Lehmann 1963). A hypothesis says by which ratio the action
multiplies the average spending of a customer. Undo that effect among the treated, and treated and held-out customers
have the same distribution: which of them were held out is a draw without replacement. Hypotheses under which the total
of the held-out customers would be an unlikely draw are outside of the interval.

A holdout of 10 % contains few of the large amounts that decide an average, and often none. Then both its average and
its standard error are too small, and Welch's interval excludes the truth too often. Here nine tenths of the
distribution are taken from the treated, so the tail is known. benchmarks/effects.md compares the methods.

Tails of the draw are saddlepoint approximations (Robinson 1982; Skovgaard 1987), which need no random numbers and stay
accurate far out, where the corrected p-values of many actions are. They fail where one order decides the total, so
draws with and without it are told apart first.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.special import expit, gammaln, log_ndtr, logsumexp, ndtr, ndtri, ndtri_exp

KEYS = ["wave", "action_id", "horizon_days"]
TYPES = {
    "wave": "int64",
    "action_id": "str",
    "horizon_days": "int64",
    "customers_treated": "int64",
    "customers_held_out": "int64",
    "average_spending_treated": "Float64",
    "average_spending_held_out": "Float64",
    "buyer_share_treated": "Float64",
    "buyer_share_held_out": "Float64",
    "difference": "Float64",
    "difference_adjusted": "Float64",
    "difference_low": "Float64",
    "difference_high": "Float64",
    "p_value": "Float64",
    "p_value_corrected": "Float64",
    "smallest_effect": "Float64",
    "verdict": "str",
}
MORE, LESS, NO_DIFFERENCE = "more", "less", "no difference seen"
TOO_EARLY, TOO_FEW = "too early", "too few to tell"

# Results are looked at after 30, 60 and 90 days. Each horizon is given an equal part of alpha in advance (Bonferroni),
# so that a verdict after 30 days is final: nothing that is seen later changes it.
HORIZONS = 3
# Buyers that each group needs for an interval. benchmarks/effects.md shows the coverage by the number of buyers in the
# holdout.
FEWEST_BUYERS = 10
# The power at which smallest_effect is stated.
POWER = 0.8
# The ratio of the averages is looked for between exp(-12) and exp(12). A limit beyond counts as none.
LARGEST_LOG_RATIO = 12.0
# Limits are found to this precision of the log ratio.
PRECISION = 1e-7
# Beyond this many rows, residuals in the same cell, CELL standard deviations wide, are replaced by their average.
# That keeps their mean exactly, and their variance up to CELL ** 2 / 12, two millionths.
EXACT_UP_TO, CELL = 10_000, 0.005
# A customer dominates who has more than this share of the sum of squares. With more cases than this none is split.
DOMINANT, MOST_CASES = 0.2, 64
# Values that differ from their mean by no more than this part of it are equal up to rounding.
ROUNDING = 1e-13
# The saddlepoint is found by Newton's method; it takes 3 to 8 steps. A step is halved until it comes nearer.
MOST_STEPS, SMALLEST_STEP, SAFE, CONVERGED = 100, 1e-6, 0.01, 1e-16
# Nearer than this to the center the formula of the saddlepoint divides zero by zero, and its limit is taken.
CENTER = 0.02
# Where the determinant is this small against its value at the center, the total lies at the edge of the possible draws
# or beyond: the p-value is 0, as it is 38 standard deviations from the center in double precision.
SINGULAR, IMPOSSIBLE = 1e-12, 38.0


def action_results(outcomes: pd.DataFrame, alpha: float = 0.05) -> pd.DataFrame:
    """Return what each action changed, one row per wave, action_id and horizon_days, in this order.

    outcomes: one row per wave, action_id, horizon_days and customer_id, with is_treated, spending (money, net of
    returns, in the days of the horizon), has_bought, spending_before (in as many days before) and is_complete (whether
    there are data for the whole horizon). All customers of the action count as they were drawn, whether they were
    reached or not (intention to treat). The order of the rows has no effect.

    difference is the average per customer of the treated less that of the held-out customers. difference_adjusted is
    the same after an adjustment for spending_before (see Comparison), and difference_low and difference_high are the
    limits of its 1 - alpha interval. p_value tests that the averages are equal, two-sided. p_value_corrected is
    corrected for the actions of the wave within the horizon (Holm 1979, A Simple Sequentially Rejective Multiple Test
    Procedure, Scandinavian Journal of Statistics 6:2) and multiplied by HORIZONS; verdict is `more` or `less` where it
    is below alpha and the test, difference_adjusted and the interval agree about the direction. They may not where one
    customer decides an average: most of the treated can spend less, and one of them a fortune. This holds for all
    actions and horizons of a wave together: the probability of one or more false verdicts is at most alpha.
    smallest_effect is the smallest increase per customer that customers like these would have shown with probability
    POWER at the level of the first step of Holm's procedure; null if none would.

    verdict is `too early`, with null figures, until is_complete is true in all rows. It is `too few to tell`, with null
    interval, p-values and smallest_effect, if a group has fewer than FEWEST_BUYERS customers who bought, or an average
    of at most 0, or if the interval has no limit or the estimate is not found. Such actions still count in the
    correction.

    Numbers are rounded to 12 significant digits. Raises ValueError for more than HORIZONS horizons in a wave, and for
    spending that is not finite in complete rows.
    """
    if (outcomes.groupby("wave")["horizon_days"].nunique() > HORIZONS).any():
        raise ValueError(f"The correction of p-values is made for at most {HORIZONS} horizons in a wave.")
    numbers = outcomes[["is_treated", "spending", "has_bought", "spending_before", "is_complete"]]
    actions = numbers.groupby([outcomes[key] for key in KEYS], sort=True)
    families = actions.size().groupby(["wave", "horizon_days"]).size()
    rows = []
    for (wave, action_id, horizon_days), action in actions:
        first_level = alpha / (HORIZONS * families[wave, horizon_days])
        keys = dict(zip(KEYS, (wave, action_id, horizon_days), strict=True))
        rows.append(keys | action_result(action, alpha, first_level))
    results = pd.DataFrame(rows, columns=list(TYPES))
    if len(results):
        results = corrected(results, alpha)
    for column in (name for name, kind in TYPES.items() if kind == "Float64"):
        results[column] = [None if pd.isna(value) else float(f"{value:.11e}") for value in results[column]]
    return results.astype(TYPES)


def action_result(action: pd.DataFrame, alpha: float, first_level: float) -> dict:
    """Return the figures of one action, wave and horizon by column; those that are null are left out.

    first_level: the level of the first step of Holm's procedure. A verdict `more` or `less` is the direction alone; it
    still has to pass the correction.
    """
    treated = action["is_treated"].to_numpy(dtype=bool)
    sizes = {"customers_treated": int(treated.sum()), "customers_held_out": int((~treated).sum())}
    if not action["is_complete"].all():
        return sizes | {"verdict": TOO_EARLY}
    spending, before = (action[name].to_numpy(dtype=np.float64) for name in ("spending", "spending_before"))
    if not (np.isfinite(spending).all() and np.isfinite(before).all()):
        raise ValueError("spending and spending_before must be finite.")
    bought = action["has_bought"].to_numpy(dtype=bool)
    groups = {"treated": treated, "held_out": ~treated}
    samples = {name: sample(spending[group], before[group]) for name, group in groups.items()}
    figures = dict(sizes)
    for name, group in groups.items():
        if group.any():
            figures[f"average_spending_{name}"] = total(samples[name]) / group.sum()
            figures[f"buyer_share_{name}"] = bought[group].mean()
    if treated.all() or not treated.any():
        return figures | {"verdict": TOO_FEW}
    figures["difference"] = figures["average_spending_treated"] - figures["average_spending_held_out"]
    if min(bought[group].sum() for group in groups.values()) < FEWEST_BUYERS or not is_comparable(**samples):
        return figures | {"verdict": TOO_FEW}
    comparison = compare(**samples)
    low, high = interval(comparison, alpha)
    increase = smallest_increase(comparison, first_level)
    log_ratio, root = estimate(comparison), signed_root(comparison, 0.0)
    if not np.isfinite([low, high, log_ratio, root]).all():
        return figures | {"verdict": TOO_FEW}
    adjusted = difference_at(comparison, log_ratio)
    is_more, is_less = min(root, adjusted, low) > 0, max(root, adjusted, high) < 0
    return figures | {
        "difference_adjusted": adjusted,
        "difference_low": low,
        "difference_high": high,
        "p_value": 2 * ndtr(-abs(root)),
        "smallest_effect": increase if np.isfinite(increase) else None,
        "verdict": MORE if is_more else LESS if is_less else NO_DIFFERENCE,
    }


def corrected(results: pd.DataFrame, alpha: float) -> pd.DataFrame:
    """Return the results with p_value_corrected and the final verdicts.

    An action without a p-value counts as one with a p-value of 1, so that its later p-value can only add a verdict.
    """
    results = results.copy()
    p_values = results["p_value"].astype("float64")
    holm = p_values.fillna(1.0).groupby([results["wave"], results["horizon_days"]]).transform(holm_adjusted)
    results["p_value_corrected"] = (holm * HORIZONS).clip(upper=1.0).where(p_values.notna())
    results.loc[results["p_value_corrected"] >= alpha, "verdict"] = NO_DIFFERENCE
    return results


def holm_adjusted(p_values: pd.Series) -> pd.Series:
    """Return Holm's adjusted p-values, in the order of p_values."""
    count = len(p_values)
    ordered = p_values.sort_values(kind="stable")
    steps = (ordered * np.arange(count, 0, -1)).cummax().clip(upper=1.0)
    return steps.reindex(p_values.index)


# ---- the comparison ----------------------------------------------------------------------------------------------


class Sample(NamedTuple):
    """The customers of a group: each pair of spending and spending before, and how many customers have it, (rows,)."""

    spending: np.ndarray
    before: np.ndarray
    customers: np.ndarray


class Comparison(NamedTuple):
    """Two groups, and how an effect on the average splits into buyers and amounts.

    The ratio of the averages is the ratio of the shares of customers who spent anything times the ratio of the average
    amounts of those. log_buyers and log_amounts are the logarithms of these two, as observed, and log_error is the
    standard error of their sum. buyers_variance_share is the share of the variance that log_buyers contributes.

    Spending before is the covariate of a regression of all customers, whatever their group (CUPED: Deng, Xu, Kohavi
    and Walker 2013, Improving the Sensitivity of Online Controlled Experiments by Utilizing Pre-Experiment Data). Its
    residuals are what is drawn. Since the regression does not know the groups, the test stays a permutation test
    (Rosenbaum 2002, Covariance Adjustment in Randomized Experiments and Observational Studies, Statistical Science 17).
    """

    treated: Sample
    held_out: Sample
    log_buyers: float
    log_amounts: float
    log_error: float
    buyers_variance_share: float


class Pool(NamedTuple):
    """The customers from whom a holdout is drawn under a hypothesis, (rows,) each.

    values: spending less what spending before explains, up to a constant. held_out: how many of the customers are held
    out. owners: the pair of spending and spending before that the row belongs to; that of a spender who is partly
    counted as a customer who spent nothing has two rows.
    """

    values: np.ndarray
    customers: np.ndarray
    held_out: np.ndarray
    owners: np.ndarray


class Draw(NamedTuple):
    """Residuals from which a holdout is drawn, with mean 0 and standard deviation 1, and how many customers have each.

    observed: the sum of the residuals of the held-out customers. size: the number of held-out customers.
    """

    residuals: np.ndarray
    customers: np.ndarray
    observed: float
    size: float


class Case(NamedTuple):
    """The draws of a holdout in which so many of the dominant customers are held out.

    size: how many of the other customers are held out. shift: the total of the dominant customers who are held out in
    the data, less that of those who are in this case.
    """

    log_probability: float
    size: int
    shift: float


def sample(spending: np.ndarray, before: np.ndarray) -> Sample:
    """Return the distinct pairs of the customers, (customers,) each, in ascending order."""
    order = np.lexsort((before, spending))
    spending, before = spending[order], before[order]
    is_first = np.r_[True, (np.diff(spending) != 0) | (np.diff(before) != 0)][: len(order)]
    starts = np.flatnonzero(is_first)
    return Sample(spending[starts], before[starts], np.diff(np.r_[starts, len(order)]).astype(np.float64))


def total(group: Sample) -> float:
    """Return the spending of all customers of the group."""
    return float((group.spending * group.customers).sum())


def spenders(group: Sample) -> float:
    """Return the number of customers whose net spending is not 0."""
    return float(group.customers[group.spending != 0].sum())


def is_comparable(treated: Sample, held_out: Sample) -> bool:
    """Return whether the ratio of the averages is defined, and the spread of the amounts known."""
    return all(total(group) > 0 and spenders(group) >= 2 for group in (treated, held_out))


def compare(treated: Sample, held_out: Sample) -> Comparison:
    """Return the comparison of two groups that are comparable.

    The variance of the logarithm of an average is its squared coefficient of variation (delta method). That of the
    amounts is pooled over both groups.
    """
    groups = treated, held_out
    sizes, counts = [group.customers.sum() for group in groups], [spenders(group) for group in groups]
    amounts = [total(group) / count for group, count in zip(groups, counts, strict=True)]
    squares = sum(
        (group.customers * (group.spending != 0) * (group.spending / amount - 1) ** 2).sum()
        for group, amount in zip(groups, amounts, strict=True)
    )
    amounts_variance = squares / (sum(counts) - 2) * sum(1 / count for count in counts)
    buyers_variance = sum(1 / count - 1 / size for count, size in zip(counts, sizes, strict=True))
    variance = amounts_variance + buyers_variance
    return Comparison(
        treated,
        held_out,
        log_buyers=np.log(counts[0] / sizes[0]) - np.log(counts[1] / sizes[1]),
        log_amounts=np.log(amounts[0]) - np.log(amounts[1]),
        log_error=np.sqrt(variance),
        buyers_variance_share=buyers_variance / variance if variance > 0 else 0.5,
    )


def pool(comparison: Comparison, log_ratio: float) -> Pool:
    """Return the customers from whom the holdout is drawn if the action multiplied average spending by exp(log_ratio).

    The hypothesis leaves open how much of the effect is more buyers. The most likely split under it is used: that of
    least squares, given both observed ratios and their variances. Amounts are undone by division. Additional buyers
    are undone by counting each spender of the group that has more of them partly as a customer who spent nothing.
    Both groups move half the way, so that exchanging them changes nothing.
    """
    surplus = log_ratio - comparison.log_buyers - comparison.log_amounts
    log_buyers = comparison.log_buyers + surplus * comparison.buyers_variance_share
    log_amounts = log_ratio - log_buyers
    values, befores, customers, held_out, owners = [], [], [], [], []
    first = 0
    for group, is_held_out, sign in ((comparison.treated, 0.0, -1.0), (comparison.held_out, 1.0, 1.0)):
        spends = group.spending != 0
        rows = first + np.arange(len(spends))
        first += len(spends)
        kept = min(1.0, np.exp(sign * log_buyers))
        amounts = group.spending * np.exp(sign * log_amounts / 2)
        parts = [(amounts, group.before, group.customers * np.where(spends, kept, 1.0), rows)]
        if kept < 1:
            unspent = np.zeros(np.count_nonzero(spends))
            parts.append((unspent, group.before[spends], group.customers[spends] * (1 - kept), rows[spends]))
        for value, before, count, owner in parts:
            values.append(value)
            befores.append(before)
            customers.append(count)
            held_out.append(count * is_held_out)
            owners.append(owner)
    value, before, count, drawn, owner = map(np.concatenate, (values, befores, customers, held_out, owners))
    return Pool(less_explained(value, before, count), count, drawn, owner)


def less_explained(values: np.ndarray, covariate: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the values less what their linear regression on the covariate explains, (rows,) all.

    The constant stays: next to one huge value, taking the mean from the others would cost their digits.
    """
    deviations = covariate - average(covariate, weights)
    squares = (weights * deviations**2).sum()
    # A covariate that is constant up to rounding explains nothing.
    if squares <= 1e-20 * (weights * covariate**2).sum():
        return values
    return values - (weights * deviations * values).sum() / squares * deviations


def average(values: np.ndarray, weights: np.ndarray) -> float:
    """Return the weighted mean."""
    return (weights * values).sum() / weights.sum()


def excess(customers: Pool) -> float:
    """Return by how much the total of the held-out customers is above its expectation."""
    _, residuals = centered(customers)
    return float((customers.held_out * residuals).sum())


def merged(residual: np.ndarray, customers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the residuals and their customers, (rows,) each, with fewer rows if there are very many."""
    if len(residual) <= EXACT_UP_TO:
        return residual, customers
    cells = np.floor((residual - residual.min()) / CELL).astype(np.int64)
    counts = np.bincount(cells, weights=customers)
    sums = np.bincount(cells, weights=customers * residual)
    filled = counts > 0
    return sums[filled] / counts[filled], counts[filled]


# ---- estimate and interval ---------------------------------------------------------------------------------------


def difference_at(comparison: Comparison, log_ratio: float) -> float:
    """Return the difference per customer, in money, that a ratio of the averages means for these customers.

    What all customers would spend if treated, less what they would spend if not: the treated tell the second by
    division, and the held-out the first by multiplication.
    """
    treated, held_out = comparison.treated, comparison.held_out
    customers = treated.customers.sum() + held_out.customers.sum()
    lifted, original = -np.expm1(-log_ratio) * total(treated), np.expm1(log_ratio) * total(held_out)
    return float((lifted + original) / customers)


def estimate(comparison: Comparison) -> float:
    """Return the log ratio under which the holdout is an average draw (Hodges and Lehmann 1963)."""
    center = comparison.log_buyers + comparison.log_amounts
    return crossing(lambda log_ratio: excess(pool(comparison, log_ratio)), center, comparison.log_error)


def interval(comparison: Comparison, alpha: float) -> tuple[float, float]:
    """Return the limits of the differences, in money, that are not rejected at level alpha; infinite without limit."""
    quantile = ndtri(1 - alpha / 2)
    low, high = limit(comparison, quantile), limit(comparison, -quantile)
    return (
        difference_at(comparison, low) if np.isfinite(low) else -np.inf,
        difference_at(comparison, high) if np.isfinite(high) else np.inf,
    )


def smallest_increase(comparison: Comparison, level: float) -> float:
    """Return the smallest increase per customer, in money, that is found with probability POWER; infinite if none is.

    It is found if the lower limit at this level is above 0. With probability POWER the true log ratio is below the
    upper limit of one-sided level 1 - POWER. If limits keep their distances from the estimate, which they do on the
    scale of the log ratio, an effect as large as the distance between these two limits is found. The normal
    approximation on the scale of money promises too much: with heavy tails a larger average is also less certain.
    """
    high, low = limit(comparison, -ndtri(POWER)), limit(comparison, ndtri(1 - level / 2))
    if not np.isfinite([low, high]).all():
        return np.inf
    customers = comparison.treated.customers.sum() + comparison.held_out.customers.sum()
    untreated = total(comparison.treated) * np.exp(-estimate(comparison)) + total(comparison.held_out)
    return float(np.expm1(high - low) * untreated / customers)


def limit(comparison: Comparison, quantile: float) -> float:
    """Return the log ratio whose signed root is the quantile; infinite without limit."""
    guess = comparison.log_buyers + comparison.log_amounts - quantile * comparison.log_error
    return crossing(lambda log_ratio: quantile - signed_root(comparison, log_ratio), guess, comparison.log_error)


def crossing(function, guess: float, scale: float) -> float:
    """Return where an increasing function crosses 0; infinite if not within LARGEST_LOG_RATIO, NaN if unknown."""
    step = max(scale / 2, PRECISION)
    low = high = min(max(guess, -LARGEST_LOG_RATIO), LARGEST_LOG_RATIO)
    at_low = at_high = function(low)
    while at_low > 0:
        if low <= -LARGEST_LOG_RATIO:
            return -np.inf
        high, at_high = low, at_low
        low, step = max(low - step, -LARGEST_LOG_RATIO), 2 * step
        at_low = function(low)
    while at_high < 0:
        if high >= LARGEST_LOG_RATIO:
            return np.inf
        low, at_low = high, at_high
        high, step = min(high + step, LARGEST_LOG_RATIO), 2 * step
        at_high = function(high)
    if not at_low <= 0 <= at_high:
        return np.nan
    return low if low == high else float(brentq(function, low, high, xtol=PRECISION))


def signed_root(comparison: Comparison, log_ratio: float) -> float:
    """Return the standard normal quantile of the hypothesis; positive if the action did more than it says.

    Its two-sided p-value is twice the probability of a standard normal variable beyond the root.
    """
    return -total_root(pool(comparison, log_ratio))


def total_root(others: Pool) -> float:
    """Return the standard normal quantile of the total of the held-out customers.

    Where one customer dominates, the total is either that of a draw without this customer or that of a draw with this
    customer, and there is a gap in between. A saddlepoint approximation smooths the gap over. So it is made for each
    case, in which only the others are drawn, and the tails of the cases are averaged by their probabilities.
    """
    held_out = round(others.held_out.sum())
    undecided, decided = [Case(0.0, held_out, 0.0)], []
    while undecided:
        mean, residuals = centered(others)
        observed = (others.held_out * residuals).sum()
        # Residuals with mean 0: no draw has a larger total.
        largest = (others.customers * np.abs(residuals)).sum() / 2
        totals = [(case, observed + case.shift - (case.size - held_out) * mean) for case in undecided]
        decided += [(case, np.sign(total) * IMPOSSIBLE) for case, total in totals if not abs(total) <= largest]
        totals = [(case, total) for case, total in totals if abs(total) <= largest]
        row = dominant(others, residuals) if len(totals) <= MOST_CASES else None
        if row is None:
            decided += [(case, saddlepoint_root(draw(others, residuals, total, case.size))) for case, total in totals]
            break
        number = round(others.customers.sum())
        value, customers, chosen, others = without(others, row)
        undecided = [part for case, _ in totals for part in parts(case, number, value, customers, chosen)]
        held_out -= chosen
    roots = np.array([root for _, root in decided])
    if len(roots) == 1:
        return float(roots[0])
    log_probabilities = np.array([case.log_probability for case, _ in decided])
    below, above = (logsumexp(log_probabilities + log_ndtr(sign * roots)) for sign in (1, -1))
    return float(ndtri_exp(below) if below < above else -ndtri_exp(above))


def centered(others: Pool) -> tuple[float, np.ndarray]:
    """Return the mean of the values and the values less it, (rows,); zeros if all are equal up to rounding."""
    mean = average(others.values, others.customers)
    residuals = others.values - mean
    largest = np.abs(residuals).max()
    return mean, residuals if largest > ROUNDING * abs(mean) else np.zeros(len(residuals))


def parts(case: Case, number: int, value: float, customers: int, chosen: int) -> list[Case]:
    """Return the parts of a case by how many customers with a dominant value are held out.

    number: how many customers were the others of the case, those with the value among them. chosen: how many customers
    with the value are held out in the data.
    """
    rest = number - customers
    return [
        Case(
            case.log_probability
            + log_choices(customers, some)
            + log_choices(rest, case.size - some)
            - log_choices(number, case.size),
            case.size - some,
            case.shift + (chosen - some) * value,
        )
        for some in range(max(0, case.size - rest), min(customers, case.size) + 1)
    ]


def draw(others: Pool, residuals: np.ndarray, observed: float, size: int) -> Draw:
    """Return the draw of so many customers whose residuals have this total."""
    deviation = np.sqrt(average(residuals**2, others.customers))
    if not deviation > 0:
        return Draw(np.zeros(1), np.array([others.customers.sum()]), observed, size)
    return Draw(*merged(residuals / deviation, others.customers), observed / deviation, size)


def dominant(others: Pool, residuals: np.ndarray) -> int | None:
    """Return the row of which one customer dominates; None if none does."""
    squares = residuals**2
    largest = np.minimum(others.customers, 1.0) * squares
    row = int(largest.argmax())
    return row if largest[row] > DOMINANT * (others.customers * squares).sum() else None


def without(others: Pool, row: int) -> tuple[float, int, int, Pool]:
    """Return the value of a row, its customers, how many of them are held out, and the pool without them.

    Spenders who are partly counted as customers who spent nothing are whole customers with the average value here.
    """
    is_row = others.owners == others.owners[row]
    values, customers, held_out, _ = (column[is_row] for column in others)
    rest = Pool(*(column[~is_row] for column in others))
    return average(values, customers), round(customers.sum()), round(held_out.sum()), rest


def log_choices(number: int, some: int) -> float:
    """Return the logarithm of the number of ways to choose some of so many."""
    return float(gammaln(number + 1) - gammaln(some + 1) - gammaln(number - some + 1))


def saddlepoint_root(holdout: Draw) -> float:
    """Return the standard normal quantile of the sum of a draw without replacement.

    The draw is that of independent choices of each customer with probability size / customers, given that size
    customers are chosen (Robinson 1982, Saddlepoint Approximations for Permutation Tests and Confidence Intervals,
    Journal of the Royal Statistical Society B 44:1). With the cumulant generating function of the sum and of the number
    chosen, Skovgaard's approximation of the conditional distribution (1987, Saddlepoint Expansions for Conditional
    Distributions, Journal of Applied Probability 24) is used in the form of Barndorff-Nielsen: root + log(u / root) /
    root.
    """
    values, customers, observed, size = holdout
    number = customers.sum()
    if not 0 < size < number:
        return float(np.sign(observed)) * IMPOSSIBLE
    share = size / number
    offset = np.log(share) - np.log1p(-share)
    spread = number * share * (1 - share)

    def objective(tilt: float, shift: float) -> float:
        """Return the generating function less its linear part, a convex function whose minimum is the saddlepoint."""
        cumulants = np.logaddexp(np.log1p(-share), np.log(share) + tilt * values + shift)
        return float((customers * cumulants).sum()) - tilt * observed - shift * size

    tilt, shift, now, determinant = 0.0, 0.0, 0.0, spread**2
    for _ in range(MOST_STEPS):
        chosen = expit(offset + tilt * values + shift)
        expected = customers * chosen
        variance = expected * (1 - chosen)
        weighted = variance * values
        slope_tilt, slope_shift = float((expected * values).sum()) - observed, float(expected.sum()) - size
        tilts, cross, shifts = float((weighted * values).sum()), float(weighted.sum()), float(variance.sum())
        determinant = tilts * shifts - cross**2
        if not determinant > SINGULAR * spread**2:
            return float(np.sign(observed)) * IMPOSSIBLE
        move_tilt = (shifts * slope_tilt - cross * slope_shift) / determinant
        move_shift = (tilts * slope_shift - cross * slope_tilt) / determinant
        decrement = move_tilt * slope_tilt + move_shift * slope_shift
        if decrement < CONVERGED * spread:
            break
        step = 1.0
        # Near the saddlepoint Newton's step is safe, and the objective is too flat to be compared.
        if decrement > SAFE:
            before, now = now, objective(tilt - move_tilt, shift - move_shift)
            while now > before - step * decrement / 10 and step > SMALLEST_STEP:
                step /= 2
                now = objective(tilt - step * move_tilt, shift - step * move_shift)
        tilt, shift = tilt - step * move_tilt, shift - step * move_shift
    root = float(np.sign(tilt) * np.sqrt(max(-2 * objective(tilt, shift), 0.0)))
    if abs(root) < CENTER:
        skewness = (1 - 2 * share) / np.sqrt(spread) * float((customers * values**3).sum()) / number
        return root + skewness / 6
    return root + np.log(tilt * np.sqrt(determinant / spread) / root) / root
