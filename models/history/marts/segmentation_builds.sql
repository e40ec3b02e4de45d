{#- render(): an empty build (--empty) must still read all stored rows. -#}
with build_log as (
    select * from {{ ref('int_build_log').render() }}
)

select
    ---- ids
    build,
    model_id,
    previous_model_id,

    ---- dates
    as_of_date,

    ---- booleans
    coalesce(trained_model_id = model_id, false) as is_trained,
    coalesce(model_id != previous_model_id, false) as is_model_changed,

    ---- numerics
    customers,
    customers_clustered,
    customers_overridden
from build_log
where is_build
order by build
