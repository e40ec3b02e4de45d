"""Write the segmentation report: one HTML file that people look at, from the marts alone.

It reads the current publication beside the warehouse where there is one, otherwise the warehouse; --warehouse names the
one database to read instead.

Usage: python reports/build_report.py [--warehouse warehouse.duckdb] [--output reports/output/segmentation_report.html]
           [--settings my_shop.yml] [--locale en_GB] [--currency EUR|none] [--title "Customer segments"]
       python reports/build_report.py --pictures reports/pictures

The page asks the network for nothing: styles, charts and data are in the file.
"""

from __future__ import annotations

import argparse
import base64
import functools
import hashlib
import json
import math
import re
import sys
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import vl_convert
from babel import Locale, UnknownLocaleError
from babel.dates import format_date
from babel.numbers import UnknownCurrencyError, format_currency, format_decimal, format_percent, is_currency
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from customer_segmentation.publication.publications import current_database
from customer_segmentation.publication.warehouse import warehouse_path
from customer_segmentation.settings import SettingsError, project_settings

sys.path.insert(0, str(Path(__file__).resolve().parent))
import charts

HERE = Path(__file__).resolve().parent
PROJECT = HERE.parent
# What stands where there is no value.
NOTHING = "\N{EN DASH}"

# The version that Altair writes for.
VEGA_LITE = ".".join(charts.alt.VEGALITE_VERSION.split(".")[:2])
# More points than this are a blot on a screen, and megabytes in a file.
POINTS_AT_MOST = 5_000
# Of a sampled segment at least so many points stay, so that a small one remains to be seen.
POINTS_OF_A_SEGMENT_AT_LEAST = 50
# Longer texts of the input are cut where they stand once a customer: the file must stay small whatever the ids are.
LONGEST_ID = 40
# Values of an attribute, and rows of a further mart, that a page can hold.
ROWS_AT_MOST = 12

# The averages of segment_profiles and the feature that each is of.
PROFILE_AVERAGES = {
    "avg_total_spending": "total_spending",
    "avg_quantity": "total_quantity",
    "avg_transactions": "transaction_count",
    "avg_days_since_signup": "days_since_signup",
}


Features = dict[str, dict[str, Any]]


class ReportError(Exception):
    """What stops the report, as a sentence for the person who asked for it."""


# ---- numbers and words ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Writer:
    """Writes numbers as a locale does."""

    locale: Locale
    currency: str | None

    def number(self, value: float | Decimal | None, decimals: int = 0) -> str:
        """A number with a fixed number of decimals; a dash where there is none."""
        if value is None or (isinstance(value, float) and math.isnan(value)):
            return NOTHING
        pattern = "#,##0" + ("." + "0" * decimals if decimals else "")
        return format_decimal(value, format=self.grouped(pattern), locale=self.locale)

    def grouped(self, pattern: str) -> str:
        """The pattern with the locale's groups: 1,234,567 or 12,34,567."""
        return pattern.replace("#,##0", "#,##,##0") if self.locale.decimal_formats[None].grouping == (3, 2) else pattern

    def money(self, value: float | Decimal | None, decimals: int = 2) -> str:
        """An amount, with the currency where one is set."""
        if value is None or not self.currency:
            return self.number(value, decimals)
        pattern = re.sub(r"0\.0+", "0." + "0" * decimals if decimals else "0", self.currency_pattern())
        return format_currency(value, self.currency, format=pattern, locale=self.locale, currency_digits=False)

    def currency_pattern(self) -> str:
        """The locale's pattern for amounts, without its form for negative ones."""
        return self.locale.currency_formats["standard"].pattern.split(";")[0]

    def percent(self, share: float | None, decimals: int = 0) -> str:
        """A share as a percentage. What is more than nothing is not written as nothing, nor less than all as all."""
        if share is None:
            return NOTHING
        step = 10.0 ** -(decimals + 2)
        if 0 < share < step / 2:
            return "< " + self.percent(step, decimals)
        if 1 - step / 2 < share < 1:
            return "> " + self.percent(1 - step, decimals)
        pattern = self.locale.percent_formats[None].pattern
        pattern = pattern.replace("0", "0." + "0" * decimals, 1) if decimals else pattern
        return format_percent(share, format=pattern, locale=self.locale)

    def day(self, value: date | None) -> str:
        """A date in words where the locale speaks English, as the page does, and as 2024-12-31 elsewhere."""
        if value is None:
            return NOTHING
        return format_date(value, "d MMMM y", self.locale) if self.locale.language == "en" else value.isoformat()

    def kind(self, value: float | Decimal | None, kind: str) -> str:
        """A value of a feature: money with cents, days without decimals, the rest with one."""
        return self.money(value) if kind == "money" else self.number(value, 0 if kind == "days" else 1)

    def chart_locale(self) -> dict[str, Any]:
        """The same for the charts, as the locale of d3-format."""
        symbols = self.locale.number_symbols["latn"]
        prefix, suffix = "", ""
        if self.currency:
            sample = format_currency(1, self.currency, locale=self.locale, currency_digits=False)
            prefix, suffix = re.sub(r"\d([\d.,]*\d)?", "|", sample, count=1).split("|")
        grouping = [3, 2, 2, 2, 2, 2] if self.locale.decimal_formats[None].grouping == (3, 2) else [3]
        return {
            "decimal": symbols["decimal"],
            "thousands": symbols["group"],
            "grouping": grouping,
            "currency": [prefix, suffix],
            "percent": self.percent(0.5).replace("50", ""),
            "minus": symbols["minusSign"],
        }


