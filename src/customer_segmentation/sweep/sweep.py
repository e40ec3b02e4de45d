"""The sweep: fit every k, compute the metrics of the partitions, select a k."""

from __future__ import annotations

import platform
from collections.abc import Callable
from importlib.metadata import version
from typing import NamedTuple

import numpy as np
import pandas as pd

from customer_segmentation.sweep.metrics import Metrics, Refinement, measure, partition
from customer_segmentation.sweep.search import CONVERGE_ALL_UP_TO, converge, fit
from customer_segmentation.sweep.selection import (
    count_distinct_rows,
    ks_to_fit,
    no_admissible_k,
    select_k,
    smallest_size_required,
)
from customer_segmentation.sweep.silhouette import silhouettes
from customer_segmentation.sweep.sources import Source

# Significant digits of the stored centroids. A double has 15 to 17; the last ones depend on the order of summation.
SIGNIFICANT_DIGITS = 12
# Progress is reported from this many customers on; smaller sweeps take about a second.
PROGRESS_FROM = 20_000


class Measured(NamedTuple):
    """The partitions of every k, measured.

    refinement: None if it was not computed. sizes: {k: (k,)}. selected: None if no k is admissible but one must be.
    """

    refinement: Refinement | None
    metrics: dict[int, Metrics]
    sizes: dict[int, np.ndarray]
    admissible: dict[int, bool]
    selected: int | None


def sweep(
    source: Source,
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
    on_progress: Callable[[str], object] = print,
) -> pd.DataFrame:
    """Fit every k and select one.

    source: the scaled features of the customers. The result depends on the order of the customers only if two local
    optima are equally good, and on the engine only beyond the ninth significant digit. If the source is sampled, the
    silhouette is estimated from the uniform part of the sample.
    k_min, k_max, k, ...: the settings of the same names. on_progress: called with one line per k if there are at least
    PROGRESS_FROM customers.

    Returns one row per (k, cluster): the centroid in scaled units, cluster_size, and the metrics and flags of its k,
    which are the same in all rows of a k. Clusters are numbered from 0 in the lexicographic order of their centroids.
    No customers give no rows.

    Raises SelectionError if the fixed k cannot be fitted, or if no k is admissible and one is required.
    """
    features, customers = source.features, source.count
    if customers == 0:
        return as_frame([], features)
    sample, is_uniform = source.sample
    distinct_rows = count_distinct_rows(sample.columns.T, enough=k_max + 1)
    ks = ks_to_fit(customers, distinct_rows, k_min, k_max, k, min_segment_size)
    required = smallest_size_required(customers, min_segment_share, min_segment_size)

    def measured(with_refinement: bool) -> Measured:
        sets = [centroids[each] for each in ks]
        if with_refinement:
            refinement, sums = partition(sample.columns, sets)
        else:
            refinement, sums = None, source.cluster_sums(sets)
        metrics = {each: measure(part, found, source.center) for each, part, found in zip(ks, sums, sets, strict=True)}
        sizes = {each: part[0].astype(np.int64) for each, part in zip(ks, sums, strict=True)}
        admissible = {each: each == 1 or int(sizes[each].min()) >= required for each in ks}
        indices = {each: metrics[each].davies_bouldin_index for each in ks}
        selected = select_k(indices, admissible)
        if selected is None and (k is not None or not require_admissible_k):
            selected = select_k(indices, dict.fromkeys(ks, True))
        return Measured(refinement, metrics, sizes, admissible, selected)

    centroids = {each: canonical(found) for each, found in fit(source, ks, starts, seed).items()}
    is_converged = customers <= CONVERGE_ALL_UP_TO
    found = measured(with_refinement=is_converged and source.is_whole)
    if found.selected is None:
        raise no_admissible_k(found.sizes, required, customers)
    # On large data only the k that may be served run to convergence. That may change the sizes: repeat.
    converged = set(ks) if is_converged else set()
    while candidates := {found.selected, k or found.selected, *filter(found.admissible.get, ks)} - converged:
        completed = sorted(candidates)
        sets = converge(source, [centroids[each] for each in completed])
        centroids |= zip(completed, map(canonical, sets), strict=True)
        converged |= candidates
        found = measured(with_refinement=source.is_whole)
    if customers >= PROGRESS_FROM:
        for each in ks:
            index = found.metrics[each].davies_bouldin_index
            on_progress(f"int_kmeans_sweep: k = {each} of {ks[-1]}, Davies-Bouldin index {index or float('nan'):.4f}")
    columns, refinement = sample.columns, found.refinement
    if not source.is_whole:
        columns = np.ascontiguousarray(columns[:, is_uniform])
        refinement, _ = partition(columns, [centroids[each] for each in ks])
    silhouettes_of_ks = silhouettes(
        columns,
        refinement,
        ks,
        silhouette_exact_up_to,
        silhouette_sample_size,
        seed,
        None if source.is_whole else customers,
    )

    rows = [
        {
            "k": each,
            "cluster": cluster,
            **dict(zip(features, centroids[each][cluster], strict=True)),
            "cluster_size": found.sizes[each][cluster],
            **found.metrics[each]._asdict(),
            "silhouette_score": silhouette,
            "silhouette_standard_error": standard_error,
            "smallest_cluster_size": found.sizes[each].min(),
            "smallest_size_required": required,
            "is_admissible": found.admissible[each],
            "is_best_k": each == found.selected,
            "starts_used": starts,
        }
        for each, (silhouette, standard_error) in zip(ks, silhouettes_of_ks, strict=True)
        for cluster in range(each)
    ]
    return as_frame(rows, features)


def as_frame(rows: list[dict], features: list[str]) -> pd.DataFrame:
    """Return the rows as a DataFrame; the column types are the same if there are no rows."""
    versions = {
        "python_version": platform.python_version(),
        "numpy_version": np.__version__,
        "scikit_learn_version": version("scikit-learn"),
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
        "is_best_k": "bool",
        "starts_used": "int64",
        **dict.fromkeys(versions, "str"),
    }
    frame = pd.DataFrame([row | versions for row in rows], columns=list(types))
    return frame.astype(types)


def canonical(centroids: np.ndarray) -> np.ndarray:
    """Return the centroids rounded to SIGNIFICANT_DIGITS, in lexicographic order."""
    rounded = np.array([[float(f"{value:.{SIGNIFICANT_DIGITS - 1}e}") for value in row] for row in centroids])
    rounded += 0.0  # no negative zero
    return rounded[np.lexsort(rounded.T[::-1])]
