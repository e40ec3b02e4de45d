"""The simulated shop of examples/campaign: what its customers buy, and what an action changes."""

from __future__ import annotations

import importlib.util
from datetime import timedelta
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
from conftest import PROJECT

CONTACT_DAY = 92
WORKS, HARMS, NOTHING = "loyalty_programme", "suggest_what_goes_with_it", "exclusive_rewards"


@pytest.fixture(scope="module")
def play() -> ModuleType:
    spec = importlib.util.spec_from_file_location("play", PROJECT / "examples" / "campaign" / "play.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def shop(play: ModuleType) -> pd.DataFrame:
    return play.customers(play.random(0), 6_000)


@pytest.fixture(scope="module")
def lines(play: ModuleType, shop: pd.DataFrame) -> pd.DataFrame:
    """What the customers buy from well before a contact until well after its effect has ended."""
    return play.purchases(play.random(1), shop, 0, CONTACT_DAY + 120)


def spending(lines: pd.DataFrame, customers, days: range) -> float:
    of_them = lines["customer_id"].isin(customers) & lines["day"].between(days.start, days.stop - 1)
    return lines.loc[of_them, "amount"].sum()


@pytest.mark.parametrize(("action", "factor"), [(WORKS, 1.4), (HARMS, 0.6), (NOTHING, 1.0)])
def test_the_contacted_spend_more_or_less_by_the_true_effect(play, shop, lines, action, factor):
    contacted, others = set(shop["customer_id"][::2]), set(shop["customer_id"][1::2])
    during = range(CONTACT_DAY + 1, CONTACT_DAY + 1 + play.EFFECT_DAYS)
    after = play.with_effects(lines, {action: contacted}, CONTACT_DAY)

    assert spending(after, contacted, during) == pytest.approx(factor * spending(lines, contacted, during))
    # In expectation too: halves of the shop differ by chance only, 2 % here.
    assert spending(after, contacted, during) / spending(after, others, during) == pytest.approx(factor, rel=0.08)
    true = play.true_differences(lines, {action: contacted}, CONTACT_DAY)[action]
    assert true == pytest.approx((factor - 1) * spending(lines, contacted, during) / len(contacted))


def test_nothing_else_changes(play, shop, lines):
    contacted = set(shop["customer_id"][::2])
    after = play.with_effects(lines, {WORKS: contacted}, CONTACT_DAY)

    changed = lines[after["amount"] != lines["amount"]]
    assert set(changed["customer_id"]) <= contacted
    assert (changed["day"].min(), changed["day"].max()) == (CONTACT_DAY + 1, CONTACT_DAY + play.EFFECT_DAYS)
    pd.testing.assert_frame_equal(after.drop(columns="amount"), lines.drop(columns="amount"))
    pd.testing.assert_frame_equal(play.with_effects(lines, {}, CONTACT_DAY), lines)


def test_every_draw_can_be_repeated_and_no_period_depends_on_another(play, shop, lines):
    pd.testing.assert_frame_equal(play.customers(play.random(0), 6_000), shop)
    play.purchases(play.random(2), shop, 300, 400)
    pd.testing.assert_frame_equal(play.purchases(play.random(1), shop, 0, CONTACT_DAY + 120), lines)
    assert len(play.purchases(play.random(2), shop, 0, CONTACT_DAY + 120)) != len(lines)


def test_a_customer_buys_on_the_day_of_joining_and_never_before_or_after_the_membership(play, shop):
    lines = play.purchases(play.random(1), shop, -play.JOINED_BEFORE[0], 0).merge(shop, on="customer_id")

    first = lines.groupby("customer_id")["day"].min()
    assert (first.reindex(shop["customer_id"]).to_numpy() == shop["joined"].to_numpy()).all()
    assert (lines["day"] <= np.maximum(lines["left"], lines["joined"])).all()
    assert lines["day"].max() == 0
    assert (lines["amount"] > 0).all()


def test_purchases_come_at_the_rates_of_the_kinds(play, shop):
    lines = play.purchases(play.random(1), shop, 1, 365)
    kinds = shop.assign(purchases=shop["customer_id"].map(lines["customer_id"].value_counts()).fillna(0))
    kinds["expected"] = kinds["rate"] * np.clip(kinds["left"], 0, 365)

    sums = kinds.groupby("kind")[["purchases", "expected"]].sum()
    assert set(sums.index) == set(play.KINDS)
    # Four standard deviations of a Poisson number.
    assert (abs(sums["purchases"] - sums["expected"]) < 4 * np.sqrt(sums["expected"])).all()
    for kind, (_, rate, _) in play.KINDS.items():
        assert kinds.loc[kinds["kind"] == kind, "rate"].mean() * 365 == pytest.approx(rate, rel=0.05)


def test_later_transactions_are_appended_and_earlier_ones_stay(play, shop, tmp_path):
    file = tmp_path / "transactions.csv"
    before = play.purchases(play.random(1), shop, -play.JOINED_BEFORE[0], 0)
    play.append_transactions(before, file)
    history = file.read_bytes()
    play.append_transactions(play.purchases(play.random(2), shop, 1, 92), file)

    assert file.read_bytes().startswith(history)
    written = pd.read_csv(file)
    assert written["transaction_id"].is_unique
    dates = written["date"].to_numpy()
    assert dates[: len(before)].max() == str(play.DAY_0)
    assert dates[len(before) :].min() == str(play.DAY_0 + timedelta(days=1))
    assert dates.max() == str(play.DAY_0 + timedelta(days=92))


def test_only_lists_of_customers_to_contact_are_read(play, tmp_path):
    (tmp_path / "upsell.csv").write_text("customer_id,is_new\nC00001,true\nC00002,false\n", encoding="utf-8-sig")
    (tmp_path / "upsell.removed.csv").write_text("customer_id,why\nC00003,held out\n", encoding="utf-8-sig")
    (tmp_path / "upsell.meta.csv").write_text("email,phone\n", encoding="utf-8")
    (tmp_path / "manifest.json").write_text("{}", encoding="utf-8")

    assert play.exported_lists(tmp_path) == {"upsell": {"C00001", "C00002"}}


def test_there_is_an_action_that_works_one_that_harms_and_the_playbook_has_them(play):
    playbook = pd.read_csv(PROJECT / "seeds" / "playbook" / "segment_playbook.csv")
    assert play.EFFECTS == {WORKS: 1.4, HARMS: 0.6}
    assert {*play.EFFECTS, NOTHING} <= set(playbook["action_id"])
