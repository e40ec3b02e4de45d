{#- What naming rules and the conditions of the playbook can ask of a segment; macros/catalogue/measures.sql. -#}
with segments_summarised as (
    select * from {{ ref('int_segments_summarised') }}
),

segment_features as (
    select * from {{ ref('int_segment_features') }}
),

serving_model as (
    select * from {{ ref('int_serving_model') }}
),

serving_verdicts as (
    select * from {{ ref('int_serving_verdicts') }}
),

-- One row, also if the served k was not measured.
verdict as (
    select max(case when validity = 'natural groups' then 1 else 0 end) as is_natural
    from serving_verdicts
    where k in (select serving_model.k from serving_model)
),

measured as (
    select
        segments_summarised.cluster,
        segments_summarised.customer_share,
        segments_summarised.spending_share,
        segments_summarised.below_average_share,
        segments_summarised.one_time_share,
        segments_summarised.quiet_share,
        segments_summarised.returned_share,
        segments_summarised.returners_share,
        rank() over (order by segments_summarised.avg_total_spending desc)
            as spending_rank,
        rank() over (order by segments_summarised.avg_transactions desc)
            as purchases_rank,
        count(*) over () as segments,
        coalesce(verdict.is_natural, 0) as natural_groups,
        {{ 1 if has_signups() else 0 }} as has_signups
    from segments_summarised
    cross join verdict
),

{{ measures_united('cluster') }}

select
    cluster,
    measure,
    value
from segment_measures
