"""Coverage and false winners of ways to tell whether an action worked, in simulated shops.

    .venv/bin/python benchmarks/effects.py --shops 200 --seed 20000 --processes 2

Every shop splits its customers at random into treated and holdout, 90/10 unless the kind says otherwise. Without an
effect, 10 actions are judged after 30, 60 and 90 days: a shop with one or more winners is false. Intervals are compared
with the expected difference of a customer, with effects of 20 % on the average. effects.md has the results.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from collections.abc import Callable
from functools import partial
from multiprocessing import Pool
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from customer_segmentation import effects

ALPHA = 0.05
NORMAL = stats.norm.ppf(1 - ALPHA / 2)
HORIZONS = 3
ACTIONS = 10
# Customers of an action, on a logarithmic scale.
FEWEST, MOST = 300, 5_000
RESAMPLES = 499
# Customers whose average is the expected spending of a kind.
POPULATION = 2_000_000


class Kind(NamedTuple):
    """How customers spend.

    rate: (generator, customers) -> purchases per 30 days, (customers,). amounts: (generator, customers) -> a function
    from the customer of each purchase to its amount, (purchases,) both. holdout: share of customers. returned: share of
    the amounts that are returns.
    """

    rate: Callable
    amounts: Callable
    holdout: float = 0.1
    returned: float = 0.0


def gamma_rate(shape: float, mean: float) -> Callable:
    """Purchases of a customer per 30 days, gamma distributed."""
    return lambda generator, count: generator.gamma(shape, mean / shape, count)


def lognormal(sigma: float) -> Callable:
    """Lognormal amounts; 36 % of the variance of the logarithm is between customers."""

    def amounts(generator: np.random.Generator, count: int) -> Callable:
        scale = np.exp(generator.normal(3, 0.6 * sigma, count))
        return lambda owner: scale[owner] * np.exp(generator.normal(0, 0.8 * sigma, len(owner)))

    return amounts


def pareto(index: float) -> Callable:
    """Amounts with a Pareto tail: the moments from `index` on are infinite."""

    def amounts(generator: np.random.Generator, _: int) -> Callable:
        return lambda owner: 10 * (1 - generator.random(len(owner))) ** (-1 / index)

    return amounts


def gamma_gamma(shape: float, q: float, gamma: float) -> Callable:
    """Gamma-gamma amounts (Fader, Hardie and Lee 2005)."""

    def amounts(generator: np.random.Generator, count: int) -> Callable:
        rate = generator.gamma(q, 1 / gamma, count)
        return lambda owner: generator.gamma(shape, 1 / rate[owner])

    return amounts


KINDS = {
    # Spending of CDNOW's customers: p, q, gamma of Fader, Hardie and Lee; rates of those still active.
    "gamma-gamma": Kind(gamma_rate(0.5, 0.3), gamma_gamma(6.25, 3.74, 15.44)),
    "grocer": Kind(gamma_rate(1.2, 3.0), lognormal(0.8)),
    "lognormal 1.5": Kind(gamma_rate(0.5, 0.3), lognormal(1.5)),
    "lognormal 2": Kind(gamma_rate(0.5, 0.3), lognormal(2.0)),
    "Pareto 2.2": Kind(gamma_rate(0.5, 0.3), pareto(2.2)),
    "Pareto 1.5": Kind(gamma_rate(0.5, 0.3), pareto(1.5)),
    "lognormal 1.5, returns": Kind(gamma_rate(0.5, 0.4), lognormal(1.5), returned=0.15),
    "lognormal 1.5, 50/50": Kind(gamma_rate(0.5, 0.3), lognormal(1.5), holdout=0.5),
}
# By how much an action multiplies buyers and amounts.
EFFECTS = {"none": (1.0, 1.0), "amounts": (1.0, 1.2), "buyers": (1.2, 1.0), "both ways": (1.5, 0.8)}


def spendings(kind: Kind, generator: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Spending before and after, (HORIZONS, count) each, in 30, 60, ... days from the action, either way.

    A return is a negative amount of a purchase made earlier.
    """
    rate, amounts = kind.rate(generator, count), kind.amounts(generator, count)
    periods = []
    for _ in range(2):
        spent = np.zeros((HORIZONS, count))
        for horizon in range(HORIZONS):
            owner = np.repeat(np.arange(count), generator.poisson(rate))
            value = amounts(owner)
            value = np.where(generator.random(len(owner)) < kind.returned, -0.5 * value, value)
            spent[horizon] = np.bincount(owner, weights=value, minlength=count)
        periods.append(np.cumsum(spent, axis=0).round(2))
    return periods[0], periods[1]


