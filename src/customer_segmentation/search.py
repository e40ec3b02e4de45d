"""Centroids of low inertia for every k at once.

Many k-means++ starts run for a few steps on all rows, or on a weighted sample of large data. The best are run on, and
improved by what they can learn from each other: the best of k with one cluster split is a candidate for k + 1, with two
merged for k - 1, and with both for k itself. The winners are polished on all rows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from customer_segmentation.lloyd import CHUNK, Found, Rows, assign, lloyd, loops, over_chunks

if TYPE_CHECKING:
    from customer_segmentation.source import Source

FEW = 6_000
MORE = 32_000
MOST = 120_000
EXTREMES = 64
TRIALS = 3
KEPT = 4
ROUNDS = 16
IDLE = 2
LONERS = 2
HALVED = 2
MERGED = 3
CHEAP = 6
SWAPPED = 2
STEPS = 4
HOPE = 1.1
ROUNDS_ON_MORE = 2
POLISH_ALL_UP_TO = 131_072
SAME = 3e-6
SETTLED_UP_TO = 5_000

Pool = dict[int, list[tuple[float, np.ndarray]]]


def fit(source: Source, ks: list[int], starts: int, seed: int) -> dict[int, np.ndarray]:
    """The best centroids found, (k, features), for each k.

    Up to POLISH_ALL_UP_TO rows every centroid is the mean of its rows. Beyond, polish() makes it so for one k; the
    others are as near to rest as their inertia asks for.
    """
    generator = np.random.default_rng(seed)
    several = [k for k in ks if k > 1]
    best = {}
    if several:
        # The smallest k learns from one less, the largest from one more.
        several = sorted({*several, min(several) - 1, min(max(several) + 1, source.count)})
        # Each sample is drawn from the larger one, and is that one where it is not much larger.
        large = source.sample.rows
        most = draw_sample(large, MOST, generator)
        more = draw_sample(most, MORE, generator)
        few = draw_sample(more, FEW, generator)
        sequences = seeds(few, max(several), starts, generator)
        pool = {k: [(np.inf, sequence[:k]) for sequence in sequences] for k in several}
        pool = advance(few, pool, 3, KEPT)
        pool = improve(few, advance(few, pool, 30, KEPT, 1e-3), ROUNDS, generator)
        if more is not few:
            pool = improve(more, advance(more, pool, 30, KEPT, 1e-3), ROUNDS_ON_MORE, generator)
        is_small = source.is_whole and source.count <= SETTLED_UP_TO
        pool = settle(large, pool) if is_small else advance(more, pool, 100, KEPT, 1e-4)
        if most is not more:
            pool = advance(most, advance(most, pool, 8, 2), 100, 1, 1e-4)
        if large is not most:
            pool = advance(large, pool, 40, 1, 1e-3)
        if not source.is_whole:
            pool = advance(source, {k: found[:1] for k, found in pool.items()}, 3, 1, 1e-3)
        best = {k: found[0][1] for k, found in pool.items() if k in ks}
    if best and source.count <= POLISH_ALL_UP_TO:
        best = dict(zip(best, source.rested(list(best.values())), strict=True))
    return {k: (best[k] if k > 1 else np.zeros((1, len(source.features)))) + source.center for k in ks}


def polish(source: Source, centroids: np.ndarray) -> np.ndarray:
    """The centroids, (k, features), moved until they are the means of their rows."""
    return source.rested([centroids - source.center])[0] + source.center


def improve(rows: Rows, pool: Pool, rounds: int, generator: np.random.Generator) -> Pool:
    """Let the sets of a pool learn from each other until two rounds in a row find nothing better."""
    idle = 0
    for turn in range(rounds):
        tried = advance(rows, moves(rows, pool, turn, generator), STEPS, 2)
        tried = {k: [each for each in found if each[0] < HOPE * pool[k][-1][0]] for k, found in tried.items()}
        tried = advance(rows, tried, 30, 2, 1e-3)
        better = any(found and found[0][0] < pool[k][0][0] * (1 - 1e-6) for k, found in tried.items())
        pool = {k: best_of(pool[k] + tried.get(k, []), KEPT) for k in pool}
        idle = 0 if better else idle + 1
        if idle == IDLE:
            break
    return pool


def advance(rows: Rows | Source, pool: Pool, iterations: int, keep: int, shift: float = 0.0) -> Pool:
    """Run every set of a pool for some steps of Lloyd's algorithm and keep the best few of each k."""
    sets = [(k, centroids) for k, found in pool.items() for _, centroids in found]
    if not sets:
        return pool
    found: Found = rows.lloyd([centroids for _, centroids in sets], iterations, shift)
    after: Pool = {k: [] for k in pool}
    for (k, _), inertia, centroids in zip(sets, found.inertia, found.centroids, strict=True):
        after[k].append((float(inertia), centroids))
    return {k: best_of(each, keep) for k, each in after.items()}


