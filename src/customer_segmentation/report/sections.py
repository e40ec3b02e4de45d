"""What each section of the page shows, from the rows of the marts."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from customer_segmentation.report import Row, charts
from customer_segmentation.report.wording import (
    MISSING,
    Formatter,
    certainty,
    comparison,
    label,
    reached,
    separation,
    stake,
    used_rows,
)

# The averages in segment_profiles, each with its feature.
PROFILE_AVERAGES = {
    "avg_total_spending": "total_spending",
    "avg_quantity": "total_quantity",
    "avg_transactions": "transaction_count",
    "avg_days_since_signup": "days_since_signup",
}
# The most rows of a table on the page: values of an attribute, and changes since earlier builds.
ATTRIBUTE_VALUES_AT_MOST = 12
CHANGES_AT_MOST = 48

# ---- the segments -----------------------------------------------------------------------------------------------


def average_customer(profiles: list[Row]) -> dict[str, float | None]:
    """The averages of all clustered customers, from those of their segments."""
    clustered = [row for row in profiles if row["cluster_id"] is not None]
    averages: dict[str, float | None] = {}
    for column in PROFILE_AVERAGES:
        known = [row for row in clustered if row[column] is not None]
        size = sum(row["cluster_size"] for row in known)
        averages[column] = sum(row[column] * row["cluster_size"] for row in known) / size if size else None
    return averages


def mark(place: int) -> Row:
    """How the segment at this place is drawn: its `place`, `colour` (place in the palette) and `shape` (path)."""
    return {"place": place, "colour": charts.colour_place(place), "shape": charts.shape(place)}


def segments(
    profiles: list[Row],
    segment_features: list[Row],
    actions: list[Row],
    due: list[Row],
    features: Mapping[str, Row],
    horizon: int | None,
    formatter: Formatter,
) -> list[Row]:
    """The segments in the order of their profiles.

    Args:
        profiles: Rows of segment_profiles.
        segment_features: Rows of segment_features.
        actions: Rows of segment_actions.
        due: How many customers each action is to reach now, as returned by `Marts.actions_due`.
        features: The catalogue of features.
        horizon: The days that the expected spending of an action is about; None if it is not known.
        formatter: Writes the numbers.

    Returns:
        Each profile with `place`, `is_clustered`, `colour` (place in the palette), `shape` (path of its mark),
        `measures` (the lines of its card) and `actions`.
    """
    average = average_customer(profiles)
    contacts = {(row["segment"], row["list"]): row for row in due}
    return [
        row
        | mark(place)
        | {
            "is_clustered": row["cluster_id"] is not None,
            "measures": _measures(row, average, segment_features, features, formatter),
            "actions": [
                action
                | {
                    "reached": reached(action, formatter),
                    "stake": stake(action, horizon, formatter),
                    "contact": contacts.get((action["segment_name"], f"{action['action_id']}.csv")),
                }
                for action in actions
                if action["segment_name"] == row["segment_name"]
            ],
        }
        for place, row in enumerate(profiles)
    ]


def _measures(
    profile: Row,
    average: dict[str, float | None],
    segment_features: list[Row],
    features: Mapping[str, Row],
    formatter: Formatter,
) -> list[Row]:
    """The lines of a segment's card: the averages of its profile, then those of further features."""
    compared = []
    for column, feature in PROFILE_AVERAGES.items():
        value, of_all = profile[column], average[column]
        # A column without any value (an input without quantities) is omitted.
        if of_all is None and value is None:
            continue
        is_comparable = profile["cluster_id"] is not None and value is not None and of_all is not None and of_all > 0
        compared.append((feature, value, value / of_all if is_comparable else None))
    compared += [
        (row["feature"], row["average"], row["ratio_to_average"])
        for row in segment_features
        if row["cluster_id"] == profile["cluster_id"] and row["feature"] not in PROFILE_AVERAGES.values()
    ]
    measures = []
    for feature, value, ratio in compared:
        words, side = comparison(ratio, formatter)
        text = formatter.feature(value, features[feature]["unit"])
        measures.append({"label": features[feature]["label"], "text": text, "words": words, "side": side})
    return measures + _purchases(profile, formatter)


def _purchases(profile: Row, formatter: Formatter) -> list[Row]:
    """The lines of a segment's card about single purchases; none for customers without one."""
    if profile["one_time_share"] is None:
        return []
    days = profile["median_days_since_last_transaction"]
    lines = {
        "Spending per purchase": formatter.money(profile["avg_transaction_value"]),
        "Last purchase, median": f"{formatter.number(days)} {'day' if days == 1 else 'days'} ago",
        "Bought once": formatter.percent(profile["one_time_share"]),
        "Gone quiet": formatter.percent(profile["quiet_share"]),
    }
    if profile["returned_share"]:
        lines["Returned, of the amount"] = formatter.percent(profile["returned_share"])
    return [{"label": term, "text": text, "words": "", "side": "near"} for term, text in lines.items()]


