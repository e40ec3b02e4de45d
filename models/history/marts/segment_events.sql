{#- render(): an empty build (--empty) must still read all stored rows. -#}
with build_log as (
    select * from {{ ref('int_build_log').render() }}
),

builds as (
    select
        build,
        as_of_date,
        lag(build) over (order by build) as previous_build
    from build_log
    where is_build
),

segments_stored as (
    select
        build,
        {{ unnest_structs('segments') }}  -- noqa: AL03
    from build_log
    where is_build
),

segments_now as (
    select segments_stored.*
    from segments_stored
    inner join builds
        on segments_stored.build = builds.build
    where builds.previous_build is not null
),

segments_before as (
    select
        builds.build,
        segments_stored.segment_key,
        segments_stored.segment_name,
        segments_stored.customers
    from segments_stored
    inner join builds
        on segments_stored.build = builds.previous_build
),

compared as (
    select
        coalesce(segments_now.build, segments_before.build) as build,
        coalesce(segments_now.segment_key, segments_before.segment_key) as segment_key,
        segments_before.segment_name as previous_segment_name,
        segments_now.segment_name,
        segments_before.customers as previous_customers,
        segments_now.customers
    from segments_now
    full outer join segments_before
        on
            segments_now.build = segments_before.build
            and segments_now.segment_key = segments_before.segment_key
)

select
    ---- ids
    compared.build,
    compared.segment_key,

    ---- dates
    builds.as_of_date,

    ---- strings
    case
        when compared.previous_segment_name is null then 'new'
        when compared.segment_name is null then 'vanished'
        else 'renamed'
    end as event,
    compared.previous_segment_name,
    compared.segment_name,

    ---- numerics
    compared.previous_customers,
    compared.customers
from compared
inner join builds
    on compared.build = builds.build
where compared.previous_segment_name is distinct from compared.segment_name
order by compared.build, compared.segment_key
