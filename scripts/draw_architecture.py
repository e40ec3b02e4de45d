"""Draw an SVG of the rooms of models/ and the models in them, from dbt's manifest.

Usage: python scripts/draw_architecture.py MANIFEST PICTURE    (make architecture)

A room is a folder of models/; each room is below those that it reads from. Within a room, a model is below those that
it reads, and a line implied by a longer path is omitted. At the right edge, one arc represents all references between
two rooms.
"""

from __future__ import annotations

import json
import sys
import xml.etree.ElementTree as ET
from dataclasses import dataclass, field
from functools import cache
from graphlib import TopologicalSorter
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

# In pixels. The font is monospaced, so that the width of a name follows from its length.
WIDTH = 1000
LABELS = 128  # width of the column of room names
GUTTER = 150  # width of the column of arcs
CHARACTER = 6.65  # width of a character of the 11-pixel font
CHIP = 21  # height of a model
ROW = 36  # from one row of models to the next
GAP = 10  # between models of a row
PADDING = 12  # within a room
BETWEEN = 10  # between rooms
LEGEND = 34  # height of the legend
LANE = 14  # from one arc to the next

# The colours of the arcs from the first room, from the second, and so on: based on Okabe and Ito's palette, which
# colour-blind readers can distinguish.
COLOURS = ("#59636e", "#0072b2", "#009e73", "#d55e00", "#a05a8a", "#56a0d0", "#b08000")

STYLE = """
text { font: 11px ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace; fill: #1f2328; }
text.room { font: bold 15px system-ui, 'Segoe UI', Helvetica, Arial, sans-serif; }
text.note { font: 11px system-ui, 'Segoe UI', Helvetica, Arial, sans-serif; fill: #59636e; }
.page { fill: #ffffff; }
.band { fill: #f6f8fa; stroke: #d1d9e0; }
.chip { fill: #ffffff; stroke: #818b98; }
.python { fill: #fff1c2; stroke: #9a6700; }
.mart { fill: #ddf4ff; stroke: #0969da; }
.stored { stroke-width: 2.5; }
.reads { fill: none; stroke: #818b98; }
.arc { fill: none; stroke-width: 1.5; }
"""


@dataclass
class Box:
    """A model, or the passage of a line between models, with its position."""

    name: str
    kind: str = ""
    parents: list[str] = field(default_factory=list)  # models of the same room that it reads
    above: list[Box] = field(default_factory=list)  # the boxes that its lines come from
    is_passage: bool = False
    left: float = 0.0
    top: float = 0.0

    @property
    def width(self) -> float:
        """The width of the box around the name."""
        return 2.0 if self.is_passage else len(self.name) * CHARACTER + 14

    @property
    def middle(self) -> float:
        """The x of the middle of the box."""
        return self.left + self.width / 2

    @property
    def wish(self) -> float:
        """The preferred x of the middle: the mean of the boxes that its lines come from."""
        return sum(box.middle for box in self.above) / len(self.above) if self.above else 0.0


@dataclass
class Room:
    """A room: its models, the rooms that it reads from, the lines between its models, and its position."""

    name: str
    models: list[Box] = field(default_factory=list)
    reads: set[str] = field(default_factory=set)
    lines: list[list[Box]] = field(default_factory=list)
    top: float = 0.0
    height: float = 0.0


# ---- reading the manifest ----------------------------------------------------------------------------------------


def rooms_of(manifest: dict[str, Any]) -> list[Room]:
    """The rooms with their models, each room after those that it reads from."""
    nodes = {name: node for name, node in manifest["nodes"].items() if node["resource_type"] == "model"}
    room_of = {name: Path(node["original_file_path"]).parts[1] for name, node in nodes.items()}
    rooms = {name: Room(name) for name in sorted(set(room_of.values()))}
    for name, node in sorted(nodes.items()):
        room = rooms[room_of[name]]
        read = [parent for parent in node["depends_on"]["nodes"] if parent in nodes]
        own = sorted({nodes[parent]["name"] for parent in read if room_of[parent] == room.name})
        room.models.append(Box(node["name"], kind_of(node), own))
        room.reads |= {room_of[parent] for parent in read} - {room.name}
    order = TopologicalSorter({room.name: sorted(room.reads) for room in rooms.values()}).static_order()
    return [rooms[name] for name in order]


