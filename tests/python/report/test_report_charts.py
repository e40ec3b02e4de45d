"""The colours, shapes and labels of the report's charts."""

from __future__ import annotations

import itertools

import pytest

from customer_segmentation.report import charts


def test_names_on_the_map_do_not_overlap() -> None:
    points = [{"s": place, "x": place, "y": height} for place in range(3) for height in (0.0, 10.0)]

    heights = [middle["y"] for middle in charts.middle_of_each(points, ["a", "b", "c"])]

    assert heights == pytest.approx([5, 5.7, 6.4])


# Simulation of the three kinds of dichromacy in linear sRGB: Machado, Oliveira and Fernandes (2009), severity 1.
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
    """The colour in CIE L*a*b* (D65), as seen with this kind of colour vision."""
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
def test_colours_are_distinct_for_colour_blind_readers_and_against_the_background(palette, ground, kind) -> None:
    colours = getattr(charts, palette)
    apart = {
        (one, other): sum((a - b) ** 2 for a, b in zip(seen(one, matrix), seen(other, matrix), strict=True)) ** 0.5
        for matrix in [COLOUR_BLINDNESS[kind]]
        for one, other in itertools.combinations(colours, 2)
    }

    # A difference of 2.3 is just noticeable; these are far larger, and each group also has a different shape.
    assert min(apart[pair] for pair in itertools.combinations(colours[:5], 2)) > 20
    assert min(apart.values()) > 12
    for colour in colours:
        weights = (0.2126, 0.7152, 0.0722)
        lights = sorted(
            sum(weight * part for weight, part in zip(weights, linear(one), strict=True)) for one in (colour, ground)
        )
        assert (lights[1] + 0.05) / (lights[0] + 0.05) >= 3, colour


def test_ten_groups_have_ten_shapes() -> None:
    assert len({charts.shape(place) for place in range(10)}) == 10
    pairs = {(charts.shape(place), charts.colour_place(place)) for place in range(100)}
    assert len(pairs) == 100
