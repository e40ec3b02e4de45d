"""Every name in the documentation exists: files, links, models, columns, settings, rules and make targets.

A name is checked if it is formatted as code, against dbt's manifest, dbt_project.yml, the Makefile and the file system.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import duckdb
import pytest
import yaml
from conftest import PROJECT

# The recipes introduce new names; test_changes.py executes them.
RECIPES = PROJECT / "docs" / "change.md"
# Documents whose names and links are checked, and further ones of which only the links are checked.
DOCUMENTS = [
    *(PROJECT / f"{name}.md" for name in ("README", "CHANGELOG", "CONTRIBUTING", "SECURITY")),
    *sorted(set((PROJECT / "docs").glob("*.md")) - {RECIPES}),
]
LINKED = [
    *DOCUMENTS,
    RECIPES,
    *sorted((PROJECT / "benchmarks").glob("*.md")),
    *sorted((PROJECT / "adapters").glob("*/README.md")),
    *sorted((PROJECT / "macros").glob("**/README.md")),
    *sorted((PROJECT / ".github").glob("**/*.md")),
]
README_LINES = 160

SUFFIXES = {".py", ".md", ".sql", ".yml", ".toml", ".csv", ".txt", ".html", ".svg", ".png", ".sh", ".js", ".j2"}
# Files that are not in the repository: data, output of builds and tools, and files of the user.
DATA = {".duckdb", ".parquet"}
GENERATED = (".venv", "target", "logs", "publications", "audiences", "reports/output", "spark-warehouse")
OF_THE_READER = ("my_shop.yml", "loyalty_programme.", "page.html", "path/to", "data/", "b2b.yml", "packages.yml")
# Keys of the files of another dbt project.
OF_DBT = {"packages", "vars", "flags", "models"}
# Other names: values of settings, columns of an input, a target, tables in examples.
OTHER_NAMES = {"day_first", "month_first", "product_type", "spark_connect"}
OTHER_PREFIXES = {"spark", "catalog", "schema", "database", "shop"}

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.M | re.S)
CODE = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\]\(([^)\s]+)\)")
WORD = r"[a-z][a-z0-9]*"
SNAKE = re.compile(rf"\b{WORD}(?:_[a-z0-9]+)+\b")


# ---- what exists -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Project:
    """The names of the project. A relation is a model or a seed."""

    columns: dict[str, set[str]]  # of each relation
    schemas: dict[str, set[str]]  # the relations of each schema
    settings: set[str]
    macros: set[str]
    selectors: set[str]
    values: set[str]  # rules for rows, accepted values, and values that a column's description explains
    targets: set[str]
    files: set[str]  # without their folders

    @property
    def names(self) -> set[str]:
        """All names that may be used without a qualifier."""
        return set(self.columns).union(self.settings, self.values, OTHER_NAMES, *self.columns.values())


@pytest.fixture(scope="module")
def project(manifest: dict) -> Project:
    relations = [node for node in manifest["nodes"].values() if node["resource_type"] in ("model", "seed")]
    schemas: dict[str, set[str]] = {}
    for node in relations:
        schemas.setdefault(node["schema"], set()).add(node["name"])
    rules = next(node["compiled_code"] for node in relations if node["name"] == "int_rule_catalogue")
    values = {rule for (rule,) in duckdb.sql(f"select rule from ({rules})").fetchall()}
    for node in manifest["nodes"].values():
        accepted = (node.get("test_metadata") or {}).get("kwargs", {}).get("values", [])
        values |= {value for value in accepted if isinstance(value, str)}
        for column in node.get("columns", {}).values():
            values |= set(re.findall(rf"\b({WORD}(?:_\w+)*): ", column["description"]))
    values |= {node["name"] for kind in ("metrics", "sources") for node in manifest[kind].values()}
    values |= {node["source_name"] for node in manifest["sources"].values()}
    # As a package, and its sources, which the sample does not have.
    values |= {f"segmentation_{schema}" for schema in schemas} | {"segmentation_input", "our_segment_rules"}
    # The project that the documentation shows as an example of a host.
    for path in (PROJECT / "integration_tests").rglob("*.[sy][qm]l"):
        if not {"dbt_packages", "target"} & set(path.parts):
            values |= set(SNAKE.findall(path.read_text()))
    variables = yaml.safe_load((PROJECT / "dbt_project.yml").read_text())["vars"]
    return Project(
        columns={node["name"]: set(node["columns"]) for node in relations},
        schemas=schemas,
        settings=set(variables),
        macros={macro["name"] for macro in manifest["macros"].values()},
        selectors=set(manifest["selectors"]),
        values=values,
        targets=set(re.findall(r"^([a-z][a-z-]*):", (PROJECT / "Makefile").read_text(), re.M)),
        files={path.name for path in files_of_the_project()},
    )


@cache
def files_of_the_project() -> tuple[Path, ...]:
    found: list[Path] = []
    for path in PROJECT.iterdir():
        if not path.name.startswith(".venv") and path.name not in (".git", *GENERATED):
            found += path.rglob("*") if path.is_dir() else [path]
    return tuple(path for path in found if not {"node_modules", ".evidence"}.intersection(path.parts))


# ---- what a document names ---------------------------------------------------------------------------------------


def without_former_names(text: str) -> str:
    """The text without the column `before` of its tables, which lists former names."""
    lines, former = [], None
    for line in text.splitlines():
        cells = line.split("|") if line.startswith("|") else None
        if cells is None:
            former = None
        elif former is None and "before" in [cell.strip() for cell in cells]:
            former = [cell.strip() for cell in cells].index("before")
        if cells is not None and former is not None:
            cells[former] = " "
            line = "|".join(cells)
        lines.append(line)
    return "\n".join(lines) + "\n"


def wrong_names(text: str, project: Project) -> list[str]:
    """The names that a document formats as code but that do not exist."""
    text = without_former_names(text)
    fences = FENCE.findall(text)
    found = []
    for code in CODE.findall(FENCE.sub("", text)):
        found += wrong_in_code(code, project)
    for language, block in fences:
        if language == "sh":
            found += [each for line in block.splitlines() for each in wrong_in_command(line, project)]
        elif language == "sql":
            found += [f"{name} is no name of the project" for name in SNAKE.findall(block) if name not in project.names]
        elif language == "yaml":
            given = yaml.safe_load(block)
            found += [f"{name} is no setting" for name in given if name not in project.settings | OF_DBT]
    for name in re.findall(r"\b(?:from|join) marts\.(\w+)", text):
        if name not in project.schemas["marts"]:
            found.append(f"{name} is no mart")
    return found


def wrong_in_code(code: str, project: Project) -> Iterator[str]:
    """The problem with a name or a command that is formatted as code within a sentence."""
    setting = re.match(rf"({WORD}(?:_\w+)*): ", code)
    macro = re.fullmatch(r"(\w+)\(\)", code)
    dotted = re.fullmatch(rf"({WORD}(?:_\w+)*)\.({WORD}(?:_\w+)*)", code)
    if macro:
        if macro[1] not in project.macros | {"var", "ref"}:
            yield f"{code} is no macro"
    elif setting:
        if setting[1] not in project.settings:
            yield f"{setting[1]} is no setting"
    elif dotted and dotted[1] in project.columns:
        if dotted[2] not in project.columns[dotted[1]]:
            yield f"{dotted[1]} has no column {dotted[2]}"
    elif dotted and dotted[1] in project.schemas:
        if dotted[2] not in project.schemas[dotted[1]] and dotted[2] != "duckdb":
            yield f"{dotted[2]} is not in the schema {dotted[1]}"
    elif dotted and not is_file(code) and not code.endswith(".duckdb") and dotted[1] not in OTHER_PREFIXES:
        yield f"{code}: {dotted[1]} is no model and no file"
    elif SNAKE.fullmatch(code):
        if code not in project.names | project.macros:
            yield f"{code} is no name of the project"
    else:
        yield from wrong_in_command(code, project)


def wrong_in_command(line: str, project: Project) -> Iterator[str]:
    """The problems with the make targets, selections and files of a command."""
    line = line.split("  #")[0]
    for called in re.findall(rf"\bmake((?: {WORD}(?:-{WORD})*)+)(?= |$|`|\")", line):
        for target in called.split():
            if target not in project.targets:
                yield f"make {target} is no target"
    for selected in re.findall(r"--select \+?(\w+)", line):
        if selected not in project.names | project.schemas.keys() | {"package"}:
            yield f"--select {selected} selects nothing"
    for selector in re.findall(r"--selector (\w+)", line):
        if selector not in project.selectors:
            yield f"--selector {selector} is no selector"
    for word in re.split(r"[\s=\"'()`,;]+", line):
        if is_file(word) and not exists(word, project):
            yield f"{word} is no file"


def is_file(word: str) -> bool:
    """Whether a word looks like the path of a file or a folder of this project."""
    if "://" in word or "<" in word or word.startswith(("/", "-")) or word[:1].isdigit():
        return False
    return Path(word).suffix in SUFFIXES or ("/" in word and Path(word).suffix not in DATA and word != "/")


def exists(word: str, project: Project) -> bool:
    """Whether a file, a folder or a match of a pattern exists, or is created by a build or the user."""
    word = word.rstrip(".")
    if word.endswith("/"):
        return (PROJECT / word).is_dir() or word.startswith(GENERATED)
    if word.startswith((*GENERATED, *OF_THE_READER)):
        return True
    if "/" in word:
        return any(PROJECT.glob(word))
    return word in project.files


# ---- links -------------------------------------------------------------------------------------------------------


def anchors(document: Path) -> set[str]:
    """The anchors that GitHub generates for the headings of a document."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", document.read_text()), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def wrong_links(text: str, folder: Path, own_anchors: set[str]) -> list[str]:
    """The broken links of a text, relative to this folder."""
    found = []
    for link in LINK.findall(FENCE.sub("", text)):
        if "://" in link or link.startswith("mailto:"):
            continue
        path, _, anchor = link.partition("#")
        target = (folder / path).resolve()
        if path and not (target.exists() and target.is_relative_to(PROJECT)):
            found.append(f"{link}: there is no such file")
        elif anchor and anchor not in (anchors(target) if path else own_anchors):
            found.append(f"{link}: there is no such heading")
    return found


