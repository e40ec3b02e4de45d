"""How the page words things: numbers, money and dates as a locale writes them, labels, and sentences.

Everything here is a pure function of its arguments.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from babel import Locale, UnknownLocaleError
from babel.dates import format_date
from babel.numbers import (
    UnknownCurrencyError,
    format_currency,
    format_decimal,
    format_percent,
    get_currency_precision,
    is_currency,
)

from customer_segmentation.report import ReportError, Row

# Shown for a missing value.
MISSING = "\N{EN DASH}"
# Longer texts of the input are shortened if they occur once per customer, to keep the file small.
LONGEST_ID = 40

# ---- numbers and dates ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Formatter:
    """Writes numbers, money and dates in the format of a locale."""

    locale: Locale
    currency: str | None

    def number(self, value: float | Decimal | None, decimals: int = 0) -> str:
        """A number with a fixed number of decimals; a dash if it is missing."""
        if value is None or (isinstance(value, float) and math.isnan(value)):
            return MISSING
        pattern = "#,##0" + ("." + "0" * decimals if decimals else "")
        pattern = pattern.replace("#,##0", "#,##,##0") if self._has_indian_grouping() else pattern
        return format_decimal(value, format=pattern, locale=self.locale)

    @property
    def money_decimals(self) -> int:
        """The decimals of an amount: those of the currency, none for the yen."""
        return get_currency_precision(self.currency) if self.currency else 2

    def money(self, value: float | Decimal | None, decimals: int | None = None) -> str:
        """An amount, with the currency if one is set, and by default with its decimals."""
        decimals = self.money_decimals if decimals is None else decimals
        if value is None or not self.currency:
            return self.number(value, decimals)
        # The pattern for positive amounts; Babel derives the negative one from it.
        pattern = self.locale.currency_formats["standard"].pattern.split(";")[0]
        pattern = re.sub(r"0\.0+", "0." + "0" * decimals if decimals else "0", pattern)
        return format_currency(value, self.currency, format=pattern, locale=self.locale, currency_digits=False)

    def percent(self, share: float | None, decimals: int = 0) -> str:
        """A share (0 to 1) as a percentage. A share above zero is never rounded to 0 %, nor one below 1 to 100 %."""
        if share is None:
            return MISSING
        step = 10.0 ** -(decimals + 2)
        if 0 < share < step / 2:
            return "< " + self.percent(step, decimals)
        if 1 - step / 2 < share < 1:
            return "> " + self.percent(1 - step, decimals)
        pattern = self.locale.percent_formats[None].pattern
        pattern = pattern.replace("0", "0." + "0" * decimals, 1) if decimals else pattern
        return format_percent(share, format=pattern, locale=self.locale)

    def date(self, value: date | None) -> str:
        """A date: 31 December 2024 in an English locale, because the page is English, otherwise 2024-12-31."""
        if value is None:
            return MISSING
        return format_date(value, "d MMMM y", self.locale) if self.locale.language == "en" else value.isoformat()

    def feature(self, value: float | Decimal | None, unit: str) -> str:
        """A value of a feature: money with its decimals, days without decimals, other numbers with one decimal."""
        return self.money(value) if unit == "money" else self.number(value, 0 if unit == "days" else 1)

    def decimal_points(self, text: str) -> str:
        """A text of a mart, with the decimal points of its numbers replaced by the decimal separator of the locale."""
        return re.sub(r"(?<=\d)\.(?=\d)", self.locale.number_symbols["latn"]["decimal"], text)

    def chart_locale(self) -> dict[str, Any]:
        """The locale of the charts, as d3-format defines it (https://d3js.org/d3-format#formatLocale)."""
        symbols = self.locale.number_symbols["latn"]
        prefix, suffix = "", ""
        if self.currency:
            sample = format_currency(1, self.currency, locale=self.locale, currency_digits=False)
            prefix, suffix = re.sub(r"\d([\d.,]*\d)?", "|", sample, count=1).split("|")
        return {
            "decimal": symbols["decimal"],
            "thousands": symbols["group"],
            "grouping": [3, 2, 2, 2, 2, 2] if self._has_indian_grouping() else [3],
            "currency": [prefix, suffix],
            "percent": self.percent(0.5).replace("50", ""),
            "minus": symbols["minusSign"],
        }

    def _has_indian_grouping(self) -> bool:
        """Whether the locale writes 12,34,567 for 1,234,567."""
        return self.locale.decimal_formats[None].grouping == (3, 2)


def formatter_for(locale: str, currency: str | None) -> Formatter:
    """The formatter of a locale (en_GB or en-GB) and a currency (EUR).

    Raises:
        ReportError: One of them is unknown.
    """
    try:
        known = Locale.parse(locale.replace("-", "_"))
    except (ValueError, UnknownLocaleError) as error:
        raise ReportError(f"The locale {locale!r} is unknown; examples are en_GB, de_DE and fr_FR.") from error
    if currency:
        try:
            is_known = is_currency(currency.upper())
        except UnknownCurrencyError:
            is_known = False
        if not is_known:
            raise ReportError(f"The currency {currency!r} is unknown; examples are EUR, USD and GBP, or none.")
    return Formatter(known, currency.upper() if currency else None)


# ---- labels -----------------------------------------------------------------------------------------------------


def label(column: str) -> str:
    """The name of a column as words: `in_training` is "In training"."""
    return column.replace("_", " ").strip().capitalize()


def enumeration(items: list[str]) -> str:
    """Items as words: a, b and c."""
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}" if items else ""


