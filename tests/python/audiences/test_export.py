"""An export holds the treated customers and nobody else, is logged, and is whole or not there."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import duckdb
import pandas as pd
import pytest
from conftest import PROJECT, Built, dbt_folders, environment

from customer_segmentation.audiences import __main__ as entry
from customer_segmentation.audiences.__main__ import summary
from customer_segmentation.audiences.errors import ExportError
from customer_segmentation.audiences.export import (
    Choices,
    Relations,
    _read_contacts,
    audiences_folder,
    export,
    finish_interrupted,
    locked,
)

RELATIONS = Relations(
    "marts.audiences", "marts.customer_360", "intermediate.int_as_of_date", "intermediate.int_export_log"
)
COLUMNS = ["segment_name", "total_spending", "region"]
CONTACTS = {"customer_id": "customer_id", "email": "email", "phone": "phone"}


def choices(**changed) -> Choices:
    given = {"columns": COLUMNS, "contacts": None, "contacts_columns": CONTACTS, "country": None, "contact_date": None}
    return Choices(**given | changed)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "audiences"


@pytest.fixture
def warehouse(sample: Built, tmp_path: Path) -> Path:
    """A copy of the sample's warehouse."""
    copy = tmp_path / "warehouse.duckdb"
    shutil.copy(sample.warehouse, copy)
    return copy