# ---- the choice of k --------------------------------------------------------------------------------------------


def choice_of_k(k_selection: list[Row], formatter: Formatter) -> dict[str, Any]:
    """Why this number of groups was selected.

    Args:
        k_selection: Rows of k_selection.
        formatter: Writes the numbers in their reasons.

    Returns:
        `rows` (one per k, with `role` and `note`), `drawn` (those on the curves), `served` (the row of the k that is
        served, or None), `minima` (other local minima of the Davies-Bouldin index), `separation`, `certainty`, and
        `is_sampled` (whether the silhouette is estimated from a sample).
    """
    rows = []
    for row in k_selection:
        role, note = _role(row)
        texts = {name: formatter.decimal_points(row[name]) for name in ("reason", "validity_reason")}
        rows.append(row | texts | {"role": role, "note": note})
    served = next((row for row in rows if row["is_selected"]), None)
    drawn = [row for row in rows if row["davies_bouldin_index"] is not None]
    return {
        "rows": rows,
        "drawn": drawn if len(drawn) > 1 else [],
        "served": served,
        "minima": [row["k"] for row in drawn if row["is_local_minimum"] and not row["is_selected"]],
        "separation": separation(served["silhouette_score"]) if served else None,
        "certainty": certainty(served["validity"], served["silhouette_score"], served["is_stable"])
        if served
        else certainty(None, None),
        "is_sampled": bool(served and served["silhouette_standard_error"]),
    }


def _role(row: Row) -> tuple[str, str]:
    """The role of a k, which determines its mark on the curves, and the note in its tooltip."""
    if row["is_selected"]:
        return "served", "Selected"
    if not row["is_admissible"]:
        return "not admissible", "Its smallest group is too small" if row["is_stable"] else "Not stable"
    if row["is_local_minimum"]:
        return "local minimum", "Local minimum"
    return "other", ""


def alternatives(rows: list[Row], borders: list[Row]) -> list[dict[str, Any]]:
    """The segments of every k that is not served.

    Args:
        rows: Rows of segment_alternatives, those that spend most first.
        borders: Rows of segment_alternative_borders.

    Returns:
        `k`, `validity`, `segments` (each row with its `place`, `colour` and `shape`) and `borders` (sentences).
    """
    found = []
    for k in dict.fromkeys(row["k"] for row in rows):
        own = [row for row in rows if row["k"] == k]
        segments = [row | mark(place) for place, row in enumerate(own)]
        between = [border["description"] for border in borders if border["k"] == k]
        found.append({"k": k, "validity": own[0]["validity"], "segments": segments, "borders": between})
    return found


# ---- attributes -------------------------------------------------------------------------------------------------


def attribute_tables(attributes: list[Row], segments: list[Row]) -> list[dict[str, Any]]:
    """A table per attribute of the input: the share of each value in each segment.

    Args:
        attributes: Rows of segment_attributes.
        segments: The segments of the page.

    Returns:
        `attribute`, `values`, `left_out` (the number of rarer values without a row), `segments`, and `cells` by value
        and segment name.
    """
    tables = []
    for attribute in dict.fromkeys(row["attribute"] for row in attributes):
        own = [row for row in attributes if row["attribute"] == attribute]
        counts: dict[str, int] = {}
        for row in own:
            counts[row["value"]] = counts.get(row["value"], 0) + (row["customer_count"] or 0)
        most = sorted(counts, key=lambda value: (-counts[value], value))[:ATTRIBUTE_VALUES_AT_MOST]
        names = {row["segment_name"] for row in own}
        tables.append(
            {
                "attribute": label(attribute),
                "values": [value for value in counts if value in most],
                "left_out": len(counts) - len(most),
                "segments": [segment for segment in segments if segment["segment_name"] in names],
                "cells": {(row["value"], row["segment_name"]): row | {"side": significant_side(row)} for row in own},
            }
        )
    return tables


def significant_side(cell: Row) -> str:
    """Whether the share of a value in a segment is significantly above or below its share of all customers.

    The threshold is three standard errors of a share: with a lower one, a table of sixty cells would mark differences
    that are due to chance.

    Args:
        cell: `customer_count`, `share` (of the customers of the segment) and `lift` (its ratio to the share of all
            customers).

    Returns:
        above, below or near.
    """
    count, share, lift = cell["customer_count"], cell["share"], cell["lift"]
    if not count or not share or not lift:
        return "near"
    size, expected = count / share, share / lift
    error = math.sqrt(expected * max(1 - expected, 0) / size)
    if error == 0 or abs(share - expected) <= 3 * error:
        return "near"
    return "above" if share > expected else "below"


