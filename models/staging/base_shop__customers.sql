{{ config(materialized='view' if has_stable_row_numbers('customers') else 'table') }}

{% if customers_come_from_transactions() %}
with transactions as (
    select * from {{ ref('stg_shop__transactions') }}
),

-- Without a customers input, the customers are those found in the transactions.
source as (
    select distinct customer_id
    from transactions
    where customer_id is not null
)

select
    {{ row_number_by('customer_id') }} as input_row,
    customer_id,
    cast(null as string) as signup_date,
    {{ row_as_struct('source') }} as raw_row
from source
{% else %}
{% do declare_input('customers') %}
select
    {{ input_row_number(setting('customers_location')) }} as input_row,
    {%- for column in input_columns('customers') + attribute_names() %}
    {{ input_column('customers', column) }} as {{ column }},
    {%- endfor %}
    {{ row_as_struct('row_as_it_came') }} as raw_row
from {{ input_relation('customers') }} as row_as_it_came  -- noqa: AL05
{% endif %}
