"""The reference implementation of the inner loops, in NumPy.

`compiled_loops` must give bit-identical results. This module also runs if numba is not installed, and on small data,
where loading the compiled code takes longer than the loops. Rows are the last axis unless stated otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

# The label of a row that has not been assigned yet.
UNASSIGNED = 255
# Distances held at a time; as float64 they fill 256 KiB, a typical L2 cache.
DISTANCES_AT_A_TIME = 1 << 15


def nearest_of_groups(columns: np.ndarray, centroids: np.ndarray, sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the label of the nearest centroid and the squared distance to it, each (groups, rows).

    centroids: (groups, largest k, features). sizes: (groups,), the number of centroids of each group in descending
    order, so that the groups that have an i-th centroid come first.
    """
    nearest = np.full((len(sizes), columns.shape[1]), np.inf, dtype=columns.dtype)
    labels = np.zeros(nearest.shape, dtype=np.uint8)
    distances, squares = np.empty_like(nearest), np.empty_like(nearest)
    for cluster in range(sizes[0]):
        groups = int((sizes > cluster).sum())
        distance, square, best = distances[:groups], squares[:groups], nearest[:groups]
        for feature, column in enumerate(columns):
            into = distance if feature == 0 else square
            np.subtract(column, centroids[:groups, cluster, feature, None], out=into)
            np.multiply(into, into, out=into)
            if feature:
                distance += square
        np.copyto(labels[:groups], cluster, where=distance < best)
        np.minimum(distance, best, out=best)
    return labels, nearest


def parts_of_groups(offsets: np.ndarray, groups: np.ndarray, rows: int) -> Iterator[tuple]:
    """Yield parts of the groups whose distances fit into the cache: the groups, their sizes, and their centroids.

    offsets: (all groups + 1,), of each group's first centroid. The centroids are indices, (groups, largest k); a
    smaller group repeats its last one.
    """
    sizes = np.diff(offsets)[groups]
    order = np.argsort(-sizes, kind="stable")
    step = max(1, DISTANCES_AT_A_TIME // rows)
    for start in range(0, len(order), step):
        part = order[start : start + step]
        members = np.minimum(np.arange(sizes[part[0]]), sizes[part, None] - 1)
        yield groups[part], sizes[part], offsets[groups[part], None] + members


def lloyd_chunk(columns, center, weights, centroids, offsets, active, labels, start, stop, block, into, out, changed):
    """Assign rows start:stop to the nearest centroid of each active group, and sum the changes.

    columns: (features, n) float64. centroids: (all centroids, features) in the working precision, relative to center;
    group g is centroids[offsets[g]:offsets[g + 1]]. weights: (n,), or empty if each row counts once.
    labels: (groups, n), read and overwritten; UNASSIGNED before the first assignment. If it has no columns, labels are
    not kept and every row counts as changed. block: (4 i, BLOCK), working space in the working precision.
    Adds the weighted sums of the rows that join a cluster to `into` (all centroids, features + 1), with their weight in
    the last column; those of the rows that leave it to `out`, of the same shape; and the number of rows that changed
    their cluster to `changed` (groups,).
    """
    exact = columns[:, start:stop] - center[:, None]
    rows = exact.astype(block.dtype)
    weighted = exact if len(weights) == 0 else exact * weights[start:stop]
    weight = np.ones(stop - start) if len(weights) == 0 else weights[start:stop]
    for part, sizes, members in parts_of_groups(offsets, active, stop - start):
        new, _ = nearest_of_groups(rows, centroids[members], sizes)
        old = labels[part, start:stop] if labels.shape[1] else np.full(new.shape, UNASSIGNED, dtype=np.uint8)
        place, row = np.nonzero(new != old)
        changed[part] += np.bincount(place, minlength=len(part))
        if labels.shape[1]:
            labels[part, start:stop] = new
        k = members.shape[1]
        to = place * k + new[place, row]
        was = old[place, row]
        left = np.flatnonzero(was != UNASSIGNED)
        lost = place[left] * k + was[left]
        exist = np.flatnonzero(np.arange(k) < sizes[:, None])
        slots = members.ravel()[exist]
        for feature, values in enumerate([*weighted, weight]):
            gained = values[row]
            into[slots, feature] += np.bincount(to, gained, minlength=members.size)[exist]
            if len(left):
                out[slots, feature] += np.bincount(lost, gained[left], minlength=members.size)[exist]


def label_chunk(columns, centroids, offsets, start, stop, block, labels, nearest):
    """Write the label of the nearest centroid of each group and the squared distance to it for rows start:stop.

    columns: (features, n). centroids: (all centroids, 4 i features). labels, nearest: (groups, stop - start). block:
    working space in the working precision.
    """
    rows = columns[:, start:stop].astype(block.dtype)
    for part, sizes, members in parts_of_groups(offsets, np.arange(len(offsets) - 1), stop - start):
        labels[part], nearest[part] = nearest_of_groups(rows, centroids[members], sizes)


def nearer(columns, points, which, nearest, out):
    """Write the squared distance of each row to each point p, or nearest[which[p]] where that is smaller.

    columns: (4 i features, n). points: (points, 4 i features). which: (points,). nearest: (sequences, n). out:
    (points, n).
    """
    for feature, column in enumerate(columns):
        difference = column - points[:, feature, None]
        difference *= difference
        out[:] = difference if feature == 0 else out + difference
    np.minimum(out, nearest[which], out=out)


def summed_distances(queries, others, starts, part_weights, part_slots, sums):
    """Sum the distances from each query to the rows of each part.

    queries: (4 i features, queries). others: (rows, 4 i features), ordered by part; part p is
    others[starts[p]:starts[p + 1]]. part_weights: (parts,). part_slots: (partitions, parts).
    Adds part_weights[p] times the sum over part p to sums[slot] for every slot in part_slots[:, p].
    sums: (slots, queries).
    """
    for part, weight in enumerate(part_weights):
        members = others[starts[part] : starts[part + 1]]
        squared = np.zeros((len(members), queries.shape[1]))
        for column, center in zip(queries, members.T, strict=True):
            difference = column - center[:, None]
            difference *= difference
            squared += difference
        np.sqrt(squared, out=squared)
        total = np.add.reduce(squared, axis=0) * weight
        for slot in part_slots[:, part]:
            sums[slot] += total
