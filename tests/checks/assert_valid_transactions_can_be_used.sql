-- A failure means that a transaction line without a date, an amount or a valid customer was accepted as valid.
with transactions as (
    select * from {{ ref('int_transactions_checked') }}
),

customers as (
    select * from {{ ref('int_customers_checked') }}
),

valid_customers as (
    select customer_id
    from customers
    where failed_rules is null
)

select
    transactions.input_row,
    transactions.customer_id,
    transactions.transaction_date,
    transactions.amount
from transactions
left join valid_customers
    on transactions.customer_id = valid_customers.customer_id
where
    transactions.failed_rules is null
    and (
        transactions.transaction_date is null
        or transactions.amount is null
        or valid_customers.customer_id is null
    )
