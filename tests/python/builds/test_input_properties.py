"""Properties of the SQL that reads and checks the input, on generated unusual rows.

dbt compiles the models once for each combination of settings. The SQL then runs in an in-memory DuckDB on generated
rows instead of the sample. `oracle.py` implements in plain Python what docs/input.md specifies for the same rows.
"""

from __future__ import annotations

import functools
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, fields
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import duckdb
import oracle
import pytest
from dbt_runs import invoke, manifest_for
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

PROJECT = Path(__file__).resolve().parents[3]
MODELS = (
    "base_shop__transactions",
    "stg_shop__transactions",
    "base_shop__customers",
    "int_rule_catalogue",
    "stg_shop__customers",
    "int_customers_checked",
    "int_unknown_customers",
    "int_transactions_checked",
    "int_customer_months",
    "int_as_of_date",
    "int_customer_features",
    "int_rejected_transactions",
    "int_rejected_customers",
    "data_quality",
)
SAMPLES = {
    "sample_transactions": (
        "transaction_id",
        "customer_id",
        "transaction_date",
        "quantity",
        "amount",
        "product_category",
        "taken_back",
        "money",
        "position",
    ),
    "sample_customers": ("customer_id", "signup_date", "region", "birth_year", "acquisition_channel"),
}
# Our names of the columns that only some shops have.
OPTIONAL = {"return_flag": "taken_back", "currency": "money", "line_id": "position"}
# What dbt is flagged, and the oracle too.
COMBINATIONS = {
    "by_default": {},
    "european": {"decimal_mark": ",", "date_format": "day_first", "time_zone": "Europe/Berlin"},
    "keyed": {"unique_key": ["transaction_id"], "return_id_prefix": "C", "ids_are_whole_numbers": True},
    "as_of_a_day": {"as_of_date": "2024-01-31"},
    "flagged": {
        "transactions_columns": {
            **{name: name for name in ("transaction_id", "customer_id", "transaction_date", "quantity", "amount")},
            **OPTIONAL,
        },
        "return_flag_values": ["yes", "R"],
        "unique_key": ["transaction_id", "line_id", "currency"],
    },
    "windowed": {"observation_window_days": 31},
    "windowed_by_a_day": {"observation_window_days": 2, "as_of_date": "2024-01-31", "unique_key": ["transaction_id"]},
}
TOMORROW = str(date.today() + timedelta(days=1))
LONG = "7" * 100_000


# ---- the SQL -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Outcome:
    """The output of the SQL for two inputs."""

    query: Callable[[str], list[tuple]]

    def failed_rules(self, name: str) -> list[str | None]:
        """The failed rules of each row, in the order of the input."""
        rows = self.query(f"select failed_rules from intermediate.int_{name}_checked order by input_row")
        return [rules for (rules,) in rows]

    def features(self) -> list[tuple]:
        return self.query("select * from intermediate.int_customer_features order by all")

    def quality(self) -> dict[tuple[str, str, str], tuple[int, Decimal | None]]:
        rows = self.query("select input, outcome, rule, row_count, amount from marts.data_quality")
        return {tuple(key): (count, money) for *key, count, money in rows}


class Warehouse:
    """The compiled models in an in-memory DuckDB. Each run replaces the relations of the previous one."""

    def __init__(self, compiled: list[dict], run_date: date) -> None:
        self.run_date = run_date
        self.connection = duckdb.connect(config={"threads": 1})
        self.connection.execute("set TimeZone = 'UTC'")
        database = compiled[0]["database"]
        self.connection.execute(f"attach ':memory:' as \"{database}\"")
        self.connection.execute(f'use "{database}"')
        for schema in {"sample", *(model["schema"] for model in compiled)}:
            self.connection.execute(f'create schema "{schema}"')
        for name, columns in SAMPLES.items():
            self.connection.execute(f"create table sample.{name} ({', '.join(f'{c} varchar' for c in columns)})")
        # An incremental model is compiled as in the first build.
        kinds = {"view": "view", "table": "table", "incremental": "table"}
        self.statements = [
            f"create or replace {kinds[model['config']['materialized']]} {model['relation_name']} as\n"
            f"{model['compiled_code']}"
            for model in compiled
        ]

    def run(self, transactions: list[dict], customers: list[dict]) -> Outcome:
        for (name, columns), rows in zip(SAMPLES.items(), (transactions, customers), strict=True):
            lists = ", ".join(f"unnest(cast(? as varchar[])) as {column}" for column in columns)
            self.connection.execute(
                f"create or replace table sample.{name} as select {lists}",
                [[row.get(column) for row in rows] for column in columns],
            )
        for statement in self.statements:
            self.connection.execute(statement)
        return Outcome(lambda sql: self.connection.execute(sql).fetchall())


