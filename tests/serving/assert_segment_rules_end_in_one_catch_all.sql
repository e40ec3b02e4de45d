-- A failure means that a segment could be left without a name, or that a rule could never be reached. Exactly one rule
-- must have no condition, and it must be the last.
with segment_rules as (
    select * from {{ playbook_table('segment_rules') }}
),

rules_summarised as (
    select
        count(case when measure is null then 1 end) as catch_all_rows,
        max(case when measure is null then rule_order end) as catch_all_order,
        max(rule_order) as last_order
    from segment_rules
),

-- A row without a measure has no effect in a rule with several conditions.
last_rule_counted as (
    select count(*) as last_rule_rows
    from segment_rules
    inner join rules_summarised
        on segment_rules.rule_order = rules_summarised.last_order
)

select
    rules_summarised.catch_all_rows,
    rules_summarised.catch_all_order,
    rules_summarised.last_order,
    last_rule_counted.last_rule_rows
from rules_summarised
cross join last_rule_counted
where
    rules_summarised.last_order is not null
    and (
        rules_summarised.catch_all_rows != 1
        or rules_summarised.catch_all_order != rules_summarised.last_order
        or last_rule_counted.last_rule_rows != 1
    )
