"""The mean silhouette (Rousseeuw 1987) of several partitions: exact on small data, else estimated with its error."""

from __future__ import annotations

import numpy as np

from customer_segmentation.sweep.lloyd import BLOCK, inner_loops, map_chunks, stack
from customer_segmentation.sweep.metrics import Refinement

# Rows that every sampled row is compared with, and their expected minimum in each part of the refinement. The standard
# error neglects that these are sampled too; with these sizes it agrees with simulations (see the tests).
COMPARISON_ROWS = 32_768
COMPARISON_ROWS_PER_PART = 32


def silhouettes(
    columns: np.ndarray,
    refinement: Refinement,
    ks: list[int],
    exact_up_to: int,
    sample_size: int,
    seed: int,
    population: int | None = None,
) -> list[tuple[float | None, float | None]]:
    """Return the mean silhouette of each partition and its standard error; None for both where k = 1.

    columns: (features, n). population: the number of rows that the columns are a uniform sample of, or None if they
    are all rows; such sampling adds to the standard error. A cluster without rows in the columns is ignored; if only
    one cluster has rows, both values are None.

    Up to exact_up_to rows the mean over the columns is exact, and its standard error is 0 if they are all rows. Beyond,
    about sample_size rows are drawn for each partition, stratified by cluster in proportion to its size, with at least
    two rows per cluster, and weighted by cluster size. They are compared with a sample of all rows, stratified by part
    of the refinement. This hardly adds to the error, because distances to the rows of one part are nearly the same.
    """
    count = columns.shape[1]
    is_defined = [len(np.unique(cluster)) > 1 for cluster in refinement.clusters]
    if count <= exact_up_to:
        rows = np.arange(count)
        widths = silhouette_widths(columns, refinement, ks, rows, rows)
        return [
            (float(each.mean()), sampling_error(float(each.var()), count, population)) if defined else (None, None)
            for defined, each in zip(is_defined, widths, strict=True)
        ]
    generator = np.random.default_rng([seed, 1])
    rate = np.maximum(COMPARISON_ROWS / count, COMPARISON_ROWS_PER_PART / refinement.sizes)
    others, _ = bernoulli_sample(refinement.codes, rate, generator)
    rows, strata = stratified_samples(refinement, ks, sample_size, generator)
    widths = silhouette_widths(columns, refinement, ks, rows, others)
    return [
        stratified_mean(each, places, count, population) if defined else (None, None)
        for defined, each, places in zip(is_defined, widths, strata, strict=True)
    ]


