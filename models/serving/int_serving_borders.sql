{#- One row per k and pair of neighbouring clusters. A model that was stored before borders were measured has none. -#}
{#-
    Customers thin out if the valley is this unlikely without groups, and if those at the border have at most this many
    neighbours, relative to the thinner side: a ring that is cut in two has as many. Below the last density it is a gap.
    benchmarks/verdicts.md has what these values find.
-#}
{% set p_value_required, local_density_at_most, density_of_a_gap = 0.01, 0.8, 0.25 %}

with model_register as (
    select * from {{ ref('int_model_register') }}
),

serving_model as (
    select * from {{ ref('int_serving_model') }}
),

borders as (
    select {{ unnest_structs('borders') }}  -- noqa: AL03
    from model_register
    where model_id in (select serving_model.model_id from serving_model)
)

select
    *,
    case
        when
            p_value > {{ p_value_required }}
            or coalesce(local_density_ratio, 1) > {{ local_density_at_most }}
            then 'no gap'
        when density_ratio <= {{ density_of_a_gap }} then 'gap'
        else 'thinning'
    end as verdict
from borders