@pytest.fixture
def connection(warehouse: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(str(warehouse)) as connection:
        yield connection


def run(folder: Path, connection: duckdb.DuckDBPyConnection, **changed) -> dict | None:
    suppressions = connection.execute("select 1 from duckdb_tables() where table_name = 'suppressions'").fetchall()
    relations = replace(RELATIONS, suppressions="intermediate.suppressions" if suppressions else None)
    with locked(folder):
        return export(folder, connection, relations, choices(**changed))


def suppress(connection: duckdb.DuckDBPyConnection, *rows: tuple[str | None, str | None, date | None]) -> None:
    """Let these be the checked suppressions: customer_id, action_id and until. It does not change the audiences."""
    connection.execute(
        "create or replace table intermediate.suppressions (customer_id varchar, action_id varchar, until date)"
    )
    connection.executemany("insert into intermediate.suppressions values (?, ?, ?)", rows)


def in_file(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8-sig", newline="") as opened:
        return list(csv.DictReader(opened))


def set_status(connection: duckdb.DuckDBPyConnection, customer: str, status: str, reason: str | None = None) -> None:
    connection.execute(
        "update marts.audiences set status = ?, status_reason = ? where customer_id = ? and action_id = ?",
        [status, reason, customer, "loyalty_programme"],
    )


def test_each_file_has_the_treated_customers_of_its_action(folder, connection):
    manifest = run(folder, connection)
    audiences = connection.execute("from marts.audiences").df()
    assert set(audiences["status"]) == {"treated", "holdout", "not yet"}
    files = {file.name.split(".")[0] for file in (folder / "000001").glob("*.csv")}
    assert files == set(manifest["actions"]) == set(audiences.query("status == 'treated'")["action_id"])
    for action in files:
        of_action = audiences.query("action_id == @action")
        listed = in_file(folder / "000001" / f"{action}.csv")
        assert [row["customer_id"] for row in listed] == sorted(of_action.query("status == 'treated'")["customer_id"])
        counted = {status.replace(" ", "_"): n for status, n in of_action["status"].value_counts().items()}
        assert manifest["actions"][action] == dict.fromkeys(
            ("treated", "holdout", "suppressed", "not_yet"), 0
        ) | counted | {"came": len(listed), "went": 0}


def test_a_file_has_the_chosen_columns_of_customer_360_and_parquet_the_same(folder, connection):
    run(folder, connection)
    listed = pd.DataFrame(in_file(folder / "000001" / "loyalty_programme.csv"))
    assert list(listed) == ["customer_id", *COLUMNS, "is_new"]
    people = connection.execute("from marts.customer_360").df().set_index("customer_id")
    for row in listed.itertuples():
        person = people.loc[row.customer_id]
        assert (row.segment_name, float(row.total_spending)) == (person.segment_name, float(person.total_spending))
    parquet = duckdb.sql(f"from '{folder}/000001/loyalty_programme.parquet'").df()
    assert parquet["customer_id"].tolist() == listed["customer_id"].tolist()
    assert list(parquet) == list(listed)


def test_the_log_has_who_was_in_which_group_and_when(folder, connection):
    run(folder, connection, contact_date=date(2025, 1, 7))
    logged = connection.execute(f"from {RELATIONS.log} order by action_id, customer_id").df()
    expected = connection.execute(
        "from marts.audiences where status in ('treated', 'holdout') order by action_id, customer_id"
    ).df()
    assert logged[["action_id", "customer_id"]].equals(expected[["action_id", "customer_id"]])
    assert logged["is_treated"].tolist() == (expected["status"] == "treated").tolist()
    assert set(logged["wave"]) == {1}
    assert set(logged["contact_date"]) == {pd.Timestamp("2025-01-07")}
    assert logged["exported_at"].nunique() == 1


def test_the_day_of_the_contact_is_the_as_of_date_unless_given(folder, connection):
    assert run(folder, connection)["contact_date"] == date(2024, 12, 31)


def test_an_export_tells_who_came_and_who_went(folder, connection):
    run(folder, connection)
    first = [row["customer_id"] for row in in_file(folder / "000001" / "loyalty_programme.csv")]
    held_out = connection.execute(
        "select customer_id from marts.audiences where action_id = 'loyalty_programme' and status = 'holdout' limit 1"
    ).fetchone()[0]
    set_status(connection, first[0], "suppressed", "complaint")
    set_status(connection, first[1], "holdout")
    connection.execute("delete from marts.audiences where customer_id = ?", [first[2]])
    set_status(connection, held_out, "treated")
    manifest = run(folder, connection)
    second = in_file(folder / "000002" / "loyalty_programme.csv")
    assert {row["customer_id"] for row in second} == {*first[3:], held_out}
    assert [row["customer_id"] for row in second if row["is_new"] == "True"] == [held_out]
    assert in_file(folder / "000002" / "loyalty_programme.removed.csv") == [
        {"customer_id": first[0], "why": "suppressed"},
        {"customer_id": first[1], "why": "held out"},
        {"customer_id": first[2], "why": "no longer in the audience"},
    ]
    assert (manifest["wave"], manifest["actions"]["loyalty_programme"]["went"]) == (2, 3)
    assert not (folder / "000002" / "win_back_offer.removed.csv").exists()


def contact_nobody(connection: duckdb.DuckDBPyConnection) -> None:
    """Let the audiences be those of a few days after an export."""
    connection.execute("update marts.audiences set status = 'not yet' where status in ('treated', 'holdout')")


def test_an_export_that_contacts_nobody_still_takes_customers_off_the_last_lists(folder, connection):
    run(folder, connection)
    first = [row["customer_id"] for row in in_file(folder / "000001" / "loyalty_programme.csv")]
    logged = connection.execute(f"select count(*) from {RELATIONS.log}").fetchone()
    contact_nobody(connection)
    set_status(connection, first[0], "suppressed", "complaint")
    set_status(connection, first[1], "holdout")
    connection.execute("delete from marts.audiences where customer_id = ?", [first[2]])
    manifest = run(folder, connection)
    files = {file.name for file in (folder / "000002").iterdir()}
    assert files == {"loyalty_programme.removed.csv", "loyalty_programme.removed.parquet", "manifest.json"}
    removed = [
        {"customer_id": first[0], "why": "suppressed"},
        {"customer_id": first[1], "why": "held out"},
        {"customer_id": first[2], "why": "no longer in the audience"},
    ]
    assert in_file(folder / "000002" / "loyalty_programme.removed.csv") == removed
    parquet = duckdb.sql(f"from '{folder}/000002/loyalty_programme.removed.parquet'").df()
    assert parquet.to_dict("records") == removed
    assert list(manifest["actions"]) == ["loyalty_programme"]
    described = manifest["actions"]["loyalty_programme"]
    assert (manifest["wave"], described["treated"], described["suppressed"], described["went"]) == (2, 0, 1, 3)
    # Nobody was contacted, so nobody rests for it.
    assert connection.execute(f"select count(*) from {RELATIONS.log}").fetchone() == logged
    assert summary(folder, manifest).splitlines() == [
        "Nobody is to be contacted: the mart audiences says why, in status and status_reason.",
        f"Export 2 is in {folder / '000002'}:",
        "  loyalty_programme.removed.csv: 3 customers to take off the last list",
    ]


def test_a_customer_is_taken_off_a_list_once(folder, connection):
    run(folder, connection)
    first = [row["customer_id"] for row in in_file(folder / "000001" / "loyalty_programme.csv")]
    contact_nobody(connection)
    for wave, customer in enumerate(first[:2], start=2):
        set_status(connection, customer, "suppressed", "complaint")
        assert run(folder, connection)["wave"] == wave
        assert in_file(folder / f"{wave:06d}" / "loyalty_programme.removed.csv") == [
            {"customer_id": customer, "why": "suppressed"}
        ]
        assert run(folder, connection) is None
    # Those who were taken off are new on the next list, and are not removed again.
    set_status(connection, first[1], "treated")
    set_status(connection, first[2], "treated")
    manifest = run(folder, connection)
    assert [(row["customer_id"], row["is_new"]) for row in in_file(folder / "000004" / "loyalty_programme.csv")] == [
        (first[1], "True"),
        (first[2], "False"),
    ]
    removed = in_file(folder / "000004" / "loyalty_programme.removed.csv")
    assert removed == [{"customer_id": customer, "why": "not yet"} for customer in first[3:]]
    assert list(manifest["actions"]) == ["loyalty_programme"]
    # A customer who was taken off an earlier list can come off a later one too.
    set_status(connection, first[1], "suppressed", "complaint")
    set_status(connection, first[2], "not yet")
    run(folder, connection)
    assert in_file(folder / "000005" / "loyalty_programme.removed.csv") == [
        {"customer_id": first[1], "why": "suppressed"}
    ]


def test_an_action_that_is_no_longer_proposed_leaves_no_list(folder, connection):
    run(folder, connection)
    first = in_file(folder / "000001" / "loyalty_programme.csv")
    connection.execute("update marts.audiences set action_id = 'points_club' where action_id = 'loyalty_programme'")
    manifest = run(folder, connection)
    assert in_file(folder / "000002" / "loyalty_programme.removed.csv") == [
        {"customer_id": row["customer_id"], "why": "the action is no longer proposed"} for row in first
    ]
    assert not (folder / "000002" / "loyalty_programme.csv").exists()
    assert (manifest["actions"]["loyalty_programme"]["went"], manifest["actions"]["points_club"]["came"]) == (
        len(first),
        len(first),
    )
    lines = summary(folder, manifest).splitlines()
    assert lines[0] == f"Export 2 is in {folder / '000002'}:"
    assert f"  loyalty_programme.removed.csv: {len(first)} customers to take off the last list" in lines
    assert "loyalty_programme" not in run(folder, connection)["actions"]


def test_the_platforms_get_who_was_removed_without_what_others_on_the_list_have(folder, connection, tmp_path):
    first = of_status(connection, "treated")
    contacts = write_contacts(
        tmp_path,
        (first[0], "a@example.com", "+4930901820"),
        (first[1], "b@example.com", ""),
        (first[3], "B@example.com", ""),
        (first[3], "", "+4930901820"),
        (first[4], "c@example.com", "+4930901821"),
    )
    run(folder, connection, contacts=contacts)
    # The first has left the audience, the second is suppressed, so the fourth may no longer be reached at his address.
    connection.execute("delete from marts.audiences where customer_id in ?", [[first[0], first[2]]])
    set_status(connection, first[1], "suppressed", "complaint")
    manifest = run(folder, connection, contacts=contacts)
    taken_off = {(sha("a@example.com"), ""), (sha("b@example.com"), "")}
    assert on_platforms(folder, 2, "loyalty_programme.removed") == taken_off
    assert on_platforms(folder, 2, "loyalty_programme") == {
        ("", sha("+4930901820")),
        (sha("c@example.com"), sha("+4930901821")),
    }
    described = manifest["actions"]["loyalty_programme"]
    assert (described["went"], described["went_without_contact"]) == (3, 1)
    assert described["removed_contacts_for_meta"] == 2
    assert "removed.csv: 3 customers to take off the last list; 1 without a valid contact" in summary(folder, manifest)


def test_without_a_new_list_the_platforms_get_who_is_removed_from_the_last_one(folder, connection, tmp_path):
    run(folder, connection)
    first = of_status(connection, "treated")
    contact_nobody(connection)
    set_status(connection, first[0], "suppressed", "complaint")
    connection.execute("delete from marts.audiences where customer_id = ?", [first[1]])
    contacts = write_contacts(
        tmp_path,
        (first[0], "a@example.com", ""),
        (first[1], "b@example.com", "+4930901820"),
        (first[2], "b@example.com", ""),
    )
    run(folder, connection, contacts=contacts)
    files = {file.name.removeprefix("loyalty_programme.removed.") for file in (folder / "000002").glob("*.csv")}
    assert files == {"csv", "google_ads.csv", "meta.csv"}
    assert on_platforms(folder, 2, "loyalty_programme.removed") == {
        (sha("a@example.com"), ""),
        ("", sha("+4930901820")),
    }


def test_a_warehouse_that_does_not_know_the_exports_of_a_folder_adds_none(folder, connection):
    run(folder, connection)
    connection.execute(f"create temp table kept as from {RELATIONS.log}")
    connection.execute(f"delete from {RELATIONS.log}")
    with pytest.raises(ExportError, match=r"Export 1 in .*audiences is not in the log .*import_history.*move .* aside"):
        run(folder, connection)
    # Another warehouse has a wave of this number too.
    connection.execute(
        f"insert into {RELATIONS.log} select * replace (exported_at - interval 1 day as exported_at) from kept"
    )
    with pytest.raises(ExportError, match="Export 1 in "):
        run(folder, connection)
    assert sorted(each.name for each in folder.iterdir() if each.is_dir()) == ["000001"]
    connection.execute(f"delete from {RELATIONS.log}")
    connection.execute(f"insert into {RELATIONS.log} from kept")
    assert run(folder, connection)["wave"] == 2


def test_removals_of_another_warehouse_are_noticed(folder, connection):
    run(folder, connection)
    connection.execute("update marts.audiences set status = 'suppressed'")
    assert run(folder, connection)["wave"] == 2
    assert run(folder, connection) is None
    shutil.rmtree(folder / "000001")
    connection.execute(f"update {RELATIONS.log} set exported_at = exported_at - interval 1 day")
    with pytest.raises(ExportError, match=r"Export 2 in .* is not in the log"):
        run(folder, connection)


def test_a_wave_without_a_manifest_is_refused(folder, connection):
    run(folder, connection)
    (folder / "000001" / "manifest.json").write_text("{")
    with pytest.raises(ExportError, match=r"000001/manifest\.json cannot be read"):
        run(folder, connection)


def test_only_the_owner_can_read_an_export(folder, connection):
    run(folder, connection)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert (folder / "000001").stat().st_mode & 0o777 == 0o700
    files = list((folder / "000001").iterdir())
    assert len(files) > 5
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}


def test_contacts_are_hashed_for_the_treated_and_enter_nowhere_else(folder, connection, tmp_path):
    listed = connection.execute(
        "select customer_id, status from marts.audiences where action_id = 'loyalty_programme' order by customer_id"
    ).fetchall()
    contacts = pd.DataFrame(
        [(f" {customer} ", f"{customer}@example.com", "030 901820", "x") for customer, _ in listed],
        columns=["id", "mail", "phone number", "other"],
    )
    contacts.to_csv(tmp_path / "contacts.csv", index=False)
    columns = {"customer_id": "id", "email": "mail", "phone": None}
    manifest = run(folder, connection, contacts=str(tmp_path / "contacts.csv"), contacts_columns=columns)
    treated = sum(status == "treated" for _, status in listed)
    rows = in_file(folder / "000001" / "loyalty_programme.google_ads.csv")
    assert len(rows) == treated == manifest["actions"]["loyalty_programme"]["contacts_for_google_ads"]
    assert all(len(row["Email"]) == 64 and row["Phone"] == "" for row in rows)
    assert b"@example.com" not in b"".join(file.read_bytes() for file in (folder / "000001").iterdir())
    tables = connection.execute("select table_name from duckdb_tables() where not temporary").fetchall()
    assert ("contacts",) not in tables


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def write_contacts(folder: Path, *rows: tuple[str, str, str]) -> str:
    """Write a file of contacts (customer_id, email, phone), and return its path."""
    pd.DataFrame(rows, columns=list(CONTACTS)).to_csv(folder / "contacts.csv", index=False)
    return str(folder / "contacts.csv")


def of_status(connection: duckdb.DuckDBPyConnection, status: str) -> list[str]:
    """The customers of the loyalty programme with this status."""
    query = "select customer_id from marts.audiences where action_id = 'loyalty_programme' and status = ? order by 1"
    return [customer for (customer,) in connection.execute(query, [status]).fetchall()]


def on_platforms(folder: Path, wave: int, name: str) -> set[tuple[str, str]]:
    """The hashed addresses and numbers of a list for the platforms, which all have the same of both."""
    google, meta = (
        {tuple(row.values()) for row in in_file(folder / f"{wave:06d}" / f"{name}.{platform}.csv")}
        for platform in ("google_ads", "meta")
    )
    assert {email for email, _ in google} == {email for email, _ in meta}
    assert len(google) == len(meta)
    return google


def test_every_valid_contact_of_a_customer_is_listed(folder, connection, tmp_path):
    treated = of_status(connection, "treated")
    one, two, none = treated[:3]
    contacts = write_contacts(
        tmp_path,
        (one, "-", "unknown"),
        (one, "Anna@example.com", "030 901820"),
        (one, "anna @example.com", "030 901820"),
        (one, "anna@example.org", "-"),
        (two, "n/a", "030 901821"),
        (none, "n/a", "-"),
    )
    manifest = run(folder, connection, contacts=contacts, country="DE")
    assert on_platforms(folder, 1, "loyalty_programme") == {
        (sha("anna@example.com"), sha("+4930901820")),
        (sha("anna@example.org"), ""),
        ("", sha("+4930901821")),
    }
    described = manifest["actions"]["loyalty_programme"]
    assert (described["contacts_for_meta"], described["without_contact"]) == (3, len(treated) - 2)
    assert f"; {len(treated) - 2} without a valid contact" in summary(folder, manifest)


def test_what_a_suppressed_or_held_out_customer_shares_is_on_no_platform(folder, connection, tmp_path):
    treated, held_out = of_status(connection, "treated"), of_status(connection, "holdout")[0]
    set_status(connection, treated[0], "suppressed", "complaint")
    suppress(
        connection,
        ("NOBODY", None, None),
        ("OTHER", "win_back_offer", None),
        ("ENDED", None, date(2001, 1, 1)),
        ("SAME", "loyalty_programme", date(2999, 1, 1)),
        (None, None, None),
    )
    shared = {"a": treated[0], "b": held_out, "c": "NOBODY", "d": "SAME", "e": "OTHER", "f": "ENDED"}
    contacts = write_contacts(
        tmp_path,
        *((customer, f"{letter.upper()}@example.com", "") for letter, customer in shared.items()),
        *(
            (customer, f"{letter}@example.com", f"+493090182{n}")
            for n, (letter, customer) in enumerate(zip(shared, treated[1:], strict=False))
        ),
        (held_out, "", "+49 30 90182 5"),
    )
    manifest = run(folder, connection, contacts=contacts)
    assert on_platforms(folder, 1, "loyalty_programme") == {
        *(("", sha(f"+493090182{n}")) for n in range(4)),
        (sha("e@example.com"), sha("+4930901824")),
        (sha("f@example.com"), ""),
    }
    assert manifest["actions"]["loyalty_programme"]["withheld"] == 5
    assert "loyalty_programme.*.csv for the platforms: 5 addresses and numbers left out" in summary(folder, manifest)


def test_what_a_customer_shares_with_a_newly_suppressed_one_comes_off_the_list_in_use_once(
    folder, connection, tmp_path
):
    treated = of_status(connection, "treated")
    contacts = write_contacts(
        tmp_path,
        (treated[0], "a@example.com", "+4930901821"),
        (treated[1], "b@example.com", ""),
        ("NOBODY", "a@example.com", ""),
        ("ALWAYS", "b@example.com", ""),
    )
    suppress(connection, ("ALWAYS", None, None))
    run(folder, connection, contacts=contacts)
    connection.execute("update marts.audiences set status = 'not yet'")
    assert run(folder, connection, contacts=contacts) is None
    suppress(connection, ("ALWAYS", None, None), ("NOBODY", None, None))
    manifest = run(folder, connection, contacts=contacts)
    # The second was suppressed before the list was made, and alone gives no export; its removal does no harm.
    removed = {(sha(f"{letter}@example.com"), "") for letter in "ab"}
    assert on_platforms(folder, 2, "loyalty_programme.removed") == removed
    assert list(manifest["actions"]) == ["loyalty_programme"]
    said = "loyalty_programme.removed.*.csv: addresses and numbers to take off the platforms"
    assert said in summary(folder, manifest)
    assert run(folder, connection, contacts=contacts) is None


def test_what_a_customer_shares_whose_id_is_suppressed_otherwise_is_on_no_platform(folder, connection, tmp_path):
    """Such a customer can be in no audience, and counts once among the suppressed, as the suppressions write it."""
    treated = of_status(connection, "treated")
    suppress(connection, (treated[0].lower(), None, None))
    connection.execute(
        "update marts.customer_360 set suppression_reason = 'complaint' where customer_id = ?", [treated[0]]
    )
    connection.execute("delete from marts.audiences where customer_id = ?", [treated[0]])
    contacts = write_contacts(
        tmp_path,
        (treated[0], "a@example.com", ""),
        (treated[1], "a@example.com", ""),
        (treated[2], "b@example.com", ""),
    )
    assert run(folder, connection, contacts=contacts)["suppressed_customers"] == 1
    assert on_platforms(folder, 1, "loyalty_programme") == {(sha("b@example.com"), "")}


def test_what_a_customer_shares_who_was_held_out_of_the_last_wave_is_on_no_platform(folder, connection, tmp_path):
    treated, held_out = of_status(connection, "treated"), of_status(connection, "holdout")[0]
    contacts = write_contacts(tmp_path, (held_out, "a@example.com", ""), (treated[0], "a@example.com", ""))
    run(folder, connection)
    set_status(connection, held_out, "not yet")
    run(folder, connection, contacts=contacts)
    assert on_platforms(folder, 2, "loyalty_programme") == set()
    set_status(connection, held_out, "treated")
    run(folder, connection, contacts=contacts)
    assert on_platforms(folder, 3, "loyalty_programme") == {(sha("a@example.com"), "")}


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"columns": ["total_spending", "no_such"]}, "'audience_columns' names no_such"),
        ({"columns": ["customer_id"]}, "'audience_columns' names customer_id"),
        ({"contacts": "/no/such.csv"}, "'contacts_location' is /no/such.csv; there is no such file"),
    ],
)
def test_what_does_not_exist_is_refused_before_anything_is_written(folder, connection, changed, said):
    with pytest.raises(ExportError, match=said):
        run(folder, connection, **changed)
    assert [file.name for file in folder.iterdir()] == [".lock"]
    assert connection.execute(f"select count(*) from {RELATIONS.log}").fetchone() == (0,)


