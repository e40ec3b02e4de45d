"""A dbt adapter: dbt-spark's session method, with Python models that run in the same session."""

from pathlib import Path

import dbt.include.sparksession
from dbt.adapters.base import AdapterPlugin
from dbt.adapters.sparksession.credentials import SparkSessionCredentials
from dbt.adapters.sparksession.impl import SparkSessionAdapter

Plugin = AdapterPlugin(
    adapter=SparkSessionAdapter,
    credentials=SparkSessionCredentials,
    include_path=str(Path(dbt.include.sparksession.__file__).parent),
    dependencies=["spark"],
)
