"""The lists open in a spreadsheet, which executes none of their cells."""

from __future__ import annotations

import csv
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customer_segmentation.audiences.files import safe_cell, write_csv


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1", "@a", "\t=1", "\r", "\n", "  =1", "\uff1d1", " \uff20a", "\xa0=1"]
)
def test_a_text_like_a_formula_is_preceded_by_an_apostrophe(text):
    assert safe_cell(text) == "'" + text


@pytest.mark.parametrize("value", ["a=1", "C-17", "", Decimal("-1.50"), -2, -0.5, None, date(2024, 1, 2), True])
def test_other_values_stay(value):
    assert safe_cell(value) is value


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\x00")), min_size=1, max_size=4))
def test_no_cell_of_a_list_begins_like_a_formula(tmp_path_factory, texts):
    file = tmp_path_factory.mktemp("lists") / "list.csv"
    write_csv(file, [f"c{place}" for place in range(len(texts))], [texts])
    with file.open(encoding="utf-8-sig", newline="") as opened:
        header, row = csv.reader(opened)
    assert len(header) == len(row) == len(texts)
    for text, cell in zip(texts, row, strict=True):
        assert cell in (text, f"'{text}")
        assert not cell.lstrip().startswith(("=", "+", "-", "@"))


def test_a_list_says_that_it_is_in_utf_8_and_one_for_a_platform_does_not(tmp_path):
    write_csv(tmp_path / "list.csv", ["a"], [["é"]])
    write_csv(tmp_path / "platform.csv", ["a"], [["=é"]], for_spreadsheets=False)
    assert (tmp_path / "list.csv").read_bytes() == b"\xef\xbb\xbfa\r\n\xc3\xa9\r\n"
    assert (tmp_path / "platform.csv").read_bytes() == b"a\r\n=\xc3\xa9\r\n"
