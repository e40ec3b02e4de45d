"""KMeans for every k, its metrics, and the k that the Davies-Bouldin index selects.

The result is the model and nothing else: one row per (k, cluster), 54 rows for k = 2..10. Assigning customers to
clusters, naming and explaining are SQL around this table.
"""

from __future__ import annotations

import platform
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pandas as pd
import sklearn
from scipy.spatial.distance import cdist
from sklearn.cluster import KMeans
from threadpoolctl import threadpool_limits

SIGNIFICANT_DIGITS = 12
FULL_STARTS_UP_TO = 5_000
FEWEST_STARTS = 10
BATCHES = 10
PROGRESS_FROM = 20_000
BLOCK_CELLS = 4_000_000


class Metrics(NamedTuple):
    """The metrics of one partition. The indices are None where they are not defined (one cluster)."""

    inertia: float
    davies_bouldin_index: float | None
    calinski_harabasz_index: float | None


class SelectionError(ValueError):
    """No k can be served; the message names the rule and the remedies."""


def model(dbt, session):
    """Return the model that the sweep finds for the scaled features."""
    features = dbt.config.meta_get("features")
    customers = dbt.ref("int_training_features_scaled").order("customer_id").fetchnumpy()
    values = np.column_stack([np.asarray(customers[feature], dtype=np.float64) for feature in features])
    tell = print if len(values) >= PROGRESS_FROM else None
    return sweep(values, features, tell=tell, **dbt.config.meta_get("sweep"))


def sweep(
    values: np.ndarray,
    features: list[str],
    *,
    k_min: int,
    k_max: int,
    k: int | None,
    seed: int,
    starts: int,
    silhouette_exact_up_to: int,
    silhouette_sample_size: int,
    min_segment_share: float,
    min_segment_size: int,
    require_admissible_k: bool,
    tell: Callable[[str], object] | None = None,
) -> pd.DataFrame:
    """Fit every k and select one.

    values: (customers, features), scaled, in a fixed order of customers. The answer depends on that order only where
    two local optima are equally good.
    Returns one row per (k, cluster): the centroid in scaled units, cluster_size, and the metrics and marks of its k,
    the same in all rows of a k. Clusters are numbered from 0 in the lexicographic order of their centroids.
    Raises SelectionError when the fixed k cannot be fitted, or when no k is admissible and one is required.
    """
    if len(values) == 0:
        return as_frame([], features)
    if not np.isfinite(values).all():
        bad = [feature for feature, column in zip(features, values.T, strict=True) if not np.isfinite(column).all()]
        raise ValueError(f"The features {', '.join(bad)} have values that are missing or not finite.")
    distinct_rows = count_distinct_rows(values, enough=k_max + 1)
    ks = ks_to_fit(len(values), distinct_rows, k_min, k_max, k, min_segment_size)
    used_starts = starts_for(len(values), starts)

    centroids, labels, metrics = {}, {}, {}
    with threadpool_limits(limits=1):
        for each in ks:
            centroids[each] = fit(values, each, used_starts, seed)
            labels[each], squared_distances = assign(values, centroids[each])
            metrics[each] = measure(values, labels[each], centroids[each], squared_distances)
            if tell:
                index = metrics[each].davies_bouldin_index
                tell(f"kmeans_sweep: k = {each} of {ks[-1]}, Davies-Bouldin index {index or float('nan'):.4f}")
        silhouettes = {
            each: silhouette(values, labels[each], each, silhouette_exact_up_to, silhouette_sample_size, seed)
            for each in ks
        }

    sizes = {each: np.bincount(labels[each], minlength=each) for each in ks}
    smallest_required = smallest_size_required(len(values), min_segment_share, min_segment_size)
    admissible = {each: each == 1 or int(sizes[each].min()) >= smallest_required for each in ks}
    selected = select_k({each: metrics[each].davies_bouldin_index for each in ks}, admissible)
    if selected is None:
        if require_admissible_k and k is None:
            raise SelectionError(no_admissible_k(sizes, smallest_required, len(values)))
        selected = select_k({each: metrics[each].davies_bouldin_index for each in ks}, dict.fromkeys(ks, True))

    rows = [
        {
            "k": each,
            "cluster": cluster,
            **dict(zip(features, centroids[each][cluster], strict=True)),
            "cluster_size": sizes[each][cluster],
            **metrics[each]._asdict(),
            "silhouette_score": silhouettes[each][0],
            "silhouette_standard_error": silhouettes[each][1],
            "smallest_cluster_size": sizes[each].min(),
            "smallest_size_required": smallest_required,
            "is_admissible": admissible[each],
            "is_lowest_index": each == selected,
            "starts_used": used_starts,
        }
        for each in ks
        for cluster in range(each)
    ]
    return as_frame(rows, features)


