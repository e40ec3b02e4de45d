{{ config(enabled='segment_borders' not in setting('disabled_marts')) }}

with serving_borders as (
    select * from {{ ref('int_serving_borders') }}
),

serving_model as (
    select * from {{ ref('int_serving_model') }}
),

segments_named as (
    select * from {{ ref('int_segments_named') }}
),

segments as (
    select
        segments_named.cluster,
        segments_named.cluster_id,
        segments_named.segment_name,
        serving_model.segment_key,
        serving_model.k
    from segments_named
    inner join serving_model
        on segments_named.cluster = serving_model.cluster
),

{{ borders_described(also=['segment_key']) }}

select
    ---- ids
    cluster_id,
    neighbour_cluster_id,
    segment_key,
    neighbour_segment_key,

    ---- strings
    segment_name,
    neighbour_segment_name,
    verdict,
    description,

    ---- numerics
    customers_between,
    customers_near,
    customers_measured,
    density_ratio,
    p_value,
    local_density_ratio
from borders_described
order by cluster_id, neighbour_cluster_id
