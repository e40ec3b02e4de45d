"""How far the partition of each k can be trusted: its stability and its gap statistics."""

from customer_segmentation.tables import read_frame, read_matrix, sample_of, to_engine
from customer_segmentation.threads import thread_limit
from customer_segmentation.validation.validate import validate


def model(dbt, session):
    """Return one row per k of the sweep with its stability and its gap statistics."""
    features = dbt.config.meta_get("features")
    scaled, size = dbt.ref("int_training_features_scaled"), dbt.config.meta_get("validation_sample_size")
    columns = read_matrix(sample_of(scaled, size, key="customer_id"), features, order=["customer_id"])
    clusters = read_frame(dbt.ref("int_kmeans_sweep"), order=["k", "cluster"])
    centroids = {int(k): of_k[features].to_numpy(dtype="float64") for k, of_k in clusters.groupby("k")}
    with thread_limit(dbt.config.meta_get("threads")):
        frame = validate(columns.T, centroids, **dbt.config.meta_get("validation"))
    return to_engine(frame, session)
