"""Export the audiences: a folder of files for each wave, and its rows in the log, whole or not at all.

An export is a folder such as audiences/000001, next to the warehouse, unless the environment variable
SEGMENTATION_AUDIENCES names another. The files are written to a hidden folder first. Then one transaction adds the wave
to the log, and the folder gets its name. An export that is killed before the transaction has not happened; one that is
killed after it is completed by the next command. A wave that contacts nobody, and only takes customers off earlier
lists, adds nothing to the log: it has happened once the folder has its name.
"""

from __future__ import annotations

import csv
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd

from customer_segmentation.audiences.contacts import PLATFORMS, normalised, platform_rows
from customer_segmentation.audiences.errors import ExportError
from customer_segmentation.audiences.files import read_manifest, write_csv, write_manifest
from customer_segmentation.folders import name_of, number_of, only_one, sync, sync_files, unfinished_number

STATUSES = ("treated", "holdout", "suppressed", "not yet")
# An action's id is the name of its files.
ACTION_ID = re.compile("[a-z][a-z0-9_]{0,60}")
ROWS_AT_ONCE = 10_000
# Whose files tell what the platforms have; those of the others have the same contacts.
A_PLATFORM = next(iter(PLATFORMS))
# The option that confirms far fewer suppressions than at the last export.
FEWER_SUPPRESSIONS = "--fewer-suppressions"
# SQL for the number of addresses and numbers in a table of contacts.
VALUES = "count(distinct email) + count(distinct phone)"
# A contact is planned for at most this many days ahead; a later day is a typing error.
CONTACT_AT_MOST_AHEAD = 366


@dataclass(frozen=True)
class Relations:
    """The tables of the warehouse that an export reads and writes, as SQL names, and its path.

    suppressions is None if the setting is null.
    """

    audiences: str
    customer_360: str
    as_of_date: str
    log: str
    suppressions: str | None = None
    warehouse: str = ""


@dataclass(frozen=True)
class Choices:
    """What the settings and the command line say about an export."""

    columns: list[str]
    contacts: str | None
    contacts_columns: dict[str, str]
    country: str | None
    contact_date: date | None
    ids_are_whole_numbers: bool = False
    suppressions: str | None = None
    row_count_drop_warn: float = 0.5
    # Fewer suppressions than at the last export are right.
    has_fewer_suppressions: bool = False


def audiences_folder(warehouse: Path) -> Path:
    """The folder of a warehouse's exports. It need not exist."""
    return Path(os.environ.get("SEGMENTATION_AUDIENCES") or warehouse.parent / "audiences")


@contextmanager
def locked(folder: Path) -> Iterator[int]:
    """Lock the folder, which only its owner can read, so that one export runs at a time; yield the umask of before.

    Raises:
        ExportError: Another process holds the lock, or the folder cannot be written.
    """
    refusal = f"Another export is running in {folder}; wait until it ends and run this again."
    with only_one(folder, ExportError(refusal), "SEGMENTATION_AUDIENCES", mode=0o700):
        before = os.umask(0o077)
        try:
            yield before
        finally:
            os.umask(before)


def finish_interrupted(folder: Path, connection: duckdb.DuckDBPyConnection, relations: Relations) -> int | None:
    """Complete an export that was interrupted after its wave was logged, and return its number.

    One that was interrupted before is removed.

    Raises:
        ExportError: It is an export of another warehouse, which may have logged it.
    """
    completed = None
    logged = logged_waves(connection, relations)
    for unfinished in sorted(folder.glob(".*.partial")):
        wave = unfinished_number(unfinished.name)
        if wave is None:
            continue
        # A wave is logged only when its manifest is on the disk.
        try:
            manifest = read_manifest(unfinished)
        except (OSError, ValueError):
            manifest = {"warehouse": relations.warehouse}
        if _in_log(manifest) in logged:
            os.replace(unfinished, folder / name_of(wave))
            sync(folder)
            completed = wave
        elif manifest.get("warehouse") == relations.warehouse:
            shutil.rmtree(unfinished)
        else:
            raise ExportError(
                f"Export {wave} of the warehouse {manifest.get('warehouse')} was interrupted in {folder}. Export from "
                "that warehouse again, which ends it, or set SEGMENTATION_AUDIENCES to another folder for this one; "
                f"if that warehouse is gone, remove {unfinished}."
            )
    return completed