# ---- the history ------------------------------------------------------------------------------------------------


def changes_table(rows: list[Row], formatter: Formatter) -> dict[str, Any]:
    """The rows of a mart, at least one, as a table: `columns`, the first `rows` as cells, and their `total`."""
    return {
        "columns": [label(column) for column in rows[0]],
        "rows": [
            [
                _cell(value, formatter, "spending" in column or column.startswith("difference_"))
                for column, value in row.items()
            ]
            for row in rows[:CHANGES_AT_MOST]
        ],
        "total": len(rows),
    }


def _cell(value: Any, formatter: Formatter, is_money: bool) -> dict[str, Any]:
    """A value of any type as a cell."""
    if isinstance(value, (int, float, Decimal)):
        number = formatter.money(value) if is_money else formatter.number(value, 0 if isinstance(value, int) else 2)
        return {"text": number, "is_number": True, "is_missing": False}
    if isinstance(value, date):
        return {"text": formatter.date(value), "is_number": False, "is_missing": False}
    return {"text": MISSING if value is None else str(value), "is_number": False, "is_missing": value is None}


# ---- the data and the model -------------------------------------------------------------------------------------


def input_quality(data_quality: list[Row], formatter: Formatter) -> dict[str, Any]:
    """How the rows of the input were used: a sentence per input, and the rules that rejected or flagged rows.

    Args:
        data_quality: Rows of data_quality.
        formatter: Writes the numbers.
    """
    sentences = []
    for source in dict.fromkeys(row["input"] for row in data_quality):
        counts = {"used": 0, "rejected": 0}
        for row in data_quality:
            if row["input"] == source and row["outcome"] in counts:
                counts[row["outcome"]] += row["row_count"]
        sentences.append(used_rows(source, counts["used"], sum(counts.values()), formatter))
    return {"sentences": sentences, "remarks": [row for row in data_quality if row["outcome"] != "used"]}


def model_facts(
    model: Row | None,
    data_quality: list[Row],
    as_of_date: date | None,
    features: Mapping[str, Row],
    formatter: Formatter,
) -> list[tuple[str, str]]:
    """How the segments were made, as pairs of a term and its value; none if no model serves.

    Args:
        model: The serving row of segmentation_models.
        data_quality: Rows of data_quality.
        as_of_date: The day as of which the segments are described.
        features: The catalogue of features.
        formatter: Writes the numbers.
    """
    if model is None:
        return []
    used = next(row for row in data_quality if row["input"] == "transactions" and row["outcome"] == "used")
    transforms = dict(part.split(": ", 1) for part in (model["transforms"] or "").split(", ") if ": " in part)
    grouped_by = [
        features[feature]["label"] + {"log1p": " (logarithm)"}.get(transforms.get(feature, ""), "")
        for feature in (model["features"] or "").split(", ")
        if feature
    ]
    facts = [
        ("As of", formatter.date(as_of_date)),
        ("Grouped by", ", ".join(grouped_by) + "; each scaled to mean 0 and standard deviation 1"),
        ("Constant, so without effect", model["constant_features"]),
        (features["days_since_signup"]["label"], "from the signup or the first purchase, whichever came first")
        if features["days_since_signup"]["label"] == "Days since joining"
        else ("", None),
        (
            "Gone quiet",
            "the last purchase is longer ago than a customer's usual interval between purchases explains; for customers"
            " with one purchase, than the typical interval of all customers explains",
        ),
        ("Method", f"k-means, best of {formatter.number(model['starts'])} starts for each number of groups"),
        ("Number of groups", f"{model['k']} ({model['selected_by']})"),
        ("Davies-Bouldin index", formatter.number(model["davies_bouldin_index"], 3)),
        ("Silhouette", formatter.number(model["silhouette_score"], 3)),
        ("Inertia", formatter.number(model["inertia"], 1)),
        ("Customers grouped", formatter.number(model["customers_clustered"])),
        ("Transactions from", used.get("location")),
        ("Transaction rows used", formatter.number(used["row_count"])),
        ("Amount used", formatter.money(used["amount"])),
        ("Model", model["model_id"]),
        ("Seed", str(model["seed"])),
        (
            "Software",
            f"dbt {model['dbt_version']}, {model['engine_version']}, scikit-learn {model['scikit_learn_version']},"
            f" NumPy {model['numpy_version']}, Python {model['python_version']}",
        ),
    ]
    return [(term, text) for term, text in facts if text not in (None, MISSING)]
