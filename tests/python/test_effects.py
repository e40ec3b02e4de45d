"""The effect of an action: oracles, symmetries, multiple testing, and coverage in simulated shops."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from customer_segmentation import effects
from customer_segmentation.effects import action_results

KEYS = ["wave", "action_id", "horizon_days"]
MONEY = ["difference", "difference_adjusted", "difference_low", "difference_high", "smallest_effect"]
FIGURES = [name for name, kind in effects.TYPES.items() if kind == "Float64"]
few_examples = settings(max_examples=12, deadline=None)


def outcomes_of(treated, held_out, before=None, *, wave=1, action="a", horizon=30, complete=True) -> pd.DataFrame:
    """Outcomes of one action; before: spending before of the treated, then of the held-out customers."""
    spending = np.concatenate([treated, held_out]).astype(float)
    count = len(spending)
    return pd.DataFrame(
        {
            "wave": wave,
            "action_id": action,
            "horizon_days": horizon,
            "customer_id": [f"C{number:06d}" for number in range(count)],
            "is_treated": np.arange(count) < len(treated),
            "spending": spending,
            "has_bought": spending != 0,
            "spending_before": np.zeros(count) if before is None else before,
            "is_complete": complete,
        }
    )


def shop(seed: int, count: int = 600, holdout: float = 0.2, lift: float = 1.0, **keys) -> pd.DataFrame:
    """A third of the customers buy, for lognormal amounts that depend on what they spent before; some return."""
    generator = np.random.default_rng(seed)
    habit = generator.normal(3, 0.8, count)
    before, after = (
        (np.exp(habit + generator.normal(0, 0.6, count)) * (generator.random(count) < 0.35)).round(2) for _ in range(2)
    )
    after = np.where(generator.random(count) < 0.03, -5.0, after)
    held_out = round(count * holdout)
    return outcomes_of(after[held_out:] * lift, after[:held_out], np.roll(before, -held_out), **keys)


def result(outcomes: pd.DataFrame) -> pd.Series:
    results = action_results(outcomes)
    assert len(results) == 1
    return results.iloc[0]


def exchanged(outcomes: pd.DataFrame) -> pd.DataFrame:
    return outcomes.assign(is_treated=~outcomes["is_treated"])


def permuted_totals(spending: np.ndarray, size: int, generator: np.random.Generator) -> np.ndarray:
    """Totals of 40,000 random draws of `size` customers."""
    places = generator.random((40_000, len(spending))).argpartition(size, axis=1)[:, :size]
    return spending[places].sum(axis=1)


# ---- oracles -------------------------------------------------------------------------------------------------------


def test_averages_and_shares_are_those_of_the_groups():
    outcomes = shop(1)
    found, groups = result(outcomes), outcomes.groupby("is_treated")
    for is_treated, name in ((True, "treated"), (False, "held_out")):
        group = groups.get_group(is_treated)
        assert found[f"customers_{name}"] == len(group)
        assert found[f"average_spending_{name}"] == pytest.approx(group["spending"].mean(), rel=1e-11)
        assert found[f"buyer_share_{name}"] == pytest.approx(group["has_bought"].mean(), rel=1e-11)
    average = groups["spending"].mean()
    assert found["difference"] == pytest.approx(average[True] - average[False], rel=1e-9)


def test_without_tails_it_agrees_with_welch():
    """Many customers with normal amounts and equal groups: every valid interval is Welch's."""
    generator = np.random.default_rng(2)
    treated, held_out = generator.normal(101, 20, 3000), generator.normal(100, 20, 3000)
    found, welch = result(outcomes_of(treated, held_out)), stats.ttest_ind(treated, held_out, equal_var=False)
    low, high = welch.confidence_interval(0.95)
    assert found["p_value"] == pytest.approx(welch.pvalue, rel=0.03)
    assert [found["difference_low"], found["difference_high"]] == pytest.approx([low, high], abs=0.01 * (high - low))
    assert found["difference_adjusted"] == pytest.approx(found["difference"], rel=1e-6)


