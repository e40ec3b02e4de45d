"""What the customers of each action and wave spent afterwards, treated against held out."""

from customer_segmentation.effects import action_results
from customer_segmentation.tables import read_frame, to_engine


def model(dbt, session):
    """Return one row per wave, action and horizon; none before the first export."""
    outcomes = read_frame(dbt.ref("int_action_outcomes"), order=["wave", "action_id", "horizon_days", "customer_id"])
    return to_engine(action_results(outcomes), session)