def as_frame(rows: list[dict], features: list[str]) -> pd.DataFrame:
    """The rows as a frame whose column types do not depend on there being any rows."""
    versions = {
        "python_version": platform.python_version(),
        "numpy_version": np.__version__,
        "scikit_learn_version": sklearn.__version__,
    }
    types = {
        "k": "int64",
        "cluster": "int64",
        **dict.fromkeys(features, "float64"),
        "cluster_size": "int64",
        "inertia": "float64",
        "davies_bouldin_index": "Float64",
        "calinski_harabasz_index": "Float64",
        "silhouette_score": "Float64",
        "silhouette_standard_error": "Float64",
        "smallest_cluster_size": "int64",
        "smallest_size_required": "int64",
        "is_admissible": "bool",
        "is_lowest_index": "bool",
        "starts_used": "int64",
        **dict.fromkeys(versions, "str"),
    }
    frame = pd.DataFrame([row | versions for row in rows], columns=list(types))
    return frame.astype(types)


# ---- which k -----------------------------------------------------------------------------------------------------


def count_distinct_rows(values: np.ndarray, enough: int) -> int:
    """How many distinct rows there are; stops counting once there are more than enough."""
    rows = 1_000
    while True:
        found = len(np.unique(values[:rows], axis=0))
        if found > enough or rows >= len(values):
            return found
        rows *= 10


def ks_to_fit(
    customers: int, distinct_rows: int, k_min: int, k_max: int, k: int | None, min_segment_size: int
) -> list[int]:
    """The k that the sweep fits: k_min..k_max, as far as there are distinct rows, and a fixed k.

    A k needs at least k + 1 distinct rows: with k of them every cluster is a point and the indices mean nothing. Where
    not even k_min can be fitted, or no partition can be admissible because there are fewer than k_min segments' worth
    of customers, there is one segment: k = 1.
    """
    largest = min(k_max, distinct_rows - 1)
    if k is not None and k > 1 and k > largest:
        raise SelectionError(
            f"Setting 'k' is {k}, but the {customers} clustered customers have only {distinct_rows} different "
            f"combinations of feature values, enough for k up to {max(largest, 1)}. Lower k, or unset it."
        )
    if k == 1:
        return [1, *range(k_min, largest + 1)]
    if largest < k_min or (k is None and customers < k_min * min_segment_size):
        return [1]
    return list(range(k_min, largest + 1))


def smallest_size_required(customers: int, min_segment_share: float, min_segment_size: int) -> int:
    """The number of customers that the smallest cluster of an admissible k holds at least."""
    # A share of 0.01 of 700 customers is 7, also where the product of the doubles is 7.000000000000001.
    return max(min_segment_size, int(np.ceil(round(min_segment_share * customers, 6))))


def select_k(indices: dict[int, float | None], admissible: dict[int, bool]) -> int | None:
    """The admissible k with the lowest Davies-Bouldin index, the smaller k on a tie; None where none is admissible.

    A k without an index (k = 1) is selected only where it stands alone.
    """
    candidates = [(index, k) for k, index in indices.items() if index is not None and admissible[k]]
    if candidates:
        return min(candidates)[1]
    return 1 if list(indices) == [1] else None


def no_admissible_k(sizes: dict[int, np.ndarray], required: int, customers: int) -> str:
    """What to say when no k is admissible."""
    smallest = ", ".join(f"{counts.min()} at k = {k}" for k, counts in sizes.items())
    return (
        f"No k is admissible: the smallest cluster must hold at least {required} of the {customers} clustered "
        f"customers, and it holds {smallest}. Clusters this small are outliers. Remedies: give the skewed features "
        "the transform log1p (setting 'transforms'), cluster by other features (setting 'features'), lower "
        "'min_segment_share' or 'min_segment_size', or set 'require_admissible_k' to false to get the lowest index "
        "all the same."
    )


# ---- fitting -----------------------------------------------------------------------------------------------------


