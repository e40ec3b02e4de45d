"""Look the locked versions up among the known weaknesses, where pip-audit is there and the network allows it.

Usage: python scripts/audit.py    exit code 0: none known; 1: some are; 2: it could not be looked up
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]


def main() -> int:
    """Audit both locks and say what came out."""
    locks = [part for name in ("run", "dev") for part in ("-r", str(PROJECT / "requirements" / f"{name}.txt"))]
    # uv fetches the tool for this one use; it is no dependency of the project.
    tool = [str(Path(sys.executable).with_name("uv")), "tool", "run", "pip-audit"]
    ended = subprocess.run([*tool, "--disable-pip", "--require-hashes", *locks], text=True, capture_output=True)
    print(ended.stdout, end="")
    if ended.returncode == 0:
        print("No known weakness in the locked versions.")
        return 0
    if "known vulnerabilit" in ended.stderr + ended.stdout and ended.stdout.strip():
        print("Some of the locked versions have known weaknesses, as listed above.", file=sys.stderr)
        return 1
    said = (ended.stderr.strip().splitlines() or ["no reason given"])[-1]
    print(f"The audit could not be done, and says nothing about the locks: {said[:300]}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
