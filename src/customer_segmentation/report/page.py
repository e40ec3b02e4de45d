"""The HTML page, which makes no network requests, and the PNG pictures."""

from __future__ import annotations

import base64
import functools
import hashlib
import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import vl_convert
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from customer_segmentation.report import ReportError, charts, figures, sections, wording
from customer_segmentation.report.reading import Marts
from customer_segmentation.report.wording import Formatter

# The version of Vega-Lite that Altair writes for.
VEGA_LITE = ".".join(charts.alt.VEGALITE_VERSION.split(".")[:2])


# ---- text in script elements ------------------------------------------------------------------------------------


def script_text(code: str) -> str:
    """Code for a script element, escaped so that it cannot close the element."""
    return code.replace("</script", "<\\/script").replace("<!--", "<\\!--")


def script_hash(code: str) -> str:
    """The hash by which the page's content security policy allows this script."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()}'"


def data_text(value: Any) -> str:
    """Data as JSON for a script element."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


@functools.cache
def chart_library() -> str:
    """Vega, Vega-Lite and Vega-Embed as one script, from the package that also draws the pictures."""
    return script_text(vl_convert.javascript_bundle(vl_version=VEGA_LITE))


# ---- the page ---------------------------------------------------------------------------------------------------


def page(marts: Marts, formatter: Formatter, title: str) -> str:
    """The page as HTML."""
    profiles, features, quality = marts.segment_profiles(), marts.features, marts.data_quality()
    segments = sections.segments(profiles, marts.segment_features(), marts.segment_actions(), features, formatter)
    average = sections.average_customer(profiles)
    as_of = marts.as_of_date()
    choice = sections.choice_of_k(marts.k_selection(), formatter)
    scatter = _map(marts, segments, formatter, charts.PAGE)
    shares = figures.share_chart(segments, formatter, charts.PAGE)
    curves = figures.metric_curves(choice, formatter, charts.PAGE)
    specs = {f"chart-{curve['id']}": curve["spec"] for curve in curves}
    if scatter:
        specs["chart-map"] = scatter["spec"]
    if shares:
        specs["chart-shares"] = shares["spec"]
    library = chart_library() if specs else ""
    template_files = files("customer_segmentation.report") / "templates"
    starter = script_text((template_files / "start_charts.js").read_text(encoding="utf-8")) if specs else ""
    model, drift = marts.serving_model(), marts.latest_drift()
    clustered = [segment for segment in segments if segment["is_clustered"]]
    # None if the mart is missing, and an empty table if it has nothing to show.
    due, results = (
        None if rows is None else sections.changes_table(rows, formatter) if rows else {}
        for rows in (marts.actions_due(), marts.latest_results())
    )
    past = (
        ("How the segments changed", marts.segment_events()),
        ("Who moved by what they did", marts.latest_migrations("behaviour")),
        ("Whom the new model moved", marts.latest_migrations("model")),
        ("Do the segments still fit?", drift),
    )
    environment = Environment(
        loader=PackageLoader("customer_segmentation.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["script"] = Markup
    return environment.get_template("report.html.j2").render(
        title=title,
        formatter=formatter,
        segments=segments,
        clustered=clustered,
        dates=wording.dates(model, as_of, formatter),
        warnings=wording.warnings(model, drift, len(clustered), formatter),
        average=average,
        features=features,
        answer=wording.answer(segments, average, formatter) if segments else None,
        as_of=as_of,
        choice=choice,
        borders=marts.segment_borders(),
        map=scatter,
        shares=shares,
        curves=curves,
        attributes=sections.attribute_tables(marts.segment_attributes(), segments),
        due=due,
        results=results,
        past=[(heading, sections.changes_table(rows, formatter)) for heading, rows in past if rows],
        quality=sections.input_quality(quality, formatter),
        facts=sections.model_facts(model, quality, as_of, features, formatter),
        light=charts.LIGHT_PALETTE,
        dark=charts.DARK_PALETTE,
        library=library,
        starter=starter,
        data=data_text({"charts": specs, "locale": formatter.chart_locale()}),
        policy=" ".join(script_hash(code) for code in (library, starter) if code) or "'none'",
    )


def _map(
    marts: Marts, segments: list[dict[str, Any]], formatter: Formatter, theme: charts.Theme, **size: Any
) -> dict[str, Any] | None:
    """The map of the customers of a warehouse."""
    points, customers = marts.map_points(figures.map_features(segments))
    axes = marts.segment_map_axes()
    return figures.segment_map(points, customers, axes, segments, marts.features, formatter, theme, **size)


# ---- the pictures -----------------------------------------------------------------------------------------------


def write_pictures(marts: Marts, formatter: Formatter, folder: Path) -> list[Path]:
    """Write the map and the curve of the Davies-Bouldin index as PNG files, and return their paths.

    Raises:
        ReportError: There are no customers to show.
    """
    profiles, features = marts.segment_profiles(), marts.features
    segments = sections.segments(profiles, marts.segment_features(), marts.segment_actions(), features, formatter)
    choice = sections.choice_of_k(marts.k_selection(), formatter)
    scatter = _map(marts, segments, formatter, charts.PICTURE, width=760, height=480, with_legend=True)
    curves = figures.metric_curves(choice, formatter, charts.PICTURE, with_value=True, width=760, height=300)
    if not scatter or not curves:
        raise ReportError("The marts have no data for the map or the curve.")
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, spec in (("segments", scatter["spec"]), ("k_curve", curves[0]["spec"])):
        # A picture needs its own background, and the fonts of the page may be missing.
        spec = spec | {"background": charts.PICTURE.ground, "padding": 16}
        spec["config"] = spec["config"] | {"font": "sans-serif"}
        picture = vl_convert.vegalite_to_png(
            spec, vl_version=VEGA_LITE, scale=2, format_locale=formatter.chart_locale(), allowed_base_urls=[]
        )
        target = folder / f"{name}.png"
        target.write_bytes(picture)
        written.append(target)
    return written
