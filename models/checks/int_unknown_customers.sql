{#- Few, if any. Each reader of the lines compares them with these, which costs less than with all customers. -#}
with transactions as (
    select * from {{ ref('stg_shop__transactions') }}
),

customers as (
    select * from {{ ref('int_customers_checked') }}
)

select distinct transactions.customer_id
from transactions
left join customers
    on
        transactions.customer_id = customers.customer_id
        and customers.failed_rules is null
where
    transactions.customer_id is not null
    and customers.customer_id is null
