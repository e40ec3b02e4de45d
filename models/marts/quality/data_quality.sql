with transactions as (
    select * from {{ ref('int_transactions_checked') }}
),

customers as (
    select * from {{ ref('int_customers_checked') }}
),

-- A row that breaks several rules counts under the first of them, so that rules add up.
rows_united as (
    select
        'transactions' as input,
        coalesce(split_part(failed_rules, ', ', 1), 'used') as rule,
        amount
    from transactions
    union all
    select
        'customers' as input,
        coalesce(split_part(failed_rules, ', ', 1), 'used') as rule,
        cast(null as decimal(18, 2)) as amount
    from customers
),

rules_counted as (
    select
        input,
        rule,
        count(*) as row_count,
        sum(amount) as amount
    from rows_united
    group by input, rule
)

select
    ---- strings
    input,
    rule,

    ---- numerics
    row_count,
    amount,
    {{ divide('row_count', 'sum(row_count) over (partition by input)') }} as share
from rules_counted
order by input, rule