def count_with_noun(count: int, singular: str, plural: str, formatter: Formatter) -> str:
    """A count with its noun: 1 customer, 2 customers."""
    return f"{formatter.number(count)} {singular if count == 1 else plural}"


def lower_first(text: str) -> str:
    """The text with a lower-case first letter, unless it begins with an abbreviation."""
    return text[:1].lower() + text[1:] if text[1:2].islower() else text


def shortened(text: str) -> str:
    """A text of the input with at most `LONGEST_ID` characters."""
    return text if len(text) <= LONGEST_ID else text[: LONGEST_ID - 1] + "…"


def axis_title(axes: list[Row], axis: str, features: Mapping[str, Row], formatter: Formatter) -> str:
    """The title of an axis of the map: the features with the largest loadings, and its share of the variance.

    Args:
        axes: Rows of segment_map_axes.
        axis: Its name, x or y.
        features: The catalogue of features.
        formatter: Writes the share.

    Returns:
        The features whose loadings are at least half as large as the largest, such as "More spending and joined more
        recently (79% of the differences)".
    """
    loadings = [row for row in axes if row["axis"] == axis and abs(row["loading"]) > 1e-9]
    if not loadings or loadings[0]["explained_variance_share"] <= 0:
        return "No further differences"
    largest = max(abs(row["loading"]) for row in loadings)
    heavy = [row for row in loadings if abs(row["loading"]) >= largest / 2]
    heavy.sort(key=lambda row: (-abs(row["loading"]), row["feature"]))
    words = [features[row["feature"]]["more" if row["loading"] > 0 else "less"] for row in heavy]
    share = formatter.percent(loadings[0]["explained_variance_share"])
    return f"{enumeration(words).capitalize()} ({share} of the differences)"


# ---- how clear the groups are -----------------------------------------------------------------------------------

SEPARATION_MEANINGS = {
    "strong": "The groups are clearly separated.",
    "moderate": "Most customers clearly belong to one group.",
    "weak": "The groups overlap. Use them to divide the customers, not as distinct types of people.",
    "no clear": "The customers form no clear groups.",
}
# After each of them: they stand where the validity was not measured.
GAPS_UNKNOWN = "Whether there are gaps between the groups was not measured."
# After the meaning of "natural groups".
SEPARATION_OF_NATURAL_GROUPS = {
    "strong": "The groups are clearly separated.",
    "moderate": "Most customers clearly belong to one of the groups.",
    "weak": "The groups overlap at their borders.",
    "no clear": "The groups merge into each other.",
}
# A headline and a meaning for each value of k_selection.validity that describes the groups.
VALIDITY_MEANINGS = {
    "natural groups": (
        "Natural groups",
        "Other samples of the customers give the same groups, and there are fewer customers between them than within.",
    ),
    "not sure": (
        "Not sure",
        "Customers thin out at too few of the borders, or other samples of them give groups that differ too much, to"
        " say whether these are groups or parts of a continuum.",
    ),
    "continuum": (
        "Useful, not natural",
        "The customers form a continuum: nearly all of those between two groups are at a border where customers do not"
        " thin out. The borders are a choice, not a finding.",
    ),
    "unstable": (
        "Unstable",
        "There are fewer customers between the groups than within, but other samples of them give other groups. Another"
        " number of groups may be more stable.",
    ),
}