class Action(NamedTuple):
    """Spending before and after of the treated and of the held-out customers, in one horizon."""

    treated: np.ndarray
    held_out: np.ndarray
    treated_before: np.ndarray
    held_out_before: np.ndarray


def action(kind: Kind, effect: str, generator: np.random.Generator) -> list[Action]:
    """One action, in each horizon. What the shop spends without it has 1 / buyers as many buyers."""
    buyers, amounts = EFFECTS[effect]
    count = int(np.exp(generator.uniform(np.log(FEWEST), np.log(MOST))))
    before, after = spendings(kind, generator, count)
    is_treated = np.ones(count, dtype=bool)
    is_treated[generator.permutation(count)[: max(1, round(count * kind.holdout))]] = False
    buys_anyway = generator.random(count) < 1 / buyers
    after = np.where(is_treated, after * amounts, after * buys_anyway)
    return [
        Action(after[row, is_treated], after[row, ~is_treated], before[row, is_treated], before[row, ~is_treated])
        for row in range(HORIZONS)
    ]


# ---- the methods: limits, and the two-sided p-value ---------------------------------------------------------------


def welch(data: Action) -> tuple[float, float, float]:
    """Welch 1947."""
    found = stats.ttest_ind(data.treated, data.held_out, equal_var=False)
    low, high = found.confidence_interval(1 - ALPHA)
    return low, high, found.pvalue * np.sign(found.statistic)


def cuped(data: Action) -> tuple[float, float, float]:
    """Welch on the residuals of the pooled regression on spending before (Deng et al. 2013)."""
    before = np.concatenate([data.treated_before, data.held_out_before])
    after = np.concatenate([data.treated, data.held_out])
    slope = np.cov(before, after)[0, 1] / max(before.var(ddof=1), 1e-12)
    treated, held_out = data.treated - slope * data.treated_before, data.held_out - slope * data.held_out_before
    return welch(data._replace(treated=treated, held_out=held_out))


def hall(data: Action) -> tuple[float, float, float]:
    """Hall's cubic transformation of the t statistic (1992), for two samples (Zhou and Dinh 2005)."""
    groups = data.treated, data.held_out
    variances = [group.var(ddof=1) / len(group) for group in groups]
    error = np.sqrt(sum(variances))
    thirds = [((group - group.mean()) ** 3).mean() / len(group) ** 2 for group in groups]
    skewness = (thirds[0] - thirds[1]) / error**3
    difference = groups[0].mean() - groups[1].mean()

    def transformed(t: float) -> float:
        return t + skewness * t**2 / 3 + skewness**2 * t**3 / 27 + skewness / 6

    def original(value: float) -> float:
        if abs(skewness) < 1e-9:
            return value
        return 3 * (np.cbrt(1 + skewness * (value - skewness / 6)) - 1) / skewness

    value = transformed(difference / error)
    low, high = (difference - error * original(quantile) for quantile in (NORMAL, -NORMAL))
    return low, high, 2 * stats.norm.sf(abs(value)) * np.sign(value)


def log_ratio(data: Action) -> tuple[float, float, float]:
    """The ratio of the averages on the log scale (delta method), as a difference of these customers."""
    groups = data.treated, data.held_out
    compared = comparison(data)
    if compared is None:
        return np.nan, np.nan, 1.0
    error = np.sqrt(sum(group.var(ddof=1) / len(group) / group.mean() ** 2 for group in groups))
    center = np.log(groups[0].mean() / groups[1].mean())
    low, high = (effects.difference_at(compared, center + sign * NORMAL * error) for sign in (-1, 1))
    return low, high, 2 * stats.norm.sf(abs(center / error)) * np.sign(center)


def bootstraps(data: Action) -> dict[str, tuple[float, float, float]]:
    """Percentile bootstrap and bootstrap-t (Efron and Tibshirani 1993); too few resamples for corrected p-values."""
    generator = np.random.default_rng(len(data.treated))
    groups = data.treated, data.held_out
    means, squares = [], []
    for group in groups:
        values, counts = np.unique(group, return_counts=True)
        drawn = generator.multinomial(len(group), counts / len(group), RESAMPLES)
        mean = drawn @ values / len(group)
        means.append(mean)
        squares.append((drawn @ values**2 / len(group) - mean**2).clip(min=0) / (len(group) - 1))
    differences = means[0] - means[1]
    difference = groups[0].mean() - groups[1].mean()
    error = np.sqrt(sum(group.var(ddof=1) / len(group) for group in groups))
    t = (differences - difference) / np.sqrt(sum(squares)).clip(min=1e-12)
    tails = [ALPHA / 2, 1 - ALPHA / 2]
    upper, lower = np.quantile(t, tails)
    return {
        "bootstrap, percentile": (*np.quantile(differences, tails), np.nan),
        "bootstrap-t": (difference - lower * error, difference - upper * error, np.nan),
    }


