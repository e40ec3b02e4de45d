-- Which data quality problems are worth fixing at the source?
-- Rules that reject or exclude rows come first, then flags, each in descending order of their share. An empty result
-- means that there is nothing to fix.

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
