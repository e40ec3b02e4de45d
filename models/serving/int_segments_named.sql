with segments as (
    select * from {{ ref('int_segments_summarised') }}
),

rules as (
    select * from {{ ref('segment_rules') }}
),

segment_features as (
    select * from {{ ref('int_segment_features') }}
),

-- A rule has one row per condition and holds if all of them hold. A condition without a feature always holds; one on a
-- feature whose ratio is null never does.
rules_tried as (
    select
        segments.cluster,
        rules.rule_order,
        rules.archetype,
        min(
            case
                when rules.feature is null then 1
                when
                    segment_features.ratio_to_average
                    >= coalesce(rules.at_least, segment_features.ratio_to_average)
                    and (
                        rules.below is null
                        or segment_features.ratio_to_average < rules.below
                    )
                    then 1
                else 0
            end
        ) as holds
    from segments
    cross join rules
    left join segment_features
        on
            segments.cluster = segment_features.cluster
            and rules.feature = segment_features.feature
    group by segments.cluster, rules.rule_order, rules.archetype
),

first_match as (
    select
        cluster,
        min(rule_order) as rule_order
    from rules_tried
    where holds = 1
    group by cluster
),

archetypes_joined as (
    select
        segments.cluster,
        segments.cluster_id,
        segments.avg_total_spending,
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
),

tiers_numbered as (
    select
        *,
        row_number() over (partition by archetype order by cluster_id desc) as tier,
        count(*) over (partition by archetype) as tiers
    from archetypes_joined
)

-- Clusters of one archetype are distinguished by a tier; tier 1 spends the most.
select
    cluster,
    cluster_id,
    archetype,
    case
        when tiers = 1 then archetype
        else concat(archetype, ' (Tier ', cast(tier as string), ')')
    end as segment_name
from tiers_numbered
