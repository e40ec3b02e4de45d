"""The report: the page in a browser, its numbers compared with the marts, and its errors.

The browser is Debian's Chromium. The pages are built once per session, from separate warehouses.
"""

from __future__ import annotations

import csv
import itertools
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml
from axe_playwright_python.sync_playwright import Axe
from conftest import PROJECT, WITHOUT_TESTS, Built, Once, build, green, write_inputs
from playwright.sync_api import Browser, Page, sync_playwright

from customer_segmentation.publication.publications import locked, publish_marts
from customer_segmentation.report import ReportError
from customer_segmentation.report.__main__ import main
from customer_segmentation.report.page import page as page_of
from customer_segmentation.report.reading import COLUMNS_READ, POINTS_OF_A_SEGMENT_AT_LEAST, Marts
from customer_segmentation.report.wording import formatter_for

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("report")]

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# For a segment's name: text that would close a tag, open a script, or be template code.
HOSTILE = "<script>document.title='owned'</script> & \"{{ 7 * 7 }}\" ' "
LONG = HOSTILE + "Donaudampfschifffahrtsgesellschaftskapitaen " * 3


# ---- pages ------------------------------------------------------------------------------------------------------


def write_report(warehouse: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the report on the command line."""
    return subprocess.run(
        [sys.executable, "-m", "customer_segmentation.report", "--warehouse", str(warehouse), *arguments],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=120,
    )


def written(warehouse: Path, target: Path) -> Path:
    """The page of a warehouse, with its size and the time that writing it took."""
    started = time.perf_counter()
    main(["--warehouse", str(warehouse), "--output", str(target)])
    print(f"{target.name}: {target.stat().st_size / 1e6:.2f} MB in {time.perf_counter() - started:.1f} s")
    return target


def with_names(warehouse: Path, suffix: str) -> None:
    """Append a text to every segment's name, in all marts that have one."""
    with duckdb.connect(str(warehouse)) as connection:
        marts = connection.execute(
            "select table_name from information_schema.columns"
            " where table_schema = 'marts' and column_name = 'segment_name'"
        ).fetchall()
        for (mart,) in marts:
            connection.execute(
                "create table marts.renamed as select * replace (segment_name || $1 as segment_name)"
                f" from marts.{mart}",
                [suffix],
            )
            connection.execute(f"drop table marts.{mart}")
            connection.execute(f"alter table marts.renamed rename to {mart}")


def make_warehouses(folder: Path, sample: Path, others: dict[str, Path]) -> dict[str, Path]:
    """The sample and others; besides, one with long and hostile names, one of many and one without purchases."""
    warehouses = {"sample": sample} | others
    (folder / "seven").mkdir(parents=True)
    shutil.copy(sample, folder / "seven")
    # A full run is logged as a build, so the page with seven segments has a history.
    warehouses["seven"] = green(build(folder / "seven", {"k": 7}, *WITHOUT_TESTS)).warehouse
    idle = write_inputs(folder / "input", [], [("a", "2024-01-01"), ("b", "2024-01-01")])
    idle |= {"allow_empty_transactions": True}
    warehouses["idle"] = green(build(folder / "idle", idle, *WITHOUT_TESTS)).warehouse
    warehouses |= {name: folder / f"{name}.duckdb" for name in ("names", "many")}
    shutil.copy(warehouses["seven"], warehouses["names"])
    with_names(warehouses["names"], f" {LONG}")
    shutil.copy(sample, warehouses["many"])
    multiply(warehouses["many"], 20)
    return warehouses


def multiply(warehouse: Path, times: int) -> None:
    """Multiply the customers until the map cannot show all, with ids too long to repeat in full in the file."""
    with duckdb.connect(str(warehouse)) as connection:
        for mart in ("customer_segments", "segment_map"):
            connection.execute(
                f"create table marts.grown as select * replace"
                f" (customer_id || '-' || copy || repeat('x', 500) as customer_id)"
                f" from marts.{mart}, range({times}) as copies (copy)"
            )
            connection.execute("alter table marts.grown drop copy")
            connection.execute(f"drop table marts.{mart}")
            connection.execute(f"alter table marts.grown rename to {mart}")


@pytest.fixture(scope="session")
def warehouses(once: Once, sample: Built, without_rows: Built, fixed_ks: dict[int, Built]) -> dict[str, Path]:
    others = {"empty": without_rows, "one": fixed_ks[1], "two": fixed_ks[2], "ten": fixed_ks[10]}
    paths = {name: green(built).warehouse for name, built in others.items()}
    return once("report_warehouses", lambda folder: make_warehouses(folder, green(sample).warehouse, paths))


@pytest.fixture(scope="session")
def pages(once: Once, warehouses: dict[str, Path]) -> dict[str, Path]:
    def make(folder: Path) -> dict[str, Path]:
        folder.mkdir(parents=True, exist_ok=True)
        return {name: written(path, folder / f"{name}.html") for name, path in warehouses.items()}

    return once("report_pages", make)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@dataclass
class Opened:
    """A page in the browser, with its errors and warnings and its network requests."""

    page: Page
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)


@pytest.fixture
def opened(chromium: Browser) -> Iterator[Any]:
    contexts = []

    def open_page(path: Path, width: int = 1280, scheme: str = "light") -> Opened:
        context = chromium.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        contexts.append(context)
        it = Opened(context.new_page())
        it.page.on("console", lambda message: it.complaints.append(f"{message.type}: {message.text}"))
        it.page.on("pageerror", lambda error: it.complaints.append(str(error)))
        it.page.on("request", lambda request: it.requests.append(request.url))
        it.page.goto(path.as_uri())
        if it.page.locator(".chart").count():
            it.page.wait_for_selector("html[data-charts=drawn]", timeout=30_000)
        if it.page.locator("#customer-data").count():
            it.page.wait_for_selector("html[data-customers=ready]", timeout=30_000)
        return it

    yield open_page
    for context in contexts:
        context.close()


def query(warehouse: Path, sql: str) -> list[tuple]:
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        return connection.execute(sql).fetchall()


def open_analysts(page: Page) -> None:
    page.locator("#analysts > summary").click()
    page.wait_for_selector("#analysts[data-charts=drawn]")


