{#- render(): an empty build (--empty) must still read all stored rows. -#}
with build_log as (
    select * from {{ ref('int_build_log').render() }}
),

drift_unnested as (
    select
        build,
        model_id,
        as_of_date,
        {{ unnest_structs('drift') }}  -- noqa: AL03
    from build_log
    where is_build
)

select
    ---- ids
    build,
    model_id,
    case when measure = 'segment_share' then subject end as segment_key,

    ---- dates
    as_of_date,

    ---- strings
    measure,
    subject,

    ---- booleans
    is_exceeded,

    ---- numerics
    value,
    training_value,
    threshold
from drift_unnested
order by build, measure_order, subject
