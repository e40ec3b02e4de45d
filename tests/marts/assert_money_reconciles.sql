-- A failure means that money was lost or counted twice between the valid lines, data_quality and customer_segments.
with transactions as (
    select * from {{ ref('int_transactions_checked') }}
),

data_quality as (
    select * from {{ ref('data_quality') }}
),

customer_segments as (
    select * from {{ ref('customer_segments') }}
),

sums_taken as (
    select
        (
            select coalesce(sum(amount), 0)
            from transactions
            where failed_rules is null
        ) as amount_of_lines,
        (
            select coalesce(sum(amount), 0)
            from data_quality
            where input = 'transactions' and outcome = 'used'
        ) as amount_used,
        (
            select coalesce(sum(total_spending), 0)
            from customer_segments
        ) as amount_of_customers
)

select *
from sums_taken
where amount_of_lines != amount_used or amount_of_lines != amount_of_customers
