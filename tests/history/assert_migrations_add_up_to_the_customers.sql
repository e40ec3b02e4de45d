-- A failure means that a migration step loses or adds customers. Those who are not new must add up to the customers of
-- the previous build, and those who did not leave to the customers of this build.
with segment_migrations as (
    select * from {{ ref('segment_migrations') }}
),

segmentation_builds as (
    select * from {{ ref('segmentation_builds') }}
),

builds as (
    select
        build,
        customers,
        lag(customers) over (order by build) as previous_customers
    from segmentation_builds
),

steps_counted as (
    select
        build,
        step,
        sum(case when from_segment_key is not null then customers else 0 end) as before,
        sum(case when to_segment_key is not null then customers else 0 end) as after
    from segment_migrations
    group by build, step
)

select
    builds.build,
    steps_counted.step,
    builds.previous_customers,
    steps_counted.before,
    builds.customers,
    steps_counted.after
from builds
inner join steps_counted
    on builds.build = steps_counted.build
where
    builds.customers != steps_counted.after
    -- The step `model` begins with the customers of this build.
    or steps_counted.before
    != case
        when steps_counted.step = 'model' then builds.customers
        else builds.previous_customers
    end
