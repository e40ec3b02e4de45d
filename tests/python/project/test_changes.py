"""docs/change.md is correct: a copy of the project with the edits of every recipe builds and shows each change.

The edits, the queries, their results and the expected texts of the page are read from the document, so that it stays
in step with the project.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import duckdb
import pytest
from conftest import PROJECT, Built, Once, build, copy_of_project, dbt, green

pytestmark = pytest.mark.xdist_group("changes")

FEATURE, CLUSTER = "Add a feature", "Cluster on a feature or a numeric attribute"
DOCUMENT = (PROJECT / "docs" / "change.md").read_text(encoding="utf-8")


# ---- the recipes -------------------------------------------------------------------------------------------------

FILE, THERE, NEW = r"`(?P<file>[^`]+)`", r"`(?P<there>[^`]+)`", r"`(?P<new>[^`]+)`"
BLOCK = r"(?:[^`\n]|\n(?!\n))*:\n\n```\w+\n(?P<new>.*?)```"
# The kinds of sentences in a recipe.
SENTENCES = {
    "replace": rf"In {FILE}, replace {THERE} with {NEW}(?P<is_everywhere> in every line)?\.",
    "add below": rf"In {FILE}, below the line {THERE}, add{BLOCK}",
    "add below start": rf"In {FILE}, below the line that begins with {THERE}, add{BLOCK}",
    "add above": rf"In {FILE}, above the line {THERE}, add{BLOCK}",
    "append": rf"At the end of {FILE}, add{BLOCK}",
    "create": rf"Create {FILE}{BLOCK}",
    "ask": r"```sql\n(?P<query>[^`]*)```\n\nThe answer is (?P<answer>`[^`]+`(?:, `[^`]+`)*)\.",
    "show": rf"The page (?:shows|(?P<is_gone>no longer shows)) {NEW}",
}
EDITS = ("replace", "add below", "add below start", "add above", "append", "create")


def sentences(recipe: str) -> list[tuple[str, dict[str, str]]]:
    """The sentences of a recipe: the kind and the parts of each, in order."""
    found = [
        (match.start(), kind, match.groupdict())
        for kind, pattern in SENTENCES.items()
        for match in re.finditer(pattern, recipe, re.DOTALL)
    ]
    blocks = len(re.findall(r"^```\w+$", recipe, re.MULTILINE))
    read = sum(kind == "ask" or parts["new"].endswith("\n") for _, kind, parts in found)
    assert read == blocks, "A block of code in this recipe is not introduced by a sentence that this test knows."
    return [(kind, parts) for _, kind, parts in sorted(found, key=lambda each: each[0])]


RECIPES = {
    title: sentences(text)
    for title, text in re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", DOCUMENT, re.DOTALL | re.MULTILINE)
}


def said(title: str, *kinds: str) -> Iterator[tuple[str, dict[str, str]]]:
    """The sentences of some kinds in a recipe."""
    return ((kind, parts) for kind, parts in RECIPES[title] if kind in kinds)


def place(lines: list[str], there: str, is_start: bool) -> int:
    """The position of the only line that equals this text or begins with it."""
    found = [
        number
        for number, line in enumerate(lines)
        if (line.strip().startswith(there) if is_start else line.strip() == there)
    ]
    assert len(found) == 1, f"{len(found)} lines are {there!r}"
    return found[0]


def follow(project: Path, kind: str, parts: dict[str, str]) -> None:
    """Make one edit in a copy of the project."""
    file = project / parts["file"]
    assert file.exists() == (kind != "create"), file
    text = "" if kind == "create" else file.read_text(encoding="utf-8")
    lines = text.splitlines(keepends=True)
    if kind == "replace":
        assert text.count(parts["there"]) == 1 or parts["is_everywhere"], parts["there"]
        assert parts["there"] in text
        lines = [text.replace(parts["there"], parts["new"])]
    elif kind in ("append", "create"):
        lines.append(parts["new"])
    else:
        number = place(lines, parts["there"], kind == "add below start")
        lines.insert(number if kind == "add above" else number + 1, parts["new"])
    file.write_text("".join(lines), encoding="utf-8")


# ---- the project that follows them -------------------------------------------------------------------------------


class Text(HTMLParser):
    """The visible text of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.inside: list[str] = []
        self.parts: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.inside += [tag] if tag in ("script", "style") else []

    def handle_endtag(self, tag: str) -> None:
        self.inside = self.inside[:-1] if tag in ("script", "style") else self.inside

    def handle_data(self, data: str) -> None:
        self.parts += [] if self.inside else [data]


