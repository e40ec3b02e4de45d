"""Inertia, Davies-Bouldin index and Calinski-Harabasz index of several partitions, computed from all rows."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from customer_segmentation.sweep.lloyd import assign, map_chunks


class Metrics(NamedTuple):
    """The metrics of one partition. The indices are None for one cluster; Calinski-Harabasz also where inertia is 0."""

    inertia: float
    davies_bouldin_index: float | None
    calinski_harabasz_index: float | None


class Refinement(NamedTuple):
    """The common refinement of several partitions of the same rows.

    A part of the refinement holds the rows that share a cluster in every partition. codes: (n,), the part of each row.
    clusters: (partitions, parts), the cluster that holds each part. sizes: (parts,), the number of rows in each part.
    """

    codes: np.ndarray
    clusters: np.ndarray
    sizes: np.ndarray


def cluster_sums(columns: np.ndarray, sets: list[np.ndarray]) -> list[np.ndarray]:
    """Assign the rows to the nearest centroid of each set and sum what measure() needs of each cluster.

    columns: (features, n) float64. sets: arrays (k, features). Returns (3, k) for each set: the number of rows, the sum
    of their squared distances, and the sum of their distances.
    """

    def of_chunk(start: int, stop: int) -> list[np.ndarray]:
        return sums_of_labels(*assign(columns, sets, start, stop), sets)

    return [sum(sums) for sums in zip(*map_chunks(of_chunk, columns.shape[1]), strict=True)]


def partition(columns: np.ndarray, sets: list[np.ndarray]) -> tuple[Refinement, list[np.ndarray]]:
    """Assign the rows as cluster_sums() does; return the common refinement of the partitions and the same sums."""
    count = columns.shape[1]

    def of_chunk(start: int, stop: int) -> tuple[np.ndarray, np.ndarray, list[np.ndarray]]:
        labels, nearest = assign(columns, sets, start, stop)
        return *refine(labels), sums_of_labels(labels, nearest, sets)

    found = map_chunks(of_chunk, count)
    totals = [sum(sums) for sums in zip(*(each[2] for each in found), strict=True)]
    clusters, places = np.unique(np.hstack([each[1] for each in found]), axis=1, return_inverse=True)
    codes = np.empty(count, dtype=np.uint16 if clusters.shape[1] <= 1 << 16 else np.uint32)
    sizes = np.zeros(clusters.shape[1], dtype=np.int64)
    done, seen = 0, 0
    for chunk_codes, chunk_clusters, _ in found:
        place = places[seen : seen + chunk_clusters.shape[1]]
        part = codes[done : done + len(chunk_codes)] = place[chunk_codes]
        sizes += np.bincount(part, minlength=len(sizes))
        done, seen = done + len(chunk_codes), seen + len(place)
    return Refinement(codes, clusters, sizes), totals


def sums_of_labels(labels: np.ndarray, nearest: np.ndarray, sets: list[np.ndarray]) -> list[np.ndarray]:
    """Return the (3, k) sums of cluster_sums() from labels and squared distances, each (sets, n)."""
    return [
        np.array([np.bincount(label, each, len(centroids)) for each in (None, squared, np.sqrt(squared))])
        for label, squared, centroids in zip(labels, nearest, sets, strict=True)
    ]


def refine(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Number the combinations of labels that occur. labels: (partitions, n).

    Returns the number of each row's combination, (n,), and the labels of each combination, (partitions, combinations).
    """
    codes = np.zeros(labels.shape[1], dtype=np.int64)
    clusters = np.zeros((0, 1), dtype=np.uint8)
    for label in labels:
        k = int(label.max()) + 1
        codes = codes * k + label
        occurs = np.flatnonzero(np.bincount(codes, minlength=clusters.shape[1] * k))
        renumbered = np.zeros(clusters.shape[1] * k, dtype=np.int64)
        renumbered[occurs] = np.arange(len(occurs))
        codes = renumbered[codes]
        clusters = np.vstack([clusters[:, occurs // k], (occurs % k).astype(np.uint8)])
    return codes.astype(np.uint16), clusters


def measure(sums: np.ndarray, centroids: np.ndarray, center: np.ndarray) -> Metrics:
    """Return inertia, Davies-Bouldin index and Calinski-Harabasz index of a partition.

    sums: (3, k) of cluster_sums(). center: (features,), the mean of all rows.
    Inertia: the sum of squared distances to the nearest centroid.
    Davies-Bouldin (Davies and Bouldin 1979): the mean over clusters of the largest (S_i + S_j) / M_ij, with S the mean
    distance of a cluster's rows to its centroid and M the distance between two centroids. Lower is better.
    Calinski-Harabasz (Calinski and Harabasz 1974): the sum of squares between clusters over that within clusters, each
    divided by its degrees of freedom. Higher is better.
    """
    counts, squared, distances = sums
    inertia, k = float(squared.sum()), len(centroids)
    if k == 1:
        return Metrics(inertia, None, None)
    scatter = distances / counts
    separation = np.sqrt(((centroids[:, None] - centroids[None]) ** 2).sum(axis=2))
    np.fill_diagonal(separation, np.inf)
    davies_bouldin = float(((scatter[:, None] + scatter[None, :]) / separation).max(axis=1).mean())
    between = float((counts[:, None] * (centroids - center) ** 2).sum())
    calinski_harabasz = between / (k - 1) / (inertia / (counts.sum() - k)) if inertia > 0 else None
    return Metrics(inertia, davies_bouldin, calinski_harabasz)