# ---- the tests ---------------------------------------------------------------------------------------------------


def name(document: Path) -> str:
    return str(document.relative_to(PROJECT))


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_a_document_names_only_what_exists(document: Path, project: Project):
    assert wrong_names(document.read_text(), project) == []


@pytest.mark.parametrize("document", LINKED, ids=name)
def test_no_link_is_broken(document: Path):
    assert wrong_links(document.read_text(), document.parent, anchors(document)) == []


def test_every_mart_is_in_the_readme(project: Project):
    first_cells = re.findall(r"^\| (`.*?`) \|", (PROJECT / "README.md").read_text(), re.M)
    assert project.schemas["marts"] - set(re.findall(r"`(\w+)`", " ".join(first_cells))) == set()


def test_every_document_can_be_reached_from_the_readme():
    reached, waiting = set(), [PROJECT / "README.md"]
    while waiting:
        document = waiting.pop()
        if document not in reached and document.suffix == ".md":
            reached.add(document)
            paths = (link.partition("#")[0] for link in LINK.findall(document.read_text()) if "://" not in link)
            waiting += [(document.parent / path).resolve() for path in paths if path]
    assert {*DOCUMENTS, RECIPES} - reached == set()


def test_the_readme_is_short():
    assert len((PROJECT / "README.md").read_text().splitlines()) <= README_LINES


