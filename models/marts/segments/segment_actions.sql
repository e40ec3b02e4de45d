with segment_profiles as (
    select * from {{ ref('segment_profiles') }}
),

playbook as (
    select * from {{ ref('segment_playbook') }}
)

select
    ---- ids
    segment_profiles.cluster_id,

    ---- strings
    segment_profiles.segment_name,
    playbook.action,
    playbook.objective,
    playbook.rationale,

    ---- numerics
    playbook.action_rank
from segment_profiles
inner join playbook
    on segment_profiles.archetype = playbook.archetype
order by segment_profiles.cluster_id nulls last, playbook.action_rank