def page(warehouse: Path) -> str:
    """The text of the report of a warehouse."""
    output = warehouse.with_name("page.html")
    command = ["-m", "customer_segmentation.report", "--warehouse", warehouse, "--output", output]
    subprocess.run([sys.executable, *command], check=True)
    text = Text()
    text.feed(output.read_text(encoding="utf-8"))
    return " ".join(" ".join(text.parts).split())


@pytest.fixture(scope="session")
def changed(once: Once) -> dict[str, Built]:
    """The sample built in a project that follows the recipe, by the title of the recipe.

    One project follows all recipes but the one that changes the segments themselves, and runs all tests of dbt.
    """

    def make(folder: Path) -> dict[str, Built]:
        built = {}
        for name, titles, arguments in (
            ("clustered", [FEATURE, CLUSTER], ("--exclude-resource-type", "test", "unit_test")),
            ("together", [title for title in RECIPES if title != CLUSTER], ()),
        ):
            project = copy_of_project(folder / name / "project")
            for title in titles:
                for kind, parts in said(title, *EDITS):
                    follow(project, kind, parts)
            built |= dict.fromkeys(titles, build(folder / name, None, *arguments, project=project))
        return built

    return once("changed", make)


@pytest.fixture(scope="session")
def pages(once: Once, sample: Built, changed: dict[str, Built]) -> dict[Path, str]:
    """The page of the sample, and those of the changed projects, by their warehouses."""
    warehouses = {built.warehouse for built in (sample, *changed.values())}
    return once("pages_of_changes", lambda _: {warehouse: page(warehouse) for warehouse in warehouses})


def answer(built: Built, query: str) -> list[str] | None:
    """The first row, as text; None if there is none, or if a table or a column does not exist."""
    try:
        rows = built.rows(query)
    except (duckdb.CatalogException, duckdb.BinderException):
        return None
    return [str(value) for value in rows[0]] if rows else None


# ---- the tests ---------------------------------------------------------------------------------------------------


def test_there_is_a_recipe_for_each_change():
    assert list(RECIPES) == [
        "Rename a segment",
        "Change a threshold",
        "Add an archetype with actions",
        "Say or propose something under a condition",
        "Add a reject rule",
        FEATURE,
        CLUSTER,
        "Add a mart",
    ]


def test_a_project_that_follows_the_recipes_builds_and_passes_its_tests(changed):
    for built in changed.values():
        green(built)


@pytest.mark.parametrize("title", RECIPES)
def test_a_recipe_changes_the_marts_as_it_says(title, changed, sample):
    asked = [parts for _, parts in said(title, "ask")]
    assert asked
    for parts in asked:
        expected = re.findall("`([^`]+)`", parts["answer"])
        assert answer(changed[title], parts["query"]) == expected
        assert answer(sample, parts["query"]) != expected


# A feature is on the page once it is clustered, and a mart once the report reads it.
@pytest.mark.parametrize("title", [title for title in RECIPES if title not in (FEATURE, "Add a mart")])
def test_a_recipe_changes_the_page_as_it_says(title, changed, sample, pages):
    shown = [parts for _, parts in said(title, "show")]
    assert shown
    before, after = pages[sample.warehouse], pages[changed[title].warehouse]
    for parts in shown:
        assert (parts["new"] in after, parts["new"] in before) == ((False, True) if parts["is_gone"] else (True, False))


@pytest.mark.long
def test_a_rule_that_is_not_in_the_catalogue_stops_the_run(tmp_path):
    project = copy_of_project(tmp_path / "project")
    sql, _ = said("Add a reject rule", *EDITS)
    follow(project, *sql)
    ended = dbt(tmp_path, "parse", project=project)
    assert ended.returncode != 0
    assert "The rule 'implausible_quantity' is not in the catalogue" in " ".join(ended.output.split())