def separation(silhouette: float | None) -> str | None:
    """The separation that a silhouette indicates, by the bands of Kaufman and Rousseeuw (1990, chapter 2)."""
    if silhouette is None:
        return None
    for lower_bound, word in ((0.70, "strong"), (0.50, "moderate"), (0.25, "weak")):
        if silhouette > lower_bound:
            return word
    return "no clear"


# Instead of that of a continuum whose groups other samples give again.
UNSTABLE_CONTINUUM = (
    "Arbitrary",
    "The customers form a continuum, and other samples of them give other groups. The borders are a choice, not a"
    " finding.",
)


def certainty(validity: str | None, silhouette: float | None, is_stable: bool = True) -> tuple[str, str]:
    """How clear the groups are, as a headline and its meaning.

    It follows the validity of the selected k if it was measured, otherwise the separation.
    """
    word = separation(silhouette)
    if word is None:
        return "Nothing to compare", "There is only one group."
    if validity not in VALIDITY_MEANINGS:
        return f"{word.capitalize()} separation", f"{SEPARATION_MEANINGS[word]} {GAPS_UNKNOWN}"
    if validity == "continuum" and not is_stable:
        return UNSTABLE_CONTINUUM
    headline, meaning = VALIDITY_MEANINGS[validity]
    return headline, f"{meaning} {SEPARATION_OF_NATURAL_GROUPS[word]}" if validity == "natural groups" else meaning


# ---- sentences --------------------------------------------------------------------------------------------------


def comparison(ratio: float | None, formatter: Formatter) -> tuple[str, str]:
    """A ratio to the average in words, and its side: above, below, or near (within 5 %)."""
    if ratio is None:
        return "", "near"
    if 0.95 <= ratio <= 1.05:
        return "about average", "near"
    if ratio >= 2:
        return f"{formatter.number(ratio, 1)}\N{MULTIPLICATION SIGN} average", "above"
    if ratio > 1:
        return f"{formatter.percent(ratio - 1)} above average", "above"
    if ratio < 0:
        return "below zero", "below"
    return f"{formatter.percent(1 - ratio)} below average", "below"


def contact_rules(most_actions: int, due: list[Row], formatter: Formatter) -> str:
    """What holds for the lists of whom to contact now.

    Args:
        most_actions: The most actions that a customer gets at a time.
        due: How many customers each action is to reach now, as returned by `Marts.actions_due`.
        formatter: Writes the numbers.
    """
    at_a_time = (
        "Everyone gets one action at a time."
        if most_actions < 2
        else f"A customer can get {formatter.number(most_actions)} actions at a time."
    )
    if not any(row["held_out"] for row in due):
        return at_a_time
    return f"{at_a_time} Some are held out at random, so that the effect can be measured; do not contact them."


def answer(segments: list[Row], average: dict[str, float | None], formatter: Formatter) -> dict[str, str]:
    """The summary at the top of the page: one sentence, and the rest.

    Args:
        segments: The segments of the page, in its order.
        average: The average customer.
        formatter: Writes the numbers.
    """
    clustered = [segment for segment in segments if segment["is_clustered"]]
    without_purchase = sum(segment["cluster_size"] for segment in segments if not segment["is_clustered"])
    customers = sum(segment["cluster_size"] for segment in clustered)
    if not clustered:
        count = count_with_noun(without_purchase, "customer", "customers", formatter)
        return {"sentence": f"{count}, none with a purchase that counts.", "rest": "There is nothing to group yet."}
    further = count_with_noun(without_purchase, "customer has", "customers have", formatter)
    further = f" A further {further} no purchase that counts." if without_purchase else ""
    if len(clustered) == 1:
        count = count_with_noun(customers, "customer forms", "customers form", formatter)
        spending = formatter.money(average["avg_total_spending"], 0)
        return {
            "sentence": f"{count} one group, spending {spending} on average.",
            "rest": clustered[0]["description"] + further,
        }
    top = clustered[0]
    sentence = f"{formatter.number(customers)} customers form {len(clustered)} groups"
    if top["spending_share"] is not None and top["spending_share"] > 0:
        sentence += (
            f". “{shortened(top['segment_name'])}” has {formatter.percent(top['customer_share'])} of the customers and"
            f" {formatter.percent(top['spending_share'])} of the spending"
        )
    first_action = ""
    if top["actions"]:
        action = top["actions"][0]
        first_action = f"Start there: {lower_first(action['action'])} ({reached(action, formatter)})."
    return {"sentence": sentence + ".", "rest": first_action + further}


