"""The project as a package of another one: integration_tests/ has its own names, schemas, macros and settings."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import duckdb
import pytest
import yaml
from conftest import DBT, PROJECT, Built, Once, dbt, environment, green

HOST = PROJECT / "integration_tests"
SEGMENTS = ("--exclude-resource-type", "test")

pytestmark = pytest.mark.xdist_group("package")


class Host:
    """A copy of the host project, with its package installed and a warehouse of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.warehouse = folder / "shop.duckdb"

    def dbt(self, *arguments: str, schema: str = "analytics", **changed: str) -> subprocess.CompletedProcess:
        """Run dbt in the folder of the host."""
        # A relative path, so that a copy of the host need not be parsed again.
        own = {"SHOP_WAREHOUSE": self.warehouse.name, "SHOP_SCHEMA": schema, "DBT_PROFILES_DIR": "."}
        return subprocess.run(
            [str(DBT), "--no-use-colors", *arguments],
            cwd=self.folder,
            env=environment(self.warehouse) | own | changed,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=600,
            check=False,
        )

    def green(self, *arguments: str, **changed: str) -> str:
        finished = self.dbt(*arguments, **changed)
        assert finished.returncode == 0, finished.stdout[-6_000:]
        return finished.stdout

    def change(self, change: dict) -> None:
        """Change settings of the package in the host's dbt_project.yml."""
        with self.project() as content:
            content["vars"]["customer_segmentation"] |= change

    @contextmanager
    def project(self) -> Iterator[dict]:
        """The content of the host's dbt_project.yml, which is written as it is in the end."""
        file = self.folder / "dbt_project.yml"
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
        yield content
        file.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")

    def rows(self, sql: str) -> list[tuple]:
        with duckdb.connect(str(self.warehouse), read_only=True) as connection:
            return connection.sql(sql).fetchall()

    def manifest(self) -> dict:
        return json.loads((self.folder / "target" / "manifest.json").read_text(encoding="utf-8"))


def copy_host(folder: Path, install: bool = True) -> Host:
    """A copy of the host project that installs the package from this project's folder."""
    shutil.copytree(HOST, folder, ignore=shutil.ignore_patterns("target", "logs", "dbt_packages", "*.duckdb*"))
    (folder / "packages.yml").write_text(f"packages:\n  - local: {PROJECT}\n", encoding="utf-8")
    host = Host(folder)
    if install:
        host.green("deps")
    return host


@pytest.fixture(scope="session")
def built_host(once: Once) -> Host:
    """The host, built with all tests, after `dbt deps`."""

    def make(folder: Path) -> Host:
        host = copy_host(folder)
        (folder / "build.txt").write_text(host.green("build", "--show-all-deprecations"), encoding="utf-8")
        return host

    return once("host", make)


@pytest.fixture
def host(built_host: Host, tmp_path: Path) -> Host:
    """A copy of the built host that a test can change."""
    shutil.copytree(built_host.folder, tmp_path / "host", symlinks=True)
    return Host(tmp_path / "host")


# ---- the marts ---------------------------------------------------------------------------------------------------


def test_the_marts_are_those_of_a_stand_alone_build(built_host: Host, sample: Built):
    """Except where data_quality says where the input came from."""
    alone = green(sample).marts()
    of_host = {}
    with duckdb.connect(str(built_host.warehouse), read_only=True) as connection:
        for mart in alone:
            without = " exclude (location)" if mart == "data_quality" else ""
            relation = connection.sql(f'select *{without} from analytics__segments."{mart}" order by all')
            header = ", ".join(f"{name} {kind}" for name, kind in zip(relation.columns, relation.types, strict=True))
            of_host[mart] = [header, *(repr(row) for row in relation.fetchall())]
    assert list(of_host) == list(alone)
    for mart, rows in alone.items():
        assert of_host[mart] == rows, mart


def test_nothing_is_deprecated_and_nothing_warns(built_host: Host):
    lines = (built_host.folder / "build.txt").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if "deprecat" in line.lower() or "[WARNING]" in line] == []
    assert any("PASS=" in line and "WARN=0 ERROR=0 SKIP=0" in line for line in lines)


