"""The report, as a person meets it: the page in a browser, its numbers against the marts, and what stops it.

The browser is Debian's Chromium. The pages are built once a session, from warehouses of their own.
"""

from __future__ import annotations

import importlib.util
import itertools
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from types import ModuleType
from typing import Any

import duckdb
import pytest
import yaml
from axe_playwright_python.sync_playwright import Axe
from conftest import PROJECT, Built, Once, green, many_dbt_runs, write_inputs
from playwright.sync_api import Browser, Page, sync_playwright

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("report")]

SCRIPT = PROJECT / "reports" / "build_report.py"
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
# In a segment's name: what would close a tag, open a script, or be code of the template.
HOSTILE = "<script>document.title='owned'</script> & \"{{ 7 * 7 }}\" ' "
LONG = HOSTILE + "Donaudampfschifffahrtsgesellschaftskapitaen " * 3


# ---- pages ------------------------------------------------------------------------------------------------------


def load_script() -> ModuleType:
    """The script as a module."""
    spec = importlib.util.spec_from_file_location("build_report", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules["build_report"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def report() -> ModuleType:
    return load_script()


def write_report(warehouse: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the script as a person would."""
    return subprocess.run(
        [sys.executable, str(SCRIPT), "--warehouse", str(warehouse), *arguments],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=120,
    )


def written(report: ModuleType, warehouse: Path, target: Path) -> Path:
    """The page of a warehouse, with its size and how long it took."""
    started = time.perf_counter()
    report.main(["--warehouse", str(warehouse), "--output", str(target)])
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


def make_warehouses(folder: Path, sample: Path) -> dict[str, Path]:
    """The sample served with other k, with long and hostile names, with a customer without a purchase, and empty."""
    folder.mkdir(parents=True, exist_ok=True)
    warehouses = {"sample": sample} | {
        name: folder / f"{name}.duckdb" for name in ("one", "two", "seven", "ten", "names", "many")
    }
    runs = []
    for name, k in (("one", 1), ("two", 2), ("seven", 7), ("ten", 10)):
        shutil.copy(sample, warehouses[name])
        # One segment is fitted only where it is asked for; any other k is there already.
        start = "int_kmeans_sweep" if k == 1 else "int_trained_model"
        runs.append(
            {
                "arguments": ["run", "--select", f"{start}+"],
                "variables": {"k": k},
                "warehouse": str(warehouses[name]),
            }
        )
    # Two inputs without a single purchase: nobody at all, and customers who have not bought yet.
    for name, customers in (("empty", []), ("idle", [("a", "2024-01-01"), ("b", "2024-01-01")])):
        warehouses[name] = folder / f"{name}.duckdb"
        runs.append(
            {
                "arguments": ["build", "--exclude-resource-type", "test", "--exclude-resource-type", "unit_test"],
                "variables": write_inputs(folder / f"{name}_input", [], customers),
                "warehouse": str(warehouses[name]),
            }
        )
    for answer in many_dbt_runs(folder / "dbt", runs):
        assert answer["success"], answer["message"]
    shutil.copy(warehouses["seven"], warehouses["names"])
    with_names(warehouses["names"], f" {LONG}")
    shutil.copy(sample, warehouses["many"])
    multiply(warehouses["many"], 20)
    return warehouses


def multiply(warehouse: Path, times: int) -> None:
    """So many customers that the map cannot show them all, with ids too long to stand in the file as often."""
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
def warehouses(once: Once, sample: Built) -> dict[str, Path]:
    return once("report_warehouses", lambda folder: make_warehouses(folder, green(sample).warehouse))


@pytest.fixture(scope="session")
def pages(once: Once, report: ModuleType, warehouses: dict[str, Path]) -> dict[str, Path]:
    def make(folder: Path) -> dict[str, Path]:
        folder.mkdir(parents=True, exist_ok=True)
        return {name: written(report, path, folder / f"{name}.html") for name, path in warehouses.items()}

    return once("report_pages", make)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@dataclass
class Opened:
    """A page in the browser, with everything that it complained of or asked for."""

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
        return it

    yield open_page
    for context in contexts:
        context.close()


def query(warehouse: Path, sql: str) -> list[tuple]:
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        return connection.execute(sql).fetchall()


def marks(page: Page, chart: str, kind: str = "symbol") -> int:
    return page.locator(f"#{chart} svg .mark-{kind} path").count()


# ---- in the browser ---------------------------------------------------------------------------------------------

ALL = ["sample", "one", "two", "seven", "ten", "names", "many", "empty", "idle"]


@pytest.mark.parametrize("name", ALL)
def test_the_page_complains_of_nothing_and_asks_the_network_for_nothing(name, pages, opened) -> None:
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
    # The whole page on the screen: only what is on it can be pointed at.
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
        [row.locator("th").inner_text(), *(cell.get_attribute("data-value") for cell in row.locator("td").all()[:4])]
        for row in page.locator("#k-table tbody tr").all()
    ]
    metrics = query(
        warehouses[name],
        "select k, davies_bouldin_index, silhouette_score, inertia, smallest_cluster_size from marts.k_selection"
        " order by k",
    )
    # inner_text of a folded table is empty; text_content is not.
    ks = [row.locator("th").text_content() for row in page.locator("#k-table tbody tr").all()]
    assert [[k, *row[1:]] for k, row in zip(ks, chosen, strict=True)] == [
        [str(value) for value in row] for row in metrics
    ]

    actions = [
        (article.get_attribute("data-segment"), action)
        for article in page.locator("#actions article").all()
        for action in article.locator("li strong").all_inner_texts()
    ]
    assert sorted(actions) == sorted(query(warehouses[name], "select segment_name, action from marts.segment_actions"))


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
def test_headings_are_in_order_and_figures_have_words(name, pages, opened) -> None:
    page = opened(pages[name]).page
    levels = page.eval_on_selector_all("h1,h2,h3,h4", "all => all.map(one => Number(one.tagName[1]))")

    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(below - above <= 1 for above, below in itertools.pairwise(levels))
    assert page.locator("html").get_attribute("lang") == "en"
    for chart in page.locator(".chart").all():
        assert len(chart.get_attribute("aria-label")) > 20
    assert page.locator("th:not([scope])").count() == 0


def test_names_of_the_input_stay_text(pages, warehouses, opened) -> None:
    page = opened(pages["names"]).page

    names = [name for (name,) in query(warehouses["names"], "select segment_name from marts.segment_profiles")]
    assert sorted(page.locator("article.segment h3").all_inner_texts()) == sorted(
        " ".join(name.split()) for name in names
    )
    assert page.title() == "Customer segments"
    assert "49" not in page.locator("article.segment h3").first.inner_text()


def test_the_sections_stand_in_their_order(pages, opened) -> None:
    page = opened(pages["sample"]).page
    found = page.eval_on_selector_all("main > [id]", "all => all.map(one => one.id)")

    order = "answer segments map choice profiles actions attributes quality method"
    assert found == order.split()
    assert page.locator(".answer").inner_text() == (
        "620 customers form 4 groups. “High Value” is 8% of them and brings 27% of the spending."
    )


def test_the_past_appears_from_the_second_build_on(report, warehouses, tmp_path) -> None:
    first = report.page(report.Marts(warehouses["sample"]), report.writer_for("en_GB", None), "Title")
    # Served with another k, which is a build of its own with another model.
    second = report.page(report.Marts(warehouses["seven"]), report.writer_for("en_GB", None), "Title")
    for heading in ("How the segments changed", "Who moved between segments", "Do the segments still fit?"):
        assert heading not in first
        assert heading in second
    ((before, now, moved),) = query(
        warehouses["seven"],
        "select from_segment_name, to_segment_name, customers from marts.segment_migrations"
        " where step = 'both' and is_move order by customers desc, from_segment_key, to_segment_key limit 1",
    )
    row = second.split("Who moved between segments")[-1].split("</td></tr>")[0]
    assert all(f">{value}<" in row for value in (before, now, moved)), row


def test_a_mart_that_is_not_there_or_empty_has_no_section(report, warehouses, tmp_path) -> None:
    warehouse = tmp_path / "shop.duckdb"
    shutil.copy(warehouses["seven"], warehouse)
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute("drop table marts.segment_events")
        connection.execute("delete from marts.segment_drift")
        connection.execute("delete from marts.segment_attributes")
    html = report.page(report.Marts(warehouse), report.writer_for("en_GB", None), "Title")

    assert "Who moved between segments" in html
    assert "How the segments changed" not in html
    assert "Do the segments still fit?" not in html
    assert "What else is known about them" not in html


def test_an_empty_warehouse_says_so(pages, opened) -> None:
    page = opened(pages["empty"]).page

    assert page.locator("h2").first.inner_text() == "There is nothing to show yet"
    assert page.locator(".chart").count() == 0


def test_customers_without_a_purchase_are_shown_and_not_compared(pages, opened) -> None:
    page = opened(pages["idle"]).page

    assert page.locator(".answer").inner_text() == "2 customers, and not one with a purchase."
    assert page.locator("article.segment h3").inner_text() == "No Purchases"


# ---- the file ---------------------------------------------------------------------------------------------------


def test_the_file_is_small_and_the_sample_of_points_says_so(pages, warehouses, opened) -> None:
    assert pages["sample"].stat().st_size < 3_000_000
    assert pages["many"].stat().st_size < 6_000_000
    page = opened(pages["many"]).page
    assert marks(page, "chart-map") == 5_000
    assert "5,000 of 12,400 customers" in page.locator("#map figcaption").inner_text()


def test_every_segment_is_sampled_by_its_size_and_a_small_one_stays(report, warehouses) -> None:
    marts = report.Marts(warehouses["ten"])
    sizes = dict(query(warehouses["ten"], "select segment_name, cluster_size from marts.segment_profiles"))
    points, customers = report.points_of(marts, [], at_most=310)
    drawn = {name: sum(point["segment_name"] == name for point in points) for name in sizes}

    assert customers == sum(sizes.values())
    for name, size in sizes.items():
        floor = min(size, report.POINTS_OF_A_SEGMENT_AT_LEAST)
        assert abs(drawn[name] - max(size / 2, floor)) <= 1


def test_the_same_warehouse_gives_the_same_page(warehouses, pages, tmp_path) -> None:
    finished = write_report(warehouses["sample"], "--output", str(tmp_path / "again.html"))

    assert finished.returncode == 0, finished.stderr
    assert (tmp_path / "again.html").read_bytes() == pages["sample"].read_bytes()


def test_the_same_warehouse_gives_the_same_pictures(report, warehouses, tmp_path) -> None:
    for folder in ("one", "two"):
        report.main(["--warehouse", str(warehouses["sample"]), "--pictures", str(tmp_path / folder)])

    for name in ("segments.png", "k_curve.png"):
        picture = (tmp_path / "one" / name).read_bytes()
        assert picture == (tmp_path / "two" / name).read_bytes()
        assert picture.startswith(b"\x89PNG")


# ---- words and numbers ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("locale", "currency", "money", "share", "day"),
    [
        ("en_GB", "EUR", "€1,234,567.89", "12.3%", "31 December 2024"),
        ("de_DE", "EUR", "1.234.567,89 €", "12,3 %", "2024-12-31"),
        ("en-US", "USD", "$1,234,567.89", "12.3%", "31 December 2024"),
        ("hi_IN", "INR", "₹12,34,567.89", "12.3%", "2024-12-31"),
        ("en_GB", None, "1,234,567.89", "12.3%", "31 December 2024"),
    ],
)
def test_numbers_are_written_as_the_locale_does(report, locale, currency, money, share, day) -> None:
    writer = report.writer_for(locale, currency)

    assert writer.money(1_234_567.89).replace("\xa0", " ") == money
    assert writer.percent(0.1234, 1).replace("\xa0", " ") == share
    assert writer.day(date(2024, 12, 31)) == day
    prefix, suffix = writer.chart_locale()["currency"]
    assert money == f"{prefix}{money.strip('€$₹ ')}{suffix}".replace("\xa0", " ")


def test_a_share_is_never_rounded_to_nothing_or_all(report) -> None:
    writer = report.writer_for("en_GB", None)

    assert [writer.percent(share) for share in (0.0, 0.001, 0.006, 0.994, 0.999, 1.0)] == [
        *("0%", "< 1%", "1%", "99%", "> 99%", "100%"),
    ]


@pytest.mark.parametrize(
    ("silhouette", "word"),
    [
        (None, None),
        (-0.2, "no clear"),
        (0.25, "no clear"),
        (0.3, "weak"),
        (0.5, "weak"),
        (0.51, "moderate"),
        (0.8, "strong"),
    ],
)
def test_a_silhouette_has_the_word_of_its_band(report, silhouette, word) -> None:
    assert report.separation(silhouette) == word


@pytest.mark.parametrize(
    ("structure", "silhouette", "headline", "end"),
    [
        ("natural groups", 0.3, "Natural groups", "Their edges overlap."),
        ("natural groups", 0.6, "Natural groups", "Most customers clearly belong to one of them."),
        ("continuum", 0.6, "Useful, not natural", "Take the borders as a choice, not as a finding."),
        ("unstable", 0.6, "Not sure", "Another number of groups may hold better."),
        ("not measured", 0.6, "Moderate separation", "The edges blur."),
        ("one segment", None, "Nothing to compare", "One group has nothing to be apart from."),
    ],
)
def test_how_sure_the_groups_are_follows_the_verdict(report, structure, silhouette, headline, end) -> None:
    found, meaning = report.certainty(structure, silhouette)
    assert found == headline
    assert meaning.endswith(end)


def test_every_structure_of_the_marts_has_a_headline(report) -> None:
    columns = yaml.safe_load((PROJECT / "models/marts/selection/_selection__models.yml").read_text())["models"][0][
        "columns"
    ]
    structure = next(column for column in columns if column["name"] == "validity")
    values = structure["data_tests"][1]["accepted_values"]["arguments"]["values"]
    assert set(values) == {*report.STRUCTURE_MEANS, "not measured", "one segment"}


def test_an_axis_is_named_by_what_drives_it(report) -> None:
    axes = [
        {"axis": "x", "feature": "total_spending", "loading": 0.8, "explained_variance_share": 0.79},
        {"axis": "x", "feature": "days_since_signup", "loading": -0.5, "explained_variance_share": 0.785},
        {"axis": "x", "feature": "total_quantity", "loading": 0.1, "explained_variance_share": 0.785},
        {"axis": "x", "feature": "shoe_size", "loading": -0.45, "explained_variance_share": 0.785},
        {"axis": "y", "feature": "total_spending", "loading": 0.0, "explained_variance_share": 0.0},
    ]
    features = {
        "total_spending": {"more": "more spending", "less": "less spending"},
        "days_since_signup": {"more": "customer for longer", "less": "joined more recently"},
        "shoe_size": {"more": "higher shoe size", "less": "lower shoe size"},
    }
    writer = report.writer_for("en_GB", None)

    assert report.axis_title(axes, "x", features, writer) == (
        "More spending, joined more recently and lower shoe size (79% of the variance)"
    )
    assert report.axis_title(axes, "y", features, writer) == "Nothing: one axis says it all"


def test_names_on_the_map_do_not_meet(report) -> None:
    points = [{"s": place, "x": place, "y": height} for place in range(3) for height in (0.0, 10.0)]

    heights = [middle["y"] for middle in report.charts.middle_of_each(points, ["a", "b", "c"])]

    assert heights == pytest.approx([5, 5.7, 6.4])


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--locale", "xx_YY"], "The locale 'xx_YY' is unknown; examples are en_GB, de_DE and fr_FR."),
        (["--currency", "EURO"], "The currency 'EURO' is unknown; examples are EUR, USD and GBP, or none."),
        (["--settings", "nowhere.yml"], "There is no file of settings nowhere.yml."),
    ],
)
def test_a_wrong_argument_is_answered_by_a_sentence(arguments, sentence, warehouses) -> None:
    finished = write_report(warehouses["sample"], *arguments)

    assert finished.returncode == 1
    assert finished.stderr.strip() == sentence


def test_a_missing_or_foreign_warehouse_is_answered_by_a_sentence(tmp_path) -> None:
    missing = write_report(tmp_path / "none.duckdb")
    assert missing.stderr.strip() == f"There is no warehouse {tmp_path / 'none.duckdb'}. `make build` makes one."

    foreign = tmp_path / "foreign.duckdb"
    duckdb.connect(str(foreign)).close()
    assert "lacks the marts customer_segments" in write_report(foreign).stderr


def test_the_settings_of_the_build_say_how_numbers_are_written(report, warehouses, tmp_path) -> None:
    settings = tmp_path / "my_shop.yml"
    settings.write_text("report_locale: de_DE\nreport_currency: EUR\nk: 4\n")
    target = tmp_path / "page.html"

    report.main(["--warehouse", str(warehouses["sample"]), "--output", str(target), "--settings", str(settings)])

    html = target.read_text()
    assert "3.000,20\xa0€" in html


# ---- colours ----------------------------------------------------------------------------------------------------

# How the three kinds of dichromats see linear sRGB: Machado, Oliveira and Fernandes (2009), severity 1.
COLOUR_BLINDNESS = {
    "none": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "protanopia": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "deuteranopia": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881)),
    "tritanopia": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.303900)),
}


def linear(colour: str) -> tuple[float, ...]:
    parts = (int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5))
    return tuple(part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)


def seen(colour: str, matrix: tuple[tuple[float, ...], ...]) -> tuple[float, float, float]:
    """The colour in CIE L*a*b* (D65), as an eye of this kind sees it."""
    red, green_, blue = (
        min(max(sum(weight * part for weight, part in zip(row, linear(colour), strict=True)), 0), 1) for row in matrix
    )
    x = (0.4124 * red + 0.3576 * green_ + 0.1805 * blue) / 0.95047
    y = 0.2126 * red + 0.7152 * green_ + 0.0722 * blue
    z = (0.0193 * red + 0.1192 * green_ + 0.9505 * blue) / 1.08883
    fx, fy, fz = (part ** (1 / 3) if part > 0.008856 else 7.787 * part + 16 / 116 for part in (x, y, z))
    return 116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)


@pytest.mark.parametrize("kind", COLOUR_BLINDNESS)
@pytest.mark.parametrize(("palette", "ground"), [("LIGHT_PALETTE", "#ffffff"), ("DARK_PALETTE", "#1a1f28")])
def test_colours_stay_apart_for_every_eye_and_stand_out_from_the_ground(report, palette, ground, kind) -> None:
    colours = getattr(report.charts, palette)
    apart = {
        (one, other): sum((a - b) ** 2 for a, b in zip(seen(one, matrix), seen(other, matrix), strict=True)) ** 0.5
        for matrix in [COLOUR_BLINDNESS[kind]]
        for one, other in itertools.combinations(colours, 2)
    }

    # A difference of 2.3 can just be seen; these are far beyond it, and each group has a shape besides.
    assert min(apart[pair] for pair in itertools.combinations(colours[:5], 2)) > 20
    assert min(apart.values()) > 12
    for colour in colours:
        weights = (0.2126, 0.7152, 0.0722)
        lights = sorted(
            sum(weight * part for weight, part in zip(weights, linear(one), strict=True)) for one in (colour, ground)
        )
        assert (lights[1] + 0.05) / (lights[0] + 0.05) >= 3, colour


def test_ten_groups_have_ten_shapes(report) -> None:
    assert len({report.charts.shape(place) for place in range(10)}) == 10
    pairs = {(report.charts.shape(place), report.charts.colour_place(place)) for place in range(100)}
    assert len(pairs) == 100


# ---- lineage ----------------------------------------------------------------------------------------------------


def test_the_exposure_names_every_mart_that_the_report_reads() -> None:
    exposure = yaml.safe_load((PROJECT / "models" / "marts" / "_marts__exposures.yml").read_text())["exposures"][0]
    named = {re.fullmatch(r"ref\('(\w+)'\)", one)[1] for one in exposure["depends_on"]}
    marts = {path.stem for path in (PROJECT / "models" / "marts").rglob("*.sql")}

    read = set(re.findall(r"marts\.(\w+)", SCRIPT.read_text())) & marts
    assert read == named
