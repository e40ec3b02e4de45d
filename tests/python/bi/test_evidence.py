"""The Evidence site of examples/evidence: its pages in a browser, compared with the marts of the publication.

The site is built once per session from two publications: the sample, and a warehouse of two builds.
"""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import duckdb
import pytest
from conftest import PROJECT, WITHOUT_TESTS, Built, Once, green, many_dbt_runs
from playwright.sync_api import Browser, Page, expect, sync_playwright

from customer_segmentation.publication.publications import locked, publish_marts

EXAMPLE = PROJECT / "examples" / "evidence"
CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
PAGES = ("", "moves/", "customers/")

in_the_browser = pytest.mark.evidence
one_process = pytest.mark.xdist_group("evidence")
needs_npm = pytest.mark.skipif(shutil.which("npm") is None, reason="npm is missing; Evidence is a Node.js program")


# ---- without a browser -------------------------------------------------------------------------------------------


def test_the_lock_has_a_hash_for_every_package_and_no_address() -> None:
    packages = json.loads((EXAMPLE / "package-lock.json").read_text())["packages"]
    # A package in a bundle comes with the package around it.
    installed = {name: package for name, package in packages.items() if name and not package.get("inBundle")}

    assert len(installed) > 100
    assert [name for name, package in installed.items() if not package["integrity"].startswith("sha512-")] == []
    assert [name for name, package in installed.items() if "resolved" in package] == []


def test_the_script_says_what_is_missing(tmp_path: Path) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    for tool in ("dirname", "sed"):
        (tools / tool).symlink_to(shutil.which(tool))

    ended = subprocess.run(
        [shutil.which("sh"), str(EXAMPLE / "build.sh"), str(tmp_path)],
        env={"PATH": str(tools)},
        capture_output=True,
        text=True,
    )

    assert ended.returncode == 1
    assert ended.stderr.startswith("Evidence needs Node.js 18 or later with npm")
    assert ended.stderr.count("\n") == 1


def test_the_script_reads_the_publications_beside_the_warehouse(tmp_path: Path) -> None:
    there = tmp_path / "there" / "shop.duckdb"
    there.parent.mkdir()
    there.touch()
    link = tmp_path / "warehouse.duckdb"
    link.symlink_to(there)

    def folder(**variables: str) -> str:
        script = ["sh", str(EXAMPLE / "build.sh"), "--publication"]
        environment = {"PATH": os.environ["PATH"]} | variables
        return subprocess.run(script, env=environment, cwd=tmp_path, capture_output=True, text=True).stdout.strip()

    assert folder() == f"{PROJECT / 'publications' / 'current'}"
    assert folder(SEGMENTATION_WAREHOUSE=str(link)) == f"{there.parent / 'publications' / 'current'}"
    assert folder(SEGMENTATION_WAREHOUSE=str(link), SEGMENTATION_PUBLICATIONS="/elsewhere") == "/elsewhere/current"


# ---- sites -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Site:
    """A site and the publication that it was built from."""

    folder: Path
    publication: Path

    def rows(self, sql: str) -> list[tuple]:
        with duckdb.connect(str(self.publication / "segments.duckdb"), read_only=True) as marts:
            return marts.execute(sql).fetchall()


def built(folder: Path, warehouse: Path) -> Site:
    """Publish a warehouse and build the site from the publication."""
    folder.mkdir(parents=True)
    with locked(folder / "publications"):
        publish_marts(warehouse, folder / "publications", 1)
    site = Site(folder / "site", (folder / "publications" / "current").resolve())
    ended = subprocess.run(
        ["sh", str(EXAMPLE / "build.sh"), str(site.publication), str(site.folder)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=900,
    )
    assert ended.returncode == 0, ended.stdout[-6_000:]
    return site


def make_sites(folder: Path, sample: Path) -> dict[str, Site]:
    """The sites of the sample and of a warehouse of two builds, between which customers and the model moved."""
    warehouse = folder / "history.duckdb"
    runs = [
        {"arguments": ["build", *WITHOUT_TESTS], "variables": variables, "warehouse": str(warehouse)}
        for variables in ({"as_of_date": "2024-09-30"}, {})
    ]
    for answer in many_dbt_runs(folder / "dbt", runs):
        assert answer["success"], answer["message"]
    return {name: built(folder / name, path) for name, path in (("sample", sample), ("history", warehouse))}


@pytest.fixture(scope="session")
def sites(once: Once, sample: Built) -> dict[str, Site]:
    return once("evidence", lambda folder: make_sites(folder, green(sample).warehouse))


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"]
        )
        yield browser
        browser.close()


@dataclass
class Opened:
    """A page in the browser, with its errors and the requests to other servers."""

    page: Page
    complaints: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)


class Quiet(SimpleHTTPRequestHandler):
    """Serves files without logging the requests."""

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def opened(chromium: Browser, sites: dict[str, Site]) -> Iterator[Callable[[str, str], Opened]]:
    ended: list[Callable[[], None]] = []

    def open_page(site: str, path: str) -> Opened:
        server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(sites[site].folder)))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        context = chromium.new_context(viewport={"width": 1280, "height": 900})
        ended.extend([context.close, server.shutdown, server.server_close])
        address = f"http://127.0.0.1:{server.server_port}"
        it = Opened(context.new_page())
        it.page.on("console", lambda told: it.complaints.append(told.text) if told.type == "error" else None)
        it.page.on("pageerror", lambda error: it.complaints.append(str(error)))
        it.page.on(
            "request",
            lambda request: (
                None if request.url.startswith((address, "data:", "blob:")) else it.elsewhere.append(request.url)
            ),
        )
        it.page.goto(f"{address}/{path}")
        it.page.wait_for_load_state("networkidle")
        return it

    yield open_page
    for end in ended:
        end()


