"""The adapter: dbt-spark's, with Python models in the session."""

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
    """Runs a Python model in this process, on the session that its SQL neighbours run on."""

    def __init__(self, parsed_model: dict[str, Any], credentials: SparkSessionCredentials) -> None:
        self.parsed_model = parsed_model
        self.credentials = credentials

    def submit(self, compiled_code: str) -> None:
        """Run the compiled model, which ends by writing its table."""
        from dbt.adapters.sparksession.session import shared_session

        module = {
            "__name__": f"dbt_model_{self.parsed_model['alias']}",
            "spark": shared_session(self.credentials),
        }
        exec(compile(compiled_code, self.parsed_model["original_file_path"], "exec"), module)


class SparkSessionAdapter(SparkAdapter):
    """dbt-spark's adapter; see the README for each difference."""

    ConnectionManager = SparkSessionConnectionManager

    @classmethod
    def type(cls) -> str:
        """The name of the adapter."""
        return "sparksession"

    @available
    def literal(self, value: Any) -> str:
        """A value as a literal of Spark SQL, for macros."""
        from dbt.adapters.sparksession.session import literal

        return literal(value)

    @available
    def column_comment(self, description: str) -> str:
        """The description of a column as a literal of SQL, cut after a word where it is too long for Hive.

        Hive's metastore has 256 characters for it. More are tried ten times, for 20 seconds that all threads wait, and
        what comes of it is a table that Hive cannot read, or an error about a column `col` that nobody wrote.
        """
        if len(description) > LONGEST_COMMENT:
            description = description[: LONGEST_COMMENT - 2].rsplit(maxsplit=1)[0] + " …"
        return self.literal(description)

    @available
    def describe_columns(self, relation: BaseRelation, comments: dict[str, str]) -> None:
        """Give the columns of a table their comments, each a literal of SQL.

        An engine that cannot (Sail has no such statement) is asked once a table, and the build goes on.
        """
        for column, comment in comments.items():
            try:
                self.execute(f"alter table {relation} change column {self.quote(column)} comment {comment}")
            except DbtRuntimeError as error:
                if "unsupported ALTER TABLE" not in str(error):
                    raise
                logger.debug(f"The engine keeps no comments of columns: {error}")
                return

    @property
    def default_python_submission_method(self) -> str:
        """The only one."""
        return "session"

    @property
    def python_submission_helpers(self) -> dict[str, type[PythonJobHelper]]:
        """Upstream's two submit to an API of one vendor."""
        return {"session": SessionPythonJob}
