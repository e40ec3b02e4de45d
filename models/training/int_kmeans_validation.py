"""How far the partition of each k can be trusted: its stability and its gap statistics."""

from customer_segmentation.tables import read_frame, read_matrix, sample_of, to_engine
from customer_segmentation.threads import thread_limit
from customer_segmentation.validation.buying_model import BuyingReference, Purchases, can_be_simulated
from customer_segmentation.validation.validate import validate

CUSTOMER = ["transaction_count", "purchase_span_days", "days_since_last_transaction", "total_spending"]
CUSTOMER += ["total_quantity", "days_since_signup"]


def model(dbt, session):
    """Return one row per k of the sweep with its stability and its gap statistics."""
    features, size = dbt.config.meta_get("features"), dbt.config.meta_get("validation_sample_size")
    scaled, customers = dbt.ref("int_training_features_scaled"), dbt.ref("int_customer_features")
    scaling = read_frame(dbt.ref("int_feature_scaling"), order=["feature"])
    columns = read_matrix(sample_of(scaled, size, key="customer_id"), features, order=["customer_id"])
    clusters = read_frame(dbt.ref("int_kmeans_sweep"), order=["k", "cluster"])
    centroids = {int(k): of_k[features].to_numpy(dtype="float64") for k, of_k in clusters.groupby("k")}
    with thread_limit(dbt.config.meta_get("threads")):
        reference = buying_reference(customers, features, scaling, size) if can_be_simulated(features) else None
        frame = validate(columns.T, centroids, reference=reference, **dbt.config.meta_get("validation"))
    return to_engine(frame, session)


def buying_reference(customers, features, scaling, size):
    """Return the buying model fitted to the same customers as the sample of scaled features."""
    clustered = sample_of(customers.filter("is_clustered"), size, key="customer_id")
    orders, span, recency, spending, quantity, tenure = read_matrix(clustered, CUSTOMER, order=["customer_id"])
    return BuyingReference(
        Purchases(orders, span, span + recency, spending, quantity),
        tenure,
        features,
        scaling.astype(object).where(scaling.notna(), None).set_index("feature").to_dict("index"),
    )