def _exported(folder: Path, after: int = 0) -> list[Path]:
    """The folders of the waves after one, in ascending order. Folders with names such as 2024 are not exports."""
    waves = ((number_of(each.name) or 0, each) for each in folder.iterdir())
    return [each for wave, each in sorted(waves) if wave > after]


def _in_log(wave: dict[str, Any]) -> tuple[int, datetime] | None:
    """What the log has of a wave, by its number and time in a manifest."""
    if "wave" not in wave:
        return None
    return wave["wave"], datetime.fromisoformat(wave["exported_at"]).astimezone(UTC).replace(tzinfo=None)


def logged_waves(connection: duckdb.DuckDBPyConnection, relations: Relations) -> set[tuple[int, datetime]]:
    """The number and the time, in UTC, of each wave in the log."""
    connection.execute("set TimeZone = 'UTC'")
    return set(
        connection.execute(f"select distinct wave, cast(exported_at as timestamp) from {relations.log}").fetchall()
    )


def check_owner(folder: Path, logged: set[tuple[int, datetime]], warehouse: str) -> None:
    """Check that every wave of the folder is in this warehouse's log.

    A wave that only takes customers off lists is not logged: the last one that was logged before it must be.

    Raises:
        ExportError: One is not, or its manifest cannot be read.
    """
    for exported in _exported(folder):
        try:
            manifest = read_manifest(exported)
            is_logged = any(described["treated"] for described in manifest["actions"].values())
            known = manifest if is_logged else manifest.get("last_logged")
            is_ours = known is None or _in_log(known) in logged
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ExportError(
                f"{exported / 'manifest.json'} cannot be read, so nobody can tell whose lists these are; restore it, "
                f"or move {exported} aside."
            ) from error
        if not is_ours:
            raise ExportError(
                f"Export {int(exported.name)} in {folder} is not in the log of the warehouse {warehouse}, which does "
                "not know whom it reached. All exports of a folder must be in the log. If this warehouse replaces the "
                "one that made them, give it that one's history before its first build (dbt run-operation "
                "export_history, then import_history --args '{folder: ...}'; see docs/engines.md). Otherwise set "
                f"SEGMENTATION_AUDIENCES to another folder, or move {folder} aside; either way, everybody can be "
                "contacted again."
            )


def log_wave(connection: duckdb.DuckDBPyConnection, relations: Relations, manifest: dict[str, Any]) -> None:
    """Add the wave to the log in one transaction."""
    connection.execute("begin transaction")
    connection.execute(
        f"insert into {relations.log}"
        " (wave, contact_date, exported_at, action_id, customer_id, segment_key, segment_name, is_treated)"
        " select ?, ?, ?, action_id, customer_id, segment_key, segment_name, status = 'treated'"
        f" from {relations.audiences} where status in ('treated', 'holdout') and action_id in"
        f" (select action_id from {relations.audiences} where status = 'treated') order by action_id, customer_id",
        [manifest["wave"], manifest["contact_date"], manifest["exported_at"].replace(tzinfo=None)],
    )
    connection.execute("commit")


