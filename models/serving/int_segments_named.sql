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

-- Where nothing tells segments apart, a number does; number 1 spends the most.
select
    cluster,
    cluster_id,
    archetype,
    case
        when namesakes = 1 then segment_name
        else concat(segment_name, ' (', cast(number as string), ')')
    end as segment_name,
    concat_ws(
        ' ',
        case
            when segment_name != archetype then concat(
                'The name compares them with the other segments called ', archetype, '.'
            )
        end,
        case
            when namesakes > 1 then concat(
                'The number says only which of these spends more; number 1 spends the ',
                'most.'
            )
        end
    ) as name_remark
from numbered
