"""The two axes of the segment map: principal components of the covariance that SQL computed."""

from customer_segmentation.map_axes import map_axes
from customer_segmentation.tables import read, to_engine


def model(dbt, session):
    """Return the loadings of the map's axes, one row per axis and feature."""
    covariances = read(dbt.ref("int_feature_covariance"), ["covariance"], order=["row_order", "column_order"])
    return to_engine(map_axes(covariances["covariance"], dbt.config.meta_get("features")), session)
