with measured as (
    select * from {{ ref('int_alternative_measures') }}
),

segment_features as (
    select * from {{ ref('int_alternative_features') }}
),

rules as (
    select * from {{ playbook_table('segment_rules') }}
),

segments as (
    select
        alternative as cluster,
        cluster_id
    from measured
),

{{ measures_united('alternative as cluster') }},

{{ archetypes_found() }}

select
    cluster as alternative,
    cluster_id,
    archetype
from archetypes
