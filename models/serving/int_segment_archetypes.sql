with segments as (
    select * from {{ ref('int_segments_summarised') }}
),

rules as (
    select * from {{ playbook_table('segment_rules') }}
),

segment_measures as (
    select * from {{ ref('int_segment_measures') }}
),

-- A rule has one row per condition and holds if all of them hold. A condition without a measure always holds; one on a
-- measure without a value does not.
rules_tried as (
    select
        segments.cluster,
        rules.rule_order,
        rules.archetype,
        min(
            case
                when rules.measure is null then 1
                else {{ bounds_hold('segment_measures.value', 'rules') }}
            end
        ) as holds
    from segments
    cross join rules
    left join segment_measures
        on
            segments.cluster = segment_measures.cluster
            and rules.measure = segment_measures.measure
    group by segments.cluster, rules.rule_order, rules.archetype
),

first_match as (
    select
        cluster,
        min(rule_order) as rule_order
    from rules_tried
    where holds = 1
    group by cluster
)

select
    segments.cluster,
    segments.cluster_id,
    -- A single segment has no other segment to compare with.
    case
        when count(*) over () = 1 then 'All Customers'
        else rules_tried.archetype
    end as archetype
from segments
inner join first_match
    on segments.cluster = first_match.cluster
inner join rules_tried
    on
        first_match.cluster = rules_tried.cluster
        and first_match.rule_order = rules_tried.rule_order