def test_contacts_without_the_named_columns_are_refused(folder, connection, tmp_path):
    (tmp_path / "contacts.csv").write_text("id,mail\nC0001,a@example.com\n")
    with pytest.raises(ExportError, match="whose columns are: id, mail"):
        run(folder, connection, contacts=str(tmp_path / "contacts.csv"))


def test_a_column_that_the_setting_names_must_be_there(folder, connection, tmp_path):
    (tmp_path / "contacts.csv").write_text("customer_id,email,Phone\nC0001,a@example.com,1\n")
    columns = {"customer_id": "customer_id", "email": "email", "phone": "telephone"}
    with pytest.raises(ExportError, match="whose columns are: customer_id, email, Phone"):
        run(folder, connection, contacts=str(tmp_path / "contacts.csv"), contacts_columns=columns)


def test_ids_of_contacts_are_cleaned_like_those_of_customers(connection, tmp_path):
    (tmp_path / "contacts.csv").write_text(
        "customer_id,EMAIL\n#1,a@example.com\n\u00a0#2\t,b@example.com\n3.0,c@example.com\n"
    )
    contacts = choices(contacts=str(tmp_path / "contacts.csv"), ids_are_whole_numbers=True)
    _read_contacts(connection, contacts)
    read = connection.execute("select customer_id, email from contacts order by email").fetchall()
    assert read == [("#1", "a@example.com"), ("#2", "b@example.com"), ("3", "c@example.com")]