def test_neither_the_sample_nor_unit_tests_are_part_of_the_host(built_host: Host):
    nodes = built_host.manifest()["nodes"].values()
    of_package = [node for node in nodes if node["package_name"] == "customer_segmentation"]
    assert {node["name"] for node in of_package if node["resource_type"] == "seed"} == {
        path.stem for path in (PROJECT / "seeds" / "playbook").glob("*.csv")
    }
    assert built_host.manifest()["unit_tests"] == {}


def test_schemas_follow_the_host(built_host: Host):
    schemas = {
        node["schema"]
        for node in built_host.manifest()["nodes"].values()
        if node["package_name"] == "customer_segmentation" and node["resource_type"] in ("model", "seed")
    }
    ours = {"staging", "intermediate", "rejects", "playbook"}
    # The host has named the schema of the marts itself.
    assert schemas == {f"analytics__segmentation_{name}" for name in ours} | {"analytics__segments"}


def test_the_models_of_the_host_come_first_in_the_lineage(built_host: Host):
    nodes = built_host.manifest()["nodes"]
    for base, model in (("base_shop__transactions", "fct_orders"), ("base_shop__customers", "dim_customers")):
        upstream = nodes[f"model.customer_segmentation.{base}"]["depends_on"]["nodes"]
        assert upstream == [f"model.shop_analytics.{model}"]
    # A model of the host with the name of one of the package reads its own.
    upstream = nodes["model.shop_analytics.dim_customers"]["depends_on"]["nodes"]
    assert upstream == ["model.shop_analytics.stg_shop__customers"]


def test_what_the_host_builds_on_the_marts_reconciles(built_host: Host):
    revenue = "select segment_key, revenue from analytics__marts.revenue_by_segment order by 1"
    marts = "select segment_key, sum(total_spending) from analytics__segments.customer_segments group by 1 order by 1"
    assert built_host.rows(revenue) == built_host.rows(marts)


# ---- settings ----------------------------------------------------------------------------------------------------


def test_only_names_among_our_settings_are_refused(host: Host):
    host.change({"kk": 5})
    refused = host.dbt("run", "--select", "base_shop__transactions")
    assert refused.returncode != 0
    assert "Setting 'kk' is unknown; the settings are " in refused.stdout
    assert "Change it under vars, customer_segmentation in dbt_project.yml, or in --vars." in refused.stdout
    # A run without our models does not mind.
    assert "customer_segmentation" not in host.green("run", "--select", "fct_orders").split("Concurrency")[1].replace(
        "hook: customer_segmentation", ""
    )


@pytest.mark.long
def test_a_var_of_the_host_with_the_name_of_a_setting_is_refused(host: Host):
    with host.project() as content:
        content["vars"]["k"] = 3
    refused = host.dbt("run", "--select", "int_as_of_date")
    assert refused.returncode != 0
    assert "The variable 'k' at the top level of vars in dbt_project.yml would be read as the setting" in refused.stdout
    # With a value of its own, the setting is not that of the host.
    host.change({"k": None})
    host.green("run", "--select", "int_as_of_date")


@pytest.mark.long
def test_an_input_that_is_not_named_is_asked_for(host: Host):
    host.change({"transactions_location": None, "customers_location": None})
    asked = host.dbt("run", "--select", "base_shop__transactions")
    assert asked.returncode != 0
    assert "Setting 'transactions_location' is null; the sample is not part of a package; name a model" in asked.stdout
    host.green("run", "--select", "fct_orders")


@pytest.mark.long
def test_a_column_that_the_model_lacks_is_named(host: Host):
    host.change(
        {"transactions_columns": {"customer_id": "byer", "transaction_date": "ordered_on", "amount": "net_amount"}}
    )
    host.change({"features": ["total_spending", "transaction_count"]})
    refused = host.dbt("run", "--select", "base_shop__transactions")
    assert refused.returncode != 0
    assert "there is no column 'byer' (for customer_id) in ref('fct_orders'), whose columns are: order_number" in (
        refused.stdout
    )


