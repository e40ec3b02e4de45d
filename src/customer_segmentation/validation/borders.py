"""Borders: whether customers thin out between two neighbouring clusters, or whether the border cuts through a crowd."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree
from scipy.special import bdtr

# A customer is near a border if the plane between the two centroids is closer than this share of their distance.
NEAR = 0.1
# Customers are counted in bands along the axis between two centroids, which are one unit apart on it. BAND is the width
# of a band. The thinnest band is looked for around every STEP up to MIDDLE from the border. Bands of 0.1 to 0.2 find
# valleys in small whole numbers without groups.
BAND, MIDDLE, STEP = 0.3, 0.3, 0.05
# Bands near the border that do not overlap: so many independent chances of a thin one.
CHANCES = 3
# The density around a customer is measured where the p-value along the axis is at most this, by counting neighbours
# within the distance to the NEIGHBOURS-th nearest, or among few customers to that of one in ONE_IN, the FEWEST-th or
# beyond. At most QUERIED customers of each band are asked for neighbours, among at most SEARCHED.
LOCAL_UP_TO = 0.05
NEIGHBOURS, ONE_IN, FEWEST = 15, 20, 5
QUERIED, SEARCHED = 300, 4_000
# The p-value that int_serving_borders requires of a valley. Fewer customers than LEAST_CUSTOMERS in two bands cannot
# give it: even if all of them are in one band, the p-value is CHANCES * 0.5**customers.
P_VALUE_REQUIRED = 0.01
LEAST_CUSTOMERS = math.ceil(math.log2(CHANCES / P_VALUE_REQUIRED))
# Share of the average variance that is added to each feature, so that the covariance of a flat cluster is invertible.
RIDGE = 0.02
# A value that this many rows have in common is spread; see spread_ties.
TIED_FROM = 3
# How much farther than to the other side a value may be spread to one side.
LOPSIDED = 2.0


class Border(NamedTuple):
    """What lies between two neighbouring clusters.

    customers: those whose two nearest centroids are these two. customers_near: those of them within NEAR of the border.
    density_ratio and p_value: see valley. local_density_ratio: see local_density_ratio; nan where the p-value shows no
    valley.
    """

    cluster: int
    neighbour: int
    customers: int
    customers_near: int
    density_ratio: float
    p_value: float
    local_density_ratio: float


def measure_borders(columns: np.ndarray, centroids: dict[int, np.ndarray], *, seed: int) -> pd.DataFrame:
    """Return the borders of the partition of each k, one row per k and pair of neighbouring clusters.

    columns: (features, customers), scaled, of all customers or a sample. centroids: {k: (k, features)}. seed: of the
    random numbers that spread repeated values.
    """
    spread = spread_ties(columns, np.random.default_rng([seed, 3]))
    rows = [(k, *border) for k in sorted(centroids) for border in borders(spread, centroids[k])]
    types = dict.fromkeys(["k", "cluster", "neighbour", "customers", "customers_near"], "int64")
    types |= {"density_ratio": "float64", "p_value": "float64", "local_density_ratio": "Float64"}
    frame = pd.DataFrame(rows, columns=list(types)).astype(types)
    return frame.assign(customers_measured=np.int64(columns.shape[1]))


def borders(columns: np.ndarray, centroids: np.ndarray) -> list[Border]:
    """Return the borders between the clusters of one partition.

    columns: (features, n). centroids: (k, features). Two clusters are neighbours if on both sides at least
    LEAST_CUSTOMERS customers have the other centroid as their second nearest. Nor is a border returned with fewer
    customers in two bands that are compared: no valley could be told from chance there.

    Only these customers are counted. Whole clusters projected on one line look divided wherever they are bent or touch
    at a corner: a ring cut into arcs, a box cut into cells. The customers between two centroids do not. They are
    projected on Fisher's linear discriminant (1936) of the two clusters, which weighs each feature by how little it
    varies within them, and counted along it; see valley. Where they thin out, the density around them must agree; see
    local_density_ratio.
    """
    if len(centroids) < 2:
        return []
    rows = columns.T
    distances = ((rows[:, None] - centroids[None]) ** 2).sum(axis=2)
    nearest, second = np.argsort(distances, axis=1, kind="stable")[:, :2].T
    residuals = rows - centroids[nearest]
    within = [residuals[nearest == cluster].T @ residuals[nearest == cluster] for cluster in range(len(centroids))]
    sizes = np.bincount(nearest, minlength=len(centroids))
    found = []
    for one in range(len(centroids)):
        for other in range(one + 1, len(centroids)):
            sides = ((nearest == one) & (second == other)), ((nearest == other) & (second == one))
            if min(side.sum() for side in sides) < LEAST_CUSTOMERS:
                continue
            between = rows[sides[0] | sides[1]] - (centroids[other] + centroids[one]) / 2
            step = centroids[other] - centroids[one]
            positions = between @ discriminant(within, sizes, one, other, step)
            order = np.argsort(positions, kind="stable")
            depth = valley(positions[order])
            if depth is None:
                continue
            ratio, p_value = depth
            local = local_density_ratio(between[order], positions[order]) if p_value <= LOCAL_UP_TO else np.nan
            near = int((np.abs(between @ step) < NEAR * (step @ step)).sum())
            found.append(Border(one, other, len(between), near, ratio, p_value, local))
    return found


def discriminant(within: list[np.ndarray], sizes: np.ndarray, one: int, other: int, step: np.ndarray) -> np.ndarray:
    """Return the axis, (features,), on which the two clusters overlap least; their centroids are one unit apart on it.

    within: the sums of squares and products of the rows of each cluster around its centroid.
    """
    covariance = (within[one] + within[other]) / (sizes[one] + sizes[other])
    ridge = RIDGE * np.trace(covariance) / len(covariance)
    axis = np.linalg.solve(covariance + ridge * np.eye(len(covariance)), step) if ridge else step
    return axis / (axis @ step)


class Bands(NamedTuple):
    """The centers of three bands along an axis: around the median of each side, and the thinnest near the border."""

    left: float
    thinnest: float
    right: float


def bands(positions: np.ndarray) -> Bands | None:
    """Return the bands that are compared, or None if there is no room for one between the other two.

    positions: sorted, on an axis where the centroids are at -0.5 and 0.5 and the border is at 0.
    """
    border = np.searchsorted(positions, 0.0)
    if not 0 < border < len(positions):
        return None
    left, right = np.median(positions[:border]), np.median(positions[border:])
    centers = np.arange(-MIDDLE, MIDDLE + STEP / 2, STEP)
    centers = centers[(centers - BAND / 2 > left) & (centers + BAND / 2 < right)]
    if not len(centers):
        return None
    return Bands(left, centers[np.argmin(counted(positions, centers))], right)


def valley(positions: np.ndarray) -> tuple[float, float] | None:
    """Return how dense the border is against its thinner side, and the p-value of the hypothesis that it is as dense.

    positions: as for bands. Where customers form one crowd, the density falls towards at most one side, so the band
    between is at least as dense as the thinner of the other two: of the customers in both, at least half would be
    expected in it. The p-value is that of the binomial test, the larger of the two sides (an intersection-union test,
    Berger 1982), times CHANCES for choosing the thinnest band (Bonferroni). (1, 1) without bands, None if the thinnest
    and another hold fewer than LEAST_CUSTOMERS.
    """
    compared = bands(positions)
    if compared is None:
        return 1.0, 1.0
    left, thinnest, right = counted(positions, np.array(compared))
    sides = np.array([left, right])
    if (thinnest + sides).min() < LEAST_CUSTOMERS:
        return None
    p_value = bdtr(float(thinnest), thinnest + sides, 0.5).max()
    return float(thinnest / sides.min()) if sides.min() else 1.0, min(1.0, float(CHANCES * p_value))


def counted(positions: np.ndarray, centers: np.ndarray) -> np.ndarray:
    """Return the number of positions, which are sorted, in the band around each center."""
    return np.searchsorted(positions, centers + BAND / 2) - np.searchsorted(positions, centers - BAND / 2)


def local_density_ratio(rows: np.ndarray, positions: np.ndarray) -> float:
    """Return how many neighbours customers near the border have against those of the thinner side.

    rows: (n, features), in the order of their positions, which are as for bands. A ring or a crescent that is cut in
    two looks thin in the middle on the line between its halves, because the line leaves it. Around its customers it is
    as dense there as anywhere. Neighbours are counted within one distance for all three bands. 1 without bands.
    """
    compared = bands(positions)
    if compared is None:
        return 1.0
    ends = [np.searchsorted(positions, center + np.array([-BAND / 2, BAND / 2])) for center in compared]
    if any(low == high for low, high in ends[::2]):
        return 1.0
    left, border, right = (rows[spaced(low, high, QUERIED)] for low, high in ends)
    if not len(border):
        return 0.0
    tree = cKDTree(rows[spaced(0, len(rows), SEARCHED)])
    nearest = min(NEIGHBOURS, max(FEWEST, tree.n // ONE_IN), tree.n - 1) + 1
    distance = max(np.median(tree.query(side, [nearest])[0]) for side in (left, right))
    # A customer is no neighbour of itself.
    counts = [tree.query_ball_point(band, distance, return_length=True).mean() - 1 for band in (left, border, right)]
    thinner = min(counts[0], counts[2])
    return float(max(counts[1], 0.0) / thinner) if thinner > 0 else 1.0


def spaced(low: int, high: int, most: int) -> np.ndarray:
    """Return at most `most` evenly spaced whole numbers from low to high - 1."""
    return np.arange(low, high) if high - low <= most else np.linspace(low, high - 1, most).astype(int)


def spread_ties(columns: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Return the columns, (features, n), with values that many rows share spread over the room up to the next values.

    Whole numbers have gaps between them that are no gaps between groups of customers. A value is spread evenly to half
    the way to its neighbours, and at most LOPSIDED times as far to one side as to the other, so that a true gap stays.
    """
    spread = columns.copy()
    for column in spread:
        values, places, counts = np.unique(column, return_inverse=True, return_counts=True)
        if len(values) < 2 or counts.max() < TIED_FROM:
            continue
        gaps = np.diff(values)
        left, right = np.r_[np.inf, gaps], np.r_[gaps, np.inf]
        left, right = np.minimum(left, LOPSIDED * right) / 2, np.minimum(right, LOPSIDED * left) / 2
        left[0], right[-1] = right[0], left[-1]
        tied = (counts > 1)[places]
        drawn = generator.random(len(column))
        column += np.where(tied, drawn * (left + right)[places] - left[places], 0.0)
    return spread