def comparison(data: Action, with_before: bool = True) -> effects.Comparison | None:
    """The comparison of the package, also where its rule finds too few buyers."""
    before = [values if with_before else np.zeros(len(values)) for values in data[2:]]
    samples = effects.sample(data.treated, before[0]), effects.sample(data.held_out, before[1])
    return effects.compare(*samples) if effects.is_comparable(*samples) else None


def amounts_only(compared: effects.Comparison | None) -> effects.Comparison | None:
    """The comparison under the hypothesis that an action multiplies every amount and brings no buyers."""
    if compared is None:
        return None
    total = compared.log_buyers + compared.log_amounts
    return compared._replace(log_buyers=0.0, log_amounts=total, buyers_variance_share=0.0)


PERMUTATIONS = {
    "permutation, amounts only": lambda data: amounts_only(comparison(data, with_before=False)),
    "permutation": lambda data: comparison(data, with_before=False),
    "permutation, CUPED (chosen)": comparison,
}
CHOSEN = list(PERMUTATIONS)[-1]
MOMENTS = {"Welch": welch, "CUPED, Welch": cuped, "Hall": hall, "log ratio": log_ratio}


def permuted(compared: effects.Comparison | None) -> tuple[float, float]:
    """The interval of the package; without limits where it is not defined."""
    return effects.interval(compared, ALPHA) if compared else (np.nan, np.nan)


def signed_p_value(compared: effects.Comparison | None) -> float:
    """The p-value of the package, with the sign of the difference; 1 where it is not defined."""
    if compared is None:
        return 1.0
    root = effects.signed_root(compared, 0.0)
    return 2 * stats.norm.sf(abs(root)) * (np.sign(root) or 1.0)


# ---- the simulation ------------------------------------------------------------------------------------------------


def buyers(data: Action) -> int:
    """Buyers of the group that has fewer."""
    return int(min((data.treated != 0).sum(), (data.held_out != 0).sum()))


def is_enough(data: Action) -> bool:
    """The rule of the package for too few buyers."""
    return buyers(data) >= effects.FEWEST_BUYERS and min(data.treated.mean(), data.held_out.mean()) > 0


def shops(kind: str, effect: str, seed: int, count: int) -> list[np.random.Generator]:
    """The random numbers of each shop."""
    place = list(KINDS).index(kind), list(EFFECTS).index(effect)
    return [np.random.default_rng([seed, *place, shop]) for shop in range(count)]


def false_winners(kind: str, seed: int, count: int) -> dict[str, float]:
    """The share of shops without effects that have a winner, by method."""
    permutations = {name: made for name, made in PERMUTATIONS.items() if name != "permutation"}
    tests = MOMENTS | permutations
    winners = defaultdict(int)
    for generator in shops(kind, "none", seed, count):
        p_values = {name: np.ones((ACTIONS, HORIZONS)) for name in tests}
        for number in range(ACTIONS):
            for horizon, data in enumerate(action(KINDS[kind], "none", generator)):
                if not is_enough(data):
                    continue
                for name, method in MOMENTS.items():
                    p_values[name][number, horizon] = abs(method(data)[2])
                for name, compared in permutations.items():
                    p_values[name][number, horizon] = abs(signed_p_value(compared(data)))
        for name, values in p_values.items():
            adjusted = [effects.holm_adjusted(pd.Series(values[:, horizon])) for horizon in range(HORIZONS)]
            winners[name] += bool(min(column.min() for column in adjusted) * HORIZONS < ALPHA)
    return {name: winners[name] / count for name in tests}


def expected(kind: str, effect: str) -> np.ndarray:
    """The expected difference per customer, (HORIZONS,)."""
    share, amounts = EFFECTS[effect]
    return spending_of(kind) * (amounts - 1 / share)


def spending_of(kind: str) -> np.ndarray:
    """The average spending of a customer whom all actions reach, (HORIZONS,)."""
    if kind not in AVERAGES:
        generator = np.random.default_rng([7, list(KINDS).index(kind)])
        AVERAGES[kind] = spendings(KINDS[kind], generator, POPULATION)[1].mean(axis=1)
    return AVERAGES[kind]


AVERAGES: dict[str, np.ndarray] = {}


