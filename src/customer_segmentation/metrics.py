"""What a partition is worth: inertia, Davies-Bouldin and Calinski-Harabasz index on all rows, and the silhouette."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from customer_segmentation.lloyd import BLOCK, assign, flat, loops, over_chunks

OTHERS = 32_768
LEAST_OF_A_CELL = 32


class Metrics(NamedTuple):
    """The metrics of one partition. The indices are None where they are not defined (one cluster)."""

    inertia: float
    davies_bouldin_index: float | None
    calinski_harabasz_index: float | None


class Cells(NamedTuple):
    """Several partitions of the same rows: rows that share their cluster in every partition share a cell.

    codes: (n,), the cell of each row. clusters: (partitions, cells), the cluster of each cell. sizes: (cells,).
    """

    codes: np.ndarray
    clusters: np.ndarray
    sizes: np.ndarray


def partition(
    columns: np.ndarray, sets: list[np.ndarray], with_cells: bool = True
) -> tuple[Cells | None, list[np.ndarray]]:
    """Assign the rows to the nearest centroid of each set, the first on a tie, and add up what the metrics need.

    columns: (features, n) float64. sets: arrays (k, features). Returns the cells and, for each set, (3, k): the number
    of its rows, the sum of their squared distances, and the sum of their distances.
    """
    count = columns.shape[1]

    def of_chunk(start: int, stop: int) -> tuple:
        labels, nearest = assign(columns, sets, start, stop)
        sums = [
            np.array([np.bincount(label, each, len(centroids)) for each in (None, squared, np.sqrt(squared))])
            for label, squared, centroids in zip(labels, nearest, sets, strict=True)
        ]
        return *(cells_of(labels) if with_cells else (None, None)), sums

    found = over_chunks(of_chunk, count)
    totals = [sum(sums) for sums in zip(*(each[2] for each in found), strict=True)]
    if not with_cells:
        return None, totals
    clusters, places = np.unique(np.hstack([each[1] for each in found]), axis=1, return_inverse=True)
    codes = np.empty(count, dtype=np.uint16 if clusters.shape[1] <= 1 << 16 else np.uint32)
    sizes = np.zeros(clusters.shape[1], dtype=np.int64)
    done, seen = 0, 0
    for chunk_codes, chunk_clusters, _ in found:
        place = places[seen : seen + chunk_clusters.shape[1]]
        part = codes[done : done + len(chunk_codes)] = place[chunk_codes]
        sizes += np.bincount(part, minlength=len(sizes))
        done, seen = done + len(chunk_codes), seen + len(place)
    return Cells(codes, clusters, sizes), totals


def cells_of(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Number the combinations of labels, (partitions, n), that occur: the codes (n,) and the labels of each code."""
    codes = np.zeros(labels.shape[1], dtype=np.int64)
    clusters = np.zeros((0, 1), dtype=np.uint8)
    for label in labels:
        k = int(label.max()) + 1
        codes = codes * k + label
        occurs = np.flatnonzero(np.bincount(codes, minlength=clusters.shape[1] * k))
        number = np.zeros(clusters.shape[1] * k, dtype=np.int64)
        number[occurs] = np.arange(len(occurs))
        codes = number[codes]
        clusters = np.vstack([clusters[:, occurs // k], (occurs % k).astype(np.uint8)])
    return codes.astype(np.uint16), clusters


def measure(sums: np.ndarray, centroids: np.ndarray, center: np.ndarray) -> Metrics:
    """Inertia, Davies-Bouldin and Calinski-Harabasz index of a partition, exact on all rows.

    sums: (3, k) of partition(). center: (features,), the mean of all rows.
    Inertia: the sum of squared distances to the nearest centroid.
    Davies-Bouldin (Davies and Bouldin 1979): the mean over clusters of the largest (S_i + S_j) / M_ij, with S the mean
    distance of a cluster's rows to its centroid and M the distance between two centroids. Lower is better.
    Calinski-Harabasz (1974): the variance between clusters over the variance within, each by its degrees of freedom.
    """
    counts, squared, distances = sums
    inertia, k = float(squared.sum()), len(centroids)
    if k == 1:
        return Metrics(inertia, None, None)
    scatter = distances / counts
    between_centroids = np.sqrt(((centroids[:, None] - centroids[None]) ** 2).sum(axis=2))
    np.fill_diagonal(between_centroids, np.inf)
    davies_bouldin = float(((scatter[:, None] + scatter[None, :]) / between_centroids).max(axis=1).mean())
    between = float((counts[:, None] * (centroids - center) ** 2).sum())
    calinski_harabasz = between / (k - 1) / (inertia / (counts.sum() - k)) if inertia > 0 else None
    return Metrics(inertia, davies_bouldin, calinski_harabasz)


# ---- silhouette ----------------------------------------------------------------------------------------------------


def silhouettes(
    columns: np.ndarray,
    cells: Cells,
    ks: list[int],
    exact_up_to: int,
    sample_size: int,
    seed: int,
    of: int | None = None,
) -> list[tuple[float | None, float | None]]:
    """The mean silhouette (Rousseeuw 1987) of each partition and its standard error; None where k = 1.

    of: how many rows the columns are a uniform sample of, where they are one. It adds to the standard error. A cluster
    without a row in it does not count; where a single one has any, there is no silhouette.

    Exact, with standard error 0, up to exact_up_to rows. Beyond, the partition's sample is stratified by cluster in
    proportion to its size, with at least two rows each, and weighted back. Its rows are compared with a sample of all
    rows, stratified by cell, whose share in the error is small: within a cell the distances hardly differ.
    """
    count = columns.shape[1]
    has_any = [len(np.unique(cluster)) > 1 for cluster in cells.clusters]
    if count <= exact_up_to:
        rows = np.arange(count)
        widths = silhouette_widths(columns, cells, ks, rows, rows)
        return [
            (float(each.mean()), sampling_error(float(each.var()), count, of)) if defined else (None, None)
            for defined, each in zip(has_any, widths, strict=True)
        ]
    generator = np.random.default_rng([seed, 1])
    rate = np.maximum(OTHERS / count, LEAST_OF_A_CELL / cells.sizes)
    others, _ = drawn(cells.codes, rate, generator)
    rows, strata = stratified(cells, ks, sample_size, generator)
    widths = silhouette_widths(columns, cells, ks, rows, others)
    return [
        estimate(each, places, count, of) if defined else (None, None)
        for defined, each, places in zip(has_any, widths, strata, strict=True)
    ]


def drawn(codes: np.ndarray, rate: np.ndarray, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """The rows whose random number is below the rate of their cell, and these numbers."""
    rows, numbers = [], []
    for start in range(0, len(codes), 1 << 18):
        part = codes[start : start + (1 << 18)]
        number = generator.random(len(part))
        found = np.flatnonzero(number < rate[part])
        rows.append(found + start)
        numbers.append(number[found])
    return np.concatenate(rows), np.concatenate(numbers)


def stratified(cells: Cells, ks: list[int], size: int, generator: np.random.Generator) -> tuple[np.ndarray, list]:
    """A sample for each partition, taken in one random order of the rows, so that the samples share most rows.

    Returns the rows of all samples, and for each partition and cluster (the number of its rows, the places of its
    sample among the rows).
    """
    count = int(cells.sizes.sum())
    sizes, rate = [], np.zeros(len(cells.sizes))
    for k, cluster in zip(ks, cells.clusters, strict=True):
        counts = np.bincount(cluster, cells.sizes, minlength=k)
        wanted = np.minimum(counts, np.maximum(2, np.round(size * counts / count))).astype(int)
        # Enough to have as many rows with all but certainty.
        rate = np.maximum(rate, ((wanted + 8 * np.sqrt(wanted) + 32) / np.maximum(counts, 1))[cluster])
        sizes.append((counts, wanted))
    rows, numbers = drawn(cells.codes, rate, generator)
    order = np.argsort(numbers, kind="stable")
    strata = []
    for cluster, (counts, wanted) in zip(cells.clusters, sizes, strict=True):
        labels = cluster[cells.codes[rows[order]]]
        strata.append([(n, order[np.flatnonzero(labels == c)[:m]]) for c, (n, m) in enumerate(zip(counts, wanted))])  # noqa: B905
    used = np.unique(np.concatenate([places for each in strata for _, places in each]))
    return rows[used], [[(n, np.searchsorted(used, places)) for n, places in each] for each in strata]


def estimate(
    widths: np.ndarray, strata: list[tuple[int, np.ndarray]], count: int, of: int | None = None
) -> tuple[float, float]:
    """The mean width of all rows and its standard error, from samples of every cluster."""
    score, variance, squares = 0.0, 0.0, 0.0
    for size, places in strata:
        if size == 0:
            continue
        sample = widths[places]
        score += size / count * sample.mean()
        squares += size / count * (sample**2).mean()
        if len(sample) > 1:
            variance += (size / count) ** 2 * sample.var(ddof=1) / len(sample) * (1 - len(sample) / size)
    return float(score), float(np.hypot(np.sqrt(variance), sampling_error(squares - score**2, count, of)))


def sampling_error(variance: float, count: int, of: int | None) -> float:
    """The standard error of the mean of so many rows of this variance, drawn from `of` rows; 0 where they are all."""
    return float(np.sqrt(max(variance, 0) / count * (1 - count / of))) if of else 0.0


def silhouette_widths(
    columns: np.ndarray, cells: Cells, ks: list[int], rows: np.ndarray, others: np.ndarray
) -> np.ndarray:
    """The silhouette widths of some rows, (partitions, rows); 0 for the only row of a cluster.

    The sum of the distances from a row to a cluster is that of its cells, and the sum over a cell is estimated from its
    rows among the others: one distance serves every partition.
    """
    offsets = np.cumsum([0, *ks])
    others = others[np.argsort(cells.codes[others], kind="stable")]
    members = np.bincount(cells.codes[others], minlength=len(cells.sizes))
    starts = np.concatenate([[0], np.cumsum(members)])
    weights = cells.sizes / np.maximum(members, 1)
    slots = cells.clusters + offsets[:-1, None]
    counts = [np.bincount(cluster, cells.sizes, minlength=k) for k, cluster in zip(ks, cells.clusters, strict=True)]
    opposite, _ = flat([columns[:, others].T], np.float64)
    inner = loops(columns.shape[1])
    widths = np.zeros((len(ks), len(rows)))

    def of_block(start: int, stop: int) -> None:
        block = rows[start:stop]
        sums = np.zeros((offsets[-1], len(block)))
        queries, _ = flat([columns[:, block].T], np.float64)
        inner.summed_distances(np.ascontiguousarray(queries.T), opposite, starts, weights, slots, sums)
        for place, k in enumerate(ks):
            if k > 1:
                own = cells.clusters[place][cells.codes[block]]
                summed = sums[offsets[place] : offsets[place + 1]]
                widths[place, start:stop] = widths_of_block(summed, own, counts[place])

    over_chunks(of_block, len(rows), BLOCK)
    return widths


def widths_of_block(summed: np.ndarray, own: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """The silhouette widths of rows from their summed distances to each cluster, (k, rows), and their own cluster."""
    places = np.arange(len(own))
    within = summed[own, places] / np.maximum(counts[own] - 1, 1)
    means = np.divide(summed, counts[:, None], out=np.full_like(summed, np.inf), where=counts[:, None] > 0)
    means[own, places] = np.inf
    nearest_other = means.min(axis=0)
    larger = np.maximum(within, nearest_other)
    measurable = (larger > 0) & np.isfinite(larger)
    width = np.divide(nearest_other - within, larger, out=np.zeros(len(own)), where=measurable)
    return np.where(counts[own] > 1, width, 0.0)