@pytest.mark.long
def test_models_of_one_name_need_a_flag(host: Host):
    with host.project() as content:
        del content["flags"]["require_ref_searches_node_package_before_root"]
    refused = host.dbt("run", "--select", "int_as_of_date")
    assert refused.returncode != 0
    assert "Both this project and its package customer_segmentation have a model 'data_quality'" in refused.stdout


def test_the_playbook_of_the_host_replaces_ours(host: Host):
    # A copy of ours, with its name and without archetypes that no rule of the host assigns; dbt takes its empty column
    # only_if for numbers. Our descriptions stay, with those archetypes.
    ours = (
        (PROJECT / "seeds/playbook/segment_playbook.csv").read_text(encoding="utf-8").replace("Give exclusive", "Send")
    )
    assigned = ("archetype,", "High Value,", "Low Activity,", "Buyers,", "All Customers,")
    unclustered = ("No Purchases,", "Earlier Purchases,", "Returns Only,")
    lines = [line for line in ours.splitlines(True) if line.startswith(assigned + unclustered)]
    (host.folder / "seeds/segment_playbook.csv").write_text("".join(lines), encoding="utf-8")
    host.change({"playbook_tables": {"segment_rules": "shop_segment_rules", "segment_playbook": "segment_playbook"}})
    seeds = ("shop_segment_rules", "shop_analytics.segment_playbook")
    host.green("build", "--select", *seeds, "int_segment_archetypes+", *SEGMENTS)
    assert host.rows("select count(*) from analytics__segments.segment_actions where action like 'Send %'") == [(1,)]
    names = host.rows("select archetype from analytics__segments.segment_profiles order by cluster_id")
    assert {name for (name,) in names} == {"High Value", "Low Activity"}


@pytest.mark.long
def test_a_source_and_a_file_are_inputs_too(host: Host):
    columns = {"customer_id": "customer_id", "signup_date": "signup_date"}
    host.change({"customers_location": "source('crm', 'customers')", "customers_columns": columns})
    host.green("run", "--select", "base_shop__customers")
    assert host.manifest()["nodes"]["model.customer_segmentation.base_shop__customers"]["depends_on"]["nodes"] == [
        "source.shop_analytics.crm.customers"
    ]
    host.change({"customers_location": "ref('stg_shop__customers')"})
    host.green("parse")
    assert host.manifest()["nodes"]["model.customer_segmentation.base_shop__customers"]["depends_on"]["nodes"] == [
        "model.shop_analytics.stg_shop__customers"
    ]
    host.change({"customers_location": "seeds/customers.csv"})
    host.green("run", "--select", "base_shop__customers")
    assert host.manifest()["nodes"]["model.customer_segmentation.base_shop__customers"]["depends_on"]["nodes"] == [
        "source.customer_segmentation.segmentation_input.customers"
    ]
    shown = host.green("show", "--inline", "select count(*) as customers from {{ ref('base_shop__customers') }}")
    assert "|       620 |" in shown


def test_a_table_of_the_host_stays_where_our_mart_of_its_name_is_disabled(host: Host):
    host.change({"disabled_marts": ["customer_360"]})
    own = "{{ config(schema='segments', materialized='incremental') }} select 1 as call"
    (host.folder / "models" / "customer_360.sql").write_text(own, encoding="utf-8")
    # With the tests of customer_360: none of them is ours. A var of the host is not taken for a setting.
    for arguments in (("--full-refresh",), ()):
        var = ("--vars", "{shop_promotion: spring}")
        host.green("build", "--select", "customer_360", "int_as_of_date", *var, *arguments)
    assert host.rows("select call from analytics__segments.customer_360") == [(1,), (1,)]


# ---- how hosts work ----------------------------------------------------------------------------------------------


