"""Weighted samples that always include the farthest rows, the same on every engine."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from customer_segmentation.sweep.lloyd import CHUNK, Rows, map_chunks

# So many of the farthest rows are always in a sample: otherwise it could miss a cluster of a few distant customers.
ALWAYS_SAMPLED = 64
# Up to this many times the sample size, all rows are used: a sample would save little.
SAMPLED_FROM = 1.25


def needs_no_sample(count: int, size: int) -> bool:
    """Return whether there are so few rows that all of them are used."""
    return count <= SAMPLED_FROM * size


def draw_sample(rows: Rows, size: int, generator: np.random.Generator) -> Rows:
    """Return a weighted sample of about this size, or the rows themselves if there are hardly more.

    The weight of a row is divided by its inclusion probability, so that weighted sums estimate those of all rows
    (Horvitz and Thompson 1952).
    """
    if needs_no_sample(rows.columns.shape[1], size):
        return rows
    chosen, weights = draw_rows(rows, size, lambda start, stop: generator.random(stop - start))
    return Rows(np.ascontiguousarray(rows.columns[:, chosen]), rows.center, weights)


def draw_rows(
    rows: Rows, size: int, uniforms: Callable[[int, int], np.ndarray], repeatable: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows whose uniform random number is below their inclusion probability, (drawn,), and their weights.

    uniforms(start, stop): the random numbers of rows start:stop. repeatable: whether another engine must draw the same
    rows; the sum of squares is then rounded, and rows tied at the edge of the farthest are not certain to be drawn.
    """
    count = rows.columns.shape[1]

    def weight_and_square(start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
        weight = rows.weights[start:stop] if len(rows.weights) else np.ones(stop - start)
        return weight, ((rows.columns[:, start:stop] - rows.center[:, None]) ** 2).sum(axis=0) * weight

    def summed(start: int, stop: int) -> tuple[float, float, np.ndarray]:
        weight, square = weight_and_square(start, stop)
        return weight.sum(), square.sum(), np.sort(square)[-ALWAYS_SAMPLED - 1 :].copy()

    found = map_chunks(summed, count)
    total_weight, total_square = sum(each[0] for each in found), sum(each[1] for each in found)
    farthest = np.sort(np.concatenate([each[2] for each in found]))
    certain_from = farthest[-ALWAYS_SAMPLED]
    if repeatable:
        total_square, certain_from = round_significant(total_square), next_above(farthest[-ALWAYS_SAMPLED - 1])
    drawn, weights = [], []
    for start in range(0, count, CHUNK):
        weight, square = weight_and_square(start, min(count, start + CHUNK))
        probability = inclusion_probability(weight, square, size, total_weight, total_square, certain_from)
        chosen = np.flatnonzero(uniforms(start, start + len(weight)) < probability)
        drawn.append(chosen + start)
        weights.append(weight[chosen] / probability[chosen])
    return np.concatenate(drawn), np.concatenate(weights)


def inclusion_probability(
    weight: np.ndarray | float,
    square: np.ndarray,
    size: int,
    total_weight: float,
    total_square: float,
    certain_from: float,
) -> np.ndarray:
    """Return the probability of each row to be in a sample of this size, (rows,).

    Half of a sample is uniform, half is proportional to the squared distance from the center (a lightweight coreset:
    Bachem, Lucic and Krause 2018). A row with a square of at least certain_from is always in it. square: the squared
    distance to the center times the weight of the row.
    """
    probability = size / 2 * (weight / total_weight + square / (total_square or 1.0))
    return np.where(square >= certain_from, 1.0, np.minimum(probability, 1.0))


def round_significant(value: float) -> float:
    """Round to 12 significant digits, which do not depend on the order of summation."""
    return float(f"{value:.11e}")


def next_above(square: float) -> float:
    """Return the next larger double, because many rows, or all of them, can be tied with the last of the farthest."""
    return float(np.nextafter(square, np.inf))
