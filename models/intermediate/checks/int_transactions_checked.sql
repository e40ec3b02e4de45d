{% set as_of_date = setting('as_of_date') %}
{% set unique_key = setting('unique_key') %}

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
),

customers_joined as (
    select
        transactions.input_row,
        transactions.transaction_id,
        transactions.customer_id,
        transactions.transaction_date,
        transactions.quantity,
        transactions.amount,
        transactions.currency,
        transactions.is_return,
        transactions.is_amount_rounded,
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
                    when
                        transactions.transaction_date
                        > cast('{{ as_of_date }}' as date)
                        then 'after_as_of_date'
                end
                {%- endif %}
            ),
            ''
        ) as failed_rules
    from transactions
    left join valid_customers
        on transactions.customer_id = valid_customers.customer_id
)

{% if unique_key -%}
,
-- Rows of one key compete only among those that are right otherwise. Which one stays is decided by what is in them and
-- not by their order, so that the same rows in another order give the same result.
ranked as (
    select
        *,
        row_number() over (
            partition by
                failed_rules is null,
                {{ unique_key | join(',\n                ') }}
            order by
                transaction_date,
                amount,
                quantity,
                transaction_id,
                customer_id,
                input_row
        ) as position_of_key
    from customers_joined
)

select
    input_row,
    transaction_id,
    customer_id,
    transaction_date,
    quantity,
    amount,
    currency,
    is_return,
    is_amount_rounded,
    case
        when failed_rules is not null then failed_rules
        when
            position_of_key > 1
            {%- for column in unique_key %}
            and {{ column }} is not null
            {%- endfor %}
            then 'duplicate_key'
    end as failed_rules
from ranked
{%- else -%}
select * from customers_joined
{%- endif %}