def test_a_day_of_contact_far_ahead_is_refused(folder, connection):
    with pytest.raises(ExportError, match=r"The day of the contact is 2999-12-01; it must not be after"):
        run(folder, connection, contact_date=date(2999, 12, 1))
    assert connection.execute(f"select count(*) from {RELATIONS.log}").fetchone() == (0,)


def test_a_day_of_contact_before_the_as_of_date_is_refused(folder, connection):
    with pytest.raises(ExportError, match=r"2024-12-30; it must not be before the as-of date 2024-12-31.*set as_of"):
        run(folder, connection, contact_date=date(2024, 12, 30))
    assert connection.execute(f"select count(*) from {RELATIONS.log}").fetchone() == (0,)


def test_an_unknown_country_leaves_no_file_behind(folder, connection, tmp_path):
    (tmp_path / "contacts.csv").write_text("customer_id,email,phone\nC0236,a@example.com,030 901820\n")
    with pytest.raises(ExportError, match="'contacts_country' is XX"):
        run(folder, connection, contacts=str(tmp_path / "contacts.csv"), country="XX")
    assert [file.name for file in folder.iterdir()] == [".lock"]


def run_command(folder: Path, settings: str, *options: str) -> subprocess.CompletedProcess:
    """Build and export on the command line, with a settings file of this content."""
    (folder / "settings.yml").write_text(settings)
    command = ["-m", "customer_segmentation.audiences", "--settings", folder / "settings.yml", *options, "--"]
    return subprocess.run(
        [sys.executable, *command, *dbt_folders(folder)],
        cwd=PROJECT,
        env=environment(folder / "warehouse.duckdb"),
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ("disabled_marts: [customer_360]", "are written from the mart customer_360"),
        ("disabled_marts:", "must not be empty"),
    ],
)
def test_marts_that_are_left_out_are_read_before_the_build(tmp_path, settings, said):
    ended = run_command(tmp_path, settings)
    assert ended.returncode == 1
    assert said in ended.stdout + ended.stderr
    assert "Traceback" not in ended.stderr