def export(
    folder: Path,
    connection: duckdb.DuckDBPyConnection,
    relations: Relations,
    choices: Choices,
    log: Callable[[duckdb.DuckDBPyConnection, Relations, dict[str, Any]], None] = log_wave,
) -> dict[str, Any] | None:
    """Write the files of the next wave, log it, and return its manifest; None if there is nobody to contact or remove.

    The folder must be locked. log adds the wave of a manifest to the log, as a whole or not at all.

    Raises:
        ExportError: The folder has exports of another warehouse, far fewer customers are suppressed, a setting names
            a column or a file that does not exist, or the files cannot be written.
    """
    logged = logged_waves(connection, relations)
    check_owner(folder, logged, relations.warehouse)
    _find_suppressed(connection, relations)
    _find_removed(folder, connection, relations)
    try:
        _read_contacts(connection, choices)
    except duckdb.Error as error:
        said = " ".join(str(error).split())
        raise ExportError(f"The contacts in {choices.contacts} cannot be read: {said}") from error
    actions = {
        action
        for (action,) in connection.execute(
            f"select action_id from {relations.audiences} where status = 'treated' union select action_id from removed"
        ).fetchall()
    }
    actions = sorted(actions | _with_contacts_withdrawn(folder, connection, relations, actions))
    if not actions:
        return None
    for action in actions:
        if not ACTION_ID.fullmatch(action):
            raise ExportError(
                f"The action_id {action!r} of the playbook cannot name a file; use lower-case letters, digits and _."
            )
    ((suppressed,),) = connection.execute("select count(distinct customer_id) from suppressed").fetchall()
    _check_suppressions(folder, suppressed, relations, choices)
    columns = _chosen_columns(connection, relations, choices.columns)
    ((as_of_date,),) = connection.execute(f"select max(as_of_date) from {relations.as_of_date}").fetchall()
    # The log keeps a wrong day for ever, and with it a rest for everybody until then. What customers did up to the
    # as-of date decided who is on the lists, so a contact before it would be measured on those whom its results chose.
    if choices.contact_date and choices.contact_date < as_of_date:
        raise ExportError(
            f"The day of the contact is {choices.contact_date}; it must not be before the as-of date {as_of_date}. To "
            f"contact those whom earlier data chose, set as_of_date to {choices.contact_date}."
        )
    latest = max(as_of_date, date.today()) + timedelta(days=CONTACT_AT_MOST_AHEAD)
    if choices.contact_date and choices.contact_date > latest:
        raise ExportError(f"The day of the contact is {choices.contact_date}; it must not be after {latest}.")
    last_wave, last_time = max(logged, default=(0, None))
    wave = max([last_wave, *(int(each.name) for each in _exported(folder))]) + 1
    unfinished = folder / f".{name_of(wave)}.partial"
    manifest = {
        "wave": wave,
        "exported_at": datetime.now(UTC).replace(microsecond=0),
        "as_of_date": as_of_date,
        "contact_date": choices.contact_date or as_of_date,
        "warehouse": relations.warehouse,
        "last_logged": last_time and {"wave": last_wave, "exported_at": last_time.replace(tzinfo=UTC)},
        "suppressed_customers": suppressed,
        "actions": {},
    }
    try:
        unfinished.mkdir(mode=0o700)
        for action in actions:
            manifest["actions"][action] = _write_action(unfinished, connection, relations, choices, columns, action)
        write_manifest(unfinished, manifest)
        sync_files(unfinished)
        if any(described["treated"] for described in manifest["actions"].values()):
            log(connection, relations, manifest)
    except ExportError:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise
    except (OSError, duckdb.Error) as error:
        shutil.rmtree(unfinished, ignore_errors=True)
        said = " ".join(str(error).split()).rstrip(".")
        raise ExportError(f"The audiences could not be exported to {folder} ({said}); nothing was exported.") from error
    os.replace(unfinished, folder / name_of(wave))
    sync(folder)
    return manifest


def _check_suppressions(folder: Path, suppressed: int, relations: Relations, choices: Choices) -> None:
    """Raise ExportError if far fewer customers are suppressed than at the last export, as by a file cut short."""
    exported = _exported(folder)
    before = read_manifest(exported[-1]).get("suppressed_customers", 0) if exported else 0
    is_gone = relations.suppressions is None and before > 0
    if choices.has_fewer_suppressions or not (is_gone or suppressed < before * (1 - choices.row_count_drop_warn)):
        return
    location = "not set" if is_gone else choices.suppressions
    raise ExportError(
        f"{suppressed} customers are suppressed; at export {int(exported[-1].name)} there were {before}. Setting "
        f"'suppressions_location' is {location}. Complete the suppressions and run this again. If so few are right, "
        f"confirm it: make audiences ARGS={FEWER_SUPPRESSIONS}. Nothing was exported."
    )


def _chosen_columns(connection: duckdb.DuckDBPyConnection, relations: Relations, chosen: list[str]) -> list[str]:
    present = connection.execute(f"from {relations.customer_360} limit 0").df().columns.tolist()
    for column in chosen:
        if column not in present or column == "customer_id":
            raise ExportError(
                f"Setting 'audience_columns' names {column}; it must name columns of customer_360 other than "
                f"customer_id: {', '.join(present[1:])}."
            )
    return chosen


