"""Publications: readers see the marts of one build, and can be rolled back to earlier ones."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
from conftest import PROJECT
from stamped import MARTS, command, publish_stamp, publish_warehouse, stamps, write_warehouse

from customer_segmentation.publication.errors import PublicationError
from customer_segmentation.publication.publications import (
    current_database,
    current_number,
    describe_publications,
    locked,
    publication_numbers,
    publish_marts,
    remove_old,
    roll_back,
)
from customer_segmentation.report.__main__ import main as report


def test_a_publication_holds_all_marts_with_their_comments_and_constraints_and_nothing_else(tmp_path):
    assert publish_stamp(tmp_path, 7) == 1
    current = tmp_path / "publications" / "current"
    with duckdb.connect(str(current / "segments.duckdb"), read_only=True) as connection:
        tables = connection.execute("select schema_name, table_name, comment from duckdb_tables() order by all")
        assert tables.fetchall() == [("marts", mart, "It's a mart") for mart in MARTS]
        comment = "select distinct comment from duckdb_columns() where column_name = 'stamp'"
        assert connection.execute(comment).fetchall() == [("Which; build",)]
        kinds = "select distinct constraint_type from duckdb_constraints() order by all"
        assert [row[0] for row in connection.execute(kinds).fetchall()] == ["NOT NULL", "PRIMARY KEY"]
    for mart in MARTS:
        total = duckdb.sql(f"select count(*), sum(money) from '{current / mart}.parquet'").fetchall()[0]
        assert (total[0], str(total[1])) == (2_000, "19990.00")
    manifest = json.loads((current / "manifest.json").read_text())
    assert (manifest["publication"], manifest["warehouse"]) == (1, "warehouse.duckdb")
    assert manifest["marts"]["first"] == {"rows": 2_000, "amounts": {"money": "19990.00"}}


def test_a_view_is_published_as_a_table(tmp_path):
    write_warehouse(tmp_path / "warehouse.duckdb", 1)
    with duckdb.connect(str(tmp_path / "warehouse.duckdb")) as connection:
        connection.execute("create view marts.totals as select sum(money) as money from marts.first")
        connection.execute("comment on view marts.totals is 'All money'")
    publish_warehouse(tmp_path)
    with duckdb.connect(str(tmp_path / "publications" / "current" / "segments.duckdb"), read_only=True) as connection:
        found = connection.execute("select comment from duckdb_tables() where table_name = 'totals'").fetchall()
        assert found == [("All money",)]
        assert str(connection.execute("select money from marts.totals").fetchone()[0]) == "19990.00"


def test_a_copy_that_differs_is_not_published(tmp_path):
    publish_stamp(tmp_path, 1)
    write_warehouse(tmp_path / "warehouse.duckdb", 2)
    with duckdb.connect(str(tmp_path / "warehouse.duckdb")) as connection:
        # Other numbers each time it is read.
        connection.execute("create view marts.restless as select random() as number")
    with pytest.raises(PublicationError, match="The copy of the mart restless differs"):
        publish_warehouse(tmp_path)
    assert stamps(tmp_path / "publications" / "current" / "segments.duckdb") == {1}
    assert sorted(each.name for each in (tmp_path / "publications").iterdir()) == [".lock", "000001", "current"]


def test_a_warehouse_without_marts_is_not_published(tmp_path):
    duckdb.connect(str(tmp_path / "warehouse.duckdb")).close()
    with pytest.raises(PublicationError, match=r"has no marts to publish; run `make build`"):
        publish_warehouse(tmp_path)


def test_a_reader_keeps_what_it_opened_and_a_new_one_sees_the_new(tmp_path):
    publish_stamp(tmp_path, 1, kept=1)
    link = tmp_path / "publications" / "current" / "segments.duckdb"
    with duckdb.connect(os.path.realpath(link), read_only=True) as reader:
        assert reader.execute("select max(stamp) from marts.first").fetchone() == (1,)
        publish_stamp(tmp_path, 2, kept=1)
        # Its folder has been removed by now, but the file is still open.
        assert reader.execute("select max(stamp) from marts.third").fetchone() == (1,)
        assert stamps(link) == {2}


def test_the_newest_publications_and_the_current_one_are_kept(tmp_path):
    for stamp in range(1, 6):
        publish_stamp(tmp_path, stamp, kept=3)
    folder = tmp_path / "publications"
    assert publication_numbers(folder) == [3, 4, 5]
    assert command(tmp_path, "rollback", "3").returncode == 0
    assert stamps(folder / "current" / "segments.duckdb") == {3}
    remove_old(folder, 1)
    assert publication_numbers(folder) == [3, 5]


def test_rollback_goes_to_the_previous_publication_and_lists_those_available(tmp_path):
    for verb in ("rollback", "list"):
        ended = command(tmp_path, verb)
        assert "There are no publications in" in ended.stdout + ended.stderr
    for stamp in (1, 2):
        publish_stamp(tmp_path, stamp)
    assert "Publication 1 is current" in command(tmp_path, "rollback").stdout
    assert "There is no publication before the current one; available: [1, 2]" in command(tmp_path, "rollback").stderr
    assert "There is no publication 9 to roll back to; available: [1, 2]" in command(tmp_path, "rollback", "9").stderr
    newest, oldest = command(tmp_path, "list").stdout.splitlines()
    assert newest.split()[0] == "2"
    assert "3 marts   6000 rows" in newest
    assert oldest.split()[0] == "1"
    assert [line.endswith("<- current") for line in (newest, oldest)] == [False, True]
    # Numbers are never reused, whichever publication is current.
    assert publish_stamp(tmp_path, 3) == 3


def test_a_second_rollback_returns_to_what_readers_saw_and_not_to_what_was_withdrawn(tmp_path):
    folder, warehouse = tmp_path / "publications", tmp_path / "warehouse.duckdb"
    for stamp in range(1, 5):
        publish_stamp(tmp_path, stamp, kept=4)
    assert roll_back(folder, warehouse, 2) == 2
    # Publication 2 stays although it is not among the newest three.
    assert publish_stamp(tmp_path, 5, kept=3) == 5
    assert publication_numbers(folder) == [2, 3, 4, 5]
    assert roll_back(folder, warehouse) == 2
    assert roll_back(folder, warehouse, 5) == 5
    shutil.rmtree(folder / "000002")
    said = (
        r"Publication 2, which was current before publication 5, is gone; available: \[3, 4, 5\]\. Choose one with TO="
    )
    with pytest.raises(PublicationError, match=said):
        roll_back(folder, warehouse)
    assert current_number(folder) == 5
    # The manifest of an earlier version does not say which one was current before.
    manifest = folder / "000005" / "manifest.json"
    content = json.loads(manifest.read_text())
    assert content.pop("previous") == 2
    manifest.write_text(json.dumps(content))
    assert roll_back(folder, warehouse) == 4


def truncate(file: Path) -> None:
    """Keep the first half of a file."""
    os.truncate(file, file.stat().st_size // 2)


def change_rows(database: Path) -> None:
    """Take a row out of a mart."""
    with duckdb.connect(str(database)) as connection:
        connection.execute("delete from marts.third where row_id = 5")


def drop_mart(database: Path) -> None:
    """Take a mart out of a database."""
    with duckdb.connect(str(database)) as connection:
        connection.execute("drop table marts.second")


DAMAGES = {
    "no database": ("segments.duckdb", Path.unlink, "is missing"),
    "half a database": ("segments.duckdb", truncate, "(cannot be read|is cut short)"),
    "a database without a mart": ("segments.duckdb", drop_mart, "has no mart second"),
    "a database without a row": ("segments.duckdb", change_rows, "has 1999 rows of third instead of 2000"),
    "no Parquet file": ("second.parquet", Path.unlink, "is missing"),
    "half a Parquet file": ("second.parquet", truncate, "cannot be read"),
    "another Parquet file": ("second.parquet", lambda file: duckdb.sql("select 1").write_parquet(str(file)), "1 rows"),
    "half a manifest": ("manifest.json", truncate, r"cannot be read \(it is not a manifest\)"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_publication_is_not_made_current(tmp_path, damage):
    folder, warehouse = tmp_path / "publications", tmp_path / "warehouse.duckdb"
    for stamp in (1, 2, 3):
        publish_stamp(tmp_path, stamp)
    name, spoil, said = DAMAGES[damage]
    spoil(folder / "000002" / name)
    for number in (None, 2):
        refused = rf"Publication 2 is damaged: {folder}/000002/{name} .*{said}.*; available: \[1, 3\]\. Choose one"
        with pytest.raises(PublicationError, match=refused):
            roll_back(folder, warehouse, number)
    assert current_number(folder) == 3
    assert ["   damaged: " in line for line in describe_publications(folder)] == [False, True, False]
    assert roll_back(folder, warehouse, 1) == 1


HOLDER = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('held', flush=True); sys.stdin.read()"


def test_a_publication_that_another_process_has_open_to_write_is_in_use_and_not_damaged(tmp_path):
    folder, warehouse = tmp_path / "publications", tmp_path / "warehouse.duckdb"
    for stamp in (1, 2, 3):
        publish_stamp(tmp_path, stamp)
    database, file = folder / "000002" / "segments.duckdb", folder / "000002" / "second.parquet"
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(database)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(duckdb.IOException, match="lock"):
            duckdb.connect(str(database), read_only=True)
        assert not any("damaged: " in line for line in describe_publications(folder))
        assert roll_back(folder, warehouse) == 2
        assert roll_back(folder, warehouse, 3) == 3
        truncate(file)
        with pytest.raises(PublicationError, match=r"Publication 2 is damaged: .*second\.parquet cannot be read"):
            roll_back(folder, warehouse, 2)
        os.truncate(database, 4096)
        with pytest.raises(PublicationError, match=r"Publication 2 is damaged: .*segments\.duckdb is cut short"):
            roll_back(folder, warehouse, 2)
        holder.stdin.close()


def test_a_rollback_stays_with_the_publications_of_its_warehouse(tmp_path):
    folder, ours, theirs = (tmp_path / name for name in ("publications", "ours.duckdb", "theirs.duckdb"))
    for warehouse in (ours, theirs):
        write_warehouse(warehouse, 1)
    with locked(folder):
        for warehouse in (ours, theirs, ours):
            (folder / "current").unlink(missing_ok=True)
            publish_marts(warehouse, folder, 5)
    with pytest.raises(
        PublicationError, match=r"Publication 2 is of the warehouse theirs.duckdb, not of ours.duckdb; av"
    ):
        roll_back(folder, ours, 2)
    with pytest.raises(
        PublicationError, match=r"Publication 3, the current one .* not of theirs.duckdb\. Name its ware"
    ):
        roll_back(folder, theirs, 2)
    assert current_number(folder) == 3
    assert [line.split()[2] for line in describe_publications(folder)] == [str(each) for each in (ours, theirs, ours)]
    assert roll_back(folder, ours) == 1
    with pytest.raises(PublicationError, match=r"no publication before the current one; available: \[1, 3\]"):
        roll_back(folder, ours)


def test_a_rollback_from_a_publication_that_is_gone_takes_the_newest_sound_one(tmp_path):
    folder, warehouse = tmp_path / "publications", tmp_path / "warehouse.duckdb"
    for stamp in (1, 2, 3, 4):
        publish_stamp(tmp_path, stamp, kept=5)
    shutil.rmtree(folder / "000004")
    truncate(folder / "000003" / "segments.duckdb")
    assert roll_back(folder, warehouse) == 2
    (folder / "current").unlink()
    for number in (1, 2):
        (folder / f"00000{number}" / "first.parquet").unlink()
    with pytest.raises(
        PublicationError, match=r"No publication in .* can be made current; available: \[\]\. `make pub"
    ):
        roll_back(folder, warehouse)


def test_the_publications_of_spark_are_listed_and_rolled_back_in_their_own_folder(tmp_path):
    on_spark = tmp_path / "elsewhere" / "seg"
    spark = {"SEGMENTATION_SPARK_WAREHOUSE": str(on_spark)}
    for stamp in (1, 2):
        publish_from_spark(on_spark, stamp)
    for verb in ("rollback", "list"):
        ended = command(tmp_path, verb, **spark)
        assert f"there are some in {on_spark.parent}/publications: add TARGET=spark." in ended.stdout + ended.stderr
    listed = command(tmp_path, "list", "--target", "spark", **spark).stdout.splitlines()
    assert [line.split()[0] for line in listed] == ["2", "1"]
    assert "Publication 1 is current" in command(tmp_path, "rollback", "--target", "spark", **spark).stdout
    assert "Publication 2 is current" in command(tmp_path, "rollback", "--target", "spark", "2", **spark).stdout
    empty = {"SEGMENTATION_SPARK_WAREHOUSE": str(tmp_path / "empty" / "seg")}
    assert "`make publish TARGET=spark` creates one." in command(tmp_path, "list", "--target", "spark", **empty).stdout


def publish_from_spark(warehouse: Path, stamp: int) -> None:
    """Publish marts with this stamp as those of a warehouse on Spark."""
    (warehouse.parent / "aside").mkdir(parents=True, exist_ok=True)
    copied = warehouse.parent / "aside" / f"{warehouse.name}.duckdb"
    write_warehouse(copied, stamp)
    with locked(warehouse.parent / "publications"):
        publish_marts(copied, warehouse.parent / "publications", 3, origin=warehouse)


@pytest.mark.parametrize("name", ["202401", "2024", "7", "000000", "\u0661"])
def test_a_folder_with_other_numbers_is_refused_and_keeps_everything(tmp_path, name):
    folder = tmp_path / "publications"
    publish_stamp(tmp_path, 1)
    (folder / name).mkdir()
    (folder / name / "data.csv").write_text("x")
    before = sorted(folder.rglob("*"))
    said = rf"{folder} has {name}, which is not a publication; .* Set SEGMENTATION_PUBLICATIONS to a folder of its own"
    with pytest.raises(PublicationError, match=said):
        publish_stamp(tmp_path, 2)
    assert sorted(folder.rglob("*")) == before
    assert publication_numbers(folder) == [1]
    # The command refuses before the build, which takes long.
    refused = command(tmp_path, "publish")
    assert (refused.returncode, refused.stdout) == (1, "")
    shutil.rmtree(folder / name)
    assert publish_stamp(tmp_path, 2) == 2


def test_a_publication_removes_only_what_a_killed_one_left(tmp_path):
    folder = tmp_path / "publications"
    others = [".git", ".0001.partial", ".notes.partial", ".000001.partial.old", ".1.leaving"]
    left = [".000001.partial", ".000007.leaving"]
    for name in others + left:
        (folder / name).mkdir(parents=True)
        (folder / name / "config").write_text("x")
    for stamp in (1, 2, 3):
        publish_stamp(tmp_path, stamp, kept=2)
    assert sorted(each.name for each in folder.iterdir()) == sorted([*others, ".lock", "000002", "000003", "current"])
    assert all((folder / name / "config").exists() for name in others)


@pytest.mark.parametrize("content", ["", '{"publication": 9, "warehouse": "warehouse.duckdb", "marts": {}}'])
def test_a_folder_without_the_manifest_of_its_number_is_never_removed(tmp_path, content):
    folder = tmp_path / "publications"
    publish_stamp(tmp_path, 1)
    (folder / "000001" / "manifest.json").write_text(content)
    (folder / "current").unlink()
    for stamp in (2, 3, 4):
        publish_stamp(tmp_path, stamp, kept=2)
    assert publication_numbers(folder) == [1, 3, 4]


def test_a_second_simultaneous_publication_is_refused(tmp_path):
    publish_stamp(tmp_path, 1)
    with locked(tmp_path / "publications"):
        refused = command(tmp_path, "rollback", "1")
    assert (refused.returncode, "Another publication or rollback is running in" in refused.stderr) == (1, True)


def test_the_publications_of_one_warehouse_are_not_replaced_by_those_of_another(tmp_path):
    publish_stamp(tmp_path, 1)
    write_warehouse(tmp_path / "other.duckdb", 2)
    with pytest.raises(PublicationError, match=r"belong to the warehouse warehouse\.duckdb, not to other\.duckdb"):
        publish_marts(tmp_path / "other.duckdb", tmp_path / "publications", 3)


def test_two_warehouses_of_one_name_do_not_share_a_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("SEGMENTATION_PUBLICATIONS", str(tmp_path / "publications"))
    folder, ours, theirs = (tmp_path / name for name in ("publications", "ours", "theirs"))
    for shop in (ours, theirs):
        shop.mkdir()
        write_warehouse(shop / "warehouse.duckdb", 1)
    with locked(folder):
        publish_marts(ours / "warehouse.duckdb", folder, 3)
        said = rf"belong to the warehouse {ours}/warehouse\.duckdb, not to {theirs}/warehouse\.duckdb; set SEGMENTATION"
        with pytest.raises(PublicationError, match=said):
            publish_marts(theirs / "warehouse.duckdb", folder, 3)
        assert current_database(theirs / "warehouse.duckdb") is None
        # The remedy of the message.
        (folder / "current").unlink()
        assert publish_marts(theirs / "warehouse.duckdb", folder, 3) == 2
        # The manifest of an earlier version has only the file name.
        manifest = folder / "000002" / "manifest.json"
        content = json.loads(manifest.read_text())
        assert content.pop("warehouse_path") == str(theirs / "warehouse.duckdb")
        manifest.write_text(json.dumps(content))
        assert publish_marts(ours / "warehouse.duckdb", folder, 3) == 3


@pytest.mark.parametrize("with_the_original", [True, False])
def test_a_copied_or_moved_shop_keeps_its_publications(tmp_path, with_the_original):
    (tmp_path / "shop").mkdir()
    publish_stamp(tmp_path / "shop", 1)
    shutil.copytree(tmp_path / "shop", tmp_path / "new", symlinks=True)
    if not with_the_original:
        shutil.rmtree(tmp_path / "shop")
    assert current_database(tmp_path / "new" / "warehouse.duckdb").parent == tmp_path / "new/publications/000001"
    assert publish_stamp(tmp_path / "new", 2) == 2


def test_a_moved_warehouse_keeps_its_publications_elsewhere(tmp_path):
    folder = tmp_path / "elsewhere" / "publications"
    write_warehouse(tmp_path / "warehouse.duckdb", 1)
    with locked(folder):
        publish_marts(tmp_path / "warehouse.duckdb", folder, 3)
        (tmp_path / "new").mkdir()
        (tmp_path / "warehouse.duckdb").rename(tmp_path / "new" / "warehouse.duckdb")
        assert publish_marts(tmp_path / "new" / "warehouse.duckdb", folder, 3) == 2


def test_the_current_database_belongs_to_the_warehouse_or_is_none(tmp_path):
    warehouse = tmp_path / "warehouse.duckdb"
    assert current_database(warehouse) is None
    publish_stamp(tmp_path, 1)
    assert current_database(warehouse) == tmp_path / "publications" / "000001" / "segments.duckdb"
    assert current_database(tmp_path / "other.duckdb") is None


def test_a_current_publication_whose_folder_is_gone_does_not_prevent_the_next_one(tmp_path):
    folder = tmp_path / "publications"
    for stamp in (1, 2):
        publish_stamp(tmp_path, stamp)
    shutil.rmtree(folder / "000001")
    (folder / "current").unlink()
    (folder / "current").symlink_to("000001")
    assert current_number(folder) is None
    with pytest.raises(PublicationError, match="current points to 000001, which is gone; `make rollback` makes"):
        current_database(tmp_path / "warehouse.duckdb")
    assert publish_stamp(tmp_path, 3) == 3
    assert stamps(folder / "current" / "segments.duckdb") == {3}
    # The number of one that was removed by hand is not given to another.
    shutil.rmtree(folder / "000003")
    assert publish_stamp(tmp_path, 4) == 4


@pytest.mark.parametrize("written", ["{folder}/000001", "000001/", "./000001", "{folder}/000001/"])
def test_a_link_made_by_hand_is_followed(tmp_path, written):
    folder = tmp_path / "publications"
    publish_stamp(tmp_path, 1)
    (folder / "current").unlink()
    (folder / "current").symlink_to(written.format(folder=folder))
    assert current_number(folder) == 1
    assert publish_stamp(tmp_path, 2) == 2
    assert os.readlink(folder / "current") == "000002"


def test_a_text_file_in_place_of_the_link_is_replaced(tmp_path):
    folder = tmp_path / "publications"
    publish_stamp(tmp_path, 1)
    (folder / "current").unlink()
    (folder / "current").write_text("000001")
    assert current_database(tmp_path / "warehouse.duckdb") is None
    assert publish_stamp(tmp_path, 2) == 2
    assert current_number(folder) == 2


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"marts": []}', '{"marts": {"first": {}}}', None])
def test_a_damaged_publication_is_reported_and_can_be_left(tmp_path, content):
    folder = tmp_path / "publications"
    for stamp in (1, 2):
        publish_stamp(tmp_path, stamp)
    manifest = folder / "000002" / "manifest.json"
    manifest.unlink()
    if content is not None:
        manifest.write_text(content)
    newest, oldest = describe_publications(folder)
    assert newest.startswith(f"     2   damaged: {manifest} cannot be read (")
    assert newest.endswith("   <- current")
    assert "3 marts   6000 rows" in oldest
    said = r"000002/manifest.json cannot be read \(.*\), so the publication is damaged; remove its folder, or make"
    with pytest.raises(PublicationError, match=said):
        current_database(tmp_path / "warehouse.duckdb")
    with pytest.raises(PublicationError, match=said):
        publish_stamp(tmp_path, 3)
    # Before the build, which takes long.
    refused = command(tmp_path, "publish")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "so the publication is damaged" in refused.stderr
    assert "Publication 1 is current" in command(tmp_path, "rollback").stdout
    assert publish_stamp(tmp_path, 3) == 3


def test_the_manifest_of_a_newer_version_is_read(tmp_path):
    publish_stamp(tmp_path, 1)
    manifest = tmp_path / "publications" / "000001" / "manifest.json"
    content = json.loads(manifest.read_text())
    content["marts"]["first"]["further"] = content["further"] = 1
    manifest.write_text(json.dumps(content))
    assert "6000 rows   <- current" in describe_publications(tmp_path / "publications")[0]
    assert publish_stamp(tmp_path, 2) == 2


def test_a_publication_that_readers_cannot_see_is_removed(tmp_path, monkeypatch):
    folder = tmp_path / "publications"
    (folder / "current").mkdir(parents=True)
    with pytest.raises(
        PublicationError, match=r"current could not be replaced \(Is a directory\)\. Rename this folder"
    ):
        publish_stamp(tmp_path, 1)
    assert publication_numbers(folder) == []
    (folder / "current").rmdir()
    assert publish_stamp(tmp_path, 1) == 1

    def no_links(link, _):
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM), str(link))

    monkeypatch.setattr(Path, "symlink_to", no_links)
    said = r"\(Operation not permitted\)\. Set SEGMENTATION_PUBLICATIONS to a folder with symbolic links"
    for _ in range(2):
        with pytest.raises(PublicationError, match=said):
            publish_stamp(tmp_path, 2)
    with pytest.raises(PublicationError, match=said):
        roll_back(folder, tmp_path / "warehouse.duckdb", 1)
    assert sorted(each.name for each in folder.iterdir()) == [".lock", "000001", "current"]
    assert stamps(folder / "current" / "segments.duckdb") == {1}


@pytest.mark.parametrize(("number", "remedy"), [(errno.ENOSPC, "Free some space"), (errno.EACCES, "Remedy this")])
def test_space_is_asked_for_only_where_it_is_missing(tmp_path, monkeypatch, number, remedy):
    write_warehouse(tmp_path / "warehouse.duckdb", 1)

    def failing(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("customer_segmentation.publication.publications.sync_files", failing)
    with pytest.raises(PublicationError, match=f"there is no publication yet. {remedy} and run it again"):
        publish_warehouse(tmp_path)


@pytest.mark.parametrize("place", ["a_file", "a_file/publications"])
def test_a_folder_that_cannot_be_made_is_reported(tmp_path, place):
    (tmp_path / "a_file").write_text("")
    refused = command(tmp_path, "publish", SEGMENTATION_PUBLICATIONS=str(tmp_path / place))
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.startswith(f"The folder {tmp_path / place} cannot be written (")
    assert refused.stderr.endswith("give this user write access, or set SEGMENTATION_PUBLICATIONS to another folder.\n")


def test_a_folder_of_somebody_else_is_reported(tmp_path, monkeypatch):
    publish_stamp(tmp_path, 1)
    folder = tmp_path / "publications"

    def denied(path, *_, **__):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    monkeypatch.setattr(Path, "open", denied)
    with (
        pytest.raises(PublicationError, match=r"cannot be written \(Permission denied: .*/\.lock\); give"),
        locked(folder),
    ):
        pass
    for method in ("is_dir", "iterdir"):
        monkeypatch.setattr(Path, method, denied)
    for reading in (
        lambda: publication_numbers(folder),
        lambda: describe_publications(folder),
        lambda: roll_back(folder, tmp_path / "warehouse.duckdb"),
        lambda: current_database(tmp_path / "warehouse.duckdb"),
    ):
        with pytest.raises(PublicationError, match=rf"publications in {folder} cannot be read \(Permission denied: "):
            reading()


def test_the_report_reads_the_publication_of_the_warehouse_that_a_link_names(tmp_path, monkeypatch):
    (tmp_path / "there").mkdir()
    publish_stamp(tmp_path / "there", 1)
    (tmp_path / "warehouse.duckdb").symlink_to(tmp_path / "there" / "warehouse.duckdb")
    monkeypatch.setenv("SEGMENTATION_WAREHOUSE", str(tmp_path / "warehouse.duckdb"))
    monkeypatch.chdir(PROJECT)
    read = []
    monkeypatch.setattr("customer_segmentation.report.__main__.Marts", read.append)
    monkeypatch.setattr("customer_segmentation.report.__main__.write_pictures", lambda *_: [])
    report(["--pictures", str(tmp_path)])
    assert read == [tmp_path / "there" / "publications" / "000001" / "segments.duckdb"]


@pytest.fixture
def report_in(tmp_path, monkeypatch, capsys):
    """A function that writes the report of the warehouses in a folder, and returns the database read and the output."""
    read = []
    monkeypatch.setenv("SEGMENTATION_WAREHOUSE", str(tmp_path / "warehouse.duckdb"))
    monkeypatch.chdir(PROJECT)
    monkeypatch.setattr("customer_segmentation.report.__main__.Marts", read.append)
    monkeypatch.setattr("customer_segmentation.report.__main__.page", lambda *_, **__: "the page")

    def write(on_spark, *arguments):
        monkeypatch.setenv("SEGMENTATION_SPARK_WAREHOUSE", str(on_spark))
        report(["--output", str(tmp_path / "page.html"), *arguments])
        return read[-1], capsys.readouterr().out

    return write


def test_the_report_does_not_show_the_warehouse_if_the_current_publication_is_gone(tmp_path, report_in):
    publish_stamp(tmp_path, 1)
    shutil.rmtree(tmp_path / "publications" / "000001")
    with pytest.raises(PublicationError, match=r"current points to 000001, which is gone; `make rollback` .*publish"):
        report_in(tmp_path / "spark-warehouse")
    warehouse = tmp_path / "warehouse.duckdb"
    assert report_in(tmp_path / "spark-warehouse", "--warehouse", str(warehouse))[0] == warehouse


def test_the_report_reads_the_publication_of_spark_beside_a_warehouse_that_was_only_built(tmp_path, report_in):
    on_spark, warehouse = tmp_path / "spark-warehouse", tmp_path / "warehouse.duckdb"
    write_warehouse(warehouse, 1)
    publish_from_spark(on_spark, 2)
    database, said = report_in(on_spark)
    assert stamps(database) == {2}
    assert f"/000001/segments.duckdb, published from {on_spark} on Spark.\n" in said
    assert f'{warehouse} was built on DuckDB: `make report ARGS="--warehouse {warehouse}"` shows it.' in said
    assert report_in(on_spark, "--warehouse", str(warehouse))[0] == warehouse


def test_the_report_reads_the_publication_of_spark_in_another_folder_if_it_is_asked_for(tmp_path, report_in):
    on_spark = tmp_path / "elsewhere" / "seg"
    write_warehouse(tmp_path / "warehouse.duckdb", 1)
    with pytest.raises(PublicationError, match=f"no publication of {on_spark} on Spark: `make publish TARGET=spark`"):
        report_in(on_spark, "--target", "spark")
    publish_from_spark(on_spark, 2)
    for published in (False, True):
        if published:
            publish_warehouse(tmp_path)
        database, said = report_in(on_spark)
        assert stamps(database) == {1}
        assert f"There is a publication of {on_spark} on Spark: `make report TARGET=spark` shows it." in said
    assert stamps(report_in(on_spark, "--target", "spark")[0]) == {2}