def test_nothing_is_exported_on_spark_where_the_next_build_would_forget_it(tmp_path):
    ended = run_command(tmp_path, "history_format: none", "--target", "spark")
    assert ended.returncode == 1
    assert ended.stderr.startswith("With history_format: none, the next build on Spark would forget whom these lists")
    assert ended.stdout == ""


def test_an_action_id_that_is_a_path_is_refused(folder, connection):
    connection.execute("update marts.audiences set action_id = '../out' where action_id = 'loyalty_programme'")
    with pytest.raises(ExportError, match=r"'\.\./out' of the playbook cannot name a file"):
        run(folder, connection)


def test_nobody_to_contact_is_no_export(folder, connection):
    connection.execute("update marts.audiences set status = 'suppressed'")
    assert run(folder, connection) is None
    assert [file.name for file in folder.iterdir()] == [".lock"]
    assert summary(folder, None).startswith("Nobody is to be contacted: ")


def test_two_exports_at_once_are_refused(folder):
    with locked(folder), pytest.raises(ExportError, match="Another export is running"), locked(folder):
        pass


def test_the_folder_is_beside_the_warehouse_or_where_the_environment_says(monkeypatch):
    monkeypatch.delenv("SEGMENTATION_AUDIENCES", raising=False)
    assert audiences_folder(Path("/data/w.duckdb")) == Path("/data/audiences")
    monkeypatch.setenv("SEGMENTATION_AUDIENCES", "/safe")
    assert audiences_folder(Path("/data/w.duckdb")) == Path("/safe")


