"""The inner loops, compiled by numba. `reference_loops` has the same functions in NumPy; results are bit-identical.

Both apply the same operations to each number in the same order: distances are summed feature by feature, sums run over
the rows from first to last, and the compiler must not reorder them (no fastmath).

The loop over the rows of a block is the innermost one wherever possible, so that the compiler can process 8 or 16 rows
at a time. Arrays are filled by loops, because slices on the left of an assignment took a third of the time to compile.
numba caches the compiled code next to this file. That requires a permanent file, whereas dbt runs a Python model from a
temporary one; this is one reason why the loops are in an installed package.
"""

from __future__ import annotations

import numpy as np
from numba import njit

# Rows per block: eight columns of a block in float64 fill 32 KiB, a typical L1 cache.
BLOCK = 512
# The label of a row that has not been assigned yet.
UNASSIGNED = 255
compiled = njit(cache=True, nogil=True, error_model="numpy")


@compiled
def nearest_of_block(block, centroids, first, last, rows, partial, nearest, label):
    """Write the label of the nearest of centroids[first:last], and the squared distance to it, for each row of a block.

    The first centroid wins a tie. block: (4 i features, BLOCK). centroids: (all centroids, 4 i features). partial:
    working space. Writes nearest and label, (BLOCK,), for the first `rows` rows. Four features at a time are summed in
    registers.
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
        candidate = np.int32(centroid - first)
        for row in range(rows):
            a, b, c, d = x0[row] - c0, x1[row] - c1, x2[row] - c2, x3[row] - c3
            distance = partial[row] + a * a + b * b + c * c + d * d
            closer = distance < nearest[row]
            label[row] = candidate if closer else label[row]
            nearest[row] = distance if closer else nearest[row]


@compiled
def lloyd_chunk(columns, center, weights, centroids, offsets, active, labels, start, stop, block, into, out, changed):
    """See reference_loops.lloyd_chunk."""
    features = columns.shape[0]
    partial, nearest = np.empty(BLOCK, block.dtype), np.empty(BLOCK, block.dtype)
    found = np.empty(BLOCK, np.int32)
    new, unassigned = np.full(BLOCK, UNASSIGNED, np.uint8), np.full(BLOCK, UNASSIGNED, np.uint8)
    words = new.view(np.uint64)
    weighted = np.ones((BLOCK, features + 1))
    # Flat arrays with unsigned indices: numba then omits the check for negative indices.
    gained, lost, values, width = into.ravel(), out.ravel(), weighted.ravel(), np.uint64(features + 1)
    for low in range(start, stop, BLOCK):
        rows = min(BLOCK, stop - low)
        for row in range(rows, BLOCK):
            new[row] = UNASSIGNED
        if weights.shape[0] > 0:
            for row in range(rows):
                weighted[row, features] = weights[low + row]
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
            old = labels[group, low : low + BLOCK] if labels.shape[1] > 0 else unassigned
            # Most rows keep their cluster, so eight labels are compared at a time.
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
                    for place in range(width):
                        gained[target + place] += values[source + place]
                    if old[row] != UNASSIGNED:
                        target = np.uint64(first + old[row]) * width
                        for place in range(width):
                            lost[target + place] += values[source + place]
            changed[group] += differ
            if labels.shape[1] > 0:
                for row in range(BLOCK):
                    old[row] = new[row]


@compiled
def label_chunk(columns, centroids, offsets, start, stop, block, labels, nearest):
    """See reference_loops.label_chunk."""
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
    """See reference_loops.nearer."""
    features, rows = columns.shape
    partial = np.zeros(rows, columns.dtype)
    for point in range(points.shape[0]):
        before, after = nearest[which[point]], out[point]
        for row in range(rows):
            partial[row] = 0
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
def summed_distances(queries, others, starts, part_weights, part_slots, sums):
    """See reference_loops.summed_distances. Four features at a time are summed in registers."""
    features, count = queries.shape
    partial, total = np.empty(BLOCK), np.empty(BLOCK)
    for low in range(0, count, BLOCK):
        rows = min(BLOCK, count - low)
        for part in range(len(starts) - 1):
            for row in range(rows):
                total[row] = 0.0
            for other in range(starts[part], starts[part + 1]):
                for row in range(rows):
                    partial[row] = 0.0
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
            weight = part_weights[part]
            for row in range(rows):
                total[row] *= weight
            for slot in part_slots[:, part]:
                into = sums[slot]
                for row in range(rows):
                    into[low + row] += total[row]
