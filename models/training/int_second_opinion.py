"""The inertia and the metrics of the newly trained model beside those of scikit-learn."""

import numpy as np

from customer_segmentation.tables import read_frame, read_matrix, sample_of, to_engine
from customer_segmentation.threads import thread_limit
from customer_segmentation.validation.second_opinion import second_opinion


def model(dbt, session):
    """Return one row; its ratios are null if the setting second_opinion is false or there is no model."""
    features, size = dbt.config.meta_get("features"), dbt.config.meta_get("second_opinion_sample_size")
    model, scaled = dbt.ref("int_trained_model"), dbt.ref("int_training_features_scaled")
    columns, centroids = np.empty((len(features), 0)), np.empty((0, len(features)))
    if dbt.config.meta_get("second_opinion"):
        columns = read_matrix(sample_of(scaled, size, key="customer_id"), features, order=["customer_id"])
        centroids = read_frame(model, order=["cluster"])[features].to_numpy(dtype="float64")
    with thread_limit(dbt.config.meta_get("threads")):
        frame = second_opinion(columns, centroids, seed=dbt.config.meta_get("seed"))
    return to_engine(frame, session)
