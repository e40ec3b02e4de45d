-- Which segment returns the most?
-- Spending is net of returns, so gross purchases are spending plus returns.
-- Customers count in the segment of the model, as in segment_profiles; overrides do not move them.

with customer_segments as (
    select * from {{ ref('customer_segments') }}
)

select
    model_segment_name as segment_name,
    count(*) as customers,
    count(*) filter (where returned_amount > 0) as customers_with_returns,
    sum(returned_amount) as returned_amount,
    round(
        100 * sum(returned_amount) / nullif(sum(total_spending + returned_amount), 0), 1
    ) as returned_percent
from customer_segments
group by cluster_id, model_segment_name
order by cluster_id desc nulls last