def coverage(kind: str, effect: str, seed: int, count: int, chosen_only: bool = False) -> pd.DataFrame:
    """One row per interval: method, buyers, whether it covers the expected difference, and its width against Welch's.

    One action per shop. The bootstraps and the other permutations are made for the shortest horizon alone.
    """
    truth = expected(kind, effect)
    rows = []
    for generator in shops(kind, effect, seed + 1, count):
        for horizon, data in enumerate(action(KINDS[kind], effect, generator)):
            limits = {"Welch": welch(data)[:2], CHOSEN: permuted(comparison(data))}
            if not chosen_only:
                limits |= {name: method(data)[:2] for name, method in MOMENTS.items()}
            if horizon == 0 and not chosen_only:
                limits |= {name: found[:2] for name, found in bootstraps(data).items()}
                limits |= {name: permuted(made(data)) for name, made in PERMUTATIONS.items() if name != CHOSEN}
            unit = limits["Welch"][1] - limits["Welch"][0]
            facts = buyers(data), is_enough(data)
            rows += [
                (name, *facts, bool(np.isfinite(high - low)), low <= truth[horizon] <= high, (high - low) / unit)
                for name, (low, high) in limits.items()
            ]
    return pd.DataFrame(rows, columns=["method", "buyers", "is_enough", "is_limited", "covers", "width"])


def main() -> None:
    """Print the tables of effects.md."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shops", type=int, default=200)
    parser.add_argument("--seed", type=int, default=20_000)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument(
        "--chosen-only", action="store_true", help="only the coverage of Welch and of the chosen method"
    )
    parser.add_argument("--kinds", nargs="*", default=list(KINDS), choices=list(KINDS))
    arguments = parser.parse_args()
    methods = (
        ["Welch", CHOSEN]
        if arguments.chosen_only
        else [*MOMENTS, "bootstrap, percentile", "bootstrap-t", *PERMUTATIONS]
    )
    winners, cells = {}, {}
    with Pool(arguments.processes) as pool:
        simulated = partial(simulate, seed=arguments.seed, count=arguments.shops, chosen_only=arguments.chosen_only)
        for kind, found in zip(arguments.kinds, pool.imap(simulated, arguments.kinds), strict=True):
            winners[kind], cells[kind] = found
            print(f"{kind}: done", file=sys.stderr, flush=True)
    if not arguments.chosen_only:
        print("## Shops with a false winner, %\n")
        table({kind: [percent(winners[kind].get(name)) for name in methods] for kind in arguments.kinds}, methods)
    for effect in EFFECTS:
        print(f"\n## Coverage, %, and median width against Welch's: {effect}\n")
        table({kind: cell_texts(cells[kind][effect], methods) for kind in arguments.kinds}, methods)
    print("\n## Coverage of the chosen method by buyers of the group with fewer, %\n")
    spans = [(2, 4), (5, 9), (10, 19), (20, 49), (50, 99), (100, 10**9)]
    chosen = {}
    for effect in EFFECTS:
        rows = pd.concat([cells[kind][effect] for kind in arguments.kinds]).query("method == @CHOSEN")
        chosen[effect] = [span_text(rows[rows["buyers"].between(*span)]) for span in spans]
    table(chosen, [f"{low} to {high}" if high < 10**9 else f"{low} or more" for low, high in spans], "buyers")


def simulate(kind: str, seed: int, count: int, chosen_only: bool) -> tuple[dict[str, float], dict[str, pd.DataFrame]]:
    """False winners and, by effect, the intervals of a kind."""
    np.seterr(divide="ignore", invalid="ignore")
    winners = {} if chosen_only else false_winners(kind, seed, count)
    return winners, {effect: coverage(kind, effect, seed, count, chosen_only) for effect in EFFECTS}


def span_text(rows: pd.DataFrame) -> str:
    """Coverage of the intervals with limits, how many they are, and how many have none."""
    limited = rows[rows["is_limited"]]
    return f"{percent(limited['covers'].mean())} of {len(limited)}, {len(rows) - len(limited)} without limit"


def percent(share: float | None) -> str:
    """A share as text."""
    return "" if share is None else f"{100 * share:.1f}"


def cell_texts(rows: pd.DataFrame, methods: list[str]) -> list[str]:
    """Coverage and median width of each method, of the intervals with limits where there are enough buyers."""
    rows = rows[rows["is_enough"] & rows["is_limited"]]
    found = [rows[rows["method"] == name] for name in methods]
    return [f"{percent(part['covers'].mean())} / {part['width'].median():.2f}" if len(part) else "" for part in found]


def table(columns: dict[str, list[str]], names: list[str], title: str = "method") -> None:
    """Print one row per name and one column per key."""
    print(f"| {title} | " + " | ".join(columns) + " |\n|---|" + "---:|" * len(columns))
    for row, name in enumerate(names):
        print(f"| {name} | " + " | ".join(texts[row] for texts in columns.values()) + " |")


if __name__ == "__main__":
    main()
