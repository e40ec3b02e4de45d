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

segment_measures as (
    {{- unpivot(
        'measured', segment_measures().keys(), 'measure', 'value',
        ['alternative as cluster']
    ) }}
    union all
    select
        cluster,
        feature as measure,
        ratio_to_average as value
    from segment_features
),

{{ archetypes_found() }}

select
    cluster as alternative,
    cluster_id,
    archetype
from archetypes
