"""The words and numbers of the report."""

from __future__ import annotations

import re
from datetime import date

import pytest
import yaml
from conftest import PROJECT

from customer_segmentation.report import wording
from customer_segmentation.report.wording import (
    VALIDITY_MEANINGS,
    axis_title,
    certainty,
    comparison,
    contact_rules,
    formatter_for,
    separation,
)


@pytest.mark.parametrize(
    ("locale", "currency", "money", "share", "day"),
    [
        ("en_GB", "EUR", "€1,234,567.89", "12.3%", "31 December 2024"),
        ("de_DE", "EUR", "1.234.567,89 €", "12,3 %", "2024-12-31"),
        ("en-US", "USD", "$1,234,567.89", "12.3%", "31 December 2024"),
        ("hi_IN", "INR", "₹12,34,567.89", "12.3%", "2024-12-31"),
        ("de_DE", "JPY", "1.234.568 ¥", "12,3 %", "2024-12-31"),
        ("en_GB", None, "1,234,567.89", "12.3%", "31 December 2024"),
    ],
)
def test_numbers_are_written_as_the_locale_does(locale, currency, money, share, day) -> None:
    formatter = formatter_for(locale, currency)

    assert formatter.money(1_234_567.89).replace("\xa0", " ") == money
    assert formatter.percent(0.1234, 1).replace("\xa0", " ") == share
    assert formatter.date(date(2024, 12, 31)) == day
    prefix, suffix = formatter.chart_locale()["currency"]
    assert money == f"{prefix}{money.strip('€$₹¥ ')}{suffix}".replace("\xa0", " ")


def test_a_share_is_never_rounded_to_0_or_100_percent() -> None:
    formatter = formatter_for("en_GB", None)

    assert [formatter.percent(share) for share in (0.0, 0.001, 0.006, 0.994, 0.999, 1.0)] == [
        *("0%", "< 1%", "1%", "99%", "> 99%", "100%"),
    ]


@pytest.mark.parametrize(
    ("silhouette", "word"),
    [
        (None, None),
        (-0.2, "no clear"),
        (0.25, "no clear"),
        (0.3, "weak"),
        (0.5, "weak"),
        (0.51, "moderate"),
        (0.8, "strong"),
    ],
)
def test_a_silhouette_is_described_by_the_word_of_its_band(silhouette, word) -> None:
    assert separation(silhouette) == word


@pytest.mark.parametrize(
    ("validity", "silhouette", "headline", "end"),
    [
        ("natural groups", 0.3, "Natural groups", "The groups overlap at their borders."),
        ("natural groups", 0.6, "Natural groups", "Most customers clearly belong to one of the groups."),
        ("not sure", 0.6, "Not sure", "whether these are groups or parts of a continuum."),
        ("continuum", 0.6, "Useful, not natural", "The borders are a choice, not a finding."),
        ("unstable", 0.6, "Unstable", "Another number of groups may be more stable."),
        ("not measured", 0.6, "Moderate separation", "gaps between the groups was not measured."),
        ("one segment", None, "Nothing to compare", "There is only one group."),
    ],
)
def test_the_headline_on_the_groups_follows_the_validity(validity, silhouette, headline, end) -> None:
    found, meaning = certainty(validity, silhouette)
    assert found == headline
    assert meaning.endswith(end)


def test_every_validity_of_the_marts_has_a_headline() -> None:
    columns = yaml.safe_load((PROJECT / "models/marts/selection/_selection__models.yml").read_text())["models"][0][
        "columns"
    ]
    validity = next(column for column in columns if column["name"] == "validity")
    (check,) = (rule["expression"] for rule in validity["constraints"] if rule["type"] == "check")
    assert set(re.findall("'([^']+)'", check)) == {*VALIDITY_MEANINGS, "not measured", "one segment"}