def marks(page: Page, chart: str, kind: str = "symbol") -> int:
    return page.locator(f"#{chart} svg .mark-{kind} path").count()


# ---- in the browser ---------------------------------------------------------------------------------------------

ALL = ["sample", "one", "two", "seven", "ten", "names", "many", "empty", "idle"]


@pytest.mark.parametrize("name", ALL)
def test_the_page_has_no_errors_and_no_network_requests(name, pages, opened) -> None:
    it = opened(pages[name])

    assert it.complaints == []
    assert [url for url in it.requests if not url.startswith(("file:", "data:"))] == []


@pytest.mark.parametrize("name", ["sample", "one", "two", "seven", "ten", "names"])
def test_every_chart_has_a_mark_for_each_row(name, pages, warehouses, opened) -> None:
    page = opened(pages[name]).page
    warehouse = warehouses[name]
    [(customers,)] = query(warehouse, "select count(*) from marts.segment_map")
    [(ks,)] = query(warehouse, "select count(davies_bouldin_index) from marts.k_selection")
    [(segments,)] = query(warehouse, "select count(cluster_id) from marts.segment_profiles")

    assert marks(page, "chart-map") == customers
    open_analysts(page)
    for metric in ("davies_bouldin_index", "silhouette_score", "inertia"):
        assert marks(page, f"chart-{metric}") == ks
    if segments > 1:
        assert marks(page, "chart-shares", "rect") == 2 * segments
    assert page.locator("article.segment").count() == segments
    shapes = page.eval_on_selector_all(".legend path", "paths => paths.map(p => p.getAttribute('d'))")
    assert len(set(shapes)) == segments


def test_hovering_over_a_mark_shows_the_customer(pages, warehouses, opened) -> None:
    page = opened(pages["sample"]).page
    mark = page.locator("#chart-map svg .mark-symbol path").nth(7)
    mark.scroll_into_view_if_needed()
    box = mark.bounding_box()

    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)

    tooltip = page.wait_for_selector("#vg-tooltip-element.visible")
    cells = dict(
        zip(
            (cell.inner_text() for cell in tooltip.query_selector_all("td.key")),
            (cell.inner_text() for cell in tooltip.query_selector_all("td.value")),
            strict=True,
        )
    )
    [(segment, spending)] = query(
        warehouses["sample"],
        f"select segment_name, total_spending from marts.customer_segments where customer_id = '{cells['Customer']}'",
    )
    assert cells["Segment"] == segment
    assert cells["Spending"] == f"{spending:,.2f}"


def test_no_name_hides_a_customer_from_the_pointer(pages, opened) -> None:
    page = opened(pages["sample"]).page
    # The viewport shows the entire page, because the pointer reaches only what is visible.
    page.set_viewport_size({"width": 1280, "height": page.evaluate("document.documentElement.scrollHeight")})

    found = page.eval_on_selector_all(
        "#chart-map .mark-symbol path",
        """marks => marks.map(mark => {
            const box = mark.getBoundingClientRect();
            return document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2)?.tagName ?? null;
        })""",
    )

    assert found == ["path"] * 620


@pytest.mark.parametrize("name", ["sample", "ten", "names", "idle"])
def test_the_tables_equal_the_marts(name, pages, warehouses, opened) -> None:
    page = opened(pages[name]).page

    shown = {
        row.get_attribute("data-segment"): [cell.get_attribute("data-value") for cell in row.locator("td").all()]
        for row in page.locator("#profile-table tbody tr[data-segment]").all()
    }
    profiles = query(
        warehouses[name],
        "select segment_name, avg_total_spending, avg_quantity, avg_transactions, avg_days_since_signup, cluster_size,"
        " customer_share, spending_share from marts.segment_profiles",
    )
    assert shown == {row[0]: [str(value) for value in row[1:]] for row in profiles}

    chosen = [
        [row.locator("th").text_content(), *(cell.get_attribute("data-value") for cell in row.locator("td").all()[:4])]
        for row in page.locator("#k-table tbody tr").all()
    ]
    metrics = query(
        warehouses[name],
        "select k, davies_bouldin_index, silhouette_score, inertia, smallest_cluster_size from marts.k_selection"
        " order by k",
    )
    # inner_text of a collapsed table is empty; text_content is not.
    ks = [row.locator("th").text_content() for row in page.locator("#k-table tbody tr").all()]
    assert [[k, *row[1:]] for k, row in zip(ks, chosen, strict=True)] == [
        [str(value) for value in row] for row in metrics
    ]

    borders = query(
        warehouses[name], "select description from marts.segment_borders order by cluster_id, neighbour_cluster_id"
    )
    assert page.locator("#borders li").all_text_contents() == [description for (description,) in borders]

    alternatives = [
        (int(details.get_attribute("data-k")), row.locator("th").text_content(), row.locator("td").first.text_content())
        for details in page.locator("details[data-k]").all()
        for row in details.locator("tbody tr").all()
    ]
    # Nothing was trained without a purchase, and a k that was not trained last has no alternatives.
    assert alternatives == [
        (k, segment, str(customers))
        for k, segment, customers in query(
            warehouses[name],
            "select k, segment_name, customers from marts.segment_alternatives where not is_selected"
            " order by k, cluster_id desc",
        )
    ]

    borders = [
        (int(details.get_attribute("data-k")), border)
        for details in page.locator("details[data-k]").all()
        for border in details.locator(".borders li").all_text_contents()
    ]
    assert borders == query(
        warehouses[name],
        "select k, description from marts.segment_alternative_borders"
        " where k not in (select k from marts.segment_alternatives where is_selected)"
        " order by k, cluster_id, neighbour_cluster_id",
    )

    actions = [
        (article.get_attribute("data-segment"), action)
        for article in page.locator("#actions article").all()
        for action in article.locator("li strong").all_inner_texts()
    ]
    assert sorted(actions) == sorted(query(warehouses[name], "select segment_name, action from marts.segment_actions"))

    due = page.locator("#due ~ .card").first.locator("tbody tr").all()
    listed = [[text.split()[0] for text in row.locator("td").all_inner_texts()[2:5]] for row in due]
    assert sorted(listed) == sorted(
        [f"{action}.csv", str(treated), str(held_out)]
        for action, treated, held_out in query(
            warehouses[name],
            "select action_id, count(*) filter (where status = 'treated') as treated,"
            " count(*) filter (where status = 'holdout') from marts.audiences group by action_id, segment_key"
            " having treated > 0",
        )
    )
    assert "No list has been exported yet" in page.locator("#results p").inner_text()