def kind_of(node: dict[str, Any]) -> str:
    """The CSS classes of a model: Python, mart, and stored if its rows are kept from build to build."""
    kinds = ["chip"]
    if node["language"] == "python":
        kinds.append("python")
    if node["config"]["access"] == "public":
        kinds.append("mart")
    if node["config"]["materialized"] == "incremental":
        kinds.append("stored")
    return " ".join(kinds)


# ---- layout ------------------------------------------------------------------------------------------------------


def place(rooms: list[Room]) -> float:
    """Set the positions of all rooms and models; return the height of the picture."""
    top = float(LEGEND)
    for room in rooms:
        room.top = top
        rows = rows_of(room)
        lines = lines_through(rows)
        for number, row in enumerate(rows):
            for box in row:
                box.top = top + PADDING + number * ROW
            place_row(row, LABELS, WIDTH - GUTTER - PADDING)
        room.lines = lines
        room.height = 2 * PADDING + (len(rows) - 1) * ROW + CHIP
        top += room.height + BETWEEN
    return top


def rows_of(room: Room) -> list[list[Box]]:
    """The models of a room in rows: each model below those that it reads, no row wider than the room."""
    models = {model.name: model for model in room.models}
    parents = {parent for model in room.models for parent in model.parents}

    @cache
    def depth(name: str) -> int:
        return 1 + max((depth(parent) for parent in models[name].parents), default=-1)

    @cache
    def ancestors(name: str) -> frozenset[str]:
        return frozenset(models[name].parents).union(*(ancestors(parent) for parent in models[name].parents))

    rows: list[list[Box]] = []
    # Within a depth, models that others read come last, nearest to their readers.
    for _, level in groupby(sorted(models, key=lambda name: (depth(name), name in parents, name)), depth):
        rows.append([])
        for name in level:
            model = models[name]
            implied = frozenset().union(*(ancestors(parent) for parent in model.parents))
            model.above = [models[parent] for parent in model.parents if parent not in implied]
            if sum(each.width + GAP for each in rows[-1]) + model.width > WIDTH - GUTTER - PADDING - LABELS:
                rows.append([])
            rows[-1].append(model)
    return rows


def lines_through(rows: list[list[Box]]) -> list[list[Box]]:
    """The lines between models, each as its boxes, one per row from the upper to the lower end.

    Where a line crosses a row, a narrow passage box is added to the row to keep space for the line.
    """
    row_of = {id(box): number for number, row in enumerate(rows) for box in row}
    lines = []
    for number, row in enumerate(rows):
        for model in list(row):
            for position, parent in enumerate(model.above):
                line = [parent]
                for passed in range(row_of[id(parent)] + 1, number):
                    line.append(Box(f"{parent.name} to {model.name}", above=[line[-1]], is_passage=True))
                    rows[passed].append(line[-1])
                model.above[position] = line[-1]
                lines.append([*line, model])
    return lines


def place_row(row: list[Box], left_edge: float, right_edge: float) -> None:
    """Place the boxes of a row side by side, each as near to its preferred position as space allows."""
    row.sort(key=lambda box: (box.wish, box.name))
    left = left_edge
    for box in row:
        box.left = max(left, box.wish - box.width / 2)
        left = box.left + box.width + GAP
    # Boxes beyond the right edge are moved left, and so are the boxes before them.
    limit = right_edge
    for box in reversed(row):
        box.left = min(box.left, limit - box.width)
        limit = box.left - GAP


def lanes_of(arcs: list[tuple[float, float]]) -> list[int]:
    """The lane of each arc, (top, bottom), from 0: short arcs are innermost, and arcs of one lane do not overlap."""
    lanes: list[list[tuple[float, float]]] = []
    found = {}
    for top, bottom in sorted(arcs, key=lambda arc: (arc[1] - arc[0], arc)):
        free = (number for number, lane in enumerate(lanes) if all(bottom < t - 4 or top > b + 4 for t, b in lane))
        number = next(free, len(lanes))
        if number == len(lanes):
            lanes.append([])
        lanes[number].append((top, bottom))
        found[top, bottom] = number
    return [found[arc] for arc in arcs]


# ---- the picture -------------------------------------------------------------------------------------------------