def starts_for(customers: int, starts: int) -> int:
    """How many starts a k gets: all up to FULL_STARTS_UP_TO customers, then in inverse proportion, never below 10."""
    fewest = min(starts, FEWEST_STARTS)
    return max(fewest, min(starts, starts * FULL_STARTS_UP_TO // max(customers, 1)))


def fit(values: np.ndarray, k: int, starts: int, seed: int) -> np.ndarray:
    """The centroids, (k, features), with the lowest inertia found from many k-means++ starts.

    The starts run in batches, and the best of each batch is run on until no label changes: at scikit-learn's default
    tolerance two starts in the same valley can stop apart, and the better valley can lose.
    Rounded to 12 significant digits and in lexicographic order.
    """
    if k == 1:
        return canonical(values.mean(axis=0, keepdims=True))
    batches = min(BATCHES, starts)
    seeds = np.random.default_rng([seed, k]).integers(2**31, size=batches)
    best_inertia, best = np.inf, None
    for batch, batch_seed in enumerate(seeds):
        batch_starts = starts // batches + (batch < starts % batches)
        found = KMeans(k, n_init=batch_starts, random_state=int(batch_seed)).fit(values)
        polished = KMeans(k, init=found.cluster_centers_, n_init=1, tol=0, max_iter=1_000).fit(values)
        # Two batches that end in the same valley differ in the last digits; the first of them stays.
        if polished.inertia_ < best_inertia * (1 - 1e-9):
            best_inertia, best = polished.inertia_, polished.cluster_centers_
    return canonical(best)


def canonical(centroids: np.ndarray) -> np.ndarray:
    """The centroids rounded to 12 significant digits, in lexicographic order of their columns."""
    rounded = np.array([[float(f"{value:.{SIGNIFICANT_DIGITS - 1}e}") for value in row] for row in centroids])
    rounded += 0.0  # no negative zero
    return rounded[np.lexsort(rounded.T[::-1])]


def assign(values: np.ndarray, centroids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each row the nearest centroid (the first on a tie) and the squared Euclidean distance to it.

    Sums the squares feature by feature from left to right, as the SQL does, so that both see the same ties.
    """
    labels = np.zeros(len(values), dtype=np.int64)
    nearest = np.full(len(values), np.inf)
    for cluster, centroid in enumerate(centroids):
        distance = np.zeros(len(values))
        for column, center in zip(values.T, centroid, strict=True):
            difference = column - center
            distance += difference * difference
        closer = distance < nearest
        labels[closer] = cluster
        nearest = np.where(closer, distance, nearest)
    return labels, nearest


# ---- metrics -----------------------------------------------------------------------------------------------------


def measure(values: np.ndarray, labels: np.ndarray, centroids: np.ndarray, squared_distances: np.ndarray) -> Metrics:
    """Inertia, Davies-Bouldin and Calinski-Harabasz index of a partition, exact on all rows.

    Inertia: the sum of squared distances to the nearest centroid.
    Davies-Bouldin (Davies and Bouldin 1979): the mean over clusters of the largest (S_i + S_j) / M_ij, with S the mean
    distance of a cluster's rows to its centroid and M the distance between two centroids. Lower is better.
    Calinski-Harabasz (1974): the variance between clusters over the variance within, each by its degrees of freedom.
    """
    inertia = float(squared_distances.sum())
    k = len(centroids)
    if k == 1:
        return Metrics(inertia, None, None)
    counts = np.bincount(labels, minlength=k)
    scatter = np.bincount(labels, weights=np.sqrt(squared_distances), minlength=k) / counts
    between_centroids = cdist(centroids, centroids)
    np.fill_diagonal(between_centroids, np.inf)
    davies_bouldin = float(((scatter[:, None] + scatter[None, :]) / between_centroids).max(axis=1).mean())
    between = float((counts[:, None] * (centroids - values.mean(axis=0)) ** 2).sum())
    calinski_harabasz = between / (k - 1) / (inertia / (len(values) - k)) if inertia > 0 else None
    return Metrics(inertia, davies_bouldin, calinski_harabasz)


def silhouette(
    values: np.ndarray, labels: np.ndarray, k: int, exact_up_to: int, sample_size: int, seed: int
) -> tuple[float | None, float | None]:
    """The mean silhouette (Rousseeuw 1987) and its standard error.

    Exact, with standard error 0, up to exact_up_to rows. Beyond, sampled rows are compared with all rows: the sample is
    stratified by cluster in proportion to its size, with at least two rows each, and weighted back.
    """
    if k == 1:
        return None, None
    counts = np.bincount(labels, minlength=k)
    if len(values) <= exact_up_to:
        return float(silhouette_widths(values, labels, counts, np.arange(len(values))).mean()), 0.0
    generator = np.random.default_rng([seed, k, 1])
    estimate, variance = 0.0, 0.0
    for cluster, count in enumerate(counts):
        size = min(int(count), max(2, round(sample_size * count / len(values))))
        drawn = np.sort(generator.choice(np.flatnonzero(labels == cluster), size, replace=False))
        widths = silhouette_widths(values, labels, counts, drawn)
        weight = count / len(values)
        estimate += weight * widths.mean()
        if size > 1:
            variance += weight**2 * widths.var(ddof=1) / size * (1 - size / count)
    return float(estimate), float(np.sqrt(variance))


def silhouette_widths(values: np.ndarray, labels: np.ndarray, counts: np.ndarray, queries: np.ndarray) -> np.ndarray:
    """The silhouette widths of some rows against all rows, (len(queries),); 0 for the only row of a cluster."""
    membership = np.eye(len(counts))[labels]
    widths = np.zeros(len(queries))
    step = max(1, BLOCK_CELLS // len(values))
    for start in range(0, len(queries), step):
        block = queries[start : start + step]
        own = labels[block]
        rows = np.arange(len(block))
        summed = cdist(values[block], values) @ membership
        within = summed[rows, own] / np.maximum(counts[own] - 1, 1)
        mean_distance = summed / counts
        mean_distance[rows, own] = np.inf
        nearest_other = mean_distance.min(axis=1)
        larger = np.maximum(within, nearest_other)
        width = np.divide(nearest_other - within, larger, out=np.zeros(len(block)), where=larger > 0)
        widths[start : start + step] = np.where(counts[own] > 1, width, 0.0)
    return widths
