"""Audit the locked versions for known vulnerabilities with pip-audit; needs the network.

Usage: python scripts/audit.py    exit code 0: none known; 1: some known; 2: the audit was incomplete or failed
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[1]


def print_vulnerabilities(packages: list[dict[str, Any]]) -> int:
    """Print the known vulnerabilities of each package, and return the exit code. Skipped packages are not audited."""
    skipped = [package["name"] for package in packages if "skip_reason" in package]
    weak = [package for package in packages if package.get("vulns")]
    for package in weak:
        names = ", ".join(weakness["id"] for weakness in package["vulns"])
        print(f"{package['name']} {package['version']} has known vulnerabilities: {names}")
    audited = len(packages) - len(skipped)
    print(f"Audited {audited} of {len(packages)} packages; {len(weak)} have known vulnerabilities.")
    if skipped:
        print(f"{len(skipped)} packages could not be audited; is pypi.org reachable?", file=sys.stderr)
    return 1 if weak else 2 if skipped else 0


def main() -> int:
    """Audit both lock files, print the result, and return the exit code."""
    locks = [part for name in ("run", "dev") for part in ("-r", str(PROJECT / "requirements" / f"{name}.txt"))]
    # uv fetches pip-audit when needed; it is not a dependency of the project.
    tool = [str(Path(sys.executable).with_name("uv")), "tool", "run", "pip-audit"]
    asked = [*tool, "--disable-pip", "--require-hashes", "--format", "json", *locks]
    ended = subprocess.run(asked, text=True, capture_output=True)
    if ended.stdout.lstrip().startswith("{"):
        return print_vulnerabilities(json.loads(ended.stdout)["dependencies"])
    said = (ended.stderr.strip().splitlines() or ["no reason given"])[-1]
    print(f"The audit failed, so nothing is known about the locked versions: {said[:300]}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
