with overrides as (
    select * from {{ playbook_table('segment_overrides') }}
),

as_of as (
    select * from {{ ref('int_as_of_date') }}
)

-- An override is valid up to and including its last day.
select
    overrides.customer_id,
    overrides.segment_name,
    overrides.reason,
    overrides.until
from overrides
cross join as_of
where overrides.until is null or overrides.until >= as_of.as_of_date