def best_of(found: list[tuple[float, np.ndarray]], keep: int) -> list[tuple[float, np.ndarray]]:
    """The sets with the lowest inertia; of those that agree to SAME, the first."""
    kept: list[tuple[float, np.ndarray]] = []
    for inertia, centroids in sorted(found, key=lambda pair: pair[0]):
        if not kept or inertia > kept[-1][0] * (1 + SAME):
            kept.append((inertia, centroids))
        if len(kept) == keep:
            break
    return kept


def settle(rows: Rows, pool: Pool) -> Pool:
    """Bring every set of a small pool to rest, and move single rows while that lowers the inertia (Hartigan 1975).

    Where Lloyd's algorithm rests, a row in a small cluster may still be better off in another, whose centroid it would
    draw nearer. Without this step, which of several neighbouring valleys is found is a matter of luck.
    """
    place = [(k, centroids) for k, found in pool.items() for _, centroids in found]
    sets = lloyd(rows, [centroids for _, centroids in place], 1_000, precision=np.float64).centroids
    inertia, moving = np.zeros(len(sets)), list(range(len(sets)))
    for _ in range(len(rows.columns[0])):
        for i in list(moving):
            moved, inertia[i] = transferred(rows, sets[i])
            if moved is None:
                moving.remove(i)
            else:
                sets[i] = moved
        if not moving:
            break
        rested = lloyd(rows, [sets[i] for i in moving], 1_000, precision=np.float64).centroids
        for i, centroids in zip(moving, rested, strict=True):
            sets[i] = centroids
    after: Pool = {k: [] for k in pool}
    for (k, _), each, centroids in zip(place, inertia, sets, strict=True):
        after[k].append((float(each), centroids))
    return {k: best_of(each, 1) for k, each in after.items()}


def transferred(rows: Rows, centroids: np.ndarray) -> tuple[np.ndarray | None, float]:
    """The centroids after the one transfer of a row that lowers the inertia most, None where there is none; and it."""
    k, n = len(centroids), rows.columns.shape[1]
    points = rows.columns - rows.center[:, None]
    squared = sum((column - center[:, None]) ** 2 for column, center in zip(points, centroids.T, strict=True))
    own, every = squared.argmin(axis=0), np.arange(n)
    counts = np.bincount(own, minlength=k)
    nearest = squared[own, every]
    saved = np.where(counts[own] > 1, nearest * counts[own] / np.maximum(counts[own] - 1, 1), 0.0)
    cost = squared * (counts / (counts + 1))[:, None]
    cost[own, every] = np.inf
    gain = saved - cost.min(axis=0)
    row = int(gain.argmax())
    if gain[row] <= 1e-12 * nearest.sum():
        return None, float(nearest.sum())
    source, target = own[row], cost[:, row].argmin()
    moved = centroids.copy()
    moved[source] += (centroids[source] - points[:, row]) / (counts[source] - 1)
    moved[target] += (points[:, row] - centroids[target]) / (counts[target] + 1)
    return moved, float(nearest.sum())


# ---- where to start ----------------------------------------------------------------------------------------------


def fits_whole(count: int, size: int) -> bool:
    """Whether there are so few more rows than a sample would have that they are taken themselves."""
    return count <= 1.25 * size


def draw_sample(rows: Rows, size: int, generator: np.random.Generator) -> Rows:
    """A weighted sample that cannot miss far rows, or the rows themselves where there are few more than size.

    A weight is one over the probability to be drawn, so that weighted sums estimate those of all rows.
    """
    if fits_whole(rows.columns.shape[1], size):
        return rows
    chosen, weights = draw_rows(rows, size, lambda start, stop: generator.random(stop - start))
    return Rows(np.ascontiguousarray(rows.columns[:, chosen]), rows.center, weights)


