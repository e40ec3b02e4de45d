"""Shared by the Python tests: the Python models, builds in separate folders, and inputs written as files.

A build takes seconds, so a build that several tests read is made once per session, whatever the number of pytest
workers: `Once` locks a folder that they share.
"""

from __future__ import annotations

import atexit
import fcntl
import importlib.util
import json
import os
import pickle
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import duckdb
import pandas as pd
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.configuration import set_hypothesis_home_dir
from spark_cluster import OF_THE_CLIENT, let_the_client_be_imported

TESTS = Path(__file__).resolve().parent
PROJECT = TESTS.parents[1]
MODELS = PROJECT / "models"
DBT = Path(sys.executable).with_name("dbt")
WITHOUT_UNIT_TESTS = ("--exclude-resource-type", "unit_test")
# For marts that a test compares with those of a build that ran its data tests.
WITHOUT_TESTS = ("--exclude-resource-type", "test", "unit_test")
# Settings for a build whose verdicts and expected spending nobody looks at.
QUICK = {"stability_refits": 0, "gap_references": 0, "value_sample_size": 0}

let_the_client_be_imported()

# The same examples in every run, so that failures are reproducible.
settings.register_profile(
    "project", derandomize=True, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("project")


# The groups of tests that take the longest are started first, so that the workers finish together.
LONGEST = ("living", "sail", "report")


# ---- pytest ------------------------------------------------------------------------------------------------------


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the tests of a browser where there is none, and let `--dist loadgroup` keep an xdist_group together.

    pytest-xdist 3.8 passes the group to its scheduler at the end of a test's id, which it writes where pytest 9.2 no
    longer reads it, so groups are silently ignored. Without this fix tests still pass, but some wait for others.
    """
    if not has_chromium():
        left_out = [item for item in items if item.get_closest_marker("browser")]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if not item.get_closest_marker("browser")]
    if getattr(config.option, "loadgroup", False):
        items.sort(key=lambda item: group_of(item) not in LONGEST)
        for item in items:
            group = group_of(item)
            if group and "@" not in item.nodeid and hasattr(item, "_id"):
                item._id = type(item._id).parse(f"{item.nodeid}@{group}")


def has_chromium() -> bool:
    """Whether Debian's Chromium is installed, which the tests of the report open it in."""
    return shutil.which("chromium") is not None


def group_of(item: pytest.Item) -> str | None:
    """The xdist_group of a test."""
    mark = item.get_closest_marker("xdist_group")
    return mark.args[0] if mark else None


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print how many faults were tried and survived, and whether tests were left out for want of a browser."""
    if not has_chromium():
        terminalreporter.write_line("The tests of the report in a browser were left out: chromium is not installed.")
    tried = failed = 0
    for outcome, reports in terminalreporter.stats.items():
        for report in reports:
            if outcome == "passed":
                tried += sum(value for name, value in report.user_properties if name == "faults")
            elif outcome in ("failed", "error") and {"faults", "short_faults"} & set(getattr(report, "keywords", ())):
                failed += 1
    if tried or failed:
        terminalreporter.write_line(f"Faults survived: {tried}. Tests of faults that failed: {failed}.")


@pytest.fixture
def survived(record_property: Callable[[str, object], None]) -> Callable[[int], None]:
    """A function to call with the number of faults that a test has tried and survived."""
    return lambda count: record_property("faults", count)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 4 MB; the test is skipped if this user cannot mount one."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("no file system can be mounted here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


# ---- the project -------------------------------------------------------------------------------------------------


def copy_of_project(folder: Path) -> Path:
    """Copy the project files that dbt reads to this folder, so that a test can change them; return the folder."""
    for name in ("models", "macros", "seeds", "tests", "analyses"):
        shutil.copytree(PROJECT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "python"))
    for name in ("dbt_project.yml", "profiles.yml", "selectors.yml"):
        shutil.copy(PROJECT / name, folder)
    return folder


# ---- the Python models -------------------------------------------------------------------------------------------


def load_model(name: str) -> ModuleType:
    """A Python model of the project as a module, loaded by its path as dbt does."""
    (path,) = MODELS.rglob(f"{name}.py")
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def int_kmeans_sweep() -> ModuleType:
    return load_model("int_kmeans_sweep")


@pytest.fixture(scope="session")
def int_map_axes() -> ModuleType:
    return load_model("int_map_axes")


# ---- builds ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Built:
    """The result of a dbt run: its exit code, its output and its warehouse."""

    returncode: int
    output: str
    warehouse: Path

    def query(self, sql: str) -> duckdb.DuckDBPyRelation:
        return duckdb.connect(str(self.warehouse), read_only=True).sql(sql)

    def rows(self, sql: str) -> list[tuple]:
        return self.query(sql).fetchall()

    def column(self, sql: str) -> list:
        return [row[0] for row in self.rows(sql)]

    def frame(self, sql: str) -> pd.DataFrame:
        return self.query(sql).df()

    def columns(self) -> dict[str, list[str]]:
        """Every mart and its columns."""
        found: dict[str, list[str]] = {}
        for mart, column in self.rows(
            "select table_name, column_name from information_schema.columns"
            " where table_schema = 'marts' order by table_name, ordinal_position"
        ):
            found.setdefault(mart, []).append(column)
        return found

    def relations(self) -> list[str]:
        """All relations of the warehouse; empty if the file does not exist."""
        if not self.warehouse.exists():
            return []
        return self.column("select table_schema || '.' || table_name from information_schema.tables order by all")

    def marts(self) -> dict[str, list[str]]:
        """Every mart as text with all digits: its columns with their types, then its rows.

        Without data_quality.location, so that the same input from another place gives the same.
        """
        dumped = {}
        for mart in self.columns():
            without = " exclude (location)" if mart == "data_quality" else ""
            relation = self.query(f'select *{without} from marts."{mart}" order by all')
            header = ", ".join(f"{name} {kind}" for name, kind in zip(relation.columns, relation.types, strict=True))
            dumped[mart] = [header, *(repr(row) for row in relation.fetchall())]
        return dumped


def environment(warehouse: Path) -> dict[str, str]:
    """The environment of a run: the current one, without variables that would redirect dbt."""
    elsewhere = ("DBT_", "SEGMENTATION_", *OF_THE_CLIENT)
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(elsewhere)}
    return inherited | {"SEGMENTATION_WAREHOUSE": str(warehouse)}


def dbt_folders(folder: Path) -> list[str]:
    return ["--target-path", str(folder / "target"), "--log-path", str(folder / "logs")]


def dbt(
    folder: Path, *arguments: str, project: Path = PROJECT, changed: dict[str, str] | None = None, timeout: int = 600
) -> Built:
    """Run dbt on the command line, with all its output in `folder`; `changed` are environment variables."""
    warehouse = folder / "warehouse.duckdb"
    finished = subprocess.run(
        [str(DBT), "--no-use-colors", *arguments, *dbt_folders(folder)],
        cwd=project,
        env=environment(warehouse) | (changed or {}),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=timeout,
    )
    return Built(finished.returncode, finished.stdout, warehouse)


def build(folder: Path, variables: dict[str, Any] | None = None, *arguments: str, project: Path = PROJECT) -> Built:
    """Run `dbt build` with these settings. A missing folder is created."""
    if project == PROJECT:
        return warm_dbt().run(folder, variables or {}, "build", *arguments)
    folder.mkdir(parents=True, exist_ok=True)
    return dbt(folder, "build", "--vars", json.dumps(variables or {}, default=str), *arguments, project=project)


class WarmDbt:
    """A process in which dbt stays loaded and the project parsed; it ends with this one."""

    def __init__(self, target: str | None, changed: dict[str, str]) -> None:
        self.target = target
        self.process = subprocess.Popen(
            [sys.executable, str(TESTS / "dbt_runs.py")],
            cwd=PROJECT,
            env=environment(Path("unset")) | changed,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        atexit.register(self.end)

    def end(self) -> None:
        self.process.stdin.close()
        self.process.wait()

    def run(
        self, folder: Path, settings: dict[str, Any], *arguments: str, parsed_with: dict[str, Any] | None = None
    ) -> Built:
        """Run dbt with these settings and arguments, with everything that it writes in `folder`.

        parsed_with: the settings with which the project is parsed, for a run that stops before models see theirs.
        """
        folder.mkdir(parents=True, exist_ok=True)
        warehouse = folder / "warehouse.duckdb"
        run = {"arguments": arguments, "settings": settings, "target": self.target, "folder": str(folder)}
        run["parsed_with"] = settings if parsed_with is None else parsed_with
        asked = json.dumps(run | {"warehouse": str(warehouse)}, default=str)
        print(asked, file=self.process.stdin, flush=True)
        code = self.process.stdout.readline()
        output = (folder / "output.txt").read_text(encoding="utf-8")
        assert code, f"The process of dbt ended.\n{output[-6_000:]}"
        return Built(int(code), output, warehouse)


@cache
def warm_dbt(target: str | None = None, **changed: str) -> WarmDbt:
    """One process for each target and environment; `changed` are environment variables."""
    return WarmDbt(target, changed)


def green(built: Built) -> Built:
    """Return the build if it succeeded; otherwise fail with the end of its output."""
    assert built.returncode == 0, built.output[-6_000:]
    return built


def many_dbt_runs(folder: Path, runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Run dbt several times in one process, which imports dbt once; each run is {arguments, variables, warehouse}.

    With copy_to the warehouse is copied there after the run.

    Runs share the parsed project where it would be the same. With `parse` "default" the project is parsed with its
    default settings, and only the checks before a run and the SQL see those of the run; with "alone" nothing is shared.
    Each answer has `success`, `message` (of what stopped the run, or of each failed node), `nodes` (those that ran) and
    `imports_scikit_learn` (whether the process had by then).
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "runs.json").write_text(json.dumps(runs, default=str))
    finished = subprocess.run(
        [sys.executable, str(TESTS / "dbt_runs.py"), str(folder)],
        cwd=PROJECT,
        env=environment(folder / "warehouse.duckdb"),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=900,
    )
    assert finished.returncode == 0, finished.stdout[-6_000:]
    return json.loads((folder / "answers.json").read_text())


# ---- once per session --------------------------------------------------------------------------------------------


class Once:
    """Makes an object once for all pytest workers of a session, and returns it to each of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, name: str, make: Callable[[Path], Any]) -> Any:
        """The result of make(folder) under this name, computed at the first call."""
        made = self.folder / f"{name}.pickle"
        with (self.folder / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not made.exists():
                made.write_bytes(pickle.dumps(make(self.folder / name)))
        return pickle.loads(made.read_bytes())


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory) -> Once:
    ours = tmp_path_factory.getbasetemp()
    # A worker of pytest-xdist has a folder of its own within the one that all share.
    folder = (ours.parent if "PYTEST_XDIST_WORKER" in os.environ else ours) / "once"
    folder.mkdir(exist_ok=True)
    return Once(folder)


