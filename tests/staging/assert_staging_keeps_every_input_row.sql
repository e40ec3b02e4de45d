-- A failure means that the checks lost or duplicated a row of the input.
with staged_transactions as (
    select * from {{ ref('stg_shop__transactions') }}
),

base_customers as (
    select * from {{ ref('base_shop__customers') }}
),

checked_transactions as (
    select * from {{ ref('int_transactions_checked') }}
),

checked_customers as (
    select * from {{ ref('int_customers_checked') }}
),

rows_counted as (
    select
        'transactions' as input,
        (select count(*) from staged_transactions) as input_rows,
        (select count(*) from checked_transactions) as checked_rows
    union all
    select
        'customers' as input,
        (select count(*) from base_customers) as input_rows,
        (select count(*) from checked_customers) as checked_rows
)

select *
from rows_counted
where input_rows != checked_rows
