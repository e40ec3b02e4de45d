{#- After the training, so that whatever trains anew makes this anew too. -#}
-- depends_on: {{ ref('int_trained_model') }}
with stored_models as (
    select * from {{ stored_models() }}
),

previous_model as (
    select * from {{ ref('int_previous_model') }}
),

previous as (
    select unnest(clusters) as cluster
    from stored_models
    where model_id in (select previous_model.model_id from previous_model)
)

select distinct
    cluster.feature_order,
    cluster.feature,
    cluster.transform,
    cluster.lower_bound,
    cluster.upper_bound,
    cluster.center,
    cluster.scale
from previous