def test_spending_before_shortens_the_interval_as_the_regression_does():
    generator = np.random.default_rng(3)
    before = generator.normal(100, 20, 4000)
    after = 20 + 0.8 * before + generator.normal(0, 12, 4000)
    treated, held_out = after[:2000] + 1, after[2000:]
    found = result(outcomes_of(treated, held_out, before))
    slope = stats.linregress(before, np.concatenate([treated, held_out])).slope
    residuals = treated - slope * before[:2000], held_out - slope * before[2000:]
    welch = stats.ttest_ind(*residuals, equal_var=False)
    low, high = welch.confidence_interval(0.95)
    assert [found["difference_low"], found["difference_high"]] == pytest.approx([low, high], abs=0.01 * (high - low))
    assert found["difference_adjusted"] == pytest.approx(residuals[0].mean() - residuals[1].mean(), abs=0.01)
    assert found["difference"] == pytest.approx(treated.mean() - held_out.mean(), rel=1e-9)


@pytest.mark.parametrize(("seed", "lift"), [(1, 1.0), (2, 1.6), (3, 0.6), (5, 2.2)])
def test_the_p_value_is_that_of_random_permutations(seed, lift):
    """Every customer buys, so that the hypothesis of no effect leaves nothing open."""
    generator = np.random.default_rng(seed)
    spending = generator.lognormal(3, 1.2, 90)
    spending[:70] *= lift
    found = result(outcomes_of(spending[:70], spending[70:]))
    draws = permuted_totals(spending, 20, generator)
    tail = min((draws <= spending[70:].sum()).mean(), (draws >= spending[70:].sum()).mean())
    assert found["p_value"] == pytest.approx(2 * tail, rel=0.05, abs=0.002)


@pytest.mark.parametrize(
    ("large", "count", "size"),
    [
        ([3000], 150, 15),
        ([3000], 60, 30),
        ([50_000], 1200, 12),
        ([2500, 2500, 4000], 150, 30),
        ([60, 200, 700, 2500, 9000, 30_000, 100_000, 300_000], 220, 11),
    ],
)
@pytest.mark.parametrize("is_held_out", [False, True])
def test_the_tails_are_those_of_random_permutations_where_few_orders_dominate(large, count, size, is_held_out):
    """The total has a gap between draws without and with a large order. The largest is in the group that is named."""
    generator = np.random.default_rng(59)
    spending = generator.lognormal(3, 0.5, count).round(2)
    spending[: len(large)] = large
    totals = permuted_totals(spending, size, generator)
    for _ in range(5):
        order = generator.permutation(count)
        while (order[:size] == len(large) - 1).any() != is_held_out:
            order = generator.permutation(count)
        held_out, treated = spending[order[:size]], spending[order[size:]]
        root = effects.signed_root(
            effects.compare(*(effects.sample(group, np.zeros(len(group))) for group in (treated, held_out))), 0.0
        )
        assert stats.norm.sf(root) == pytest.approx((totals <= held_out.sum()).mean(), abs=0.015)


def test_a_large_order_of_a_treated_customer_does_not_hide_where_the_others_are():
    """The larger the hypothetical effect is, the less the action did beyond it, also where the order is undone."""
    generator = np.random.default_rng(59)
    spending = generator.lognormal(3, 0.5, 150).round(2)
    spending[0] = 3000
    found = result(outcomes_of(spending[:135], spending[135:]))
    assert found["p_value"] > 0.5
    assert found["verdict"] == "no difference seen"
    groups = (effects.sample(group, np.zeros(len(group))) for group in (spending[:135], spending[135:]))
    compared = effects.compare(*groups)
    roots = np.array([effects.signed_root(compared, log_ratio) for log_ratio in np.linspace(-0.5, 5, 56)])
    assert (np.diff(roots) < 0.001).all()


def test_the_limits_are_the_effects_that_random_permutations_do_not_reject():
    """The treated divided by the ratio of a limit: the holdout's total is then at a quantile of 2.5 %."""
    generator = np.random.default_rng(6)
    treated, held_out = generator.lognormal(3, 1.2, 120), generator.lognormal(3, 1.2, 30)
    found = result(outcomes_of(treated, held_out))
    for limit, is_low in ((found["difference_low"], True), (found["difference_high"], False)):
        # difference = ((1 - 1 / ratio) * treated + (ratio - 1) * held_out) / customers is a quadratic in the ratio.
        a, b = held_out.sum(), treated.sum() - held_out.sum() - limit * 150
        ratio = (-b + np.sqrt(b**2 + 4 * a * treated.sum())) / (2 * a)
        pool = np.concatenate([treated / ratio, held_out])
        draws = permuted_totals(pool, 30, generator)
        share = (draws <= held_out.sum()).mean() if is_low else (draws >= held_out.sum()).mean()
        assert share == pytest.approx(0.025, abs=0.005)


