-- A failure means that a naming rule or a condition of the playbook names a measure that does not exist.
with segment_rules as (
    select * from {{ playbook_table('segment_rules') }}
),

segment_conditions as (
    select * from {{ playbook_table('segment_conditions') }}
),

measures as (
    select measure from segment_rules
    union
    select measure from segment_conditions
)

select measure
from measures
where measure not in ('{{ known_measures() | join("', '") }}')
