"""The settings read without dbt."""

from __future__ import annotations

import pytest

from customer_segmentation.settings import SettingsError, project_settings, with_one_vars


def test_a_settings_file_overrides_the_project(tmp_path):
    (tmp_path / "dbt_project.yml").write_text("name: shop\nvars: {k: 5, report_currency: null}\n")
    overrides = tmp_path / "my_shop.yml"
    overrides.write_text("report_currency: EUR\n")
    assert project_settings(tmp_path) == {"k": 5, "report_currency": None}
    assert project_settings(tmp_path, overrides) == {"k": 5, "report_currency": "EUR"}
    overrides.write_text("# nothing yet\n")
    assert project_settings(tmp_path, overrides) == {"k": 5, "report_currency": None}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "does not exist"),
        (b"k: [3", "is not valid YAML"),
        (b"currency: \xa4", "is not valid YAML"),
        (b"k: 3\nseed: 1\nk: 5", "k is there twice"),
        (b"- k", "must be a mapping, with lines such as `k: 5`"),
        (b"report_id: false", "Setting 'report_id'"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(tmp_path, content, said):
    (tmp_path / "dbt_project.yml").write_text("name: shop\n")
    overrides = tmp_path / "my_shop.yml"
    if content is not None:
        overrides.write_bytes(content)
    with pytest.raises(SettingsError, match=rf"my_shop\.yml.*{said}|{said}.*my_shop\.yml"):
        project_settings(tmp_path, overrides)


def test_a_later_value_of_a_setting_replaces_an_earlier_one():
    one = ["build", "--vars", "{k: 5}", "--select", "marts"]
    assert with_one_vars(one) == one
    several = ["build", "--vars", "k: 5\nas_of_date: 2024-06-30\n", "--select", "marts", "--vars={k: 3}"]
    assert with_one_vars(several) == [
        "build", "--select", "marts", "--vars", '{"k": 3, "as_of_date": "2024-06-30"}',
    ]  # fmt: skip


@pytest.mark.parametrize("blank", ["", "# Nothing yet.\n\n  # k: 5\n"])
def test_a_settings_file_without_a_setting_is_read(blank):
    assert with_one_vars(["build", "--vars", blank]) == ["build", "--vars", "{}"]


@pytest.mark.parametrize("wrong", ["k", "{k: [", "- k", "{k: 4, seed: 1, k: 5}"])
@pytest.mark.parametrize("before", [[], ["--vars", "{k: 5}"]])
def test_settings_must_be_mappings(wrong, before):
    with pytest.raises(SettingsError, match="--vars must be a mapping"):
        with_one_vars(["build", *before, "--vars", wrong])