def test_many_customers_are_merged_without_a_visible_change(monkeypatch):
    outcomes = shop(7, count=14_000)
    exact = result(outcomes)
    monkeypatch.setattr(effects, "EXACT_UP_TO", 100)
    merged = result(outcomes)
    assert merged["difference_low"] != exact["difference_low"]
    width = exact["difference_high"] - exact["difference_low"]
    for name in ("difference_low", "difference_high", "difference_adjusted"):
        assert merged[name] == pytest.approx(exact[name], abs=1e-4 * width)
    assert merged["p_value"] == pytest.approx(exact["p_value"], rel=1e-3)


# ---- properties ----------------------------------------------------------------------------------------------------


@few_examples
@given(seed=st.integers(0, 10_000), lift=st.sampled_from([0.5, 1.0, 1.3, 3.0]))
def test_exchanging_the_groups_flips_the_sign(seed, lift):
    outcomes = shop(seed, lift=lift)
    found, other = result(outcomes), result(exchanged(outcomes))
    for one, two in (("difference_low", "difference_high"), ("difference_adjusted", "difference_adjusted")):
        assert other[one] == pytest.approx(-found[two], rel=1e-5, abs=1e-5)
        assert other[two] == pytest.approx(-found[one], rel=1e-5, abs=1e-5)
    assert other["difference"] == pytest.approx(-found["difference"], rel=1e-9)
    assert other["p_value"] == pytest.approx(found["p_value"], rel=1e-6)
    flipped = {"more": "less", "less": "more"}
    assert other["verdict"] == flipped.get(found["verdict"], found["verdict"])


@few_examples
@given(seed=st.integers(0, 10_000), factor=st.sampled_from([0.01, 3.0, 1000.0]))
def test_another_currency_scales_the_money_and_nothing_else(seed, factor):
    outcomes = shop(seed, lift=1.2)
    money = {name: outcomes[name] * factor for name in ("spending", "spending_before")}
    found, scaled = result(outcomes), result(outcomes.assign(**money))
    for name in MONEY:
        assert scaled[name] == pytest.approx(factor * found[name], rel=1e-5, abs=1e-5 * factor)
    assert scaled["p_value"] == pytest.approx(found["p_value"], rel=1e-6)
    assert scaled["verdict"] == found["verdict"]


@few_examples
@given(seed=st.integers(0, 10_000), constant=st.sampled_from([-7.5, 40.0]))
def test_a_constant_added_to_spending_before_changes_nothing(seed, constant):
    outcomes = shop(seed)
    found = result(outcomes)
    moved = result(outcomes.assign(spending_before=outcomes["spending_before"] + constant))
    for name in MONEY:
        assert moved[name] == pytest.approx(found[name], rel=1e-5, abs=1e-5)


@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_the_order_of_the_rows_has_no_effect_on_a_single_bit(seed):
    outcomes = pd.concat([shop(seed), shop(seed + 1, horizon=60), shop(seed + 2, action="b"), shop(seed, wave=2)])
    shuffled = outcomes.sample(frac=1, random_state=seed)
    pd.testing.assert_frame_equal(action_results(outcomes), action_results(shuffled), check_exact=True)


@pytest.mark.parametrize("seed", range(5))
def test_the_same_amounts_in_another_order_have_the_same_average(seed):
    """To the last bit, which rounding alone does not ensure: the difference is 0."""
    generator = np.random.default_rng(seed)
    amounts = generator.lognormal(3, 3, 5000)
    outcomes = outcomes_of(amounts, generator.permutation(amounts)).assign(has_bought=False)
    assert result(outcomes)["difference"] == 0


@few_examples
@given(seed=st.integers(0, 10_000), lift=st.sampled_from([0.3, 1.0, 1.5, 10.0]))
def test_the_interval_contains_the_estimate_and_agrees_with_the_p_value(seed, lift):
    found = result(shop(seed, lift=lift))
    assert found["difference_low"] < found["difference_adjusted"] < found["difference_high"]
    assert (found["p_value"] < 0.05) == (not found["difference_low"] <= 0 <= found["difference_high"])


def test_a_larger_effect_gives_a_larger_estimate_and_a_wider_interval():
    found = [result(shop(4, lift=lift)) for lift in (0.5, 0.8, 1.0, 1.5, 3.0)]
    for one, two in pairwise(found):
        assert one["difference_adjusted"] < two["difference_adjusted"]
        assert one["difference_low"] < two["difference_low"]
        assert one["difference_high"] < two["difference_high"]


