"""The settings of a project, as Python reads them: the vars of dbt_project.yml, and a file of settings over them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml


class SettingsError(Exception):
    """Why settings cannot be read, as a sentence for the user."""


def project_settings(project: Path, overrides: Path | None = None) -> dict[str, Any]:
    """Read the vars of `dbt_project.yml` in the folder `project`, with those of a file of settings over them.

    Types and bounds are not checked; macros/settings.sql does that in every run of dbt.

    Raises:
        SettingsError: A file does not exist, is not YAML, or does not hold a mapping.
    """
    in_project = read_settings(project / "dbt_project.yml").get("vars") or {}
    return in_project | (read_settings(overrides) if overrides else {})


def read_settings(file: Path) -> dict[str, Any]:
    """Read a YAML file of settings, as `make build VARS=my_shop.yml` takes it.

    Raises:
        SettingsError: The file does not exist, is not YAML, or does not hold a mapping.
    """
    if not file.is_file():
        raise SettingsError(f"There is no file of settings {file}.")
    try:
        # PyYAML decodes the bytes, and reports what is not UTF-8 as an error of its own.
        content = yaml.safe_load(file.read_bytes()) or {}
    except yaml.YAMLError as error:
        raise SettingsError(f"The file of settings {file} is not valid YAML: {error}") from error
    if not isinstance(content, dict):
        raise SettingsError(f"The file of settings {file} must hold lines such as `k: 5`.")
    return content