def big_value(page: Page, title: str) -> str:
    """The number that stands under a title."""
    return page.locator("article div.inline-block", has=page.get_by_text(title, exact=True)).first.inner_text()


def table(page: Page) -> list[list[str]]:
    """The cells of the first table of the page, row by row; a second, hidden copy is for printing."""
    rows = page.locator("article table:visible").first.locator("tr:has(td)")
    return [[cell.strip() for cell in row.locator("td").all_inner_texts()] for row in rows.all()]


# ---- in the browser ----------------------------------------------------------------------------------------------


@in_the_browser
@needs_npm
@one_process
@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("site", ["sample", "history"])
def test_a_page_has_no_errors_and_loads_nothing_from_elsewhere(site, path, opened) -> None:
    it = opened(site, path)

    expect(it.page.locator("h1")).to_be_visible()
    assert it.complaints == []
    assert it.elsewhere == []


@in_the_browser
@needs_npm
@one_process
@pytest.mark.parametrize("site", ["sample", "history"])
def test_the_profiles_are_those_of_the_mart(site, sites, opened) -> None:
    page = opened(site, "").page

    expected = sites[site].rows(
        "select segment_name, format('{:,}', cluster_size), round(100 * customer_share) || '%',"
        " format('{:,.2f}', avg_total_spending), format('{:.1f}', avg_transactions),"
        " median_days_since_last_transaction, round(100 * quiet_share) || '%' from marts.segment_profiles"
        " order by avg_total_spending desc nulls last"
    )
    assert table(page) == [[str(cell).replace(".0%", "%") for cell in row] for row in expected]
    expect(page.locator("article canvas")).to_have_count(1)
    for name, description in sites[site].rows("select segment_name, description from marts.segment_profiles"):
        expect(page.get_by_text(f"{name}. {description}")).to_be_visible()


@in_the_browser
@needs_npm
@one_process
def test_filters_change_the_list_of_customers(sites, opened) -> None:
    page = opened("sample", "customers/").page

    def shows(condition: str) -> None:
        [(customers, spending)] = sites["sample"].rows(
            "select format('{:,}', count(*)), format('{:,.2f}', coalesce(sum(total_spending), 0))"
            f" from marts.customer_segments where {condition}"
        )
        article = page.locator("article")
        expect(article.get_by_text(customers, exact=True).first).to_be_visible()
        expect(article.get_by_text(spending, exact=True).first).to_be_visible()
        [(first,)] = sites["sample"].rows(
            f"select customer_id from marts.customer_segments where {condition}"
            " order by total_spending desc, customer_id limit 1"
        )
        expect(article.locator("table:visible tr:has(td)").first.locator("td").first).to_have_text(first)
        listed = [f"'{row[0]}'" for row in table(page)]
        assert len(listed) == min(20, int(customers))
        assert sites["sample"].rows(
            f"select count(*) from marts.customer_segments where {condition} and customer_id in ({', '.join(listed)})"
        ) == [(len(listed),)]

    shows("true")
    page.get_by_role("button", name="Gone quiet").click()
    shows("is_quiet")
    page.get_by_role("combobox").first.click()
    page.get_by_role("option", name="Low Activity").click()
    page.keyboard.press("Escape")
    shows("is_quiet and segment_name = 'Low Activity'")
    page.get_by_role("button", name="Active", exact=True).click()
    shows("not is_quiet and segment_name = 'Low Activity'")
    page.get_by_role("button", name="One purchase").click()
    expect(page.get_by_text("No customer matches these filters.")).to_be_visible()


@in_the_browser
@needs_npm
@one_process
def test_the_first_build_has_no_moves_and_says_so(sites, opened) -> None:
    page = opened("sample", "moves/").page

    assert sites["sample"].rows("select count(*) from marts.segment_migrations") == [(0,)]
    expect(page.get_by_text("This is the first build")).to_be_visible()
    expect(page.locator("article canvas")).to_have_count(0)


@in_the_browser
@needs_npm
@one_process
def test_the_moves_are_those_of_the_mart(sites, opened) -> None:
    page = opened("history", "moves/").page

    [(moved, stayed)] = sites["history"].rows(
        "select format('{:,}', cast(sum(customers) filter (where is_move) as bigint)),"
        " format('{:,}', cast(sum(customers) filter (where not is_move) as bigint))"
        " from marts.segment_migrations where build = 2 and step = 'both' and from_segment_key is not null"
    )
    assert int(moved) > 0
    assert big_value(page, "Moved").split() == ["Moved", moved]
    assert big_value(page, "Stayed").split() == ["Stayed", stayed]
    expect(page.locator("article canvas")).to_have_count(1)
    expected = sites["history"].rows(
        "select case step when 'behaviour' then 'their purchases' else 'a new model' end as cause, from_segment_name,"
        " to_segment_name, format('{:,}', customers), format('{:,.2f}', total_spending) from marts.segment_migrations"
        " where step <> 'both' and is_move and from_segment_key is not null"
        " order by segment_migrations.customers desc, cause, from_segment_name, to_segment_name limit 20"
    )
    assert table(page) == [list(row) for row in expected]
