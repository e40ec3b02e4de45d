"""The connection manager. All connections share one session."""

from __future__ import annotations

from dbt.adapters.contracts.connection import Connection, ConnectionState
from dbt.adapters.spark import SparkConnectionManager


class SparkSessionConnectionManager(SparkConnectionManager):
    """dbt-spark's connection manager, restricted to shared sessions."""

    TYPE = "sparksession"

    @classmethod
    def open(cls, connection: Connection) -> Connection:
        """Open a connection. The first one creates the session, which is kept."""
        if connection.state == ConnectionState.OPEN:
            return connection
        # Imported late, so that the credentials can report a missing pyspark first.
        from dbt.adapters.sparksession.session import SharedConnection, SharedSessionWrapper, shared_session

        shared_session(connection.credentials)
        connection.handle = SharedSessionWrapper(SharedConnection(connection.credentials))
        connection.state = ConnectionState.OPEN
        return connection
