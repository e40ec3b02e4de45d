-- A failure means that the size of a segment in segment_profiles differs from its customers in customer_segments.
with customer_segments as (
    select * from {{ ref('customer_segments') }}
),

segment_profiles as (
    select * from {{ ref('segment_profiles') }}
),

customers_counted as (
    select
        model_segment_name as segment_name,
        count(*) as customers,
        count(distinct coalesce(cluster_id, -1)) as cluster_ids
    from customer_segments
    group by model_segment_name
)

select
    segment_profiles.segment_name,
    customers_counted.segment_name as assigned_segment_name,
    segment_profiles.cluster_size,
    customers_counted.customers,
    customers_counted.cluster_ids
from segment_profiles
full outer join customers_counted
    on segment_profiles.segment_name = customers_counted.segment_name
where
    segment_profiles.cluster_size is null
    or customers_counted.customers is null
    or segment_profiles.cluster_size != customers_counted.customers
    or customers_counted.cluster_ids != 1
