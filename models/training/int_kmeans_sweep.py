"""KMeans for every k, its metrics, and the k that the Davies-Bouldin index selects.

The table is only the model: one row per (k, cluster), 54 rows for k = 2..10. SQL models assign customers to clusters
and name and explain the segments.
"""

try:
    from customer_segmentation.sweep.sweep import sweep
    from customer_segmentation.tables import source_of, to_engine
    from customer_segmentation.threads import thread_limit
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        "The Python side of the project (its package customer_segmentation) or what it needs is not installed "
        f"in the Python that runs dbt: {error}. Install it there with pip, from the repository that dbt deps took the "
        "models from: pip install git+URL. In a clone of the project, run `make setup` and use .venv/bin/dbt."
    ) from error


def model(dbt, session):
    """Return the centroids and metrics that the sweep finds for the scaled features."""
    features, settings = dbt.config.meta_get("features"), dbt.config.meta_get("sweep")
    scaled, sample_size = dbt.ref("int_training_features_scaled"), dbt.config.meta_get("search_sample_size")
    with (
        thread_limit(dbt.config.meta_get("threads")),
        source_of(scaled, features, sample_size, settings["seed"]) as source,
    ):
        frame = sweep(source, **settings)
    return to_engine(frame, session)
