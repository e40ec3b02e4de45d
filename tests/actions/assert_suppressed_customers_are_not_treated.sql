{{ config(enabled=setting('suppressions_location') is not none) }}
-- A failure means that a customer whom the suppressions forbid to contact is to be contacted or held out. The
-- suppressions are compared row by row, independently of how audiences groups them.
with audiences as (
    select * from {{ ref('audiences') }}
),

suppressions as (
    select * from {{ ref('int_suppressions_checked') }}
),

matches as (
    select * from {{ ref('int_suppression_matches') }}
)

select
    audiences.customer_id,
    audiences.action_id,
    audiences.status,
    suppressions.input_row
from audiences
inner join matches
    on audiences.customer_id = matches.customer_id
inner join suppressions
    on matches.input_row = suppressions.input_row
where
    suppressions.failed_rules is null
    and coalesce(suppressions.action_id, audiences.action_id) = audiences.action_id
    and audiences.status != 'suppressed'