# ---- suppressions that are lost ----------------------------------------------------------------------------------


def suppress_many(connection: duckdb.DuckDBPyConnection, count: int) -> None:
    suppress(connection, *((f"S{number}", None, None) for number in range(count)))


def test_an_export_with_far_fewer_suppressions_is_refused_unless_confirmed(folder, connection):
    suppress_many(connection, 10)
    assert run(folder, connection)["suppressed_customers"] == 10
    suppress_many(connection, 4)
    said = r"4 customers are suppressed; at export 1 there were 10.*is bad\.csv.*ARGS=--fewer-suppressions"
    with pytest.raises(ExportError, match=said):
        run(folder, connection, suppressions="bad.csv")
    assert [each.name for each in folder.iterdir() if each.is_dir()] == ["000001"]
    assert run(folder, connection, row_count_drop_warn=0.7)["wave"] == 2
    suppress_many(connection, 1)
    assert run(folder, connection, has_fewer_suppressions=True)["suppressed_customers"] == 1
    assert run(folder, connection)["wave"] == 4


def test_an_export_without_the_suppressions_of_before_is_refused_unless_confirmed(folder, connection):
    suppress_many(connection, 1)
    run(folder, connection)
    connection.execute("drop table intermediate.suppressions")
    with pytest.raises(ExportError, match=r"there were 1\. Setting 'suppressions_location' is not set"):
        run(folder, connection, row_count_drop_warn=1)
    assert run(folder, connection, has_fewer_suppressions=True)["suppressed_customers"] == 0


