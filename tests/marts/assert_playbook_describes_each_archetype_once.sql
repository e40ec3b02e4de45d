-- A failure means that an archetype in the playbook or in segment_profiles has no description or more than one.
with segment_playbook as (
    select * from {{ ref('segment_playbook') }}
),

segment_profiles as (
    select * from {{ ref('segment_profiles') }}
),

archetypes as (
    select archetype from segment_playbook
    union
    select archetype from segment_profiles
),

descriptions_counted as (
    select
        archetype,
        count(description) as descriptions
    from segment_playbook
    group by archetype
)

select
    archetypes.archetype,
    coalesce(descriptions_counted.descriptions, 0) as descriptions
from archetypes
left join descriptions_counted
    on archetypes.archetype = descriptions_counted.archetype
where coalesce(descriptions_counted.descriptions, 0) != 1
