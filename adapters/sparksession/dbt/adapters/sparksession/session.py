"""The shared Spark session of the process, and the cursor that dbt runs SQL with."""

from __future__ import annotations

import datetime as dt
import re
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from shutil import rmtree
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from dbt.adapters.events.logging import AdapterLogger
from dbt.adapters.spark.session import Connection, Cursor, SessionConnectionWrapper
from dbt.adapters.sparksession.credentials import SparkSessionCredentials
from dbt.adapters.sparksession.leftovers import remove_leftover
from dbt_common.exceptions import DbtRuntimeError
from pyspark.errors import PySparkException
from pyspark.sql import Row, SparkSession

try:
    from py4j.protocol import Py4JJavaError
except ImportError:  # pyspark-client has no Java
    SPARK_ERRORS: tuple[type[Exception], ...] = (PySparkException,)
else:
    SPARK_ERRORS = (PySparkException, Py4JJavaError)

logger = AdapterLogger("sparksession")

DEFAULT_CONNECT_PORT = 15002
PROBE_ROWS = 64
_lock = threading.Lock()
_sessions: dict[tuple[tuple[str, str], ...], SparkSession] = {}


# ---- the session -------------------------------------------------------------------------------------------------


def shared_session(credentials: SparkSessionCredentials) -> SparkSession:
    """The session with these settings, created once per process and shared by all dbt threads.

    Raises:
        DbtRuntimeError: The session cannot be created; the message says what to do.
    """
    key = tuple(sorted(credentials.server_side_parameters.items()))
    with _lock:
        session = _sessions.get(key)
        if session is None or _is_stopped(session):
            session = (
                _connect(credentials) if "spark.remote" in credentials.server_side_parameters else _start(credentials)
            )
            _sessions[key] = session
        return session


def _is_stopped(session: SparkSession) -> bool:
    """Whether the session was stopped, for example by a Python model."""
    stopped = getattr(session, "is_stopped", None)  # of Spark Connect
    if stopped is not None:
        return bool(stopped)
    return session.sparkContext._jsc is None or session.sparkContext._jsc.sc().isStopped()


def _start(credentials: SparkSessionCredentials) -> SparkSession:
    """Start a session whose driver is in this process."""
    try:
        from pyspark.core.context import SparkContext  # noqa: F401
    except ImportError as error:
        raise DbtRuntimeError(
            "spark.master needs a session in this process, but only pyspark-client is installed, which supports only "
            "Spark Connect servers: run `make setup-spark`, or set spark.remote to the address of a server."
        ) from error
    _check_cluster(credentials)
    builder = SparkSession.builder.appName("dbt")
    for name, value in credentials.server_side_parameters.items():
        builder = builder.config(name, value)
    try:
        session = builder.getOrCreate()
    except Exception as error:
        if "JAVA_GATEWAY_EXITED" in str(error):
            raise DbtRuntimeError(
                "Spark could not start Java: version 17 or later is needed, on the PATH or in JAVA_HOME. "
                "Java's output is above."
            ) from error
        if "metastore" in str(error).lower() or "derby" in str(error).lower():
            raise DbtRuntimeError(
                "The catalog of the Spark warehouse could not be opened: another process has it open, or the folder "
                f"is not writable ({credentials.server_side_parameters.get('spark.sql.warehouse.dir')})."
            ) from error
        raise
    _check_warehouse(session, credentials)
    return session


def _check_warehouse(session: SparkSession, credentials: SparkSessionCredentials) -> None:
    """Refuse a warehouse folder that the workers do not share: each would write its part of a table locally.

    Spark does not detect this: its driver commits the files that it sees, possibly none.
    """
    settings = credentials.server_side_parameters
    warehouse = settings.get("spark.sql.warehouse.dir", "")
    if settings["spark.master"].startswith("local") or "://" in warehouse:
        return
    probe = Path(warehouse) / f"_probe_{uuid4().hex}"
    try:
        session.range(0, PROBE_ROWS, 1, PROBE_ROWS).write.parquet(str(probe))
        found = session.read.schema("id bigint").parquet(str(probe)).count()
    finally:
        rmtree(probe, ignore_errors=True)
    if found != PROBE_ROWS:
        raise DbtRuntimeError(
            f"Of {PROBE_ROWS} rows that the workers of {settings['spark.master']} wrote into {warehouse}, {found} could"
            " be read back. The folder of spark.sql.warehouse.dir must be shared by all workers and this machine."
        )


def _check_cluster(credentials: SparkSessionCredentials) -> None:
    """Refuse settings with which Spark on a standalone cluster would hang, or lose tables without an error."""
    settings = credentials.server_side_parameters
    scheme, _, masters = settings.get("spark.master", "").partition("://")
    if scheme != "spark":
        return
    warehouse = settings.get("spark.sql.warehouse.dir", "spark-warehouse")
    if not (Path(warehouse).is_absolute() or "://" in warehouse):
        raise DbtRuntimeError(
            f"spark.sql.warehouse.dir is {warehouse!r}, a relative path: each worker of {settings['spark.master']}"
            " would write its part of a table into a different folder. Set it to the absolute path of a folder that all"
            " workers and this machine share."
        )
    seconds, errors = credentials.connect_timeout, []
    for master in masters.split(","):
        host, _, port = master.rpartition(":")
        try:
            with socket.create_connection((host, int(port)), timeout=seconds) as connection:
                is_here = connection.getsockname()[0] == connection.getpeername()[0]
        except (OSError, ValueError, OverflowError) as error:
            errors.append(f"{master}: {error}")
            continue
        driver = settings.get("spark.driver.host", "")
        if not is_here and (driver == "localhost" or driver.startswith("127.")):
            raise DbtRuntimeError(
                f"spark.driver.host is {driver}, which the workers of {settings['spark.master']} cannot reach. Set it"
                " to an address of this machine that they can reach."
            )
        return
    raise DbtRuntimeError(f"No Spark master answered within {seconds} s ({'; '.join(errors)}).")


