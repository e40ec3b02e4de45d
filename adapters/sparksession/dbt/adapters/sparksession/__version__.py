"""The version of the adapter; dbt prints it."""

version = "0.1.0"