@pytest.mark.long
def test_two_inputs_have_two_targets(host: Host):
    """Business customers beside consumers: the same project with another schema and input."""
    columns = "{customer_id: customer_id, transaction_date: transaction_date, amount: amount, quantity: quantity}"
    settings = (
        f"{{transactions_location: seeds/orders.csv, transactions_columns: {columns}, customers_location: null,"
        " excluded_lines: {product_category: [Garden]}}"
    )
    host.green("build", "--select", "package:customer_segmentation", *SEGMENTS, "--vars", settings, schema="b2b")
    both = [
        host.rows(f"select count(*) from {name}__segments.customer_segments")[0][0] for name in ("analytics", "b2b")
    ]
    assert both[0] == 620
    assert 0 < both[1] <= 620
    builds = [
        host.rows(f"select max(build) from {name}__segments.segmentation_builds") for name in ("analytics", "b2b")
    ]
    assert builds == [[(1,)], [(1,)]]


@pytest.mark.long
def test_a_build_in_the_host_is_logged_and_scored(host: Host):
    later = ("--vars", "{as_of_date: 2025-01-31}")
    host.green("build", "--select", "package:customer_segmentation", "--exclude", "tag:training", *SEGMENTS, *later)
    assert host.rows("select build, is_trained from analytics__segments.segmentation_builds order by build") == [
        (1, True),
        (2, False),
    ]


@pytest.mark.long
def test_the_rows_that_a_model_of_the_host_adds_are_read_alone(host: Host):
    """The same run changes the model and then reads it: new rows, and a day that has lost one."""
    with (host.folder / "models" / "marts" / "fct_orders.sql").open("w") as model:
        model.write("select *, cast(ordered_on as timestamp) as arrived from {{ ref('stg_shop__orders') }}\n")
        model.write("where {{ var('shop_has') }}\n")
    settings = yaml.safe_load((host.folder / "dbt_project.yml").read_text(encoding="utf-8"))["vars"]
    columns = settings["customer_segmentation"]["transactions_columns"] | {"loaded_at": "arrived"}
    host.change({"transactions_columns": columns})
    typed, select = "analytics__segmentation_staging.stg_shop__transactions", ("--select", "+stg_shop__transactions")
    host.green("run", *select, "--vars", "{shop_has: ordered_on < '2024-12-01'}")
    days = "select min(ordered_on), max(ordered_on), max_by(order_number, ordered_on) from analytics__marts.fct_orders"
    first_day, last_day, lost = host.rows(days)[0]
    with duckdb.connect(str(host.warehouse)) as connection:
        connection.execute(f"update {typed} set return_flag = 'seen' where input_file = '{first_day}'")
    host.green("run", *select, "--vars", f"{{shop_has: order_number != '{lost}'}}")
    assert host.rows(f"select max(input_file) > '{last_day}' from {typed}") == [(True,)]
    orders = "select order_number, net_amount, cast(arrived as date) from analytics__marts.fct_orders order by all"
    lines = host.rows(f"select transaction_id, amount, cast(input_file as date) from {typed} order by all")
    assert lines == host.rows(orders)
    assert host.rows(f"select distinct return_flag, input_file from {typed} where return_flag is not null") == [
        ("seen", str(first_day))
    ]


@pytest.mark.long
def test_deferral_reads_the_models_of_production(host: Host):
    shutil.copytree(host.folder / "target", host.folder / "production")
    host.green(*("run", "--select", "base_shop__transactions", "--defer", "--state", "production"), schema="developer")
    (definition,) = host.rows(
        "select sql from duckdb_views() where schema_name = 'developer__segmentation_staging'"
        " and view_name = 'base_shop__transactions'"
    )[0]
    assert "analytics__marts.fct_orders" in definition.replace('"', "")


@pytest.mark.long
def test_an_empty_build_of_the_host_passes(host: Host):
    host.green("build", "--empty", *SEGMENTS, schema="empty")
    assert host.rows("select count(*) from empty__segments.customer_segments") == [(0,)]


def test_a_changed_model_of_the_host_selects_ours(host: Host):
    shutil.copytree(host.folder / "target", host.folder / "production")
    model = host.folder / "models" / "marts" / "fct_orders.sql"
    model.write_text(model.read_text() + "where pieces > 0\n")
    listed = host.green("list", "--select", "state:modified+", "--state", "production", "--resource-type", "model")
    assert "customer_segmentation.marts.segments.segment_profiles" in listed
    assert "dim_customers" not in listed


