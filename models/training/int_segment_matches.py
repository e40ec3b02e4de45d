"""Match each cluster of a new model to the existing segment that it continues."""

from customer_segmentation.segment_matches import match_segments
from customer_segmentation.tables import read_frame, to_engine


def model(dbt, session):
    """Return one row per cluster of the new model, with the segment key that it keeps; null for a new segment."""
    overlaps = read_frame(dbt.ref("int_segment_overlaps"), order=["cluster", "previous_segment_key"])
    return to_engine(match_segments(overlaps, dbt.config.meta_get("min_key_overlap")), session)
