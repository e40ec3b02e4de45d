"""Simulate a shop whose actions have known effects, carry out three waves, and compare the results with the truth.

Usage: python examples/campaign/play.py

The shop lives on between two builds. Customers on an exported list spend EFFECTS[action] times what they would have
spent otherwise, for EFFECT_DAYS from the day after the contact. The shop knows only the lists, not who was held out.
What customers would have spent otherwise is drawn for each period by itself, so no action changes the draws that
follow. The warehouse, the input and the exports in examples/campaign are recreated.
"""

from __future__ import annotations

import csv
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Set
from datetime import date, timedelta
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd

HERE = Path(__file__).resolve().parent
PROJECT = HERE.parents[1]
WAREHOUSE = HERE / "warehouse.duckdb"
AUDIENCES = HERE / "audiences"
SETTINGS = HERE / "settings.yml"
TRANSACTIONS = HERE / "input" / "transactions.csv"

SEED = 20_260_101
CUSTOMERS = 9_000
DAY_0 = date(2026, 1, 1)
# Customers joined between these numbers of days before day 0, and stay for LIFETIME_DAYS on average.
JOINED_BEFORE = (730, 365)
LIFETIME_DAYS = 4_000
# Three waves; the same action may come again after 90 days, and its longest horizon is then complete.
WAVES = 3
DAYS_BETWEEN_WAVES = 92
EFFECT_DAYS = 90

# By what each action multiplies the spending of those who are contacted; actions that are not named change nothing.
EFFECTS = {"loyalty_programme": 1.4, "suggest_what_goes_with_it": 0.6}

# {kind of customer: (share of the customers, purchases per year, typical amount)}
KINDS = {
    "regulars": (0.08, 20.0, 80.0),
    "moderates": (0.35, 7.0, 65.0),
    "small_baskets": (0.30, 16.0, 9.0),
    "rare": (0.27, 2.5, 22.0),
}
# Within a kind, purchase rates have a gamma distribution of this shape, typical amounts of customers a lognormal one,
# and amounts of a customer a lognormal one, with these standard deviations of the logarithm.
RATE_SHAPE = 15.0
CUSTOMER_SIGMA, AMOUNT_SIGMA = 0.15, 0.5

RESULTS = """
    select action_id, wave, verdict, customers_treated, customers_held_out,
        difference_adjusted, difference_low, difference_high
    from marts.action_results
    where horizon_days = 90
    order by action_id, wave
"""


# ---- the shop ----------------------------------------------------------------------------------------------------


def random(stream: int) -> np.random.Generator:
    """The random numbers of one part of the story, which do not depend on the other parts."""
    return np.random.default_rng([SEED, stream])


def customers(generator: np.random.Generator, count: int) -> pd.DataFrame:
    """Draw customers, one per row.

    Columns: customer_id, kind, rate (purchases per day), typical_amount, and joined and left (days relative to day 0).
    """
    shares, rates, amounts = (np.array(column) for column in zip(*KINDS.values(), strict=True))
    kind = generator.choice(len(KINDS), size=count, p=shares)
    joined = generator.integers(-JOINED_BEFORE[0], -JOINED_BEFORE[1], size=count)
    return pd.DataFrame(
        {
            "customer_id": [f"C{number:05d}" for number in range(1, count + 1)],
            "kind": np.array(list(KINDS))[kind],
            "rate": generator.gamma(RATE_SHAPE, rates[kind] / RATE_SHAPE / 365),
            "typical_amount": amounts[kind] * generator.lognormal(0, CUSTOMER_SIGMA, size=count),
            "joined": joined,
            "left": joined + generator.exponential(LIFETIME_DAYS, size=count).astype(int),
        }
    )


def purchases(generator: np.random.Generator, shop: pd.DataFrame, first_day: int, last_day: int) -> pd.DataFrame:
    """Draw what the customers buy from first_day to last_day, without any action: customer_id, day and amount.

    Everybody buys on the day of joining, and then at random times until the day of leaving.
    """
    start = np.maximum(shop["joined"] + 1, first_day)
    days = np.maximum(np.minimum(shop["left"], last_day) - start + 1, 0)
    counts = generator.poisson(shop["rate"] * days)
    joins = shop["joined"].between(first_day, last_day).to_numpy()
    buyer = np.concatenate([np.flatnonzero(joins), np.repeat(np.arange(len(shop)), counts)])
    later = np.repeat(start.to_numpy(), counts) + (generator.random(counts.sum()) * np.repeat(days, counts)).astype(int)
    lines = pd.DataFrame(
        {
            "customer_id": shop["customer_id"].to_numpy()[buyer],
            "day": np.concatenate([shop["joined"].to_numpy()[joins], later]),
            "amount": shop["typical_amount"].to_numpy()[buyer] * generator.lognormal(0, AMOUNT_SIGMA, size=len(buyer)),
        }
    )
    return lines.sort_values(["day", "customer_id"], kind="stable", ignore_index=True)


