-- How much of the spending comes from customers who have gone quiet?
-- Of each segment: how many of its customers have gone quiet, what they have spent so far, and which share of the
-- segment's spending that is.
-- Customers count in the segment of the model, as in segment_profiles; overrides do not move them.

with customer_segments as (
    select * from {{ ref('customer_segments') }}
)

select
    model_segment_name as segment_name,
    count(*) as customers,
    count(case when is_quiet then 1 end) as quiet_customers,
    sum(total_spending) as total_spending,
    sum(case when is_quiet then total_spending else 0 end)
        as spending_of_quiet_customers,
    round(
        100 * sum(case when is_quiet then total_spending else 0 end)
        / nullif(sum(total_spending), 0), 1
    ) as quiet_spending_percent
from customer_segments
where cluster_id is not null
group by model_segment_name
order by spending_of_quiet_customers desc, segment_name asc
