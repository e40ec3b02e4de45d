{{ config(enabled='segment_alternative_borders' not in setting('disabled_marts')) }}

with serving_borders as (
    select * from {{ ref('int_serving_borders') }}
),

alternative_segments as (
    select * from {{ ref('int_alternative_segments') }}
),

{{ segments_of_the_fit() }},

{{ borders_described() }}

select
    ---- ids
    k,
    cluster_id,
    neighbour_cluster_id,

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
order by k, cluster_id, neighbour_cluster_id
