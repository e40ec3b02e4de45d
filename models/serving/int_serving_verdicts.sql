{#- Natural groups or a continuum, for each k of the sweep that was measured. -#}
{% set separated_required = setting('separated_share_required') %}
{#- Below this share of what is required, no group is in sight; in between, other customers may decide. -#}
{% set in_doubt_from = 1 / 3 %}
{#- Another draw of customers can move the stability index by about this much. -#}
{% set stability_required, stability_margin = setting('stability_required'), 0.05 %}

with serving_validation as (
    select * from {{ ref('int_serving_validation') }}
),

serving_borders as (
    select * from {{ ref('int_serving_borders') }}
),

-- A border counts for as many customers as are between its two segments.
borders_summarised as (
    select
        k,
        count(*) as borders,
        count(case when verdict != 'no gap' then 1 end) as borders_with_a_gap,
        {{ divide(
            "sum(case when verdict != 'no gap' then customers else 0 end)",
            'sum(customers)'
        ) }} as separated_share
    from serving_borders
    group by k
)

select
    ---- ids
    serving_validation.k,

    ---- numerics
    serving_validation.stability_index,
    serving_validation.gap_statistic,
    serving_validation.gap_standard_error,
    serving_validation.buying_gap_statistic,
    serving_validation.buying_gap_standard_error,
    borders_summarised.borders,
    borders_summarised.borders_with_a_gap,
    borders_summarised.separated_share,

    ---- strings
    case
        when
            serving_validation.stability_index is null
            or borders_summarised.separated_share is null
            then 'not measured'
        when
            borders_summarised.separated_share
            < {{ in_doubt_from }} * {{ separated_required }}
            then 'continuum'
        when borders_summarised.separated_share < {{ separated_required }}
            then 'not sure'
        when
            serving_validation.stability_index
            < {{ stability_required }} - {{ stability_margin }}
            then 'unstable'
        when
            serving_validation.stability_index
            < {{ stability_required }} + {{ stability_margin }}
            then 'not sure'
        else 'natural groups'
    end as validity
from serving_validation
left join borders_summarised
    on serving_validation.k = borders_summarised.k
