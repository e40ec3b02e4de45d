{#- render(): an empty build (--empty) must still read all stored rows. -#}
with build_log as (
    select * from {{ ref('int_build_log').render() }}
),

builds as (
    select
        build,
        as_of_date
    from build_log
    where is_build
),

changes as (
    select
        customer_id,
        segment_key,
        segment_name,
        model_id,
        build,
        as_of_date,
        lead(build) over (partition by customer_id order by build) as next_build
    from build_log
    where not is_build
)

select
    ---- ids
    changes.customer_id,
    changes.segment_key,
    changes.model_id,

    ---- strings
    changes.segment_name,

    ---- booleans
    changes.next_build is null as is_current,

    ---- numerics
    changes.build as valid_from_build,
    changes.next_build as valid_to_build,

    ---- dates
    changes.as_of_date as valid_from_date,
    builds.as_of_date as valid_to_date
from changes
left join builds
    on changes.next_build = builds.build
-- A null key means that the customer left.
where changes.segment_key is not null
{{ order_customers_by(['changes.customer_id', 'changes.build']) }}
