"""The charts of the segmentation report, as Altair specifications.

Nothing is read or written here. Each function takes plain records and a theme, and returns a Vega-Lite chart. On the
page, the colours are CSS variables, so that a chart follows light mode, dark mode and print without being drawn again.
In a picture, they are the light colours.
"""

from __future__ import annotations

import itertools
import json
import textwrap
from dataclasses import dataclass
from typing import Any

import altair as alt

FONT = '-apple-system, BlinkMacSystemFont, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif'

# Ten colours for a white background and ten for a near-black one. They are distinct, the first five clearly so, also
# with the three kinds of dichromacy, and have a contrast of at least 3 : 1 with the background. test_report_charts.py
# simulates and measures both. Most shops have five segments or fewer.
LIGHT_PALETTE = (
    "#00508f",
    "#d55e00",
    "#14a085",
    "#a54bf0",
    "#78000f",
    "#870f5a",
    "#9687d2",
    "#b40000",
    "#4b00a5",
    "#ff005a",
)
DARK_PALETTE = (
    "#5aa7f0",
    "#ff8a4c",
    "#7ff0c8",
    "#9669ff",
    "#f03c96",
    "#e1b400",
    "#a5d287",
    "#968700",
    "#ff2d4b",
    "#f0f078",
)

# One shape per segment, so that no information depends on colour. The page draws the same paths beside the names.
SHAPES = (
    "M.85,0A.85,.85,0,1,1,-.85,0A.85,.85,0,1,1,.85,0Z",
    "M-.75,-.75H.75V.75H-.75Z",
    "M0,-1L.95,.75H-.95Z",
    "M0,-1.05L.85,0L0,1.05L-.85,0Z",
    "M-.35,-1H.35V-.35H1V.35H.35V1H-.35V.35H-1V-.35H-.35Z",
    "M0,1L-.95,-.75H.95Z",
    "M-.95,-.5L-.5,-.95L0,-.45L.5,-.95L.95,-.5L.45,0L.95,.5L.5,.95L0,.45L-.5,.95L-.95,.5L-.45,0Z",
    "M0,-1.1L.28,-.36L1.05,-.34L.45,.14L.65,.89L0,.46L-.65,.89L-.45,.14L-1.05,-.34L-.28,-.36Z",
    "M1,0L-.75,.95V-.95Z",
    "M-.85,-.9H.85L-.85,.9H.85Z",
)


@dataclass(frozen=True)
class Theme:
    """The colours of a chart: text, muted text, lines, strong lines, background, accent, and the segments."""

    ink: str
    muted: str
    line: str
    line_strong: str
    ground: str
    accent: str
    palette: tuple[str, ...]


PAGE = Theme(
    "var(--ink)",
    "var(--muted)",
    "var(--line)",
    "var(--line-strong)",
    "var(--card)",
    "var(--accent)",
    tuple(f"var(--s{place})" for place in range(len(LIGHT_PALETTE))),
)
PICTURE = Theme("#1d2330", "#566070", "#e4e7ec", "#aab2bf", "#ffffff", "#3a4fb8", LIGHT_PALETTE)