def bernoulli_sample(
    codes: np.ndarray, rate: np.ndarray, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Draw each row with the probability of its part; return the rows drawn and their uniform random numbers.

    codes: (n,), the part of each row. rate: (parts,), the probabilities; above 1, all rows of the part are drawn.
    """
    rows, uniforms = [], []
    for start in range(0, len(codes), 1 << 18):
        part = codes[start : start + (1 << 18)]
        uniform = generator.random(len(part))
        found = np.flatnonzero(uniform < rate[part])
        rows.append(found + start)
        uniforms.append(uniform[found])
    return np.concatenate(rows), np.concatenate(uniforms)


def stratified_samples(
    refinement: Refinement, ks: list[int], size: int, generator: np.random.Generator
) -> tuple[np.ndarray, list]:
    """Draw a sample for each partition, using the same random order of the rows, so that the samples share most rows.

    Returns the rows of all samples, and for each partition and cluster the number of its rows and the places of its
    sample among the rows returned.
    """
    count = int(refinement.sizes.sum())
    sizes, rate = [], np.zeros(len(refinement.sizes))
    for k, cluster in zip(ks, refinement.clusters, strict=True):
        counts = np.bincount(cluster, refinement.sizes, minlength=k)
        wanted = np.minimum(counts, np.maximum(2, np.round(size * counts / count))).astype(int)
        # Eight standard deviations above the number wanted, so that the draw practically never falls short.
        rate = np.maximum(rate, ((wanted + 8 * np.sqrt(wanted) + 32) / np.maximum(counts, 1))[cluster])
        sizes.append((counts, wanted))
    rows, uniforms = bernoulli_sample(refinement.codes, rate, generator)
    order = np.argsort(uniforms, kind="stable")
    strata = []
    for cluster, (counts, wanted) in zip(refinement.clusters, sizes, strict=True):
        labels = cluster[refinement.codes[rows[order]]]
        strata.append([(n, order[np.flatnonzero(labels == c)[:m]]) for c, (n, m) in enumerate(zip(counts, wanted))])  # noqa: B905
    used = np.unique(np.concatenate([places for each in strata for _, places in each]))
    return rows[used], [[(n, np.searchsorted(used, places)) for n, places in each] for each in strata]


def stratified_mean(
    widths: np.ndarray, strata: list[tuple[int, np.ndarray]], count: int, population: int | None = None
) -> tuple[float, float]:
    """Return the stratified mean width of all rows and its standard error (Cochran 1977).

    widths: (rows,). strata: for each cluster its size and the places of its sampled rows in widths. count: all rows.
    """
    score, variance, squares = 0.0, 0.0, 0.0
    for size, places in strata:
        if size == 0:
            continue
        sample = widths[places]
        score += size / count * sample.mean()
        squares += size / count * (sample**2).mean()
        if len(sample) > 1:
            variance += (size / count) ** 2 * sample.var(ddof=1) / len(sample) * (1 - len(sample) / size)
    return float(score), float(np.hypot(np.sqrt(variance), sampling_error(squares - score**2, count, population)))


def sampling_error(variance: float, count: int, population: int | None) -> float:
    """Return the standard error of the mean of count rows drawn from a population; 0 if population is None."""
    return float(np.sqrt(max(variance, 0) / count * (1 - count / population))) if population else 0.0


def silhouette_widths(
    columns: np.ndarray, refinement: Refinement, ks: list[int], rows: np.ndarray, others: np.ndarray
) -> np.ndarray:
    """Return the silhouette widths of some rows, (partitions, rows); 0 for the only row of a cluster.

    rows, others: indices of columns. The distances from a row to a cluster are summed over the parts of the cluster,
    and the sum over a part is estimated from its rows among the others. So each distance is used for every partition.
    """
    offsets = np.cumsum([0, *ks])
    others = others[np.argsort(refinement.codes[others], kind="stable")]
    members = np.bincount(refinement.codes[others], minlength=len(refinement.sizes))
    starts = np.concatenate([[0], np.cumsum(members)])
    weights = refinement.sizes / np.maximum(members, 1)
    slots = refinement.clusters + offsets[:-1, None]
    counts = [
        np.bincount(cluster, refinement.sizes, minlength=k) for k, cluster in zip(ks, refinement.clusters, strict=True)
    ]
    opposite, _ = stack([columns[:, others].T], np.float64)
    loops = inner_loops(columns.shape[1])
    widths = np.zeros((len(ks), len(rows)))

    def of_block(start: int, stop: int) -> None:
        block = rows[start:stop]
        sums = np.zeros((offsets[-1], len(block)))
        queries, _ = stack([columns[:, block].T], np.float64)
        loops.summed_distances(np.ascontiguousarray(queries.T), opposite, starts, weights, slots, sums)
        for place, k in enumerate(ks):
            if k > 1:
                own = refinement.clusters[place][refinement.codes[block]]
                summed = sums[offsets[place] : offsets[place + 1]]
                widths[place, start:stop] = widths_from_sums(summed, own, counts[place])

    map_chunks(of_block, len(rows), BLOCK)
    return widths


def widths_from_sums(summed: np.ndarray, own: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Return silhouette widths, (rows,). summed: distances to each cluster, (k, rows). own: clusters. counts: sizes."""
    places = np.arange(len(own))
    within = summed[own, places] / np.maximum(counts[own] - 1, 1)
    means = np.divide(summed, counts[:, None], out=np.full_like(summed, np.inf), where=counts[:, None] > 0)
    means[own, places] = np.inf
    nearest_other = means.min(axis=0)
    larger = np.maximum(within, nearest_other)
    measurable = (larger > 0) & np.isfinite(larger)
    width = np.divide(nearest_other - within, larger, out=np.zeros(len(own)), where=measurable)
    return np.where(counts[own] > 1, width, 0.0)