@pytest.mark.parametrize("name", ["sample", "ten"])
def test_the_map_of_another_k_draws_each_customer_as_its_segment(name, pages, warehouses, opened) -> None:
    page = opened(pages[name]).page
    page.locator("details#analysts").evaluate("details => { details.open = true; }")
    for k in (2, 5):
        if not page.locator(f"details[data-k='{k}']").count():
            continue
        page.locator(f"details[data-k='{k}']").evaluate("details => { details.open = true; }")
        page.locator(f"#chart-map-{k} .mark-symbol path").first.wait_for()

        glyphs = page.locator(f"details[data-k='{k}'] tbody svg path")
        colours = glyphs.evaluate_all("all => all.map(one => getComputedStyle(one).fill)")

        drawn = page.locator(f"#chart-map-{k} .mark-symbol path").evaluate_all(
            "all => all.map(one => getComputedStyle(one).fill)"
        )
        expected = query(
            warehouses[name],
            f"select count(*) from marts.segment_alternative_map where k = {k}"
            " group by cluster_id order by cluster_id desc",
        )
        assert len(set(colours)) == k
        assert [(drawn.count(colour),) for colour in colours] == expected


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["sample", "ten", "names", "empty"])
def test_axe_finds_nothing_serious(name, scheme, pages, opened) -> None:
    page = opened(pages[name], scheme=scheme).page
    page.eval_on_selector_all("details", "all => all.forEach(one => one.open = true)")

    found = Axe().run(page).response["violations"]

    assert [
        (fault["id"], fault["nodes"][0]["html"]) for fault in found if fault["impact"] in ("serious", "critical")
    ] == []


@pytest.mark.parametrize("name", ALL)
def test_a_phone_scrolls_tables_and_never_the_page(name, pages, opened) -> None:
    page = opened(pages[name], width=390).page

    assert page.evaluate("document.documentElement.scrollWidth") == 390
    for chart in page.locator(".chart svg").all():
        box = chart.bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 390


def test_charts_follow_the_screen_and_the_paper(pages, opened) -> None:
    colour = "getComputedStyle(document.querySelector('#chart-map .mark-symbol path')).fill"
    page = opened(pages["sample"], scheme="dark").page
    dark = page.evaluate(colour)
    page.emulate_media(media="print", color_scheme="dark")
    paper = page.evaluate(colour)
    page.emulate_media(media="screen", color_scheme="light")

    assert page.evaluate(colour) == paper != dark


@pytest.mark.parametrize("name", ["sample", "one", "names", "empty"])
def test_headings_are_in_order_and_figures_have_text_alternatives(name, pages, opened) -> None:
    page = opened(pages[name]).page
    levels = page.eval_on_selector_all("h1,h2,h3,h4", "all => all.map(one => Number(one.tagName[1]))")

    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(below - above <= 1 for above, below in itertools.pairwise(levels))
    assert page.locator("html").get_attribute("lang") == "en"
    for chart in page.locator(".chart").all():
        assert len(chart.get_attribute("aria-label")) > 20
    assert page.locator("th:not([scope])").count() == 0


def test_names_of_the_input_are_escaped(pages, warehouses, opened) -> None:
    page = opened(pages["names"]).page

    names = [name for (name,) in query(warehouses["names"], "select segment_name from marts.segment_profiles")]
    assert sorted(page.locator("article.segment h3").all_inner_texts()) == sorted(
        " ".join(name.split()) for name in names
    )
    assert page.title() == "Customer segments"
    assert "49" not in page.locator("article.segment h3").first.inner_text()


def test_the_sections_are_in_order(pages, opened) -> None:
    page = opened(pages["sample"]).page
    found = page.eval_on_selector_all("main > [id]", "all => all.map(one => one.id)")

    assert found == ["answer", "actions", "segments", "customers", "results"]
    [folded] = page.locator("main details#analysts").all()
    assert folded.get_attribute("open") is None
    assert folded.locator("section").evaluate_all("all => all.map(one => one.id)") == ["choice", "quality", "method"]
    # Every link of the navigation leads to a part of the page.
    for link in page.locator("nav a").all():
        assert page.locator(link.get_attribute("href")).count() == 1
    assert page.locator(".answer").inner_text() == (
        "620 customers form 4 groups. “High Value” has 8% of the customers and 27% of the spending."
    )


def test_the_history_appears_from_the_second_build_on(warehouses, tmp_path) -> None:
    first = page_of(Marts(warehouses["sample"]), formatter_for("en_GB", None), "Title")
    # Serving another k is another build with another model.
    second = page_of(Marts(warehouses["seven"]), formatter_for("en_GB", None), "Title")
    for heading in ("Who moved", "How the groups changed", "Do the groups still fit?"):
        assert heading not in first
        assert heading in second
    ((before, now, moved),) = query(
        warehouses["seven"],
        "select from_segment_name, to_segment_name, customers from marts.segment_migrations"
        " where step = 'model' and is_move and from_segment_name != to_segment_name"
        " order by customers desc, from_segment_key, to_segment_key limit 1",
    )
    table = second.split("All moves in numbers")[-1].split("</table>")[0]
    assert all(f">{value}<" in table for value in (before, now, moved)), table
    # The customers are the same, so nobody moved by what they did, and there is no drift to warn of first.
    assert ">what they did<" not in table
    assert "the new model moved them" in second
    assert 'class="warning"' not in second


