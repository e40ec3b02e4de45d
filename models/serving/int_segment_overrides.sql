with overrides as (
    select * from {{ playbook_table('segment_overrides') }}
),

as_of as (
    select * from {{ ref('int_as_of_date') }}
),

dated as (
    select
        customer_id,
        segment_name,
        reason,
        case
            when until is null or {{ date_of_override('until') }} is not null
                then {{ date_of_override('until') }}
            else cast({{ raise_error(problem_of_override()) }} as date)
        end as until
    from overrides
)

-- An override is valid up to and including its last day.
select
    dated.customer_id,
    dated.segment_name,
    dated.reason,
    dated.until
from dated
cross join as_of
where dated.until is null or dated.until >= as_of.as_of_date
