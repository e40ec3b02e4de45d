"""The rules of docs/input.md in plain Python: the reference for the SQL that reads and checks the input.

This module does not use DuckDB, dbt or a model. Rows are dicts of text or None, and every rule follows the wording of
the document, one row at a time.
"""

import re
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from zoneinfo import ZoneInfo

TRANSACTION_RULES = (
    "missing_customer_id",
    "missing_date",
    "unparsable_date",
    "date_in_future",
    "missing_amount",
    "unparsable_amount",
    "unparsable_quantity",
    "missing_currency",
    "after_as_of_date",
    "unknown_customer_id",
    "before_observation_window",
    "duplicate_key",
)
CUSTOMER_RULES = (
    "missing_customer_id",
    "unparsable_signup_date",
    "signup_in_future",
    "signup_implausible",
    "duplicate_customer_id",
    "after_as_of_date",
)
# The rules that a line can break by itself. A line that breaks none of these is readable.
OWN_RULES = frozenset(TRANSACTION_RULES[:8])
DEFAULTS = {
    "decimal_mark": ".",
    "date_format": "iso",
    "time_zone": None,
    "ids_are_whole_numbers": False,
    "unique_key": (),
    "return_flag_values": ("1", "true", "t", "yes", "y"),
    "return_id_prefix": None,
    "as_of_date": None,
    "observation_window_days": None,
    "earliest_signup_date": date(1970, 1, 1),
}
AROUND = " \t\n\r\u00a0\u202f\ufeff"
CENT = Decimal("0.01")
THOUSANDTH = Decimal("0.001")
LARGEST_AMOUNT = Decimal(10) ** 16
LARGEST_QUANTITY = Decimal(10) ** 15
DIGITS = "[0-9]"
BLANK = "[ \u00a0\u202f]"
CLOCK = r"([0-9]{1,2}):([0-9]{2})(?::([0-9]{2})(?:\.[0-9]+)?)?"
OFFSET = r"(?: ?(Z|[+-][0-9]{2}(?::?[0-9]{2})?))?"
ISO = re.compile(f"([0-9]{{4}})([-/])([0-9]{{1,2}})\\2([0-9]{{1,2}})(?:[T ]{CLOCK}{OFFSET})?")
COMPACT = re.compile(r"([0-9]{4})()([0-9]{2})([0-9]{2})()()()()")
OTHER = re.compile(f"([0-9]{{1,2}})([-/.])([0-9]{{1,2}})\\2([0-9]{{4}})(?: {CLOCK})?()")


@dataclass
class Line:
    """One row of an input: its parsed values, the rules that it breaks, and its flags."""

    number: int
    customer_id: str | None
    day: date | None
    transaction_id: str | None = None
    amount: Decimal | None = None
    quantity: Decimal | None = None
    currency: str | None = None
    line_id: str | None = None
    is_return: bool = False
    failed: list[str] = field(default_factory=list)
    flagged: set[str] = field(default_factory=set)

    @property
    def signed_amount(self) -> Decimal | None:
        """The amount with the sign with which it changes total spending."""
        return -abs(self.amount) if self.amount is not None and self.is_return else self.amount

    @property
    def signed_quantity(self) -> Decimal:
        """The quantity with the sign with which it changes total quantity; 0 if missing."""
        quantity = self.quantity or Decimal(0)
        return -abs(quantity) if self.is_return else quantity


@dataclass(frozen=True)
class Features:
    """The features of one customer."""

    total_spending: Decimal
    total_quantity: Decimal
    transaction_count: int
    days_since_signup: int | None
    days_since_last_transaction: int | None
    returned_amount: Decimal
    is_clustered: bool


@dataclass(frozen=True)
class Answer:
    """The result of all rules for two inputs."""

    transactions: list[Line]
    customers: list[Line]
    features: dict[str, Features]
    as_of_date: date | None
    rejected: dict[tuple[str, str], tuple[int, Decimal | None]]
    flagged: dict[tuple[str, str], tuple[int, Decimal | None]]


def text(value: str | None) -> str | None:
    """A value without surrounding blanks, or None if it is empty."""
    return (value or "").strip(AROUND) or None