def test_the_bands_of_the_moves_are_the_migrations(warehouses, pages, opened) -> None:
    page = opened(pages["seven"]).page
    titles = page.locator(".flows .flow title").all_text_contents()
    rows = query(
        warehouses["seven"],
        "select step, from_segment_key, from_segment_name, to_segment_key, to_segment_name, customers"
        " from marts.segment_migrations",
    )
    # In the column between, a segment has the name that it had before.
    before = {key: name for step, key, name, *_ in rows if step == "both"}
    expected = [
        f"{before.get(source, source_name)} → {before.get(target, name) if step == 'behaviour' else name}: "
        f"{customers} {'customer' if customers == 1 else 'customers'}"
        for step, source, source_name, target, name, customers in rows
        if step != "both"
    ]
    assert sorted(titles) == sorted(expected)
    moves = query(warehouses["seven"], "select count(*) from marts.segment_migrations where step != 'both' and is_move")
    assert page.locator(".flows .flow.move").count() == moves[0][0]


def test_a_missing_or_empty_mart_has_no_section(warehouses, tmp_path) -> None:
    warehouse = tmp_path / "shop.duckdb"
    shutil.copy(warehouses["seven"], warehouse)
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute("drop table marts.segment_events")
        connection.execute("delete from marts.segment_drift")
        connection.execute("delete from marts.segment_attributes")
        # An attribute that the page offers as a filter would name the section, too.
        connection.execute("drop table marts.customer_360")
    html = page_of(Marts(warehouse), formatter_for("en_GB", None), "Title")

    assert "Who moved" in html
    assert "How the groups changed" not in html
    assert "Do the groups still fit?" not in html
    assert "Attributes of the groups" not in html


def test_an_empty_warehouse_says_so(pages, opened) -> None:
    page = opened(pages["empty"]).page

    assert page.locator("h2").first.inner_text() == "There is nothing to show yet"
    assert page.locator(".chart").count() == 0


def test_customers_without_a_purchase_are_shown_and_not_compared(pages, opened) -> None:
    page = opened(pages["idle"]).page

    assert page.locator(".answer").inner_text() == "2 customers, none with a purchase that counts."
    assert page.locator("article.segment h3").inner_text() == "No Purchases"


# ---- finding customers ------------------------------------------------------------------------------------------


def listed(page: Page) -> list[list[str]]:
    """The rows of the table of customers, all of them, as texts."""
    return page.evaluate(
        """() => {
            const more = document.getElementById("more");
            while (!more.hidden) more.click();
            const rows = document.querySelectorAll("#customer-table tbody tr");
            return [...rows].map(row => [...row.cells].map(cell => cell.textContent));
        }"""
    )


def choose(page: Page, **filters: str | bool) -> None:
    """Set filters, and wait until the table follows."""
    for name, value in filters.items():
        control = page.locator(f"#filters [name={name}]")
        if isinstance(value, bool):
            control.set_checked(value)
        elif name == "id":
            control.fill(value)
        else:
            control.select_option(label=value)
    page.wait_for_timeout(200)


@pytest.mark.parametrize(
    ("filters", "condition"),
    [
        ({}, "true"),
        ({"segment": "High Value"}, "segment_name = 'High Value'"),
        ({"recency": "Gone quiet"}, "is_quiet"),
        ({"recency": "Active"}, "not is_quiet"),
        ({"recency": "Within 30 days"}, "days_since_last_transaction <= 30"),
        ({"recency": "More than 180 days ago"}, "days_since_last_transaction > 180"),
        ({"border": True}, "round(margin, 3) < 0.1"),
        ({"id": "c01"}, "customer_id ilike '%c01%'"),
        ({"attribute0": "West", "recency": "Gone quiet"}, "region = 'West' and is_quiet"),
        (
            {"list": "Enrol them in a loyalty programme"},
            "customer_id in (select customer_id from marts.audiences"
            " where status = 'treated' and action_id = 'loyalty_programme')",
        ),
    ],
)
def test_filters_find_the_customers_of_the_mart(filters, condition, pages, warehouses, opened) -> None:
    page = opened(pages["sample"]).page
    choose(page, **filters)

    expected = query(
        warehouses["sample"],
        "select customer_id, segment_name, total_spending, transaction_count, days_since_last_transaction"
        f" from marts.customer_360 where {condition} order by total_spending desc, customer_id",
    )
    assert listed(page) == [
        [customer, segment, f"{spending:,.2f}", str(purchases), str(days)]
        for customer, segment, spending, purchases, days in expected
    ]
    total = sum(row[2] for row in expected)
    assert expected
    assert page.locator("#found").inner_text() == f"{len(expected)} of 620 customers, who have spent {total:,.2f}."


def test_movers_and_their_history_are_those_of_the_marts(pages, warehouses, opened) -> None:
    page = opened(pages["seven"]).page
    choose(page, moved=True)
    moved = query(
        warehouses["seven"],
        "select now.customer_id, before.segment_name, now.segment_name from marts.segment_history as before"
        " inner join marts.segment_history as now on before.customer_id = now.customer_id"
        " and before.valid_to_build = now.valid_from_build and before.segment_key != now.segment_key",
    )
    found = listed(page)
    assert sorted(row[0] for row in found) == sorted(row[0] for row in moved)
    page.locator("#customer-table tbody button").first.click()
    ((_, before, now),) = [row for row in moved if row[0] == found[0][0]]
    history = page.locator("tr.why-here dd").last.inner_text()
    assert re.fullmatch(rf"{before} from [\w ]+, then {now} from [\w ]+", history)


def test_every_button_of_an_action_shows_whom_it_is_for(pages, warehouses, opened) -> None:
    page = opened(pages["sample"]).page
    # Those to contact now, if there are any; otherwise everyone whom the action is for.
    counts = dict(
        query(
            warehouses["sample"],
            "select segment_name || action, coalesce(nullif((select count(*) from marts.audiences"
            " where audiences.action_id = segment_actions.action_id and audiences.status = 'treated'"
            " and audiences.segment_key = segment_actions.segment_key), 0), customers) from marts.segment_actions",
        )
    )
    held_out = query(warehouses["sample"], "select customer_id from marts.audiences where status = 'holdout' limit 1")
    found = {}
    for article in page.locator("#actions article").all():
        for action in article.locator("li").all():
            action.locator("button").click()
            page.wait_for_timeout(50)
            name = article.get_attribute("data-segment") + action.locator("strong").inner_text()
            found[name] = int(page.locator("#found").inner_text().split(" of ")[0])
    assert found == counts
    assert page.evaluate("document.activeElement.id") == "customers-title"
    page.locator("#filters [type=reset]").click()
    choose(page, id=held_out[0][0])
    page.locator("#customer-table tbody button").first.click()
    assert "(do not contact)" in page.locator("tr.why-here").inner_text()


