{#- render(): an empty build (--empty) must still read all stored rows. -#}
with model_register as (
    select * from {{ ref('int_model_register').render() }}
),

serving_model as (
    select * from {{ ref('int_serving_model') }}
),

served as (
    select distinct model_id
    from serving_model
),

sweeps as (
    select
        model_id,
        k as served_k,
        ks
    from model_register
),

metrics as (
    select
        model_id,
        served_k,
        {{ unnest_structs('ks') }}  -- noqa: AL03
    from sweeps
),

served_metrics as (
    select distinct
        model_id,
        davies_bouldin_index,
        silhouette_score,
        inertia
    from metrics
    where k = served_k
)

select
    ---- ids
    model_register.model_id,
    model_register.sequence,
    model_register.input_fingerprint,

    ---- dates
    model_register.as_of_date,

    ---- booleans
    served.model_id is not null as is_serving,

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
    model_register.winsorize,
    model_register.observation_window_days,
    model_register.seed,
    model_register.starts,
    model_register.k,
    served_metrics.davies_bouldin_index,
    served_metrics.silhouette_score,
    served_metrics.inertia,
    model_register.inertia_ratio,
    model_register.largest_metric_difference,
    model_register.customers_clustered,
    model_register.transactions_used,
    model_register.amount_used,
    model_register.mean_distance,
    model_register.distance_p999
from model_register
left join served_metrics
    on model_register.model_id = served_metrics.model_id
left join served
    on model_register.model_id = served.model_id
order by model_register.sequence
