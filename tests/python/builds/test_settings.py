"""Invalid settings: each stops the run with an error of one sentence, before anything is built."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import (
    PROJECT,
    WITHOUT_TESTS,
    WITHOUT_UNIT_TESTS,
    Built,
    Once,
    build,
    copy_of_project,
    green,
    many_dbt_runs,
    write_inputs,
)

pytestmark = pytest.mark.xdist_group("settings")

WHERE_TO_CHANGE_IT = "Change it under vars in dbt_project.yml or in --vars."
SENTENCE = re.compile(
    r"^ *Setting '(?P<name>\w+)' is (?P<value>.+?); (?P<allowed>.+)\. " + re.escape(WHERE_TO_CHANGE_IT) + "$", re.M
)

NOT_THERE = "there is no such (file|table)"
INPUT = "INPUT"  # stands for the folder with the two files of a small own input
FEATURES = "FEATURES"  # stands for the names of the features in the catalogue

# {problem: (settings, the setting named in the error, the expected text)}
REFUSED: dict[str, tuple[dict[str, Any], str, str]] = {
    # ---- types: each one, and each way to be invalid
    "a text for a whole number": ({"k_min": "2"}, "k_min", "it must be a whole number from 2 to 100"),
    "a fraction for a whole number": ({"seed": 1.5}, "seed", "it must be a whole number from 0 to 4294967295"),
    "true for a whole number": ({"starts": True}, "starts", "it must be a whole number from 1 to 100000"),
    "a whole number out of bounds": ({"k_max": 101}, "k_max", "it must be a whole number from 2 to 100"),
    "nothing where something is needed": ({"k_max": None}, "k_max", "it must not be empty"),
    "a text for a number": ({"min_segment_share": "1 %"}, "min_segment_share", "it must be a number from 0 to 0.5"),
    "true for a number": ({"skew_warn": True}, "skew_warn", "it must be a number from 0 to 1000000"),
    "a signup under another name": (
        {"customers_columns": {"customer_id": "customer_id", "signup": "signup_date"}},
        "customers_columns",
        "did you mean signup_date?",
    ),
    "no threads": ({"threads": 0}, "threads", "it must be a whole number from 1 to 1024"),
    "a limit without a unit": ({"memory_limit": "8"}, "memory_limit", "it must have the form 8GB or 512MB"),
    "SQL after a limit": ({"memory_limit": "8GB' or 1 = 1"}, "memory_limit", "it must have the form 8GB"),
    "a number out of bounds": ({"winsorize": 0.4}, "winsorize", "it must be a number from 0.5 to 1"),
    "a text for true or false": ({"require_admissible_k": "no"}, "require_admissible_k", "it must be true or false"),
    "a number for a text": ({"transactions_location": 5}, "transactions_location", "it must be text"),
    "a text that is too long": ({"csv_delimiter": ";;"}, "csv_delimiter", "it must be 1 character long"),
    "a text that is not among the known": ({"date_format": "us"}, "date_format", "iso day_first month_first"),
    "a word for a date": ({"as_of_date": "yesterday"}, "as_of_date", "it must be a date such as 2024-12-31"),
    "a day that does not exist": (
        {"earliest_signup_date": "2023-02-29"},
        "earliest_signup_date",
        "it must be a date such as 2024-12-31",
    ),
    "a text for a list": (
        {"features": "total_spending"},
        "features",
        "it must be a list of at least one of total_spending",
    ),
    "an empty list": ({"features": []}, "features", f"it must be a list of at least one of {FEATURES}"),
    "an unknown feature": (
        {"features": ["spending"]},
        "features",
        f"'spending' is unknown; allowed are {FEATURES}",
    ),
    "a feature that stands twice": (
        {"features": ["total_spending", "total_spending"]},
        "features",
        "'total_spending' is listed more than once",
    ),
    "a list for a mapping": ({"transforms": ["log1p"]}, "transforms", "it must be a mapping such as {total_spending:"),
    "an unknown transform": (
        {"transforms": {"total_spending": "sqrt"}},
        "transforms",
        "'sqrt' is unknown; allowed are none, log1p",
    ),
    "a transform of an unknown feature": (
        {"transforms": {"spending": "log1p"}},
        "transforms",
        f"'spending' is unknown; allowed are {FEATURES}",
    ),
    "an unknown column in a mapping": (
        {"transactions_columns": {"customer": "c"}},
        "transactions_columns",
        "'customer' is unknown; allowed are transaction_id, customer_id,",
    ),
    "a number for a column": (
        {"transactions_columns": {"customer_id": 3}},
        "transactions_columns",
        "the value of 'customer_id' must be text",
    ),
    "an attribute with the name of a feature": (
        {"customers_columns": {"customer_id": "customer_id", "total_spending": "x"}},
        "customers_columns",
        "'total_spending' is not a valid attribute name",
    ),
    "a text for a list in a mapping": (
        {"excluded_lines": {"product_type": "FUEL"}},
        "excluded_lines",
        "the value of 'product_type' must be a list such as [FUEL]",
    ),
    "a value that YAML reads as true in a list in a mapping": (
        {"excluded_lines": {"test": [True]}},
        "excluded_lines",
        "the list of 'test' has true, which is not text; YAML reads Yes",
    ),
    "a nothing in a list in a mapping": (
        {"excluded_lines": {"test": [None]}},
        "excluded_lines",
        "each value of 'test' must be text or a number",
    ),
    "a value that YAML reads as true in a list": (
        {"return_flag_values": [True]},
        "return_flag_values",
        "its item true is not text; YAML reads Yes, No, On and Off as true and false, so put them in quotes",
    ),
    "an attribute with a word of SQL for a name": (
        {"customers_columns": {"customer_id": "customer_id", "group": "x"}},
        "customers_columns",
        "'group' is a word of SQL and cannot be the name of an attribute; choose another, such as 'group_of_customer'",
    ),
    "a delimiter that also encloses values": (
        {"csv_delimiter": '"'},
        "csv_delimiter",
        "it must have the form , or ; or a tab",
    ),
    "a time zone that is unknown": (
        {"time_zone": "Europe/Berln"},
        "time_zone",
        "it is unknown; a name is Europe/Berlin",
    ),
    "a database that is not there": (
        {"attach_databases": {"crm": "/no/such.duckdb"}},
        "attach_databases",
        "there is no file '/no/such.duckdb'",
    ),
    "columns of a file without a file": (
        {
            "transactions_columns": {
                "customer_id": "Customer",
                "transaction_date": "Day",
                "quantity": "Units",
                "amount": "Total",
            }
        },
        "transactions_location",
        "so the sample is read, and it has no column 'Customer'. Name your file or table",
    ),
    "a band of no width": (
        {"attribute_bands": {"birth_year": 0}},
        "attribute_bands",
        "the value of 'birth_year' must be a number above 0",
    ),
    # ---- contradictory values
    "a k_min above k_max": ({"k_min": 5, "k_max": 3}, "k_min", "it must not be above k_max, which is 3"),
    "a k outside the range": ({"k": 11}, "k", "it must be 1, or within k_min and k_max, which are 2 and 10"),
    "customers without transactions": (
        {"customers_location": f"{INPUT}/customers.csv"},
        "customers_location",
        "transactions_location must also be set",
    ),
    "a key of a column that is not mapped": (
        {"unique_key": ["currency"]},
        "unique_key",
        "transactions_columns names no column for 'currency'",
    ),
    "an attribute of the transactions without a column": (
        {"transaction_attributes": {"country": "latest"}},
        "transaction_attributes",
        "transactions_columns names no column for 'country'",
    ),
    "an attribute of the transactions by an unknown rule": (
        {"transaction_attributes": {"country": "first"}},
        "transaction_attributes",
        "the value of 'country' must be most_frequent or latest",
    ),
    "an attribute of the transactions called like another column": (
        {"transaction_attributes": {"amount": "latest"}},
        "transaction_attributes",
        "'amount' is already a column of the transactions",
    ),
    "a share that warns above the one that stops": (
        {"rejected_share_warn": 0.5},
        "rejected_share_warn",
        "it must not be above rejected_share_error, which is 0.2",
    ),
    "a quantity that the input does not have": (
        {
            "transactions_location": f"{INPUT}/transactions.csv",
            "transactions_columns": {
                "customer_id": "customer_id",
                "transaction_date": "transaction_date",
                "amount": "amount",
            },
        },
        "features",
        "total_quantity needs a quantity, and transactions_columns names no column for it",
    ),
    # ---- what does not fit the input
    "a mapping to a column that is not there": (
        {
            "transactions_location": f"{INPUT}/transactions.csv",
            "transactions_columns": {
                "customer_id": "client",
                "transaction_date": "transaction_date",
                "quantity": "quantity",
                "amount": "amount",
            },
        },
        "transactions_columns",
        f"there is no column 'client' (for customer_id) in {INPUT}/transactions.csv, whose columns are:"
        " transaction_id, customer_id, transaction_date, quantity, amount",
    ),
    "a mapping of customers to a column that is not there": (
        {
            "transactions_location": f"{INPUT}/transactions.csv",
            "customers_location": f"{INPUT}/customers.csv",
            "customers_columns": {"customer_id": "customer_id", "region": "region"},
        },
        "customers_columns",
        f"there is no column 'region' (for region) in {INPUT}/customers.csv, whose columns are: customer_id,"
        " signup_date",
    ),
    "a mapping without a needed column": (
        {
            "transactions_location": f"{INPUT}/transactions.csv",
            "transactions_columns": {"customer_id": "customer_id", "quantity": "quantity", "amount": "amount"},
        },
        "transactions_columns",
        "it must name a column for 'transaction_date'",
    ),
    "an excluded column that is not there": (
        {"transactions_location": f"{INPUT}/transactions.csv", "excluded_lines": {"product_type": ["FUEL"]}},
        "excluded_lines",
        f"there is no column 'product_type' in {INPUT}/transactions.csv",
    ),
    "a file that is not there": (
        {"transactions_location": f"{INPUT}/nothing.csv"},
        "transactions_location",
        NOT_THERE,
    ),
    "a glob that matches nothing": (
        {"transactions_location": f"{INPUT}/nothing-*.parquet"},
        "transactions_location",
        NOT_THERE,
    ),
    "a customers file that is not there": (
        {"transactions_location": f"{INPUT}/transactions.csv", "customers_location": f"{INPUT}/nothing.parquet"},
        "customers_location",
        NOT_THERE,
    ),
    "a table that is not there": ({"transactions_location": "shop.main.orders"}, "transactions_location", NOT_THERE),
    "a file of an unknown kind": (
        {"transactions_location": "a/b/c.d.e.xlsx"},
        "transactions_location",
        "it must be a file that ends in .csv, .tsv, .txt or .parquet, a table as database.schema.table, or",
    ),
}

PARSED_TOO = ["a text for a whole number", "an unknown feature", "a k_min above k_max"]

# Unusual but valid: a run with all of these succeeds.
ACCEPTED = """
as_of_date: 2024-06-30
earliest_signup_date: "1990-01-01"
k_min: 3
k_max: 12
k: 1
min_segment_share: 0
min_segment_size: 1
winsorize: 1
time_zone: Europe/Berlin
csv_delimiter: "|"
decimal_mark: ","
return_flag_values: []
unique_key: [transaction_id, amount]
stale_after_days: 0
attribute_bands: {birth_year: 2.5}
features: [birth_year]
transforms: {birth_year: none}
excluded_lines: {}
customers_columns: {customer_id: customer_id, signup_date: null, birth_year: birth_year}
"""


@pytest.fixture(scope="session")
def runs(once: Once) -> dict[str, tuple[dict, Built, list[str]]]:
    """{problem: (settings, the result of the run, the nodes that ran)}."""

    def run_all(folder: Path) -> dict[str, tuple[dict, Built, list[str]]]:
        given = folder / "input"
        write_inputs(
            given,
            [("T1", "A", "2024-03-01", 2, "10.00"), ("T2", "B", "2024-03-11", 1, "700.00")],
            [("A", "2024-01-01"), ("B", "2023-01-01")],
        )
        variables = {
            what: json.loads(json.dumps(settings).replace(INPUT, str(given)))
            for what, (settings, _, _) in REFUSED.items()
        }
        variables["an unknown setting"] = {"k_maximum": 9}
        variables["settings of a project"] = {"customer_segmentation": {"k": 3}}
        # Parsing fails at the first model that reads an invalid value; the check before a run reads every setting.
        # Most values are tested only with that check, because parsing takes a second each.
        variables |= {f"{what}, parsed": variables[what] for what in PARSED_TOO}
        arguments = ["build", "--select", "base_shop__customers", "sample_customers", "--exclude-resource-type", "test"]
        planned = [
            {
                "arguments": arguments,
                "variables": settings,
                "warehouse": str(folder / str(number) / "warehouse.duckdb"),
                "parse": "alone" if what.endswith(", parsed") else "default",
            }
            for number, (what, settings) in enumerate(variables.items())
        ]
        for what, selected, settings in (
            ("right settings", arguments, ACCEPTED),
            ("the catalogue", ["run", "--select", "int_feature_catalogue"], {}),
        ):
            variables[what] = {}
            warehouse = str(folder / what / "warehouse.duckdb")
            planned.append({"arguments": selected, "variables": settings, "warehouse": warehouse})
        for run in planned:
            Path(run["warehouse"]).parent.mkdir(parents=True)
        answers = many_dbt_runs(folder, planned)
        return {
            what: (
                settings,
                Built(0 if answer["success"] else 1, answer["message"], Path(run["warehouse"])),
                answer["nodes"],
            )
            for (what, settings), run, answer in zip(variables.items(), planned, answers, strict=True)
        }

    return once("settings", run_all)


@pytest.fixture(scope="session")
def features(runs) -> list[str]:
    """The names of the features, in the order of the catalogue."""
    _, built, _ = runs["the catalogue"]
    return built.column("select feature from intermediate.int_feature_catalogue")


def located(text: str, settings: dict) -> str:
    """The text with the placeholder replaced by the input folder."""
    folders = [
        str(Path(settings[name]).parent)
        for name in ("transactions_location", "customers_location")
        if isinstance(settings.get(name), str)
    ]
    return text.replace(INPUT, folders[0]) if folders else text


@pytest.mark.parametrize("what", [*REFUSED, *(f"{what}, parsed" for what in PARSED_TOO)])
def test_an_invalid_setting_stops_the_run_with_one_sentence(runs, features, what):
    _, name, said = REFUSED[what.removesuffix(", parsed")]
    settings, ended, _ = runs[what]
    assert ended.returncode == 1
    sentences = list(SENTENCE.finditer(ended.output))
    assert len(sentences) == 1, ended.output
    (sentence,) = sentences
    assert sentence["name"] == name
    default = yaml.safe_load((PROJECT / "dbt_project.yml").read_text())["vars"][name]
    assert json.loads(sentence["value"]) == settings.get(name, default)
    assert (
        re.search(NOT_THERE, sentence["allowed"])
        if said == NOT_THERE
        else located(said, settings).replace(FEATURES, ", ".join(features)) in sentence["allowed"]
    )


@pytest.mark.parametrize("what", [*REFUSED, *(f"{what}, parsed" for what in PARSED_TOO)])
def test_an_invalid_setting_stops_the_run_before_anything_is_built(runs, what):
    _, ended, nodes = runs[what]
    assert nodes == []
    assert ended.relations() == []


def test_an_unknown_setting_stops_the_run_and_the_known_ones_are_named(runs):
    _, ended, nodes = runs["an unknown setting"]
    known = sorted(yaml.safe_load((PROJECT / "dbt_project.yml").read_text())["vars"])
    assert f"Setting 'k_maximum' is unknown; the settings are {', '.join(known)}. {WHERE_TO_CHANGE_IT}" in ended.output
    assert (ended.returncode, nodes, ended.relations()) == (1, [], [])


def test_settings_that_dbt_would_ignore_stop_the_run(runs):
    _, ended, nodes = runs["settings of a project"]
    assert "--vars has settings under 'customer_segmentation', which dbt would ignore there. Give them" in ended.output
    assert (ended.returncode, nodes, ended.relations()) == (1, [], [])


def test_unusual_valid_settings_are_accepted(runs):
    _, ended, nodes = runs["right settings"]
    assert ended.returncode == 0, ended.output
    assert "base_shop__customers" in nodes
    assert "staging.base_shop__customers" in ended.relations()


# ---- the list of settings ----------------------------------------------------------------------------------------


# Settings that Python reads from dbt_project.yml: the tests of the report and of publications cover their effect.
READ_BY_PYTHON = {"report_locale", "report_currency", "report_customers", "report_ids"}
READ_BY_PYTHON |= {"publications_kept", "publication_storage_version"}
# Its name is put together (input ~ '_columns'), and no model needs more of it.
READ_BY_PYTHON |= {"suppressions_columns"}
READ_BY_PYTHON |= {"audience_columns", "contacts_location", "contacts_columns", "contacts_country"}


def test_every_setting_is_read_by_something(manifest):
    """A setting that nothing reads could be changed without any effect."""
    texts = [node.get("raw_code", "") for node in manifest["nodes"].values()]
    # The check of the settings names all of them; only other uses count.
    texts += [
        macro["macro_sql"]
        for macro in manifest["macros"].values()
        if macro["package_name"] == "customer_segmentation" and macro["name"] not in ("setting_rules", "check_settings")
    ]
    read = set(re.findall(r"(?:setting|var)\(\s*['\"](\w+)['\"]", "\n".join(texts)))
    # Two inputs share the macros that read theirs.
    for end in re.findall(r"setting\(input ~ '(\w+)'\)", "\n".join(texts)):
        read |= {f"{name}{end}" for name in ("transactions", "customers")}
    for node in manifest["nodes"].values():
        # Python models receive their settings through config.meta.
        meta = node["config"].get("meta") or {}
        read |= {*meta, *(name for value in meta.values() if isinstance(value, dict) for name in value)}
    known = set(yaml.safe_load((PROJECT / "dbt_project.yml").read_text())["vars"])
    assert len(known) > 20
    assert known - read == READ_BY_PYTHON


# ---- the playbook ------------------------------------------------------------------------------------------------


# A table, what replaces which text in it, and what is said of that.
MISTAKES = [
    ("segment_rules", "50,Low Activity,,,,", "50,Low Activity,total_spending,0,,", "rules without a condition is 0"),
    ("segment_rules", "40,Occasional", "35,Occasional", "'Occasional Buyers' and 'Small-Basket Buyers'; lines with"),
    ("segment_rules", "total_spending,2.0", "shoe_size,2.0", "Rule 10 (High Value) is on 'shoe_size', which is not a"),
    ("segment_rules", ",0.4,Joined", ",,Joined", "Rule 20 (New Customers) has no bound of days_since_signup"),
    ("segment_rules", "spending,1.0,,", "spending,1.0,1.0,", "total_spending cannot be at least 1.0 and below 1.0"),
    (
        "segment_conditions",
        "quiet_share,0.5",
        "quiet_share,50",
        "'mostly quiet' has a bound of quiet_share that is not",
    ),
    (
        "segment_conditions",
        "several purchases",
        "some purchases",
        "only_if is 'mostly several purchases', which is not",
    ),
    ("segment_descriptions", "\nBuyers", "\nBayers", "can never be used: no rule assigns 'Bayers', and it is not one"),
    ("segment_descriptions", "\nBuyers", "\nBayers", "The archetype 'Buyers' can be left without a description"),
    (
        "segment_descriptions",
        "quiet.,mostly",
        "quiet.,very",
        "have gone quiet.': only_if is 'very quiet', which is not",
    ),
    ("segment_descriptions", 'counts. They were not clustered.",', 'counts.",newer', "only_if is 'newer', which never"),
    (
        "segment_playbook",
        "Earlier Purchases",
        "Earlier",
        "The action 'comeback_offer' can never be used: no rule assigns",
    ),
    ("segment_playbook", "Earlier Purchases", "Earlier", "'Earlier Purchases' can be left without an action; it needs"),
    (
        "segment_playbook",
        'buys often",quiet',
        'buys often",Quiet',
        "usual_purchases' has the audience 'Quiet'; it must be",
    ),
    (
        "segment_playbook",
        "\nHigh Value,3",
        "\nBuyers,3",
        "'High Value' can be left without an action; it needs one for",
    ),
    ("segment_playbook", "upsell,", "personal_service,", "The action_id 'personal_service' is in 2 lines"),
    (
        "segment_playbook",
        "knows them,everyone,,true,",
        "knows them,everyone,,true,0.95",
        "the holdout_share 0.95; it must",
    ),
    (
        "segment_overrides",
        "until\n",
        "until\nC0001,High Value,,03/04/2027\n",
        "'C0001' is valid until '03/04/2027', which",
    ),
    (
        "segment_overrides",
        "until\n",
        "until\nC0002,High Value,,2027-02-29\n",
        "'C0002' is valid until '2027-02-29', which",
    ),
]


def test_mistakes_in_the_playbook_stop_the_run_before_anything_is_built(tmp_path: Path):
    """All are said at once, so that one run finds them."""
    project = copy_of_project(tmp_path / "project")
    for table, old, new in dict.fromkeys(mistake[:3] for mistake in MISTAKES):
        seed = project / "seeds" / "playbook" / f"{table}.csv"
        text = seed.read_text(encoding="utf-8")
        assert old in text, old
        seed.write_text(text.replace(old, new), encoding="utf-8")
    ended = build(tmp_path / "run", None, project=project)
    assert ended.returncode != 0
    output = " ".join(ended.output.split())
    assert [said for *_, said in MISTAKES if said not in output] == []
    assert "Change it in seeds/playbook/segment_rules.csv" in output
    assert ended.relations() == []


# A table, how its file can be saved, and what is said of it.
FILES = [
    ("segment_rules", lambda text: text.replace(",", ";"), "csv is 'rule_order;archetype;"),
    ("segment_conditions", lambda text: f"{text}new,quiet_share,half,,\n", "csv has a text in at_least, which must be"),
    (
        "segment_descriptions",
        lambda text: f"{text},120,They buy, and buy.,newer\n",
        "csv has more fields than the first",
    ),
    (
        "segment_playbook",
        lambda text: text.replace("true,,\n", "true,\n", 1),
        "Line 2 of seeds/playbook/segment_playbook",
    ),
    (
        "segment_overrides",
        lambda text: text.replace("\n", "\r\n") + "C0001,High Value\r\n",
        "has fewer fields than the",
    ),
]


def test_files_of_the_playbook_that_cannot_be_read_are_named(tmp_path: Path):
    project = copy_of_project(tmp_path / "project")
    for table, saved, _ in FILES:
        seed = project / "seeds" / "playbook" / f"{table}.csv"
        seed.write_bytes(saved(seed.read_text(encoding="utf-8")).encode())
    ended = build(tmp_path / "run", None, project=project)
    assert ended.returncode != 0
    output = " ".join(ended.output.split())
    assert [said for *_, said in FILES if said not in output] == []
    assert [table for table, *_ in FILES if f"seeds/playbook/{table}.csv" not in output] == []
    assert ended.relations() == []


def with_columns(text: str, header: str, values: str) -> str:
    """A CSV file with these at the end of its lines."""
    first, *lines = text.splitlines()
    return "\n".join([f"{first},{header}", *(f"{line},{values}" for line in lines), ""])


def with_semicolons(text: str) -> str:
    """A CSV file with another delimiter."""
    written = io.StringIO()
    csv.writer(written, delimiter=";").writerows(csv.reader(io.StringIO(text)))
    return written.getvalue()


# What dbt loads: files as spreadsheets leave them, columns of one's own, another delimiter, a share that can be 1, and
# actions of one rank.
SAVED = {
    "segment_rules.csv": lambda text: with_columns(
        text.replace("total_spending,2.0,,", "spending_share,0.2,1.01,"), '"notes, internal",,', '"a, b",,'
    ),
    "segment_conditions.csv": with_semicolons,
    "segment_descriptions.csv": lambda text: with_columns(text, "notes,notes", "a,b"),
    "segment_playbook.csv": lambda text: text.replace("Low Activity,3", "Low Activity,2"),
    "segment_overrides.csv": lambda text: f"{text.strip()},\r\nC0001,High Value,,2027-12-31,\r\n",
    "_playbook__seeds.yml": lambda text: text.replace(
        "column_types:\n        condition:", 'delimiter: ";"\n      column_types:\n        condition:'
    ),
}


def test_a_playbook_can_be_saved_in_every_way_that_dbt_loads(tmp_path: Path):
    project = copy_of_project(tmp_path / "project")
    playbook = project / "seeds" / "playbook"
    conditions = (playbook / "segment_conditions.csv").read_bytes()
    for name, saved in SAVED.items():
        before = (playbook / name).read_text(encoding="utf-8")
        after = saved(before)
        assert after != before, name
        (playbook / name).write_bytes(after.encode())
    selected = ("--select", "path:seeds/playbook", *WITHOUT_TESTS)
    built = green(build(tmp_path / "run", None, *selected, project=project))
    assert built.rows("select below from playbook.segment_rules where rule_order = 10") == [(1.01,)]
    assert built.rows("select at_least from playbook.segment_conditions where condition = 'mostly quiet'") == [(0.5,)]
    assert built.rows("select until from playbook.segment_overrides") == [("2027-12-31",)]
    (playbook / "segment_conditions.csv").write_bytes(conditions)
    refused = build(tmp_path / "refused", None, *selected, project=project)
    assert refused.returncode != 0
    assert "separated by ';', the delimiter of the seed" in " ".join(refused.output.split())


# Tables of one's own that are models: this query, with its value of until.
OUR_OVERRIDES = "select 'C0001' as customer_id, 'High Value' as segment_name, '' as reason, {until} as until"
OUR_PLAYBOOK = """
    select * replace (case when action_id = 'personal_service' then 'Quiet' else audience end as audience)
    from {{ ref('segment_playbook') }}
