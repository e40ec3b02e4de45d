{#- Which conditions of the playbook hold for which segment. -#}
with segments as (
    select * from {{ ref('int_segments_summarised') }}
),

conditions as (
    select * from {{ playbook_table('segment_conditions') }}
),

segment_measures as (
    select * from {{ ref('int_segment_measures') }}
)

-- A condition has one row per bound and holds if all of them do. One on a measure without a value does not hold.
select
    segments.cluster,
    conditions.condition,
    min({{ bounds_hold('segment_measures.value', 'conditions') }}) = 1 as holds
from segments
cross join conditions
left join segment_measures
    on
        segments.cluster = segment_measures.cluster
        and conditions.measure = segment_measures.measure
group by segments.cluster, conditions.condition
