"""Look the locked versions up among the known weaknesses, where pip-audit is there and the network allows it.

Usage: python scripts/audit.py    exit code 0: none known; 1: some are; 2: it could not be looked up
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[1]


def told(packages: list[dict[str, Any]]) -> int:
    """Say what is known of each package. One that could not be looked up is not one without weaknesses."""
    skipped = [package["name"] for package in packages if "skip_reason" in package]
    weak = [package for package in packages if package.get("vulns")]
    for package in weak:
        names = ", ".join(weakness["id"] for weakness in package["vulns"])
        print(f"{package['name']} {package['version']} has known weaknesses: {names}")
    print(f"Looked up {len(packages) - len(skipped)} of {len(packages)} packages; {len(weak)} have known weaknesses.")
    if skipped:
        print(f"The audit says nothing about {len(skipped)} packages; is pypi.org reachable?", file=sys.stderr)
    return 1 if weak else 2 if skipped else 0


def main() -> int:
    """Audit both locks and say what came out."""
    locks = [part for name in ("run", "dev") for part in ("-r", str(PROJECT / "requirements" / f"{name}.txt"))]
    # uv fetches the tool for this one use; it is no dependency of the project.
    tool = [str(Path(sys.executable).with_name("uv")), "tool", "run", "pip-audit"]
    asked = [*tool, "--disable-pip", "--require-hashes", "--format", "json", *locks]
    ended = subprocess.run(asked, text=True, capture_output=True)
    if ended.stdout.lstrip().startswith("{"):
        return told(json.loads(ended.stdout)["dependencies"])
    said = (ended.stderr.strip().splitlines() or ["no reason given"])[-1]
    print(f"The audit could not be done, and says nothing about the locks: {said[:300]}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
