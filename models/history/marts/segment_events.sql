{#- render(): an empty build (--empty) must still read all stored rows. -#}
with build_log as (
    select * from {{ ref('int_build_log').render() }}
),

{{ logged_segments() }},

segments_now as (
    select segments_logged.*
    from segments_logged
    inner join builds
        on segments_logged.build = builds.build
    where builds.previous_build is not null
),

segments_before as (
    select
        builds.build,
        segments_logged.segment_key,
        segments_logged.segment_name,
        segments_logged.customers
    from segments_logged
    inner join builds
        on segments_logged.build = builds.previous_build
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
