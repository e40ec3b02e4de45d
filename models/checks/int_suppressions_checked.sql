{{ config(enabled=setting('suppressions_location') is not none) }}

with suppressions as (
    select * from {{ ref('stg_shop__suppressions') }}
),

matches as (
    select * from {{ ref('int_suppression_matches') }}
),

as_of as (
    select * from {{ ref('int_as_of_date') }}
),

playbook as (
    select * from {{ playbook_table('segment_playbook') }}
),

-- An id that is written otherwise can match several customers.
rows_matched as (
    select distinct
        input_row,
        is_written_otherwise
    from matches
),

known_actions as (
    select distinct action_id
    from playbook
)

-- A suppression is valid up to and including its last day. One that names an unknown action counts for every action.
select
    suppressions.input_row,
    suppressions.customer_id,
    known_actions.action_id,
    suppressions.reason,
    suppressions.until,
    suppressions.is_until_unparsable,
    suppressions.action_id is not null and known_actions.action_id is null
        as is_action_unknown,
    coalesce(rows_matched.is_written_otherwise, false) as is_id_written_otherwise,
    case
        when suppressions.failed_rules is not null then suppressions.failed_rules
        when rows_matched.input_row is null then 'suppression_of_unknown_customer'
        when suppressions.until < as_of.as_of_date then 'suppression_ended'
    end as failed_rules
from suppressions
left join rows_matched
    on suppressions.input_row = rows_matched.input_row
left join known_actions
    on suppressions.action_id = known_actions.action_id
cross join as_of