def test_customers_put_into_a_group_by_hand_are_counted_and_explained_there(warehouses, opened, tmp_path) -> None:
    warehouse = tmp_path / "shop.duckdb"
    shutil.copy(warehouses["sample"], warehouse)
    ((near, quiet),) = query(
        warehouse,
        "select min_by(customer_id, margin), max(customer_id) filter (where is_quiet) from marts.customer_360"
        " where segment_name = 'Occasional Buyers'",
    )
    with duckdb.connect(str(warehouse)) as connection:
        # Nobody is to be contacted now, so that the buttons show everyone whom an action is for.
        connection.execute("update marts.audiences set status = 'not yet'")
        for mart in ("customer_segments", "customer_360"):
            connection.execute(
                f"update marts.{mart} set segment_name = 'High Value', is_overridden = true"
                " where customer_id in ($1, $2)",
                [near, quiet],
            )
        connection.execute("update marts.customer_segments set override_reason = 'VIP' where customer_id = $1", [near])
    page = opened(written(warehouse, tmp_path / "shop.html")).page

    for article in page.locator("#actions article").all():
        for action in article.locator("li").all():
            button = action.locator("button")
            said = re.search(r"\d+", button.inner_text())
            button.click()
            page.wait_for_timeout(50)
            shown = page.locator("#found").inner_text().split(" of ")[0]
            assert shown == said[0]
            assert re.search(rf"For (all )?{shown}\b", action.inner_text())
    for name, change in (("High Value", 2), ("Occasional Buyers", -2)):
        ((size,),) = query(warehouse, f"select cluster_size from marts.segment_profiles where segment_name = '{name}'")
        button = page.locator(f"#segments article[data-segment='{name}'] button")
        assert f"Show the {size + change} customers after changes by hand" in button.text_content()
    page.locator("#filters [type=reset]").click()
    facts = {customer: facts_of(page, customer) for customer in (near, quiet)}
    choose(page, border=True)

    why = "Assigned by hand{}; the model assigns Occasional Buyers"
    assert facts[near]["Why this group"] == why.format(" (VIP)")
    assert facts[quiet]["Why this group"] == why.format("")
    assert not {"Next nearest group", "Groups so far"} & set(facts[near])
    assert near not in [row[0] for row in listed(page)]


def test_a_customer_is_explained_by_keyboard_alone(pages, warehouses, opened) -> None:
    page = opened(pages["sample"]).page
    page.locator("#filters [name=id]").focus()
    page.keyboard.type("C0614")
    page.wait_for_timeout(200)
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent") == "C0614":
            break
    page.keyboard.press("Enter")

    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    facts = dict(
        zip(
            page.locator("tr.why-here dt").all_inner_texts(),
            page.locator("tr.why-here dd").all_inner_texts(),
            strict=True,
        )
    )
    ((reason, runner_up, days),) = query(
        warehouses["sample"],
        "select reason, runner_up_segment_name, days_since_last_transaction from marts.customer_360"
        " where customer_id = 'C0614'",
    )
    assert facts["Why this group"] == reason
    assert facts["Next nearest group"].startswith(f"{runner_up}; ")
    assert facts["Last purchase"].startswith(f"{days} days ago")
    page.keyboard.press("Enter")
    assert page.locator("tr.why-here").count() == 0


def test_columns_sort_both_ways_and_missing_values_come_last(pages, opened) -> None:
    page = opened(pages["sample"]).page
    for name, place in (("days", 4), ("purchases", 3), ("id", 0), ("segment", 1)):
        for _ in range(2):
            page.locator(f"#customer-table th[data-sort={name}] button").click()
            values = [row[place] for row in listed(page)]
            if name in ("days", "purchases"):
                values = [int(value) for value in values]
            order = page.locator(f"#customer-table th[data-sort={name}]").get_attribute("aria-sort")
            if name == "segment":
                # By average spending, as everywhere on the page.
                names = page.locator("#segments article").evaluate_all("all => all.map(one => one.dataset.segment)")
                values = [names.index(value) for value in values]
            assert values == sorted(values, reverse=order == "descending")


def test_the_download_is_the_list_and_no_cell_is_a_formula(warehouses, opened, tmp_path) -> None:
    warehouse = tmp_path / "hostile.duckdb"
    shutil.copy(warehouses["sample"], warehouse)
    with duckdb.connect(str(warehouse)) as connection:
        for mart in ("customer_360", "customer_segments", "audiences", "segment_map"):
            connection.execute(
                f"update marts.{mart} set customer_id = '=1+1\"x,' || customer_id where customer_id < 'C0010'"
            )
    page = opened(written(warehouse, tmp_path / "hostile.html")).page
    choose(page, segment="Occasional Buyers")
    with page.expect_download() as downloading:
        page.locator("#download").click()
    file = tmp_path / "list.csv"
    downloading.value.save_as(file)

    assert downloading.value.suggested_filename == "customers-occasional-buyers.csv"
    assert file.read_bytes().startswith(b"\xef\xbb\xbf")
    with file.open(encoding="utf-8-sig", newline="") as opened_file:
        rows = list(csv.DictReader(opened_file))
    expected = query(
        warehouse,
        "select customer_id, segment_name, total_spending, transaction_count, is_quiet, reason, region"
        " from marts.customer_360 where segment_name = 'Occasional Buyers' order by total_spending desc, customer_id",
    )
    assert any(customer.startswith("=") for customer, *_ in expected)
    assert [
        (
            row["customer_id"].removeprefix("'"),
            row["segment_name"],
            row["total_spending"],
            int(row["transaction_count"]),
            row["is_quiet"] == "true",
            row["reason"] or None,
            row["Region"] or None,
        )
        for row in rows
    ] == [(row[0], row[1], f"{row[2]:.2f}", *row[3:]) for row in expected]
    statuses = dict(query(warehouse, "select customer_id, status from marts.audiences where status != 'not yet'"))
    for row in rows:
        told = "treated" if row["to_contact_now"] else "holdout" if row["held_out_of"] else None
        assert told == statuses.get(row["customer_id"].removeprefix("'"))
    assert not any(value.startswith(("=", "+", "@")) for row in rows for value in row.values())


