"""E-mail addresses and phone numbers as the customer lists of ad platforms ask for them: normalised and hashed.

Google Ads, formatting guidelines of Customer Match (support.google.com/google-ads/answer/7659867): the headers Email
and Phone; addresses without spaces and in lower case, phone numbers in E.164 (+12125650000), both hashed with SHA-256.
Meta, "Custom audiences from a customer list" (developers.facebook.com/docs/marketing-api/audiences/guides/
custom-audiences): the headers email and phone; phone numbers as digits with the country code, without the plus sign.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

import phonenumbers

from customer_segmentation.audiences.errors import ExportError

EMAIL = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+")
# {platform: its headers of address and phone number, and what precedes the digits of a phone number}
PLATFORMS = {"google_ads": ("Email", "Phone", "+"), "meta": ("email", "phone", "")}


def normalised_email(text: str | None) -> str | None:
    """The address without spaces and in lower case; None if it is not an address."""
    address = "".join((text or "").split()).lower()
    return address if EMAIL.fullmatch(address) else None


def normalised_phone(text: str | None, country: str | None) -> str | None:
    """The digits of the number with its country code, without the plus sign; None if it is not a number.

    country: ISO 3166 code, such as DE, of numbers without a country code; None accepts only numbers with one.

    Raises:
        ExportError: There is no such country.
    """
    if country is not None and country not in phonenumbers.SUPPORTED_REGIONS:
        raise ExportError(
            f"Setting 'contacts_country' is {country}, which is not a country with phone numbers; "
            "it must be a code of two letters such as DE."
        )
    try:
        number = phonenumbers.parse(text or "", country)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164).removeprefix("+")


def hashed(text: str | None) -> str:
    """The SHA-256 hash of a text in lower-case hexadecimal digits; nothing for None."""
    return "" if text is None else hashlib.sha256(text.encode("utf-8")).hexdigest()


def normalised(
    contacts: Iterable[tuple[str | None, str | None]], country: str | None
) -> list[tuple[str | None, str | None]]:
    """Each (address, phone number) normalised, for the lists of all platforms."""
    return [(normalised_email(email), normalised_phone(phone, country)) for email, phone in contacts]


def platform_rows(
    platform: str, contacts: Iterable[tuple[str | None, str | None]]
) -> tuple[tuple[str, str], list[tuple[str, str]]]:
    """The header and the rows of a platform's list, from normalised contacts.

    A contact without a valid address or number is left out, and so is one that another has already given.
    """
    email_header, phone_header, prefix = PLATFORMS[platform]
    rows = {}
    for email, phone in contacts:
        row = (hashed(email), hashed(None if phone is None else prefix + phone))
        if any(row):
            rows[row] = None
    return (email_header, phone_header), list(rows)
