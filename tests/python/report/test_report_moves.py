"""The chart of who moved: no customer is lost on the way, and the sentence counts those who moved."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customer_segmentation.report import moves
from customer_segmentation.report.wording import formatter_for

FORMATTER = formatter_for("en_GB", None)
KEYS = st.sampled_from([None, "S1", "S2", "S3"])


def name(key: str | None) -> str | None:
    return key and f"Segment {key}"


def migrations(customers: list[tuple[str | None, str | None, str | None]]) -> list[dict]:
    """Rows of segment_migrations of customers, each with the segment before, the one expected, and the one now."""
    counted = Counter()
    for before, expected, now in customers:
        counted["behaviour", before, expected] += 1
        counted["both", before, now] += 1
        if now:
            counted["model", expected, now] += 1
    return [
        {
            "step": step,
            "from_segment_key": source,
            "to_segment_key": target,
            "from_segment_name": name(source),
            "to_segment_name": name(target),
            "is_move": source != target,
            "customers": count,
            "total_spending": 0,
        }
        for (step, source, target), count in counted.items()
    ]


def customer(before: str | None, expected: str | None, now: str | None) -> tuple:
    """A customer who is gone is expected nowhere; a new one is expected in a segment."""
    return (before or "S1", None, None) if now is None else (before, expected or now, now)


SEGMENTS = [{"segment_key": f"S{place + 1}", "colour": place, "place": place} for place in range(3)]


@given(st.lists(st.builds(customer, KEYS, KEYS, KEYS), min_size=1, max_size=60))
def test_every_customer_arrives(customers):
    drawn = moves.alluvial(migrations(customers), SEGMENTS, date(2024, 12, 31), FORMATTER)
    columns = len(drawn["columns"])
    has_new_model = any(expected != now for _, expected, now in customers if now)
    assert columns == (3 if has_new_model else 2)
    for column in range(columns):
        # In the column between, those who are gone have left; they go nowhere from there.
        there = [
            (before, expected, now)[0 if column == 0 else 1 if column < columns - 1 else 2]
            for before, expected, now in customers
            if columns == 2 or column < 2 or now
        ]
        nodes = {node["key"]: node["customers"] for node in drawn["nodes"] if node["column"] == column}
        assert nodes == Counter(there)
        tops = sorted((node["y"], node["y"] + node["height"]) for node in drawn["nodes"] if node["column"] == column)
        assert all(below[0] > above[1] for above, below in itertools.pairwise(tops))
    carried = sum(int(re.search(r": (\d+) customer", flow["title"])[1]) for flow in drawn["flows"])
    stayed = [now for _, _, now in customers if now]
    assert carried == len(customers) + (len(stayed) if has_new_model else 0)

    compared = [(before, now) for before, _, now in customers if before and now]
    moved = sum(before != now for before, now in compared)
    assert f"{moved or 'none'} are in another group now" in drawn["sentence"]
    before = sum(source is not None for source, *_ in customers)
    assert drawn["sentence"].startswith(f"Of the {before} customer")
    assert "(31 December 2024)" in drawn["sentence"]


def test_a_renamed_segment_has_its_old_name_and_nobody_moved():
    rows = migrations([("S1", "S1", "S1")] * 3)
    for row in rows:
        row["to_segment_name"] = "Regulars"
    drawn = moves.alluvial(rows, SEGMENTS, None, FORMATTER)
    assert [(node["name"], node["before"]) for node in drawn["nodes"]] == [
        ("Segment S1", []),
        ("Regulars", ["was: Segment S1"]),
    ]
    assert not any(flow["is_move"] for flow in drawn["flows"])
    assert "none are in another group now" in drawn["sentence"]


@pytest.mark.parametrize("rows", [[]])
def test_before_the_second_build_there_is_nothing_to_draw(rows):
    assert moves.alluvial(rows, SEGMENTS, None, FORMATTER) is None
