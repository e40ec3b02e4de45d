"""Write the segmentation report, one HTML file, from the marts.

It reads the current publication if there is one, otherwise the warehouse; --target spark reads the publication of the
warehouse on Spark, and --warehouse another database.

Usage: python -m customer_segmentation.report [--warehouse warehouse.duckdb | --target spark] [--settings my_shop.yml]
           [--output report.html] [--locale en_GB] [--currency EUR|none] [--title "..."] [--customers 10000|all]
       python -m customer_segmentation.report --pictures reports/pictures

Run it in the project folder, as `make` does.
"""

from __future__ import annotations

import argparse
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from customer_segmentation.publication.errors import PublicationError
from customer_segmentation.publication.publications import current_database, publications_folder
from customer_segmentation.publication.spark import published_name, spark_warehouse
from customer_segmentation.publication.warehouse import warehouse_path
from customer_segmentation.report import ReportError
from customer_segmentation.report.page import page, write_pictures
from customer_segmentation.report.reading import Marts
from customer_segmentation.report.wording import formatter_for
from customer_segmentation.settings import SettingsError, project_settings, read_settings

# Settings that a stored model keeps under their own names.
KEPT_SETTINGS = ("k", "seed", "starts", "winsorize", "observation_window_days")


def parse_arguments(given: list[str]) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m customer_segmentation.report", description="Write the segmentation report from the marts."
    )
    sources = parser.add_mutually_exclusive_group()
    sources.add_argument("--warehouse", type=Path, help="the database to read (default: publication, else warehouse)")
    sources.add_argument("--target", choices=["spark"], help="read the publication of the warehouse on Apache Spark")
    parser.add_argument("--output", type=Path, help="the page (default: in reports/output, in a folder of the shop)")
    parser.add_argument("--settings", type=Path, help="the YAML settings file of the build")
    parser.add_argument("--locale", help="the locale of numbers, such as en_GB (default: setting report_locale)")
    parser.add_argument("--currency", help="such as EUR, or none (default: setting report_currency)")
    parser.add_argument("--title", default="Customer segments")
    parser.add_argument(
        "--customers",
        type=_number_or_all,
        metavar="N|all",
        help="list the customers if there are at most N (default: setting report_customers)",
    )
    parser.add_argument("--pictures", type=Path, metavar="FOLDER", help="write the PNG pictures of the README instead")
    return parser.parse_args(given)


def main(given: list[str]) -> None:
    """Write the page, or the pictures, and print where they are.

    Raises:
        ReportError, SettingsError, PublicationError: Nothing was written; the message is a sentence for the user.
    """
    arguments = parse_arguments(given)
    settings = project_settings(Path(), arguments.settings)
    check_report_settings(settings)
    currency = arguments.currency or settings.get("report_currency")
    formatter = formatter_for(
        arguments.locale or settings.get("report_locale") or "en_GB",
        None if currency is None or str(currency).lower() == "none" else str(currency),
    )
    published, is_of_spark = None, arguments.target == "spark"
    if not arguments.warehouse:
        published, is_of_spark = published_database(on_spark=is_of_spark)
    source = arguments.warehouse or published or warehouse_path()
    marts = Marts(source)
    if arguments.pictures:
        for picture in write_pictures(marts, formatter, arguments.pictures):
            print(f"Wrote the picture {picture}.")
        return
    if arguments.settings:
        remedy = "publish TARGET=spark" if is_of_spark else "publish" if published else "build"
        check_settings(marts, settings, arguments.settings, source, remedy)
    at_most = settings["report_customers"] if arguments.customers is None else arguments.customers
    html = page(marts, formatter, arguments.title, customers_at_most=at_most, with_ids=settings["report_ids"])
    output = arguments.output or output_of(arguments.warehouse or warehouse_path())
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(html, encoding="utf-8")
    except OSError as error:
        raise ReportError(f"The page cannot be written to {output}: {error.strerror}.") from error
    origin = f", published from {spark_warehouse()} on Spark" if is_of_spark else ""
    print(f"Wrote the report {output} ({len(html.encode()) / 1e6:.1f} MB) from {source}{origin}.")
    if not arguments.warehouse:
        print_others(published, is_of_spark=is_of_spark)


