"""The script that creates the environments."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from conftest import PROJECT


def test_an_environment_that_belongs_to_another_folder_is_not_emptied(tmp_path: Path):
    other, here = tmp_path / "other" / ".venv", tmp_path / "here"
    other.mkdir(parents=True)
    (other / "a_package.py").touch()
    here.mkdir()
    (here / ".venv").symlink_to(other)
    shutil.copytree(PROJECT / "scripts", here / "scripts")
    setup = subprocess.run(["sh", "scripts/setup.sh", "run"], cwd=here, capture_output=True, text=True, check=False)
    assert setup.returncode == 1
    assert ".venv is a link to" in setup.stderr
    assert (other / "a_package.py").exists()


def test_two_do_not_install_at_once(tmp_path: Path):
    shutil.copytree(PROJECT / "scripts", tmp_path / "scripts")
    (tmp_path / ".venv.lock").write_text(str(os.getpid()))
    setup = subprocess.run(["sh", "scripts/setup.sh", "run"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert setup.returncode == 1
    assert f"Another make is installing .venv (process {os.getpid()})" in setup.stderr
    assert not (tmp_path / ".venv").exists()
    assert (tmp_path / ".venv.lock").exists()
