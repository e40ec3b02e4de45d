-- Which faults of the input are worth fixing at their source?
-- What is left out first, the most rows first; then what is used and worth knowing about. No row: nothing to fix.

with data_quality as (
    select * from {{ ref('data_quality') }}
)

select
    input,
    outcome,
    rule,
    row_count,
    round(100 * share, 2) as percent_of_input,
    amount
from data_quality
where outcome != 'used'
order by
    case when outcome = 'rejected' then 1 else 2 end asc,
    share desc,
    input asc,
    rule asc
