"""`make ask`: it lists the questions, answers one by its name, and says what is wrong otherwise."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

from conftest import PROJECT, Built, green

from customer_segmentation import ask


def asked(warehouse: Path, *arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "customer_segmentation.ask", *arguments],
        cwd=PROJECT,
        env=os.environ | {"SEGMENTATION_WAREHOUSE": str(warehouse), "DBT_PROFILES_DIR": "."},
        capture_output=True,
        text=True,
        check=False,
    )


def test_without_a_name_every_question_is_listed(tmp_path):
    listed = asked(tmp_path / "none.duckdb")
    assert listed.returncode == 0
    for path in (PROJECT / "analyses").glob("*.sql"):
        assert path.stem in listed.stdout
        assert path.read_text().splitlines()[0].removeprefix("-- ") in listed.stdout


def test_a_question_is_answered_in_full(sample: Built, tmp_path):
    shutil.copy(green(sample).warehouse, tmp_path / "warehouse.duckdb")
    target = ("--target-path", str(tmp_path / "target"), "--log-path", str(tmp_path / "logs"))
    found = asked(tmp_path / "warehouse.duckdb", "customers_near_a_border", *target)
    assert found.returncode == 0, found.stderr
    lines = found.stdout.splitlines()
    assert lines[0] == ask.questions()["customers_near_a_border"]["question"]
    (near,) = sample.column("select count(*) from marts.customer_segments where margin < 0.1")
    assert len(lines) == 3 + near


def test_a_question_without_an_answer_says_what_that_means(sample: Built, tmp_path):
    shutil.copy(green(sample).warehouse, tmp_path / "warehouse.duckdb")
    target = ("--target-path", str(tmp_path / "target"), "--log-path", str(tmp_path / "logs"))
    found = asked(tmp_path / "warehouse.duckdb", "movers_down", *target)
    assert found.stdout.splitlines()[-1].startswith("Nobody. The last build in which customers moved")


def test_an_unknown_question_and_a_missing_warehouse_are_named(tmp_path):
    unknown = asked(tmp_path / "none.duckdb", "who_am_i")
    assert (unknown.returncode, unknown.stdout) == (1, "")
    assert "There is no question 'who_am_i'; the questions are " in unknown.stderr
    target = ("--target-path", str(tmp_path / "target"), "--log-path", str(tmp_path / "logs"))
    missing = asked(tmp_path / "none.duckdb", "spending_at_risk", *target)
    assert missing.returncode == 1
    assert "spending_at_risk has no answer: " in missing.stderr
    assert f"there is no warehouse {tmp_path / 'none.duckdb'}" in missing.stderr
    assert not (tmp_path / "none.duckdb").exists()


def test_numbers_stand_to_the_right_with_equal_decimals():
    shown = ask.table(["name", "spending"], [["a", Decimal("3.50")], ["long", None], ["b", Decimal("120.25")]])
    assert shown.splitlines() == ["name   spending", "a          3.50", "long          -", "b        120.25"]