def downloaded(page: Page, file: Path) -> list[dict[str, str]]:
    """The rows of the list that the page offers as CSV."""
    with page.expect_download() as downloading:
        page.locator("#download").click()
    downloading.value.save_as(file)
    with file.open(encoding="utf-8-sig", newline="") as opened_file:
        return list(csv.DictReader(opened_file))


def facts_of(page: Page, customer: str) -> dict[str, str]:
    """Why this customer is here, by term."""
    choose(page, id=customer)
    page.locator("#customer-table tbody").get_by_role("button", name=customer, exact=True).click()
    terms, texts = (page.locator(f"tr.why-here {tag}").all_inner_texts() for tag in ("dt", "dd"))
    return dict(zip(terms, texts, strict=True))


def test_the_page_says_who_must_not_be_contacted(warehouses, opened, tmp_path) -> None:
    warehouse = tmp_path / "shop.duckdb"
    shutil.copy(warehouses["sample"], warehouse)
    ((everything, partly, action),) = query(
        warehouse,
        "select min(customer_id), max(customer_id), (select action from marts.segment_actions where action_id = "
        "max_by(first_action, customer_id)) from (select customer_id, min(action_id) as first_action"
        " from marts.audiences where segment_name = 'High Value' group by customer_id having count(*) > 1)",
    )
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute(
            "update marts.audiences set status = 'suppressed', status_reason = 'opted out'"
            " where customer_id = $1 or customer_id = $2 and action_id ="
            " (select min(action_id) from marts.audiences where customer_id = $2)",
            [everything, partly],
        )
    page = opened(written(warehouse, tmp_path / "shop.html")).page
    choose(page, segment="High Value")
    rows = {row["customer_id"]: row for row in downloaded(page, tmp_path / "list.csv")}

    assert "of them must not be contacted." in page.locator("#found").inner_text()
    told = {customer: row["must_not_be_contacted"] for customer, row in rows.items() if row["must_not_be_contacted"]}
    assert told == {everything: "opted out", partly: f"for “{action}”: opted out"}
    assert facts_of(page, everything)["Must not be contacted"] == "opted out"
    assert facts_of(page, partly)["Must not be contacted"] == told[partly]


def test_negative_spending_is_a_number_in_the_download(warehouses, opened, tmp_path) -> None:
    warehouse = tmp_path / "shop.duckdb"
    shutil.copy(warehouses["sample"], warehouse)
    with duckdb.connect(str(warehouse)) as connection:
        for mart in ("customer_360", "customer_segments", "audiences", "segment_map"):
            connection.execute(f"update marts.{mart} set customer_id = '-1;2' where customer_id = 'C0001'")
        connection.execute("update marts.customer_360 set total_spending = -4420.67 where customer_id = '-1;2'")
    page = opened(written(warehouse, tmp_path / "shop.html")).page
    choose(page, id="-1;2")
    (row,) = downloaded(page, tmp_path / "list.csv")

    assert (row["customer_id"], row["total_spending"]) == ("'-1;2", "-4420.67")
    # Where semicolons separate cells, the id is still one.
    assert '\n"\'-1;2",' in (tmp_path / "list.csv").read_text(encoding="utf-8")


def test_the_ids_of_a_list_are_copied(pages, warehouses, chromium) -> None:
    context = chromium.new_context(permissions=["clipboard-read", "clipboard-write"])
    page = context.new_page()
    page.goto(pages["sample"].as_uri())
    page.wait_for_selector("html[data-customers=ready]")
    choose(page, segment="High Value", recency="Gone quiet")
    page.locator("#copy").click()
    page.locator("#done", has_text="clipboard").wait_for()

    expected = query(
        warehouses["sample"],
        "select customer_id from marts.customer_360 where segment_name = 'High Value' and is_quiet"
        " order by total_spending desc, customer_id",
    )
    assert page.evaluate("navigator.clipboard.readText()").split() == [customer for (customer,) in expected]
    context.close()


def test_nobody_is_listed_beyond_the_limit_or_without_ids(pages, warehouses, tmp_path) -> None:
    formatter = formatter_for("en_GB", None)
    many = pages["many"].read_text()
    assert 'id="customer-data"' not in many
    assert "does not list its 12,400 customers" in many

    none = page_of(Marts(warehouses["sample"]), formatter, "Title", with_ids=False)
    assert 'id="chart-map"' in none
    assert re.search(r"C0\d\d\d", none) is None
    few = page_of(Marts(warehouses["sample"]), formatter, "Title", customers_at_most=619)
    assert 'id="customer-data"' not in few


def test_settings_say_who_is_listed(warehouses, tmp_path) -> None:
    settings = tmp_path / "shop.yml"
    target = tmp_path / "page.html"
    command = ["--warehouse", str(warehouses["sample"]), "--output", str(target), "--settings", str(settings)]
    for text, further, has_list, has_ids in (
        ("report_customers: 619\n", [], False, True),
        ("report_customers: 619\n", ["--customers", "all"], True, True),
        ("report_ids: false\n", ["--customers", "all"], False, False),
    ):
        settings.write_text(text)
        main([*command, *further])
        html = target.read_text()
        assert ('id="customer-data"' in html, re.search(r"C0\d\d\d", html) is not None) == (has_list, has_ids)


# ---- everywhere it is opened ------------------------------------------------------------------------------------