@pytest.fixture(scope="session")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of this project that git knows, as a repository with the tag v0."""
    folder = tmp_path_factory.mktemp("repository") / "customer_segmentation"
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=PROJECT, capture_output=True, text=True, check=True)
    for name in filter(None, listed.stdout.split("\0")):
        if (PROJECT / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(PROJECT / name, folder / name, follow_symlinks=False)
    git = ["git", "-c", "user.name=test", "-c", "user.email=test@example.invalid"]
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "All"], ["tag", "v0"]):
        subprocess.run([*git, *command], cwd=folder, check=True)
    return folder


@pytest.mark.parametrize("kind", ["git", "tarball"])
def test_it_installs_from_a_repository_and_from_a_tarball(tmp_path: Path, repository: Path, kind: str):
    host = copy_host(tmp_path / "host", install=False)
    if kind == "git":
        package = f"  - git: file://{repository}\n    revision: v0\n"
    else:
        archive = tmp_path / "package.tar.gz"
        subprocess.run(["tar", "czf", str(archive), "-C", str(repository.parent), repository.name], check=True)
        handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path))
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/{archive.name}"
        package = f"  - tarball: {address}\n    name: customer_segmentation\n"
    (host.folder / "packages.yml").write_text(f"packages:\n{package}", encoding="utf-8")
    host.green("deps")
    installed = host.folder / "dbt_packages" / "customer_segmentation"
    assert not installed.is_symlink()
    assert (installed / "models" / "marts" / "segments" / "segment_profiles.sql").is_file()


def test_a_missing_python_side_is_one_sentence(host: Host, tmp_path: Path):
    """The module is hidden by one of the same name without its content."""
    hidden = tmp_path / "hidden" / "customer_segmentation"
    hidden.mkdir(parents=True)
    (hidden / "__init__.py").write_text("")
    failed = host.dbt("run", "--select", "int_kmeans_sweep", PYTHONPATH=str(hidden.parent))
    assert failed.returncode != 0
    assert "is not installed in the Python" in failed.stdout


# ---- an older warehouse ------------------------------------------------------------------------------------------

BEFORE_PACKAGES = "84ca385"


@pytest.mark.long
def test_a_warehouse_of_an_earlier_version_keeps_its_history(tmp_path: Path):
    """Built by the last commit before the project could be a package; this one asks for a build before it scores."""
    known = subprocess.run(["git", "cat-file", "-e", BEFORE_PACKAGES], cwd=PROJECT, check=False, capture_output=True)
    if known.returncode:
        pytest.skip("the clone has no history")
    before = tmp_path / "before"
    before.mkdir()
    archived = subprocess.run(["git", "archive", BEFORE_PACKAGES], cwd=PROJECT, capture_output=True, check=True)
    subprocess.run(["tar", "x"], cwd=before, input=archived.stdout, check=True)
    run = tmp_path / "run"
    run.mkdir()
    source = {"PYTHONPATH": os.pathsep.join([str(before / "src"), str(PROJECT / "src")])}
    green(dbt(run, "build", *SEGMENTS, project=before, changed=source))
    with duckdb.connect(str(run / "warehouse.duckdb"), read_only=True) as connection:
        keys = connection.sql("select customer_id, segment_key from marts.customer_segments order by all").fetchall()
    refused = dbt(run, "build", "--selector", "score", "--vars", "{as_of_date: 2025-01-31}")
    assert "which training makes and scoring reads: an earlier version trained the model" in refused.output
    green(dbt(run, "build", "--vars", "{as_of_date: 2025-01-31}"))
    scored = green(dbt(run, "build", "--selector", "score", "--vars", "{as_of_date: 2025-02-28}"))
    builds = scored.rows("select build, is_trained from marts.segmentation_builds order by build")
    assert builds == [(1, True), (2, True), (3, False)]
    # The refit of a month later moves a few customers at the borders; the segments keep their keys.
    now = scored.rows("select customer_id, segment_key from marts.customer_segments order by all")
    assert {key for _, key in now} == {key for _, key in keys}
    assert sum(a == b for a, b in zip(now, keys, strict=True)) > 0.9 * len(keys)
