-- What share of the revenue does each segment bring, and how does it compare with its share of the customers?

with segment_profiles as (
    select * from {{ ref('segment_profiles') }}
)

select
    segment_name,
    cluster_size,
    round(100 * customer_share, 1) as customer_percent,
    round(100 * spending_share, 1) as spending_percent,
    round(spending_share / nullif(customer_share, 0), 2) as spending_per_customer_share,
    round(
        100 * sum(spending_share) over (
            order by cluster_id desc rows unbounded preceding
        ), 1
    ) as spending_percent_so_far
from segment_profiles
where cluster_id is not null
order by cluster_id desc
