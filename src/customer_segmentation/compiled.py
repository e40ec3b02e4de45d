"""The inner loops, compiled by numba. `plain.py` has the same functions in NumPy, and they agree to the last bit.

They agree because both do the same operations on each number in the same order: distances are summed feature by
feature, sums run over the rows from first to last, and nothing lets the compiler reorder them (no fastmath).

A loop over the rows of a block is innermost wherever it can be, so that the compiler works on 8 or 16 rows at a time.
The compiled code is cached beside this file. That needs a file that stays, and dbt runs a Python model from a
temporary one, which is why this is a package.
"""

from __future__ import annotations

import numpy as np
from numba import njit

BLOCK = 512
NONE = 255
compiled = njit(cache=True, nogil=True, error_model="numpy")


@compiled
def nearest_of_block(block, centroids, first, last, rows, partial, nearest, label):
    """Find for each row of a block the nearest of centroids[first:last], the first of them on a tie.

    The number of features is a multiple of four here; four are added up at a time, in registers.
    """
    features = block.shape[0]
    for row in range(rows):
        nearest[row] = np.inf
        partial[row] = 0
    for centroid in range(first, last):
        for feature in range(0, features - 4, 4):
            x0, x1, x2, x3 = block[feature], block[feature + 1], block[feature + 2], block[feature + 3]
            c0, c1 = centroids[centroid, feature], centroids[centroid, feature + 1]
            c2, c3 = centroids[centroid, feature + 2], centroids[centroid, feature + 3]
            if feature == 0:
                for row in range(rows):
                    a, b, c, d = x0[row] - c0, x1[row] - c1, x2[row] - c2, x3[row] - c3
                    partial[row] = a * a + b * b + c * c + d * d
            else:
                for row in range(rows):
                    a, b, c, d = x0[row] - c0, x1[row] - c1, x2[row] - c2, x3[row] - c3
                    partial[row] = partial[row] + a * a + b * b + c * c + d * d
        x0, x1, x2, x3 = block[features - 4], block[features - 3], block[features - 2], block[features - 1]
        c0, c1 = centroids[centroid, features - 4], centroids[centroid, features - 3]
        c2, c3 = centroids[centroid, features - 2], centroids[centroid, features - 1]
        number = np.int32(centroid - first)
        for row in range(rows):
            a, b, c, d = x0[row] - c0, x1[row] - c1, x2[row] - c2, x3[row] - c3
            distance = partial[row] + a * a + b * b + c * c + d * d
            closer = distance < nearest[row]
            label[row] = number if closer else label[row]
            nearest[row] = distance if closer else nearest[row]