def label(name: str) -> str:
    """A column's name as words."""
    return name.replace("_", " ").strip().capitalize()


def listed(items: list[str], last: str = "and") -> str:
    """Items as words: a, b and c."""
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} {last} {items[-1]}" if items else ""


def counted(count: int, one: str, many: str, writer: Writer) -> str:
    """A count with its noun."""
    return f"{writer.number(count)} {one if count == 1 else many}"


def separation(silhouette: float | None) -> str | None:
    """What a silhouette says, by the bands of Kaufman and Rousseeuw (1990, chapter 2)."""
    if silhouette is None:
        return None
    for above, word in ((0.70, "strong"), (0.50, "moderate"), (0.25, "weak")):
        if silhouette > above:
            return word
    return "no clear"


SEPARATION_MEANS = {
    "strong": "The groups stand clearly apart.",
    "moderate": "Most customers clearly belong to one group. The edges blur.",
    "weak": "The groups overlap. Take them as a way to order the customers, not as kinds of people.",
    "no clear": "The customers form no clear groups. Take the borders as a choice, not as a finding.",
}

# The verdict of k_selection, as a headline and what it means.
STRUCTURE_MEANS = {
    "natural groups": (
        "Natural groups",
        "They come back when other customers are drawn, and customers without groups would not fall apart as far.",
    ),
    "continuum": (
        "Useful, not natural",
        "The same groups come back when other customers are drawn, but customers shade into each other. Take the"
        " borders as a choice, not as a finding.",
    ),
    "unstable": (
        "Not sure",
        "When other customers are drawn, other groups come out. Another number of groups may hold better.",
    ),
}
EDGES_MEAN = {
    "strong": "They stand clearly apart.",
    "moderate": "Most customers clearly belong to one of them.",
    "weak": "Their edges overlap.",
    "no clear": "Their edges run into each other.",
}


def certainty(structure: str, silhouette: float | None) -> tuple[str, str]:
    """How sure the groups are, as a headline and a meaning: the verdict where there is one, else the separation."""
    word = separation(silhouette)
    if word is None:
        return "Nothing to compare", "One group has nothing to be apart from."
    if structure not in STRUCTURE_MEANS:
        return f"{word.capitalize()} separation", SEPARATION_MEANS[word]
    headline, meaning = STRUCTURE_MEANS[structure]
    return headline, f"{meaning} {EDGES_MEAN[word]}" if structure == "natural groups" else meaning


def times(ratio: float | None, writer: Writer) -> tuple[str, str]:
    """A ratio to the average in words, and whether that is above, below or near it."""
    if ratio is None:
        return "", "near"
    if 0.95 <= ratio <= 1.05:
        return "about average", "near"
    if ratio > 1:
        return (
            (f"{writer.number(ratio, 1)}\N{MULTIPLICATION SIGN} average", "above")
            if ratio >= 2
            else (
                f"{writer.percent(ratio - 1)} above average",
                "above",
            )
        )
    if ratio <= 0:
        return "below zero", "below"
    return f"{writer.percent(1 - ratio)} below average", "below"


# ---- the marts --------------------------------------------------------------------------------------------------