def published_database(*, on_spark: bool) -> tuple[Path | None, bool]:
    """The publication to show, if there is one, and whether it is of the warehouse on Spark.

    Unless that one is asked for, it is what readers of the publications beside the warehouse file see, whichever engine
    built it; where there is no warehouse file, it is of Spark.

    Raises:
        PublicationError: The publication of Spark is asked for, and there is none; or one cannot be read.
    """
    warehouse = warehouse_path().resolve()
    if warehouse.exists() and not on_spark:
        published = current_database(warehouse)
        if published or publications_folder(warehouse) != publications_folder(spark_warehouse().resolve()):
            return published, False
    published = published_on_spark()
    if on_spark and not published:
        raise PublicationError(
            f"There is no publication of {spark_warehouse()} on Spark: `make publish TARGET=spark` creates one, and"
            " SEGMENTATION_SPARK_WAREHOUSE names another warehouse."
        )
    return published, published is not None


def published_on_spark() -> Path | None:
    """The current publication of the warehouse on Spark; None if there is none."""
    warehouse = spark_warehouse().resolve()
    return current_database(warehouse, published_name(warehouse))


def print_others(published: Path | None, *, is_of_spark: bool) -> None:
    """Say how to see what the page does not show: the warehouse file, or the publication of Spark."""
    warehouse = warehouse_path()
    shown = f'`make report ARGS="--warehouse {warehouse}"` shows it.'
    if is_of_spark:
        if warehouse.exists():
            print(f"{warehouse} was built on DuckDB: {shown}")
        return
    if published and is_newer(warehouse, published):
        print(f"{warehouse} has changed since that publication: `make publish` publishes it, and {shown}")
    with suppress(PublicationError):
        if published_on_spark():
            print(f"There is a publication of {spark_warehouse()} on Spark: `make report TARGET=spark` shows it.")


def is_newer(warehouse: Path, published: Path) -> bool:
    """Whether a warehouse has changed after its marts were published."""
    return warehouse.exists() and warehouse.stat().st_mtime > published.stat().st_mtime


def _number_or_all(text: str) -> int:
    """A number of customers; all of them for `all`."""
    if text == "all":
        return sys.maxsize
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is neither a number nor 'all'")
    return int(text)


def output_of(warehouse: Path) -> Path:
    """Where the page of a warehouse is written; that of another warehouse than warehouse.duckdb has its own folder."""
    folder = Path("reports") / "output"
    return (folder if warehouse.stem == "warehouse" else folder / warehouse.stem) / "segmentation_report.html"


def check_report_settings(settings: dict[str, Any]) -> None:
    """Check the types of the settings of the report, which is written without dbt.

    Raises:
        ReportError: One of them has a wrong value.
    """
    customers, currency = settings["report_customers"], settings["report_currency"]
    right = {
        "report_ids": (isinstance(settings["report_ids"], bool), "true or false"),
        "report_customers": (type(customers) is int and customers >= 0, "a whole number from 0"),
        "report_locale": (isinstance(settings["report_locale"], str), "text such as en_GB"),
        "report_currency": (currency is None or isinstance(currency, str), "text such as EUR, or null"),
    }
    for name, (is_right, words) in right.items():
        if not is_right:
            raise ReportError(f"Setting '{name}' is {settings[name]!r}; it must be {words}.")


def check_settings(marts: Marts, settings: dict[str, Any], file: Path, source: Path, remedy: str) -> None:
    """Check that a database was built with the settings that a file names; remedy: the target of make that builds it.

    Compared are the location of the transactions and, if the latest build trained its model, those of the file's
    settings that the model keeps. A model that was trained earlier may have had others.

    Raises:
        ReportError: One of them differs.
    """
    built = {"transactions_location": marts.transactions_location()}
    named = {"transactions_location": settings.get("transactions_location") or "the sample"}
    model = marts.serving_model()
    if model and model["as_of_date"] == marts.as_of_date():
        built |= {name: model[name] for name in KEPT_SETTINGS} | {"features": (model["features"] or "").split(", ")}
        of_file = read_settings(file)
        named |= {name: of_file[name] for name in built if of_file.get(name) is not None}
    for name, value in named.items():
        if built[name] is not None and built[name] != value:
            raise ReportError(
                f"{source} was built with {name}: {_words(built[name])}, and {file} says {_words(value)}. Build it with"
                f" these settings (make {remedy} VARS={file}), or name its warehouse with SEGMENTATION_WAREHOUSE."
            )


def _words(value: Any) -> str:
    """A setting as it is written in a message."""
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except (ReportError, SettingsError, PublicationError) as problem:
        sys.exit(str(problem))