@pytest.mark.parametrize(
    ("given", "rest", "is_confirmed"),
    [
        (["--", "--quiet"], ["--quiet"], False),
        (["--", "--quiet", "--fewer-suppressions"], ["--quiet"], True),
        (["--fewer-suppressions", "--"], [], True),
    ],
)
def test_fewer_suppressions_are_confirmed_on_the_command_line(monkeypatch, given, rest, is_confirmed):
    called = {}
    monkeypatch.setattr(entry, "run", lambda *given, **options: called.update(options, rest=given[2]))
    entry.main(given)
    assert (called["rest"], called["has_fewer_suppressions"]) == (rest, is_confirmed)


# ---- the command, with suppressions ------------------------------------------------------------------------------


def test_the_command_builds_and_a_suppressed_customer_is_in_no_list(tmp_path, sample):
    """Whoever is suppressed, in doubt for every action and without an end, is in no list."""
    active = sample.column(
        "select customer_id from marts.customer_segments where archetype = 'Moderate Spenders' and not is_quiet"
        " order by customer_id limit 6"
    )
    rows = [
        (active[0], "", "complaint", ""),
        (active[1], "loyalty_programme", "staff", "2999-01-01"),
        (active[2], "", "consent withdrawn", "someday"),
        (active[3], "no_such_action", "consent withdrawn", ""),
        (active[4], "", "ended", "2001-01-01"),
        ("NOBODY", "", "unknown", ""),
        ("", "", "no id", ""),
    ]
    pd.DataFrame(rows, columns=["id", "action", "why", "until"]).to_csv(tmp_path / "suppressions.csv", index=False)
    settings = {
        "contacts_location": write_contacts(
            tmp_path,
            ("NOBODY", "a@example.com", ""),
            (active[5], "a@example.com", ""),
            (active[5], "b@example.com", ""),
        ),
        "holdout_share": 0,
        "suppressions_location": str(tmp_path / "suppressions.csv"),
        "suppressions_columns": {"customer_id": "id", "action_id": "action", "reason": "why", "until": "until"},
    }
    ended = run_command(tmp_path, json.dumps(settings))
    assert ended.returncode == 0, ended.stdout[-3000:] + ended.stderr
    lists = {
        file.stem: {row["customer_id"] for row in in_file(file)}
        for file in (tmp_path / "audiences" / "000001").glob("*.csv")
        if "." not in file.stem
    }
    # The address of a suppressed customer whom the warehouse does not know is left out, whoever else has it.
    assert on_platforms(tmp_path / "audiences", 1, "loyalty_programme") == {(sha("b@example.com"), "")}
    anywhere = set.union(*lists.values())
    assert not {active[0], active[2], active[3]} & anywhere
    # Of the one action only: the next one takes its place.
    assert active[1] not in lists["loyalty_programme"]
    with duckdb.connect(str(tmp_path / "warehouse.duckdb"), read_only=True) as connection:
        found = connection.execute(
            "select customer_id, action_id, status, status_reason from marts.audiences where customer_id in ?"
            " order by all",
            [active[:5]],
        ).fetchall()
        unreachable = connection.execute(
            "select customer_id, suppression_reason from marts.customer_360 where suppression_reason is not null"
            " order by all"
        ).fetchall()
        reasons = connection.execute(
            "select outcome, rule, row_count from marts.data_quality where input = 'suppressions' order by all"
        ).fetchall()
        rejected = connection.execute(
            "select first_failed_rule from rejects.int_rejected_suppressions order by input_row"
        ).fetchall()
    statuses = {(customer, action): (status, reason) for customer, action, status, reason in found}
    for customer, reason in zip(active[:4], ("complaint", "staff", *["consent withdrawn"] * 2), strict=True):
        assert statuses[customer, "loyalty_programme"] == ("suppressed", reason)
    assert statuses[active[1], "upsell"][0] in ("treated", "holdout")
    assert statuses[active[4], "loyalty_programme"][0] in ("treated", "holdout")
    assert unreachable == [
        (active[0], "complaint"),
        (active[2], "consent withdrawn"),
        (active[3], "consent withdrawn"),
    ]
    assert reasons == [
        ("flagged", "unknown_action_id", 1),
        ("flagged", "unparsable_until", 1),
        ("rejected", "suppression_ended", 1),
        ("rejected", "suppression_of_unknown_customer", 1),
        ("rejected", "suppression_without_customer_id", 1),
        ("used", "used", 4),
    ]
    assert [rule for (rule,) in rejected] == [
        "suppression_ended",
        "suppression_of_unknown_customer",
        "suppression_without_customer_id",
    ]


