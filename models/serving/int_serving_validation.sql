{#- One row per k; none for a model stored by an earlier version that did not measure these statistics. -#}
with model_register as (
    select * from {{ ref('int_model_register') }}
),

serving_model as (
    select * from {{ ref('int_serving_model') }}
)

select {{ unnest_structs('validations') }}  -- noqa: AL03
from model_register
where model_id in (select serving_model.model_id from serving_model)
