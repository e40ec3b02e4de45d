"""Opens connections, which share one session."""

from __future__ import annotations

from dbt.adapters.contracts.connection import Connection, ConnectionState
from dbt.adapters.spark import SparkConnectionManager


class SparkSessionConnectionManager(SparkConnectionManager):
    """Upstream's manager, which knows one kind of connection here."""

    TYPE = "sparksession"

    @classmethod
    def open(cls, connection: Connection) -> Connection:
        """Open a connection; the session itself is made by the first one and kept."""
        if connection.state == ConnectionState.OPEN:
            return connection
        # Only here: a profile that lacks pyspark is told so by its credentials.
        from dbt.adapters.sparksession.session import SharedConnection, SharedSessionWrapper, shared_session

        shared_session(connection.credentials)
        connection.handle = SharedSessionWrapper(SharedConnection(connection.credentials))
        connection.state = ConnectionState.OPEN
        return connection
