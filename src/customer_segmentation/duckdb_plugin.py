"""A plugin of dbt-duckdb: reads Windows-1252, which Excel writes and DuckDB does not read.

DuckDB's own conversion needs an extension that would be downloaded. The plugin adds the SQL function write_as_utf8,
with which macros/inputs.sql writes a copy that DuckDB reads.
"""

from __future__ import annotations

import glob
import gzip
import shutil
from pathlib import Path

from dbt.adapters.duckdb.plugins import BasePlugin
from duckdb import DuckDBPyConnection

ENCODING = "windows-1252"
CHUNK = 1 << 22


class Plugin(BasePlugin):
    """Registers the function."""

    def configure_connection(self, conn: DuckDBPyConnection) -> None:
        """Add write_as_utf8(pattern, folder) to a connection to a file.

        Linters compile in memory and never close the connection, and DuckDB then complains of the function at exit.
        """
        if self.creds is None or self.creds.path == ":memory:":
            return
        conn.create_function("write_as_utf8", write_as_utf8, ["VARCHAR", "VARCHAR"], "BIGINT", side_effects=True)


def write_as_utf8(pattern: str, folder: str) -> int:
    """Write the files of a pattern, in order, as 00000.csv, 00001.csv and so on to a folder, and return their number.

    The folder is emptied first, and only its owner can read it.

    Raises:
        ValueError: A file has a byte that Windows-1252 does not define; the message is a sentence for the user.
    """
    target = Path(folder)
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True, mode=0o700)
    files = sorted(glob.glob(pattern, recursive=True)) or [pattern]
    for number, file in enumerate(files):
        opened = gzip.open if file.lower().endswith(".gz") else open
        line = 1
        with (
            opened(file, "rb") as source,
            (target / f"{number:05}.csv").open("w", encoding="utf-8", newline="") as copy,
        ):
            while chunk := source.read(CHUNK):
                try:
                    copy.write(chunk.decode(ENCODING))
                except UnicodeDecodeError as error:
                    line += chunk[: error.start].count(b"\n")
                    raise ValueError(
                        f"File {file} is not in the encoding {ENCODING}: line {line} has the byte"
                        f" 0x{chunk[error.start]:02X}. Correct the setting csv_encoding, or the file."
                    ) from error
                line += chunk.count(b"\n")
    return len(files)
