"""What a profile says about the session."""

from __future__ import annotations

from dataclasses import dataclass

from dbt.adapters.spark import SparkCredentials
from dbt_common.exceptions import DbtRuntimeError

MISSING_PYSPARK = (
    "The target needs the Python package pyspark, which is not installed: run `make setup-spark`, or install pyspark "
    "(a session of its own; needs Java 17) or pyspark-client (Spark Connect only)."
)


@dataclass
class SparkSessionCredentials(SparkCredentials):
    """A profile of type `sparksession`.

    `server_side_parameters` are the settings of the session. `spark.master` makes a session in this process,
    `spark.remote` a session on a Spark Connect server. `connect_timeout` is how long, in seconds, such a server may
    take to answer. `address_variable` is the environment variable that the profile reads the address from; only the
    error of a silent server speaks of it.
    """

    method: str = "session"  # type: ignore[assignment]
    host: str = "session"
    connect_timeout: int = 30
    address_variable: str | None = None

    def __post_init__(self) -> None:
        """Check what upstream checks, and leave ANSI mode to the profile: upstream turns it off."""
        try:
            import pyspark  # noqa: F401
        except ImportError as error:
            raise DbtRuntimeError(MISSING_PYSPARK) from error
        if self.method != "session":
            raise DbtRuntimeError(f"A profile of type sparksession has no method but `session`, and not {self.method}.")
        given = {str(name): str(value) for name, value in self.server_side_parameters.items()}
        if bool(given.get("spark.master")) == bool(given.get("spark.remote")):
            raise DbtRuntimeError(
                "A profile of type sparksession names either spark.master or spark.remote in server_side_parameters."
            )
        super().__post_init__()
        self.server_side_parameters = given

    @property
    def type(self) -> str:
        """The name of the adapter."""
        return "sparksession"

    @property
    def unique_field(self) -> str:
        """What tells one target from another, for dbt's anonymous counts."""
        return self.server_side_parameters.get("spark.remote") or self.server_side_parameters["spark.master"]

    def _connection_keys(self) -> tuple[str, ...]:
        """What `dbt debug` prints. An address may hold a token, so settings are not printed."""
        return ("method", "schema", "connect_timeout", "address_variable")
