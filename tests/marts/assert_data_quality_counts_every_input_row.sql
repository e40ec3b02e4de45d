-- A failure means that the used and rejected rows in data_quality do not add up to the rows of the input.
with staged_transactions as (
    select * from {{ ref('stg_shop__transactions') }}
),

base_customers as (
    select * from {{ ref('base_shop__customers') }}
),

data_quality as (
    select * from {{ ref('data_quality') }}
),

rows_counted as (
    select
        'transactions' as input,
        count(*) as input_rows
    from staged_transactions
    union all
    select
        'customers' as input,
        count(*) as input_rows
    from base_customers
),

outcomes_counted as (
    select
        input,
        sum(row_count) as counted_rows,
        sum(share) as share
    from data_quality
    where outcome in ('used', 'rejected')
    group by input
)

select
    rows_counted.input,
    rows_counted.input_rows,
    outcomes_counted.counted_rows,
    outcomes_counted.share
from rows_counted
left join outcomes_counted
    on rows_counted.input = outcomes_counted.input
where
    rows_counted.input_rows != coalesce(outcomes_counted.counted_rows, 0)
    or abs(outcomes_counted.share - 1) > 1e-9
