"""Each chart of the page with its data, and a text description for readers who cannot see it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from customer_segmentation.report import Row, charts
from customer_segmentation.report.sections import PROFILE_AVERAGES
from customer_segmentation.report.wording import (
    Formatter,
    axis_title,
    lower_first,
    metric_meanings,
    shares_sentence,
    shortened,
)

# The metrics drawn over k: column of k_selection, title, decimals.
METRICS = (
    ("davies_bouldin_index", "Davies-Bouldin index", 3),
    ("silhouette_score", "Silhouette", 3),
    ("inertia", "Inertia", 1),
)
# A mark of a still picture takes more of the file than a customer's data.
STILL_POINTS_AT_MOST = 1_500
# The d3-format of a feature in the tooltip, by its unit; that of money depends on the currency.
TOOLTIP_FORMATS = {"number": ",", "days": ",d"}


def map_features(segments: list[Row]) -> list[str]:
    """The features shown in tooltips of the map: those with an average in at least one segment's profile."""
    clustered = [segment for segment in segments if segment["is_clustered"]]
    return [
        feature
        for column, feature in PROFILE_AVERAGES.items()
        if any(segment["measures"] and segment[column] is not None for segment in clustered)
    ]


def segment_map(
    points: list[Row],
    customers: int,
    axes: list[Row],
    segments: list[Row],
    features: Mapping[str, Row],
    formatter: Formatter,
    theme: charts.Theme,
    *,
    with_ids: bool = True,
    **size: Any,
) -> dict[str, Any] | None:
    """The map of the customers; None if there are none.

    Args:
        points: The customers to show, as returned by `Marts.map_points` for `map_features`.
        customers: The number of customers that the map could show.
        axes: Rows of segment_map_axes.
        segments: The segments of the page.
        features: The feature catalogue, by feature.
        formatter: Formats the numbers.
        theme: Colours and sizes.
        with_ids: Whether the points name their customers.
        size: Width, height and legend, passed on to `charts.segment_scatter`.

    Returns:
        `spec`, `still` (the chart of a still picture, with fewer points), `description`, `titles` (of both axes),
        `shown` (the number of points) and `customers`.
    """
    if not points:
        return None
    clustered = [segment for segment in segments if segment["is_clustered"]]
    place = {segment["segment_name"]: segment["place"] for segment in clustered}
    shown = map_features(segments)
    records = [
        {
            "s": place[row["segment_name"]],
            "x": round(row["x"], 3),
            "y": round(row["y"], 3),
        }
        | ({"customer": shortened(row["customer_id"])} if with_ids else {})
        | {name: None if row[name] is None else float(row[name]) for name in shown}
        for row in points
    ]
    formats = TOOLTIP_FORMATS | {"money": f"$,.{formatter.money_decimals}f"}
    tooltip = [
        *([("customer:N", "Customer", "")] if with_ids else []),
        *((f"{name}:Q", features[name]["label"], formats[features[name]["unit"]]) for name in shown),
    ]
    titles = (axis_title(axes, "x", features, formatter), axis_title(axes, "y", features, formatter))
    names = [segment["segment_name"] for segment in clustered]
    description = (
        f"Map of {formatter.number(len(records))} customers in {len(names)} segments."
        f" To the right: {lower_first(titles[0])}. Upwards: {lower_first(titles[1])}."
    )

    def drawn(shown: list[Row]) -> dict[str, Any]:
        return charts.dressed(charts.segment_scatter(shown, names, titles, tooltip, theme, **size), theme, description)

    spec = drawn(records)
    return {
        "spec": spec,
        # The customers are in no order, so the first of them are a sample.
        "still": spec if len(records) <= STILL_POINTS_AT_MOST else drawn(records[:STILL_POINTS_AT_MOST]),
        "description": description,
        "titles": titles,
        "shown": len(records),
        "customers": customers,
    }


