"""A process that runs dbt, without two costs of Python that grow with dbt's manifest."""

from __future__ import annotations

import atexit
import gc
import os
import sys
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from dbt.cli.main import dbtRunner

# Objects that are made before Python looks for cycles among them again. Its default of 700 has it search dbt's manifest
# all the time: a fourteenth of the time that the sample takes.
OBJECTS_BETWEEN_COLLECTIONS = 200_000


def dbt_runner(**options: Any) -> dbtRunner:
    """dbt's runner with its options, such as callbacks."""
    gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS)
    # Importing dbt makes many objects, too.
    from dbt.cli.main import dbtRunner

    return dbtRunner(**options)


def leave(code: int) -> NoReturn:
    """End the process with an exit code, once what was registered for its end is done: DuckDB's file is closed then.

    Python would take the manifest and the modules apart before, object by object, for a second or longer.
    """
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
