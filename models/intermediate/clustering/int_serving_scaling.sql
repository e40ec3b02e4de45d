with model_register as (
    select * from {{ ref('int_model_register') }}
),

serving_model as (
    select * from {{ ref('int_serving_model') }}
),

served as (
    select unnest(clusters) as cluster
    from model_register
    where model_id in (select serving_model.model_id from serving_model)
)

-- Every cluster of a model has the same.
select distinct
    cluster.feature_order,
    cluster.feature,
    cluster.transform,
    cluster.lower_bound,
    cluster.upper_bound,
    cluster.center,
    cluster.scale,
    cluster.loading_x,
    cluster.loading_y,
    cluster.explained_x,
    cluster.explained_y
from served
