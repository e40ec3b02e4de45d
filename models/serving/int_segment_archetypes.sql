with segments as (
    select * from {{ ref('int_segments_summarised') }}
),

rules as (
    select * from {{ playbook_table('segment_rules') }}
),

segment_measures as (
    select * from {{ ref('int_segment_measures') }}
),

{{ archetypes_found() }}

select
    cluster,
    cluster_id,
    -- A single segment has no other segment to compare with.
    case
        when count(*) over () = 1 then 'All Customers'
        else archetype
    end as archetype
from archetypes