def colour_place(place: int) -> int:
    """The index of a segment's colour in the palette. Beyond ten segments, colours are combined with other shapes."""
    return (place + place // len(SHAPES)) % len(LIGHT_PALETTE)


def shape(place: int) -> str:
    """The SVG path of a segment's mark, by the index of the segment."""
    return SHAPES[place % len(SHAPES)]


def dressed(chart: alt.Chart | alt.LayerChart, theme: Theme, description: str) -> dict[str, Any]:
    """The chart as a dictionary, with the fonts and colours of the theme and a text alternative."""
    axis = {
        "labelColor": theme.muted,
        "titleColor": theme.muted,
        "titleFontWeight": "normal",
        "labelFontSize": 12,
        "titleFontSize": 12,
        "titlePadding": 10,
        "labelPadding": 6,
        "gridColor": theme.line,
        "domain": False,
        "ticks": False,
    }
    return (
        chart.properties(description=description, background="transparent")
        .configure(font=FONT, autosize=alt.AutoSizeParams(type="fit-x", contains="padding"))
        .configure_axis(**axis)
        .configure_view(stroke=None)
        .configure_legend(
            labelColor=theme.ink, titleColor=theme.muted, labelFontSize=12, titleFontSize=12, labelLimit=320
        )
        .to_dict()
    )


# ---- the map ----------------------------------------------------------------------------------------------------


def segment_scatter(
    points: list[dict[str, Any]],
    names: list[str],
    axis_titles: tuple[str, str],
    tooltip: list[tuple[str, str, str]],
    theme: Theme,
    *,
    width: int | str = "container",
    height: int = 480,
    with_legend: bool = False,
) -> alt.LayerChart:
    """The customers on the map with two axes, with one colour and one shape per segment.

    Args:
        points: One record per customer: `s` (place of its segment in `names`), `x`, `y` and the fields of the tooltip.
        names: Segment names, in the order of their colours.
        axis_titles: The titles of the x and the y axis; an arrow is added to each.
        tooltip: Field, title and d3 format of each line of a customer's tooltip below the segment.
        theme: Colours.
        width: Pixels, or "container".
        height: Pixels.
        with_legend: Whether the chart has a legend; the page has a separate one for screen readers.
    """
    # A name is in the page once, not once per customer, because names can be long.
    lookup = alt.Data(values=[{"s": place, "segment": name} for place, name in enumerate(names)])
    places = list(range(len(names)))
    # Many points are drawn smaller and more transparent, so that dense areas are visible.
    crowd = len(points)
    size, opacity = (52, 0.75) if crowd <= 1_000 else (30, 0.6) if crowd <= 3_000 else (22, 0.5)
    legend = None
    if with_legend:
        labels = {str(place): name for place, name in enumerate(names)}
        legend = alt.Legend(
            title=None,
            orient="top",
            columns=min(4, len(names)),
            labelExpr=f"({json.dumps(labels)})[datum.label]",
            symbolSize=90,
        )
    base = alt.Chart(alt.Data(values=points))
    titles = [textwrap.wrap(f"{title} →", wide) for title, wide in zip(axis_titles, (46, 60), strict=True)]
    marks = (
        base.transform_lookup(lookup="s", from_=alt.LookupData(data=lookup, key="s", fields=["segment"]))
        .mark_point(filled=True, size=size, opacity=opacity, aria=False)
        .encode(
            x=alt.X("x:Q", title=titles[0], scale=alt.Scale(nice=False, zero=False, padding=12), axis=quiet_axis()),
            y=alt.Y("y:Q", title=titles[1], scale=alt.Scale(nice=False, zero=False, padding=12), axis=quiet_axis()),
            color=alt.Color(
                "s:N",
                scale=alt.Scale(domain=places, range=[theme.palette[colour_place(place)] for place in places]),
                legend=legend,
            ),
            shape=alt.Shape(
                "s:N", scale=alt.Scale(domain=places, range=[shape(place) for place in places]), legend=legend
            ),
            tooltip=[
                alt.Tooltip("segment:N", title="Segment"),
                *(
                    alt.Tooltip(field, title=title, **({"format": form} if form else {}))
                    for field, title, form in tooltip
                ),
            ],
        )
    )
    layers = [marks]
    # Up to five names are written on the map; the legend always has them all.
    if len(names) <= 5:
        middles = middle_of_each(points, names)
        for stroke in (True, False):
            layers.append(
                alt.Chart(alt.Data(values=middles))
                .mark_text(
                    fontSize=13,
                    fontWeight=700,
                    limit=150,
                    lineBreak="\n",
                    aria=False,
                    color=theme.ink,
                    **({"stroke": theme.ground, "strokeWidth": 5, "strokeJoin": "round"} if stroke else {}),
                    tooltip=None,
                )
                .encode(x="x:Q", y="y:Q", text="segment:N")
            )
    return alt.layer(*layers).properties(width=width, height=height)


def quiet_axis() -> alt.Axis:
    """An axis without labels: positions on the map have no unit."""
    return alt.Axis(labels=False, tickCount=5)


def middle_of_each(points: list[dict[str, Any]], names: list[str]) -> list[dict[str, Any]]:
    """The position of each segment's name: the mean of its points, moved up if it would overlap the name below."""
    middles = []
    for place, name in enumerate(names):
        own = [point for point in points if point["s"] == place]
        if own:
            middles.append(
                {
                    # A long name has a line for each of its parts.
                    "segment": name.replace(", ", ",\n"),
                    "x": sum(point["x"] for point in own) / len(own),
                    "y": sum(point["y"] for point in own) / len(own),
                }
            )
    if not middles:
        return []
    heights = [point["y"] for point in points]
    # The height of a line with some space, as a share of the height of the map. Names are long, so that the horizontal
    # distance is not considered.
    gap = 0.07 * (max(heights) - min(heights))
    middles.sort(key=lambda middle: middle["y"])
    for below, above in itertools.pairwise(middles):
        above["y"] = max(above["y"], below["y"] + gap)
    return middles


# ---- shares -----------------------------------------------------------------------------------------------------


def share_bars(segments: list[dict[str, Any]], theme: Theme, *, width: int | str = "container") -> alt.Chart:
    """Each segment's share of the customers beside its share of the spending.

    Args:
        segments: Records of `segment`, `measure` ("of the customers" or "of the spending") and `share` (0 to 1).
        theme: Colours.
        width: Pixels, or "container".
    """
    order = list(dict.fromkeys(record["segment"] for record in segments))
    measures = ["of the customers", "of the spending"]
    base = alt.Chart(alt.Data(values=segments)).encode(
        y=alt.Y(
            "segment:N",
            sort=order,
            title=None,
            # A long name has a line for each of its parts: Moderate Spenders, newer.
            axis=alt.Axis(
                labelLimit=172,
                labelColor=theme.ink,
                labelFontSize=13,
                labelExpr="split(replace(datum.label, ', ', ',\\n'), '\\n')",
            ),
            scale=alt.Scale(paddingInner=0.35),
        ),
        yOffset=alt.YOffset("measure:N", sort=measures),
        x=alt.X("share:Q", title=None, axis=None),
        tooltip=[
            alt.Tooltip("segment:N", title="Segment"),
            alt.Tooltip("measure:N", title="Share"),
            alt.Tooltip("share:Q", title="Percent", format=".1%"),
        ],
    )
    bars = base.mark_bar(cornerRadiusEnd=3, aria=False).encode(
        color=alt.Color(
            "measure:N", scale=alt.Scale(domain=measures, range=[theme.line_strong, theme.accent]), legend=None
        )
    )
    words = base.mark_text(align="left", dx=6, fontSize=12, color=theme.ink, aria=False).encode(
        text=alt.Text("share:Q", format=".0%")
    )
    return alt.layer(bars, words).properties(width=width, height=max(52 * len(order), 210))


# ---- the choice of k --------------------------------------------------------------------------------------------


def metric_curve(
    rows: list[dict[str, Any]],
    field: str,
    title: str,
    theme: Theme,
    *,
    with_minima: bool = False,
    with_value: bool = False,
    width: int | str = "container",
    height: int = 180,
) -> alt.LayerChart:
    """One metric over the number of groups, with the k that is served marked.

    Args:
        rows: One record per k: `k`, the field, `note`, and `role` (served, local minimum, not admissible or other).
        field: Name of the metric.
        title: Its title in the tooltip.
        theme: Colours.
        with_minima: Whether local minima are marked; only those of the Davies-Bouldin index are meaningful.
        with_value: Whether the chart has its title and the value of the served k; the page has both in a heading.
        width: Pixels, or "container".
        height: Pixels.
    """
    ks = sorted(row["k"] for row in rows)
    number = ",.0f" if field == "inertia" else ".3f"
    sizes = {"served": 190, "local minimum": 110 if with_minima else 40, "not admissible": 50}
    records = [row | {"size": sizes.get(row["role"], 40)} for row in rows]
    base = alt.Chart(alt.Data(values=records)).encode(
        x=alt.X(
            "k:Q",
            title="Number of groups",
            scale=alt.Scale(domain=[ks[0], ks[-1]], nice=False, padding=14),
            axis=alt.Axis(values=ks, format="d", grid=False, labelOverlap=True),
        ),
        y=alt.Y(
            f"{field}:Q",
            title=f"{title} (lower is better)" if with_value and with_minima else None,
            scale=alt.Scale(zero=field == "inertia", nice=True, padding=30 if with_value else 12),
            axis=alt.Axis(tickCount=4, format=",.0f" if field == "inertia" else ".2f"),
        ),
        tooltip=[
            alt.Tooltip("k:Q", title="Groups", format="d"),
            alt.Tooltip(f"{field}:Q", title=title, format=number),
            alt.Tooltip("note:N", title="Note"),
        ],
    )
    line = base.mark_line(color=theme.line_strong, strokeWidth=2, aria=False).encode(tooltip=alt.value(None))
    roles = ["served", "local minimum", "not admissible", "other"]
    ground, accent, muted = theme.ground, theme.accent, theme.muted
    fills = [accent, ground if with_minima else muted, ground, muted]
    marks = base.mark_point(opacity=1, strokeWidth=2, aria=False).encode(
        fill=alt.Fill("role:N", scale=alt.Scale(domain=roles, range=fills), legend=None),
        stroke=alt.Stroke(
            "role:N",
            scale=alt.Scale(domain=roles, range=[accent, accent if with_minima else muted, muted, muted]),
            legend=None,
        ),
        # Not by role: a scale of sizes sorts its domain.
        size=alt.Size("size:Q", scale=None),
        shape=alt.Shape(
            "role:N",
            scale=alt.Scale(domain=roles, range=[SHAPES[3], SHAPES[0], SHAPES[6], SHAPES[0]]),
            legend=None,
        ),
    )
    layers = [line, marks]
    if with_value:
        layers.append(
            base.transform_filter(alt.datum.role == "served")
            .mark_text(fontSize=13, fontWeight=700, dy=24, color=theme.accent, aria=False)
            .encode(text=alt.Text(f"{field}:Q", format=number), tooltip=alt.value(None))
        )
    return alt.layer(*layers).properties(width=width, height=height)
