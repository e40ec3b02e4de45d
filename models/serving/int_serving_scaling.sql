with model_register as (
    select * from {{ ref('int_model_register') }}
),

model as (
    select * from {{ ref('int_serving_model') }}
),

clusters_unnested as (
    select {{ unnest_structs('clusters') }}  -- noqa: AL03
    from model_register
    where model_id in (select model.model_id from model)
)

-- The scaling is stored with every cluster and is the same for all.
select distinct
    feature_order,
    feature,
    transform,
    lower_bound,
    upper_bound,
    center,
    scale,
    loading_x,
    loading_y,
    explained_x,
    explained_y
from clusters_unnested
