"""The spending to expect of a customer of each segment and audience, from what followed for those who looked alike."""

import numpy as np

from customer_segmentation.expected_spending import Customers, expected_spending
from customer_segmentation.tables import read, to_engine

COLUMNS = ["origin", "segment_key", "is_quiet", "spending_after", "has_bought_after", "transaction_count"]
COLUMNS += ["purchase_span_days", "days_since_last_transaction", "total_spending"]


def model(dbt, session):
    """Return one row per segment and audience, with amounts per customer."""
    found = read(dbt.ref("int_past_customers"), COLUMNS, order=["origin", "customer_id"])
    segments, segment = np.unique(found.pop("segment_key").astype(str), return_inverse=True)
    origin, *numbers = (np.ma.filled(found.pop(name).astype(np.float64), 0) for name in list(found))
    is_quiet, *numbers = numbers
    customers = Customers(origin.astype(int), segment, is_quiet.astype(int), *numbers)
    return to_engine(expected_spending(customers, list(segments), dbt.config.meta_get("horizon")), session)
