-- A failure means that a segment has no action, or that its actions are not numbered 1, 2, 3 ... without a gap.
with segment_profiles as (
    select * from {{ ref('segment_profiles') }}
),

segment_actions as (
    select * from {{ ref('segment_actions') }}
),

actions_counted as (
    select
        segment_name,
        min(action_rank) as first_rank,
        max(action_rank) as last_rank,
        count(distinct action_rank) as ranks,
        count(*) as actions
    from segment_actions
    group by segment_name
)

select
    segment_profiles.segment_name,
    actions_counted.first_rank,
    actions_counted.last_rank,
    actions_counted.ranks,
    actions_counted.actions
from segment_profiles
left join actions_counted
    on segment_profiles.segment_name = actions_counted.segment_name
where
    actions_counted.actions is null
    or actions_counted.first_rank != 1
    or actions_counted.last_rank != actions_counted.actions
    or actions_counted.ranks != actions_counted.actions
