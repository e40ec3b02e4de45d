with serving_model as (
    select * from {{ ref('int_serving_model') }}
),

model_register as (
    select * from {{ ref('int_model_register') }}
),

k_selection as (
    select * from {{ ref('k_selection') }}
),

as_of as (
    select * from {{ ref('int_as_of_date') }}
)

select
    ---- ids
    model_register.model_id,

    ---- dates
    as_of.as_of_date,
    model_register.as_of_date as trained_as_of_date,

    ---- strings
    model_register.features,
    model_register.transforms,
    model_register.constant_features,
    model_register.selected_by,
    model_register.python_version,
    model_register.numpy_version,
    model_register.scikit_learn_version,
    model_register.engine_version,
    model_register.dbt_version,

    ---- numerics
    model_register.seed,
    model_register.starts,
    model_register.k,
    k_selection.davies_bouldin_index,
    k_selection.silhouette_score,
    k_selection.inertia,
    model_register.customers_clustered,
    model_register.observation_window_days,
    cast(as_of.transactions_used as bigint) as transactions_used,
    cast(as_of.amount_used as decimal(38, 2)) as amount_used
from model_register
inner join k_selection
    on model_register.k = k_selection.k
cross join as_of
where model_register.model_id in (select serving_model.model_id from serving_model)
