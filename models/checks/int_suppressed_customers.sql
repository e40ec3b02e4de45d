{{ config(enabled=setting('suppressions_location') is not none) }}

with suppressions as (
    select * from {{ ref('int_suppressions_checked') }}
),

matches as (
    select * from {{ ref('int_suppression_matches') }}
)

-- A customer can be suppressed for several reasons; one is told.
select
    matches.customer_id,
    suppressions.action_id,
    coalesce(min(suppressions.reason), 'no reason given') as reason
from suppressions
inner join matches
    on suppressions.input_row = matches.input_row
where suppressions.failed_rules is null
group by matches.customer_id, suppressions.action_id