def with_effects(lines: pd.DataFrame, lists: Mapping[str, Set[str]], contact_day: int) -> pd.DataFrame:
    """Return the lines as they are after the customers of each list were contacted on contact_day.

    lists: {action: customers}. The amounts of the EFFECT_DAYS after that day are multiplied; all other lines stay.
    """
    factor = np.ones(len(lines))
    in_time = lines["day"].between(contact_day + 1, contact_day + EFFECT_DAYS)
    for action, contacted in lists.items():
        factor[in_time & lines["customer_id"].isin(contacted)] *= EFFECTS.get(action, 1.0)
    return lines.assign(amount=lines["amount"] * factor)


def true_differences(lines: pd.DataFrame, lists: Mapping[str, Set[str]], contact_day: int) -> dict[str, float]:
    """Return what each action adds to the spending of an average customer on its list, in money.

    lines: the purchases without any action.
    """
    after = with_effects(lines, lists, contact_day)
    added = (after["amount"] - lines["amount"]).groupby(lines["customer_id"]).sum()
    return {action: float(added.reindex(sorted(ids), fill_value=0.0).mean()) for action, ids in lists.items()}


# ---- its files ---------------------------------------------------------------------------------------------------


def append_transactions(lines: pd.DataFrame, file: Path) -> None:
    """Append the lines to the CSV file, which is created if it does not exist; amounts have two decimals."""
    is_new = not file.exists()
    first_day = lines["day"].min()
    lines.assign(
        transaction_id=[f"T{first_day:+d}-{number}" for number in range(len(lines))],
        date=[DAY_0 + timedelta(days=int(day)) for day in lines["day"]],
    )[["transaction_id", "customer_id", "date", "amount"]].to_csv(
        file, mode="w" if is_new else "a", header=is_new, index=False, float_format="%.2f"
    )


def exported_lists(folder: Path) -> dict[str, set[str]]:
    """Return {action: customers to contact} from the CSV files of an export."""
    lists = {}
    for file in sorted(folder.glob("*.csv")):
        if "." not in file.stem:  # loyalty_programme.removed.csv is not a list of customers to contact
            with file.open(encoding="utf-8-sig", newline="") as opened:
                lists[file.stem] = {row["customer_id"] for row in csv.DictReader(opened)}
    return lists


# ---- the campaign ------------------------------------------------------------------------------------------------


def run(module: str, *arguments: str) -> None:
    """Run a module of the project as `make` does."""
    environment = os.environ | {
        "SEGMENTATION_WAREHOUSE": str(WAREHOUSE),
        "SEGMENTATION_AUDIENCES": str(AUDIENCES),
        "DBT_PROFILES_DIR": str(PROJECT),
    }
    subprocess.run([sys.executable, "-m", module, *arguments], cwd=PROJECT, env=environment, check=True)


def print_results(truth: Mapping[tuple[str, int], float]) -> None:
    """Print the results of the mart as a Markdown table. truth: {(action, wave): true difference}."""
    with duckdb.connect(str(WAREHOUSE), read_only=True) as connection:
        rows = connection.execute(RESULTS).fetchall()
    print("| action | wave | treated | held out | true effect | true difference | measured (95 % interval) | verdict |")
    print("|---|---|---|---|---|---|---|---|")
    for action, wave, verdict, treated, held_out, difference, low, high in rows:
        effect = f"{EFFECTS.get(action, 1.0) - 1:+.0%}".replace("%", " %") if action in EFFECTS else "none"
        measured = "" if difference is None else f"{difference:+.2f} ({low:+.2f} to {high:+.2f})"
        cells = [action, wave, f"{treated:,}", f"{held_out:,}", effect, f"{truth[action, wave]:+.2f}"]
        print("|", " | ".join(map(str, [*cells, measured, verdict])), "|")


def main() -> None:
    """Play the campaign and print its results beside the truth."""
    for remains in (WAREHOUSE, WAREHOUSE.with_name(f"{WAREHOUSE.name}.wal"), TRANSACTIONS):
        remains.unlink(missing_ok=True)
    shutil.rmtree(AUDIENCES, ignore_errors=True)
    TRANSACTIONS.parent.mkdir(exist_ok=True)
    shop = customers(random(0), CUSTOMERS)
    append_transactions(purchases(random(1), shop, -JOINED_BEFORE[0], 0), TRANSACTIONS)
    truth = {}
    for wave in range(1, WAVES + 1):
        # The model of the first wave serves the others, as in a shop that scores every month and trains once a year.
        how = ["--selector", "score"] if wave > 1 else []
        run("customer_segmentation.audiences", "--settings", str(SETTINGS), "--", "--quiet", *how)
        lists = exported_lists(AUDIENCES / f"{wave:06d}")
        contact_day = (wave - 1) * DAYS_BETWEEN_WAVES
        lines = purchases(random(wave + 1), shop, contact_day + 1, contact_day + DAYS_BETWEEN_WAVES)
        for action, difference in true_differences(lines, lists, contact_day).items():
            truth[action, wave] = difference
        append_transactions(with_effects(lines, lists, contact_day), TRANSACTIONS)
    settings = SETTINGS.read_text(encoding="utf-8")
    run("customer_segmentation.dbt_command", "build", "--quiet", "--selector", "score", "--vars", settings)
    print_results(truth)


if __name__ == "__main__":
    main()
