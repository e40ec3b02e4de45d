{#- render(): an empty build (--empty) must still read all stored rows. -#}
with build_log as (
    select * from {{ ref('int_build_log').render() }}
),

{{ logged_segments(also=['migrations']) }},

names_united as (
    select
        build,
        segment_key,
        segment_name,
        2 as precedence
    from segments_logged
    union all
    select
        builds.build,
        segments_logged.segment_key,
        segments_logged.segment_name,
        1 as precedence
    from segments_logged
    inner join builds
        on segments_logged.build = builds.previous_build
),

names_before as (
    select
        build,
        segment_key,
        max_by(segment_name, -precedence) as segment_name
    from names_united
    group by build, segment_key
),

names_after as (
    select
        build,
        segment_key,
        max_by(segment_name, precedence) as segment_name
    from names_united
    group by build, segment_key
),

migrations_unnested as (
    select
        build,
        as_of_date,
        {{ unnest_structs('migrations') }}  -- noqa: AL03
    from builds
    -- The first build has no previous segments.
    where previous_build is not null
)

select
    ---- ids
    migrations_unnested.build,
    migrations_unnested.from_segment_key,
    migrations_unnested.to_segment_key,

    ---- dates
    migrations_unnested.as_of_date,

    ---- strings
    migrations_unnested.step,
    names_before.segment_name as from_segment_name,
    names_after.segment_name as to_segment_name,

    ---- booleans
    coalesce(migrations_unnested.from_segment_key, '')
    != coalesce(migrations_unnested.to_segment_key, '') as is_move,

    ---- numerics
    migrations_unnested.customers,
    migrations_unnested.total_spending
from migrations_unnested
left join names_before
    on
        migrations_unnested.build = names_before.build
        and migrations_unnested.from_segment_key = names_before.segment_key
left join names_after
    on
        migrations_unnested.build = names_after.build
        and migrations_unnested.to_segment_key = names_after.segment_key
order by
    migrations_unnested.build,
    migrations_unnested.step,
    migrations_unnested.from_segment_key nulls first,
    migrations_unnested.to_segment_key nulls first