def reached(action: Row, formatter: Formatter) -> str:
    """Whom an action of segment_actions is for: "all 180", "44 who are active", "6 who have gone quiet"."""
    count, number = action["customers"], formatter.number(action["customers"])
    if action["audience"] == "everyone":
        return f"all {number}"
    if action["audience"] == "active":
        return f"{number} who {'is' if count == 1 else 'are'} active"
    return f"{number} who {'has' if count == 1 else 'have'} gone quiet"


def stake(action: Row, horizon: int | None, formatter: Formatter) -> str:
    """What the customers of an action can be expected to spend if nothing is done; empty if it is not known.

    It is known of those whom the model puts into the group, who are not all that the action is for if there are
    overrides.
    """
    if action["expected_spending"] is None or horizon is None:
        return ""
    expected, low, high = (formatter.money(action[f"expected_spending{end}"], 0) for end in ("", "_low", "_high"))
    of_model = action["model_customers"]
    who = "They" if of_model == action["customers"] else f"The {formatter.number(of_model)} whom the model puts here"
    return f"{who} can be expected to spend {expected} in the next {formatter.number(horizon)} days ({low} to {high})."


def shares_sentence(segments: list[Row], formatter: Formatter) -> str:
    """What the chart of shares shows: the group with the most spending for its size, and the one with the least."""
    compared = [row for row in segments if row["is_clustered"] and row["spending_share"] is not None]
    rated = sorted(compared, key=lambda row: row["spending_share"] / row["customer_share"])
    least, most = rated[0], rated[-1]

    def words(row: Row) -> str:
        return (
            f"“{shortened(row['segment_name'])}” has {formatter.percent(row['customer_share'])} of the customers and"
            f" {formatter.percent(row['spending_share'])} of the spending"
        )

    return f"{words(most)}; {words(least)}."


def dates(model: Row | None, as_of: date | None, formatter: Formatter) -> str:
    """As of when the page describes the customers, and as of when the model was trained if that is another day."""
    trained = model["as_of_date"] if model else None
    if trained is None or trained == as_of:
        return f"As of {formatter.date(as_of)}"
    return f"Trained as of {formatter.date(trained)}; customers as of {formatter.date(as_of)}"


def warnings(model: Row | None, drift: list[Row], clustered: int, formatter: Formatter) -> list[str]:
    """What a reader must know first: drift beyond its limits, and segments of the model without customers.

    Args:
        model: The serving row of segmentation_models.
        drift: The measures of the latest build, with `now` and `warns_above`.
        clustered: The number of clustered segments on the page.
        formatter: Writes the numbers.
    """
    found = []
    exceeded = [row for row in drift if row["now"] is not None and row["now"] > row["warns_above"]]
    if exceeded:
        worst = max(exceeded, key=lambda row: row["now"] / row["warns_above"] if row["warns_above"] else math.inf)
        found.append(
            f"The customers have drifted since the model was trained: {worst['measure']} of {worst['subject']} is"
            f" {formatter.number(worst['now'], 2)}, and the limit is {formatter.number(worst['warns_above'], 2)}."
            " Train again before acting on these groups."
        )
    if model and clustered < (model["k"] or 0):
        count = model["k"] - clustered
        found.append(
            f"{formatter.number(count)} of the {formatter.number(model['k'])} groups of the model"
            f" {'has' if count == 1 else 'have'} no customers any more."
        )
    return found


def used_rows(source: str, used: int, total: int, formatter: Formatter) -> str:
    """How many rows of an input (`transactions` or `customers`) were used."""
    count = count_with_noun(total, f"row of the {source}", f"rows of the {source}", formatter)
    if used == total:
        return f"All {count} were used."
    return f"{formatter.number(used)} of {count} were used ({formatter.percent(used / total, 1)})."


def metric_meanings(choice: Row, formatter: Formatter) -> dict[str, str]:
    """How to read each metric over the number of groups.

    Args:
        choice: The choice of k, as `sections.choice_of_k` returns it.
        formatter: Writes the numbers.
    """
    score = choice["served"]["silhouette_score"]
    minima = enumeration([str(k) for k in choice["minima"]])
    others = f" Other local {'minimum' if len(choice['minima']) == 1 else 'minima'}: k = {minima}." if minima else ""
    value = f"{formatter.number(score, 2)} means {choice['separation']} separation." if score is not None else ""
    return {
        "davies_bouldin_index": "Lower is better: compact groups that are far apart." + others,
        "silhouette_score": f"Higher is better; the maximum is 1. {value}".strip(),
        "inertia": "Always falls as groups are added. Look for an elbow, not for the lowest value.",
    }