# ---- kills -------------------------------------------------------------------------------------------------------

CHILD = """
import os, sys
from pathlib import Path
import duckdb
from customer_segmentation.audiences import export as module
folder, warehouse, fault = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
if fault == "after the log":
    module.os.replace = lambda *paths: os._exit(9)
log = (lambda *given: os._exit(9)) if fault == "before the log" else module.log_wave
relations = module.Relations({relations})
print("ready", flush=True)
with module.locked(folder), duckdb.connect(warehouse) as connection:
    module.export(folder, connection, relations, module.Choices({columns}, None, {{}}, None, None), log)
"""


def start(folder: Path, warehouse: Path, fault: str) -> subprocess.Popen:
    names = [RELATIONS.audiences, RELATIONS.customer_360, RELATIONS.as_of_date, RELATIONS.log]
    child = CHILD.format(relations=", ".join(map(repr, names)), columns=COLUMNS)
    command = [sys.executable, "-c", child, str(folder), str(warehouse), fault]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def check_whole(folder: Path, warehouse: Path) -> set[int]:
    """Assert that the log and the folders have the same waves, and each folder all files of its manifest."""
    with duckdb.connect(str(warehouse)) as connection, locked(folder):
        finish_interrupted(folder, connection, RELATIONS)
        logged = dict(
            connection.execute(
                f"select wave, count(*) filter (where is_treated) from {RELATIONS.log} group by wave"
            ).fetchall()
        )
    assert {int(each.name) for each in folder.iterdir() if each.name != ".lock"} == set(logged)
    for wave, treated in logged.items():
        manifest = json.loads((folder / f"{wave:06d}" / "manifest.json").read_text())
        lists = {action: len(in_file(folder / f"{wave:06d}" / f"{action}.csv")) for action in manifest["actions"]}
        assert lists == {action: each["treated"] for action, each in manifest["actions"].items()}
        assert sum(lists.values()) == treated
    return set(logged)


@pytest.mark.parametrize(("fault", "waves"), [("before the log", set()), ("after the log", {1})])
def test_an_export_that_is_killed_has_happened_once_it_is_logged(folder, warehouse, fault, waves):
    assert start(folder, warehouse, fault).wait() == 9
    assert check_whole(folder, warehouse) == waves


@pytest.mark.parametrize(("fault", "waves"), [("before the log", set()), ("after the log", {1})])
def test_an_interrupted_export_of_another_warehouse_is_left_to_it(folder, warehouse, sample, tmp_path, fault, waves):
    other = tmp_path / "other.duckdb"
    shutil.copy(sample.warehouse, other)
    assert start(folder, warehouse, fault).wait() == 9
    before = {file.name for file in (folder / ".000001.partial").iterdir()}
    with (
        duckdb.connect(str(other)) as connection,
        locked(folder),
        pytest.raises(ExportError, match="another folder"),
    ):
        finish_interrupted(folder, connection, replace(RELATIONS, warehouse=str(other)))
    assert {file.name for file in (folder / ".000001.partial").iterdir()} == before
    assert check_whole(folder, warehouse) == waves


def test_folders_that_are_no_exports_are_left_alone(folder, connection):
    others = (".notes.partial", ".1.partial", "2024")
    for name in others:
        (folder / name).mkdir(parents=True)
        (folder / name / "notes.txt").write_text("x")
    with locked(folder):
        assert finish_interrupted(folder, connection, RELATIONS) is None
    assert run(folder, connection)["wave"] == 1
    assert all((folder / name / "notes.txt").exists() for name in others)


def test_a_wave_of_removals_alone_that_is_killed_has_not_happened(folder, warehouse):
    with duckdb.connect(str(warehouse)) as connection:
        run(folder, connection)
        connection.execute("update marts.audiences set status = 'suppressed'")
    assert start(folder, warehouse, "after the log").wait() == 9
    assert (folder / ".000002.partial").is_dir()
    assert check_whole(folder, warehouse) == {1}
    with duckdb.connect(str(warehouse)) as connection:
        assert run(folder, connection)["wave"] == 2
        assert (folder / "000002" / "loyalty_programme.removed.csv").is_file()
        assert run(folder, connection) is None


@pytest.mark.short_faults
def test_an_export_killed_at_any_time_is_whole_or_not_there(folder, warehouse, survived):
    before = time.monotonic()
    assert start(folder, warehouse, "none").wait() == 0
    usual = time.monotonic() - before
    generator, waves = random.Random(20), {1}
    for _ in range(5):
        child = start(folder, warehouse, "none")
        child.stdout.readline()
        time.sleep(generator.random() * usual)
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
        now = check_whole(folder, warehouse)
        assert waves <= now
        assert len(now - waves) <= 1
        waves = now
        survived(1)
