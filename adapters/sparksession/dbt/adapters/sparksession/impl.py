"""The adapter: dbt-spark's, with Python models that run in the session."""

from __future__ import annotations

from typing import Any

from dbt.adapters.base import BaseRelation, PythonJobHelper, available
from dbt.adapters.events.logging import AdapterLogger
from dbt.adapters.spark import SparkAdapter
from dbt.adapters.sparksession.connections import SparkSessionConnectionManager
from dbt.adapters.sparksession.credentials import SparkSessionCredentials
from dbt_common.exceptions import DbtRuntimeError

logger = AdapterLogger("sparksession")

LONGEST_COMMENT = 256


class SessionPythonJob(PythonJobHelper):
    """Runs a Python model in this process, on the session that SQL models use."""

    def __init__(self, parsed_model: dict[str, Any], credentials: SparkSessionCredentials) -> None:
        self.parsed_model = parsed_model
        self.credentials = credentials

    def submit(self, compiled_code: str) -> None:
        """Run the compiled model, whose last step writes its table."""
        from dbt.adapters.sparksession.session import shared_session

        module = {
            "__name__": f"dbt_model_{self.parsed_model['alias']}",
            "spark": shared_session(self.credentials),
        }
        exec(compile(compiled_code, self.parsed_model["original_file_path"], "exec"), module)


class SparkSessionAdapter(SparkAdapter):
    """dbt-spark's adapter; the README lists the differences."""

    ConnectionManager = SparkSessionConnectionManager

    @classmethod
    def type(cls) -> str:
        """The name of the adapter."""
        return "sparksession"

    @available
    def literal(self, value: Any) -> str:
        """A value as a Spark SQL literal, for macros."""
        from dbt.adapters.sparksession.session import literal

        return literal(value)

    @available
    def column_comment(self, description: str) -> str:
        """The description of a column as an SQL literal, truncated after a word if it is too long for Hive.

        Hive's metastore stores 256 characters. With a longer comment Spark retries ten times, which blocks all threads
        for 20 seconds, and ends with a table that Hive cannot read or an error about a column `col` that does not
        exist.
        """
        if len(description) > LONGEST_COMMENT:
            description = description[: LONGEST_COMMENT - 2].rsplit(maxsplit=1)[0] + " …"
        return self.literal(description)

    @available
    def describe_columns(self, relation: BaseRelation, comments: dict[str, str]) -> None:
        """Set the comments of the columns of a table where it has others. comments: {column: SQL literal}.

        If the engine does not support this (Sail has no such statement), the table's other columns are skipped and the
        build continues.
        """
        _, described = self.execute(f"describe table {relation}", fetch=True)
        existing = {row["col_name"]: self.literal(row["comment"] or "") for row in described.rows}
        for column, comment in comments.items():
            if existing.get(column) == comment:
                continue
            try:
                self.execute(f"alter table {relation} change column {self.quote(column)} comment {comment}")
            except DbtRuntimeError as error:
                if "unsupported ALTER TABLE" not in str(error):
                    raise
                logger.debug(f"The engine does not support column comments: {error}")
                return

    @property
    def default_python_submission_method(self) -> str:
        """The only submission method."""
        return "session"

    @property
    def python_submission_helpers(self) -> dict[str, type[PythonJobHelper]]:
        """The job helper of each submission method. dbt-spark's own two submit to the Databricks API."""
        return {"session": SessionPythonJob}