def test_without_scripts_the_page_has_still_pictures_and_no_dead_controls(pages, chromium) -> None:
    context = chromium.new_context(java_script_enabled=False, viewport={"width": 390, "height": 900})
    page = context.new_page()
    page.goto(pages["sample"].as_uri())

    assert page.locator(".chart noscript svg").count() == 5
    for picture in page.locator("#answer .chart noscript svg, #segments .chart noscript svg").all():
        box = picture.bounding_box()
        assert box["width"] > 250
        assert box["x"] + box["width"] <= 390
    assert page.locator("button:visible, input:visible, select:visible").count() == 0
    page.locator("#analysts > summary").click()
    assert page.locator("#choice .chart noscript svg").first.is_visible()
    context.close()


def test_a_finger_near_a_mark_shows_the_customer(pages, chromium) -> None:
    context = chromium.new_context(viewport={"width": 390, "height": 800}, has_touch=True, is_mobile=True)
    page = context.new_page()
    page.goto(pages["sample"].as_uri())
    page.wait_for_selector("html[data-charts=drawn]")
    page.locator("#chart-map").scroll_into_view_if_needed()
    # The mark that is furthest to the right has no other near it.
    box = page.eval_on_selector_all(
        "#chart-map .mark-symbol path",
        """marks => marks.map(mark => mark.getBoundingClientRect()).reduce((a, b) => (b.x > a.x ? b : a))""",
    )
    page.touchscreen.tap(box["x"] - 9, box["y"] + 9)

    assert "Customer" in page.wait_for_selector("#vg-tooltip-element.visible").inner_text()
    context.close()


def test_at_twice_the_size_nothing_is_cut_off(pages, chromium) -> None:
    """A window of 1280 pixels at 200 % has room for 640."""
    context = chromium.new_context(viewport={"width": 640, "height": 450}, device_scale_factor=2)
    page = context.new_page()
    page.goto(pages["sample"].as_uri())
    page.wait_for_selector("html[data-customers=ready]")

    assert page.evaluate("document.documentElement.scrollWidth") == 640
    for control in page.locator("#filters select, #filters input, .tools button").all():
        box = control.bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 640
    context.close()


def test_four_segments_are_printed_on_four_pages(pages, opened) -> None:
    page = opened(pages["sample"]).page
    printed = page.pdf(prefer_css_page_size=True)

    assert len(re.findall(rb"/Type\s*/Page\b", printed)) == 4
    page.emulate_media(media="print")
    sizes = page.evaluate(
        """Object.fromEntries(["h2", "h3", "p.lead", "nav", "#customers"].map((one) => {
            const style = getComputedStyle(document.querySelector("main " + one) ?? document.querySelector(one));
            return [one, style.display === "none" ? 0 : parseFloat(style.fontSize)];
        }))"""
    )
    assert sizes["h2"] > sizes["h3"] > sizes["p.lead"] > 0
    assert sizes["nav"] == sizes["#customers"] == 0


# ---- the file ---------------------------------------------------------------------------------------------------


def test_the_file_is_small_and_states_that_points_are_sampled(pages, warehouses, opened) -> None:
    assert pages["sample"].stat().st_size < 3_000_000
    assert pages["many"].stat().st_size < 6_000_000
    page = opened(pages["many"]).page
    assert marks(page, "chart-map") == 5_000
    assert "5,000 of 12,400 customers" in page.locator("#segments figcaption").inner_text()


def test_every_segment_is_sampled_by_its_size_and_a_small_one_is_kept(warehouses) -> None:
    marts = Marts(warehouses["ten"])
    sizes = dict(query(warehouses["ten"], "select segment_name, cluster_size from marts.segment_profiles"))
    points, customers = marts.map_points([], at_most=310)
    drawn = {name: sum(point["segment_name"] == name for point in points) for name in sizes}

    assert customers == sum(sizes.values())
    for name, size in sizes.items():
        floor = min(size, POINTS_OF_A_SEGMENT_AT_LEAST)
        assert abs(drawn[name] - max(size / 2, floor)) <= 1


def test_the_same_warehouse_gives_the_same_page(warehouses, pages, tmp_path) -> None:
    finished = write_report(warehouses["sample"], "--output", str(tmp_path / "again.html"))

    assert finished.returncode == 0, finished.stderr
    assert (tmp_path / "again.html").read_bytes() == pages["sample"].read_bytes()


def test_the_same_warehouse_gives_the_same_pictures(warehouses, tmp_path) -> None:
    for folder in ("one", "two"):
        main(["--warehouse", str(warehouses["sample"]), "--pictures", str(tmp_path / folder)])

    for name in ("segments.png", "k_curve.png"):
        picture = (tmp_path / "one" / name).read_bytes()
        assert picture == (tmp_path / "two" / name).read_bytes()
        assert picture.startswith(b"\x89PNG")


# ---- words and numbers ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--locale", "xx_YY"], "The locale 'xx_YY' is unknown; examples are en_GB, de_DE and fr_FR."),
        (["--currency", "EURO"], "The currency 'EURO' is unknown; examples are EUR, USD and GBP, or none."),
        (["--settings", "nowhere.yml"], "The settings file nowhere.yml does not exist."),
    ],
)
def test_an_invalid_argument_gives_an_error_of_one_sentence(arguments, sentence, warehouses) -> None:
    finished = write_report(warehouses["sample"], *arguments)

    assert finished.returncode == 1
    assert finished.stderr.strip() == sentence


def test_a_missing_or_foreign_warehouse_gives_an_error_of_one_sentence(tmp_path) -> None:
    missing = write_report(tmp_path / "none.duckdb")
    assert missing.stderr.strip() == f"There is no warehouse {tmp_path / 'none.duckdb'}. `make build` creates one."

    foreign = tmp_path / "foreign.duckdb"
    duckdb.connect(str(foreign)).close()
    assert "lacks the marts customer_segments" in write_report(foreign).stderr


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("k: 5\n", "was built with k: 4, and {file} says 5."),
        ("features: [total_spending]\n", "and {file} says total_spending."),
        ("transactions_location: x.csv\n", "was built with transactions_location: the sample, and {file} says x.csv."),
        ('report_ids: "no"', "Setting 'report_ids' is 'no'; it must be true or false."),
        ('report_customers: "10"', "Setting 'report_customers' is '10'; it must be a whole number from 0."),
        ("report_locale: 5", "Setting 'report_locale' is 5; it must be text such as en_GB."),
        ("report_currency: [EUR]", "Setting 'report_currency' is ['EUR']; it must be text such as EUR, or null."),
    ],
)
def test_settings_that_are_wrong_or_not_those_of_the_build_are_refused(
    warehouses, tmp_path, text: str, message: str
) -> None:
    file = tmp_path / "other.yml"
    file.write_text(text)
    with pytest.raises(ReportError, match=re.escape(message.format(file=file))):
        main(["--warehouse", str(warehouses["sample"]), "--output", str(tmp_path / "x.html"), "--settings", str(file)])
    assert not (tmp_path / "x.html").exists()


