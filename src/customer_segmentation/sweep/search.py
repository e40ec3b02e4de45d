"""The search for centroids of low inertia, for every k at once.

Many k-means++ sequences run for a few iterations on all rows, or on a weighted sample of large data. The best ones run
further and produce candidates for each other: the best set of k with one cluster split is a candidate for k + 1, with
two clusters merged for k - 1, and with both for k itself. The best sets are refined on increasingly large samples and
finally on all rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from customer_segmentation.sweep.lloyd import LloydResult, Rows, assign, inner_loops, lloyd
from customer_segmentation.sweep.sampling import draw_sample

if TYPE_CHECKING:
    from customer_segmentation.sweep.sources import Source

# Sets of centroids: {k: [(inertia, (k, features)), ...]}, the best few of each k in ascending order of inertia.
Pool = dict[int, list[tuple[float, np.ndarray]]]


class LloydRun(NamedTuple):
    """A run of Lloyd's algorithm on every set of a pool: iterations at most, and how many sets of each k to keep."""

    iterations: int
    keep: int
    tolerance: float = 0.0


class Stage(NamedTuple):
    """The work on one sample.

    sample_size: None for all rows of the source, or its sample where it has one. first: runs of Lloyd's algorithm.
    rounds: the most rounds of improve() after them. Both are skipped if the data are so small that the sample is the
    one of the previous stage. last: a run that is never skipped.
    """

    sample_size: int | None
    first: tuple[LloydRun, ...]
    rounds: int = 0
    last: LloydRun | None = None


# ---- constants -----------------------------------------------------------------------------------------------------
# Chosen by experiment (benchmarks/sweep.py): with these values the inertia was never more than 0.1 % above that of the
# best of ten scikit-learn starts; with smaller samples and fewer rounds it was, for a few combinations of data, size
# and k.

# Sets kept for each k during the search: different local optima, not copies of one.
POOL_SIZE = 4
# The samples, small to large. Most of the search runs on the smallest; each larger one corrects its sampling error.
STAGES = (
    Stage(6_000, first=(LloydRun(3, POOL_SIZE), LloydRun(30, POOL_SIZE, 1e-3)), rounds=16),
    Stage(32_000, first=(LloydRun(30, POOL_SIZE, 1e-3),), rounds=2, last=LloydRun(100, POOL_SIZE, 1e-4)),
    Stage(120_000, first=(LloydRun(8, 2), LloydRun(100, 1, 1e-4))),
    Stage(None, first=(LloydRun(40, 1, 1e-3),)),
)
# If the source is sampled, the best set of each k is finally run on all rows.
ALL_ROWS = LloydRun(3, 1, 1e-3)
# Candidates of one k-means++ step; scikit-learn takes 2 + ln k, which is 3 to 4 here.
SEEDING_TRIALS = 3
# A round of improve() first runs its candidates with TRIAL_RUN, drops those whose inertia is then at least 10 % above
# that of the worst set of the pool, since they rarely catch up, and runs the others with CANDIDATE_RUN.
TRIAL_RUN = LloydRun(4, 2)
PROMISING = 1.1
CANDIDATE_RUN = LloydRun(30, 2, 1e-3)
# improve() ends after IDLE_ROUNDS consecutive rounds in which no inertia falls by more than the share IMPROVEMENT.
IDLE_ROUNDS = 2
IMPROVEMENT = 1e-6
# Sets whose inertias differ by at most this share count as the same; single precision agrees to about 1e-7.
SAME_INERTIA = 3e-6
# Splits per round and k: how many clusters of the largest inertia are halved, and how many rows become centroids.
HALVED_CLUSTERS = 2
SINGLE_ROWS = 2
# Mergers per round and k: MERGERS_TRIED of the cheapest are drawn, and MERGERS_COMBINED are combined with a split.
CHEAPEST_MERGERS = 6
MERGERS_TRIED = 3
MERGERS_COMBINED = 2
# Up to this many rows the sets are refined by Hartigan's single-row transfers, whose cost grows with the square of n.
HARTIGAN_UP_TO = 5_000
# Up to this many rows every k is run to convergence; beyond, only those whose clusters are large enough to be served.
CONVERGE_ALL_UP_TO = 131_072
# Far more iterations than Lloyd's algorithm needs on a few thousand rows.
UNTIL_CONVERGED = 1_000


