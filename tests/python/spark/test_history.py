"""How history is appended on Spark: a build is there as a whole or not at all, for a reader and after a kill."""

from __future__ import annotations

import ast
import random
import signal
import sys
import time
from pathlib import Path

import pytest
from spark_cluster import end, running, wait_until

pytestmark = [pytest.mark.spark, pytest.mark.xdist_group("spark")]

PROGRAM = Path(__file__).with_name("appending.py")
ROWS = 20_000
KILLS = 5


def run_until_killed(folder: Path, mechanism: str, first: int, seconds: float) -> list[str]:
    """Append builds from this number on, until the process is killed so long after its first one; what it printed."""
    output = folder / "output.txt"
    command = [sys.executable, str(PROGRAM), mechanism, str(folder / "warehouse"), str(first), str(ROWS)]
    with running(command, output) as process:
        wait_until(lambda: "appended" in output.read_text(), f"the process that appends ({mechanism})", process, output)
        time.sleep(seconds)
        end(process, signal.SIGKILL)
    return output.read_text().splitlines()


def play(folder: Path, mechanism: str, kills: int = KILLS) -> tuple[list[str], list[str]]:
    """Kill the program so many times; return what readers saw that they should not, and what kills have left wrong."""
    chance, torn, wrong = random.Random(0), [], []
    first, appended = 1, set()
    for kill in range(kills + 1):
        lines = run_until_killed(folder, mechanism, first, chance.uniform(0, 3))
        [found] = [ast.literal_eval(line.removeprefix("found ")) for line in lines if line.startswith("found")]
        if kill:
            # A build that was printed is there, the one that was killed is there as a whole or not at all.
            wrong += [f"build {build} is lost" for build in sorted(appended - set(found))]
            wrong += [f"build {build} has {rows} rows" for build, rows in found.items() if rows != ROWS]
        torn += [line for line in lines if line.startswith("torn")]
        appended = set(found) | {int(line.split()[1]) for line in lines if line.startswith("appended")}
        first = max(appended) + 1
    return torn, wrong


def test_a_build_is_appended_as_a_whole_or_not_at_all(tmp_path: Path) -> None:
    assert play(tmp_path, "partition") == ([], [])


# What docs/engines.md says of each mechanism: PYTHONPATH=tests/python python tests/python/spark/test_history.py FOLDER
if __name__ == "__main__":
    for name in ("partition", "append", "view"):
        place = Path(sys.argv[1]) / name
        place.mkdir(parents=True)
        try:
            readers, kept = play(place, name)
            print(f"{name}: readers {len(readers)} {readers[:2]}; after kills {len(kept)} {kept[:2]}")
        except RuntimeError as error:
            print(f"{name}: a build after a kill fails: {error}")
