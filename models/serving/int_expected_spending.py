"""The spending to expect of a customer of each segment and audience, from what followed for those who looked alike."""

import numpy as np

from customer_segmentation.expected_spending import Customers, expected_spending
from customer_segmentation.tables import read, read_matrix, to_engine

NUMBERS = ["origin", "is_quiet", "spending_after", "has_bought_after", "transaction_count", "purchase_span_days"]
NUMBERS += ["days_since_last_transaction", "total_spending"]


def model(dbt, session):
    """Return one row per segment and audience, with amounts per customer."""
    past, order = dbt.ref("int_past_customers"), ["origin", "customer_id"]
    segments, segment = np.unique(read(past, ["segment_key"], order)["segment_key"].astype(str), return_inverse=True)
    origin, is_quiet, *numbers = np.nan_to_num(read_matrix(past, NUMBERS, order))
    customers = Customers(origin.astype(int), segment, is_quiet.astype(int), *numbers)
    return to_engine(expected_spending(customers, list(segments), dbt.config.meta_get("horizon")), session)
