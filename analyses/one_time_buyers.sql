-- Who bought only once, and how long ago?
-- Of each segment: its customers with one purchase, what they spent on it, and how many of them have not gone quiet.
-- Customers count in the segment of the model, as in segment_profiles; overrides do not move them.

with customer_segments as (
    select * from {{ ref('customer_segments') }}
)

select
    model_segment_name as segment_name,
    count(*) as customers,
    count(case when is_one_time_buyer then 1 end) as one_time_buyers,
    count(case when is_one_time_buyer and not is_quiet then 1 end)
        as one_time_buyers_not_quiet,
    round(
        avg(case when is_one_time_buyer then days_since_last_transaction end), 0
    ) as avg_days_since_the_purchase,
    round(avg(case when is_one_time_buyer then total_spending end), 2)
        as avg_spending_of_one_time_buyers
from customer_segments
where cluster_id is not null
group by model_segment_name
order by one_time_buyers desc, segment_name asc