def draw_rows(
    rows: Rows, size: int, numbers: Callable[[int, int], np.ndarray], repeatable: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """The rows whose random number is below their probability, and their weights.

    numbers(start, stop): the random numbers of these rows. repeatable: whether another engine must draw the same rows.
    """
    count = rows.columns.shape[1]

    def weight_and_spread(start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
        weight = rows.weights[start:stop] if len(rows.weights) else np.ones(stop - start)
        return weight, ((rows.columns[:, start:stop] - rows.center[:, None]) ** 2).sum(axis=0) * weight

    def summed(start: int, stop: int) -> tuple[float, float, np.ndarray]:
        weight, spread = weight_and_spread(start, stop)
        return weight.sum(), spread.sum(), np.sort(spread)[-EXTREMES - 1 :].copy()

    found = over_chunks(summed, count)
    total_weight, total_spread = sum(each[0] for each in found), sum(each[1] for each in found)
    farthest = np.sort(np.concatenate([each[2] for each in found]))
    extreme = farthest[-EXTREMES]
    if repeatable:
        total_spread, extreme = significant(total_spread), beyond(farthest[-EXTREMES - 1])
    drawn, weights = [], []
    for start in range(0, count, CHUNK):
        weight, spread = weight_and_spread(start, min(count, start + CHUNK))
        probability = probability_of(weight, spread, size, total_weight, total_spread, extreme)
        chosen = np.flatnonzero(numbers(start, start + len(weight)) < probability)
        drawn.append(chosen + start)
        weights.append(weight[chosen] / probability[chosen])
    return np.concatenate(drawn), np.concatenate(weights)


def significant(number: float) -> float:
    """A number to 12 significant digits: sums in any order agree on them."""
    return float(f"{number:.11e}")


def beyond(spread: float) -> float:
    """The least squared distance above this one. Many rows can be tied at the edge of the farthest, or all of them."""
    return float(np.nextafter(spread, np.inf))


def probability_of(
    weight: np.ndarray | float, spread: np.ndarray, size: int, total_weight: float, total_spread: float, extreme: float
) -> np.ndarray:
    """The probability of each row to be drawn.

    Half of a sample is uniform, half in proportion to the squared distance from the center, and the farthest rows, from
    the squared distance extreme on, are all in it. Both are times the weight of the row.
    """
    probability = size / 2 * (weight / total_weight + spread / (total_spread or 1.0))
    return np.where(spread >= extreme, 1.0, np.minimum(probability, 1.0))


def seeds(rows: Rows, k: int, starts: int, generator: np.random.Generator) -> np.ndarray:
    """Greedy k-means++ (Arthur and Vassilvitskii 2007): (starts, k, features), whose first j rows seed j clusters.

    Of TRIALS rows drawn in proportion to their squared distance from the seeds so far, the one that lowers the summed
    distance most is the next seed; every other sequence takes the first that is drawn, as greed can blind all of them
    alike. All sequences grow together.
    """
    count = rows.columns.shape[1]
    columns = np.zeros((-(-len(rows.columns) // 4) * 4, count), dtype=np.float32)
    columns[: len(rows.columns)] = rows.columns - rows.center[:, None]
    weights = (rows.weights if len(rows.weights) else np.ones(count)).astype(np.float32)
    nearer = loops(count).nearer
    cumulated = np.cumsum(weights, dtype=np.float64)
    first = np.minimum(np.searchsorted(cumulated, generator.random(starts) * cumulated[-1]), count - 1)
    chosen = [first]
    nearest = np.empty((starts, count), dtype=np.float32)
    far = np.full((1, count), np.inf, dtype=np.float32)
    nearer(columns, np.ascontiguousarray(columns[:, first].T), np.zeros(starts, dtype=np.int64), far, nearest)
    sequence = np.repeat(np.arange(starts), TRIALS)
    after = np.empty((len(sequence), count), dtype=np.float32)
    for _ in range(k - 1):
        picks = np.empty(len(sequence), dtype=np.int64)
        draws = generator.random((starts, TRIALS))
        for start in range(starts):
            cumulated = np.cumsum(nearest[start] * weights, dtype=np.float64)
            picks[start * TRIALS : (start + 1) * TRIALS] = np.searchsorted(cumulated, draws[start] * cumulated[-1])
        picks = np.minimum(picks, count - 1)
        nearer(columns, np.ascontiguousarray(columns[:, picks].T), sequence, nearest, after)
        potential = np.array([(each * weights).sum(dtype=np.float64) for each in after]).reshape(starts, TRIALS)
        potential[1::2, 1:] = np.inf
        best = potential.argmin(axis=1) + np.arange(starts) * TRIALS
        nearest = after[best]
        chosen.append(picks[best])
    return (rows.columns[:, np.column_stack(chosen)] - rows.center[:, None, None]).transpose(1, 2, 0)


# ---- what sets of centroids can learn from each other --------------------------------------------------------------


def moves(rows: Rows, pool: Pool, turn: int, generator: np.random.Generator) -> Pool:
    """Candidates made from one set of each k, in turn: one more centroid, one less, and one less and one more."""
    best = {k: found[turn % len(found)][1] for k, found in pool.items()}
    labels, nearest = assign(rows.columns, [centroids + rows.center for centroids in best.values()])
    tried: Pool = {k: [] for k in best}
    for (k, centroids), label, distance in zip(best.items(), labels, nearest, strict=True):
        more = insertions(rows, centroids, label, distance, generator)
        weight = np.bincount(label, rows.weights if len(rows.weights) else None, minlength=k)
        merged = mergers(centroids, weight, generator)
        if k + 1 in tried:
            tried[k + 1] += [replaced(centroids, [i], pair) for i, pair in more]
        if k - 1 in tried:
            tried[k - 1] += [replaced(centroids, [i, j], mean) for i, j, mean in merged]
        tried[k] += [
            replaced(centroids, [i, j, cluster], mean, pair)
            for i, j, mean in merged[:SWAPPED]
            for cluster, pair in more
            if cluster not in (i, j)
        ]
    return {k: each for k, each in tried.items() if each}


def replaced(centroids: np.ndarray, gone: list[int], *come: np.ndarray) -> tuple[float, np.ndarray]:
    """The centroids with others, (any, features), in the place of some; their inertia is not known yet."""
    stay = np.ones(len(centroids), dtype=bool)
    stay[gone] = False
    return np.inf, np.concatenate([centroids[stay], *come])


def insertions(
    rows: Rows, centroids: np.ndarray, labels: np.ndarray, nearest: np.ndarray, generator: np.random.Generator
) -> list[tuple[int, np.ndarray]]:
    """Clusters and the two centroids, (2, features), that could take the place of each.

    The clusters of the largest inertia are halved along their widest feature; and rows that are drawn in proportion to
    their squared distance get a centroid of their own.
    """
    k = len(centroids)
    weights = rows.weights if len(rows.weights) else np.ones(len(labels))
    spread = nearest * weights
    inertia = np.bincount(labels, spread, minlength=k)
    found = []
    for cluster in np.argsort(-inertia)[:HALVED]:
        members = np.flatnonzero(labels == cluster)
        offset = rows.columns[:, members] - (rows.center + centroids[cluster])[:, None]
        variance = (offset**2 * weights[members]).sum(axis=1) / weights[members].sum()
        step = np.where(np.arange(len(variance)) == variance.argmax(), np.sqrt(variance), 0)
        found.append((int(cluster), np.array([centroids[cluster] - step, centroids[cluster] + step])))
    cumulated = np.cumsum(spread)
    for draw in generator.random(LONERS) * cumulated[-1]:
        row = min(int(np.searchsorted(cumulated, draw)), len(labels) - 1)
        found.append((int(labels[row]), np.array([centroids[labels[row]], rows.columns[:, row] - rows.center])))
    return found


def mergers(
    centroids: np.ndarray, weights: np.ndarray, generator: np.random.Generator
) -> list[tuple[int, int, np.ndarray]]:
    """Some pairs of clusters whose merger costs little inertia (Ward 1963), and the mean of each, (1, features)."""
    squared = ((centroids[:, None] - centroids[None]) ** 2).sum(axis=2)
    total = np.maximum(weights[:, None] + weights[None], 1e-300)
    cost = np.where(np.tri(len(weights), dtype=bool), np.inf, squared * weights[:, None] * weights[None] / total)
    cheapest = np.argsort(cost, axis=None, kind="stable")[: min(CHEAP, len(weights) * (len(weights) - 1) // 2)]
    pairs = [divmod(int(place), len(weights)) for place in generator.permutation(cheapest)[:MERGED]]
    means = [(centroids[i] * weights[i] + centroids[j] * weights[j]) / total[i, j] for i, j in pairs]
    return [(i, j, mean[None]) for (i, j), mean in zip(pairs, means, strict=True)]
