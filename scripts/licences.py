"""Print the licence of each package that requirements/run.txt locks, as the installed package states it.

Usage: python scripts/licences.py    (`make licences` writes it to requirements/licences.md)
"""

from __future__ import annotations

import re
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]


def locked() -> list[tuple[str, str]]:
    """The names and versions in the lock of a run."""
    text = (PROJECT / "requirements" / "run.txt").read_text(encoding="utf-8")
    return re.findall(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", text, re.M)


def licence(package: str) -> str:
    """What a package says: its SPDX expression, its classifiers, or the first line of its licence field."""
    try:
        said = metadata(package)
    except PackageNotFoundError:
        return "not needed on the system that this list was written on"
    if said.get("License-Expression"):
        return said["License-Expression"]
    classified = [
        each.split(" :: ")[-1]
        for each in said.get_all("Classifier") or []
        if each.startswith("License ::") and each != "License :: OSI Approved"
    ]
    stated = (said.get("License") or "").strip().splitlines()
    return ", ".join(classified) or (stated[0][:60] if stated else "not stated")


def main() -> None:
    """Print the list."""
    print("# Licences of the dependencies\n\nAs the packages state them; written by `make licences`.\n")
    print("| package | version | licence |\n|---|---|---|")
    for package, version in locked():
        print(f"| {package} | {version} | {licence(package)} |")


if __name__ == "__main__":
    main()