@compiled
def lloyd_chunk(columns, center, weights, centroids, offsets, active, labels, start, stop, block, into, out, changed):
    """See plain.lloyd_chunk."""
    features = columns.shape[0]
    partial, nearest = np.empty(BLOCK, block.dtype), np.empty(BLOCK, block.dtype)
    found, new, none = np.empty(BLOCK, np.int32), np.full(BLOCK, NONE, np.uint8), np.full(BLOCK, NONE, np.uint8)
    words = new.view(np.uint64)
    weighted = np.ones((BLOCK, features + 1))
    # Flat, with indices without a sign, which need no check.
    come, gone, values, width = into.ravel(), out.ravel(), weighted.ravel(), np.uint64(features + 1)
    for low in range(start, stop, BLOCK):
        rows = min(BLOCK, stop - low)
        new[rows:] = NONE
        if weights.shape[0] > 0:
            weighted[:rows, features] = weights[low : low + rows]
        for feature in range(features):
            column, middle, rounded = columns[feature], center[feature], block[feature]
            for row in range(rows):
                exact = column[low + row] - middle
                rounded[row] = exact
                weighted[row, feature] = exact * weighted[row, features]
        for group in active:
            first = offsets[group]
            nearest_of_block(block, centroids, first, offsets[group + 1], rows, partial, nearest, found)
            for row in range(rows):
                new[row] = found[row]
            old = labels[group, low : low + BLOCK] if labels.shape[1] > 0 else none
            # Most rows stay where they are: eight labels are compared at a time.
            old_words = old.view(np.uint64)
            differ = 0
            for word in range(BLOCK // 8):
                if words[word] == old_words[word]:
                    continue
                for row in range(8 * word, 8 * word + 8):
                    if new[row] == old[row]:
                        continue
                    differ += 1
                    source, target = np.uint64(row) * width, np.uint64(first + new[row]) * width
                    for number in range(width):
                        come[target + number] += values[source + number]
                    if old[row] != NONE:
                        target = np.uint64(first + old[row]) * width
                        for number in range(width):
                            gone[target + number] += values[source + number]
            changed[group] += differ
            if labels.shape[1] > 0:
                for row in range(BLOCK):
                    old[row] = new[row]


@compiled
def label_chunk(columns, centroids, offsets, start, stop, block, labels, nearest):
    """See plain.label_chunk."""
    partial, distance = np.empty(BLOCK, block.dtype), np.empty(BLOCK, block.dtype)
    found = np.empty(BLOCK, np.int32)
    for low in range(start, stop, BLOCK):
        rows = min(BLOCK, stop - low)
        for feature in range(columns.shape[0]):
            column = columns[feature]
            for row in range(rows):
                block[feature, row] = column[low + row]
        for group in range(len(offsets) - 1):
            nearest_of_block(block, centroids, offsets[group], offsets[group + 1], rows, partial, distance, found)
            for row in range(rows):
                labels[group, low - start + row] = found[row]
                nearest[group, low - start + row] = distance[row]


@compiled
def nearer(columns, points, which, nearest, out):
    """See plain.nearer."""
    features, rows = columns.shape
    partial = np.zeros(rows, columns.dtype)
    for point in range(points.shape[0]):
        before, after = nearest[which[point]], out[point]
        partial[:] = 0
        for feature in range(0, features, 4):
            x0, x1, x2, x3 = columns[feature], columns[feature + 1], columns[feature + 2], columns[feature + 3]
            c0, c1 = points[point, feature], points[point, feature + 1]
            c2, c3 = points[point, feature + 2], points[point, feature + 3]
            for row in range(rows):
                a, b, c, d = x0[row] - c0, x1[row] - c1, x2[row] - c2, x3[row] - c3
                partial[row] = partial[row] + a * a + b * b + c * c + d * d
        for row in range(rows):
            after[row] = partial[row] if partial[row] < before[row] else before[row]


@compiled
def summed_distances(queries, others, starts, cell_weights, cell_slots, sums):
    """See plain.summed_distances. Four features are added up at a time, in registers."""
    features, count = queries.shape
    partial, total = np.empty(BLOCK), np.empty(BLOCK)
    for low in range(0, count, BLOCK):
        rows = min(BLOCK, count - low)
        for cell in range(len(starts) - 1):
            total[:] = 0.0
            for other in range(starts[cell], starts[cell + 1]):
                partial[:] = 0.0
                for feature in range(0, features - 4, 4):
                    x0, x1, x2, x3 = queries[feature], queries[feature + 1], queries[feature + 2], queries[feature + 3]
                    c0, c1 = others[other, feature], others[other, feature + 1]
                    c2, c3 = others[other, feature + 2], others[other, feature + 3]
                    for row in range(rows):
                        a, b, c, d = x0[low + row] - c0, x1[low + row] - c1, x2[low + row] - c2, x3[low + row] - c3
                        partial[row] = partial[row] + a * a + b * b + c * c + d * d
                x0, x1, x2, x3 = (
                    queries[features - 4],
                    queries[features - 3],
                    queries[features - 2],
                    queries[features - 1],
                )
                c0, c1 = others[other, features - 4], others[other, features - 3]
                c2, c3 = others[other, features - 2], others[other, features - 1]
                for row in range(rows):
                    a, b, c, d = x0[low + row] - c0, x1[low + row] - c1, x2[low + row] - c2, x3[low + row] - c3
                    total[row] += np.sqrt(partial[row] + a * a + b * b + c * c + d * d)
            weight = cell_weights[cell]
            for row in range(rows):
                total[row] *= weight
            for slot in cell_slots[:, cell]:
                into = sums[slot]
                for row in range(rows):
                    into[low + row] += total[row]
