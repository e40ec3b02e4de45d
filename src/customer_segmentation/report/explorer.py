"""The customers as the page carries them: columns of codes and numbers, compressed, which its script reads."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Iterable, Sequence
from typing import Any

from customer_segmentation.report import Row
from customer_segmentation.report.reading import CUSTOMER_COLUMNS
from customer_segmentation.report.wording import label

# An attribute with more values than this is no filter, and can identify people: the page leaves it out.
VALUES_AT_MOST = 100


def explorer(
    columns: dict[str, list[Any]],
    segments: list[Row],
    moved: list[Row],
    due: list[Row],
    suppressed: list[Row],
    overrides: list[Row],
    actions: list[Row],
) -> dict[str, Any]:
    """What the page needs to look customers up.

    Args:
        columns: The customers, as returned by `Marts.customers`.
        segments: The segments of the page.
        moved: Stays in segments, as returned by `Marts.moved_customers`.
        due: Whom each action is to reach now, as returned by `Marts.contacts_due`.
        suppressed: Who must not be contacted, as returned by `Marts.suppressed_customers`.
        overrides: Who was put into a segment by hand, as returned by `Marts.overrides`.
        actions: Rows of segment_actions.

    Returns:
        `segments` and `reasons` (texts that customers refer to by their index), a list per column with an item per
        customer, `attributes` (label, values, and the code of each customer), `lists` (the actions with the rows of
        those to contact, and of those held out), `suppressed` (why a row must not be contacted), `overridden` (the
        rows put into their segment by hand), and `history` (the stays of a row that has moved).
    """
    names = [segment["segment_name"] for segment in segments]
    names += sorted({row["segment_name"] for row in moved} - set(names))
    place = {name: index for index, name in enumerate(names)}
    row_of = {customer: row for row, customer in enumerate(columns["customer_id"])}
    overridden = {row_of[override["customer_id"]]: override_reason(override) for override in overrides}
    reasons, reason_codes = coded(overridden.get(row, reason) for row, reason in enumerate(columns["reason"]))
    # The position in the segment of the model says nothing about the segment that was chosen by hand.
    runners_up, margins = (
        [None if row in overridden else value for row, value in enumerate(columns[name])]
        for name in ("runner_up_segment_name", "margin")
    )
    attributes = []
    for name in list(columns)[len(CUSTOMER_COLUMNS) :]:
        values, codes = coded(columns[name])
        if len(values) <= VALUES_AT_MOST:
            attributes.append({"label": label(name), "values": values, "codes": codes})
    history: dict[int, list[tuple[int, str]]] = {}
    latest: set[int] = set()
    for stay in moved:
        # Customers who are no longer in the input are not on the page.
        if (row := row_of.get(stay["customer_id"])) is not None:
            history.setdefault(row, []).append((place[stay["segment_name"]], stay["valid_from_date"].isoformat()))
            if stay["is_latest_move"]:
                latest.add(row)
    titles = {action["action_id"]: action["action"] for action in actions}
    lists: dict[str, dict[str, list[int]]] = {}
    for contact in due:
        of_action = lists.setdefault(contact["action_id"], {"treated": [], "holdout": []})
        of_action[contact["status"]].append(row_of[contact["customer_id"]])
    forbidden: dict[int, list[str]] = {}
    for contact in suppressed:
        reason, action = contact["reason"], contact["action_id"]
        text = reason if contact["is_every_action"] else f"for “{titles.get(action, action)}”: {reason}"
        of_row = forbidden.setdefault(row_of[contact["customer_id"]], [])
        if text not in of_row:
            of_row.append(text)
    return {
        "segments": names,
        "reasons": reasons,
        "id": columns["customer_id"],
        "segment": [place[name] for name in columns["segment_name"]],
        "runnerUp": [place.get(name) for name in runners_up],
        "reason": reason_codes,
        "quiet": flags(columns["is_quiet"]),
        "once": flags(columns["is_one_time_buyer"]),
        "spending": [None if amount is None else float(amount) for amount in columns["total_spending"]],
        "purchases": columns["transaction_count"],
        "days": columns["days_since_last_transaction"],
        "margin": [None if margin is None else round(margin, 3) for margin in margins],
        "attributes": attributes,
        "lists": [
            {
                "id": action,
                "action": titles.get(action, action),
                "rows": sorted(rows["treated"]),
                "heldOut": sorted(rows["holdout"]),
            }
            for action, rows in lists.items()
            if rows["treated"]
        ],
        "suppressed": {row: "; ".join(texts) for row, texts in forbidden.items()},
        "overridden": sorted(overridden),
        "history": history,
        "moved": sorted(latest),
    }


def override_reason(override: Row) -> str:
    """Why a customer is in a segment that was chosen by hand."""
    reason = f" ({override['override_reason']})" if override["override_reason"] else ""
    return f"Assigned by hand{reason}; the model assigns {override['model_segment_name']}"


def coded(values: Iterable[Any]) -> tuple[list[str], list[int | None]]:
    """The distinct values as sorted texts, and for each value its place among them; None where it is missing."""
    texts = [None if value is None else str(value) for value in values]
    distinct = sorted({text for text in texts if text is not None})
    places = {text: place for place, text in enumerate(distinct)}
    return distinct, [None if text is None else places[text] for text in texts]


def flags(values: Sequence[bool | None]) -> str:
    """A character per value: 1 if it is true, otherwise 0."""
    return "".join("1" if value else "0" for value in values)


def compressed(value: Any) -> str:
    """Data as JSON, compressed with gzip and written as base64. The same data give the same text."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode()