def _read_contacts(connection: duckdb.DuckDBPyConnection, choices: Choices) -> None:
    """Create the temporary table `contacts` (customer_id, email, phone): what is valid of each row, normalised."""
    connection.execute("create or replace temp table contacts (customer_id varchar, email varchar, phone varchar)")
    if choices.contacts is None:
        return
    location = Path(choices.contacts)
    if not location.is_file():
        raise ExportError(f"Setting 'contacts_location' is {location}; there is no such file.")
    quoted = "'" + str(location).replace("'", "''") + "'"
    is_parquet = location.suffix.lower() == ".parquet"
    # No line is taken for a comment.
    dialect = """header = true, all_varchar = true, comment = '', quote = '"', escape = '"'"""
    source = f"read_parquet({quoted})" if is_parquet else f"read_csv({quoted}, {dialect})"
    present = connection.execute(f"from {source} limit 0").df().columns.tolist()
    lowered = [column.lower() for column in present]
    mapped = {ours: theirs for ours, theirs in choices.contacts_columns.items() if theirs}
    absent = {ours for ours in ("customer_id", "email", "phone") if mapped.get(ours, "").lower() not in lowered}
    # An address or a number may be missing, but not both, and not one that the setting names on purpose.
    optional = {ours for ours in absent if mapped.get(ours, ours) == ours}
    if "customer_id" in absent or absent - optional or len(optional) == 2:
        raise ExportError(
            f"Setting 'contacts_columns' must name the columns of customer_id and of email or phone in {location}, "
            f"whose columns are: {', '.join(present)}."
        )
    texts = {
        ours: "null" if ours in optional else 'cast("' + mapped[ours].replace('"', '""') + '" as varchar)'
        for ours in ("customer_id", "email", "phone")
    }
    # Cleaned like the ids of the inputs (macros/parsing.sql).
    key = f"trim({texts['customer_id']}, ' \t\n\r\u00a0\u202f\ufeff')"
    if choices.ids_are_whole_numbers:
        key = f"regexp_replace({key}, '^([0-9]+)[.]0+$', '\\1')"
    rows = connection.execute(
        f"select distinct {key}, {texts['email']}, {texts['phone']} from {source} where {key} is not null"
    ).fetchall()
    valid = normalised(((email, phone) for _, email, phone in rows), choices.country)
    read = pd.DataFrame(
        [(row[0], *contact) for row, contact in zip(rows, valid, strict=True)],
        columns=["customer_id", "email", "phone"],
        dtype="object",
    )
    connection.register("contacts_read", read)
    connection.execute(
        "insert into contacts select distinct * from contacts_read where email is not null or phone is not null"
    )
    connection.unregister("contacts_read")


def _find_suppressed(connection: duckdb.DuckDBPyConnection, relations: Relations) -> None:
    """Create the temporary table `suppressed` (customer_id, action_id), where no action stands for all.

    It has every suppression that has not ended, also those of customers whom the warehouse does not know.
    """
    connection.execute("create or replace temp table suppressed (customer_id varchar, action_id varchar)")
    if relations.suppressions is not None:
        connection.execute(
            f"insert into suppressed select distinct customer_id, action_id from {relations.suppressions}"
            " where customer_id is not null"
            f" and coalesce(until >= (select max(as_of_date) from {relations.as_of_date}), true)"
        )


def _find_contacts(connection: duckdb.DuckDBPyConnection, relations: Relations, action: str) -> int:
    """Create the temporary tables `allowed` and `taken_off` (customer_id, email, phone) for the platforms.

    allowed has the contacts of the customers on the list. An address or a number of a customer who is suppressed for
    the action or held out of it, now or when it was last drawn, is not in it, whoever else has it. taken_off has those
    of the customers on the last list that are not in allowed. Returns how many addresses and numbers were left out of
    allowed.
    """
    # Without a new list, the last one stays in use.
    connection.execute(
        "create or replace temp table on_list as select customer_id from listed union all"
        " select customer_id from last_lists where action_id = ? and not exists (from listed)"
        " and customer_id not in (select customer_id from gone)",
        [action],
    )
    connection.execute(
        "create or replace temp table withheld as from contacts where customer_id in ("
        "select customer_id from suppressed where action_id is null or action_id = $1"
        # Those whose ids the suppressions write otherwise.
        f" union select customer_id from {relations.customer_360} where suppression_reason is not null"
        f" union select customer_id from {relations.audiences}"
        " where action_id = $1 and status in ('suppressed', 'holdout')"
        f" union (select customer_id from {relations.log} where action_id = $1 group by customer_id"
        " having not arg_max(is_treated, wave) except select customer_id from on_list))",
        [action],
    )
    connection.execute(
        "create or replace temp table of_list as from contacts where customer_id in (select customer_id from on_list)"
    )
    connection.execute(f"create or replace temp table allowed as {_without('of_list', 'withheld')}")
    connection.execute(
        "create or replace temp table of_last_list as from contacts where customer_id in"
        " (select customer_id from last_lists where action_id = ?)",
        [action],
    )
    connection.execute(f"create or replace temp table taken_off as {_without('of_last_list', 'allowed')}")
    ((left_out,),) = connection.execute(
        f"select (select {VALUES} from of_list) - (select {VALUES} from allowed)"
    ).fetchall()
    return left_out


