"""Run dbt with little on the screen: what it is doing while it runs, what failed, and the summary of the project.

Usage: python -m customer_segmentation.dbt_command build --vars '{k: 5}'

Takes the arguments of dbt. With one of dbt's logging flags (--log-level info, --debug) dbt shows all its lines instead.
logs/dbt.log has those of level info; --log-level-file debug adds every statement, and 2 s to a build of the sample.
"""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

from customer_segmentation.dbt_process import dbt_runner, leave
from customer_segmentation.settings import SettingsError, has_flag, with_one_vars

# Where in the project's macros an error was raised is of no use to whoever made a mistake in the settings.
PLACES = re.compile(r"\n *> (in|called by) [^\n]*")
REFUSED_SETTING = re.compile(r"Encountered an error:\nCompilation Error in [^\n]*\n *(?=Setting ')")
LOGGING_FLAGS = ("--log-level", "--debug", "-d", "--no-quiet")
# Where a line cannot be overwritten, the next one follows after this many seconds.
SECONDS_BETWEEN_LINES = 10
WIDEST_LINE = 100
# The files of a project that dbt reads.
FOLDERS_READ = ("seeds", "models", "macros", "tests", "analyses", "snapshots")
SUFFIXES_READ = (".csv", ".sql", ".yml", ".yaml", ".md", ".py")
# What a shell expects of a program that was interrupted.
INTERRUPTED = 130
# Events of dbt before which the terminal is cleared, besides errors and warnings: what the project prints at the end.
CLEARED_BEFORE = ("LogHookStartLine", "PrintEvent", "EndOfRunSummary")


class Progress:
    """Shows how much of a run is done: on a terminal in one line, elsewhere in a line every 10 seconds."""

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        """Start the clock."""
        self.stream, self.clock = stream, clock
        self.started = self.last_line = clock()
        self.done, self.total, self.is_shown = 0, 0, False

    def see(self, event: Any) -> None:
        """Take notice of an event of dbt."""
        if event.info.name in CLEARED_BEFORE or event.info.level in ("warn", "error"):
            self.clear()
        if event.info.name == "LogStartLine":
            self.total = event.data.total
            self._show(event.data.node_info.node_name)
        elif event.info.name == "NodeFinished":
            self.done += 1

    def clear(self) -> None:
        """Remove the line from the terminal."""
        if self.is_shown and self.stream.isatty():
            self.stream.write("\r" + " " * WIDEST_LINE + "\r")
            self.stream.flush()
        self.is_shown = False

    def _show(self, doing: str) -> None:
        seconds = self.clock() - self.started
        # Early steps are no measure for the later ones.
        remaining = seconds * (self.total / self.done - 1) if self.done >= 0.1 * self.total > 0 else None
        line = f"{self.done} of {self.total}, {seconds:.0f} s"
        line += f", about {remaining:.0f} s left" if remaining is not None else ""
        line = f"{line}: {doing}"[:WIDEST_LINE]
        if self.stream.isatty():
            self.stream.write(f"\r{line:<{WIDEST_LINE}}")
        elif self.clock() - self.last_line >= SECONDS_BETWEEN_LINES:
            self.last_line = self.clock()
            self.stream.write(line + "\n")
        else:
            return
        self.stream.flush()
        self.is_shown = True


def shown(message: str) -> str:
    """An error of dbt as it is shown; logs/dbt.log has it in full."""
    return PLACES.sub("", REFUSED_SETTING.sub("", message.strip())).rstrip()


def wrong_encoding(project: Path) -> str | None:
    """Which file of a project is not in UTF-8, in a sentence; None if all are. dbt does not name it."""
    for folder in FOLDERS_READ:
        for file in sorted(each for each in (project / folder).rglob("*") if each.suffix in SUFFIXES_READ):
            content = file.read_bytes()
            try:
                content.decode("utf-8")
            except UnicodeDecodeError as error:
                line, byte = content[: error.start].count(b"\n") + 1, content[error.start]
                return (
                    f"{file.relative_to(project)} is not in UTF-8: line {line} has the byte 0x{byte:02X}. "
                    "Save it as UTF-8 (in Excel: CSV UTF-8), and run this again."
                )
    return None


def main(arguments: list[str]) -> int:
    """Run dbt and return its exit code: 0 for success, 1 for a failure, 2 for an error, 130 after Ctrl-C."""
    flags = [] if sys.stdout.isatty() else ["--no-use-colors"]
    try:
        arguments = with_one_vars(arguments) or ["--help"]
    except SettingsError as problem:
        print(problem, file=sys.stderr)
        return 2
    if has_flag(arguments, *LOGGING_FLAGS):
        result = dbt_runner().invoke([*flags, *arguments])
    else:
        progress, errors = Progress(sys.stderr), []

        def see(event: Any) -> None:
            progress.see(event)
            if event.info.name == "PrintEvent":
                print(event.info.msg, flush=True)
            # dbt would show where in its code it was interrupted.
            elif event.info.level == "error" and not isinstance(sys.exception(), KeyboardInterrupt):
                of_a_file = wrong_encoding(Path.cwd()) if isinstance(sys.exception(), UnicodeDecodeError) else None
                errors.append(of_a_file or shown(event.info.msg))
                print(errors[-1], flush=True)

        quiet = ["--log-level", "none"]
        # dbt refuses a flag that stands before and after its command.
        if not has_flag(arguments, "--log-level-file"):
            quiet += ["--log-level-file", "info"]
        result = dbt_runner(callbacks=[see]).invoke([*flags, *quiet, *arguments])
        progress.clear()
        if isinstance(result.exception, KeyboardInterrupt):
            print("Interrupted: tables that were not finished are as before the run. Run it again.", file=sys.stderr)
            return INTERRUPTED
        # A mistake on the command line is not an event.
        if result.exception is not None and not errors:
            print(result.exception, file=sys.stderr)
    if result.exception is not None:
        return 2
    return 0 if result.success else 1


if __name__ == "__main__":
    leave(main(sys.argv[1:]))
