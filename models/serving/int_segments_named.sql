{#- Names that tell the segments of one archetype apart; macros/naming.sql. -#}
with segment_archetypes as (
    select * from {{ ref('int_segment_archetypes') }}
),

segment_features as (
    select * from {{ ref('int_segment_features') }}
),

feature_catalogue as (
    select * from {{ ref('int_feature_catalogue') }}
),

{{ names_told_apart() }}

select
    cluster,
    cluster_id,
    archetype,
    segment_name,
    concat_ws(
        ' ',
        case
            when is_told_apart then concat(
                'The name compares them with the other segments called ', archetype, '.'
            )
        end,
        case
            when is_numbered then concat(
                'The number says only which of these spends more; number 1 spends the ',
                'most.'
            )
        end
    ) as name_remark
from named