def alternative_maps(
    points: list[Row],
    alternatives: list[dict[str, Any]],
    titles: tuple[str, str],
    formatter: Formatter,
    theme: charts.Theme,
) -> dict[str, Any] | None:
    """A map for every k that is not served; None if no customer can be shown.

    Args:
        points: The customers to show, as returned by `Marts.alternative_map`.
        alternatives: The segments of each k, as returned by `sections.alternatives`.
        titles: The titles of both axes.
        formatter: Formats the numbers.
        theme: Colours and sizes.

    Returns:
        `specs` by k, without the customers; `points`, the positions of the customers, which all maps share; `places`
        by k, where each character is the place of a customer's segment, in base 36; and `descriptions` by k.
    """
    if not points or not alternatives:
        return None
    positions = [(round(row["x"], 3), round(row["y"], 3)) for row in points]
    maps: dict[str, Any] = {"points": positions, "specs": {}, "places": {}, "descriptions": {}}
    for each in alternatives:
        k, names = each["k"], [segment["segment_name"] for segment in each["segments"]]
        place_of = {segment["cluster_id"]: segment["place"] for segment in each["segments"]}
        places = [place_of[row["cluster_ids"][k]] for row in points]
        records = [{"s": place, "x": x, "y": y} for place, (x, y) in zip(places, positions, strict=True)]
        description = f"Map of {formatter.number(len(records))} customers in {len(names)} segments."
        spec = charts.dressed(charts.segment_scatter(records, names, titles, [], theme, height=360), theme, description)
        # Customers are the data of the whole chart, or of its first layer if another has data of its own.
        (spec if "data" in spec else spec["layer"][0]).pop("data")
        maps["specs"][k] = spec
        maps["places"][k] = "".join("0123456789abcdefghijklmnopqrstuvwxyz"[place] for place in places)
        maps["descriptions"][k] = description
    return maps


def share_chart(segments: list[Row], formatter: Formatter, theme: charts.Theme, **size: Any) -> dict[str, Any] | None:
    """The chart of each segment's share of customers and of spending; None for fewer than two segments."""
    compared = [segment for segment in segments if segment["is_clustered"] and segment["spending_share"] is not None]
    if len(compared) < 2:
        return None
    records = [
        {"segment": segment["segment_name"], "measure": measure, "share": segment[column]}
        for segment in compared
        for measure, column in (("of the customers", "customer_share"), ("of the spending", "spending_share"))
    ]
    description = "Share of the customers and of the spending. " + " ".join(
        f"{segment['segment_name']}: {formatter.percent(segment['customer_share'])} of the customers,"
        f" {formatter.percent(segment['spending_share'])} of the spending."
        for segment in compared
    )
    return {
        "spec": charts.dressed(charts.share_bars(records, theme, **size), theme, description),
        "description": description,
        "sentence": shares_sentence(compared, formatter),
    }


def metric_curves(
    choice: Row, formatter: Formatter, theme: charts.Theme, *, with_value: bool = False, **size: Any
) -> list[dict[str, Any]]:
    """The three charts of a metric over k, each with a sentence on how to read it; none if no k is served.

    Args:
        choice: The choice of k, as returned by `sections.choice_of_k`.
        formatter: Formats the numbers.
        theme: Colours and sizes.
        with_value: Whether the value at the served k is written beside its point.
        size: Width and height, passed on to `charts.metric_curve`.
    """
    served = choice["served"]
    if not served or not choice["drawn"]:
        return []
    first, last = choice["drawn"][0]["k"], choice["drawn"][-1]["k"]
    meanings = metric_meanings(choice, formatter)
    curves = []
    for field, title, decimals in METRICS:
        rows = [
            {"k": row["k"], "role": row["role"], "note": row["note"], field: row[field]}
            for row in choice["drawn"]
            if row[field] is not None
        ]
        is_index = field == "davies_bouldin_index"
        chart = charts.metric_curve(rows, field, title, theme, with_minima=is_index, with_value=with_value, **size)
        # k = 1 has no index and is not on the curve.
        value = formatter.number(served[field], decimals) if served in choice["drawn"] else ""
        description = f"{title} for {first} to {last} groups. {meanings[field]}"
        if value:
            description += f" {value} at the selected k = {served['k']}."
        curves.append(
            {
                "id": field,
                "title": title,
                "value": value,
                "means": meanings[field],
                "spec": charts.dressed(chart, theme, description),
                "description": description,
            }
        )
    return curves
