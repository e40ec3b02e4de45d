"""Stability and gap statistics of every k of the sweep."""

from __future__ import annotations

import numpy as np
import pandas as pd

from customer_segmentation.sweep.lloyd import inner_loops
from customer_segmentation.validation.buying_model import BuyingReference
from customer_segmentation.validation.gap_statistic import draw_copula, gap_statistic
from customer_segmentation.validation.stability import drawn, stability


def validate(
    values: np.ndarray,
    centroids: dict[int, np.ndarray],
    *,
    seed: int,
    refit_sample_size: int,
    stability_refits: int,
    gap_references: int,
    reference: BuyingReference | None = None,
) -> pd.DataFrame:
    """Measure the stability and the gap statistics of each k.

    values: (customers, features), scaled, of all customers or a sample. centroids: {k: (k, features)}, from the sweep.
    reference: customers simulated by the buying model, if it describes the features; a second reference of the gap
    statistic. refit_sample_size: the number of customers that each refit, and the gap statistics, draw from them.
    Returns one row per k. The stability is null if stability_refits is 0, the gap statistics if gap_references is 0;
    those against the buying model also if there is none. All are null for k = 1 and where k is not below the number of
    distinct rows.
    """
    ks = sorted(centroids)
    generator = np.random.default_rng([seed, 2])
    distinct = len(np.unique(values, axis=0))
    measured = [k for k in ks if 1 < k < distinct]
    columns = np.ascontiguousarray(values.T)
    # So many refits to a few hundred rows take longer than loading the compiled loops.
    inner_loops(min(len(values), refit_sample_size) * stability_refits)
    stability_index = stability(
        columns, [centroids[k] for k in measured], stability_refits, refit_sample_size, generator
    )
    rows = drawn(columns, refit_sample_size, generator)
    gap = gap_statistic(rows, measured, draw_copula, gap_references, generator)
    is_modelled = reference is not None and reference.model is not None
    buying = gap_statistic(
        rows, measured, reference.draw if is_modelled else draw_copula, gap_references * is_modelled, generator
    )
    found = pd.DataFrame(
        {
            "stability_index": stability_index,
            "gap_statistic": gap.statistic,
            "gap_standard_error": gap.standard_error,
            "buying_gap_statistic": buying.statistic,
            "buying_gap_standard_error": buying.standard_error,
        },
        index=measured,
        dtype="float64",
    )
    frame = found.reindex(ks).astype("Float64").rename_axis("k").reset_index().astype({"k": "int64"})
    return frame.assign(customers_measured=np.int64(len(values)))
