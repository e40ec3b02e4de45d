with measured as (
    select * from {{ ref('int_alternative_measures') }}
),

archetypes as (
    select * from {{ ref('int_alternative_archetypes') }}
),

segment_features as (
    select * from {{ ref('int_alternative_features') }}
),

feature_catalogue as (
    select * from {{ ref('int_feature_catalogue') }}
),

serving_model as (
    select * from {{ ref('int_serving_model') }}
),

trained_model as (
    select * from {{ ref('int_trained_model') }}
),

-- Null if another model than the one trained last serves: the alternatives are those of the training.
served as (
    select max(serving_model.k) as k
    from serving_model
    where serving_model.model_id in (select trained_model.model_id from trained_model)
),

-- Names are told apart among the segments of one k, which begins them here.
segment_archetypes as (
    select
        archetypes.alternative as cluster,
        archetypes.cluster_id,
        concat(cast(measured.k as string), ': ', archetypes.archetype) as archetype
    from archetypes
    inner join measured
        on archetypes.alternative = measured.alternative
),

{{ names_told_apart() }}

select
    ---- ids
    measured.k,
    measured.cluster,
    measured.cluster_id,

    ---- strings
    {{ regexp_replace('named.segment_name', '^[0-9]+: ', '') }} as segment_name,
    archetypes.archetype,
    coalesce(measured.validity, 'not measured') as validity,

    ---- booleans
    coalesce(measured.k = served.k, false) as is_selected,

    ---- numerics
    measured.customers,
    measured.customer_share,
    measured.spending_share,
    measured.avg_total_spending,
    measured.total_quantity as avg_quantity,
    measured.transaction_count as avg_transactions,
    measured.days_since_signup as avg_days_since_signup,
    measured.one_time_share,
    measured.quiet_share,
    measured.returned_share
from measured
cross join served
inner join archetypes
    on measured.alternative = archetypes.alternative
inner join named
    on measured.alternative = named.cluster
