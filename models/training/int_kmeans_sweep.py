"""KMeans for every k, its metrics, and the k that the Davies-Bouldin index selects.

The result is the model and nothing else: one row per (k, cluster), 54 rows for k = 2..10. Assigning customers to
clusters, naming and explaining are SQL around this table. The arithmetic is in the package customer_segmentation.
"""

from __future__ import annotations

import platform
from collections.abc import Callable
from importlib.metadata import version

import numpy as np
import pandas as pd

try:
    from customer_segmentation.metrics import measure, partition, silhouettes
    from customer_segmentation.search import POLISH_ALL_UP_TO, fit, polish
    from customer_segmentation.source import Source
    from customer_segmentation.tables import returned, source_of
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        "The package of this project (src/customer_segmentation) or what it needs is not installed in the Python that "
        f"runs dbt: {error}. Run `make setup` and use .venv/bin/dbt, or install it: pip install --editable ."
    ) from error

SIGNIFICANT_DIGITS = 12
PROGRESS_FROM = 20_000


class SelectionError(ValueError):
    """No k can be served; the message names the rule and the remedies."""


def model(dbt, session):
    """Return the model that the sweep finds for the scaled features."""
    features, settings = dbt.config.meta_get("features"), dbt.config.meta_get("sweep")
    scaled, sample_size = dbt.ref("int_training_features_scaled"), dbt.config.meta_get("search_sample_size")
    with source_of(scaled, features, sample_size, settings["seed"]) as source:
        frame = sweep(source, tell=print if source.count >= PROGRESS_FROM else None, **settings)
    return returned(frame, session)


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
    tell: Callable[[str], object] | None = None,
) -> pd.DataFrame:
    """Fit every k and select one.

    source: the scaled features of the customers. The answer depends on the order of the customers only where two local
    optima are equally good, and on the engine that holds them not at all beyond the ninth digit. Of more customers than
    the source's sample holds, the silhouette is that of the part of the sample that is uniform.
    Returns one row per (k, cluster): the centroid in scaled units, cluster_size, and the metrics and marks of its k,
    the same in all rows of a k. Clusters are numbered from 0 in the lexicographic order of their centroids.
    Raises SelectionError when the fixed k cannot be fitted, or when no k is admissible and one is required.
    """
    features, customers = source.features, source.count
    if customers == 0:
        return as_frame([], features)
    sample, is_uniform = source.sample
    distinct_rows = count_distinct_rows(sample.columns.T, enough=k_max + 1)
    ks = ks_to_fit(customers, distinct_rows, k_min, k_max, k, min_segment_size)
    smallest_required = smallest_size_required(customers, min_segment_share, min_segment_size)

    def measured(with_cells: bool) -> tuple:
        """Cells, metrics, sizes and admissibility of the centroids, and the k that is selected (None: none may be)."""
        sets = [centroids[each] for each in ks]
        cells, sums = partition(sample.columns, sets) if with_cells else (None, source.spreads(sets))
        metrics = {each: measure(part, found, source.center) for each, part, found in zip(ks, sums, sets, strict=True)}
        sizes = {each: part[0].astype(np.int64) for each, part in zip(ks, sums, strict=True)}
        admissible = {each: each == 1 or int(sizes[each].min()) >= smallest_required for each in ks}
        indices = {each: metrics[each].davies_bouldin_index for each in ks}
        selected = select_k(indices, admissible)
        if selected is None and (k is not None or not require_admissible_k):
            selected = select_k(indices, dict.fromkeys(ks, True))
        return cells, metrics, sizes, admissible, selected

    centroids = {each: canonical(found) for each, found in fit(source, ks, starts, seed).items()}
    is_polished = customers <= POLISH_ALL_UP_TO
    cells, metrics, sizes, admissible, selected = measured(with_cells=is_polished and source.is_whole)
    if selected is None:
        raise SelectionError(no_admissible_k(sizes, smallest_required, customers))
    # Of large data only the k that serve are worth running on until every centroid is the mean of its customers.
    polished = set(ks) if is_polished else set()
    while not {selected, k or selected} <= polished:
        for each in {selected, k or selected} - polished:
            centroids[each] = canonical(polish(source, centroids[each]))
            polished.add(each)
        cells, metrics, sizes, admissible, selected = measured(with_cells=source.is_whole)
    if tell:
        for each in ks:
            index = metrics[each].davies_bouldin_index
            tell(f"int_kmeans_sweep: k = {each} of {ks[-1]}, Davies-Bouldin index {index or float('nan'):.4f}")
    columns = sample.columns
    if not source.is_whole:
        columns = np.ascontiguousarray(columns[:, is_uniform])
        cells, _ = partition(columns, [centroids[each] for each in ks])
    silhouettes_of = silhouettes(
        columns, cells, ks, silhouette_exact_up_to, silhouette_sample_size, seed, None if source.is_whole else customers
    )

    rows = [
        {
            "k": each,
            "cluster": cluster,
            **dict(zip(features, centroids[each][cluster], strict=True)),
            "cluster_size": sizes[each][cluster],
            **metrics[each]._asdict(),
            "silhouette_score": silhouette,
            "silhouette_standard_error": standard_error,
            "smallest_cluster_size": sizes[each].min(),
            "smallest_size_required": smallest_required,
            "is_admissible": admissible[each],
            "is_best_k": each == selected,
            "starts_used": starts,
        }
        for each, (silhouette, standard_error) in zip(ks, silhouettes_of, strict=True)
        for cluster in range(each)
    ]
    return as_frame(rows, features)


def as_frame(rows: list[dict], features: list[str]) -> pd.DataFrame:
    """The rows as a frame whose column types do not depend on there being any rows."""
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


# ---- the same digits everywhere ----------------------------------------------------------------------------------


def canonical(centroids: np.ndarray) -> np.ndarray:
    """The centroids rounded to 12 significant digits, in lexicographic order of their columns."""
    rounded = np.array([[float(f"{value:.{SIGNIFICANT_DIGITS - 1}e}") for value in row] for row in centroids])
    rounded += 0.0  # no negative zero
    return rounded[np.lexsort(rounded.T[::-1])]
