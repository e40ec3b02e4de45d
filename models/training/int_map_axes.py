"""The two axes of the segment map: principal components of the covariance that SQL computed."""

from __future__ import annotations

import numpy as np
import pandas as pd

from customer_segmentation.tables import read, returned

AXES = 2
TYPES = {"axis": "int64", "feature": "str", "loading": "float64", "explained_variance_share": "float64"}


def model(dbt, session):
    """Return the loadings of the map's axes, one row per axis and feature."""
    features = dbt.config.meta_get("features")
    found = read(dbt.ref("int_feature_covariance"), ["covariance"], order=["row_order", "column_order"])["covariance"]
    if len(found) == 0:
        return returned(pd.DataFrame(columns=list(TYPES)).astype(TYPES), session)
    matrix = np.asarray(found, dtype=np.float64).reshape(len(features), len(features))
    return returned(int_map_axes(matrix, features), session)


def int_map_axes(covariance: np.ndarray, features: list[str]) -> pd.DataFrame:
    """The first two principal components of a covariance matrix, (features, features).

    An axis points so that its largest loading is positive. Where there are fewer features than axes, or no variance
    at all, the loadings and the share of explained variance are 0.
    Loadings and shares are rounded to 12 significant digits.
    """
    variances, vectors = np.linalg.eigh(covariance)
    total = variances.clip(min=0).sum()
    rows = []
    for axis in range(1, AXES + 1):
        known = axis <= len(features) and variances[-axis] > 1e-12 * max(total, 1e-300)
        loadings = vectors[:, -axis] if known else np.zeros(len(features))
        if known and loadings[np.argmax(np.abs(loadings).round(9))] < 0:
            loadings = -loadings
        share = variances[-axis] / total if known else 0.0
        rows += [
            (axis, feature, float(f"{loading:.11e}"), float(f"{share:.11e}"))
            for feature, loading in zip(features, loadings, strict=True)
        ]
    return pd.DataFrame(rows, columns=list(TYPES)).astype(TYPES)
