-- A failure means that two rules have the same rule_order, so that a segment could get two names.
with segment_rules as (
    select * from {{ playbook_table('segment_rules') }}
)

select
    rule_order,
    count(distinct archetype) as archetypes
from segment_rules
group by rule_order
having count(distinct archetype) > 1