def _without(contacts: str, others: str) -> str:
    """SQL for the contacts of a table without the addresses and the numbers of another, each by itself."""
    fields = (
        f"case when {field} not in (select {field} from {others} where {field} is not null) then {field} end as {field}"
        for field in ("email", "phone")
    )
    return f"select customer_id, {', '.join(fields)} from {contacts}"


def _find_removed(folder: Path, connection: duckdb.DuckDBPyConnection, relations: Relations) -> None:
    """Create the temporary tables `last_lists` (action_id, customer_id) and `removed`, the same with why.

    last_lists has the customers on the last list of each action, without those removed by a later wave. A new list
    replaces the last one, and removes everybody who is not on it. If there is no new list, the last one stays in use,
    and those who are "not yet" to be contacted again stay on it.
    """
    connection.execute(
        "create or replace temp table last_lists as select action_id, customer_id, wave"
        f" from {relations.log} inner join"
        f" (select action_id, max(wave) as wave from {relations.log} group by action_id) using (action_id, wave)"
        " where is_treated"
    )
    for action, wave in connection.execute("select distinct action_id, wave from last_lists").fetchall():
        for exported in _exported(folder, after=wave):
            file = exported / f"{action}.removed.parquet"
            if file.exists():
                connection.execute(
                    "delete from last_lists where action_id = ?"
                    " and customer_id in (select customer_id from read_parquet(?))",
                    [action, str(file)],
                )
    connection.execute(
        "create or replace temp table removed as select last_lists.action_id, last_lists.customer_id, case"
        " when audiences.status = 'holdout' then 'held out' when audiences.status is not null then audiences.status"
        f" when last_lists.action_id in (select action_id from {relations.audiences}) then 'no longer in the audience'"
        " else 'the action is no longer proposed' end as why"
        f" from last_lists left join {relations.audiences} as audiences"
        " on last_lists.action_id = audiences.action_id and last_lists.customer_id = audiences.customer_id"
        " where audiences.status is distinct from 'treated' and (audiences.status is distinct from 'not yet'"
        f" or last_lists.action_id in (select action_id from {relations.audiences} where status = 'treated'))"
    )


def _find_listed(connection: duckdb.DuckDBPyConnection, relations: Relations, columns: list[str], action: str) -> None:
    """Create the temporary tables `listed`, the treated customers of an action, and `gone`, those removed from it."""
    chosen = "".join(f', customer_360."{column}"' for column in columns)
    connection.execute(
        f"create or replace temp table listed as select audiences.customer_id{chosen},"
        " last_lists.customer_id is null as is_new"
        f" from {relations.audiences} as audiences"
        f" inner join {relations.customer_360} as customer_360 on audiences.customer_id = customer_360.customer_id"
        " left join last_lists on audiences.customer_id = last_lists.customer_id"
        " and audiences.action_id = last_lists.action_id"
        " where audiences.action_id = ? and audiences.status = 'treated'",
        [action],
    )
    connection.execute(
        "create or replace temp table gone as select customer_id, why from removed where action_id = ?", [action]
    )


def _with_contacts_withdrawn(
    folder: Path, connection: duckdb.DuckDBPyConnection, relations: Relations, others: set[str]
) -> set[str]:
    """The actions, without the others, of whose lists the platforms have an address or number that is now withheld.

    Its owner stays on the list, but somebody who has been suppressed or held out since has it too.
    """
    found = set()
    for action, wave in connection.execute("select distinct action_id, wave from last_lists").fetchall():
        if action in others:
            continue
        _find_listed(connection, relations, [], action)
        _find_contacts(connection, relations, action)
        taken_off = connection.execute("select email, phone from taken_off").fetchall()
        _, rows = platform_rows(A_PLATFORM, taken_off)
        if not _on_platform(folder, action, wave).isdisjoint(value for row in rows for value in row if value):
            found.add(action)
    return found