def _connect(credentials: SparkSessionCredentials) -> SparkSession:
    """Open a session on a Spark Connect server, or raise an error of one sentence if the server does not answer."""
    settings = dict(credentials.server_side_parameters)
    remote = settings.pop("spark.remote")
    address, port = urlsplit(remote), None
    with suppress(ValueError):
        port = address.port or DEFAULT_CONNECT_PORT
    if address.scheme != "sc" or not address.hostname or port is None:
        raise DbtRuntimeError(
            f"The address of a Spark Connect server is {remote.split(';')[0]!r}; it must have the form sc://host:15002,"
            " or with options sc://host:15002/;use_ssl=true."
        )
    where = f"{address.hostname}:{port}"
    seconds = credentials.connect_timeout

    def silent(error: Exception) -> DbtRuntimeError:
        elsewhere = f"; {credentials.address_variable} names another" if credentials.address_variable else ""
        return DbtRuntimeError(f"No Spark Connect server answered at {where} within {seconds} s ({error}){elsewhere}.")

    try:
        socket.create_connection((address.hostname, port), timeout=seconds).close()
    except OSError as error:
        raise silent(error) from error
    session = SparkSession.builder.remote(remote).getOrCreate()  # sends no request yet

    def asked() -> None:
        _ = session.version
        for name, value in settings.items():
            session.conf.set(name, value)

    try:
        _within(seconds, asked)
    except TimeoutError as error:
        session.client.close()  # otherwise it keeps retrying while the process ends
        raise silent(error) from error
    except PySparkException as error:
        raise DbtRuntimeError(
            f"The Spark Connect server at {where} refused the session: {message_of(error)}"
        ) from error
    return session


def _within(seconds: float, work: Callable[[], None]) -> None:
    """Run the work, or raise TimeoutError after so many seconds; the Spark Connect client retries for ten minutes."""
    errors: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:
            errors.append(error)

    worker = threading.Thread(target=run, daemon=True)
    worker.start()
    worker.join(seconds)
    if worker.is_alive():
        raise TimeoutError("it accepts connections but does not answer")
    if errors:
        raise errors[0]


# ---- the cursor --------------------------------------------------------------------------------------------------


def literal(value: Any) -> str:
    r"""A seed value or a description as a Spark SQL literal. dbt-spark escapes only quotes.

    Numbers are written as text, because they are used in `cast(... as type)` and conversion to a float would round
    decimals and integers beyond 2^53. `$` is written as \u0024, because Spark substitutes ${...} in a query.
    """
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return f"'{value:f}'"
    if isinstance(value, dt.datetime):
        return f"'{value.isoformat(sep=' ')}'"
    text = str(value).replace("\\", "\\\\").replace("'", "\\'").replace("$", "\\u0024")
    return f"'{text}'"


def message_of(error: Exception) -> str:
    """Spark's error message with its causes, but without the stack frames of the JVM."""
    if "Another instance of Derby may have already booted the database" in str(error):
        return "Another process, such as a build, has the catalog of this Spark warehouse open. Wait until it ends."
    return "\n".join(line for line in str(error).splitlines() if not re.match(r"\s+(at |[.]{3} \d+ more)", line))


class SharedCursor(Cursor):
    """A cursor on the shared session. dbt-spark's cursor builds a session for each query."""

    def __init__(self, credentials: SparkSessionCredentials) -> None:
        super().__init__()
        self.credentials = credentials

    def execute(self, sql: str, *parameters: Any) -> None:
        """Run a query, with each %s replaced by a parameter, which is a literal."""
        if parameters:
            sql = sql % parameters
        self._rows = None
        session = shared_session(self.credentials)
        try:
            try:
                self._df = session.sql(sql)
            except PySparkException as error:
                settings = self.credentials.server_side_parameters
                warehouse = settings.get("spark.sql.warehouse.dir")
                if "spark.master" not in settings or not remove_leftover(str(error), warehouse):
                    raise
                logger.info("Removed a table folder left behind by an interrupted run.")
                self._df = session.sql(sql)
        except SPARK_ERRORS as error:
            # Errors of a classic session have no args, and dbt-spark treats such errors as internal errors of dbt.
            raise DbtRuntimeError(message_of(error)) from error

    def fetchall(self) -> list[Row] | None:
        """All rows; the query runs only here."""
        try:
            return super().fetchall()
        except SPARK_ERRORS as error:
            raise DbtRuntimeError(message_of(error)) from error


class SharedConnection(Connection):
    """A dbt connection, which creates cursors on the shared session."""

    def __init__(self, credentials: SparkSessionCredentials) -> None:
        super().__init__()
        self.credentials = credentials

    def cursor(self) -> SharedCursor:
        """A new cursor."""
        return SharedCursor(self.credentials)


class SharedSessionWrapper(SessionConnectionWrapper):
    """dbt-spark's wrapper, with bindings that preserve the bound values exactly."""

    @classmethod
    def _fix_binding(cls, value: Any) -> str:
        return literal(value)