def test_the_p_value_falls_as_the_effect_grows_and_the_interval_keeps_its_limits():
    """A search for the saddlepoint that stops short shows here first, far from the center."""
    spending = np.random.default_rng(3).lognormal(3, 1.2, 90)
    found = [result(outcomes_of(spending[:70] * lift, spending[70:])) for lift in (1, 2, 4, 8, 16, 64, 256)]
    for one, two in pairwise(found[1:]):
        assert 0 <= two["p_value"] < one["p_value"]
    ratios = [row["average_spending_treated"] / row["average_spending_held_out"] for row in found]
    assert ratios[-1] > 100
    assert all(row["difference_low"] < row["difference"] < row["difference_high"] for row in found)


@few_examples
@given(seed=st.integers(0, 10_000), lift=st.sampled_from([0.5, 1.0, 2.0]), kept=st.sampled_from([0.5, 1.0]))
def test_without_spending_before_the_adjusted_difference_is_the_plain_one(seed, lift, kept):
    """Whatever part of the effect is buyers, and in which group they are more."""
    outcomes = shop(seed, lift=lift).assign(spending_before=0.0)
    is_dropped = outcomes["is_treated"] & (np.random.default_rng(seed).random(len(outcomes)) > kept)
    found = result(outcomes.assign(spending=outcomes["spending"].where(~is_dropped, 0.0)))
    assert found["difference_adjusted"] == pytest.approx(found["difference"], rel=1e-5, abs=1e-5)


def test_the_numbers_have_twelve_significant_digits():
    found = result(shop(8))
    for name in FIGURES:
        assert found[name] == float(f"{found[name]:.11e}")


# ---- verdicts ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("lift", "verdict"), [(3.0, "more"), (1.0, "no difference seen"), (1 / 3, "less")])
def test_the_verdict_names_the_direction(lift, verdict):
    assert result(shop(9, count=3000, lift=lift))["verdict"] == verdict


def test_an_effect_without_doubt_has_a_p_value_near_zero_and_an_interval():
    found = result(shop(10, count=3000, lift=200.0))
    assert found["verdict"] == "more"
    assert 0 <= found["p_value"] < 1e-20
    assert 0 < found["difference_low"] < found["difference_high"] < np.inf


def test_nobody_gives_no_rows_of_the_same_types():
    empty, filled = action_results(shop(1).iloc[:0]), action_results(shop(1))
    assert len(empty) == 0
    assert empty.dtypes.to_dict() == filled.dtypes.to_dict()
    assert list(filled.columns) == list(effects.TYPES)


@pytest.mark.parametrize("is_treated", [True, False])
def test_one_group_alone_is_too_few_to_tell(is_treated):
    found = result(shop(1).assign(is_treated=is_treated))
    empty, full = ("held_out", "treated") if is_treated else ("treated", "held_out")
    assert found["verdict"] == "too few to tell"
    assert (found[f"customers_{empty}"], found[f"customers_{full}"]) == (0, 600)
    assert pd.isna(found[f"average_spending_{empty}"])
    assert found[f"average_spending_{full}"] > 0
    assert found[[*MONEY, "p_value", "p_value_corrected"]].isna().all()


@pytest.mark.parametrize("buyers", [effects.FEWEST_BUYERS - 1, effects.FEWEST_BUYERS])
@pytest.mark.parametrize("is_exchanged", [False, True])
def test_each_group_needs_so_many_buyers(buyers, is_exchanged):
    amounts = np.random.default_rng(1).gamma(2, 10, 300).round(2)
    outcomes = outcomes_of(amounts, np.r_[amounts[:buyers], np.zeros(30)])
    found = result(exchanged(outcomes) if is_exchanged else outcomes)
    is_enough = buyers >= effects.FEWEST_BUYERS
    assert (found["verdict"] != "too few to tell") == is_enough
    assert pd.notna(found["difference"])
    assert pd.notna(found["difference_low"]) == pd.notna(found["p_value"]) == is_enough


def test_a_group_that_returned_more_than_it_bought_is_too_few_to_tell():
    outcomes = shop(1)
    returned = outcomes["spending"].where(outcomes["is_treated"], -outcomes["spending"])
    found = result(outcomes.assign(spending=returned))
    assert found["average_spending_held_out"] < 0
    assert found["verdict"] == "too few to tell"