@pytest.fixture(scope="session", autouse=True)
def projects_are_parsed_once(once: Once) -> None:
    """Tell dbt_runs.py, here and in other processes, where to keep what dbt has parsed."""
    (once.folder / "parsed").mkdir(exist_ok=True)
    os.environ["PARSED_PROJECTS"] = str(once.folder / "parsed")


@pytest.fixture(scope="session", autouse=True)
def hypothesis_writes_elsewhere(tmp_path_factory: pytest.TempPathFactory) -> None:
    set_hypothesis_home_dir(tmp_path_factory.mktemp("hypothesis"))


@pytest.fixture(scope="session")
def sample(once: Once) -> Built:
    """The sample, built with all its tests and all deprecation warnings shown."""

    def build_as_a_person_would(folder: Path) -> Built:
        folder.mkdir()
        return dbt(folder, "build", "--show-all-deprecations")

    return once("sample", build_as_a_person_would)


FIXED_KS = [1, 2, 6, 10]


@pytest.fixture(scope="session")
def fixed_ks(sample: Built, once: Once) -> dict[int, Built]:
    """The sample's warehouse with each k served; only k = 1 has to be fitted."""

    def serve(folder: Path) -> dict[int, Built]:
        built = {}
        for k in FIXED_KS:
            # The served k is read when a model runs, so the project has to be parsed only once.
            settings, parsed_with, first = {"k": k}, {}, "int_selected_k"
            if k == 1:
                settings = parsed_with = {"k": k, "starts": 1}
                first = "int_kmeans_sweep"
            # The constraints of single columns do not depend on k: the ends of the range test them.
            tests = [] if k in (1, 2, 10) else ["--exclude", "test_type:generic"]
            (folder / str(k)).mkdir(parents=True)
            shutil.copy(sample.warehouse, folder / str(k))
            arguments = ["build", "--select", f"{first}+", *tests, *WITHOUT_UNIT_TESTS]
            built[k] = warm_dbt().run(folder / str(k), settings, *arguments, parsed_with=parsed_with)
        return built

    return once("fixed_ks", serve)