class Marts:
    """Reads the schema marts of a warehouse, and nothing else. The warehouse is opened read-only."""

    def __init__(self, warehouse: Path) -> None:
        if not warehouse.is_file():
            raise ReportError(f"There is no warehouse {warehouse}. `make build` makes one.")
        try:
            self.connection = duckdb.connect(str(warehouse), read_only=True)
        except duckdb.Error as error:
            raise ReportError(f"The warehouse {warehouse} cannot be opened: {error}") from error
        found = self.connection.execute(
            "select table_name from information_schema.tables where table_schema = 'marts'"
        ).fetchall()
        self.names = {name for (name,) in found}
        needed = {
            "customer_segments",
            "segment_profiles",
            "feature_catalogue",
            "segment_features",
            "segment_actions",
            "segment_map",
            "segment_map_axes",
            "k_selection",
            "segmentation_models",
            "data_quality",
        }
        if needed - self.names:
            raise ReportError(
                f"The warehouse {warehouse} lacks the marts {', '.join(sorted(needed - self.names))}. Run `make build`."
            )

    @functools.cached_property
    def features(self) -> Features:
        """The catalogue of features: label, unit, and what a high and a low value mean, by name."""
        return {row["feature"]: row for row in self.rows("from marts.feature_catalogue")}

    def __contains__(self, mart: str) -> bool:
        return mart in self.names

    def rows(self, sql: str) -> list[dict[str, Any]]:
        """The answer to a query, one dictionary a row."""
        answer = self.connection.execute(sql)
        columns = [column[0] for column in answer.description]
        return [dict(zip(columns, row, strict=True)) for row in answer.fetchall()]


def points_of(marts: Marts, features: list[str], at_most: int = POINTS_AT_MOST) -> tuple[list[dict[str, Any]], int]:
    """The customers on the map, and how many there are in all.

    Beyond `at_most` each segment is sampled in proportion to its size. Which customers are drawn depends on their ids
    alone, so the same warehouse gives the same picture.
    """
    columns = "".join(f', customer_segments."{name}"' for name in features)
    points = marts.rows(f"""
        with placed as (
            select
                segment_map.segment_name,
                segment_map.customer_id,
                segment_map.x,
                segment_map.y{columns},
                row_number() over (
                    partition by segment_map.segment_name
                    order by md5(segment_map.customer_id), segment_map.customer_id
                ) as place,
                count(*) over (partition by segment_map.segment_name) as segment_size,
                count(*) over () as customers
            from marts.segment_map
            inner join marts.customer_segments using (customer_id)
        ),

        -- The first customers of this order are drawn from each segment in proportion to its size.
        interleaved as (
            select
                *,
                row_number() over (
                    order by (place - 0.5) / segment_size, segment_name
                ) as turn
            from placed
        )

        select * exclude (place, segment_size, turn)
        from interleaved
        where turn <= {at_most} or place <= {POINTS_OF_A_SEGMENT_AT_LEAST}
        order by md5(customer_id), customer_id
    """)
    return points, points[0]["customers"] if points else 0


# ---- what the page says -----------------------------------------------------------------------------------------


def axis_title(axes: list[dict[str, Any]], axis: str, features: Features, writer: Writer) -> str:
    """What drives an axis: the features that weigh at least half as much as the heaviest; its share of the variance."""
    loadings = [row for row in axes if row["axis"] == axis and abs(row["loading"]) > 1e-9]
    if not loadings or loadings[0]["explained_variance_share"] <= 0:
        return "Nothing: one axis says it all"
    heaviest = max(abs(row["loading"]) for row in loadings)
    telling = [row for row in loadings if abs(row["loading"]) >= heaviest / 2]
    telling.sort(key=lambda row: (-abs(row["loading"]), row["feature"]))
    words = [features[row["feature"]]["more" if row["loading"] > 0 else "less"] for row in telling]
    share = writer.percent(loadings[0]["explained_variance_share"])
    return f"{listed(words).capitalize()} ({share} of the variance)"


def average_customer(profiles: list[dict[str, Any]]) -> dict[str, float | None]:
    """The averages of all clustered customers, from those of their segments."""
    averages: dict[str, float | None] = {}
    for column in PROFILE_AVERAGES:
        known = [row for row in profiles if row[column] is not None]
        size = sum(row["cluster_size"] for row in known)
        averages[column] = sum(row[column] * row["cluster_size"] for row in known) / size if size else None
    return averages