def fit(source: Source, ks: list[int], starts: int, seed: int) -> dict[int, np.ndarray]:
    """Return the best centroids found, {k: (k, features)}, in the units of the source.

    ks: the k to fit. starts: the number of k-means++ sequences. Up to CONVERGE_ALL_UP_TO rows the centroids of every k
    have converged: each is the mean of its rows. Beyond, they are only close to it; converge() completes them.
    """
    generator = np.random.default_rng(seed)
    several = [k for k in ks if k > 1]
    best = {}
    if several:
        # k - 1 and k + 1 provide candidates for the smallest and the largest k.
        several = sorted({*several, min(several) - 1, min(max(several) + 1, source.count)})
        pool = search(source, several, starts, generator)
        best = {k: found[0][1] for k, found in pool.items() if k in ks}
    if best and source.count <= CONVERGE_ALL_UP_TO:
        best = dict(zip(best, source.converge(list(best.values())), strict=True))
    return {k: (best[k] if k > 1 else np.zeros((1, len(source.features)))) + source.center for k in ks}


def converge(source: Source, sets: list[np.ndarray]) -> list[np.ndarray]:
    """Return sets of centroids, (k, features), after running Lloyd's algorithm on all rows until they converge."""
    return [centroids + source.center for centroids in source.converge([each - source.center for each in sets])]


def search(source: Source, ks: list[int], starts: int, generator: np.random.Generator) -> Pool:
    """Return the pool with the best set of centroids of each k, relative to the center of the source."""
    samples = samples_of(source.sample.rows, generator)
    is_small = source.is_whole and source.count <= HARTIGAN_UP_TO
    sequences = kmeans_plus_plus(samples[0], max(ks), starts, generator)
    pool: Pool = {k: [(np.inf, sequence[:k]) for sequence in sequences] for k in ks}
    previous = None
    for stage, rows in zip(STAGES, samples, strict=True):
        if rows is not previous:
            for run in stage.first:
                pool = advance(rows, pool, run)
            pool = improve(rows, pool, stage.rounds, generator)
        if stage.last:
            pool = hartigan(rows, pool) if is_small else advance(rows, pool, stage.last)
        previous = rows
    if not source.is_whole:
        pool = advance(source, {k: found[:1] for k, found in pool.items()}, ALL_ROWS)
    return pool


def samples_of(rows: Rows, generator: np.random.Generator) -> list[Rows]:
    """Return the sample of each stage: drawn from the next larger one, or equal to it if that is hardly larger."""
    samples: list[Rows] = []
    for stage in reversed(STAGES):
        if stage.sample_size is not None:
            rows = draw_sample(rows, stage.sample_size, generator)
        samples.insert(0, rows)
    return samples


def advance(rows: Rows | Source, pool: Pool, run: LloydRun) -> Pool:
    """Run Lloyd's algorithm on every set of a pool and keep the best few of each k."""
    sets = [(k, centroids) for k, found in pool.items() for _, centroids in found]
    if not sets:
        return pool
    result: LloydResult = rows.lloyd([centroids for _, centroids in sets], run.iterations, run.tolerance)
    after: Pool = {k: [] for k in pool}
    for (k, _), inertia, centroids in zip(sets, result.inertia, result.centroids, strict=True):
        after[k].append((float(inertia), centroids))
    return {k: best_of(each, run.keep) for k, each in after.items()}


def best_of(found: list[tuple[float, np.ndarray]], keep: int) -> list[tuple[float, np.ndarray]]:
    """Return at most `keep` sets in ascending order of inertia; of sets with the same inertia, only the first."""
    kept: list[tuple[float, np.ndarray]] = []
    for inertia, centroids in sorted(found, key=lambda pair: pair[0]):
        if not kept or inertia > kept[-1][0] * (1 + SAME_INERTIA):
            kept.append((inertia, centroids))
        if len(kept) == keep:
            break
    return kept


def improve(rows: Rows, pool: Pool, rounds: int, generator: np.random.Generator) -> Pool:
    """Improve the sets of a pool with candidates() made from them, until IDLE_ROUNDS in a row find nothing better."""
    idle = 0
    for turn in range(rounds):
        tried = advance(rows, candidates(rows, pool, turn, generator), TRIAL_RUN)
        tried = {k: [each for each in found if each[0] < PROMISING * pool[k][-1][0]] for k, found in tried.items()}
        tried = advance(rows, tried, CANDIDATE_RUN)
        is_better = any(found and found[0][0] < pool[k][0][0] * (1 - IMPROVEMENT) for k, found in tried.items())
        pool = {k: best_of(pool[k] + tried.get(k, []), POOL_SIZE) for k in pool}
        idle = 0 if is_better else idle + 1
        if idle == IDLE_ROUNDS:
            break
    return pool