"""


def test_models_that_replace_the_playbook_are_checked_when_they_are_built(sample: Built, tmp_path: Path):
    project = copy_of_project(tmp_path / "project")
    (project / "models" / "our_playbook.sql").write_text(OUR_PLAYBOOK, encoding="utf-8")
    (project / "models" / "our_overrides.sql").write_text(OUR_OVERRIDES.format(until="'03/04/2027'"), encoding="utf-8")
    shutil.copy(sample.warehouse, tmp_path)
    settings = {"playbook_tables": {"segment_playbook": "our_playbook", "segment_overrides": "our_overrides"}}
    selected = ("our_playbook", "assert_playbook_is_consistent", "our_overrides", "int_segment_overrides")
    ended = build(tmp_path, settings, "--select", *selected, *WITHOUT_UNIT_TESTS, project=project)
    assert "FAIL 1 assert_playbook_is_consistent" in ended.output
    assert "The override of customer 'C0001' is valid until '03/04/2027'" in ended.output
    assert "Change it in our_overrides." in ended.output


@pytest.mark.long
@pytest.mark.parametrize("kind", ["date", "timestamp"])
def test_a_model_of_overrides_can_have_dates(sample: Built, kind: str, tmp_path: Path):
    project = copy_of_project(tmp_path / "project")
    until = f"cast('2027-04-03' as {kind})"
    (project / "models" / "our_overrides.sql").write_text(OUR_OVERRIDES.format(until=until), encoding="utf-8")
    shutil.copy(sample.warehouse, tmp_path)
    settings = {"playbook_tables": {"segment_overrides": "our_overrides"}}
    selected = ("our_overrides", "int_segment_overrides")
    built = green(build(tmp_path, settings, "--select", *selected, *WITHOUT_TESTS, project=project))
    assert built.rows("select until from intermediate.int_segment_overrides") == [(date(2027, 4, 3),)]
