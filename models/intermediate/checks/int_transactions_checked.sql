{% set as_of_date = setting('as_of_date') %}

with transactions as (
    select * from {{ ref('stg_shop__transactions') }}
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
    transactions.transaction_id,
    transactions.customer_id,
    transactions.transaction_date,
    transactions.quantity,
    transactions.amount,
    nullif(
        concat_ws(
            ', ',
            transactions.failed_rules,
            case
                when
                    transactions.customer_id is not null
                    and valid_customers.customer_id is null
                    then 'unknown_customer_id'
            end
            {%- if as_of_date is not none %},
            -- With a day in the past, what was bought later is not known yet.
            case
                when transactions.transaction_date > cast('{{ as_of_date }}' as date)
                    then 'after_as_of_date'
            end
            {%- endif %}
        ),
        ''
    ) as failed_rules
from transactions
left join valid_customers
    on transactions.customer_id = valid_customers.customer_id