def segments_of(marts: Marts, writer: Writer) -> tuple[list[dict[str, Any]], dict[str, float | None]]:
    """Every segment, the ones that spend most first and those without a purchase last, and the average customer."""
    profiles = marts.rows("from marts.segment_profiles order by cluster_id desc nulls last, segment_name")
    actions = marts.rows("from marts.segment_actions order by segment_name, action_rank")
    features = marts.rows("from marts.segment_features order by cluster_id, feature")
    clustered = [row for row in profiles if row["cluster_id"] is not None]
    average = average_customer(clustered)
    shown = set(PROFILE_AVERAGES.values())
    segments = []
    for place, row in enumerate(profiles):
        own = [feature for feature in features if feature["cluster_id"] == row["cluster_id"]]
        measures = []
        for column, feature in PROFILE_AVERAGES.items():
            value, of_all = row[column], average[column]
            # Where a column is empty for everybody (an input without quantities) it says nothing.
            if of_all is None and value is None:
                continue
            is_clustered = row["cluster_id"] is not None
            ratio = value / of_all if is_clustered and value is not None and of_all else None
            words, side = times(ratio, writer)
            measures.append(measure(marts.features[feature], value, words, side, writer))
        for extra in own:
            if extra["feature"] not in shown:
                words, side = times(extra["ratio_to_average"], writer)
                measures.append(measure(marts.features[extra["feature"]], extra["average"], words, side, writer))
        segments.append(
            row
            | {
                "place": place,
                "is_clustered": row["cluster_id"] is not None,
                "colour": charts.colour_place(place),
                "shape": charts.shape(place),
                "measures": measures,
                "actions": [action for action in actions if action["segment_name"] == row["segment_name"]],
            }
        )
    return segments, average


def measure(feature: dict[str, Any], value: float | None, words: str, side: str, writer: Writer) -> dict[str, Any]:
    """One line of a segment's card."""
    text = writer.kind(value, feature["unit"])
    return {"label": feature["label"], "value": value, "text": text, "words": words, "side": side}


def answer_of(segments: list[dict[str, Any]], average: dict[str, float | None], writer: Writer) -> dict[str, str]:
    """The answer in one sentence, and what follows from it."""
    clustered = [segment for segment in segments if segment["is_clustered"]]
    without = sum(segment["cluster_size"] for segment in segments if not segment["is_clustered"])
    customers = sum(segment["cluster_size"] for segment in clustered)
    if not clustered:
        return {
            "sentence": f"{counted(without, 'customer', 'customers', writer)}, and not one with a purchase.",
            "rest": "There is nothing to group yet.",
        }
    aside = (
        f" A further {counted(without, 'customer has', 'customers have', writer)} not bought anything yet."
        if without
        else ""
    )
    if len(clustered) == 1:
        spending = writer.money(average["avg_total_spending"], 0)
        return {
            "sentence": f"{counted(customers, 'customer forms', 'customers form', writer)} one group,"
            f" spending {spending} on average.",
            "rest": clustered[0]["description"] + aside,
        }
    top = clustered[0]
    bring, hold = top["spending_share"], top["customer_share"]
    sentence = f"{writer.number(customers)} customers form {len(clustered)} groups"
    if bring is not None and bring > 0:
        sentence += (
            f". “{cut(top['segment_name'])}” is {writer.percent(hold)} of them and brings {writer.percent(bring)}"
            " of the spending"
        )
    first = f"Start there: {lower_first(top['actions'][0]['action'])}." if top["actions"] else ""
    return {"sentence": sentence + ".", "rest": first + aside}


def lower_first(text: str) -> str:
    """The text with a small first letter, unless it begins with an abbreviation."""
    return text[:1].lower() + text[1:] if text[1:2].islower() else text


def choice_of(marts: Marts, writer: Writer) -> dict[str, Any]:
    """Why there are as many groups as there are: the metrics of every k, and what they say."""
    rows = marts.rows("from marts.k_selection order by k")
    for row in rows:
        # The mart writes its numbers with a point, whatever the locale.
        for text in ("reason", "validity_reason"):
            row[text] = re.sub(r"(?<=\d)\.(?=\d)", writer.locale.number_symbols["latn"]["decimal"], row[text])
        row["role"] = (
            "served"
            if row["is_selected"]
            else "too small"
            if not row["is_admissible"]
            else "local minimum"
            if row["is_local_minimum"]
            else "other"
        )
        row["note"] = {
            "served": "Chosen",
            "too small": "Its smallest group is too small",
            "local minimum": "Local minimum",
            "other": "",
        }[row["role"]]
    served = next((row for row in rows if row["is_selected"]), None)
    drawn = [row for row in rows if row["davies_bouldin_index"] is not None]
    minima = [row["k"] for row in drawn if row["is_local_minimum"] and not row["is_selected"]]
    word = separation(served["silhouette_score"]) if served else None
    return {
        "rows": rows,
        "drawn": drawn if len(drawn) > 1 else [],
        "served": served,
        "minima": minima,
        "separation": word,
        "certainty": certainty(served["validity"], served["silhouette_score"]) if served else certainty("", None),
        "is_sampled": bool(served and served["silhouette_standard_error"]),
    }