def test_the_picture_of_the_rooms_is_up_to_date(manifest: dict, tmp_path: Path):
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    script = PROJECT / "scripts" / "draw_architecture.py"
    subprocess.run([sys.executable, script, tmp_path / "manifest.json", tmp_path / "drawn.svg"], check=True)
    assert (tmp_path / "drawn.svg").read_text() == (PROJECT / "docs" / "architecture.svg").read_text()


def test_every_room_is_described(manifest: dict):
    rooms = {Path(node["path"]).parts[0] for node in manifest["nodes"].values() if node["resource_type"] == "model"}
    rows = set(re.findall(r"^\| `(\w+)` \|", (PROJECT / "docs" / "architecture.md").read_text(), re.M))
    assert rooms - rows == set()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("`segment_profiles.no_such`", ["segment_profiles has no column no_such"]),
        ("`no_such.cluster_id`", ["no_such.cluster_id: no_such is no model and no file"]),
        ("`rejects.segment_profiles`", ["segment_profiles is not in the schema rejects"]),
        ("`no_such_mart`", ["no_such_mart is no name of the project"]),
        ("`no_such: 5`", ["no_such is no setting"]),
        ("`no_such()`", ["no_such() is no macro"]),
        ("`make lint no-such`", ["make no-such is no target"]),
        ("`dbt build --select no_such+`", ["--select no_such selects nothing"]),
        ("`dbt build --selector no_such`", ["--selector no_such is no selector"]),
        ("`docs/no_such.md`", ["docs/no_such.md is no file"]),
        ("`no_such.yml`", ["no_such.yml is no file"]),
        ("```sh\nX=1 make no-such VARS=my_shop.yml   # make anything\n```\n", ["make no-such is no target"]),
        ("```sh\npython benchmarks/no_such.py\n```\n", ["benchmarks/no_such.py is no file"]),
        ("```yaml\nno_such: 5\nk: 5\n```\n", ["no_such is no setting"]),
        (
            "```sql\nselect no_such, cluster_id from marts.nothing\n```\n",
            ["no_such is no name of the project", "nothing is no mart"],
        ),
        (
            "| before | now |\n|---|---|\n| `no_such_mart` | `no_such_now` |\n",
            ["no_such_now is no name of the project"],
        ),
    ],
)
def test_a_name_that_does_not_exist_is_found(text: str, said: list[str], project: Project):
    assert wrong_names(text, project) == said


def test_a_broken_link_is_found():
    text = "[a](README.md) [b](no_such.md) [c](README.md#the-marts) [d](README.md#no-such) [e](#own) [f](#no-such)"
    assert wrong_links(text, PROJECT, {"own"}) == [
        "no_such.md: there is no such file",
        "README.md#no-such: there is no such heading",
        "#no-such: there is no such heading",
    ]