# ---- seeding -------------------------------------------------------------------------------------------------------


def kmeans_plus_plus(rows: Rows, k: int, starts: int, generator: np.random.Generator) -> np.ndarray:
    """Return greedy k-means++ seeds (Arthur and Vassilvitskii 2007), (starts, k, features).

    The first j seeds of a sequence seed j clusters. SEEDING_TRIALS rows are drawn with probabilities proportional to
    their weight times their squared distance from the nearest seed so far; the one that most lowers the sum of these
    is the next seed. Every second sequence takes the first row drawn instead, because the greedy choice can lead all
    sequences into the same poor optimum. Seeds are relative to the center of the rows.
    """
    count = rows.columns.shape[1]
    columns = np.zeros((-(-len(rows.columns) // 4) * 4, count), dtype=np.float32)
    columns[: len(rows.columns)] = rows.columns - rows.center[:, None]
    weights = (rows.weights if len(rows.weights) else np.ones(count)).astype(np.float32)
    nearer = inner_loops(count).nearer
    cumulated = np.cumsum(weights, dtype=np.float64)
    first = np.minimum(np.searchsorted(cumulated, generator.random(starts) * cumulated[-1]), count - 1)
    chosen = [first]
    nearest = np.empty((starts, count), dtype=np.float32)
    far = np.full((1, count), np.inf, dtype=np.float32)
    nearer(columns, np.ascontiguousarray(columns[:, first].T), np.zeros(starts, dtype=np.int64), far, nearest)
    sequence = np.repeat(np.arange(starts), SEEDING_TRIALS)
    after = np.empty((len(sequence), count), dtype=np.float32)
    for _ in range(k - 1):
        picks = np.empty(len(sequence), dtype=np.int64)
        draws = generator.random((starts, SEEDING_TRIALS))
        for start in range(starts):
            cumulated = np.cumsum(nearest[start] * weights, dtype=np.float64)
            found = np.searchsorted(cumulated, draws[start] * cumulated[-1])
            picks[start * SEEDING_TRIALS : (start + 1) * SEEDING_TRIALS] = found
        picks = np.minimum(picks, count - 1)
        nearer(columns, np.ascontiguousarray(columns[:, picks].T), sequence, nearest, after)
        potential = np.array([(each * weights).sum(dtype=np.float64) for each in after]).reshape(starts, SEEDING_TRIALS)
        potential[1::2, 1:] = np.inf
        best = potential.argmin(axis=1) + np.arange(starts) * SEEDING_TRIALS
        nearest = after[best]
        chosen.append(picks[best])
    return (rows.columns[:, np.column_stack(chosen)] - rows.center[:, None, None]).transpose(1, 2, 0)


# ---- split and merge candidates ------------------------------------------------------------------------------------


def candidates(rows: Rows, pool: Pool, turn: int, generator: np.random.Generator) -> Pool:
    """Return candidates made from one set of each k: with a cluster split, with two merged, and with both.

    turn: the number of the round; it decides which set of the pool is used. The inertia of a candidate is infinite.
    """
    best = {k: found[turn % len(found)][1] for k, found in pool.items()}
    labels, nearest = assign(rows.columns, [centroids + rows.center for centroids in best.values()])
    tried: Pool = {k: [] for k in best}
    for (k, centroids), label, distance in zip(best.items(), labels, nearest, strict=True):
        split = splits(rows, centroids, label, distance, generator)
        weight = np.bincount(label, rows.weights if len(rows.weights) else None, minlength=k)
        merged = mergers(centroids, weight, generator)
        if k + 1 in tried:
            tried[k + 1] += [exchange(centroids, [i], pair) for i, pair in split]
        if k - 1 in tried:
            tried[k - 1] += [exchange(centroids, [i, j], mean) for i, j, mean in merged]
        tried[k] += [
            exchange(centroids, [i, j, cluster], mean, pair)
            for i, j, mean in merged[:MERGERS_COMBINED]
            for cluster, pair in split
            if cluster not in (i, j)
        ]
    return {k: each for k, each in tried.items() if each}


def exchange(centroids: np.ndarray, removed: list[int], *added: np.ndarray) -> tuple[float, np.ndarray]:
    """Return an infinite inertia, as it is not known yet, and the centroids without `removed` and with `added`."""
    stays = np.ones(len(centroids), dtype=bool)
    stays[removed] = False
    return np.inf, np.concatenate([centroids[stays], *added])


def splits(
    rows: Rows, centroids: np.ndarray, labels: np.ndarray, nearest: np.ndarray, generator: np.random.Generator
) -> list[tuple[int, np.ndarray]]:
    """Return clusters to split, each with the two centroids, (2, features), that replace its own.

    The clusters of the largest inertia are halved along the feature of their largest variance. In addition, rows drawn
    in proportion to their weighted squared distance, `nearest`, become centroids.
    """
    k = len(centroids)
    weights = rows.weights if len(rows.weights) else np.ones(len(labels))
    weighted_squares = nearest * weights
    inertia = np.bincount(labels, weighted_squares, minlength=k)
    found = []
    for cluster in np.argsort(-inertia)[:HALVED_CLUSTERS]:
        members = np.flatnonzero(labels == cluster)
        offset = rows.columns[:, members] - (rows.center + centroids[cluster])[:, None]
        variance = (offset**2 * weights[members]).sum(axis=1) / weights[members].sum()
        step = np.where(np.arange(len(variance)) == variance.argmax(), np.sqrt(variance), 0)
        found.append((int(cluster), np.array([centroids[cluster] - step, centroids[cluster] + step])))
    cumulated = np.cumsum(weighted_squares)
    for draw in generator.random(SINGLE_ROWS) * cumulated[-1]:
        row = min(int(np.searchsorted(cumulated, draw)), len(labels) - 1)
        found.append((int(labels[row]), np.array([centroids[labels[row]], rows.columns[:, row] - rows.center])))
    return found


def mergers(
    centroids: np.ndarray, weights: np.ndarray, generator: np.random.Generator
) -> list[tuple[int, int, np.ndarray]]:
    """Return some of the pairs of clusters whose merger adds least inertia (Ward 1963), and their means, (1, features).

    weights: (k,), the total weight of the rows of each cluster.
    """
    squared = ((centroids[:, None] - centroids[None]) ** 2).sum(axis=2)
    total = np.maximum(weights[:, None] + weights[None], 1e-300)
    cost = np.where(np.tri(len(weights), dtype=bool), np.inf, squared * weights[:, None] * weights[None] / total)
    pairs_at_most = len(weights) * (len(weights) - 1) // 2
    cheapest = np.argsort(cost, axis=None, kind="stable")[: min(CHEAPEST_MERGERS, pairs_at_most)]
    pairs = [divmod(int(place), len(weights)) for place in generator.permutation(cheapest)[:MERGERS_TRIED]]
    means = [(centroids[i] * weights[i] + centroids[j] * weights[j]) / total[i, j] for i, j in pairs]
    return [(i, j, mean[None]) for (i, j), mean in zip(pairs, means, strict=True)]


# ---- Hartigan refinement -------------------------------------------------------------------------------------------


def hartigan(rows: Rows, pool: Pool) -> Pool:
    """Refine a pool by moving single rows while that lowers the inertia (Hartigan 1975); keep the best set of each k.

    After Lloyd's algorithm has converged, moving a row of a small cluster to another cluster may still lower the
    inertia, because both centroids move. Without this step the start decides which of several nearby local optima is
    found. For rows without weights.
    """
    origin = [(k, centroids) for k, found in pool.items() for _, centroids in found]
    sets = lloyd(rows, [centroids for _, centroids in origin], UNTIL_CONVERGED, precision=np.float64).centroids
    inertia, open_sets = np.zeros(len(sets)), list(range(len(sets)))
    for _ in range(len(rows.columns[0])):
        for i in list(open_sets):
            moved, inertia[i] = best_transfer(rows, sets[i])
            if moved is None:
                open_sets.remove(i)
            else:
                sets[i] = moved
        if not open_sets:
            break
        converged = lloyd(rows, [sets[i] for i in open_sets], UNTIL_CONVERGED, precision=np.float64).centroids
        for i, centroids in zip(open_sets, converged, strict=True):
            sets[i] = centroids
    after: Pool = {k: [] for k in pool}
    for (k, _), each, centroids in zip(origin, inertia, sets, strict=True):
        after[k].append((float(each), centroids))
    return {k: best_of(each, 1) for k, each in after.items()}


def best_transfer(rows: Rows, centroids: np.ndarray) -> tuple[np.ndarray | None, float]:
    """Return the centroids after the single-row transfer that lowers the inertia most, and the inertia before it.

    The centroids are None if no transfer lowers the inertia.
    """
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
