"""Print the licence of each package of a lock file, as stated in the metadata of the installed package.

Usage: python scripts/licences.py run|spark    (`make licences` writes both to requirements/licences.md)

spark omits the packages that run already lists.
"""

from __future__ import annotations

import re
import sys
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
TITLES = {"run": "# Licences of the dependencies", "spark": "\n## Further ones of Spark and its tests"}


def locked(lock: str) -> list[tuple[str, str]]:
    """The names and versions in a lock file."""
    text = (PROJECT / "requirements" / f"{lock}.txt").read_text(encoding="utf-8")
    return re.findall(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", text, re.M)


def licence(package: str) -> str:
    """The stated licence of a package: its SPDX expression, its classifiers, or the first line of its licence field."""
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


def main(arguments: list[str]) -> None:
    """Print the licences of the lock file named on the command line."""
    if len(arguments) != 1 or arguments[0] not in TITLES:
        raise SystemExit(__doc__)
    (lock,) = arguments
    print(f"{TITLES[lock]}\n\nAs the packages state them; written by `make licences`.\n")
    print("| package | version | licence |\n|---|---|---|")
    known = locked("run") if lock != "run" else []
    for package, version in locked(lock):
        if (package, version) not in known:
            print(f"| {package} | {version} | {licence(package)} |")


if __name__ == "__main__":
    main(sys.argv[1:])
