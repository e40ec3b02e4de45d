"""The credentials: the part of a profile that describes the session."""

from __future__ import annotations

from dataclasses import dataclass

from dbt.adapters.spark import SparkCredentials
from dbt_common.exceptions import DbtRuntimeError

MISSING_PYSPARK = (
    "The target needs the Python package pyspark, which is not installed: run `make setup-spark`, or install pyspark "
    "(an in-process session; needs Java 17) or pyspark-client (Spark Connect only)."
)


@dataclass
class SparkSessionCredentials(SparkCredentials):
    """A profile of type `sparksession`.

    `server_side_parameters` are the settings of the session. `spark.master` starts a session in this process;
    `spark.remote` opens one on a Spark Connect server. `connect_timeout` is how long, in seconds, a server or a
    standalone master may take to answer. `address_variable` is the environment variable that the profile reads the
    address from; it is used only in the error for a server that does not answer.
    """

    method: str = "session"  # type: ignore[assignment]
    host: str = "session"
    connect_timeout: int = 30
    address_variable: str | None = None

    def __post_init__(self) -> None:
        """Check the profile. The settings are restored after dbt-spark's check, which turns ANSI mode off.

        Raises:
            DbtRuntimeError: pyspark is missing, the method is not `session`, or not exactly one of spark.master and
                spark.remote is set.
        """
        try:
            import pyspark  # noqa: F401
        except ImportError as error:
            raise DbtRuntimeError(MISSING_PYSPARK) from error
        if self.method != "session":
            raise DbtRuntimeError(f"A profile of type sparksession supports only method `session`, not {self.method}.")
        given = {str(name): str(value) for name, value in self.server_side_parameters.items()}
        if bool(given.get("spark.master")) == bool(given.get("spark.remote")):
            raise DbtRuntimeError(
                "A profile of type sparksession must set exactly one of spark.master and spark.remote in "
                "server_side_parameters."
            )
        super().__post_init__()
        self.server_side_parameters = given

    @property
    def type(self) -> str:
        """The name of the adapter."""
        return "sparksession"

    @property
    def unique_field(self) -> str:
        """The address of the session, which identifies the target in dbt's anonymous usage statistics."""
        return self.server_side_parameters.get("spark.remote") or self.server_side_parameters["spark.master"]

    def _connection_keys(self) -> tuple[str, ...]:
        """The fields that `dbt debug` prints. Settings are not printed, because an address may contain a token."""
        return ("method", "schema", "connect_timeout", "address_variable")
