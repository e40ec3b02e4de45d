{{ config(enabled='segment_features' not in setting('disabled_marts')) }}

with segment_features as (
    select * from {{ ref('int_segment_features') }}
),

segments_named as (
    select * from {{ ref('int_segments_named') }}
),

serving_model as (
    select * from {{ ref('int_serving_model') }}
)

select
    ---- ids
    segments_named.cluster_id,
    serving_model.segment_key,

    ---- strings
    segments_named.segment_name,
    segment_features.feature,
    segment_features.phrase,

    ---- numerics
    segment_features.average,
    segment_features.ratio_to_average,
    segment_features.standardised_difference,
    cast(
        row_number() over (
            partition by segment_features.cluster
            order by
                abs(segment_features.standardised_difference) desc,
                segment_features.feature_order asc
        ) as integer
    ) as distinctiveness_rank
from segment_features
inner join segments_named
    on segment_features.cluster = segments_named.cluster
inner join serving_model
    on segment_features.cluster = serving_model.cluster
-- Only clustered features have a position.
where segment_features.feature_order is not null
order by segments_named.cluster_id, segment_features.feature_order