def test_an_axis_is_named_by_what_drives_it() -> None:
    axes = [
        {"axis": "x", "feature": "total_spending", "loading": 0.8, "explained_variance_share": 0.79},
        {"axis": "x", "feature": "days_since_signup", "loading": -0.5, "explained_variance_share": 0.785},
        {"axis": "x", "feature": "total_quantity", "loading": 0.1, "explained_variance_share": 0.785},
        {"axis": "x", "feature": "shoe_size", "loading": -0.45, "explained_variance_share": 0.785},
        {"axis": "y", "feature": "total_spending", "loading": 0.0, "explained_variance_share": 0.0},
    ]
    features = {
        "total_spending": {"more": "more spending", "less": "less spending"},
        "days_since_signup": {"more": "customer for longer", "less": "joined more recently"},
        "shoe_size": {"more": "higher shoe size", "less": "lower shoe size"},
    }
    formatter = formatter_for("en_GB", None)

    assert axis_title(axes, "x", features, formatter) == (
        "More spending, joined more recently and lower shoe size (79% of the differences)"
    )
    assert axis_title(axes, "y", features, formatter) == "No further differences"


def test_a_continuum_that_other_samples_cut_otherwise_is_arbitrary():
    headline, meaning = certainty("continuum", 0.3, is_stable=False)
    assert headline == "Arbitrary"
    assert "other samples of them give other groups" in meaning
    assert certainty("continuum", 0.3)[0] == "Useful, not natural"


# ---- what comes first --------------------------------------------------------------------------------------------


def test_two_dates_are_both_named():
    formatter = formatter_for("en_GB", None)
    day, later = date(2024, 6, 30), date(2024, 12, 31)
    assert wording.dates({"as_of_date": later}, later, formatter) == "As of 31 December 2024"
    assert wording.dates({"as_of_date": day}, later, formatter) == (
        "Trained as of 30 June 2024; customers as of 31 December 2024"
    )


def test_drift_and_groups_without_customers_are_said_first():
    formatter = formatter_for("en_GB", None)
    drift = [
        {"measure": "feature psi", "subject": "total spending", "now": 0.3, "warns_above": 0.25},
        {"measure": "feature psi", "subject": "days since signup", "now": 4.95, "warns_above": 0.25},
        {"measure": "mean distance", "subject": "all customers", "now": 1.0, "warns_above": 1.25},
    ]
    first, second = wording.warnings({"k": 7}, drift, 5, formatter)
    assert first == (
        "The customers have drifted since the model was trained: feature psi of days since signup is 4.95, and the"
        " limit is 0.25. Train again before acting on these groups."
    )
    assert second == "2 of the 7 groups of the model have no customers any more."
    assert wording.warnings({"k": 7}, drift[2:], 7, formatter) == []
    assert wording.warnings(None, [], 0, formatter) == []


@pytest.mark.parametrize(
    ("action", "said"),
    [
        ({"audience": "everyone", "customers": 180}, "all 180"),
        ({"audience": "active", "customers": 1}, "1 who is active"),
        ({"audience": "quiet", "customers": 1_057}, "1,057 who have gone quiet"),
    ],
)
def test_an_action_says_whom_it_is_for(action, said):
    assert wording.reached(action, formatter_for("en_GB", None)) == said


@pytest.mark.parametrize(("customers", "who"), [(5, "They"), (13, "The 5 whom the model puts here")])
def test_expected_spending_is_that_of_the_customers_of_the_model(customers, who):
    expected = {f"expected_spending{end}": amount for end, amount in (("", 30), ("_low", 20), ("_high", 40))}
    action = expected | {"customers": customers, "model_customers": 5}
    said = f"{who} can be expected to spend 30 in the next 90 days (20 to 40)."
    assert wording.stake(action, 90, formatter_for("en_GB", None)) == said


@pytest.mark.parametrize(
    ("ratio", "said"),
    [
        (-0.1, ("below zero", "below")),
        (0.0, ("100% below average", "below")),
        (0.5, ("50% below average", "below")),
        (1.0, ("about average", "near")),
        (1.5, ("50% above average", "above")),
        (3.0, ("3.0\N{MULTIPLICATION SIGN} average", "above")),
        (None, ("", "near")),
    ],
)
def test_a_ratio_is_compared_in_words(ratio, said):
    assert comparison(ratio, formatter_for("en_GB", None)) == said


@pytest.mark.parametrize(
    ("most", "held_out", "said"),
    [
        (1, 0, "Everyone gets one action at a time."),
        (3, 0, "A customer can get 3 actions at a time."),
        (1, 5, "one action at a time. Some are held out at random"),
    ],
)
def test_the_lists_say_what_holds_for_them(most, held_out, said):
    due = [{"held_out": 0}, {"held_out": held_out}]
    rules = contact_rules(most, due, formatter_for("en_GB", None))
    assert said in rules
    assert ("do not contact" in rules) == bool(held_out)
