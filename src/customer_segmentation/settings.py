"""The settings of a project, read without dbt: the vars of dbt_project.yml, overridden by a settings file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml


class SettingsError(Exception):
    """Settings cannot be read; the message is a sentence for the user."""


def project_settings(project: Path, overrides: Path | None = None) -> dict[str, Any]:
    """Read the vars of `dbt_project.yml` in the folder `project`, overridden by those of a settings file.

    Types and bounds are not checked here; macros/settings.sql checks them in every run of dbt.

    Raises:
        SettingsError: A file does not exist, is not YAML, or does not hold a mapping.
    """
    in_project = read_settings(project / "dbt_project.yml").get("vars") or {}
    return in_project | (read_settings(overrides) if overrides else {})


def read_settings(file: Path) -> dict[str, Any]:
    """Read a YAML settings file, such as my_shop.yml of `make build VARS=my_shop.yml`.

    Raises:
        SettingsError: The file does not exist, is not YAML, or does not hold a mapping.
    """
    if not file.is_file():
        raise SettingsError(f"The settings file {file} does not exist.")
    try:
        # PyYAML decodes the bytes, and raises a YAMLError if they are not UTF-8.
        content = yaml.safe_load(file.read_bytes()) or {}
    except yaml.YAMLError as error:
        raise SettingsError(f"The settings file {file} is not valid YAML: {error}") from error
    if not isinstance(content, dict):
        raise SettingsError(f"The settings file {file} must be a mapping, with lines such as `k: 5`.")
    return content