def test_amounts_that_are_all_equal_are_too_few_to_tell_or_no_difference():
    equal = np.r_[np.full(40, 10.0), np.zeros(60)]
    assert result(outcomes_of(equal, equal))["verdict"] == "no difference seen"
    assert result(outcomes_of(equal[:40], equal[:20]))["verdict"] in ("too few to tell", "no difference seen")


@pytest.mark.parametrize("amount", [1e8, 4_006_381_333_931, 1e40])
@pytest.mark.parametrize("place", [0, 99])
def test_an_absurd_amount_is_too_few_to_tell(amount, place):
    """A barcode in the amount column, of a treated customer or of one who is held out."""
    spending = np.random.default_rng(0).lognormal(3, 0.5, 100)
    spending[place] = amount
    found = result(outcomes_of(spending[:90], spending[90:]))
    assert found["verdict"] == "too few to tell"
    assert pd.notna(found["difference"])
    assert found[[*MONEY[1:], "p_value", "p_value_corrected"]].isna().all()


def test_a_limit_is_unknown_where_the_test_has_no_value():
    assert np.isnan(effects.crossing(lambda place: np.nan, 0.0, 1.0))
    assert np.isnan(effects.crossing(lambda place: 1.0 if place > 0 else np.nan, 0.5, 1.0))


def test_before_the_horizon_has_passed_the_figures_are_null():
    outcomes = shop(1, complete=False)
    outcomes["spending"] = np.nan
    found = result(outcomes)
    assert found["verdict"] == "too early"
    assert (found["customers_treated"], found["customers_held_out"]) == (480, 120)
    assert found[FIGURES].isna().all()


@pytest.mark.parametrize("column", ["spending", "spending_before"])
def test_missing_spending_is_an_error(column):
    outcomes = shop(1)
    outcomes.loc[3, column] = np.nan
    with pytest.raises(ValueError, match="finite"):
        action_results(outcomes)


def test_no_verdict_where_one_customer_decides_the_direction():
    """The treated spend half as much, but for one, who is one of 4,000, and whose order makes their average larger."""
    spending = np.random.default_rng(0).lognormal(3, 0.5, 4000)
    spending[:3980] /= 2
    spending[0] = 200_000
    found = result(outcomes_of(spending[:3980], spending[3980:]))
    assert found["p_value_corrected"] < 0.05
    assert found["difference_high"] < 0 < found["difference_adjusted"]
    assert found["verdict"] == "no difference seen"


# ---- many actions and horizons -------------------------------------------------------------------------------------


def wave_of(count: int, horizon: int = 30, **keys) -> pd.DataFrame:
    """Actions of a wave with lifts from none to large."""
    return pd.concat(
        [
            shop(number, lift=1 + 0.35 * number, action=f"a{number:02d}", horizon=horizon, **keys)
            for number in range(count)
        ]
    )


def test_p_values_are_corrected_by_holm_within_the_horizon_and_by_bonferroni_over_horizons():
    results = action_results(pd.concat([wave_of(6), wave_of(4, horizon=60), wave_of(3, wave=2)]))
    for _, family in results.groupby(["wave", "horizon_days"]):
        family = family.sort_values("p_value")
        for place, corrected in enumerate(family["p_value_corrected"]):
            steps = [(len(family) - step) * family["p_value"].iloc[step] for step in range(place + 1)]
            assert corrected == pytest.approx(min(1, 3 * max(steps)), rel=1e-10)
    assert list(results["verdict"].isin(["more", "less"])) == list(results["p_value_corrected"] < 0.05)
    assert {"more", "no difference seen"} <= set(results["verdict"])


def test_a_verdict_stays_when_later_horizons_arrive():
    early = pd.concat([wave_of(4), wave_of(4, horizon=60, complete=False), wave_of(4, horizon=90, complete=False)])
    late = pd.concat([wave_of(4), wave_of(4, horizon=60), wave_of(4, horizon=90)])
    first, last = (action_results(outcomes).query("horizon_days == 30") for outcomes in (early, late))
    alone = action_results(wave_of(4))
    pd.testing.assert_frame_equal(first, last, check_exact=True)
    pd.testing.assert_frame_equal(alone, last.reset_index(drop=True), check_exact=True)


def test_actions_without_a_p_value_count_in_the_correction():
    unknown = pd.concat([shop(1, action="early", complete=False), shop(1, action="few").assign(is_treated=True)])
    found = action_results(pd.concat([shop(9, lift=1.6), unknown])).set_index("action_id")
    assert found.loc["a", "p_value_corrected"] == pytest.approx(9 * found.loc["a", "p_value"], rel=1e-10)


