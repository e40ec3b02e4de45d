"""The HTML page, which makes no network requests, and the PNG pictures."""

from __future__ import annotations

import base64
import functools
import hashlib
import json
import re
from importlib.resources import files
from pathlib import Path
from typing import Any

import vl_convert
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from customer_segmentation.report import ReportError, charts, explorer, figures, sections, wording
from customer_segmentation.report import moves as moves_of
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


def page(
    marts: Marts, formatter: Formatter, title: str, *, customers_at_most: int = 10_000, with_ids: bool = True
) -> str:
    """The page as HTML.

    Args:
        marts: The marts to read.
        formatter: Writes the numbers.
        title: The title of the page.
        customers_at_most: The page carries every customer, to be looked up and listed, if there are no more than this.
        with_ids: Whether the page has any customer's id; without, nobody can be looked up.
    """
    profiles, features, quality = marts.segment_profiles(), marts.features, marts.data_quality()
    actions, to_contact, days = marts.segment_actions(), marts.actions_due(), marts.expected_spending_days()
    segments = sections.segments(
        profiles, marts.segment_features(), actions, to_contact or [], features, days, formatter
    )
    average = sections.average_customer(profiles)
    as_of = marts.as_of_date()
    choice = sections.choice_of_k(marts.k_selection(), formatter)
    scatter = _map(marts, segments, formatter, charts.PAGE, with_ids=with_ids)
    shares = figures.share_chart(segments, formatter, charts.PAGE)
    curves = figures.metric_curves(choice, formatter, charts.PAGE)
    alternatives = sections.alternatives(marts.segment_alternatives(), marts.alternative_borders())
    other_maps = scatter and figures.alternative_maps(
        marts.alternative_map(), alternatives, scatter["titles"], formatter, charts.PAGE
    )
    specs = {f"chart-{curve['id']}": curve["spec"] for curve in curves}
    if scatter:
        specs["chart-map"] = scatter["spec"]
    if shares:
        specs["chart-shares"] = shares["spec"]
    model, drift = marts.serving_model(), marts.latest_drift()
    clustered = [segment for segment in segments if segment["is_clustered"]]
    # None if the mart is missing, and an empty table if it has nothing to show.
    due, results = (
        None if rows is None else sections.changes_table(rows, formatter) if rows else {}
        for rows in (to_contact, marts.latest_results())
    )
    moves = moves_of.alluvial(marts.latest_migrations(), segments, marts.previous_date(), formatter)
    events = marts.segment_events()
    customers, overrides, listed = marts.customer_count(), marts.overrides(), None
    if segments and with_ids and customers <= customers_at_most:
        listed = explorer.explorer(
            marts.customers(),
            segments,
            marts.moved_customers(),
            marts.contacts_due(),
            marts.suppressed_customers(),
            overrides,
            actions,
        )
        places = {segment["segment_name"]: segment["place"] for segment in segments}
        # The list of a row is shown with these filters.
        for row in due["rows"] if due else []:
            row[2] |= {"list": row[2]["text"].removesuffix(".csv"), "segment": places[row[1]["text"]]}
    scripts = _scripts(bool(specs), listed is not None)
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
        alternatives=alternatives,
        other_maps=other_maps,
        map=scatter,
        shares=shares,
        curves=curves,
        still={
            name: still_picture(name, scatter["still"] if name == "chart-map" else spec, formatter)
            for name, spec in specs.items()
        },
        attributes=sections.attribute_tables(marts.segment_attributes(), segments),
        due=due,
        contact_rules=wording.contact_rules(marts.most_actions_at_once(), to_contact or [], formatter),
        results=results,
        moves=moves,
        moves_table=sections.changes_table(moves["moves"], formatter) if moves and moves["moves"] else None,
        events=sections.changes_table(events, formatter) if events else None,
        drift=sections.changes_table(drift, formatter) if drift else None,
        customers=customers,
        overrides=len(overrides),
        explorer=listed,
        days=days,
        is_fixed_k=bool(model and "fixed" in (model["selected_by"] or "")),
        customer_data=explorer.compressed(listed) if listed else "",
        language=str(formatter.locale).replace("_", "-"),
        with_ids=with_ids,
        quality=sections.input_quality(quality, formatter),
        facts=sections.model_facts(model, quality, as_of, features, formatter),
        light=charts.LIGHT_PALETTE,
        dark=charts.DARK_PALETTE,
        scripts=scripts,
        data=data_text(_chart_data(specs, other_maps, formatter)) if specs else "",
        policy=" ".join(map(script_hash, scripts)) or "'none'",
    )


def _chart_data(specs: dict[str, Any], other_maps: dict[str, Any] | None, formatter: Formatter) -> dict[str, Any]:
    """What start_charts.js draws: the charts by their ids, and the customers that the maps of other k share."""
    data = {"charts": specs, "locale": formatter.chart_locale()}
    if other_maps:
        by_id = {name: {f"chart-map-{k}": of_k for k, of_k in other_maps[name].items()} for name in ("specs", "places")}
        data |= {"charts": specs | by_id["specs"], "points": other_maps["points"], "places": by_id["places"]}
    return data


def _scripts(has_charts: bool, has_explorer: bool) -> list[str]:
    """The scripts of a page, in their order."""
    templates = files("customer_segmentation.report") / "templates"
    own = (("start_charts.js", has_charts), ("find_customers.js", has_explorer))
    return ([chart_library()] if has_charts else []) + [
        script_text((templates / name).read_text(encoding="utf-8")) for name, is_used in own if is_used
    ]


def still_picture(chart: str, spec: dict[str, Any], formatter: Formatter) -> Markup:
    """A chart as an SVG element, for readers without JavaScript."""
    # The width of its container is not known here; the picture shrinks to it where that is narrower.
    width = {"chart-map": 1000, "chart-shares": 560}.get(chart, 300)
    svg = vl_convert.vegalite_to_svg(
        spec | {"width": width}, vl_version=VEGA_LITE, format_locale=formatter.chart_locale(), allowed_base_urls=[]
    )
    # The names of clip paths go on from chart to chart within a process: give the same page the same names.
    names = {name: f"{chart}-clip-{place}" for place, name in enumerate(dict.fromkeys(re.findall(r"\bclip\d+\b", svg)))}
    return Markup(re.sub(r"\bclip\d+\b", lambda found: names[found[0]], svg))


def _map(
    marts: Marts,
    segments: list[dict[str, Any]],
    formatter: Formatter,
    theme: charts.Theme,
    *,
    with_ids: bool = True,
    **size: Any,
) -> dict[str, Any] | None:
    """The map of the customers of a warehouse."""
    points, customers = marts.map_points(figures.map_features(segments))
    axes = marts.segment_map_axes()
    return figures.segment_map(
        points, customers, axes, segments, marts.features, formatter, theme, with_ids=with_ids, **size
    )


# ---- the pictures -----------------------------------------------------------------------------------------------


def write_pictures(marts: Marts, formatter: Formatter, folder: Path) -> list[Path]:
    """Write the map and the curve of the Davies-Bouldin index as PNG files, and return their paths.

    Raises:
        ReportError: There are no customers to show.
    """
    profiles, features = marts.segment_profiles(), marts.features
    segments = sections.segments(profiles, marts.segment_features(), [], [], features, None, formatter)
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
