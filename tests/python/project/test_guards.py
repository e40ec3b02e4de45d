"""The checks of `make lint` find the problems that they are meant to find."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[3]


@pytest.fixture
def copy(tmp_path):
    """A copy of the files that dbt parses."""
    for name in ("models", "macros", "seeds", "tests", "analyses"):
        if (PROJECT / name).exists():
            shutil.copytree(PROJECT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("dbt_project.yml", "profiles.yml"):
        shutil.copy(PROJECT / name, tmp_path)
    return tmp_path


def check_yaml(folder: Path) -> subprocess.CompletedProcess:
    # In a separate process, because the check patches dbt.
    script = PROJECT / "scripts" / "check_yaml.py"
    return subprocess.run([sys.executable, script, folder], cwd=PROJECT, capture_output=True, text=True, check=False)


def test_the_yaml_check_finds_a_misspelt_key_a_key_out_of_place_and_a_missing_plus(copy):
    models = copy / "models" / "staging" / "_staging__models.yml"
    models.write_text(
        models.read_text()
        .replace("description:", "descriptoin:", 1)
        .replace("    columns:", "    owner: me\n    columns:", 1)
    )
    project = copy / "dbt_project.yml"
    project.write_text(project.read_text().replace("      +materialized: view", "      materialized: view", 1))
    answer = check_yaml(copy)
    assert answer.returncode == 1
    for key in ("descriptoin", "owner", "materialized"):
        assert key in answer.stdout


def test_the_yaml_check_passes_the_project(copy):
    answer = check_yaml(copy)
    assert (answer.returncode, answer.stdout.strip()) == (0, "No problems in the project's YAML.")


def test_the_layout_check_finds_wide_lines_odd_indents_tabs_and_blanks():
    spec = importlib.util.spec_from_file_location("check_sql_layout", PROJECT / "scripts" / "check_sql_layout.py")
    check = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(check)
    assert list(check.problems("select 1 as one\n", is_macro=False)) == []
    faults = {"x" * 89 + "\n": 1, "  select 1\n": 1, "\tselect 1\n": 1, "select 1 \n": 1, "select 1": 1}
    for text, line in faults.items():
        assert [number for number, _ in check.problems(text, is_macro=False)] == [line]
