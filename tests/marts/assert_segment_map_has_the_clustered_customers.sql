{{ config(enabled='segment_map' not in setting('disabled_marts')) }}
-- A failure means that the customers on the map are not the clustered ones, or that one is shown in the wrong segment.
with customer_segments as (
    select * from {{ ref('customer_segments') }}
),

segment_map as (
    select * from {{ ref('segment_map') }}
),

clustered as (
    select
        customer_id,
        model_segment_name as segment_name
    from customer_segments
    where cluster_id is not null
)

select
    clustered.customer_id,
    segment_map.customer_id as customer_id_on_map,
    clustered.segment_name,
    segment_map.segment_name as segment_name_on_map
from clustered
full outer join segment_map
    on clustered.customer_id = segment_map.customer_id
where
    clustered.customer_id is null
    or segment_map.customer_id is null
    or clustered.segment_name != segment_map.segment_name
