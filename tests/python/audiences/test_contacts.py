"""Contacts are normalised and hashed as the lists of ad platforms ask for them."""

from __future__ import annotations

import hashlib

import pytest

from customer_segmentation.audiences.contacts import normalised, normalised_email, normalised_phone, platform_rows
from customer_segmentation.audiences.errors import ExportError


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (" Anna.Meyer@Example.COM ", "anna.meyer@example.com"),
        ("anna @example.com", "anna@example.com"),
        ("ÄNNA@example.com", "änna@example.com"),
        ("anna", None),
        ("anna@example", None),
        ("a@b@example.com", None),
        ("@example.com", None),
        ("anna@example..com", None),
        ("", None),
        (None, None),
    ],
)
def test_an_address_has_no_spaces_and_lower_case(given, expected):
    assert normalised_email(given) == expected


@pytest.mark.parametrize(
    ("given", "country", "expected"),
    [
        ("+1 (212) 565-0000", None, "12125650000"),
        ("020 7031 3000", "GB", "442070313000"),
        ("0049 30 901820", "DE", "4930901820"),
        ("030 901820", "DE", "4930901820"),
        ("030 901820", None, None),
        ("12", "DE", None),
        ("unknown", "DE", None),
        (None, "DE", None),
    ],
)
def test_a_phone_number_has_its_country_code(given, country, expected):
    assert normalised_phone(given, country) == expected


def test_an_unknown_country_is_refused():
    with pytest.raises(ExportError, match="'contacts_country' is XX"):
        normalised_phone("030 901820", "XX")


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def test_each_platform_gets_its_headers_and_its_form_of_a_number():
    contacts = [("A@x.org", "+1 212 565 0000"), (None, "+442070313000"), ("b@x.org", "no number"), ("no", None)]
    assert platform_rows("google_ads", normalised(contacts, None)) == (
        ("Email", "Phone"),
        [(sha("a@x.org"), sha("+12125650000")), ("", sha("+442070313000")), (sha("b@x.org"), "")],
    )
    assert platform_rows("meta", normalised(contacts, None)) == (
        ("email", "phone"),
        [(sha("a@x.org"), sha("12125650000")), ("", sha("442070313000")), (sha("b@x.org"), "")],
    )


def test_a_contact_of_two_customers_is_listed_once():
    _, rows = platform_rows("meta", normalised([("a@x.org", None), ("A@X.ORG", None)], None))
    assert rows == [(sha("a@x.org"), "")]
