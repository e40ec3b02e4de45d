{% if customers_come_from_transactions() %}
with transactions as (
    select * from {{ ref('base_shop__transactions') }}
),

-- No table of customers was given: they are the ones that the transactions name.
source as (
    select distinct
        {{ clean_text('customer_id') }} as customer_id,
        cast(null as varchar) as signup_date
    from transactions
    where {{ clean_text('customer_id') }} is not null
)

select
    row_number() over (order by customer_id) as input_row,
    customer_id,
    signup_date
from source
{% else %}
with source as (
    select * from {{ input_relation('customers') }}
)

select
    row_number() over () as input_row,
    {{ input_column('customers', 'customer_id') }} as customer_id,
    {{ input_column('customers', 'signup_date') }} as signup_date
from source
{% endif %}
