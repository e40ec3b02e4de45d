"""The settings of a project, read without dbt: the vars of dbt_project.yml, overridden by a settings file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml


class SettingsError(Exception):
    """Settings cannot be read; the message is a sentence for the user."""


class OneValuePerName(yaml.SafeLoader):
    """Reads YAML, and refuses a mapping that has a name twice, of which YAML would keep the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Return the mapping of a node; raise ConstructorError if it has a name twice."""
        seen = set()
        for key in (key for key, _ in node.value if isinstance(key, yaml.ScalarNode)):
            if key.value in seen:
                raise yaml.constructor.ConstructorError(None, None, f"{key.value} is there twice", key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def project_settings(project: Path, overrides: Path | None = None) -> dict[str, Any]:
    """Read the vars of `dbt_project.yml` in the folder `project`, overridden by those of a settings file.

    Types and bounds are not checked here; macros/settings.sql checks them in every run of dbt.

    Raises:
        SettingsError: A file does not exist, is not YAML, or does not hold a mapping; or the settings file has a name
            that dbt_project.yml does not have.
    """
    in_project = read_settings(project / "dbt_project.yml").get("vars") or {}
    given = read_settings(overrides) if overrides else {}
    for name in given.keys() - in_project.keys():
        raise SettingsError(
            f"Setting '{name}' in {overrides} is unknown; dbt_project.yml lists the settings under vars."
        )
    return in_project | given


def read_settings(file: Path) -> dict[str, Any]:
    """Read a YAML settings file, such as my_shop.yml of `make build VARS=my_shop.yml`.

    Raises:
        SettingsError: The file does not exist, is not YAML, or does not hold a mapping.
    """
    if not file.is_file():
        raise SettingsError(f"The settings file {file} does not exist.")
    try:
        # PyYAML decodes the bytes, and raises a YAMLError if they are not UTF-8.
        content = yaml.load(file.read_bytes(), OneValuePerName) or {}
    except yaml.YAMLError as error:
        raise SettingsError(f"The settings file {file} is not valid YAML: {error}") from error
    if not isinstance(content, dict):
        raise SettingsError(f"The settings file {file} must be a mapping, with lines such as `k: 5`.")
    return content


def has_flag(arguments: list[str], *flags: str) -> bool:
    """Whether one of the flags of dbt is given, with its value as an argument of its own or after an equals sign."""
    return any(argument.partition("=")[0] in flags for argument in arguments)


def with_one_vars(arguments: list[str]) -> list[str]:
    """Arguments of dbt with their options --vars as one, in which a later value of a setting replaces an earlier one.

    dbt takes the last --vars only, so the settings of a file before it would be lost. It refuses those of a file in
    which every line is empty or a comment.

    Raises:
        SettingsError: A --vars is not a YAML mapping, or has a name twice.
    """
    given, others = [], []
    remaining = iter(arguments)
    for argument in remaining:
        name, equals, value = argument.partition("=")
        if name == "--vars":
            given.append(value if equals else next(remaining, ""))
        else:
            others.append(argument)
    lines = [line.strip() for text in given for line in text.splitlines()]
    is_blank = bool(given) and all(line == "" or line.startswith("#") for line in lines)
    merged: dict[str, Any] = {}
    for text in given:
        try:
            settings = yaml.load(text, OneValuePerName) or {}
        except yaml.YAMLError as error:
            raise SettingsError(f"--vars must be a mapping such as '{{k: 5}}': {error}") from error
        if not isinstance(settings, dict):
            raise SettingsError(f"--vars must be a mapping such as '{{k: 5}}', not {text!r}.")
        merged |= settings
    if len(given) < 2 and not is_blank:
        return arguments
    return [*others, "--vars", json.dumps(merged, default=str)]