def attributes_of(marts: Marts, segments: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Who is in the segments, by the attributes that the input has: a table per attribute.

    A cell is marked where its share differs from that of all customers by more than three standard errors: with fewer,
    a table of some sixty cells would show differences that are none.
    """
    if "segment_attributes" not in marts:
        return []
    rows = marts.rows("from marts.segment_attributes order by attribute, value, segment_name")
    tables = []
    for attribute in dict.fromkeys(row["attribute"] for row in rows):
        own = [row for row in rows if row["attribute"] == attribute]
        weight: dict[str, int] = {}
        for row in own:
            weight[row["value"]] = weight.get(row["value"], 0) + (row["customer_count"] or 0)
        most = sorted(weight, key=lambda value: (-weight[value], value))[:ROWS_AT_MOST]
        cells = {(row["value"], row["segment_name"]): row | {"side": side_of(row)} for row in own}
        tables.append(
            {
                "attribute": label(attribute),
                "values": [value for value in weight if value in most],
                "left_out": len(weight) - len(most),
                "segments": [
                    segment for segment in segments if any(key[1] == segment["segment_name"] for key in cells)
                ],
                "cells": cells,
            }
        )
    return tables


def side_of(cell: dict[str, Any]) -> str:
    """Whether a value is more or less common in a segment than chance would have it."""
    count, share, lift = cell["customer_count"], cell["share"], cell["lift"]
    if not count or not share or not lift:
        return "near"
    size, expected = count / share, share / lift
    error = math.sqrt(expected * max(1 - expected, 0) / size)
    if error == 0 or abs(share - expected) <= 3 * error:
        return "near"
    return "above" if share > expected else "below"


# What the page says of the past, from the second build on: heading, the mart, and the rows of it.
FURTHER = (
    (
        "How the segments changed",
        "segment_events",
        "select build, as_of_date, event, previous_segment_name as name_before, segment_name as name_now, customers"
        " from marts.segment_events order by build desc, segment_key",
    ),
    (
        "Who moved between segments",
        "segment_migrations",
        """
        select
            coalesce(from_segment_name, 'New customers') as before,
            coalesce(to_segment_name, 'No longer here') as now,
            customers,
            total_spending
        from marts.segment_migrations
        where step = 'both' and is_move and build = (select max(build) from marts.segment_migrations)
        order by customers desc, from_segment_key nulls first, to_segment_key nulls first
        """,
    ),
    (
        "Do the segments still fit?",
        "segment_drift",
        """
        select
            replace(measure, '_', ' ') as measure,
            replace(subject, '_', ' ') as subject,
            training_value as in_training,
            value as now,
            threshold as warns_above
        from marts.segment_drift
        where threshold is not null and build = (select max(build) from marts.segment_drift where build > 1)
        """,
    ),
)


def further_of(marts: Marts, mart: str, sql: str, writer: Writer) -> dict[str, Any] | None:
    """What a mart of the past has to say, as a table; none where it is missing or says nothing."""
    if mart not in marts:
        return None
    found = marts.rows(sql)
    rows = found[: ROWS_AT_MOST * 4]
    if not rows:
        return None
    return {
        "columns": [label(column) for column in rows[0]],
        "rows": [[any_value(value, writer) for value in row.values()] for row in rows],
        "total": len(found),
    }


def any_value(value: Any, writer: Writer) -> dict[str, Any]:
    """A value of such a table as a cell."""
    if isinstance(value, (int, float, Decimal)):
        return {"text": writer.number(value, 0 if isinstance(value, int) else 2), "is_number": True}
    if isinstance(value, date):
        return {"text": writer.day(value), "is_number": False}
    return {"text": NOTHING if value is None else str(value), "is_number": False}


def quality_of(marts: Marts, writer: Writer) -> dict[str, Any]:
    """What became of the rows of the input."""
    rows = marts.rows("from marts.data_quality order by input desc, outcome desc, row_count desc, rule")
    sentences = []
    for source in dict.fromkeys(row["input"] for row in rows):
        own = [row for row in rows if row["input"] == source]
        used = sum(row["row_count"] for row in own if row["outcome"] == "used")
        total = used + sum(row["row_count"] for row in own if row["outcome"] == "rejected")
        noun = "row of the transactions" if source == "transactions" else "row of the customers"
        nouns = noun.replace("row", "rows", 1)
        if used == total:
            sentences.append(f"All {counted(total, noun, nouns, writer)} could be used.")
        else:
            sentences.append(
                f"{writer.number(used)} of {counted(total, noun, nouns, writer)} could be used"
                f" ({writer.percent(used / total, 1)})."
            )
    remarks = [row | {"text": row["label"]} for row in rows if row["outcome"] != "used"]
    return {"sentences": sentences, "remarks": remarks}


def as_of_of(marts: Marts) -> date | None:
    """The day as of which the segments are described; none where there are no segments."""
    return marts.rows("select max(as_of_date) as as_of_date from marts.segment_profiles")[0]["as_of_date"]


def card_of(marts: Marts, writer: Writer) -> list[tuple[str, str]]:
    """How it was made, as pairs of a term and what it is."""
    rows = marts.rows("from marts.segmentation_models where is_serving")
    if not rows:
        return []
    card = rows[0]
    used = next(
        row
        for row in marts.rows("from marts.data_quality where outcome = 'used' order by input desc")
        if row["input"] == "transactions"
    )
    transforms = dict(part.split(": ", 1) for part in (card["transforms"] or "").split(", ") if ": " in part)
    taken = [
        marts.features[feature]["label"] + {"log1p": " (logarithm)"}.get(transforms.get(feature, ""), "")
        for feature in (card["features"] or "").split(", ")
        if feature
    ]
    pairs = [
        ("As of", writer.day(as_of_of(marts))),
        ("Grouped by", ", ".join(taken) + "; each brought to the same scale"),
        ("Constant, so without a say", card["constant_features"]),
        ("Method", f"k-means, best of {writer.number(card['starts'])} starts for each number of groups"),
        ("Number of groups", f"{card['k']} ({card['selected_by']})"),
        ("Davies-Bouldin index", writer.number(card["davies_bouldin_index"], 3)),
        ("Silhouette", writer.number(card["silhouette_score"], 3)),
        ("Inertia", writer.number(card["inertia"], 1)),
        ("Customers grouped", writer.number(card["customers_clustered"])),
        ("Transaction rows used", writer.number(used["row_count"])),
        ("Amount used", writer.money(used["amount"])),
        ("Model", card["model_id"]),
        ("Seed", str(card["seed"])),
        (
            "Software",
            f"dbt {card['dbt_version']}, {card['engine_version']}, scikit-learn {card['scikit_learn_version']},"
            f" NumPy {card['numpy_version']}, Python {card['python_version']}",
        ),
    ]
    return [(term, text) for term, text in pairs if text not in (None, NOTHING)]


# ---- charts -----------------------------------------------------------------------------------------------------


def map_of(
    marts: Marts,
    segments: list[dict[str, Any]],
    writer: Writer,
    theme: charts.Theme,
    **size: Any,
) -> dict[str, Any] | None:
    """The map: its chart, what its axes say, and how many customers it shows."""
    axes = marts.rows("from marts.segment_map_axes order by axis, feature")
    clustered = [segment for segment in segments if segment["is_clustered"]]
    place = {segment["segment_name"]: segment["place"] for segment in clustered}
    told = ["total_spending", "total_quantity", "transaction_count", "days_since_signup"]
    known = [name for name in told if any(segment["measures"] and has(segment, name) for segment in clustered)]
    rows, customers = points_of(marts, known)
    if not rows:
        return None
    points = [
        {
            "s": place[row["segment_name"]],
            "x": round(row["x"], 3),
            "y": round(row["y"], 3),
            "customer": cut(row["customer_id"]),
        }
        | {name: None if row[name] is None else float(row[name]) for name in known}
        for row in rows
    ]
    forms = {"money": "$,.2f", "number": ",", "days": ",d"}
    tooltip = [
        ("customer:N", "Customer", ""),
        *((f"{name}:Q", marts.features[name]["label"], forms[marts.features[name]["unit"]]) for name in known),
    ]
    titles = (axis_title(axes, "x", marts.features, writer), axis_title(axes, "y", marts.features, writer))
    names = [segment["segment_name"] for segment in clustered]
    chart = charts.segment_scatter(points, names, (f"{titles[0]} →", f"{titles[1]} →"), tooltip, theme, **size)
    description = (
        f"Map of {writer.number(len(points))} customers in {len(names)} segments."
        f" To the right: {lower_first(titles[0])}. Upwards: {lower_first(titles[1])}."
    )
    return {
        "spec": charts.dressed(chart, theme, description),
        "description": description,
        "titles": titles,
        "shown": len(points),
        "customers": customers,
    }


def has(segment: dict[str, Any], feature: str) -> bool:
    """Whether the averages of a segment know this feature."""
    column = next(column for column, name in PROFILE_AVERAGES.items() if name == feature)
    return segment[column] is not None


def cut(text: str) -> str:
    """A text of the input, cut where it is too long to stand in the file thousands of times."""
    return text if len(text) <= LONGEST_ID else text[: LONGEST_ID - 1] + "…"


def shares_of(
    segments: list[dict[str, Any]], writer: Writer, theme: charts.Theme, **size: Any
) -> dict[str, Any] | None:
    """The chart of each segment's share of customers and of spending; none where there is nothing to compare."""
    told = [segment for segment in segments if segment["is_clustered"] and segment["spending_share"] is not None]
    if len(told) < 2:
        return None
    records = [
        {"segment": segment["segment_name"], "measure": measure, "share": segment[column]}
        for segment in told
        for measure, column in (("of the customers", "customer_share"), ("of the spending", "spending_share"))
    ]
    description = "Share of the customers and of the spending. " + " ".join(
        f"{segment['segment_name']}: {writer.percent(segment['customer_share'])} of the customers,"
        f" {writer.percent(segment['spending_share'])} of the spending."
        for segment in told
    )
    return {
        "spec": charts.dressed(charts.share_bars(records, theme, **size), theme, description),
        "description": description,
    }


METRICS = (
    ("davies_bouldin_index", "Davies-Bouldin index", 3),
    ("silhouette_score", "Silhouette", 3),
    ("inertia", "Inertia", 1),
)


def curves_of(
    choice: dict[str, Any], writer: Writer, theme: charts.Theme, *, with_value: bool = False, **size: Any
) -> list[dict[str, Any]]:
    """The three curves over k, each with a plain reading."""
    if not choice["drawn"]:
        return []
    served = choice["served"]
    first, last = choice["drawn"][0]["k"], choice["drawn"][-1]["k"]
    minima = listed([str(k) for k in choice["minima"]])
    others = f" Other local {'minimum' if len(choice['minima']) == 1 else 'minima'}: k = {minima}." if minima else ""
    score = served["silhouette_score"]
    means = {
        "davies_bouldin_index": "Lower is better: tight groups, far apart." + others,
        "silhouette_score": (
            f"Higher is better, 1 at most. {writer.number(score, 2)} is {choice['separation']} separation."
            if score is not None
            else "Higher is better, 1 at most."
        ),
        "inertia": "Always falls with more groups. Look for a bend, not for the lowest point.",
    }
    curves = []
    for field, title, decimals in METRICS:
        rows = [
            {"k": row["k"], "role": row["role"], "note": row["note"], field: row[field]}
            for row in choice["drawn"]
            if row[field] is not None
        ]
        is_index = field == "davies_bouldin_index"
        chart = charts.metric_curve(rows, field, title, theme, with_minima=is_index, with_value=with_value, **size)
        # One segment is not on the curve: it has no index.
        value = writer.number(served[field], decimals) if served in choice["drawn"] else ""
        description = f"{title} for {first} to {last} groups. {means[field]}"
        if value:
            description += f" {value} at the chosen k = {served['k']}."
        curves.append(
            {
                "id": field,
                "title": title,
                "value": value,
                "means": means[field],
                "spec": charts.dressed(chart, theme, description),
                "description": description,
            }
        )
    return curves


# ---- the page ---------------------------------------------------------------------------------------------------


def script_text(code: str) -> str:
    """Code that can stand in a script element: nothing in it closes the element."""
    return code.replace("</script", "<\\/script").replace("<!--", "<\\!--")


@functools.cache
def chart_library() -> str:
    """Vega, Vega-Lite and Vega-Embed as one script, from the package that also draws the pictures."""
    return script_text(vl_convert.javascript_bundle(vl_version=VEGA_LITE))


def script_hash(code: str) -> str:
    """The hash by which the page's policy lets this script, and no other, run."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()}'"


def data_text(value: Any) -> str:
    """Data that can stand in a script element."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def page(marts: Marts, writer: Writer, title: str) -> str:
    """The whole page."""
    segments, average = segments_of(marts, writer)
    choice = choice_of(marts, writer)
    scatter = map_of(marts, segments, writer, charts.PAGE)
    shares = shares_of(segments, writer, charts.PAGE)
    curves = curves_of(choice, writer, charts.PAGE) if choice["served"] else []
    specs = {f"chart-{curve['id']}": curve["spec"] for curve in curves}
    if scatter:
        specs["chart-map"] = scatter["spec"]
    if shares:
        specs["chart-shares"] = shares["spec"]
    library = chart_library() if specs else ""
    starter = script_text((HERE / "templates" / "start_charts.js").read_text(encoding="utf-8")) if specs else ""
    environment = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["script"] = Markup
    return environment.get_template("report.html.j2").render(
        title=title,
        writer=writer,
        segments=segments,
        clustered=[segment for segment in segments if segment["is_clustered"]],
        average=average,
        answer=answer_of(segments, average, writer) if segments else None,
        as_of=as_of_of(marts),
        choice=choice,
        map=scatter,
        shares=shares,
        curves=curves,
        attributes=attributes_of(marts, segments),
        further=[(heading, table) for heading, mart, sql in FURTHER if (table := further_of(marts, mart, sql, writer))],
        quality=quality_of(marts, writer),
        card=card_of(marts, writer),
        light=charts.LIGHT_PALETTE,
        dark=charts.DARK_PALETTE,
        library=library,
        starter=starter,
        data=data_text({"charts": specs, "locale": writer.chart_locale()}),
        policy=" ".join(script_hash(code) for code in (library, starter) if code) or "'none'",
    )


def write_pictures(marts: Marts, writer: Writer, folder: Path) -> list[Path]:
    """The map and the k curve as PNG files, for places that show no page."""
    segments, _ = segments_of(marts, writer)
    choice = choice_of(marts, writer)
    scatter = map_of(marts, segments, writer, charts.PICTURE, width=760, height=480, with_legend=True)
    curves = (
        curves_of(choice, writer, charts.PICTURE, with_value=True, width=760, height=300) if choice["served"] else []
    )
    if not scatter or not curves:
        raise ReportError("The marts hold no map and no curve to draw.")
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, spec in (("segments", scatter["spec"]), ("k_curve", curves[0]["spec"])):
        # A picture has no screen behind it, and none of the fonts that a page finds.
        spec = spec | {"background": charts.PICTURE.ground, "padding": 16}
        spec["config"] = spec["config"] | {"font": "sans-serif"}
        picture = vl_convert.vegalite_to_png(
            spec, vl_version=VEGA_LITE, scale=2, format_locale=writer.chart_locale(), allowed_base_urls=[]
        )
        target = folder / f"{name}.png"
        target.write_bytes(picture)
        written.append(target)
    return written


# ---- the command line -------------------------------------------------------------------------------------------


def writer_for(locale: str, currency: str | None) -> Writer:
    """The writer of a locale and a currency, both checked."""
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
    return Writer(known, currency.upper() if currency else None)


def database() -> Path:
    """What is read by default: the current publication, or the warehouse if there is none."""
    warehouse = warehouse_path()
    return current_database(warehouse.resolve()) or warehouse


def arguments_of(given: list[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description="Write the segmentation report from the marts.")
    parser.add_argument("--warehouse", type=Path, help="the database to read (default: the publication)")
    parser.add_argument("--output", type=Path, default=HERE / "output" / "segmentation_report.html")
    parser.add_argument("--settings", type=Path, help="the YAML file of settings that the build was given")
    parser.add_argument("--locale", help="how numbers are written, such as en_GB (default: the var report_locale)")
    parser.add_argument("--currency", help="of the amounts, such as EUR, or none (default: the var report_currency)")
    parser.add_argument("--title", default="Customer segments")
    parser.add_argument("--pictures", type=Path, metavar="FOLDER", help="write the PNG pictures of the README instead")
    return parser.parse_args(given)


def main(given: list[str]) -> None:
    """Write the page, or the pictures, and say where they are."""
    arguments = arguments_of(given)
    settings = project_settings(PROJECT, arguments.settings)
    currency = arguments.currency or settings.get("report_currency")
    writer = writer_for(
        arguments.locale or settings.get("report_locale") or "en_GB",
        None if currency is None or str(currency).lower() == "none" else str(currency),
    )
    source = arguments.warehouse or database()
    marts = Marts(source)
    if arguments.pictures:
        for picture in write_pictures(marts, writer, arguments.pictures):
            print(f"The picture is {picture}.")
        return
    html = page(marts, writer, arguments.title)
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(html, encoding="utf-8")
    print(f"The report is {arguments.output} ({len(html.encode()) / 1e6:.1f} MB), from {source}.")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except (ReportError, SettingsError) as problem:
        sys.exit(str(problem))
