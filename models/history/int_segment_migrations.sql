with previous_segments as (
    select * from {{ previous_segments() }}
),

previous_clusters as (
    select * from {{ ref('int_previous_clusters') }}
),

customer_segments as (
    select * from {{ ref('customer_segments') }}
),

-- Three segments of each customer: the one in the last build, the one that the last build's model assigns to the
-- current features, and the one in this build.
customers_compared as (
    select
        coalesce(customer_segments.customer_id, previous_segments.customer_id)
            as customer_id,
        previous_segments.segment_key as previous_key,
        case
            when customer_segments.customer_id is null then null
            when customer_segments.cluster_id is null
                then customer_segments.segment_key
            else coalesce(previous_clusters.segment_key, customer_segments.segment_key)
        end as expected_key,
        customer_segments.segment_key,
        coalesce(customer_segments.total_spending, cast(0 as decimal(38, 2)))
            as total_spending
    from customer_segments
    full outer join previous_segments
        on customer_segments.customer_id = previous_segments.customer_id
    left join previous_clusters
        on customer_segments.customer_id = previous_clusters.customer_id
),

steps_united as (
    select
        'behaviour' as step,
        previous_key as from_segment_key,
        expected_key as to_segment_key,
        total_spending
    from customers_compared
    union all
    select
        'model' as step,
        expected_key as from_segment_key,
        segment_key as to_segment_key,
        total_spending
    from customers_compared
    where segment_key is not null
    union all
    select
        'both' as step,
        previous_key as from_segment_key,
        segment_key as to_segment_key,
        total_spending
    from customers_compared
)

select
    step,
    from_segment_key,
    to_segment_key,
    count(*) as customers,
    cast(sum(total_spending) as decimal(38, 2)) as total_spending
from steps_united
group by step, from_segment_key, to_segment_key
