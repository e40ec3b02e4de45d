"""The rule tables in docs/input.md agree with the rule catalogue."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from conftest import PROJECT, Built, green


def test_the_rule_tables_agree_with_the_catalogue(sample: Built, tmp_path: Path):
    """If this fails, `make docs` rewrites the tables."""
    ours = PROJECT / "docs" / "input.md"
    document = tmp_path / "input.md"
    shutil.copy(ours, document)
    script = PROJECT / "scripts" / "write_rule_tables.py"
    warehouse = green(sample).warehouse
    subprocess.run([sys.executable, script, "--warehouse", warehouse, "--document", document], check=True)
    assert document.read_text() == ours.read_text()