def test_the_smallest_effect_is_that_of_a_normal_test_at_the_corrected_level():
    """Without tails, four standard errors are small against the average: the text book's formula holds."""
    generator = np.random.default_rng(2)
    groups = [(generator.normal(100, 20, 3000), generator.normal(100, 20, 3000)) for _ in range(4)]
    results = action_results(pd.concat([outcomes_of(*pair, action=f"a{n}") for n, pair in enumerate(groups)]))
    error = 20 * np.sqrt(2 / 3000)
    expected = (stats.norm.isf(0.05 / 3 / 4 / 2) + stats.norm.ppf(0.8)) * error
    assert list(results["smallest_effect"]) == pytest.approx([expected] * 4, rel=0.03)


def test_an_effect_of_the_smallest_size_is_found_four_times_in_five_in_heavy_tails():
    """The smallest effect of the first 25 actions, which have none, is the effect of the next 60."""

    def wave(number: int, amounts: float) -> pd.DataFrame:
        groups = heavy_tails(np.random.default_rng([13, number]), 1.0, amounts)
        return outcomes_of(*groups, wave=number)

    without = action_results(pd.concat([wave(number, 1.0) for number in range(25)]))
    amounts = 1 + without["smallest_effect"].median() / (0.25 * np.exp(1.5**2 / 2))
    found = action_results(pd.concat([wave(number, amounts) for number in range(25, 85)]))
    assert 0.68 <= (found["verdict"] == "more").mean() <= 0.92


def test_more_horizons_than_planned_are_an_error():
    with pytest.raises(ValueError, match="at most 3 horizons"):
        action_results(pd.concat([shop(1, horizon=horizon) for horizon in (30, 60, 90, 120)]))


# ---- coverage ------------------------------------------------------------------------------------------------------


def heavy_tails(generator: np.random.Generator, buyers: float, amounts: float) -> tuple[np.ndarray, np.ndarray]:
    """1,080 treated and 120 held-out customers, a quarter of whom buy for lognormal amounts with sigma 1.5."""
    spending = generator.lognormal(0, 1.5, 1200) * (generator.random(1200) < 0.25)
    anyway = generator.random(1200) < 1 / buyers
    return spending[:1080] * amounts, (spending * anyway)[1080:]


@pytest.fixture(scope="module")
def simulated() -> pd.DataFrame:
    """Results of actions without effect, with 20 % larger amounts, and with 20 % more buyers, beside Welch's."""
    rows, frames = [], []
    for buyers, amounts, count in ((1.0, 1.0, 150), (1.0, 1.2, 40), (1.2, 1.0, 40)):
        for number in range(count):
            groups = heavy_tails(np.random.default_rng([11, number, int(10 * buyers + amounts * 100)]), buyers, amounts)
            welch = stats.ttest_ind(*groups, equal_var=False)
            truth = 0.25 * np.exp(1.5**2 / 2) * (amounts - 1 / buyers)
            rows.append((truth, *welch.confidence_interval(), welch.pvalue))
            frames.append(outcomes_of(*groups, wave=len(frames)))
    compared = pd.DataFrame(rows, columns=["truth", "welch_low", "welch_high", "welch_p_value"])
    return action_results(pd.concat(frames)).join(compared).dropna()


def test_the_interval_covers_the_effect_in_heavy_tails(simulated):
    """Of 230 intervals 95 % contain the expected difference, and those that do not err on both sides alike.

    Fewer of Welch's do, which err upwards.
    """
    assert len(simulated) >= 222
    low, high, truth = (simulated[name].astype(float) for name in ("difference_low", "difference_high", "truth"))
    assert 0.925 <= ((low <= truth) & (truth <= high)).mean() <= 0.975
    assert 0.006 <= (low > truth).mean() <= 0.05
    assert 0.006 <= (high < truth).mean() <= 0.05
    assert ((simulated["welch_low"] <= truth) & (truth <= simulated["welch_high"])).mean() < 0.925


def test_actions_without_effect_are_rarely_winners_in_heavy_tails(simulated):
    """P-values far below 0.05 are as rare as they say, since the corrections multiply them by up to 30."""
    p_values = simulated.loc[simulated["truth"] == 0, ["p_value", "welch_p_value"]].astype(float)
    below = {level: (p_values < level).mean() for level in (0.05, 0.01)}
    assert 0.015 <= below[0.05]["p_value"] <= 0.09
    assert below[0.01]["p_value"] <= 0.025 < below[0.01]["welch_p_value"]