@pytest.fixture(scope="session")
def without_rows(once: Once) -> Built:
    """A build of two inputs that have only a header."""

    def make(folder: Path) -> Built:
        settings = write_inputs(folder / "input", [], []) | {"allow_empty_transactions": True}
        return build(folder, settings, *WITHOUT_UNIT_TESTS)

    return once("without_rows", make)


@pytest.fixture(scope="session")
def manifest(once: Once) -> dict[str, Any]:
    """dbt's manifest of the project, with the compiled SQL of the catalogue of rules."""

    def make(folder: Path) -> dict[str, Any]:
        folder.mkdir()
        green(dbt(folder, "compile", "--select", "int_rule_catalogue"))
        return json.loads((folder / "target" / "manifest.json").read_text())

    return once("manifest", make)


# ---- inputs ------------------------------------------------------------------------------------------------------


def packaged(name: str) -> Path:
    """The folder of a package; its code is not run."""
    package = importlib.util.find_spec(name)
    if package is None:
        pytest.skip(f"the package {name} is not installed")
    return Path(package.origin).parent


TRANSACTIONS = ["transaction_id", "customer_id", "transaction_date", "quantity", "amount"]
CUSTOMERS = ["customer_id", "signup_date"]


def write_inputs(folder: Path, transactions: list[tuple] | pd.DataFrame, customers: list[tuple] | pd.DataFrame) -> dict:
    """Write both inputs as CSV files and return the settings that read them."""
    folder.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(transactions, columns=TRANSACTIONS).to_csv(folder / "transactions.csv", index=False)
    pd.DataFrame(customers, columns=CUSTOMERS).to_csv(folder / "customers.csv", index=False)
    return {
        "transactions_location": str(folder / "transactions.csv"),
        "customers_location": str(folder / "customers.csv"),
        "customers_columns": {name: name for name in CUSTOMERS},
    }