@pytest.fixture(scope="session")
def warehouse_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Warehouse]:
    """The models for a combination of settings, compiled by dbt at first use."""

    @functools.cache
    def compiled_for(combination: str) -> Warehouse:
        folder = tmp_path_factory.mktemp(combination)
        settings, run_date = COMBINATIONS[combination], date.today()
        arguments = ["--quiet", "compile", "--select", *MODELS, "--indirect-selection", "empty"]
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("SEGMENTATION_WAREHOUSE", str(folder / "properties.duckdb"))
            arguments += ["--vars", json.dumps(settings)]
            compiled = invoke(folder, arguments, manifest_for(settings, folder))
        assert compiled.success, compiled.exception
        nodes = {each.node.name: each.node.to_dict() for each in compiled.result.results}
        return Warehouse([nodes[name] for name in MODELS], run_date)

    return compiled_for


# Those whose settings are among those of another.
FURTHER = ("as_of_a_day", "windowed")


def marks(name: str) -> list[pytest.MarkDecorator]:
    group = pytest.mark.xdist_group(f"input_properties_{name}")
    return [group, pytest.mark.long] if name in FURTHER else [group]


@pytest.fixture(params=[pytest.param(name, marks=marks(name)) for name in COMBINATIONS])
def combination(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def warehouse(warehouse_of: Callable[[str], Warehouse], combination: str) -> Warehouse:
    return warehouse_of(combination)


@pytest.fixture
def judge(warehouse: Warehouse, combination: str) -> Callable[[list[dict], list[dict]], oracle.Answer]:
    """The result that docs/input.md specifies for two inputs under the same settings."""
    flagged = dict(COMBINATIONS[combination])
    if "as_of_date" in flagged:
        flagged["as_of_date"] = date.fromisoformat(flagged["as_of_date"])
    mapped = flagged.pop("transactions_columns", {})

    def judged(transactions: list[dict], customers: list[dict]) -> oracle.Answer:
        lines = [
            {name: value for name, value in row.items() if name not in OPTIONAL.values()}
            | {ours: row[theirs] for ours, theirs in OPTIONAL.items() if ours in mapped}
            for row in transactions
        ]
        return oracle.judge(lines, customers, flagged, warehouse.run_date)

    return judged


# ---- the rows ----------------------------------------------------------------------------------------------------

BLANKS = (None, "", " ", "\t", "\u00a0", " \u00a0\t ")
IDS = ("1", "2", "3", "00123", "123", "17850.0", "17850", "C7", "c7", "ü", "日本", "O'Neil", '"')
ODD_IDS = (
    "'); drop table sample.sample_customers; --",
    "1, 2",
    "\\",
    "%",
    "NaN",
    "null",
    "1\u200b",
    "-5.0",
    " 1",
    "2\t",
)
AMOUNTS = ("10", "19.99", "0.01", "1234.5", "1234,5", "19,99", "-5", "-19.99", "-19,99", "0")
ODD_AMOUNTS = (
    *("1 234,567", "1 234.567", "1'234.567", "1,234.567", "1.234,567", "\u202f5"),
    *("1,234.50", "1.234,50", "1 234.50", "1 234,50", "1'234.50", "1\u00a0234.50", "1\u202f234,50", "12,345", "12.345"),
    *("1,50", "1.50", "1.5.0", "1,5,0", "1,234,567.891", "1.234.567,891", "1,23,456", ",5", ".5", "5.", "+3", "--3"),
    *("1e3", "1E3", "1e-3", "1.5e2", "1e16", "1e400", "e3", "NaN", "nan", "inf", "-Infinity", "-0", "0.004", "0,004"),
    *(
        "0.005",
        "4.459e16",
        "-0.005",
        "1.005",
        "2.675",
        "1,005",
        "-2,675",
        "1_000",
        "$5",
        "5 €",
        "5%",
        "(5)",
        "0x10",
        "٣",
        "½",
        "\uff11",
    ),
    *("9" * 16, "9" * 17, "9" * 40, "-" + "9" * 16, "9" * 16 + ".99", "9" * 16 + ".994", "9" * 16 + ".995"),
    *("0.00499999999999999999999", "ten", "1 ", " 1", "\u00a01\t", "- 1", "1 2", "true", "null", "1;2", "'", "1/2"),
)
DATES = ("2024-01-31", "2024-02-01", "2023-12-31", "2024/01/31", "20240131", "2024-01-31 10:00", "31.01.2024")
ODD_DATES = (
    *("2024-02-29", "2023-02-29", "2024-02-30", "2024-13-01", "2024-00-10", "20240230", "99999-01-01", "0024-01-01"),
    *("1899-12-31", "1900-01-01", "1969-12-31", "1970-01-01", "2999-01-01", TOMORROW, "epoch", "infinity", "today"),
    *(
        "-infinity",
        "now",
        "yesterday",
        "2024-01-31 (BC)",
        "2024-01-31 BC",
        "0044-03-15 (BC)",
        "-2024-01-31",
        "24-01-31",
    ),
    *("2024-01-31T23:30:00Z", "2024-01-31T23:30:00+02:00", "2024-02-01 00:30:00+02:00", "2024-01-31 23:30:00-05:00"),
    *("2024-01-31 23:30:00.123456+00:00", "2024-07-31T22:30:00Z", "2024-01-31 23:59:59", "2024-01-31 25:00"),
    *("31/12/2023", "12/31/2023", "31-12-2023", "31.12.2023 23:59", "01/02/2024", "30.02.2024", "31.12.23", "1.2.2024"),
    *("31.12.0023", "2024", "2024-01", "202401", "20240131.0", "45322", "1706659200", "Jan 31, 2024", "31 Jan 2024"),
    *("0000-00-00", "0", "\u0662\u0660\u0662\u0664-01-31", "2024-01-31\t", " 2024-01-31 ", "2024-01-31'", "null"),
)


def rows(usual: dict[str, tuple], odd: dict[str, tuple], most: int) -> st.SearchStrategy[list[dict]]:
    """Rows of usual values, so that most are valid. Every fourth has one odd value, every eighth two."""
    spoilt = st.sampled_from(sorted(odd)).flatmap(lambda name: st.tuples(st.just(name), st.sampled_from(odd[name])))
    row = st.builds(
        lambda values, spoils, changes: {**values, **dict(changes[:spoils])},
        st.fixed_dictionaries({name: st.sampled_from(values) for name, values in usual.items()}),
        st.sampled_from((0, 0, 0, 0, 0, 0, 1, 2)),
        st.lists(spoilt, min_size=2, max_size=2),
    )
    return st.integers(0, most).flatmap(lambda size: st.lists(row, min_size=size, max_size=size))


TRANSACTIONS = rows(
    {
        "transaction_id": ("1", "2", "3", "C7", "17850.0", "17850", None),
        "customer_id": ("1", "2", "00123"),
        "transaction_date": DATES[:-1],
        "quantity": ("1", "2", "-1", "0", "12"),
        "amount": ("10", "19", "0", "1234", "-5", "-19", "7"),
        "product_category": ("toys", None),
        "taken_back": ("no", "YES ", "r", "0", None),
        "money": ("EUR",),
        "position": ("1", " 1", "2", "02"),
    },
    {
        "money": ("eur", "EUR ", *BLANKS),
        "position": BLANKS,
        "transaction_id": IDS + ODD_IDS + BLANKS,
        "customer_id": IDS + ODD_IDS + BLANKS,
        "transaction_date": DATES + ODD_DATES + BLANKS,
        "quantity": AMOUNTS + ODD_AMOUNTS + BLANKS,
        "amount": AMOUNTS + ODD_AMOUNTS + BLANKS,
    },
    most=24,
)
CUSTOMERS = rows(
    {
        "customer_id": ("1", "2", "00123", "17850", "17850.0"),
        "signup_date": (*DATES[:-1], None, None),
        "region": ("north", "south", " "),
        "birth_year": ("1980", None),
        "acquisition_channel": ("web",),
    },
    {"customer_id": IDS + ODD_IDS + BLANKS, "signup_date": DATES + ODD_DATES + BLANKS},
    most=10,
)
# A fixture is shared by the examples of a test, as it should be: a run replaces all that it finds.
SHARED = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


def line(**values: str | None) -> dict:
    usual = {"transaction_id": "1", "customer_id": "1", "transaction_date": "2024-01-31", "quantity": "1"}
    optional = {"taken_back": None, "money": "EUR", "position": "1"}
    return {**usual, "amount": "10", "product_category": None, **optional, **values}


def customer(**values: str | None) -> dict:
    usual = {"customer_id": "1", "signup_date": "2023-12-31", "region": "north", "birth_year": None}
    return {**usual, "acquisition_channel": None, **values}


LONG_LINES = [line(), *(line(**{column: LONG}) for column in SAMPLES["sample_transactions"])]
LONG_LINES += [line(amount="0." + LONG), line(amount="1e" + LONG), line(amount="-" + LONG), line(quantity="x" + LONG)]
LONG_CUSTOMERS = [customer(), *(customer(**{column: LONG}) for column in SAMPLES["sample_customers"])]
# One customer for each way to be known, and lines that only together say what they mean.
TOGETHER_CUSTOMERS = [
    customer(customer_id="late", signup_date="2024-06-01"),
    customer(customer_id="unsigned", signup_date=None),
    customer(customer_id="unsigned late", signup_date=None),
    customer(customer_id="only returns", signup_date=None),
    customer(customer_id="nothing", signup_date=None),
    customer(customer_id="nothing but a signup"),
    customer(customer_id="twice", signup_date=None, region="a"),
    customer(customer_id="twice", signup_date="2024-01-03", region="b"),
    customer(customer_id="twice", signup_date="2024-01-02", region="c"),
    customer(customer_id="twice later", signup_date="2024-06-01"),
    customer(customer_id="twice later", signup_date=None),
]
TOGETHER_LINES = [
    line(customer_id="late", transaction_id="10"),
    line(customer_id="unsigned", transaction_id="C1", transaction_date="2024-01-02", amount="-3"),
    line(customer_id="unsigned", transaction_id="C1", transaction_date="2024-01-02", amount="0", quantity=None),
    line(customer_id="unsigned", transaction_id="11", transaction_date="2024-01-05"),
    line(customer_id="unsigned", transaction_id="11", transaction_date="2024-01-06", amount="4"),
    line(customer_id="unsigned", transaction_id="11", transaction_date="2024-01-07", amount="-2", quantity="-1"),
    line(customer_id="unsigned", transaction_id=None, transaction_date="2024-01-30"),
    line(customer_id="unsigned", transaction_id=" ", transaction_date="2024-01-31"),
    line(customer_id="unsigned late", transaction_id="12", transaction_date="2024-01-30", amount="?"),
    line(customer_id="unsigned late", transaction_id="13", transaction_date="2024-02-01"),
    line(customer_id="only returns", transaction_id="C2", amount="-5"),
    line(customer_id="only returns", transaction_id="C3", amount="0"),
    line(customer_id="twice", transaction_id="14", transaction_date="2024-01-01", amount="1.5e0"),
    line(customer_id="twice", transaction_id="14", transaction_date="2024-01-01", quantity=None),
    line(customer_id="twice", transaction_id="15", transaction_date="2024-01-31T23:30:00Z"),
    line(customer_id="twice", transaction_id="15.0", transaction_date="2024-01-31T22:30:00Z"),
    line(customer_id="twice later", transaction_id="16"),
    line(customer_id="nobody", transaction_id="17"),
]
# Every odd value once, in a row that is right otherwise.
EVERY_ODD_LINE = [
    line(**{column: value}, **({} if column == "transaction_id" else {"transaction_id": f"{column} {place}"}))
    for column, values in {
        "transaction_id": IDS + ODD_IDS,
        "customer_id": IDS + ODD_IDS,
        "transaction_date": DATES + ODD_DATES,
        "quantity": AMOUNTS + ODD_AMOUNTS,
        "amount": AMOUNTS + ODD_AMOUNTS,
    }.items()
    for place, value in enumerate(values + BLANKS)
]
EVERY_ODD_CUSTOMER = [
    *(customer(customer_id=value) for value in IDS + ODD_IDS + BLANKS),
    *(customer(customer_id=f"signed up {place}", signup_date=value) for place, value in enumerate(DATES + ODD_DATES)),
]


# ---- the properties ----------------------------------------------------------------------------------------------


@settings(max_examples=8, suppress_health_check=SHARED)
@given(transactions=TRANSACTIONS, customers=CUSTOMERS)
@example(transactions=[], customers=[])
@example(transactions=LONG_LINES, customers=LONG_CUSTOMERS)
@example(transactions=EVERY_ODD_LINE, customers=EVERY_ODD_CUSTOMER)
@example(transactions=TOGETHER_LINES, customers=TOGETHER_CUSTOMERS)
def test_every_row_is_used_or_rejected_and_so_is_every_cent(warehouse, judge, transactions, customers):
    outcome = warehouse.run(transactions, customers)
    quality = outcome.quality()
    for name, rows in (("transactions", transactions), ("customers", customers)):
        counted = {key: value for key, value in quality.items() if key[0] == name and key[1] != "flagged"}
        failed = outcome.failed_rules(name)
        rejects = outcome.query(f"select input_row, failed_rules from rejects.int_rejected_{name} order by input_row")
        assert len(failed) == len(rows) == sum(count for count, _ in counted.values())
        assert rejects == [(place, rules) for place, rules in enumerate(failed, start=1) if rules]
        assert counted.get((name, "used", "used"), (0,))[0] == len(rows) - len(rejects)
    money = sum(value[1] or 0 for key, value in quality.items() if key[0] == "transactions" and key[1] != "flagged")
    assert money == outcome.query("select coalesce(sum(amount), 0) from staging.stg_shop__transactions")[0][0]
    assert money == sum(row.signed_amount or 0 for row in judge(transactions, customers).transactions)


@settings(max_examples=8, suppress_health_check=SHARED)
@given(transactions=TRANSACTIONS, customers=CUSTOMERS)
@example(transactions=[], customers=[customer()])
@example(transactions=LONG_LINES, customers=LONG_CUSTOMERS)
@example(transactions=TOGETHER_LINES, customers=TOGETHER_CUSTOMERS)
def test_every_valid_customer_has_features_exactly_once(warehouse, transactions, customers):
    outcome = warehouse.run(transactions, customers)
    described = outcome.query("select customer_id from intermediate.int_customer_features order by all")
    valid = "select customer_id from intermediate.int_customers_checked where failed_rules is null"
    assert described == outcome.query(f"{valid} order by all")
    assert len(described) == len(set(described))
    assert len(described) == len(outcome.query(f"select distinct customer_id from ({valid})"))


@settings(max_examples=8, suppress_health_check=SHARED)
@given(transactions=TRANSACTIONS, customers=CUSTOMERS, order=st.randoms(use_true_random=False))
def test_the_order_of_the_rows_changes_no_feature_and_no_count(warehouse, transactions, customers, order):
    before = warehouse.run(transactions, customers)
    features, quality = before.features(), before.quality()
    kept = (
        "select * exclude (input_row) from intermediate.int_customers_checked where failed_rules is null order by all"
    )
    kept_before = before.query(kept)
    after = warehouse.run(
        order.sample(transactions, len(transactions)),
        order.sample(customers, len(customers)),
    )
    assert after.features() == features
    assert after.quality() == quality
    assert after.query(kept) == kept_before


@settings(max_examples=28, suppress_health_check=SHARED)
@given(transactions=TRANSACTIONS, customers=CUSTOMERS)
@example(transactions=LONG_LINES, customers=LONG_CUSTOMERS)
@example(transactions=EVERY_ODD_LINE, customers=EVERY_ODD_CUSTOMER)
@example(transactions=TOGETHER_LINES, customers=TOGETHER_CUSTOMERS)
def test_rules_and_features_of_every_row_agree_with_the_document(warehouse, judge, transactions, customers):
    outcome = warehouse.run(transactions, customers)
    promised = judge(transactions, customers)

    # Of rows that are equal in all that decides which one stays, either may.
    for name, lines in (("transactions", promised.transactions), ("customers", promised.customers)):
        known = [(row.transaction_id, row.customer_id, row.day, row.amount, row.quantity) for row in lines]
        found = Counter(zip(known, outcome.failed_rules(name), strict=True))
        assert found == Counter(zip(known, (", ".join(row.failed) or None for row in lines), strict=True)), name

    names = [field.name for field in fields(oracle.Features)]
    rows = outcome.query(f"select customer_id, {', '.join(names)} from intermediate.int_customer_features")
    assert {id_: oracle.Features(*values) for id_, *values in rows} == promised.features
    days = outcome.query("select as_of_date from intermediate.int_as_of_date")
    assert days == [(promised.as_of_date,)]

    flagged = {key: value for key, value in outcome.quality().items() if key[2] not in ("used", "identical_line")}
    assert flagged == {
        (name, result, rule): value
        for result, counted in (("rejected", promised.rejected), ("flagged", promised.flagged))
        for (name, rule), value in counted.items()
    }