def identifier(value: str | None, ids_are_whole_numbers: bool) -> str | None:
    """An id, unchanged; 17850.0 is 17850 only if ids are whole numbers."""
    value = text(value)
    if value and ids_are_whole_numbers and re.fullmatch(r"[0-9]+\.0+", value):
        return value.partition(".")[0]
    return value


def number(value: str | None, decimal_mark: str) -> Decimal | None:
    """A number in the notation of the decimal mark, or None if it is not one."""
    value = text(value)
    mark = re.escape(decimal_mark)
    power = f"(?:[eE]([+-]?{DIGITS}+))?" if decimal_mark == "." else "()"
    groups = "|".join(
        f"{DIGITS}{{1,3}}(?:{group}{DIGITS}{{3}})+" for group in ("," if decimal_mark == "." else r"\.", BLANK, "'")
    )
    found = value and (
        re.fullmatch(f"([+-]?)({DIGITS}+)(?:{mark}({DIGITS}*))?{power}", value)
        or re.fullmatch(f"([+-]?)(){mark}({DIGITS}+){power}", value)
        or re.fullmatch(f"([+-]?)({groups})(?:{mark}({DIGITS}+))?()", value)
    )
    if not found:
        return None
    sign, integer, fraction, exponent = found.groups(default="")
    integer = re.sub(rf"[^{DIGITS[1:-1]}]", "", integer)
    significant = (integer + fraction).lstrip("0")
    if not significant:
        return Decimal(0)
    # Extreme exponents are handled here, so that none takes long.
    power = int(exponent[:20] or 0)
    magnitude = len(significant) - len(fraction) + power
    if magnitude > 30:
        return Decimal("-1e30") if sign == "-" else Decimal("1e30")
    if magnitude < -30:
        return Decimal("-1e-30") if sign == "-" else Decimal("1e-30")
    return Decimal(f"{sign}{significant}e{power - len(fraction)}")


def rounded(value: Decimal | None, step: Decimal, limit: Decimal) -> Decimal | None:
    """A number rounded half away from zero to the precision of its column, or None if it does not fit the column."""
    if value is None or abs(value) >= limit:
        return None
    result = value.quantize(step, ROUND_HALF_UP)
    return None if abs(result) >= limit else result


def day(value: str | None, date_format: str, time_zone: str | None) -> date | None:
    """The calendar day of a date or a timestamp, or None if it cannot be read."""
    value = text(value)
    if value is None:
        return None
    if found := ISO.fullmatch(value) or COMPACT.fullmatch(value):
        year, _, month, day_of_month, *clock = found.groups()
    elif date_format != "iso" and (found := OTHER.fullmatch(value)):
        first, _, second, year, *clock = found.groups()
        day_of_month, month = (first, second) if date_format == "day_first" else (second, first)
    else:
        return None
    hour, minute, second, offset = clock
    try:
        moment = datetime(int(year), int(month), int(day_of_month), int(hour or 0), int(minute or 0), int(second or 0))
        if offset:
            digits = "0000" if offset == "Z" else offset[1:].replace(":", "").ljust(4, "0")
            hours, minutes = int(digits[:2]), int(digits[2:])
            if hours > 15 or minutes > 59:
                return None
            if time_zone:
                ahead = timedelta(hours=hours, minutes=minutes) * (-1 if offset[0] == "-" else 1)
                universal = (moment - ahead).replace(tzinfo=ZoneInfo("UTC"))
                moment = universal.astimezone(ZoneInfo(time_zone))
    except (ValueError, OverflowError):
        return None
    return moment.date() if int(year) >= 1900 else None


