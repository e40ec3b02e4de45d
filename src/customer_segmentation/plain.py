"""The inner loops in NumPy: for small data, where compiled code takes longer to load than to run, and without numba.

`compiled.py` has the same functions and gives the same answers, to the last bit. Rows are the last axis everywhere.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

NONE = 255
PART = 1 << 15


def nearest_of_groups(columns: np.ndarray, centroids: np.ndarray, sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Label of and squared distance to the nearest centroid, each (groups, rows).

    centroids: (groups, largest k, features). sizes: (groups,), how many of them a group has, in descending order, so
    that the groups that have a centroid of some number stand first.
    """
    nearest = np.full((len(sizes), columns.shape[1]), np.inf, dtype=columns.dtype)
    labels = np.zeros(nearest.shape, dtype=np.uint8)
    distances, squares = np.empty_like(nearest), np.empty_like(nearest)
    for cluster in range(sizes[0]):
        have = int((sizes > cluster).sum())
        distance, square, best = distances[:have], squares[:have], nearest[:have]
        for feature, column in enumerate(columns):
            into = distance if feature == 0 else square
            np.subtract(column, centroids[:have, cluster, feature, None], out=into)
            np.multiply(into, into, out=into)
            if feature:
                distance += square
        np.copyto(labels[:have], cluster, where=distance < best)
        np.minimum(distance, best, out=best)
    return labels, nearest


def parts_of_groups(offsets: np.ndarray, groups: np.ndarray, rows: int) -> Iterator[tuple]:
    """The groups in parts whose distances fit into the cache: the groups, their sizes, and their centroids.

    The centroids are (groups, largest k); a smaller group repeats its last one.
    """
    sizes = np.diff(offsets)[groups]
    order = np.argsort(-sizes, kind="stable")
    step = max(1, PART // rows)
    for start in range(0, len(order), step):
        part = order[start : start + step]
        members = np.minimum(np.arange(sizes[part[0]]), sizes[part, None] - 1)
        yield groups[part], sizes[part], offsets[groups[part], None] + members


def lloyd_chunk(columns, center, weights, centroids, offsets, active, labels, start, stop, block, into, out, changed):
    """Assign rows start..stop to the nearest centroid of each active group, and add up what that changes.

    columns: (features, n) float64. centroids: (all centroids, features), of the precision to work in, relative to
    center; group g has the rows offsets[g]..offsets[g+1] of it. weights: (n,), or empty where each row counts once.
    labels: (groups, n), read and overwritten; 255 is none yet. Without columns every row counts as new.
    block: (4 i, BLOCK), room to work in; its precision is that of the work.
    Adds the weighted sums of the rows that come to a cluster to into (all centroids, features + 1), with their weight
    last, those of the rows that leave it to out, and the number of rows that change to changed (groups,).
    """
    exact = columns[:, start:stop] - center[:, None]
    rows = exact.astype(block.dtype)
    weighted = exact if len(weights) == 0 else exact * weights[start:stop]
    weight = np.ones(stop - start) if len(weights) == 0 else weights[start:stop]
    for part, sizes, members in parts_of_groups(offsets, active, stop - start):
        new, _ = nearest_of_groups(rows, centroids[members], sizes)
        old = labels[part, start:stop] if labels.shape[1] else np.full(new.shape, NONE, dtype=np.uint8)
        place, row = np.nonzero(new != old)
        changed[part] += np.bincount(place, minlength=len(part))
        if labels.shape[1]:
            labels[part, start:stop] = new
        k = members.shape[1]
        to = place * k + new[place, row]
        was = old[place, row]
        left = np.flatnonzero(was != NONE)
        gone = place[left] * k + was[left]
        exist = np.flatnonzero(np.arange(k) < sizes[:, None])
        slots = members.ravel()[exist]
        for feature, values in enumerate([*weighted, weight]):
            come = values[row]
            into[slots, feature] += np.bincount(to, come, minlength=members.size)[exist]
            if len(left):
                out[slots, feature] += np.bincount(gone, come[left], minlength=members.size)[exist]


def label_chunk(columns, centroids, offsets, start, stop, block, labels, nearest):
    """Write the label of and the squared distance to the nearest centroid, (groups, stop - start), for each group."""
    rows = columns[:, start:stop].astype(block.dtype)
    for part, sizes, members in parts_of_groups(offsets, np.arange(len(offsets) - 1), stop - start):
        labels[part], nearest[part] = nearest_of_groups(rows, centroids[members], sizes)


def nearer(columns, points, which, nearest, out):
    """Write the squared distance of each row to each point, or nearest[which] where that is less.

    columns: (4 i features, n). points: (points, 4 i features). nearest: (sequences, n). out: (points, n).
    """
    for feature, column in enumerate(columns):
        difference = column - points[:, feature, None]
        difference *= difference
        out[:] = difference if feature == 0 else out + difference
    np.minimum(out, nearest[which], out=out)


def summed_distances(queries, others, starts, cell_weights, cell_slots, sums):
    """Add up the distances from each query to the rows of each cell.

    queries: (4 i features, queries). others: (rows, 4 i features), cell after cell; cell c has starts[c]..starts[c+1].
    Adds cell_weights[c] times the sum of a cell to sums[slot] for every slot of cell_slots[:, c].
    sums: (slots, queries).
    """
    for cell, weight in enumerate(cell_weights):
        members = others[starts[cell] : starts[cell + 1]]
        squared = np.zeros((len(members), queries.shape[1]))
        for column, center in zip(queries, members.T, strict=True):
            difference = column - center[:, None]
            difference *= difference
            squared += difference
        np.sqrt(squared, out=squared)
        total = np.add.reduce(squared, axis=0) * weight
        for slot in cell_slots[:, cell]:
            sums[slot] += total