def test_the_settings_of_the_build_determine_the_format_of_numbers(warehouses, tmp_path) -> None:
    settings = tmp_path / "my_shop.yml"
    settings.write_text("report_locale: de_DE\nreport_currency: EUR\nk: 4\n")
    target = tmp_path / "page.html"

    main(["--warehouse", str(warehouses["sample"]), "--output", str(target), "--settings", str(settings)])

    html = target.read_text()
    assert "3.000,20\xa0€" in html


def test_a_page_that_cannot_be_written_is_named(warehouses, tmp_path) -> None:
    with pytest.raises(ReportError, match=re.escape(f"The page cannot be written to {tmp_path}: Is a directory.")):
        main(["--warehouse", str(warehouses["sample"]), "--output", str(tmp_path)])


def test_the_page_of_a_publication_says_that_the_warehouse_has_changed(
    warehouses, tmp_path, monkeypatch, capsys
) -> None:
    warehouse = tmp_path / "shop.duckdb"
    shutil.copy(warehouses["sample"], warehouse)
    with locked(tmp_path / "publications"):
        publish_marts(warehouse, tmp_path / "publications", 1)
    monkeypatch.setenv("SEGMENTATION_WAREHOUSE", str(warehouse))
    command = ["--output", str(tmp_path / "page.html")]

    main(command)
    assert re.fullmatch(r"Wrote the report .* from .*/000001/segments.duckdb.\n", capsys.readouterr().out)

    other = tmp_path / "other.yml"
    other.write_text("k: 5\n")
    with pytest.raises(ReportError, match=re.escape(f"(make publish VARS={other})")):
        main([*command, "--settings", str(other)])

    with duckdb.connect(str(warehouse)) as connection:
        connection.execute("update marts.segment_profiles set description = ''")
    main(command)
    changed = f"{warehouse} has changed since that publication: `make publish` publishes it, and `make report ARGS="
    assert changed in capsys.readouterr().out


def test_the_page_is_of_the_publication_from_spark_where_there_is_no_other_warehouse(
    warehouses, tmp_path, monkeypatch, capsys
) -> None:
    on_spark = tmp_path / "spark-warehouse"
    (tmp_path / "aside").mkdir()
    copied = tmp_path / "aside" / "spark-warehouse.duckdb"
    shutil.copy(warehouses["sample"], copied)
    with locked(tmp_path / "publications"):
        publish_marts(copied, tmp_path / "publications", 1, origin=on_spark)
    monkeypatch.setenv("SEGMENTATION_WAREHOUSE", str(tmp_path / "warehouse.duckdb"))
    monkeypatch.setenv("SEGMENTATION_SPARK_WAREHOUSE", str(on_spark))

    main(["--output", str(tmp_path / "page.html")])
    assert "000001/segments.duckdb" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("mart", "column"),
    [("segment_profiles", "quiet_share"), ("audiences", "status_reason"), ("k_selection", "validity")],
)
def test_a_warehouse_of_an_older_version_gives_an_error_of_one_sentence(mart, column, warehouses, tmp_path) -> None:
    warehouse = tmp_path / "old.duckdb"
    shutil.copy(warehouses["sample"], warehouse)
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute(f"create or replace table marts.{mart} as select * exclude ({column}) from marts.{mart}")
    with pytest.raises(ReportError, match=rf"old.duckdb was built by an older version, without {mart}.{column}\. "):
        main(["--warehouse", str(warehouse), "--output", str(tmp_path / "x.html")])


def test_every_column_that_the_page_reads_is_checked(warehouses, tmp_path) -> None:
    warehouse = tmp_path / "lean.duckdb"
    shutil.copy(warehouses["seven"], warehouse)
    # These also have columns that the page shows if they are there: attributes, and where the input came from.
    further = {"customer_360": ["region", "birth_year", "channel"], "data_quality": ["location"]}
    with duckdb.connect(str(warehouse)) as connection:
        for mart, columns in COLUMNS_READ.items():
            kept = ", ".join(columns.split() + further.get(mart, []))
            connection.execute(f"create or replace table marts.{mart} as select {kept} from marts.{mart}")
    whole, lean = (page_of(Marts(path), formatter_for("en_GB", None), "T") for path in (warehouses["seven"], warehouse))

    assert lean == whole


# ---- lineage ----------------------------------------------------------------------------------------------------


@pytest.mark.long
def test_the_exposure_names_every_mart_that_the_report_reads(warehouses, tmp_path) -> None:
    """Without the other marts the page is the same; without one of the named marts it differs or is not written."""
    exposure = yaml.safe_load((PROJECT / "models" / "marts" / "_marts__exposures.yml").read_text())["exposures"][0]
    named = {re.fullmatch(r"ref\('(\w+)'\)", one)[1] for one in exposure["depends_on"]}

    def page_without(marts: set[str]) -> str:
        warehouse = tmp_path / "without.duckdb"
        shutil.copy(warehouses["seven"], warehouse)
        with duckdb.connect(str(warehouse)) as connection:
            for mart in marts:
                connection.execute(f"drop table marts.{mart}")
        try:
            return page_of(Marts(warehouse), formatter_for("en_GB", None), "Title")
        except ReportError as error:
            return str(error)

    tables = "select table_name from information_schema.tables where table_schema = 'marts'"
    others = {mart for (mart,) in query(warehouses["seven"], tables)} - named
    assert others
    whole = page_without(set())
    assert page_without(others) == whole
    assert [mart for mart in sorted(named) if page_without({mart}) == whole] == []
