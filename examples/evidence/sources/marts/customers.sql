select
    segment_key,
    segment_name,
    is_overridden,
    customer_id,
    total_spending,
    transaction_count,
    days_since_last_transaction,
    is_quiet,
    is_one_time_buyer,
    margin,
    reason
from marts.customer_segments