def read_transaction(place: int, row: dict, settings: dict, run_date: date) -> Line:
    """Read one transaction line and apply the rules that it can break by itself."""
    whole = settings["ids_are_whole_numbers"]
    mark = settings["decimal_mark"]
    exact = number(row.get("amount"), mark)
    line = Line(
        number=place,
        customer_id=identifier(row.get("customer_id"), whole),
        day=day(row.get("transaction_date"), settings["date_format"], settings["time_zone"]),
        transaction_id=identifier(row.get("transaction_id"), whole),
        amount=rounded(exact, CENT, LARGEST_AMOUNT),
        quantity=rounded(number(row.get("quantity"), mark), THOUSANDTH, LARGEST_QUANTITY),
        currency=text(row.get("currency")),
        line_id=identifier(row.get("line_id"), whole),
    )
    flag = text(row.get("return_flag"))
    flags = {value.lower() for value in settings["return_flag_values"]}
    prefix = settings["return_id_prefix"]
    line.is_return = bool(
        (line.amount is not None and line.amount < 0)
        or (flag and flag.lower() in flags)
        or (prefix and line.transaction_id and line.transaction_id.startswith(prefix))
    )
    has_date, has_amount, has_quantity = (text(row.get(k)) for k in ("transaction_date", "amount", "quantity"))
    broken = {
        "missing_customer_id": line.customer_id is None,
        "missing_date": has_date is None,
        "unparsable_date": has_date is not None and line.day is None,
        "date_in_future": line.day is not None and line.day > run_date,
        "missing_amount": has_amount is None,
        "unparsable_amount": has_amount is not None and line.amount is None,
        "unparsable_quantity": has_quantity is not None and line.quantity is None,
        "missing_currency": "currency" in row and text(row["currency"]) is None,
    }
    line.failed = [rule for rule, is_broken in broken.items() if is_broken]
    flagged = {
        "return": line.is_return,
        "zero_amount": line.amount == 0,
        "rounded_amount": line.amount is not None and line.amount != exact,
        "missing_quantity": "quantity" in row and has_quantity is None,
    }
    line.flagged = {name for name, is_so in flagged.items() if is_so}
    return line


def read_customer(place: int, row: dict, settings: dict, run_date: date) -> Line:
    """Read one customer row and apply the rules that it can break by itself."""
    line = Line(
        number=place,
        customer_id=identifier(row.get("customer_id"), settings["ids_are_whole_numbers"]),
        day=day(row.get("signup_date"), settings["date_format"], settings["time_zone"]),
    )
    has_signup = text(row.get("signup_date")) is not None
    broken = {
        "missing_customer_id": line.customer_id is None,
        "unparsable_signup_date": has_signup and line.day is None,
        "signup_in_future": line.day is not None and line.day > run_date,
        "signup_implausible": line.day is not None and line.day < settings["earliest_signup_date"],
    }
    line.failed = [rule for rule, is_broken in broken.items() if is_broken]
    if not has_signup:
        line.flagged.add("missing_signup_date")
    return line


def check_customers(customers: list[Line], transactions: list[Line], as_of: date | None) -> None:
    """Apply the rules of customer rows that depend on other rows."""
    rows_of = defaultdict(list)
    for row in customers:
        if not row.failed:
            rows_of[row.customer_id].append(row)
    for rows in rows_of.values():
        rows.sort(key=lambda row: (row.day is None, row.day or date.max))
        for other in rows[1:]:
            other.failed.append("duplicate_customer_id")
    if as_of is None:
        return
    first_seen = {}
    for line in transactions:
        if not OWN_RULES.intersection(line.failed):
            first_seen[line.customer_id] = min(line.day, first_seen.get(line.customer_id, line.day))
    for row in customers:
        days = [day for day in (row.day, first_seen.get(row.customer_id)) if day]
        if days and min(days) > as_of and not row.failed:
            row.failed.append("after_as_of_date")


def check_transactions(
    transactions: list[Line], known: set[str], unique_key: list[str], as_of: date | None, window: int | None
) -> None:
    """Apply the rules of transaction lines that depend on other rows or the settings."""
    for line in transactions:
        if as_of and line.day and line.day > as_of:
            line.failed.append("after_as_of_date")
        elif line.customer_id is not None and line.customer_id not in known:
            line.failed.append("unknown_customer_id")
    right = [line for line in transactions if not line.failed]
    lines_of = defaultdict(list)
    column = {"transaction_date": "day"}
    for line in right:
        key = tuple(getattr(line, column.get(name, name)) for name in unique_key)
        if key and None not in key:
            lines_of[key].append(line)
    for lines in lines_of.values():
        lines.sort(
            key=lambda x: (
                *(x.day, x.signed_amount, x.quantity is None, x.signed_quantity),
                *(x.transaction_id is None, x.transaction_id or "", x.customer_id),
            )
        )
        for other in lines[1:]:
            other.failed.append("duplicate_key")
    end = as_of or max((line.day for line in right if not line.failed), default=None)
    for line in right:
        if window is not None and line.day <= end - timedelta(days=window):
            line.failed.insert(0, "before_observation_window")


