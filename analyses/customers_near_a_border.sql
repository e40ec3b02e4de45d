-- Which customers are the least typical of their segment and so may move to another?
-- The tenth of each segment that is farthest from its centroid. Treat them with care: a small change in behaviour, or
-- the next training, can move them to another segment.

with customer_segments as (
    select * from {{ ref('customer_segments') }}
),

customers_ranked as (
    select
        customer_id,
        cluster_id,
        segment_name,
        total_spending,
        transaction_count,
        days_since_signup,
        distance_to_centroid,
        percent_rank() over (
            partition by cluster_id order by distance_to_centroid
        ) as distance_percentile
    from customer_segments
    where cluster_id is not null
)

select
    segment_name,
    customer_id,
    total_spending,
    transaction_count,
    days_since_signup,
    round(distance_to_centroid, 3) as distance_to_centroid,
    round(100 * distance_percentile, 0) as distance_percentile
from customers_ranked
where distance_percentile >= 0.9
order by cluster_id desc, distance_to_centroid desc, customer_id asc
