"""The two axes of the segment map: principal components of the covariance of the scaled features."""

from __future__ import annotations

import numpy as np
import pandas as pd

AXES = 2
TYPES = {"axis": "int64", "feature": "str", "loading": "float64", "explained_variance_share": "float64"}


def map_axes(covariances: np.ndarray, features: list[str]) -> pd.DataFrame:
    """Return the first two principal components of a covariance matrix, one row per axis and feature.

    covariances: (features * features,), row by row; empty if there are no customers, which gives no rows. The sign of
    an axis makes its loading of the largest absolute value positive. An axis without variance, or beyond the number of
    features, has loadings and a share of explained variance of 0. Both are rounded to 12 significant digits.
    """
    if len(covariances) == 0:
        return pd.DataFrame(columns=list(TYPES)).astype(TYPES)
    covariance = np.asarray(covariances, dtype=np.float64).reshape(len(features), len(features))
    variances, vectors = np.linalg.eigh(covariance)
    total = variances.clip(min=0).sum()
    rows = []
    for axis in range(1, AXES + 1):
        is_defined = axis <= len(features) and variances[-axis] > 1e-12 * max(total, 1e-300)
        loadings = vectors[:, -axis] if is_defined else np.zeros(len(features))
        if is_defined and loadings[np.argmax(np.abs(loadings).round(9))] < 0:
            loadings = -loadings
        share = variances[-axis] / total if is_defined else 0.0
        rows += [
            (axis, feature, float(f"{loading:.11e}"), float(f"{share:.11e}"))
            for feature, loading in zip(features, loadings, strict=True)
        ]
    return pd.DataFrame(rows, columns=list(TYPES)).astype(TYPES)