def describe(lines: list[Line], earlier: list[Line], signup: date | None, as_of: date | None) -> Features:
    """Compute the features of one customer from valid lines; lines before the window give only the first purchase."""
    bought = [line for line in lines if not line.is_return]
    receipts = {("own", line.number) if line.transaction_id is None else line.transaction_id for line in bought}
    since = min(filter(None, [signup, *(line.day for line in lines + earlier if not line.is_return)]), default=None)
    latest = max((line.day for line in bought), default=None)
    return Features(
        total_spending=sum((line.signed_amount for line in lines), Decimal("0.00")),
        total_quantity=sum((line.signed_quantity for line in lines), Decimal("0.000")),
        transaction_count=len(receipts),
        days_since_signup=max((as_of - since).days, 0) if as_of and since else None,
        days_since_last_transaction=(as_of - latest).days if as_of and latest else None,
        returned_amount=sum((abs(line.amount) for line in lines if line.is_return), Decimal("0.00")),
        is_clustered=bool(bought),
    )


def tally(lines: list[Line], of: str, with_money: bool) -> dict:
    """The number of rows and the amounts by the first rule that each row breaks."""
    counted = defaultdict(list)
    for line in lines:
        for rule in line.failed[:1] if of == "failed" else (() if line.failed else line.flagged):
            counted[rule].append(line)
    return {
        rule: (
            len(rows),
            total([row.signed_amount for row in rows if row.amount is not None]) if with_money else None,
        )
        for rule, rows in counted.items()
    }


def total(amounts: list[Decimal]) -> Decimal | None:
    """The sum of the readable values; None if there are none."""
    return sum(amounts, Decimal(0)) if amounts else None


def judge(transactions: list[dict], customers: list[dict], settings: dict, run_date: date) -> Answer:
    """Return the outcome of every row of both inputs, and the features of every valid customer."""
    settings = {**DEFAULTS, **settings}
    lines = [read_transaction(place, row, settings, run_date) for place, row in enumerate(transactions)]
    people = [read_customer(place, row, settings, run_date) for place, row in enumerate(customers)]
    check_customers(people, lines, settings["as_of_date"])
    signups = {row.customer_id: row.day for row in people if not row.failed}
    window = settings["observation_window_days"]
    check_transactions(lines, set(signups), settings["unique_key"], settings["as_of_date"], window)
    lines_of, earlier_of = defaultdict(list), defaultdict(list)
    for line in lines:
        if not line.failed:
            lines_of[line.customer_id].append(line)
        elif line.failed == ["before_observation_window"]:
            earlier_of[line.customer_id].append(line)
    valid = [line for of_one in lines_of.values() for line in of_one]
    as_of = settings["as_of_date"] or max((line.day for line in valid), default=None)
    features = {id_: describe(lines_of[id_], earlier_of[id_], signup, as_of) for id_, signup in signups.items()}
    for line in valid:
        if (signup := signups[line.customer_id]) and line.day < signup:
            line.flagged.add("before_signup")
    for row in people:
        if row.failed:
            continue
        has_bought = any(not line.is_return for line in lines_of[row.customer_id] + earlier_of[row.customer_id])
        if not has_bought:
            row.flagged.add("no_purchase")
        elif features[row.customer_id].is_clustered and features[row.customer_id].total_spending <= 0:
            row.flagged.add("nothing_spent_net")
    inputs = {"transactions": (lines, True), "customers": (people, False)}
    rejected, flagged = (
        {
            (name, rule): counted
            for name, (rows, with_money) in inputs.items()
            for rule, counted in tally(rows, of, with_money).items()
        }
        for of in ("failed", "flagged")
    )
    return Answer(lines, people, features, as_of, rejected, flagged)
