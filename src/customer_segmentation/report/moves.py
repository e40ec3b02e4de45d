"""The alluvial chart of who moved, as shapes of an SVG.

Vega-Lite has no mark for flows. The chart has no scale or axis, so its shapes are computed here and drawn by the
template; it needs no script, and prints.
"""

from __future__ import annotations

import textwrap
from datetime import date
from typing import Any

from customer_segmentation.report import Row
from customer_segmentation.report.wording import Formatter, count_with_noun, shortened

WIDTH, HEIGHT, NODE_WIDTH = 860, 400, 12
# The space between two nodes of a column, for their names.
GAP = 22
# On either side, for the names of the outer nodes, and the letters of a line that fit there.
MARGIN = 190
LETTERS = 22
NEW, GONE = "New customers", "No longer here"


def alluvial(
    migrations: list[Row], segments: list[Row], before: date | None, formatter: Formatter
) -> dict[str, Any] | None:
    """The flows of customers from the segments of the build before to those of the latest build.

    Where a new model moved customers, there is a column between: where the model before would have put them today. So
    the first flows are what customers did, and the second what the new model did.

    Args:
        migrations: The latest moves, as returned by `Marts.latest_migrations`.
        segments: The segments of the page.
        before: The day as of which the build before described the customers.
        formatter: Writes the numbers.

    Returns:
        `columns` (headings with their x), `nodes` and `flows` with their geometry, `sentence`, and `moves` (the rows
        of the table). None before the second build.
    """
    if not migrations:
        return None
    steps = {step: [row for row in migrations if row["step"] == step] for step in ("behaviour", "model", "both")}
    has_new_model = any(row["is_move"] for row in steps["model"])
    shown = [steps["behaviour"], steps["model"]] if has_new_model else [steps["both"]]
    headings = ["Last time", "By what they did", "Grouped anew"] if has_new_model else ["Last time", "Now"]
    colours = {segment["segment_key"]: segment["colour"] for segment in segments}
    order = {segment["segment_key"]: segment["place"] for segment in segments}
    names = {row["to_segment_key"]: row["to_segment_name"] for row in steps["both"]}
    names_before = {row["from_segment_key"]: row["from_segment_name"] for row in steps["both"]}
    totals = _totals(shown)
    everybody = max(sum(sizes.values()) for sizes in totals)
    room = HEIGHT - GAP * (max(map(len, totals)) - 1)
    step = (WIDTH - 2 * MARGIN - NODE_WIDTH) / (len(totals) - 1)
    nodes: list[dict[str, Any]] = []
    for column, sizes in enumerate(totals):
        top = 0.0
        # Those without a segment come last; a segment that has vanished, after those of today.
        for key in sorted(sizes, key=lambda key: (key is None, order.get(key, len(order)), key or "")):
            height = max(room * sizes[key] / everybody, 1)
            last = column == len(totals) - 1
            name = (NEW if column == 0 else GONE) if key is None else (names if last else names_before).get(key)
            name = name or names.get(key) or names_before.get(key) or str(key)
            is_renamed = last and key is not None and names_before.get(key, name) != name
            nodes.append(
                {
                    "column": column,
                    "key": key,
                    "x": MARGIN + column * step,
                    "y": top,
                    "height": height,
                    "name": name,
                    "lines": textwrap.wrap(shortened(name), LETTERS),
                    "before": textwrap.wrap(f"was: {shortened(names_before[key])}", LETTERS + 4) if is_renamed else [],
                    "colour": colours.get(key),
                    "customers": sizes[key],
                }
            )
            top += height + GAP
    at = {(node["column"], node["key"]): node for node in nodes}
    flows: list[dict[str, Any]] = []
    leaving = {place: node["y"] for place, node in at.items()}
    arriving = dict(leaving)
    for column, rows in enumerate(shown):
        places = {node["key"]: index for index, node in enumerate(nodes) if node["column"] in (column, column + 1)}
        for row in sorted(rows, key=lambda row: (places[row["from_segment_key"]], places[row["to_segment_key"]])):
            source, target = at[column, row["from_segment_key"]], at[column + 1, row["to_segment_key"]]
            width = room * row["customers"] / everybody
            start, end = leaving[column, source["key"]], arriving[column + 1, target["key"]]
            leaving[column, source["key"]] += width
            arriving[column + 1, target["key"]] += width
            flows.append(
                {
                    "path": _ribbon(source["x"] + NODE_WIDTH, start, target["x"], end, max(width, 0.75)),
                    "colour": source["colour"],
                    "is_move": row["is_move"],
                    "title": f"{source['name']} \N{RIGHTWARDS ARROW} {target['name']}: "
                    + count_with_noun(row["customers"], "customer", "customers", formatter),
                }
            )
    return {
        "columns": [{"title": heading, "x": MARGIN + place * step} for place, heading in enumerate(headings)],
        "nodes": nodes,
        "flows": flows,
        "width": WIDTH,
        "height": max(node["y"] + node["height"] for node in nodes),
        "sentence": sentence(steps, before, formatter),
        "moves": [
            {
                "from": row["from_segment_name"] or NEW,
                "to": (names_before.get(row["to_segment_key"]) if name == "behaviour" else None)
                or row["to_segment_name"]
                or GONE,
                "because of": "what they did" if name == "behaviour" else "the new model",
                "customers": row["customers"],
                "total_spending": row["total_spending"],
            }
            for name in ("behaviour", "model")
            for row in steps[name]
            if row["is_move"]
        ],
    }


