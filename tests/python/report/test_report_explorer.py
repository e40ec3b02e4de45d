"""The customers that the page carries: whatever their texts, they come out of the page as they went in."""

from __future__ import annotations

import base64
import gzip
import json

from hypothesis import given
from hypothesis import strategies as st

from customer_segmentation.report.explorer import VALUES_AT_MOST, coded, compressed, explorer
from customer_segmentation.report.reading import CUSTOMER_COLUMNS

VALUES = st.lists(st.one_of(st.none(), st.text(), st.integers(), st.booleans()), max_size=30)


@given(VALUES)
def test_codes_stand_for_the_values(values):
    distinct, codes = coded(values)
    assert [None if code is None else distinct[code] for code in codes] == [
        None if value is None else str(value) for value in values
    ]
    assert len(distinct) == len(set(distinct))


@given(st.dictionaries(st.text(), VALUES))
def test_compressed_data_come_out_as_they_went_in(data):
    text = compressed(data)
    assert json.loads(gzip.decompress(base64.b64decode(text))) == data
    assert text == compressed(data)
    # Nothing in it can end the script element.
    assert "<" not in text


def test_attributes_that_identify_people_are_left_out():
    count = VALUES_AT_MOST + 1
    columns = {name: [None] * count for name in CUSTOMER_COLUMNS}
    columns |= {"customer_id": [f"C{number}" for number in range(count)], "segment_name": ["All"] * count}
    columns |= {"region": ["North", "South", *["West"] * (count - 2)], "street": [f"{n}" for n in range(count)]}
    listed = explorer(columns, [{"segment_name": "All"}], [], [], [], [], [])
    assert [(attribute["label"], attribute["values"]) for attribute in listed["attributes"]] == [
        ("Region", ["North", "South", "West"])
    ]
