-- Which customers are close to another segment and so may move to it?
-- The margin is 0 on the border of two segments and 1 at the centroid. A small change in behaviour, or the next
-- training, can move a customer with a margin below 0.1 to the other segment. Overridden customers stay
-- where they were put.

with customer_segments as (
    select * from {{ ref('customer_segments') }}
)

select
    customer_id,
    segment_name,
    runner_up_segment_name,
    round(margin, 3) as margin,
    total_spending,
    transaction_count,
    days_since_signup,
    reason
from customer_segments
where margin < 0.1 and not is_overridden
order by margin asc, customer_id asc
