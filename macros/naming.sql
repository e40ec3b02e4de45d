{#
    How segments get their names, for the model that serves and for every other number of segments that was tried. A
    model gives its clusters numbers that no other cluster of it has: with several k, of k and cluster.
#}

{% macro measures_united(cluster) -%}
    {#- A CTE that follows measured (one row per cluster) and segment_features: what rules can ask of a segment, one row
        per cluster and measure. -#}
segment_measures as (
    {{- unpivot('measured', segment_measures().keys(), 'measure', 'value', [cluster]) }}
    union all
    select
        cluster,
        feature as measure,
        ratio_to_average as value
    from segment_features
)
{%- endmacro %}


{% macro archetypes_found() -%}
    {#- CTEs that follow segments (cluster, cluster_id), rules, and segment_measures. The last one, archetypes, has the
        archetype of each cluster. -#}
-- If all segments together have returned as much as they bought, or more, nobody's spending compares with the average.
rules_compared as (
    select
        segments.cluster,
        rules.rule_order,
        rules.archetype,
        rules.measure,
        rules.at_least,
        rules.below,
        segment_measures.value,
        segment_measures.value is null
        and coalesce(rules.measure in ('total_spending', 'spending_share'), false)
            as is_undecided
    from segments
    cross join rules
    left join segment_measures
        on
            segments.cluster = segment_measures.cluster
            and rules.measure = segment_measures.measure
),

-- A rule has one row per condition and holds if all of them hold. A condition without a measure always holds; one on a
-- measure without a value does not. A rule that depends on an undecided condition is not passed over: the rules below
-- it are for those of whom it does not hold.
rules_tried as (
    select
        cluster,
        rule_order,
        archetype,
        min(
            case
                when measure is null or is_undecided then 1
                else {{ bounds_hold('value', 'rules_compared') }}
            end
        ) as holds,
        max(case when is_undecided then 1 else 0 end) as undecided
    from rules_compared
    group by cluster, rule_order, archetype
),

first_match as (
    select
        cluster,
        min(rule_order) as rule_order
    from rules_tried
    where holds = 1
    group by cluster
),

archetypes as (
    select
        segments.cluster,
        segments.cluster_id,
        case when rules_tried.undecided = 1 then 'Buyers' else rules_tried.archetype end
            as archetype
    from segments
    inner join first_match
        on segments.cluster = first_match.cluster
    inner join rules_tried
        on
            first_match.cluster = rules_tried.cluster
            and first_match.rule_order = rules_tried.rule_order
)
{%- endmacro %}


{% macro names_told_apart() -%}
    {#- CTEs that follow segment_archetypes, segment_features and feature_catalogue. The last one, named, has a name for
        each cluster: "Moderate Spenders, newer". Segments that share a name are divided at the largest gap between
        their averages in any feature, and each side gets the feature's words. The sides are divided again while
        segments share a name, each time by another feature. -#}
    {%- set divisions = 3 -%}
    {#- In standard deviations of a feature; a smaller gap does not tell segments apart. -#}
    {%- set gap_required = 0.25 %}
divided_0 as (
    select
        cluster,
        cluster_id,
        archetype,
        archetype as segment_name,
        ';' as features_used
    from segment_archetypes
),

{% for division in range(1, divisions + 1) -%}
{%- set before = 'divided_' ~ (division - 1) -%}
gaps_{{ division }} as (
    select
        {{ before }}.segment_name,
        segment_features.feature,
        segment_features.feature_order,
        segment_features.standardised_difference as average,
        segment_features.standardised_difference
        - lag(segment_features.standardised_difference) over (
            partition by {{ before }}.segment_name, segment_features.feature
            order by segment_features.standardised_difference
        ) as gap
    from {{ before }}
    inner join segment_features
        on {{ before }}.cluster = segment_features.cluster
    where
        {{ before }}.features_used not like concat('%;', segment_features.feature, ';%')
),

largest_gaps_{{ division }} as (
    select
        segment_name,
        min_by(feature, {{ sort_key(['-gap', 'feature_order', 'average']) }})
            as feature,
        min_by(average, {{ sort_key(['-gap', 'feature_order', 'average']) }})
            as upper_from
    from gaps_{{ division }}
    where gap >= {{ gap_required }}
    group by segment_name
),

divided_{{ division }} as (
    select
        {{ before }}.cluster,
        {{ before }}.cluster_id,
        {{ before }}.archetype,
        concat_ws(
            ', ',
            {{ before }}.segment_name,
            -- The words say how a segment compares with all customers, unless they are relative.
            case
                when segment_features.standardised_difference >= largest.upper_from
                    then case
                        when segment_features.standardised_difference > 0
                            then feature_catalogue.more
                        else 'relatively ' || feature_catalogue.more
                    end
                when segment_features.standardised_difference < 0
                    then feature_catalogue.less
                else 'relatively ' || feature_catalogue.less
            end
        ) as segment_name,
        concat({{ before }}.features_used, coalesce(largest.feature, ''), ';')
            as features_used
    from {{ before }}
    left join largest_gaps_{{ division }} as largest
        on {{ before }}.segment_name = largest.segment_name
    left join segment_features
        on
            {{ before }}.cluster = segment_features.cluster
            and largest.feature = segment_features.feature
    left join feature_catalogue
        on largest.feature = feature_catalogue.feature
),

{% endfor -%}
numbered as (
    select
        *,
        row_number() over (partition by segment_name order by cluster_id desc)
            as number,
        count(*) over (partition by segment_name) as namesakes
    from divided_{{ divisions }}
),

-- Where nothing tells segments apart, a number does; number 1 spends the most.
named as (
    select
        cluster,
        cluster_id,
        archetype,
        case
            when namesakes = 1 then segment_name
            else concat(segment_name, ' (', cast(number as string), ')')
        end as segment_name,
        segment_name != archetype as is_told_apart,
        namesakes > 1 as is_numbered
    from numbered
)
{%- endmacro %}