def _on_platform(folder: Path, action: str, wave: int) -> set[str]:
    """The hashed addresses and numbers of the last list of an action, without those removed by a later wave."""
    values = set(_cells(folder / name_of(wave) / f"{action}.{A_PLATFORM}.csv"))
    for later in _exported(folder, after=wave):
        values.difference_update(_cells(later / f"{action}.removed.{A_PLATFORM}.csv"))
    return values


def _cells(file: Path) -> Iterator[str]:
    """The cells of a platform's file; none if there is no such file."""
    if file.is_file():
        with file.open(encoding="utf-8", newline="") as opened:
            _, *rows = csv.reader(opened)
            yield from (cell for row in rows for cell in row)


def _write_action(
    folder: Path,
    connection: duckdb.DuckDBPyConnection,
    relations: Relations,
    choices: Choices,
    columns: list[str],
    action: str,
) -> dict[str, Any]:
    """Write the files of an action, and return what the manifest says of it."""
    counted = dict(
        connection.execute(
            f"select status, count(*) from {relations.audiences} where action_id = ? group by status", [action]
        ).fetchall()
    )
    described = {status.replace(" ", "_"): counted.get(status, 0) for status in STATUSES}
    _find_listed(connection, relations, columns, action)
    if described["treated"]:
        written = _write_table(folder, connection, "listed", action)
        if written != described["treated"]:
            raise ExportError(
                f"The audience of {action} has {described['treated']} customers, of whom customer_360 has {written}; "
                "run a complete build."
            )
    ((described["came"],),) = connection.execute("select count(*) from listed where is_new").fetchall()
    ((described["went"],),) = connection.execute("select count(*) from gone").fetchall()
    if described["went"]:
        _write_table(folder, connection, "gone", f"{action}.removed")
    if choices.contacts is not None:
        described["withheld"] = _find_contacts(connection, relations, action)
        ((is_anything_taken_off,),) = connection.execute(f"select {VALUES} > 0 from taken_off").fetchall()
        if described["treated"]:
            described["without_contact"] = _count_without_contact(connection, "listed")
            counts = _write_contacts(folder, connection, "allowed", action)
            described |= {f"contacts_for_{platform}": count for platform, count in counts.items()}
        if described["went"]:
            described["went_without_contact"] = _count_without_contact(connection, "gone")
        if described["went"] or is_anything_taken_off:
            counts = _write_contacts(folder, connection, "taken_off", f"{action}.removed")
            described |= {f"removed_contacts_for_{platform}": count for platform, count in counts.items()}
    return described


def _count_without_contact(connection: duckdb.DuckDBPyConnection, table: str) -> int:
    ((count,),) = connection.execute(
        f"select count(*) from {table} where customer_id not in (select customer_id from contacts)"
    ).fetchall()
    return count


def _write_contacts(folder: Path, connection: duckdb.DuckDBPyConnection, table: str, name: str) -> dict[str, int]:
    """Write a table of contacts to name.google_ads.csv and so on, and return the number of rows by platform."""
    contacts = connection.execute(f"select email, phone from {table} order by customer_id, email, phone").fetchall()
    counts = {}
    for platform in PLATFORMS:
        header, rows = platform_rows(platform, contacts)
        counts[platform] = write_csv(folder / f"{name}.{platform}.csv", header, rows, for_spreadsheets=False)
    return counts


def _write_table(folder: Path, connection: duckdb.DuckDBPyConnection, table: str, name: str) -> int:
    """Write a table to name.csv and name.parquet by customer_id, and return the number of its rows."""
    query = f"from {table} order by customer_id"
    header = [column[0] for column in connection.execute(f"from {table} limit 0").description]
    parquet = str(folder / f"{name}.parquet").replace("'", "''")
    connection.execute(f"copy ({query}) to '{parquet}' (format parquet, compression zstd)")
    return write_csv(folder / f"{name}.csv", header, _rows(connection, query))


def _rows(connection: duckdb.DuckDBPyConnection, query: str) -> Iterator[tuple[Any, ...]]:
    cursor = connection.execute(query)
    while rows := cursor.fetchmany(ROWS_AT_ONCE):
        yield from rows