@dataclass(frozen=True)
class Sample:
    """The two files of the sample, and its features computed by plain pandas."""

    customers: pd.DataFrame
    transactions: pd.DataFrame
    features: pd.DataFrame


FEATURES = ["total_spending", "total_quantity", "transaction_count", "days_since_signup"]


@pytest.fixture(scope="session")
def sample_input() -> Sample:
    """The sample, read without dbt. Amounts are in whole cents, so that sums are exact."""
    folder = PROJECT / "seeds" / "sample"
    customers = pd.read_csv(folder / "sample_customers.csv", dtype=str)
    transactions = pd.read_csv(folder / "sample_transactions.csv", dtype=str)
    amounts = transactions["amount"].str.split(".", expand=True).fillna("0")
    lines = pd.DataFrame(
        {
            "customer_id": transactions["customer_id"],
            "transaction_id": transactions["transaction_id"],
            "cents": amounts[0].astype(int) * 100 + amounts[1].str.ljust(2, "0").astype(int),
            "quantity": transactions["quantity"].astype(int),
            "day": pd.to_datetime(transactions["transaction_date"]),
        }
    )
    bought = lines.groupby("customer_id").agg(
        cents=("cents", "sum"),
        total_quantity=("quantity", "sum"),
        transaction_count=("transaction_id", "nunique"),
        last_day=("day", "max"),
    )
    signups = pd.to_datetime(customers.set_index("customer_id")["signup_date"])
    as_of = lines["day"].max()
    features = bought.join(signups, how="right").sort_index()
    features["total_spending"] = features["cents"] / 100
    features["days_since_signup"] = (as_of - features["signup_date"]).dt.days
    features["days_since_last_transaction"] = (as_of - features["last_day"]).dt.days
    return Sample(customers, transactions, features)
