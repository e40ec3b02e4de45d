"""How dense the customers are between neighbouring clusters, for the partition of each k."""

from customer_segmentation.tables import read_frame, read_matrix, sample_of, to_engine
from customer_segmentation.validation.borders import measure_borders


def model(dbt, session):
    """Return one row per pair of neighbouring clusters of each k of the sweep."""
    features, size = dbt.config.meta_get("features"), dbt.config.meta_get("validation_sample_size")
    sample = sample_of(dbt.ref("int_training_features_scaled"), size, key="customer_id")
    columns = read_matrix(sample, features, order=["customer_id"])
    clusters = read_frame(dbt.ref("int_kmeans_sweep"), order=["k", "cluster"])
    centroids = {int(k): of_k[features].to_numpy(dtype="float64") for k, of_k in clusters.groupby("k")}
    return to_engine(measure_borders(columns, centroids, seed=dbt.config.meta_get("seed")), session)
