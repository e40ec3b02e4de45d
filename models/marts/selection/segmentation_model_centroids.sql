{{ config(enabled='segmentation_model_centroids' not in setting('disabled_marts')) }}
{#- render(): an empty build (--empty) must still read all stored rows. -#}
with model_register as (
    select * from {{ ref('int_model_register').render() }}
),

clusters_unnested as (
    select
        model_id,
        sequence,
        {{ unnest_structs('clusters') }}  -- noqa: AL03
    from model_register
)

select
    ---- ids
    model_id,
    cast(cluster as integer) as cluster,
    segment_key,

    ---- strings
    feature,
    transform,

    ---- numerics
    cluster_size,
    centroid,
    centroid_original,
    center,
    scale,
    lower_bound,
    upper_bound,
    mean_distance
from clusters_unnested
order by sequence, cluster, feature_order