def sentence(steps: dict[str, list[Row]], before: date | None, formatter: Formatter) -> str:
    """How many customers have moved, why, and the largest move."""

    def moved(rows: list[Row]) -> list[Row]:
        return [row for row in rows if row["is_move"] and row["from_segment_key"] and row["to_segment_key"]]

    customers = sum(row["customers"] for row in steps["both"] if row["from_segment_key"])
    moves = moved(steps["both"])
    count = sum(row["customers"] for row in moves)
    by_behaviour = sum(row["customers"] for row in moved(steps["behaviour"]))
    by_model = sum(row["customers"] for row in moved(steps["model"]))
    new = sum(row["customers"] for row in steps["both"] if not row["from_segment_key"])
    gone = sum(row["customers"] for row in steps["both"] if not row["to_segment_key"])
    words = [
        f"Of the {count_with_noun(customers, 'customer', 'customers', formatter)} of last time"
        + (f" ({formatter.date(before)})" if before else "")
        + f", {formatter.number(count) if count else 'none'} are in another group now"
        + (f" ({formatter.percent(count / customers)})." if count else ".")
    ]
    if by_behaviour and by_model:
        words.append(
            f"By what they did, {formatter.number(by_behaviour)} would have moved. Then all were grouped anew, by a new"
            f" model, which moved {formatter.number(by_model)}: some of them a second time, and some back."
        )
    elif by_model:
        words.append("None of them moved by what they did: all were grouped anew, and the new model moved them.")
    elif by_behaviour:
        words.append("What they did moved them; the model is the same.")
    if moves:
        largest = max(moves, key=lambda row: row["customers"])
        words.append(
            f"Most of all, {formatter.number(largest['customers'])} went from"
            f" “{shortened(largest['from_segment_name'])}” to “{shortened(largest['to_segment_name'])}”."
        )
    if new:
        words.append(f"{count_with_noun(new, 'customer is', 'customers are', formatter)} new.")
    if gone:
        words.append(f"{count_with_noun(gone, 'customer is', 'customers are', formatter)} no longer in the input.")
    return " ".join(words)


def _totals(shown: list[list[Row]]) -> list[dict[str | None, int]]:
    """The number of customers of each node, by its key, for each column."""
    totals: list[dict[str | None, int]] = [{} for _ in range(len(shown) + 1)]
    for column, rows in enumerate(shown):
        for row in rows:
            sources, targets = totals[column], totals[column + 1]
            if column == 0:
                sources[row["from_segment_key"]] = sources.get(row["from_segment_key"], 0) + row["customers"]
            targets[row["to_segment_key"]] = targets.get(row["to_segment_key"], 0) + row["customers"]
    return totals


def _ribbon(left: float, top_left: float, right: float, top_right: float, width: float) -> str:
    """The SVG path of a flow: two curves, horizontal at both ends, `width` apart."""
    middle = (left + right) / 2
    return (
        f"M{left:.1f},{top_left:.1f}C{middle:.1f},{top_left:.1f},{middle:.1f},{top_right:.1f},{right:.1f},{top_right:.1f}"
        f"V{top_right + width:.1f}"
        f"C{middle:.1f},{top_right + width:.1f},{middle:.1f},{top_left + width:.1f},{left:.1f},{top_left + width:.1f}Z"
    )