def draw(manifest: dict[str, Any]) -> str:
    """The SVG of a manifest."""
    rooms = rooms_of(manifest)
    height = place(rooms)
    picture = ET.Element(
        "svg",
        {
            "xmlns": "http://www.w3.org/2000/svg",
            "viewBox": f"0 0 {WIDTH} {height:.0f}",
            "width": str(WIDTH),
            "height": f"{height:.0f}",
        },
    )
    names = ", ".join(room.name for room in rooms)
    ET.SubElement(picture, "title").text = f"The layers of models/ and the models in them: {names}"
    ET.SubElement(picture, "style").text = STYLE + "".join(
        f"path.from{number} {{ stroke: {colour}; }}\npath.head.from{number} {{ fill: {colour}; }}\n"
        for number, colour in enumerate(COLOURS)
    )
    add(picture, "rect", "page", width=WIDTH, height=height)
    draw_legend(picture)
    for room in rooms:
        draw_room(picture, room)
    draw_arcs(picture, rooms)
    ET.indent(picture)
    return ET.tostring(picture, encoding="unicode") + "\n"


def add(parent: ET.Element, tag: str, style: str, text: str | None = None, **attributes: float | str) -> ET.Element:
    """Add an element; numbers are rounded to a tenth of a pixel."""
    written = {
        name.replace("_", "-"): value if isinstance(value, str) else f"{value:.1f}".removesuffix(".0")
        for name, value in attributes.items()
    }
    element = ET.SubElement(parent, tag, {"class": style} | written)
    element.text = text
    return element


def draw_legend(picture: ET.Element) -> None:
    """Draw the legend of the model colours."""
    left = float(LABELS)
    for kind, meaning in (
        ("chip", "SQL model"),
        ("chip python", "Python model"),
        ("chip mart", "mart"),
        ("chip stored", "kept from build to build"),
    ):
        add(picture, "rect", kind, x=left, y=10, width=22, height=13, rx=3)
        add(picture, "text", "note", meaning, x=left + 28, y=20.5)
        left += 28 + len(meaning) * 6 + 24


def draw_room(picture: ET.Element, room: Room) -> None:
    """Draw a room with its name, its models and the lines between them."""
    add(picture, "rect", "band", x=4, y=room.top, width=WIDTH - GUTTER - 4, height=room.height, rx=6)
    add(picture, "text", "room", room.name, x=16, y=room.top + PADDING + 15)
    for line in room.lines:
        add(picture, "path", "reads", d=path_through(line))
    for model in room.models:
        add(picture, "rect", model.kind, x=model.left, y=model.top, width=model.width, height=CHIP, rx=4)
        add(picture, "text", "name", model.name, x=model.middle, y=model.top + 14.5, text_anchor="middle")


def path_through(line: list[Box]) -> str:
    """The path of a line from the bottom of its first box to the top of its last, straight where it crosses a row."""
    path = f"M{line[0].middle:.1f} {line[0].top + CHIP:.1f}"
    for upper, lower in pairwise(line):
        start, end = upper.top + CHIP, lower.top
        path += (
            f" C{upper.middle:.1f} {(start + end) / 2:.1f} {lower.middle:.1f} {(start + end) / 2:.1f}"
            f" {lower.middle:.1f} {end:.1f}"
        )
        if lower.is_passage:
            path += f" V{end + CHIP:.1f}"
    return path


def draw_arcs(picture: ET.Element, rooms: list[Room]) -> None:
    """Draw an arc from each room to every room that reads from it, with an arrowhead at the reading room."""
    position = {room.name: number for number, room in enumerate(rooms)}
    arcs = [
        (position[source], room.top + 9 + 8 * number, rooms[position[source]])
        for room in rooms
        for number, source in enumerate(sorted(room.reads, key=position.__getitem__, reverse=True))
    ]
    spans = [(source.top + source.height - 6, end) for _, end, source in arcs]
    edge = float(WIDTH - GUTTER)
    for (number, _, _), (start, end), lane in zip(arcs, spans, lanes_of(spans), strict=True):
        out = edge + 22 + LANE * lane
        path = (
            f"M{edge:.0f} {start:.1f} H{out - 6:.1f} Q{out:.1f} {start:.1f} {out:.1f} {start + 6:.1f}"
            f" V{end - 6:.1f} Q{out:.1f} {end:.1f} {out - 6:.1f} {end:.1f} H{edge + 6:.0f}"
        )
        add(picture, "path", f"arc from{number % len(COLOURS)}", d=path)
        add(picture, "path", f"head from{number % len(COLOURS)}", d=f"M{edge:.0f} {end:.1f} l8 -3.5 v7 z")


def main(arguments: list[str]) -> None:
    """Draw the manifest of the first argument into the file of the second."""
    if len(arguments) != 2:
        raise SystemExit(__doc__)
    manifest, picture = map(Path, arguments)
    picture.write_text(draw(json.loads(manifest.read_text(encoding="utf-8"))), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
